"""A body that can be posed: angles in, 33 landmarks in metres out, and a camera to see them with.

The stage: x to the right of the picture, y up from the floor, z towards the camera; metres. At heading 0 the body faces
the camera, so its left side is at larger x. Arms and spine are given by angles; legs by where the feet stand (the knees
follow), so that a foot that stands stays where it is however the rest moves.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engines.images import Size
from engines.pose.landmarks import COUNT, Joint, Landmarks

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """One posture on the stage. Angles in degrees, places in metres; the default stands upright with hanging arms.

    Sides are the dancer's own. `heading`, `twist`, `look` and a foot's `turn` are positive to the dancer's left;
    `sway`, `side` and `cock` tip to the left, `lean`, `bend` and `nod` forward. An arm is raised by `raise` (0 hangs,
    90 level, 180 up), in the direction `swing` (0 sideways, 90 forward, beyond 90 across the body), turned about itself
    by `roll` (0: the elbow closes forward; 90, with the arm level: upward) and closed by `elbow`; `wrist` closes the
    hand. A foot's place is that of its ankle; `tip` raises the heel by so many degrees.
    """

    x: float = 0.0
    z: float = 0.0
    height: float = 0.985  # of the hips, 1 with straight legs; lower where the feet stand too far apart for it
    heading: float = 0.0
    lean: float = 0.0
    sway: float = 0.0
    bend: float = 0.0
    side: float = 0.0
    twist: float = 0.0
    nod: float = 0.0
    cock: float = 0.0
    look: float = 0.0
    left_raise: float = 8.0
    left_swing: float = 10.0
    left_roll: float = 0.0
    left_elbow: float = 12.0
    left_wrist: float = 5.0
    right_raise: float = 8.0
    right_swing: float = 10.0
    right_roll: float = 0.0
    right_elbow: float = 12.0
    right_wrist: float = 5.0
    left_x: float = 0.11
    left_z: float = 0.0
    left_lift: float = 0.0
    left_turn: float = 12.0
    left_tip: float = 0.0
    right_x: float = -0.11
    right_z: float = 0.0
    right_lift: float = 0.0
    right_turn: float = -12.0
    right_tip: float = 0.0

    def values(self) -> Points:
        """All fields in order: poses are blended as arrays."""
        return np.array([getattr(self, name) for name in POSE_FIELDS], np.float64)

    @classmethod
    def of(cls, values: Points) -> "Pose":
        """The inverse of `values`."""
        return cls(*(float(value) for value in values))

    def mirrored(self) -> "Pose":
        """The same posture in a mirror: left and right exchanged, about the middle of the stage."""
        values = dict(zip(POSE_FIELDS, self.values(), strict=True))
        return Pose(**{name: _SIGNS.get(name, 1.0) * float(values[_other_side(name)]) for name in POSE_FIELDS})


POSE_FIELDS = tuple(field.name for field in fields(Pose))
_SIGNS = dict.fromkeys(
    ("x", "heading", "sway", "side", "twist", "cock", "look", "left_x", "right_x", "left_turn", "right_turn"), -1.0
)


def _other_side(name: str) -> str:
    if name.startswith("left_"):
        return name.replace("left_", "right_", 1)
    return name.replace("right_", "left_", 1)


@dataclass(frozen=True)
class Build:
    """Bone lengths in metres; the default is a slim adult of 1.70 m."""

    torso: float = 0.50  # between the hip line and the shoulder line
    shoulders: float = 0.35
    hips: float = 0.20
    upper_arm: float = 0.275
    forearm: float = 0.245
    hand: float = 0.085  # wrist to knuckles
    thigh: float = 0.415
    shin: float = 0.405
    ankle: float = 0.085  # above the floor
    foot: float = 0.235
    neck: float = 0.10
    head: float = 1.0  # scale of the head

    def scaled(self, factor: float) -> "Build":
        """The same build, taller or smaller."""
        return Build(**{f.name: getattr(self, f.name) * (1.0 if f.name == "head" else factor) for f in fields(self)})


# The face in the head's own frame: metres from the pivot at the top of the neck (x left, y up, z front).
FACE = {
    Joint.NOSE: (0, 0.075, 0.118),
    Joint.LEFT_EYE_INNER: (0.017, 0.108, 0.097),
    Joint.LEFT_EYE: (0.031, 0.109, 0.093),
    Joint.LEFT_EYE_OUTER: (0.045, 0.108, 0.085),
    Joint.RIGHT_EYE_INNER: (-0.017, 0.108, 0.097),
    Joint.RIGHT_EYE: (-0.031, 0.109, 0.093),
    Joint.RIGHT_EYE_OUTER: (-0.045, 0.108, 0.085),
    Joint.LEFT_EAR: (0.074, 0.085, 0.005),
    Joint.RIGHT_EAR: (-0.074, 0.085, 0.005),
    Joint.MOUTH_LEFT: (0.025, 0.035, 0.093),
    Joint.MOUTH_RIGHT: (-0.025, 0.035, 0.093),
}

# Knuckles of the left hand, hanging with the palm to the thigh, in hand lengths from the wrist.
_HAND = {
    Joint.LEFT_PINKY: (0, -0.92, -0.30),
    Joint.LEFT_INDEX: (0, -1.08, 0.22),
    Joint.LEFT_THUMB: (-0.15, -0.50, 0.42),
}


def posed(pose: Pose, build: Build | None = None) -> Points:
    """The 33 landmarks of a body in `pose`: (33, 3) metres on the stage, in MediaPipe's order."""
    build = build or Build()
    points = np.zeros((COUNT, 3))
    pelvis_frame = _about_y(pose.heading) @ _about_x(pose.lean) @ _about_z(-pose.sway)
    pelvis = np.array([pose.x, 0.0, pose.z])
    hips = {1: pelvis_frame[:, 0] * build.hips / 2, -1: -pelvis_frame[:, 0] * build.hips / 2}
    ankles = {1: _ankle(pose, build, "left"), -1: _ankle(pose, build, "right")}
    pelvis[1] = _pelvis_height(pose, build, pelvis, hips, ankles)
    for sign in (1, -1):
        _pose_leg(points, pose, build, sign, pelvis + hips[sign], ankles[sign])
    half = pelvis_frame @ _about_y(pose.twist / 2) @ _about_x(pose.bend / 2) @ _about_z(-pose.side / 2)
    chest = pelvis_frame @ _about_y(pose.twist) @ _about_x(pose.bend) @ _about_z(-pose.side)
    # The lower back bends half as far as the chest, so that the trunk is a curve.
    shoulder_line = pelvis + half[:, 1] * (0.45 * build.torso) + chest[:, 1] * (0.55 * build.torso)
    for sign in (1, -1):
        _pose_arm(points, pose, build, sign, shoulder_line, chest)
    head = chest @ _about_y(pose.look) @ _about_x(pose.nod) @ _about_z(-pose.cock)
    pivot = shoulder_line + chest[:, 1] * build.neck
    for joint, place in FACE.items():
        points[joint] = pivot + head @ (np.array(place) * build.head)
    return points


