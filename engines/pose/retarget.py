"""A visitor's pose on the trained dancer's body, place and size.

A generator has only seen one body on one floor. So a visitor is scaled into the dancer's heights and moved onto the
dancer's floor. Everybody Dance Now does this once per clip, knowing all of it; here nothing looks ahead: visitors
move as they do, and are drawn along as on a leash where they would leave what the dancer did, nearer or farther, to
the left or right. Then every bone is lengthened or shortened in the ratio of the two bodies, from the hips outward.
Ratios are between running robust lengths and not between frames, so a foreshortened arm stays foreshortened, and the
dancer herself stays as she is.
"""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.images import Size
from engines.pose.landmarks import Joint, Landmarks, finite, from_heights, in_heights
from engines.pose.proportions import BONES, DEPTH, UPRIGHT, Proportions, bone_lengths, height_of

FLOOR_WINDOW_S = 3.0
_LONGEST_STEP_S = 0.25  # a stall is no reason for a jump
_SETTLING_S = 1.0  # for so long the first sight of a visitor may still be corrected
_HEIGHT_S = 0.5
# How fast a running bone length goes to its 90th percentile, a second: at first, and once it has been seen for long.
_LEARNING, _LEARNED = 0.4, 0.06
_ODDEST = 1.6  # no visitor's bone differs more than that from the dancer's, as a share of the height
_SURE = 0.1  # a bone that differs by this share does differ
_RATIO_S, _FLOOR_S, _GAIN_S, _AMOUNT_S = 0.4, 0.15, 1.5, 0.3
_BELOW_FLOOR = 0.06  # heights: one foot may stand so much nearer to the camera than the floor line
_LEASH = 0.03  # heights beyond the dancer's home
_SIZE_LEASH = 1.04  # beyond the dancer's heights, because a height is not measured better than that

_FEET = np.array([Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX])
_LEFT_HIP, _RIGHT_HIP = int(Joint.LEFT_HIP), int(Joint.RIGHT_HIP)
_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
_SHOULDERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]
_EARS = [Joint.LEFT_EAR, Joint.RIGHT_EAR]
_FACE = list(range(Joint.NOSE, Joint.MOUTH_RIGHT + 1))
# After the trunk: (bone, the joints it moves, the joints they hang on).
_LIMBS = tuple(
    (BONES.index(bone), [int(Joint[f"{side}_{end}"]) for end in ends], int(Joint[f"{side}_{start}"]))
    for side in ("LEFT", "RIGHT")
    for bone, ends, start in (
        ("upper_arm", ("ELBOW",), "SHOULDER"),
        ("forearm", ("WRIST",), "ELBOW"),
        ("hand", ("PINKY", "INDEX", "THUMB"), "WRIST"),
        ("thigh", ("KNEE",), "HIP"),
        ("shin", ("ANKLE",), "KNEE"),
        ("foot", ("HEEL", "FOOT_INDEX"), "ANKLE"),
    )
)
_DEPTHS = np.array([[[1, 1, depth]] for depth in (DEPTH, 0.0, 1.0)])
"""As a height is measured; in the plane of the picture; as the tracker has it."""

_TORSO, _NECK, _HEAD, _SHOULDER, _HIP = (BONES.index(name) for name in ("torso", "neck", "head", "shoulder", "hip"))


