"""What a visitor should do to be seen whole, in few words, once it has been so for a moment."""

import numpy as np

from engines.pose.landmarks import Joint, Landmarks

PATIENCE_S = 1.5
"""Shown only after so long: who is about to do the right thing anyway is not told to."""
NOBODY_S = 4.0
SMALLEST = 0.3
"""Of the picture's height: a person smaller than this is tracked badly."""
EDGE = 0.02

_FEET = [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]
_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]


def advice(landmarks: Landmarks | None) -> str:
    """The first thing to do; "" when the whole person is in view."""
    if landmarks is None:
        return "step into the picture"
    hips = float(landmarks[_HIPS, 0].mean())
    feet = landmarks[_FEET]
    if hips < 0.1 or hips > 0.9:
        return "come to the middle"
    if (feet[:, 1] > 1 - EDGE).any() or feet[:, 3].max() < 0.3:
        return "step back: feet out of view"
    if landmarks[Joint.NOSE, 1] < EDGE:
        return "step back: head out of view"
    if float(np.ptp(landmarks[[Joint.NOSE, *_FEET], 1])) < SMALLEST:
        return "come closer"
    return ""


class Guidance:
    """The advice to show: the one that has held for a while."""

    def __init__(self) -> None:
        self._advice, self._since_s = "", 0.0

    def shown(self, landmarks: Landmarks | None, now_s: float) -> str:
        now = advice(landmarks)
        if now != self._advice:
            self._advice, self._since_s = now, now_s
        held_s = now_s - self._since_s
        return self._advice if held_s >= (NOBODY_S if landmarks is None else PATIENCE_S) else ""
