"""One person followed from the tracker to the stage: steady, whole, mirrored if asked, and built like the dancer."""

import math
from dataclasses import dataclass

import numpy as np

from engines.images import Size
from engines.pose.completion import Completion
from engines.pose.landmarks import Joint, Landmarks, from_heights, in_heights, middle, mirrored
from engines.pose.proportions import Proportions
from engines.pose.retarget import Retargeter
from engines.pose.smoothing import OneEuro
from engines.pose.tracker import Tracked

HOLD_S = 0.5
FADE_S = 0.5
LEAP = 1.2  # torso lengths between two frames, by which a person does not move but is another one

_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
_SHOULDERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]


@dataclass(frozen=True)
class Followed:
    """One frame's person as a generator wants them.

    `landmarks` are in the trained square, or None before anybody came and after they faded; `presence` is 1 while
    somebody is followed or has just left, and then fades to 0; `landmarks_smoothed` are the steadied, completed
    landmarks in the source's own frame, neither mirrored nor retargeted, for overlays; `time_s` is the frame's.
    """

    landmarks: Landmarks | None
    presence: float
    landmarks_smoothed: Landmarks | None
    time_s: float


class Follower:
    """Smooths, completes, mirrors and retargets one person, and lets them fade when they have left.

    One for each bundle on stage, since each has its own dancer. Without proportions the frame's full height is laid
    over the square, hips and all, unretargeted. A new person (after a pause, or by a leap) starts everything afresh.
    """

    def __init__(self, proportions: Proportions | None) -> None:
        self._smoother = OneEuro.of_amount(0.5)
        self._completion = Completion()
        self._retargeter = Retargeter(proportions) if proportions else None
        self.reset()

    def reset(self) -> None:
        """Forget the person: nobody is there until somebody is seen."""
        self._seen_s = -math.inf
        self._landmarks: Landmarks | None = None
        self._smoothed: Landmarks | None = None
        self._begin()

    def follow(
        self, tracked: Tracked, size: Size, *, smoothing: float = 0.5, retarget: float = 1.0, mirror: bool = False
    ) -> Followed:
        """The next frame, of `size`; frames come in order, and a time that runs backward begins anew.

        `smoothing` and `retarget` are 0..1 and may be turned at any time.
        """
        if tracked.time_s < self._seen_s:
            self.reset()
        landmarks = _finite(tracked.landmarks)
        if landmarks is None:
            return self._left(tracked.time_s)
        if tracked.time_s - self._seen_s > HOLD_S or self._is_other(landmarks, size):
            self._begin()
        self._smoother.set_amount(smoothing)
        self._smoothed = self._completion(self._smoother(landmarks, tracked.time_s, size), size, tracked.time_s)
        turned = mirrored(self._smoothed) if mirror else self._smoothed
        if self._retargeter:
            self._landmarks = self._retargeter(turned, size, tracked.time_s, retarget)
        else:
            self._landmarks = _in_square(turned, size)
        self._seen_s = tracked.time_s
        return Followed(self._landmarks, 1.0, self._smoothed, tracked.time_s)

    def _begin(self) -> None:
        self._smoother.reset()
        self._completion.reset()
        if self._retargeter:
            self._retargeter.reset()

    def _left(self, time_s: float) -> Followed:
        """Nobody in this frame: the last pose is held, then fades, then is gone."""
        presence = min(1.0, max(0.0, 1 - (time_s - self._seen_s - HOLD_S) / FADE_S))
        if presence == 0:
            self._landmarks = self._smoothed = None
        return Followed(self._landmarks, presence, self._smoothed, time_s)

    def _is_other(self, landmarks: Landmarks, size: Size) -> bool:
        if self._smoothed is None:
            return True
        now, before = in_heights(landmarks, size), in_heights(self._smoothed, size)
        neck, then = (middle(points, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER) for points in (now, before))
        hips = middle(before, Joint.LEFT_HIP, Joint.RIGHT_HIP)
        torso = math.dist(then[:2].tolist(), hips[:2].tolist())
        return math.dist(neck[:2].tolist(), then[:2].tolist()) > LEAP * max(torso, 0.02)


def _in_square(landmarks: Landmarks, size: Size) -> Landmarks:
    """The middle of the frame on the square: as high as it, as wide as that leaves."""
    points = in_heights(landmarks, size)
    points[:, 0] += 0.5 - size[1] / size[0] / 2
    return from_heights(points, landmarks[:, 3], (1, 1))


def _finite(landmarks: Landmarks | None) -> Landmarks | None:
    """Landmarks that are nowhere lie unseen in the hips; without a torso there is nobody."""
    if landmarks is None or np.isfinite(landmarks).all():
        return landmarks
    if not np.isfinite(landmarks[_HIPS + _SHOULDERS]).all():
        return None
    known = np.isfinite(landmarks).all(axis=1, keepdims=True)
    hips = landmarks[_HIPS].mean(axis=0) * np.array([1, 1, 1, 0], np.float32)
    return np.where(known, landmarks, hips).astype(np.float32)