class Retargeter:
    """Follows one visitor and gives their pose as the dancer of `proportions` would take it; one per visitor and
    bundle.

    After a pause longer than a quarter of a second it goes on as if that long had passed, and when time runs backward
    (a clip begins again) as if none had; another visitor needs `reset`.
    """

    def __init__(self, proportions: Proportions) -> None:
        self._dancer = proportions
        self._dancer_shares = proportions.shares
        self.reset()

    def reset(self) -> None:
        """Forget the visitor: the next landmarks are somebody else's."""
        self._then: float | None = None
        self._age = 0.0
        self._height = math.nan
        self._gain = math.nan
        self._shares = self._dancer_shares.copy()
        self._ratios = np.ones(len(BONES))
        self._feet: deque[tuple[float, float]] = deque()
        self._floor = math.nan
        self._shift = (0.0, 0.0)
        self._amount = math.nan

    def __call__(self, landmarks: Landmarks, source_size: Size, time_s: float, amount: float = 1.0) -> Landmarks:
        """The landmarks of a frame of `source_size` in the trained square (0..1, z in squares), left and right kept.

        `amount` 1 gives every bone the dancer's length, 0 keeps the visitor's shape and only scales and places it;
        changes are followed within a second. Landmarks that are not finite count as lying in the hips.
        """
        points = _finite(in_heights(landmarks, source_size))
        step = self._step(time_s)
        self._look(points, landmarks[:, 3], step)
        foot = float(points[_FEET, 1].max())
        self._stand(foot, time_s, step)
        self._amount = _toward(self._amount, _held(amount, 0.0, 1.0), step, _AMOUNT_S)
        x = float(points[_LEFT_HIP, 0] + points[_RIGHT_HIP, 0]) / 2 - source_size[1] / source_size[0] / 2
        across, down = self._led(x, step)
        posed = _rebuilt(points, self._blended_ratios()) * self._gain
        posed[:, 0] += 0.5 + x * self._gain + across
        lowest = self._dancer.floor_near + _BELOW_FLOOR * self._dancer.height_near
        posed[:, 1] += min(foot * self._gain + down, lowest) - posed[_FEET, 1].max()
        return from_heights(posed.astype(np.float32), finite(landmarks[:, 3]), (1, 1))

    def _step(self, time_s: float) -> float:
        step = 0.0 if self._then is None else min(max(time_s - self._then, 0.0), _LONGEST_STEP_S)
        self._then = time_s
        self._age += step
        return step

    def _look(self, points: NDArray[np.float64], visibility: NDArray[np.float32], step: float) -> None:
        """Update the visitor's height and bones."""
        # Where the tracker itself says that a bone points at the camera, it tells nothing about being short.
        lengths, flat, deep = bone_lengths(points * _DEPTHS, np.broadcast_to(visibility, (3, 33)), 1.0)
        seen = height_of(lengths, self._shares)
        if not math.isfinite(seen) or seen < 1e-3:
            seen = self._height if math.isfinite(self._height) else self._dancer.height_near
        self._height = _toward(self._height, seen, step, _HEIGHT_S)
        across = np.minimum(np.fmax((flat / np.maximum(deep, 1e-6) - 0.75) / 0.15, 0), 1)  # not a number counts as 0
        self._measure(lengths, across, step)
        self._height = max(self._height, 1e-3)

    def _measure(self, lengths: NDArray[np.float64], across: NDArray[np.float64], step: float) -> None:
        """Move each running bone share toward its 90th percentile, down only as far as the bone lies `across` the
        view."""
        ratio = lengths / (self._shares * self._height)
        ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
        rate = max(_LEARNING / (1 + self._age / 3), _LEARNED) * step
        up = np.minimum(0.9 * rate, np.log(np.maximum(ratio, 1)))
        down = np.minimum(0.1 * rate * across, -np.log(np.minimum(ratio, 1)))
        self._shares = np.clip(
            self._shares * np.exp(up - down), self._dancer_shares / _ODDEST, self._dancer_shares * _ODDEST
        )
        # Shares are of the upright height, whatever was just learned about single bones.
        whole = self._shares[UPRIGHT].sum() / self._dancer_shares[UPRIGHT].sum()
        self._shares /= whole
        self._height *= whole
        blend = 1 - math.exp(-step / _RATIO_S)
        self._ratios += blend * (self._dancer_shares / self._shares - self._ratios)

    def _stand(self, foot: float, time_s: float, step: float) -> None:
        """Update the visitor's floor: where their lower foot was lowest in the last seconds, but for the tracker's
        slips."""
        self._feet.append((time_s, foot))
        while self._feet[0][0] < time_s - FLOOR_WINDOW_S or self._feet[0][0] > time_s:
            self._feet.popleft()
        lowest = _percentile([y for _, y in self._feet], 0.9)
        self._floor = _toward(self._floor, lowest, step, _FLOOR_S)

    def _led(self, x: float, step: float) -> tuple[float, float]:
        """Update gain and shift; (x, y) to add so that hips and floor stay where the dancer's were."""
        dancer, before = self._dancer, self._gain
        settling = self._age < _SETTLING_S or math.isnan(before)
        gain = 1.0 if settling else before
        slack = 1.0 if settling else _SIZE_LEASH
        fitting = _held(self._height * gain, dancer.height_far / slack, dancer.height_near * slack) / self._height
        self._gain = gain = fitting if settling else _toward(gain, fitting, step, _GAIN_S)
        across, down = self._shift
        if settling:
            across, down = 0.0, _held(self._floor, dancer.floor_far, dancer.floor_near) - self._floor * gain
        else:  # a changed gain turns around the place where the visitor stands
            across, down = across + x * (before - gain), down + self._floor * (before - gain)
        hips, floor = 0.5 + x * gain + across, self._floor * gain + down
        across += _held(hips, dancer.home[0] - _LEASH, dancer.home[1] + _LEASH) - hips
        down += _held(floor, dancer.floor_far, dancer.floor_near) - floor
        self._shift = across, down
        return self._shift

    def _blended_ratios(self) -> NDArray[np.float64]:
        """What to multiply each bone with. A few percent are within what the measure itself wanders by, and are let
        be."""
        logs = np.log(self._ratios)
        sure = np.clip(np.abs(logs) / _SURE, 0, 1)
        return np.exp(self._amount * logs * sure * sure * (3 - 2 * sure))


