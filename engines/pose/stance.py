"""One body standing at ease: the yardstick for styles, and what completes a body that is half out of the picture."""

import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import SWAPPED_SIDES, Joint

# x (to the dancer's left), y (down), z (away from the camera) in torso lengths from the middle of the hips, facing
# the camera, left side only. Proportions are those of an adult of average build as the tracker sees one.
_LEFT = {
    Joint.NOSE: (0.0, -1.42, -0.42),
    Joint.LEFT_EYE_INNER: (0.03, -1.49, -0.38),
    Joint.LEFT_EYE: (0.055, -1.49, -0.38),
    Joint.LEFT_EYE_OUTER: (0.08, -1.49, -0.37),
    Joint.LEFT_EAR: (0.14, -1.46, -0.18),
    Joint.MOUTH_LEFT: (0.05, -1.34, -0.37),
    Joint.LEFT_SHOULDER: (0.35, -1.0, 0.0),
    Joint.LEFT_ELBOW: (0.47, -0.46, 0.04),
    Joint.LEFT_WRIST: (0.5, 0.02, -0.08),
    Joint.LEFT_PINKY: (0.52, 0.19, -0.12),
    Joint.LEFT_INDEX: (0.49, 0.2, -0.15),
    Joint.LEFT_THUMB: (0.46, 0.12, -0.14),
    Joint.LEFT_HIP: (0.2, 0.0, 0.0),
    Joint.LEFT_KNEE: (0.22, 0.83, -0.02),
    Joint.LEFT_ANKLE: (0.22, 1.6, 0.1),
    Joint.LEFT_HEEL: (0.21, 1.69, 0.13),
    Joint.LEFT_FOOT_INDEX: (0.27, 1.75, -0.14),
}


def standing() -> NDArray[np.float32]:
    """(33, 3) float32 in torso lengths from the middle of the hips, facing the camera."""
    points = np.zeros((33, 3), np.float32)
    for joint, place in _LEFT.items():
        points[joint] = place
        points[SWAPPED_SIDES[joint]] = (-place[0], *place[1:])
    points[Joint.NOSE, 0] = 0
    return points


STANDING = standing()
