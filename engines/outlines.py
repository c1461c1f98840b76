"""The outlines of a picture, white on black, and of a moving one without their trembling.

One detector for training and stage: Canny on a softened picture. Of a film every frame is drawn a little like the last:
what hardly changed counts as unchanged (noise), and an outline that was there stays as long as a fainter one is.
"""

import cv2
import numpy as np

from engines.images import Frame, Size, covering

# Softened by so much, Canny finds the outlines of a body and its clothes, not the weave. Thresholds: faint, strong.
BLUR = 1.4
THRESHOLDS = (60, 140)
STAYS = (25, 60)
"""Thresholds for a pixel of an outline that was there the frame before."""
NOISE_LEVELS = 28.0
"""A pixel that changes by less is taken for mostly unchanged; by twice as much it is believed whole.

Of a dance before a locked camera (board_freestyle, 256 pixels, 40 frames) 31 % of the outline's pixels then change from
frame to frame, 39 % where each frame is drawn anew; 1.7 % are more than 2 pixels from any outline of the frame alone.
"""
FORGOTTEN_S = 0.5


class Outlines:
    """Draws one film, frame after frame; for one thread. Anything else than the next frame begins it anew."""

    def __init__(self) -> None:
        self._steady: np.ndarray | None = None
        self._lines: np.ndarray | None = None
        self._time_s = -np.inf

    def drawn(self, frame: Frame, size: Size, time_s: float) -> np.ndarray:
        """(H, W, 1) uint8 at `size`: outlines of the middle of `frame`, captured at `time_s`."""
        gray = grayed(frame, size).astype(np.float32)
        follows = 0 <= time_s - self._time_s < FORGOTTEN_S
        if self._steady is None or self._lines is None or self._steady.shape != gray.shape or not follows:
            self._steady, kept = gray, None
        else:
            change = gray - self._steady
            share = np.clip(cv2.blur(np.abs(change), (3, 3)) / (2 * NOISE_LEVELS), 0.1, 1)
            self._steady = self._steady + share * change
            kept = self._lines[..., 0]
        self._time_s = time_s
        soft = _softened(self._steady.round().astype(np.uint8))
        lines = np.asarray(cv2.Canny(soft, *THRESHOLDS))
        if kept is not None:
            lines = cv2.bitwise_or(lines, cv2.bitwise_and(cv2.Canny(soft, *STAYS), kept))
        self._lines = lines[..., None]
        return self._lines


def outlined(frame: Frame, size: Size) -> np.ndarray:
    """(H, W, 1): the outlines of a single picture, and of the first one of a film."""
    return Outlines().drawn(frame, size, 0.0)


def grayed(frame: Frame, size: Size) -> np.ndarray:
    """(H, W): the middle of the frame, without its colors."""
    return np.asarray(cv2.cvtColor(covering(frame, size), cv2.COLOR_RGB2GRAY))


def _softened(gray: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), BLUR))
