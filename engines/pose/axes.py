"""A body as costume lines measure it: a torso length, the axes of trunk and head, and the floor under the feet.

Points are (33, 3) in frame heights: x to the right, y down, z away from the camera (`landmarks.in_heights`). Depth is
what trackers get wrong most, so it is halved (`DEPTH`) before it moves anything.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Joint

Points = NDArray[np.float32]

DEPTH = 0.5
# A size is one number and must not breathe: with half of the depth it varied by -8 to +41 % (5th and 95th percentile)
# over a real clip of one dancer, with a quarter by -8 to +4 %.
_SIZE_DEPTH = np.array([1, 1, 0.5])
FAR = 20.0  # heights: where coordinates end, so that a tracker's nonsense stays drawable

# Torso lengths of a bone of an ordinary body, a little generous, so that an upright torso is its own measure and a
# bow or a crouch, which shortens it in the picture, is measured by the legs.
_ORDINARY = (
    (Joint.LEFT_HIP, Joint.LEFT_KNEE, 0.92),
    (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, 0.92),
    (Joint.LEFT_KNEE, Joint.LEFT_ANKLE, 0.92),
    (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE, 0.92),
    (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, 0.85),
)
_FEET = [Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX]
_BONE_FROM = [start for start, _, _ in _ORDINARY]
_BONE_TO = [end for _, end, _ in _ORDINARY]
_BONE_LENGTH = np.array([length for _, _, length in _ORDINARY])
_LEFT_SIDE, _RIGHT_SIDE = [Joint.LEFT_SHOULDER, Joint.LEFT_HIP], [Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP]
_SHOULDERS, _HIPS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER], [Joint.LEFT_HIP, Joint.RIGHT_HIP]
_HEAD = [Joint.NOSE, Joint.LEFT_EAR, Joint.RIGHT_EAR]


@dataclass(frozen=True)
class Body:
    """What guides need to know of a pose, measured once: clean points with halved depth, unit, axes, floor.

    `points` (33, 3); `unit` one torso length; `axes[frame]` (3, 3) with the unit vectors x, y, z as rows; `floor` the
    y of the lower foot.
    """

    points: NDArray[np.float64]
    unit: float
    axes: dict[str, NDArray[np.float64]]
    floor: float

    @classmethod
    def of(cls, points: Points) -> "Body":
        """Measured on (33, 3) points; landmarks that are not finite count as lying in the middle of the hips."""
        clean = _clean(points)
        pelvis = (clean[Joint.LEFT_HIP] + clean[Joint.RIGHT_HIP]) / 2
        neck = (clean[Joint.LEFT_SHOULDER] + clean[Joint.RIGHT_SHOULDER]) / 2
        unit = _unit(clean * _SIZE_DEPTH)
        torso = _torso_axes(clean, neck, pelvis, unit)
        axes = {"torso": torso, "head": _head_axes(clean, neck, torso, unit), "picture": np.eye(3)}
        feet = clean[_FEET, 1][np.isfinite(np.asarray(points)[_FEET, 1])]
        return cls(clean, unit, axes, float(feet.max()) if len(feet) else float(pelvis[1]) + 1.9 * unit)


def _clean(points: Points) -> NDArray[np.float64]:
    clean = np.array(points, np.float64)
    bad = ~np.isfinite(clean).all(axis=1)
    if bad.any():
        hips = clean[[Joint.LEFT_HIP, Joint.RIGHT_HIP]]
        hips = hips[np.isfinite(hips).all(axis=1)]
        clean[bad] = hips.mean(axis=0) if len(hips) else 0
    np.clip(clean, -FAR, FAR, out=clean)
    clean[:, 2] *= DEPTH
    return clean


def body_unit(points: Points) -> float:
    """One torso length of the body behind (33, 3) points, also when the torso itself is foreshortened by a bow."""
    return Body.of(points).unit


def _unit(points: NDArray[np.float64]) -> float:
    shoulders, hips = points[_SHOULDERS].mean(axis=0), points[_HIPS].mean(axis=0)
    torso = float(np.linalg.norm(shoulders - hips))
    bones = np.linalg.norm(points[_BONE_FROM] - points[_BONE_TO], axis=1) / _BONE_LENGTH
    return max(torso, float(bones.max()), 1e-4)


def _torso_axes(
    points: NDArray[np.float64], neck: NDArray[np.float64], pelvis: NDArray[np.float64], unit: float
) -> NDArray[np.float64]:
    down = direction(pelvis - neck, np.array([0.0, 1.0, 0.0]), unit)
    across = (points[_LEFT_SIDE] - points[_RIGHT_SIDE]).sum(axis=0)
    across -= down * (across @ down)
    spare = np.array([1.0, 0.0, 0.0]) - down * down[0]
    left = _normalized(across, spare if spare @ spare > 1e-4 else np.array([0.0, 0.0, 1.0]))
    return np.stack([left, down, _cross(left, down)])


def _head_axes(
    points: NDArray[np.float64], neck: NDArray[np.float64], torso: NDArray[np.float64], unit: float
) -> NDArray[np.float64]:
    """Roll in the picture only: neck to face, and half of what the ears say when both are seen apart (6 px of
    landmark noise tipped a crest over when all three angles were taken from the face)."""
    up = direction((points[_HEAD].mean(axis=0) - neck) * [1, 1, 0], -torso[1] * [1, 1, 0], unit / 2)
    ears = (points[Joint.LEFT_EAR] - points[Joint.RIGHT_EAR])[:2] / unit
    above = np.array([ears[1], -ears[0], 0.0])
    above *= np.sign(above @ up) * min(1.0, 2 * norm(ears))
    down = -_normalized(up * 1.0 + above, up)
    down[2] = 0
    down = _normalized(down, np.array([0.0, 1.0, 0.0]))
    return np.array([[down[1], -down[0], 0.0], down, [0.0, 0.0, 1.0]])


def direction(vector: NDArray[np.float64], spare: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """The unit vector of `vector`, leaning to `spare` as it gets shorter than a quarter of a torso."""
    short = max(0.0, 0.25 * unit - norm(vector))
    return _normalized(vector + spare * short, spare)


def _normalized(vector: NDArray[np.float64], spare: NDArray[np.float64]) -> NDArray[np.float64]:
    length = norm(vector)
    if length > 1e-9:
        return vector / length
    length = norm(spare)
    return spare / length if length > 1e-9 else np.array([0.0, 1.0, 0.0])


def norm(vector: NDArray[np.float64]) -> float:
    """Its length; a tenth of the time of `numpy.linalg.norm` for three numbers."""
    return math.sqrt(float(vector @ vector))


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
