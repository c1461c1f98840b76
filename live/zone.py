"""Where people count: a rectangle of the picture, from left to right by the feet's place, far to near by height."""

import numpy as np

from engines.images import Frame
from engines.pose.landmarks import Joint, Landmarks
from engines.pose.tracker import Tracked
from live.control.parameters import Controls

GRAY = 128
BESIDE = 0.06
"""Arms may reach so far out of the zone, as a share of the width, before they are covered."""

_FEET = [Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX]
_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]


def is_whole(controls: Controls) -> bool:
    """Whether everybody in view counts."""
    return (controls.zone_left, controls.zone_right, controls.zone_far, controls.zone_near) == (0, 1, 0, 1)


def covered(frame: Frame, controls: Controls) -> Frame:
    """`frame` with what is beside the zone painted over, so that nobody there is found at all."""
    width = frame.shape[1]
    left, right = (controls.zone_left - BESIDE) * width, (controls.zone_right + BESIDE) * width
    if left <= 0 and right >= width:
        return frame
    made = frame.copy()
    made[:, : max(0, round(left))] = GRAY
    made[:, max(0, round(right)) :] = GRAY
    return made


def counted(tracked: Tracked, controls: Controls) -> Tracked:
    """Nobody, if who was found stands outside."""
    if tracked.landmarks is None or is_whole(controls) or _is_inside(tracked.landmarks, controls):
        return tracked
    return Tracked(None, None, tracked.time_s)


def _is_inside(landmarks: Landmarks, controls: Controls) -> bool:
    feet = landmarks[_FEET]
    # Feet out of view are nearer than the picture's lower edge, wherever MediaPipe supposes them.
    y = float(feet[:, 1].max()) if feet[:, 3].mean() >= 0.5 else 1.0
    x = float(np.mean(landmarks[_HIPS, 0]))
    return controls.zone_left <= x <= controls.zone_right and controls.zone_far <= min(y, 1.0) <= controls.zone_near
