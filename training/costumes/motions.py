"""Poses to learn from: as many, and as different, as a costume can be danced and worn in.

Every pose stands alone: neighbors in a phrase teach little. Families are what was found missing when a performer met
real motion: mostly the everyday ones (arms low, hands at the hips, arms crossed, walking, backs), besides the dance.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engines.images import Size
from engines.pose.body import Build, Camera, Pose, posed, projected
from engines.pose.landmarks import SWAPPED_SIDES, Landmarks

Rng = np.random.Generator
Arm = tuple[float, float, float, float]  # raise, swing, roll, elbow of a left arm, see Pose

# Arms that touch the body. Found by search: the wrist within 4 cm of the place the name says.
HELD: dict[str, tuple[Arm, ...]] = {
    "hips": ((34, -1, -84, 84), (43, 37, -79, 80)),
    "crossed": ((28, 113, 42, 81), (54, 107, -15, 84)),
    "chest": ((46, 59, 3, 107), (72, 71, -25, 96)),
    "face": ((123, 63, -4, 124), (49, 120, 89, 115)),
    "back": ((7, 59, -82, 62),),
    "head": ((136, -35, 89, 121), (126, 56, 75, 130)),
    "clasped": ((22, 118, 23, 7), (26, 70, -30, 38)),
    "heart": ((22, 72, 6, 119), (48, 72, -12, 121)),
    "overhead": ((159, -3, 82, 67), (166, 37, 58, 44)),
    "wave": ((70, 20, 85, 110), (95, 10, 88, 80)),
    "point": ((86, 85, 0, 4), (95, 40, 0, 4)),
    "hanging": ((8, 10, 0, 12), (14, -5, -30, 22), (6, 30, 0, 20)),
}

# The hall of the painted stages: a camera 1.32 m high and 6.6 m off sees the floor at 0.87 of the square's height.
HALL = Camera(size=(512, 512), distance=6.6, height=1.32, focal=2.257, horizon=0.419)

# Metres: 12 % of the square to each side, and a figure 0.8 to 1.15 times as large as in the middle.
SIDEWAYS, DEEP = 0.35, (-1.65, 0.86)


def random_pose(rng: Rng) -> Pose:
    """One pose, somewhere on the stage, from any of the families."""
    family = FAMILIES[rng.choice(len(FAMILIES), p=WEIGHTS)][1]
    pose = family(rng)
    pose = pose.mirrored() if rng.random() < 0.5 else pose
    pose = replace(pose, nod=rng.normal(0, 9), look=pose.look + rng.normal(0, 18), cock=rng.normal(0, 8))
    return _walked(pose, float(rng.uniform(-SIDEWAYS, SIDEWAYS)), float(rng.uniform(*DEEP)))


def random_landmarks(rng: Rng, size: Size = (512, 512)) -> Landmarks:
    """(33, 4): a random pose of a body that varies a little, seen from the hall, as a tracker would report it."""
    build = Build()
    values = {name: getattr(build, name) * rng.normal(1, 0.035) for name in Build.__dataclass_fields__}
    seen = projected(posed(random_pose(rng), Build(**values)), replace(HALL, size=size))
    seen[:, 1] += rng.uniform(-0.03, 0.03)
    return tracked(seen, rng)


def standing_everywhere() -> Landmarks:
    """(279, 33, 4): a body at ease on the whole stage that random poses use; what proportions are measured on.

    From the back to the front, and across the stage at each depth: proportions are measured as those of a clip, over
    neighboring frames.
    """
    places = [(x, z) for z in np.linspace(*DEEP, 9) for x in np.linspace(-SIDEWAYS, SIDEWAYS, 31)]
    return np.stack([projected(posed(_walked(Pose(), float(x), float(z))), HALL) for x, z in places])


def tracked(landmarks: Landmarks, rng: Rng) -> Landmarks:
    """Exact landmarks with what MediaPipe adds: a little jitter, depth at a wrong scale or plainly wrong, and doubts.

    Its raw z is 2.5 to 4 times too large (measured on two clips: the factor that keeps bones at one length is 0.17 to
    0.34) and differently so for every limb, so much is left of that after the tracker's correction.
    """
    noisy = landmarks.copy()
    jitter = rng.choice([0, 0.001, 0.002, 0.004], p=[0.35, 0.3, 0.27, 0.08])
    noisy[:, :2] += rng.normal(0, jitter, (33, 2))
    deeper = np.exp(rng.uniform(np.log(0.6), np.log(2.0)))
    noisy[:, 2] = (noisy[:, 2] + rng.normal(0, 0.010, 33)) * deeper
    for limb in LIMBS:
        if rng.random() < 0.12:
            noisy[limb, 2] += rng.normal(0, 0.05) * deeper
    noisy[:, 3] = _visibility(landmarks, rng)
    return noisy


LIMBS = ([13, 15, 17, 19, 21], [14, 16, 18, 20, 22], [25, 27, 29, 31], [26, 28, 30, 32])


def _visibility(landmarks: Landmarks, rng: Rng) -> np.ndarray:
    """Near 1 for what is in front; lower where the other shoulder is nearer, and for a limb now and then."""
    seen = 1 - np.abs(rng.normal(0, 0.015, 33))
    other = landmarks[SWAPPED_SIDES, 2]
    behind = np.clip((landmarks[:, 2] - other) / 0.09, 0, 1)
    seen -= behind * rng.uniform(0, 0.35)
    if rng.random() < 0.10:
        seen[LIMBS[rng.integers(4)]] *= rng.uniform(0.15, 0.8)
    inside = (landmarks[:, :2] >= 0).all(1) & (landmarks[:, :2] <= 1).all(1)
    return np.clip(np.where(inside, seen, seen * 0.3), 0, 1)


def _walked(pose: Pose, x: float, z: float) -> Pose:
    """The pose with its feet placed for its heading, moved to a place on the stage."""
    turn = np.radians(pose.heading)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    moved = {"x": pose.x * cos + pose.z * sin + x, "z": pose.z * cos - pose.x * sin + z}
    for side in ("left", "right"):
        fx, fz = getattr(pose, f"{side}_x"), getattr(pose, f"{side}_z")
        moved[f"{side}_x"], moved[f"{side}_z"] = fx * cos + fz * sin + x, fz * cos - fx * sin + z
        moved[f"{side}_turn"] = getattr(pose, f"{side}_turn") + pose.heading
    return replace(pose, **moved)


def _with_arms(pose: Pose, left: Arm, right: Arm, rng: Rng, loose: float = 7.0) -> Pose:
    values: dict[str, float] = {}
    for side, arm in (("left", left), ("right", right)):
        for name, value in zip(("raise", "swing", "roll", "elbow"), arm, strict=True):
            values[f"{side}_{name}"] = float(value + rng.normal(0, loose))
        values[f"{side}_elbow"] = max(values[f"{side}_elbow"], 0.0)
        values[f"{side}_wrist"] = float(rng.normal(5, 14))
    return replace(pose, **values)


def _held(name: str, rng: Rng) -> Arm:
    return HELD[name][rng.integers(len(HELD[name]))]


def _danced_arm(rng: Rng) -> Arm:
    """Any arm, straight ones and raised ones more often: they open the wings."""
    straight = rng.random() < 0.6
    lift = rng.uniform(15, 180) if rng.random() < 0.7 else rng.uniform(75, 178)
    elbow = abs(rng.normal(0, 14)) if straight else rng.uniform(15, 125)
    return float(lift), float(rng.normal(12, 32)), float(rng.uniform(-70, 110)), float(elbow)


def _legs(rng: Rng, lively: float) -> Pose:
    """A way to stand; `lively` is how often it is more than standing."""
    wide, ahead = float(rng.uniform(0.07, 0.16)), float(rng.normal(0, 0.06))
    stand = Pose(left_x=wide, right_x=-wide, left_z=ahead, right_z=-ahead, height=float(rng.uniform(0.955, 0.995)))
    stand = replace(stand, left_turn=float(rng.uniform(-5, 45)), right_turn=float(-rng.uniform(-5, 45)))
    if rng.random() > lively:
        return stand
    lift = float(rng.uniform(0.12, 0.6))
    match rng.integers(9):
        case 0:  # wide
            side = float(rng.uniform(0.2, 0.5))
            return replace(stand, left_x=side, right_x=-side, height=float(rng.uniform(0.75, 0.97)))
        case 1:  # lunge to the side
            return replace(
                stand, left_x=float(rng.uniform(0.3, 0.6)), x=float(rng.uniform(0, 0.22)),
                height=float(rng.uniform(0.7, 0.95)), left_turn=60,
            )  # fmt: skip
        case 2:  # lunge forward
            step = float(rng.uniform(0.15, 0.45))
            return replace(
                stand, left_z=step, right_z=-step, height=float(rng.uniform(0.7, 0.95)),
                right_tip=float(rng.uniform(0, 45)),
            )  # fmt: skip
        case 3:  # foot at the other knee
            return replace(
                stand, left_lift=lift, left_x=float(rng.uniform(-0.05, 0.25)), left_z=float(rng.uniform(0, 0.2))
            )
        case 4:  # leg to the side or the front
            away = rng.uniform(0, np.pi / 2)
            return replace(
                stand, left_lift=lift * 1.4, left_x=float(0.1 + 0.6 * np.cos(away)), left_z=float(0.6 * np.sin(away))
            )
        case 5:  # arabesque
            return replace(
                stand, left_lift=lift * 1.3, left_x=float(rng.uniform(0, 0.3)), left_z=-0.55,
                lean=float(rng.uniform(5, 45)), bend=float(-rng.uniform(0, 25)),
            )  # fmt: skip
        case 6:  # tiptoe
            tip = float(rng.uniform(25, 60))
            return replace(stand, left_tip=tip, right_tip=tip, height=0.995)
        case 7:  # plié
            side = float(rng.uniform(0.1, 0.35))
            return replace(
                stand, left_x=side, right_x=-side, left_turn=50, right_turn=-50, height=float(rng.uniform(0.6, 0.88))
            )
        case _:  # a jump
            up = float(rng.uniform(0.05, 0.3))
            return replace(
                stand, left_lift=up, right_lift=up * float(rng.uniform(0.6, 1.6)), height=1 + up,
                left_x=float(rng.uniform(0.05, 0.45)), right_x=float(-rng.uniform(0.05, 0.45)),
            )  # fmt: skip


def _trunk(pose: Pose, rng: Rng, much: float, turn: float) -> Pose:
    return replace(
        pose, heading=float(rng.normal(0, turn)), lean=pose.lean + float(rng.normal(2, 6 * much)),
        sway=float(rng.normal(0, 5 * much)), bend=pose.bend + float(rng.normal(0, 7 * much)),
        side=float(rng.normal(0, 9 * much)), twist=float(rng.normal(0, 12 * much)),
    )  # fmt: skip


def _dance(rng: Rng) -> Pose:
    return _with_arms(_trunk(_legs(rng, 0.75), rng, 1, 25), _danced_arm(rng), _danced_arm(rng), rng)


def _unison(rng: Rng) -> Pose:
    arm = _danced_arm(rng)
    return _with_arms(_trunk(_legs(rng, 0.6), rng, 0.6, 18), arm, arm, rng, 5)


def _turn(rng: Rng) -> Pose:
    pose = _dance(rng) if rng.random() < 0.65 else _everyday(rng)
    return replace(pose, heading=float(rng.uniform(-180, 180)), look=float(rng.normal(0, 25)))


def _everyday(rng: Rng) -> Pose:
    pose = _trunk(_legs(rng, 0.12), rng, 0.4, 22)
    names = ["hips", "crossed", "chest", "face", "back", "head", "clasped", "heart", "overhead", "wave", "point"]
    if rng.random() < 0.28:
        left = right = str(rng.choice(["hips", "crossed", "clasped", "overhead", "back", "head"]))
    else:
        left, right = ("hanging" if rng.random() < 0.5 else str(rng.choice(names)) for _ in range(2))
    return _with_arms(pose, _held(left, rng), _held(right, rng), rng)


def _walk(rng: Rng) -> Pose:
    step, swing = float(rng.uniform(0.08, 0.34)), float(rng.uniform(5, 40))
    pose = Pose(
        left_x=0.07, right_x=-0.07, left_z=step, right_z=-step, right_tip=float(rng.uniform(0, 45)),
        right_lift=float(rng.choice([0, 0.06])), height=0.97,
    )  # fmt: skip
    pose = _trunk(pose, rng, 0.4, 15)
    pose = replace(pose, heading=float(rng.choice([0, 0, 90, -90, 180, 45, -45]) + rng.normal(0, 15)))
    return _with_arms(pose, (swing, 265, 0, 15), (swing, 85, 0, 25), rng, 6)


def _low(rng: Rng) -> Pose:
    if rng.random() < 0.5:  # on one knee
        pose = Pose(
            left_x=0.13, right_x=-0.12, left_z=0.28, right_z=-0.36, right_tip=65, height=float(rng.uniform(0.4, 0.55))
        )
    else:  # a squat
        wide = float(rng.uniform(0.12, 0.3))
        pose = Pose(
            left_x=wide, right_x=-wide, left_turn=35, right_turn=-35, height=float(rng.uniform(0.4, 0.7)), lean=15
        )
    arm = _danced_arm if rng.random() < 0.6 else (lambda r: _held("hanging" if r.random() < 0.5 else "clasped", r))
    return _with_arms(_trunk(pose, rng, 0.7, 30), arm(rng), arm(rng), rng)


def _bow(rng: Rng) -> Pose:
    pose = replace(_legs(rng, 0.3), lean=float(rng.uniform(15, 65)), bend=float(rng.uniform(0, 35)))
    arm = _danced_arm if rng.random() < 0.6 else (lambda r: _held("hanging", r))
    return _with_arms(replace(pose, heading=float(rng.normal(0, 25))), arm(rng), arm(rng), rng)


FAMILIES: tuple[tuple[float, Callable[[Rng], Pose]], ...] = (
    (0.38, _dance), (0.12, _unison), (0.14, _turn), (0.18, _everyday), (0.08, _walk), (0.06, _low), (0.04, _bow),
)  # fmt: skip
WEIGHTS = np.array([weight for weight, _ in FAMILIES]) / sum(weight for weight, _ in FAMILIES)
