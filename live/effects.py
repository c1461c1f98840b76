"""What can be done to a finished picture or figure, each for a millisecond or two: silk, glow, mirrors, corners."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size
from live.control.parameters import Controls
from live.look import color_matrix

GLOW_FROM = 0.62
"""Of full brightness; what is darker does not glow (DEMO_PERFORMER.md, 5: .75 of linear light)."""
GLOW_RADIUS = 0.02
"""In heights of the picture."""
GLOW_SCALE = 4
GRAIN_HZ = 24
GRAIN_ROOM = 97
GRAIN_SIZE = 0.0011
"""In heights of the picture: the grain of 16 mm film, enlarged."""
GRAIN_DEPTH = 18.0
"""Of 128: one standard deviation at full strength is a seventh of the light, as of a pushed film."""
SILK = (335.0, 350.0, 30.0, 34.0)
"""Hues in degrees: the turn begins, is whole, is whole no more, ends. Gold lies behind it, from about 40."""
SILK_SATURATION = 90
"""Of 255. Ivory has the hue of gold and hardly any color: what is paler than this stays."""


def turned(figure: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """A picture or figure with all its colors turned; alpha stays."""
    if degrees == 0:
        return figure
    matrix = color_matrix(Controls(hue=(degrees + 180) % 360 - 180))
    if figure.shape[2] == 4:
        matrix = np.vstack([np.insert(matrix, 3, 0.0, axis=1), [0, 0, 0, 1, 0]])
    return np.asarray(cv2.transform(figure, matrix), np.uint8)


def silk_turned(figure: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Only reds and oranges are turned, by `degrees`; gold, ivory and black stay, and so does alpha."""
    hsv = cv2.cvtColor(np.ascontiguousarray(figure[..., :3]), cv2.COLOR_RGB2HSV)
    hue, saturation, _ = cv2.split(hsv)
    _, silk = cv2.threshold(saturation, SILK_SATURATION - 1, 255, cv2.THRESH_BINARY)
    cv2.copyTo(cv2.LUT(hue, _silk_table(round(degrees))), silk, hue)
    cv2.insertChannel(hue, hsv, 0)
    colored = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return np.asarray(colored if figure.shape[2] == 3 else np.dstack([colored, figure[..., 3]]), np.uint8)


@lru_cache(maxsize=64)
def _silk_table(degrees: int) -> NDArray[np.uint8]:
    """Hue to hue, in OpenCV's halves of a degree."""
    hues = np.arange(256) * 2.0
    begins, whole, ending, ends = SILK
    around = (hues - begins) % 360  # degrees after the beginning
    share = np.interp(around, [0, (whole - begins) % 360, (ending - begins) % 360, (ends - begins) % 360], [0, 1, 1, 0])
    share[around > (ends - begins) % 360] = 0
    return (((hues + share * degrees) % 360) / 2).astype(np.uint8)


def glowing(picture: Frame, amount: float, gold: float) -> Frame:
    """Bright places shine over their edges; with `gold` 1 only warm ones."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // GLOW_SCALE, height // GLOW_SCALE), interpolation=cv2.INTER_AREA)
    red, green, blue = (channel.astype(np.float32) for channel in cv2.split(small))
    light = small.max(axis=2) / 255
    warmth = np.clip((red - blue) / 110, 0, 1) * np.clip((green - 0.22 * red) / 60, 0, 1)  # orange to gold
    strength = np.clip((light - GLOW_FROM) / (1 - GLOW_FROM), 0, 1) * (1 - gold + gold * warmth)
    glow = cv2.multiply(small, cv2.merge([strength] * 3), dtype=cv2.CV_32F)
    radius = GLOW_RADIUS * height / GLOW_SCALE
    glow = cv2.GaussianBlur(glow, (0, 0), radius) + 0.5 * cv2.GaussianBlur(glow, (0, 0), 3 * radius)
    shine = cv2.resize(cv2.convertScaleAbs(glow, alpha=2.2 * amount), (width, height), interpolation=cv2.INTER_LINEAR)
    # Screen, not sum: what is bright already keeps its color.
    return np.asarray(cv2.add(picture, cv2.multiply(shine, cv2.bitwise_not(picture), scale=1 / 255)), np.uint8)


def mirrored_in(picture: Frame, sides: int) -> Frame:
    """2: the left half and its mirror image. More: a kaleidoscope of so many wedges, about the middle."""
    if sides <= 1:
        return picture
    if sides == 2:
        half = picture[:, : (picture.shape[1] + 1) // 2]
        return np.ascontiguousarray(np.hstack([half, half[:, ::-1][:, picture.shape[1] % 2 :]]))
    across, down = _wedges((picture.shape[0], picture.shape[1]), sides)
    return np.asarray(cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


@lru_cache(maxsize=4)
def _wedges(size: Size, sides: int) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Where each pixel of a kaleidoscope is fetched from, in OpenCV's fixed point, which is twice as fast."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    radius, angle = np.hypot(y - middle[0], x - middle[1]), np.arctan2(x - middle[1], middle[0] - y)
    wedge = 2 * np.pi / sides
    folded = np.abs((angle + wedge / 2) % wedge - wedge / 2)
    across, down = middle[1] + radius * np.sin(folded), middle[0] - radius * np.cos(folded)
    return cv2.convertMaps(across.astype(np.float32), down.astype(np.float32), cv2.CV_16SC2)  # type: ignore[return-value]


def vignetted(picture: Frame, amount: float) -> Frame:
    """Corners darkened by `amount`."""
    light = _corners((picture.shape[0], picture.shape[1]), round(amount, 2))
    return np.asarray(cv2.multiply(picture, light, scale=1 / 255), np.uint8)


@lru_cache(maxsize=8)
def _corners(size: Size, amount: float) -> Frame:
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    away = np.hypot(2 * y / size[0] - 1, 2 * x / size[1] - 1) / np.sqrt(2)
    light = 1 - amount * np.clip((away - 0.35) / 0.65, 0, 1) ** 2
    return np.repeat((255 * light).round().astype(np.uint8)[..., None], 3, axis=2)


def grained(picture: Frame, amount: float, time_s: float) -> Frame:
    """Film grain that changes with each of 24 frames a second; the same at the same time, whatever was shown before.

    The grain multiplies: it is strongest in the light, and what is black stays black, as on a projected print.
    """
    height, width = picture.shape[:2]
    sheet = _grain((height, width), round(amount, 2))
    chance = np.random.default_rng(int(time_s * GRAIN_HZ) % 2**32)
    top, left = chance.integers(0, GRAIN_ROOM, 2)
    piece = sheet[top : top + height, left : left + width]
    return np.asarray(cv2.multiply(picture, piece, scale=1 / 128), np.uint8)


@lru_cache(maxsize=4)
def _grain(size: Size, amount: float) -> Frame:
    """More of it than a picture needs, so that each picture takes another part; 128 changes nothing."""
    height, width = size[0] + GRAIN_ROOM, size[1] + GRAIN_ROOM
    white = np.random.default_rng(0).standard_normal((height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(white, (0, 0), max(0.4, GRAIN_SIZE * size[0]))
    noise = soft / soft.std()
    return np.repeat(np.clip(128 + GRAIN_DEPTH * amount * noise, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def room_graded(room: Frame, hue: float, light: float) -> Frame:
    """The room in another light; the room itself when there is nothing to do."""
    if (hue, light) == (0, 1):
        return room
    return np.asarray(cv2.transform(room, light * color_matrix(Controls(hue=hue))), np.uint8)
