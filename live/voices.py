"""The performers that make one picture, each with its share of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size
from live.mailbox import Post
from live.passing import Performed


@dataclass(frozen=True)
class Voice:
    """A performer as it is heard in this tick; `share` 1 covers all before it."""

    resting: Frame
    performed: Post[Performed] | None
    share: float = 1.0

    @property
    def size(self) -> Size:
        return self.resting.shape[0], self.resting.shape[1]

    @property
    def has_matte(self) -> bool:
        return self.performed is not None and self.performed.value.drawn.figure is not None


def flat(level: int, voice: Voice) -> Frame:
    """A ground of one gray, of this performer's size."""
    return np.full((*voice.size, 3), level, np.uint8)


def laid_out(performed: Performed, canvas: Size) -> NDArray[np.uint8]:
    """The figure at its own place, (H, W, 4); nothing, not even color, where it is not."""
    made = np.zeros((*canvas, 4), np.uint8)
    figure, (top, left) = performed.drawn.figure, performed.manifest.plate_at
    assert figure is not None
    place = made[top : top + figure.shape[0], left : left + figure.shape[1]]
    seen = np.ascontiguousarray(figure[: place.shape[0], : place.shape[1]])
    place[:] = cv2.copyTo(seen, cv2.extractChannel(seen, 3))
    return made
