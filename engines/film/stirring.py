"""A little noise for pictures that are fed back: what keeps a film that feeds on itself from coming to rest."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame

COARSE = 16
"""Half of the noise is of single pixels, half in spots of so many: what is fine alone is filtered out at once."""


def stirred(picture: Frame, amount: float, rng: np.random.Generator) -> Frame:
    """`picture` with noise of `amount` (a share of the whole range of levels) on it; another each time."""
    if amount <= 0:
        return picture
    height, width = picture.shape[:2]
    levels = picture.astype(np.float32) + np.float32(127.5 * amount) * noise((height, width), rng)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def noise(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """(H, W, 3): deviation of about one, fine and coarse."""
    height, width = size
    spots = rng.standard_normal((max(2, height // COARSE), max(2, width // COARSE), 3), np.float32)
    coarse = cv2.resize(spots, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(coarse + 0.5 * rng.standard_normal((height, width, 3), np.float32), np.float32)