def _pose_arm(points: Points, pose: Pose, build: Build, sign: int, shoulder_line: Points, chest: Points) -> None:
    side, first = ("left", Joint.LEFT_SHOULDER) if sign > 0 else ("right", Joint.RIGHT_SHOULDER)
    lift, swing, roll, elbow, wrist = (
        getattr(pose, f"{side}_{name}") for name in ("raise", "swing", "roll", "elbow", "wrist")
    )
    # A shoulder rises and closes in when its arm goes above the level.
    shrug = _smooth((lift - 60) / 110)
    flip = np.array([sign, 1.0, 1.0])
    shoulder = shoulder_line + chest @ (flip * [build.shoulders * (0.5 - 0.06 * shrug), 0.11 * build.torso * shrug, 0])
    upper = _about_y(-swing) @ _about_z(lift) @ _about_y(roll)
    lower = upper @ _about_x(-elbow)
    hand = lower @ _about_x(-wrist)
    points[first] = shoulder
    points[first + 2] = points[first] + chest @ (flip * -upper[:, 1] * build.upper_arm)
    points[first + 4] = points[first + 2] + chest @ (flip * -lower[:, 1] * build.forearm)
    for joint, place in _HAND.items():
        points[joint + (0 if sign > 0 else 1)] = points[first + 4] + chest @ (
            flip * (hand @ (np.array(place) * build.hand))
        )


def _ankle(pose: Pose, build: Build, side: str) -> Points:
    """Where the ankle is wanted: over its place on the floor, higher on tiptoe."""
    tiptoe = build.foot * 0.72 * math.sin(math.radians(getattr(pose, f"{side}_tip")))
    height = build.ankle + getattr(pose, f"{side}_lift") + max(0.0, tiptoe)
    return np.array([getattr(pose, f"{side}_x"), height, getattr(pose, f"{side}_z")])


