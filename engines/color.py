"""Luminance and color, taken apart and joined again so that not a level of the luminance is lost.

Luminance is that of light, not of code values: RGB is made linear (sRGB, IEC 61966-2-1) and weighted as in ITU-R
BT.709-6, item 3.2. That is what black-and-white film and a gray camera see; a weighting of code values makes saturated
reds and blues too dark.

Color is two numbers a pixel, 128 being none: a and b of CIE L*a*b* (CIE 15:2004, D65). Cr and Cb were tried and lost
(docs/film.md): their gray is one of code values, and they do not join with a true luminance.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size, resized

Plane = NDArray[np.float32]

MIDDLE = 128.0
WEIGHTS = (0.2126, 0.7152, 0.0722)
# XYZ of D65 white and linear RGB of XYZ: IEC 61966-2-1, clause 5.
WHITE = (0.9505, 1.0, 1.089)
RGB_OF_XYZ = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))

GUIDE_RADIUS = 3
"""Half side of the guided filter's window, in pixels of the small color picture (He, Sun, Tang 2010, section 3)."""
GUIDE_SMOOTH = 0.02**2
"""Its epsilon: edges of the luminance weaker than this (of 0..1) do not hold color back."""
ENTRIES = 4096
BAND = 64


def _linear_table() -> Plane:
    codes = np.arange(256) / 255
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _code_table() -> NDArray[np.uint8]:
    """By the square root of the light: so few entries are fine enough in the dark as well."""
    light = (np.arange(ENTRIES) / (ENTRIES - 1)) ** 2
    codes = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(codes * 255).astype(np.uint8)


LINEAR, CODES = _linear_table(), _code_table()


def luminance(frame: Frame) -> Plane:
    """(H, W): light of a picture of codes, 0..1."""
    return np.asarray(cv2.transform(cv2.LUT(frame, LINEAR), np.array([WEIGHTS], np.float32)), np.float32)


def codes(light: Plane) -> NDArray[np.uint8]:
    """Light 0..1 as sRGB codes of 255, rounded; any shape. Light outside is clipped."""
    roots = np.sqrt(np.clip(light, 0, 1))
    return np.asarray(np.take(CODES, (roots * np.float32(ENTRIES - 1) + np.float32(0.5)).astype(np.uint16)), np.uint8)


def gray(frame: Frame) -> NDArray[np.uint8]:
    """(H, W): what black-and-white film of the scene shows, as codes."""
    return codes(luminance(frame))


def chroma(frame: Frame) -> Plane:
    """(H, W, 2) float32: a and b of `frame`, 128 being none."""
    rgb = frame.astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., 1:] + np.float32(MIDDLE), np.float32)


def colored(light: Plane, color: Plane) -> Frame:
    """`color` (H, W, 2), 128 being none, at the luminance `light` (H, W), 0..1: RGB of exactly that luminance.

    Where no screen shows such a color, it is mixed with gray of the same luminance until one does.
    """
    picture = np.empty((*light.shape, 3), np.uint8)
    for top in range(0, len(light), BAND):  # what is worked on stays in the cache: three times as fast
        rows = slice(top, top + BAND)
        a, b = color[rows, :, 0] - np.float32(MIDDLE), color[rows, :, 1] - np.float32(MIDDLE)
        for channel, plane in enumerate(_shown(light[rows], _of_lab(light[rows], a, b))):
            picture[rows, :, channel] = codes(plane)
    return picture


def enlarged(color: NDArray[np.generic], small_guide: Plane, guide: Plane) -> Plane:
    """`color` (h, w, 2) at the size of `guide` (H, W), its edges where those of the guide are. Guides in 0..1.

    The fast guided filter (He and Sun 2015): within each window color is a linear function of the guide, whose slope is
    enlarged instead of the color. What is no function of the guide is enlarged as it is.
    """
    window = (2 * GUIDE_RADIUS + 1, 2 * GUIDE_RADIUS + 1)

    def mean(values: NDArray[np.floating]) -> Plane:
        return np.asarray(cv2.blur(values, window, borderType=cv2.BORDER_REFLECT), np.float32)

    values = color.astype(np.float32)
    middle = mean(small_guide)
    variance = mean(small_guide * small_guide) - middle * middle
    averages = mean(values)
    together = mean(values * small_guide[..., None]) - averages * middle[..., None]
    slope = mean(together / (variance + np.float32(GUIDE_SMOOTH))[..., None])
    across = (guide.shape[1], guide.shape[0])
    rest = values - slope * small_guide[..., None]
    slope_there = cv2.resize(slope, across, interpolation=cv2.INTER_LINEAR)
    rest_there = cv2.resize(rest, across, interpolation=cv2.INTER_LINEAR)
    return np.asarray(slope_there * guide[..., None] + rest_there, np.float32)


def recolored(color: NDArray[np.generic], frame: Frame) -> Frame:
    """`frame` in the colors `color` (h, w, 2) of any size, 128 being none; its light stays, its colors are gone."""
    light = luminance(frame)
    guide = codes(light).astype(np.float32) / np.float32(255)
    small = np.asarray(resized(guide, (color.shape[0], color.shape[1])), np.float32)  # type: ignore[arg-type]
    return colored(light, enlarged(color, small, guide))


def _of_lab(light: Plane, a: Plane, b: Plane) -> tuple[Plane, Plane, Plane]:
    """Linear red, green and blue, not yet held to what a screen shows."""
    height = np.where(light > (6 / 29) ** 3, np.cbrt(light), light * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29))
    # Only differences to gray: rounded matrices would tint it.
    x = np.float32(WHITE[0]) * (_uncompressed(height + a / np.float32(500)) - light)
    z = np.float32(WHITE[2]) * (_uncompressed(height - b / np.float32(200)) - light)
    red, green, blue = (light + np.float32(row[0]) * x + np.float32(row[2]) * z for row in RGB_OF_XYZ)
    # The weights within a rounded matrix are not quite those of the luminance: what is missing is added to all three.
    missing = light - (np.float32(WEIGHTS[0]) * red + np.float32(WEIGHTS[1]) * green + np.float32(WEIGHTS[2]) * blue)
    return red + missing, green + missing, blue + missing


def _uncompressed(height: Plane) -> Plane:
    """The inverse of Lab's f (CIE 15:2004, equation 8.4 ff.)."""
    straight = (height - np.float32(4 / 29)) * np.float32(108 / 841)
    return np.where(height > np.float32(6 / 29), height * height * height, straight)


def _shown(light: Plane, rgb: tuple[Plane, Plane, Plane]) -> tuple[Plane, ...]:
    """Linear color within 0..1 of the same luminance, as colorful as fits."""
    most = np.maximum(np.maximum(rgb[0], rgb[1]), rgb[2]) - light
    least = light - np.minimum(np.minimum(rgb[0], rgb[1]), rgb[2])
    tiny = np.float32(1e-6)
    share = np.minimum((1 - light) / np.maximum(most, tiny), light / np.maximum(least, tiny))
    share = np.clip(share, 0, 1)
    return tuple(light + share * (plane - light) for plane in rgb)


def fitted(frame: Frame, size: Size) -> Frame:
    """All of `frame` at `size`, squeezed where the shapes differ: a colorizer sees the whole picture, never a crop."""
    return resized(frame, size)
