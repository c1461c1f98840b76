"""The figure on its ground: shadow, ghosts of the past, several at once, outline; all from the matte, oldest first."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.finish import over
from engines.images import Frame, Size
from engines.pose.landmarks import Joint, Landmarks
from live.control.parameters import Controls
from live.effects import silk_turned, turned
from live.passing import Performed

Figure = NDArray[np.uint8]

APART_S = 0.02
"""Figures are remembered no oftener than this: a ghost is never looked at so closely."""
REMEMBERED = 160
SHADOW_SCALE = 4
"""Shadows are soft: a quarter of the size is enough."""
BODY = 150
"""Alpha, of 255, up to which a figure is a reflection or a shadow and no body."""
SHADOW_HEIGHT = 0.3
"""How flat a shadow lies, as a share of its length: the camera looks along the floor."""

_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
_SHOULDERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]


@dataclass(frozen=True)
class Layer:
    """A figure cut to what is not transparent; its top left corner lies at `at` (y, x) of the canvas."""

    figure: Figure
    at: tuple[int, int]


class Figures:
    """Draws one performer's figures on a background; remembers them for as long as a control looks back."""

    def __init__(self) -> None:
        self._past: list[tuple[float, Layer]] = []

    def drawn_on(self, ground: Frame, performed: Performed, controls: Controls) -> Frame:
        """`ground` (the canvas) with all figures on it; it is drawn into."""
        figure = performed.drawn.figure
        if figure is None:
            return performed.drawn.image
        layer = _cut(*_standing(figure, performed, (ground.shape[0], ground.shape[1]), controls.place))
        if layer and controls.silk:
            layer = Layer(silk_turned(layer.figure, controls.silk), layer.at)
        self._remember(layer, performed.drawn.captured_s, controls)
        places = list(_places(round(controls.figures), controls.figures_spread * ground.shape[1]))
        if controls.shadow > 0:
            for number, shift in places:
                _shade(ground, self._of(layer, number, shift, controls), controls)
        for ghost, age in self._ghosts(performed.drawn.captured_s, controls):
            over(_ghostly(ghost.figure, age, controls), ground, ghost.at, ground)
        for number, shift in places:  # from the outside in: the first figure lies over all others
            one = self._of(layer, number, shift, controls)
            if one and controls.outline >= 1:
                _outline(ground, one, controls)
            if one:
                over(one.figure, ground, one.at, ground)
        return ground

    def forget(self) -> None:
        """Nobody was there before."""
        self._past.clear()

    def _remember(self, layer: Layer | None, time_s: float, controls: Controls) -> None:
        longest_s = max(_echo_s(controls), controls.figures_delay * (round(controls.figures) // 2))
        if longest_s <= 0 or (self._past and time_s < self._past[-1][0]):
            self._past.clear()
        if longest_s > 0 and (not self._past or time_s - self._past[-1][0] >= APART_S):
            self._past.append((time_s, layer or _NOBODY))
        while self._past and (self._past[0][0] < time_s - longest_s - 0.5 or len(self._past) > REMEMBERED):
            self._past.pop(0)

    def _at(self, time_s: float) -> Layer | None:
        """The figure as it was then."""
        number = bisect_right(self._past, time_s, key=lambda each: each[0])
        layer = self._past[number - 1][1] if number else None
        return layer if layer is not _NOBODY else None

    def _ghosts(self, now_s: float, controls: Controls) -> list[tuple[Layer, int]]:
        count = round(controls.echo)
        ages = range(count, 0, -1)
        found = [(self._at(now_s - age * controls.echo_spacing / 1000), age) for age in ages]
        return [(layer, age) for layer, age in found if layer]

    def _of(self, layer: Layer | None, number: int, shift: int, controls: Controls) -> Layer | None:
        """The figure with this number: the first is now, the others later and perhaps turned over."""
        away = (number + 1) // 2
        if number and controls.figures_delay > 0 and self._past:
            layer = self._at(self._past[-1][0] - away * controls.figures_delay)
        if layer is None:
            return None
        figure, (top, left) = layer.figure, layer.at
        if controls.figures_mirror and number and away % 2:
            figure = np.asarray(cv2.flip(figure, 1), np.uint8)
        return Layer(figure, (top, left + shift))


_NOBODY = Layer(np.zeros((1, 1, 4), np.uint8), (0, 0))


def _echo_s(controls: Controls) -> float:
    return round(controls.echo) * controls.echo_spacing / 1000


def _cut(figure: Figure, at: tuple[int, int]) -> Layer | None:
    x, y, width, height = cv2.boundingRect(cv2.extractChannel(figure, 3))
    if not width:
        return None
    return Layer(np.ascontiguousarray(figure[y : y + height, x : x + width]), (at[0] + y, at[1] + x))


def _places(count: int, spread: float) -> list[tuple[int, int]]:
    """Number of each figure and how far right it is moved: 0 in the middle, then right and left; outer ones first."""
    shifts = [round((number + 1) // 2 * spread) * (1 if number % 2 else -1) for number in range(max(1, count))]
    return list(enumerate(shifts))[::-1]


def _standing(figure: Figure, performed: Performed, canvas: Size, place: float) -> tuple[Figure, tuple[int, int]]:
    """The figure at its own place, at the visitor's, or on the way between them."""
    home = performed.manifest.plate_at
    scene, visitor = performed.scene, performed.landmarks
    if place <= 0 or visitor is None or scene.landmarks is None or scene.frame is None:
        return figure, home
    square = performed.manifest.size
    frame = scene.frame.shape[0], scene.frame.shape[1]
    own, own_px = _trunk(scene.landmarks, lambda points: points * square[::-1] + home[::-1])
    covering = max(canvas[0] / frame[0], canvas[1] / frame[1])
    middle = np.array(canvas[::-1]) / 2
    theirs, theirs_px = _trunk(
        visitor, lambda points: (points * frame[::-1] - np.array(frame[::-1]) / 2) * covering + middle
    )
    scale = (theirs_px / max(own_px, 1.0)) ** place
    hips = own + place * (theirs - own)
    shift = hips - scale * (own - np.array(home[::-1]))
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    moved = cv2.warpAffine(figure, matrix, canvas[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(moved, np.uint8), (0, 0)


def _trunk(
    landmarks: Landmarks, placed: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], float]:
    """Where the hips are and how long the trunk is, in pixels of the canvas."""
    hips, shoulders = (placed(landmarks[pair, :2].mean(axis=0).astype(np.float64)) for pair in (_HIPS, _SHOULDERS))
    return hips, float(np.linalg.norm(shoulders - hips))


def _ghostly(figure: Figure, age: int, controls: Controls) -> Figure:
    """Fainter and turned in color with its age."""
    strength = (1 - controls.echo_fade) ** age
    ghost = turned(figure, controls.echo_hue * age)
    if ghost is figure:
        ghost = figure.copy()
    cv2.insertChannel(cv2.convertScaleAbs(cv2.extractChannel(figure, 3), alpha=strength), ghost, 3)
    return ghost


def _shade(ground: Frame, layer: Layer | None, controls: Controls) -> None:
    """Darken the floor where the figure keeps the light away: its matte, laid down about its lowest row."""
    if layer is None:
        return
    height = layer.figure.shape[0]
    small = ground.shape[1] // SHADOW_SCALE, ground.shape[0] // SHADOW_SCALE
    feet = layer.at[0] + height
    flat, lean = controls.shadow_length * SHADOW_HEIGHT, controls.shadow_lean
    # A point of the figure `up` above its feet falls `flat * up` above them and `lean * up` aside.
    matrix = np.array(
        [
            [1, -lean, layer.at[1] + lean * height],
            [0, flat, feet - flat * height],
        ]
    )
    matte = _body(layer.figure)
    matrix /= SHADOW_SCALE
    fallen = cv2.warpAffine(matte, matrix, small, flags=cv2.INTER_LINEAR)
    fallen = cv2.GaussianBlur(fallen, (0, 0), max(0.6, 0.008 * ground.shape[0] / SHADOW_SCALE * 2))
    x, y, wide, high = cv2.boundingRect(fallen)
    if not wide:
        return
    left, top = x * SHADOW_SCALE, y * SHADOW_SCALE
    under = ground[top : top + high * SHADOW_SCALE, left : left + wide * SHADOW_SCALE]
    light = cv2.bitwise_not(cv2.convertScaleAbs(fallen[y : y + high, x : x + wide], alpha=controls.shadow))
    enlarged = cv2.resize(light, (under.shape[1], under.shape[0]), interpolation=cv2.INTER_LINEAR)
    np.copyto(under, cv2.multiply(under, cv2.cvtColor(enlarged, cv2.COLOR_GRAY2RGB), scale=1 / 255))


_BODY = np.clip((np.arange(256) - BODY) * 255 / (255 - BODY), 0, 255).astype(np.uint8)


def _body(figure: Figure) -> NDArray[np.uint8]:
    """What of the matte is body: not the light that it throws on the floor, which is half transparent."""
    return np.asarray(cv2.LUT(cv2.extractChannel(figure, 3), _BODY), np.uint8)


def _outline(ground: Frame, layer: Layer, controls: Controls) -> None:
    """A soft line in one color, `outline` pixels wide, about the matte; it lies under the figure."""
    wide = round(controls.outline)
    matte = cv2.copyMakeBorder(_body(layer.figure), wide, wide, wide, wide, cv2.BORDER_CONSTANT, value=0)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * wide + 1, 2 * wide + 1))
    line = np.empty((*matte.shape, 4), np.uint8)
    line[:] = (*hue_color(controls.outline_hue), 0)
    cv2.insertChannel(cv2.GaussianBlur(cv2.dilate(matte, kernel), (0, 0), 0.8), line, 3)
    over(line, ground, (layer.at[0] - wide, layer.at[1] - wide), ground)


def hue_color(degrees: float) -> tuple[int, int, int]:
    """A full color of this hue; white at 360."""
    if degrees >= 359.5:
        return 255, 255, 255
    pixel = np.array([[[round(degrees / 2) % 180, 230, 255]]], np.uint8)
    red, green, blue = (int(value) for value in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])
    return red, green, blue
