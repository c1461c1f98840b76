"""One frame's figure freed of its room: a matte that follows the picture, and a rim without the wall's color."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame

# The pose model's mask is soft and a pixel too wide: alpha begins at this level of the guided one, over that span.
_FROM, _SPAN = 0.35, 0.4
_SURE_LEVELS = 18.0  # a pixel that differs this much from the clean room is not the room
_GROWN_PX = 2.5
# Two bilinear interpolations (into the square, onto the pose) cost a tenth of the gradients; this gives them back.
SHARPENED = 0.3


def matted(frame: Frame, mask: NDArray[np.uint8], plate: Frame | None) -> NDArray[np.uint8]:
    """The figure alone, (H, W, 4) straight RGBA, from a frame, its person mask (H, W) and the clean room behind it."""
    body = frame.astype(np.float32)
    alpha = np.clip((cv2.ximgproc.guidedFilter(frame, mask, 4, 60.0).astype(np.float32) / 255 - _FROM) / _SPAN, 0, 1)
    if plate is None:
        inner = np.asarray(cv2.erode((alpha > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
    else:
        wall = plate.astype(np.float32)
        alpha = np.where(alpha > 0.995, alpha, alpha * _differing(body, wall))
        solid = np.maximum(alpha, 0.25)[..., None]
        unmixed = np.clip((body - (1 - solid) * wall) / solid, 0, 255)
        body = np.where(alpha[..., None] < 0.98, unmixed, body)
        inner = (alpha > 0.6).astype(np.uint8)
    body = _sharpened(_grown(body, inner))
    return np.dstack([body, alpha * 255]).round().astype(np.uint8)


def _differing(body: NDArray[np.float32], wall: NDArray[np.float32]) -> NDArray[np.float32]:
    """0..1: how sure it is that something stands before the wall here."""
    return np.clip(cv2.GaussianBlur(np.abs(body - wall).max(axis=2), (5, 5), 0) / _SURE_LEVELS, 0.0, 1)


def _grown(body: NDArray[np.float32], inner: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colors of `inner` carried some pixels outwards, so that no rim shows what was behind it."""
    weight = inner.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), _GROWN_PX)
    carried = cv2.GaussianBlur(body * weight[..., None], (0, 0), _GROWN_PX) / (total + 1e-4)[..., None]
    return np.where((inner > 0)[..., None] | (total < 0.02)[..., None], body, carried)


def _sharpened(body: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(body + SHARPENED * (body - cv2.GaussianBlur(body, (0, 0), 1.0)), 0, 255)
