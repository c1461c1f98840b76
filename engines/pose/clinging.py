"""Landmarks of a camera held to the flow from the frame before: what `tremble` does for films, without the future.

Where a landmark was last, carried on as the picture moved beneath it, is weighed against where it was found now. What
is found elsewhere, or hidden, is believed at once, so nothing lags as it does behind a low-pass.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks, torso_length
from engines.pose.tremble import DOUBTED, SIDE, Gray, shift_at_once

HELD = 4.0
"""How much more the flow's word weighs than the tracker's; more drifts away from the dancer."""
HELD_DEPTH = 0.4
"""Of that, for z, which has no flow."""
GAP_S = 0.2
"""Pictures farther apart in time are not compared."""


class Clinging:
    """One person's landmarks in frame after frame of one camera. For one thread; begins anew by itself."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frame before."""
        self._gray: Gray | None = None
        self._landmarks: Landmarks | None = None
        self._time_s = -np.inf

    def __call__(
        self, frame: Frame, landmarks: Landmarks | None, time_s: float, amount: float = 1.0
    ) -> Landmarks | None:
        """`landmarks` (33, 4) found in `frame` (H, W, 3) captured at `time_s`, held by `amount` 0..1; a new array.

        Nobody, or who is no number, is given back as found, and is the end of what was remembered.
        """
        if landmarks is None or amount <= 0 or not np.isfinite(landmarks).all():
            self.reset()
            return landmarks
        gray = _gray(frame)
        held = landmarks
        if (
            self._gray is not None
            and self._landmarks is not None
            and gray.shape == self._gray.shape
            and 0 < time_s - self._time_s <= GAP_S
        ):
            moved = shift_at_once(self._gray, gray, self._landmarks)
            held = _weighed(landmarks, self._landmarks, moved, amount, gray.shape)
        self._gray, self._landmarks, self._time_s = gray, held, time_s
        return held


def _weighed(
    found: Landmarks, before: Landmarks, moved: NDArray[np.float32], amount: float, shape: tuple[int, ...]
) -> Landmarks:
    known = np.asarray(np.isfinite(moved).all(axis=-1))
    carried = before[:, :2] + np.where(known[:, None], moved, 0)
    in_heights = np.array([shape[1] / shape[0], 1], np.float32)
    unit = max(torso_length(found[:, :2] * in_heights), 1e-3)
    apart = np.linalg.norm((found[:, :2] - carried) * in_heights, axis=-1) / unit
    weight = (amount * HELD * known * np.exp(-np.square(apart / DOUBTED)))[:, None]
    held = found.copy()
    held[:, :2] = (found[:, :2] + weight * carried) / (1 + weight)
    held[:, 2:3] = (found[:, 2:3] + HELD_DEPTH * weight * before[:, 2:3]) / (1 + HELD_DEPTH * weight)
    return held


def _gray(frame: Frame) -> Gray:
    """About `SIDE` pixels high: smaller by a whole number, which takes a third of the time."""
    height, width = frame.shape[:2]
    by = max(1, round(height / SIDE))
    size = (max(1, width // by), max(1, height // by))
    small = cv2.resize(frame[: size[1] * by, : size[0] * by], size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
