"""Frames and how they are fitted: (H, W, 3) uint8 RGB everywhere, sizes always (height, width)."""

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Size = tuple[int, int]


def resized(image: Frame, size: Size) -> Frame:
    """`image` at `size`: area-averaged when it shrinks, bilinear when it grows."""
    height, width = size
    if image.shape[:2] == (height, width):
        return image
    shrinks = height < image.shape[0]
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(scaled, np.uint8)


def covering(image: Frame, size: Size) -> Frame:
    """The middle of `image` at `size`, scaled so that it covers all of it; never stretched."""
    height, width = size
    scale = max(height / image.shape[0], width / image.shape[1])
    high, wide = min(image.shape[0], round(height / scale)), min(image.shape[1], round(width / scale))
    top, left = (image.shape[0] - high) // 2, (image.shape[1] - wide) // 2
    return resized(image[top : top + high, left : left + wide], size)


def letterboxed(image: Frame, size: Size) -> Frame:
    """All of `image` inside `size`, black beside it; never stretched."""
    height, width = size
    scale = min(height / image.shape[0], width / image.shape[1])
    high, wide = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    if (high, wide) == (height, width):
        return resized(image, size)
    canvas = np.zeros((height, width, image.shape[2]), np.uint8)
    top, left = (height - high) // 2, (width - wide) // 2
    canvas[top : top + high, left : left + wide] = resized(image, (high, wide))
    return canvas
