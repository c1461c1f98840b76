"""A ring with a piece for each move that a visitor is led through."""

import math

import cv2

from engines.images import Frame
from engines.pose.moves import ENOUGH, MOVES, Coverage


def draw_ring(coverage: Coverage, picture: Frame, center: tuple[int, int], radius: int) -> None:
    """The ring, in place: bright where a move was seen, dim where it is missing."""
    step = 360 / len(MOVES)
    for number, count in enumerate(coverage.counts):
        start = -90 + number * step + 4
        color = (250, 220, 120) if count >= ENOUGH else (70, 70, 70)
        thick = max(2, math.ceil(radius / 7))
        cv2.ellipse(picture, center, (radius, radius), 0, start, start + step - 8, color, thick, cv2.LINE_AA)
