"""One dancer's figures freed of their room, and what is measured of them before the cutting: girths and colors."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.keys import around, figure_of
from engines.atlas.layers import FOREARMS, HEAD_LIMB, PARTS, TORSO, closeness
from engines.atlas.matting import matted
from engines.images import Frame
from engines.pose.landmarks import Landmarks

COLORS, SURE_COLOR = 6, 24.0
_THIGHS = tuple(n for n, part in enumerate(PARTS) if part.name.endswith("thigh"))
# Whose colors tell a part that a pixel is not its own: the trunk's those of a forearm, a hand's those of what it is on.
_RIVALS = dict.fromkeys(FOREARMS, (0, 1)) | dict.fromkeys((0, *_THIGHS), FOREARMS)


@dataclass(frozen=True)
class Bared:
    """A figure without its room: straight RGBA of a window of the square, and how far its pixels are from each part."""

    landmarks: Landmarks
    corner: tuple[int, int]
    figure: NDArray[np.uint8]
    near: NDArray[np.float32]

    @property
    def alpha(self) -> NDArray[np.float32]:
        return np.asarray(self.figure[..., 3], np.float32) / np.float32(255)


def bared(frame: Frame, mask: NDArray[np.uint8], plate: Frame | None, landmarks: Landmarks) -> Bared:
    """One frame's figure, before it is cut."""
    body = figure_of(landmarks, frame.shape[0])
    rows, columns = around(body, frame.shape[0])
    room = None if plate is None else plate[rows, columns]
    figure = matted(np.ascontiguousarray(frame[rows, columns]), np.ascontiguousarray(mask[rows, columns]), room)
    corner = (columns.start, rows.start)
    return Bared(landmarks, corner, figure, closeness(corner, figure.shape[:2], body.spots, body.unit))


@dataclass(frozen=True)
class Dancer:
    """What is measured of one dancer before the cutting: how thick the parts are, and which colors they have.

    `girths` (10,) in radii of the bones: bare arms are thin, wide trousers are not. `palettes` (10, n, 3) RGB.
    """

    girths: NDArray[np.float32]
    palettes: tuple[NDArray[np.float32], ...]


def measured(figures: Sequence[Bared]) -> Dancer:
    """A dancer from some of their figures."""
    girths = measured_girths(figures)
    return Dancer(girths, tuple(_palette(figures, girths, number) for number in range(len(PARTS))))


def _palette(figures: Sequence[Bared], girths: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """(n, 3): the colors of a part where no other limb is near."""
    pixels = []
    for bare in figures:
        near = bare.near / girths[:, None, None]
        others = np.stack([near[n] for n, part in enumerate(PARTS) if part.limb != PARTS[number].limb]).min(axis=0)
        clear = (near[number] < 0.8) & (others > 1.3) & (bare.figure[..., 3] > 250)
        pixels.append(bare.figure[clear][::7, :3])
    colors = np.concatenate(pixels).astype(np.float32)
    if len(colors) < 4 * COLORS:
        return np.zeros((0, 3), np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    cv2.setRNGSeed(1)
    return np.asarray(
        cv2.kmeans(colors[:4000], COLORS, np.zeros(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)[2], np.float32
    )


def likeness(
    figure: NDArray[np.uint8], where: NDArray[np.bool_], palettes: Sequence[NDArray[np.float32]], number: int
) -> NDArray[np.float32]:
    """0..1 of each pixel `where` it is asked: 0 if its color is surely that of the trunk and not of this forearm, or
    of a forearm and not of this trunk or thigh.

    Sleeves have the trunk's color, so upper arms are not asked.
    """
    alike = np.ones(figure.shape[:2], np.float32)
    rivals = _RIVALS.get(number, ())
    others = [palettes[n] for n in rivals if len(palettes[n])]
    if not len(palettes[number]) or not others:
        return alike
    soft = cv2.GaussianBlur(figure[..., :3], (3, 3), 0)[where].astype(np.float32)
    own, other = _color_distance(soft, palettes[number]), _color_distance(soft, np.concatenate(others))
    alike[where] = np.clip((other - own) / SURE_COLOR + 1, 0, 1)
    return alike


def _color_distance(picture: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.min([np.linalg.norm(picture - color, axis=-1) for color in palette], axis=0), np.float32)


def measured_girths(figures: Sequence[Bared]) -> NDArray[np.float32]:
    """(10,): how thick each part of this dancer is, in the radii of its bones: bare arms are thin, trousers wide.

    Half of the pixels at that distance from the bone, where no other limb is near, belong to the figure.
    """
    edges = np.arange(0.3, 2.05, 0.1)
    girths = np.ones(len(PARTS), np.float32)
    for number, part in enumerate(PARTS):
        if part.limb in (TORSO, HEAD_LIMB):
            continue
        covered, seen = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
        for bare in figures:
            others = np.stack([bare.near[n] for n in range(len(PARTS)) if n != number]).min(axis=0)
            free = (others > bare.near[number] + 0.6) & (bare.near[number] < edges[-1])
            covered += np.histogram(bare.near[number][free], edges, weights=bare.alpha[free])[0]
            seen += np.histogram(bare.near[number][free], edges)[0]
        ends = np.flatnonzero(covered < 0.5 * seen)
        if len(ends):
            girths[number] = np.clip(edges[ends[0]], 0.4, 1.5)
    return girths