def _pelvis_height(
    pose: Pose, build: Build, pelvis: Points, hips: dict[int, Points], ankles: dict[int, Points]
) -> float:
    """As high as asked, but no higher than both legs reach."""
    reach = 0.998 * (build.thigh + build.shin)
    limits = []
    for sign, hip in hips.items():
        away = pelvis + hip - ankles[sign]
        level = away[0] ** 2 + away[2] ** 2
        limits.append(float(ankles[sign][1] + math.sqrt(max(reach**2 - level, 0.02)) - hip[1]))
    asked = pose.height * (build.thigh + build.shin) + build.ankle
    return _soft_minimum(asked, _soft_minimum(*limits))


def _soft_minimum(one: float, other: float) -> float:
    """A limit that is not felt as a jerk: 4 mm lower where both are equal."""
    return (one + other - math.hypot(one - other, 0.008)) / 2


def _pose_leg(points: Points, pose: Pose, build: Build, sign: int, hip: Points, ankle: Points) -> None:
    side, first = ("left", Joint.LEFT_HIP) if sign > 0 else ("right", Joint.RIGHT_HIP)
    turn, lift, tip = (getattr(pose, f"{side}_{name}") for name in ("turn", "lift", "tip"))
    toes_front = _about_y(turn)[:, 2]
    front = toes_front + _about_y(pose.heading)[:, 2]
    knee, ankle = _bent(hip, ankle, front, build.thigh, build.shin)
    shin = _unit(ankle - knee)
    standing = _about_y(turn) @ _about_x(max(tip, 0.0))
    # In the air the foot points along the shin; on the floor it is flat or on its toes.
    pointed = _unit(0.75 * shin + 0.66 * _unit(front - (front @ shin) * shin + 1e-6 * toes_front))
    along = _unit(standing[:, 2] + _smooth(lift / 0.30) * (pointed - standing[:, 2]))
    up = _unit(standing[:, 1] - (standing[:, 1] @ along) * along + 1e-6 * shin)
    points[first], points[first + 2], points[first + 4] = hip, knee, ankle
    points[first + 6] = ankle - up * (build.ankle * 0.75) - along * (build.foot * 0.20)
    points[first + 8] = ankle - up * (build.ankle * 0.85) + along * (build.foot * 0.70)


def _bent(start: Points, end: Points, front: Points, upper: float, lower: float) -> tuple[Points, Points]:
    """The middle joint of two bones from `start` to `end`, towards `front`; and `end`, pulled in if out of reach."""
    away = end - start
    distance = float(np.linalg.norm(away))
    direction = away / max(distance, 1e-9)
    distance = min(max(distance, abs(upper - lower) + 0.12), 0.999 * (upper + lower))
    end = start + direction * distance
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = front - (front @ direction) * direction
    out = math.sqrt(max(upper**2 - along**2, 0.0))
    return start + direction * along + _unit(aside) * out, end


def _smooth(t: float) -> float:
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _unit(vector: Points) -> Points:
    return vector / max(math.sqrt(float(vector @ vector)), 1e-9)


def _about_x(degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(degrees: float) -> Points:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Camera:
    """A level camera in front of the stage: its horizon is a line of the picture, so verticals stay vertical."""

    size: Size = (720, 1280)
    distance: float = 5.2  # metres from the stage's middle
    height: float = 1.05  # metres above the floor
    focal: float = 2.15  # in frame heights
    horizon: float = 0.5  # where eye level is, in 0..1 of the frame's height
    center: float = 0.5  # where the stage's middle is, in 0..1 of the frame's width

    def pixels(self, points: Points) -> Points:
        """(..., 3) metres -> (..., 3): x, y and pixels per metre at that depth."""
        height, width = self.size
        seen = np.empty_like(points, float)
        scale = self.focal * height / np.maximum(self.distance - points[..., 2], 0.2)
        seen[..., 0] = self.center * width + points[..., 0] * scale
        seen[..., 1] = self.horizon * height + (self.height - points[..., 1]) * scale
        seen[..., 2] = scale
        return seen


def projected(points: Points, camera: Camera) -> Landmarks:
    """(..., 33, 3) metres as a camera sees them: (..., 33, 4) landmarks; what leaves the frame has visibility 0."""
    height, width = camera.size
    seen = camera.pixels(points)
    hips = (points[..., [Joint.LEFT_HIP], :] + points[..., [Joint.RIGHT_HIP], :]) / 2
    hip_scale = camera.pixels(hips)[..., 2]
    x, y = seen[..., 0] / width, seen[..., 1] / height
    z = (hips[..., 2] - points[..., 2]) * hip_scale / width
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    return np.stack([x, y, z, inside], axis=-1).astype(np.float32)
