"""Synthetic bodies for tests of the pose package: exact joint angles in, landmarks out, any proportions, any frame."""

from dataclasses import dataclass, field

import numpy as np

from engines.images import Size
from engines.pose.landmarks import Joint, Landmarks, from_heights

SIDES = ("LEFT", "RIGHT")


@dataclass(frozen=True)
class Body:
    """Bone lengths in metres; every length is of the bone itself, seen square on."""

    torso: float = 0.50
    neck: float = 0.24
    shoulder: float = 0.35
    hip: float = 0.20
    upper_arm: float = 0.28
    forearm: float = 0.25
    hand: float = 0.09
    thigh: float = 0.42
    shin: float = 0.40
    foot: float = 0.16
    head: float = 1.0

    @property
    def height(self) -> float:
        return self.torso + self.neck + self.thigh + self.shin

    def larger(self, factor: float) -> "Body":
        return Body(**{name: value * factor for name, value in vars(self).items()})


@dataclass(frozen=True)
class Stance:
    """Angles in degrees from hanging straight down, outward positive; `jump` and `x` in metres."""

    arms: tuple[float, float] = (15, 15)
    elbows: tuple[float, float] = (20, 20)
    legs: tuple[float, float] = (5, 5)
    knees: tuple[float, float] = (5, 5)
    toward: float = 0  # degrees by which the forearms point at the camera
    x: float = 0
    jump: float = 0


@dataclass(frozen=True)
class Camera:
    """An orthographic view: the floor's y and what a metre is, both in frame heights."""

    size: Size = (512, 512)
    floor: float = 0.9
    scale: float = 0.45
    center: float | None = field(default=None)


def points_of(body: Body, stance: Stance = Stance()) -> np.ndarray:
    """(33, 3) in metres: x right in the picture, y down from the floor, z away; the dancer faces the camera."""
    points = np.zeros((33, 3))

    def put(joint: str, at: np.ndarray) -> np.ndarray:
        points[Joint[joint]] = at
        return at

    neck = np.array([0, -body.torso, 0.0])
    for side, name in zip((1, -1), SIDES, strict=True):
        k = 0 if side > 0 else 1

        def aim(degrees: float, toward: float = 0, side: int = side) -> np.ndarray:
            a, b = np.radians(degrees), np.radians(toward)
            return np.array([side * np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])

        shoulder = put(f"{name}_SHOULDER", neck + np.array([side * body.shoulder / 2, 0, 0]))
        elbow = put(f"{name}_ELBOW", shoulder + body.upper_arm * aim(stance.arms[k]))
        fore = aim(stance.arms[k] + stance.elbows[k], stance.toward)
        wrist = put(f"{name}_WRIST", elbow + body.forearm * fore)
        for finger, spread in (("PINKY", -0.2), ("INDEX", 0.1), ("THUMB", 0.4)):
            put(f"{name}_{finger}", wrist + body.hand * (fore + np.array([spread * 0.3, 0, 0])))
        hip = put(f"{name}_HIP", np.array([side * body.hip / 2, 0, 0]))
        knee = put(f"{name}_KNEE", hip + body.thigh * aim(stance.legs[k]))
        ankle = put(f"{name}_ANKLE", knee + body.shin * aim(stance.legs[k] - stance.knees[k]))
        put(f"{name}_HEEL", ankle + body.foot * np.array([0, 0.25, 0.2]))
        put(f"{name}_FOOT_INDEX", ankle + body.foot * np.array([side * 0.5, 0.5, -0.6]))
        ears = neck - [0, body.neck, 0]
        put(f"{name}_EAR", ears + body.head * np.array([side * 0.075, 0, 0]))
        for eye, x in (("EYE_INNER", 0.015), ("EYE", 0.03), ("EYE_OUTER", 0.045)):
            put(f"{name}_{eye}", ears + body.head * np.array([side * x, -0.03, -0.09]))
        put(f"MOUTH_{name}", ears + body.head * np.array([side * 0.025, 0.06, -0.09]))
        put("NOSE", ears + body.head * np.array([0, 0.01, -0.12]))
    points[:, 1] -= points[:, 1].max() + stance.jump
    points[:, 0] += stance.x
    return points


def seen(body: Body, stance: Stance = Stance(), camera: Camera = Camera()) -> Landmarks:
    """The landmarks a perfect tracker would give."""
    height, width = camera.size
    center = width / height / 2 if camera.center is None else camera.center
    points = points_of(body, stance) * camera.scale + [center, camera.floor, 0]
    return from_heights(points.astype(np.float32), np.ones(33, np.float32), camera.size)


def dance(time_s: float) -> Stance:
    """Arms through all their range, knee bends, a step to either side, and a jump every four seconds."""
    wave = 0.5 - 0.5 * np.cos(time_s * 2.1)
    other = 0.5 - 0.5 * np.cos(time_s * 1.7 + 1)
    bend = 0.5 - 0.5 * np.cos(time_s * 1.3)
    jump = max(0.0, np.sin(2 * np.pi * (time_s % 4 - 3.4) / 1.0)) * 0.25 if 3.4 < time_s % 4 < 3.9 else 0.0
    return Stance(
        arms=(10 + 160 * wave, 10 + 150 * other),
        elbows=(70 * other, 80 * wave),
        legs=(5 + 20 * bend, 5 + 20 * bend),
        knees=(50 * bend, 50 * bend),
        toward=60 * bend,
        x=0.15 * np.sin(time_s * 0.9),
        jump=jump,
    )


def lengths(landmarks: Landmarks, size: Size = (1, 1)) -> dict[str, float]:
    """Measured bone lengths in frame heights and three dimensions, of the left side where there are two."""
    p = landmarks[:, :3] * [size[1] / size[0], 1, size[1] / size[0]]
    neck, pelvis = (p[11] + p[12]) / 2, (p[23] + p[24]) / 2
    far = np.linalg.norm
    return {
        "torso": far(neck - pelvis),
        "shoulder": far(p[11] - p[12]),
        "upper_arm": far(p[11] - p[13]),
        "forearm": far(p[13] - p[15]),
        "thigh": far(p[23] - p[25]),
        "shin": far(p[25] - p[27]),
    }
