"""A small synthetic dancer in a room that stands still, as a folder of pairs: for tests of the trainer."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks
from engines.pose.skeleton import DEFAULT_STYLE
from engines.pose.stance import STANDING
from training.pairs.header import PairsHeader, Row, Shot, Split
from training.pairs.store import PairSet
from training.pairs.writing import PairsWriter

LIMBS = (
    (11, 12),
    (11, 23),
    (12, 24),
    (23, 24),
    (11, 13),
    (13, 15),
    (12, 14),
    (14, 16),
    (23, 25),
    (25, 27),
    (24, 26),
    (26, 28),
)


def swinging(phase: float) -> Landmarks:
    """A body in the square whose arms swing and whose weight shifts with `phase` (radians)."""
    points = np.array(STANDING, np.float32)[:, :3]
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    points = points / (high - low).max() * 0.7
    points[:, :2] += [0.5, 0.5] - points[:, :2].mean(axis=0)
    points[:, 0] += 0.06 * np.sin(phase)
    for arm, sign in (([13, 15, 17, 19, 21], 1), ([14, 16, 18, 20, 22], -1)):
        turn = 1.2 * sign * (1 + np.sin(phase * 2)) / 2
        pivot = points[arm[0] - 2, :2]
        cos, sin = np.cos(turn), np.sin(turn)
        points[arm, :2] = (points[arm, :2] - pivot) @ np.array([[cos, -sin], [sin, cos]]) + pivot
    return np.column_stack([points, np.ones(33)]).astype(np.float32)


def painted(landmarks: Landmarks, side: int) -> NDArray[np.uint8]:
    """RGBA: a doll of colored limbs."""
    figure = np.zeros((side, side, 4), np.uint8)
    spots = (landmarks[:, :2] * side).round().astype(int)
    for k, (a, b) in enumerate(LIMBS):
        color = (200, 40 + 15 * k, 60, 255)
        cv2.line(figure, tuple(map(int, spots[a])), tuple(map(int, spots[b])), color, max(2, side // 14))
    cv2.circle(figure, tuple(map(int, spots[0])), max(2, side // 16), (240, 200, 170, 255), -1)
    return figure


def room(side: int) -> Frame:
    y, x = np.mgrid[0:side, 0:side]
    return np.stack([60 + 100 * y / side, 90 + 60 * x / side, np.full_like(x, 120.0)], axis=-1).astype(np.uint8)


def written_pairs(
    folder: Path, count: int = 20, side: int = 64, static: bool = True, true_alpha: bool = False
) -> PairSet:
    shot = Shot(id="a", source="doll", static=static, frame_size=(side, side), crop=(0, 0, side))
    header = PairsHeader(size=(side, side), fps=10, shots=(shot,), true_alpha=true_alpha, skeleton=DEFAULT_STYLE)
    writer = PairsWriter(folder, header)
    plate = room(side)
    if static:
        wide = cv2.copyMakeBorder(plate, 2, 4, 6, 8, cv2.BORDER_REPLICATE)
        shot = shot.model_copy(update={"plate": writer.add_plate("a", np.asarray(wide, np.uint8)), "plate_at": (2, 6)})
    for i in range(count):
        landmarks = swinging(i * 0.7)
        figure = painted(landmarks, side)
        alpha = figure[..., 3:] / 255
        frame = (figure[..., :3] * alpha + plate * (1 - alpha)).round().astype(np.uint8)
        split: Split = "train" if i < count * 0.7 else ("validation" if i < count * 0.85 else "test")
        row = Row(id=f"{i:05d}", source="doll", frame=i, time_s=i / 10, shot="a", split=split)
        writer.add(row, landmarks, frame, figure[..., 3].copy(), figure if true_alpha else None)
    return writer.finish(header.model_copy(update={"shots": (shot,)}))
