"""The test card: edges, circle, grays and colors, to set up a projector by."""

from functools import lru_cache

import cv2
import numpy as np

from engines.images import Frame, Size

BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0))
GRAYS = 11


@lru_cache(maxsize=2)
def test_card(size: Size) -> Frame:
    """A frame on the outermost pixels, a true circle, a grid, color bars, a gray scale, and the size in words."""
    height, width = size
    card = np.full((height, width, 3), 40, np.uint8)
    step = max(8, height // 12)
    for y in range(height // 2 % step, height, step):
        card[y] = 90
    for x in range(width // 2 % step, width, step):
        card[:, x] = 90
    _row(card, 0.28, 0.44, np.array(BARS, np.uint8))
    _row(card, 0.56, 0.68, np.linspace(0, 255, GRAYS).round().astype(np.uint8)[:, None].repeat(3, axis=1))
    thick = max(1, height // 256)
    middle = width // 2, height // 2
    cv2.circle(card, middle, round(0.46 * min(size)), (255, 255, 255), thick, cv2.LINE_AA)
    cv2.drawMarker(card, middle, (255, 255, 255), cv2.MARKER_CROSS, step, thick)
    cv2.rectangle(card, (0, 0), (width - 1, height - 1), (255, 255, 255), 1)
    text, scale = f"{width} x {height}", height / 512
    (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    cv2.putText(
        card, text, ((width - wide) // 2, round(0.82 * height)), cv2.FONT_HERSHEY_SIMPLEX, scale, (255,) * 3, thick
    )
    card.flags.writeable = False
    return card


def _row(card: Frame, top: float, bottom: float, colors: np.ndarray) -> None:
    height, width = card.shape[:2]
    edges = np.linspace(0.15 * width, 0.85 * width, len(colors) + 1).round().astype(int)
    for color, left, right in zip(colors, edges[:-1], edges[1:], strict=True):
        card[round(top * height) : round(bottom * height), left:right] = color
