"""Only the dancer, or only what is around: a picture laid into the camera's along the person's mask, feathered."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.finish import over
from engines.images import Frame, covering

REGIONS = ("whole", "dancer", "background")
FEATHER = 0.012
"""Of the picture's height: about how unsure the pose model's mask is of its border."""


def kept_to(picture: Frame, frame: Frame, mask: NDArray[np.uint8] | None, region: str) -> Frame:
    """`picture` where the `region` is, the camera's `frame` elsewhere; a copy, of the picture's size.

    `mask` (h, w) is 255 on the person, of the frame's size; without one there is nobody, so that all is background.
    """
    if region == "whole":
        return picture
    size = picture.shape[0], picture.shape[1]
    alpha = np.zeros(size, np.uint8) if mask is None else _feathered(covering(mask, size))
    if region == "background":
        alpha = np.asarray(cv2.bitwise_not(alpha), np.uint8)
    return over(np.dstack([picture, alpha]), covering(frame, size))


def _feathered(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Its border as a slope of the feather's width, lying half inside."""
    reach = max(1, round(mask.shape[0] * FEATHER)) * 2 + 1
    return np.asarray(cv2.blur(mask, (reach, reach)), np.uint8)
