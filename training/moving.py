"""An example in which the figure was moved, and the room behind it was not."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.alpha import laid_over, premultiplied, unpremultiplied
from training.augmentation import Change, moved_landmarks, warped
from training.batches import Example


def moved_example(example: Example, change: Change) -> tuple[Example, NDArray[np.float32]]:
    """The example after `change`, and what of it may be judged (1) or is a seam (0)."""
    landmarks = moved_landmarks(example.landmarks, change)
    if example.figure is not None and example.plate is not None:
        figure = warped(premultiplied(example.figure), change, border=cv2.BORDER_CONSTANT)
        alpha = figure[..., 3]
        frame = laid_over(figure, example.plate)
        moved = Example(landmarks, frame, alpha, example.plate, unpremultiplied(figure), example.pair)
        return moved, np.ones(alpha.shape, np.float32)
    frame = warped(example.frame, change, border=cv2.BORDER_REPLICATE)
    mask = warped(example.mask, change, border=cv2.BORDER_CONSTANT)
    inside = warped(np.full_like(example.mask, 255), change, border=cv2.BORDER_CONSTANT) > 250
    if example.plate is None:
        return Example(landmarks, frame, mask, None, None, example.pair), inside.astype(np.float32)
    reach = round(mask.shape[0] * 0.012) | 1
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    around = cv2.dilate(mask, ball)
    soft = cv2.blur(around, (reach, reach)).astype(np.float32)[..., None] / 255
    laid = (frame * soft + example.plate * (1 - soft)).round().astype(np.uint8)
    seam = (cv2.dilate(around, ball) > 8) & (mask < 160)
    return Example(landmarks, laid, mask, example.plate, None, example.pair), (~seam).astype(np.float32)