def _rebuilt(points: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pose with every bone stretched by its ratio, from the hips (at 0) outward."""
    return np.asarray((ratios @ _OUTWARD).reshape(33, 33) @ points)


def _outward() -> NDArray[np.float64]:
    """(bones, 33 * 33): what every bone adds to every joint, as shares of all joints: rebuilding is linear in both."""
    joints = np.eye(33)
    built = np.zeros((len(BONES), 33, 33))  # bone, joint, share of each joint
    pelvis, neck, ears = joints[_HIPS].mean(axis=0), joints[_SHOULDERS].mean(axis=0), joints[_EARS].mean(axis=0)
    built[_HIP, _HIPS] = joints[_HIPS] - pelvis
    built[_TORSO, _SHOULDERS] = built[_TORSO, _FACE] = neck - pelvis
    built[_SHOULDER, _SHOULDERS] = joints[_SHOULDERS] - neck
    built[_NECK, _FACE] = ears - neck
    built[_HEAD, _FACE] = joints[_FACE] - ears
    for bone, ends, start in _LIMBS:
        built[:, ends] = built[:, [start]]
        built[bone, ends] += joints[ends] - joints[start]
    return built.reshape(len(BONES), -1)


_OUTWARD = _outward()


def _finite(points: NDArray[np.float32]) -> NDArray[np.float64]:
    clean = np.clip(points.astype(np.float64), -20, 20)
    bad = ~np.isfinite(clean).all(axis=1)
    if bad.any():
        hips = clean[_HIPS][np.isfinite(clean[_HIPS]).all(axis=1)]
        clean[bad] = hips.mean(axis=0) if len(hips) else 0.5
    return clean


def _toward(value: float, goal: float, step: float, seconds: float) -> float:
    """`value` after `step` on its exponential way to `goal`; at once if there was none before."""
    return goal if math.isnan(value) else value + (goal - value) * (1 - math.exp(-step / seconds))


def _percentile(values: list[float], share: float) -> float:
    """As `numpy.percentile`, which takes ten times as long for so few."""
    values = sorted(values)
    at, beyond = divmod(share * (len(values) - 1), 1.0)
    low, high = values[int(at)], values[min(int(at) + 1, len(values) - 1)]
    return low + (high - low) * beyond


def _held(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
