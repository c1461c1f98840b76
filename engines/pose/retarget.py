"""A visitor's pose on the trained dancer's body, place and size.

A generator has only seen one body on one floor. So a visitor is moved to that floor and scaled to that height, both
interpolated between near and far as in Everybody Dance Now (but causally: nothing here looks ahead), and then every
bone is lengthened or shortened in the ratio of the two bodies, from the hips outward. Ratios are between running
robust lengths and not between frames, so a foreshortened arm stays foreshortened.
"""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.images import Size
from engines.pose.landmarks import Joint, Landmarks, from_heights, in_heights
from engines.pose.proportions import BONES, UPRIGHT, Proportions, bone_lengths, height_of

FLOOR_WINDOW_S = 3.0
_LONGEST_STEP_S = 0.1  # a stall is no reason for a jump
_SETTLING_S = 1.0  # for so long the first sight of a visitor may still be corrected
_TALLER_S, _SHORTER_S = 0.25, 1.0  # a body looks shorter in many ways and taller in none
_BONE_RATE = 0.4  # a second: how fast a running bone length goes to its 90th percentile
_ODDEST = 1.6  # no visitor's bone differs more than that from the dancer's, as a share of the height
_RATIO_S, _FLOOR_S, _AMOUNT_S = 0.4, 0.15, 0.3
_BELOW_FLOOR = 0.06  # heights: one foot may stand so much nearer to the camera than the floor line
_LEASH = 0.03  # heights beyond the dancer's home

_FEET = [Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX]
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
_TORSO, _NECK, _HEAD, _SHOULDER, _HIP = (BONES.index(name) for name in ("torso", "neck", "head", "shoulder", "hip"))


class Retargeter:
    """Follows one visitor and gives their pose as the dancer of `proportions` would take it; one per visitor and
    bundle.

    Time must not run backward; after a pause longer than a tenth of a second it goes on as if that long had passed.
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
        self._range = (math.nan, math.nan)
        self._shares = self._dancer_shares.copy()
        self._ratios = np.ones(len(BONES))
        self._feet: deque[tuple[float, float]] = deque()
        self._floor = math.nan
        self._leash = 0.0
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
        self._amount = _toward(self._amount, min(1.0, max(0.0, amount)), step, _AMOUNT_S)
        height, floor = self._place()
        scale = height / self._height
        posed = _rebuilt(points, 1 + self._amount * (self._ratios - 1)) * scale
        lift = max((self._floor - foot) * scale, -_BELOW_FLOOR * height)
        posed[:, 1] += floor - lift - posed[_FEET, 1].max()
        posed[:, 0] += self._across((float(points[_HIPS, 0].mean()) - source_size[1] / source_size[0] / 2) * scale)
        return from_heights(posed.astype(np.float32), np.nan_to_num(landmarks[:, 3]), (1, 1))

    def _step(self, time_s: float) -> float:
        step = 0.0 if self._then is None else min(max(time_s - self._then, 0.0), _LONGEST_STEP_S)
        self._then = time_s
        self._age += step
        return step

    def _look(self, points: NDArray[np.float64], visibility: NDArray[np.float32], step: float) -> None:
        """Update the visitor's height, bones, and range of heights."""
        lengths = bone_lengths(points, visibility)
        seen = height_of(lengths, self._shares)
        if not math.isfinite(seen) or seen < 1e-3:
            seen = self._height if math.isfinite(self._height) else self._dancer.height_near
        self._height = _toward(self._height, seen, step, _TALLER_S if seen > self._height else _SHORTER_S)
        # Where the tracker itself says that a bone points at the camera, it tells nothing about being short.
        flat, deep = (bone_lengths(points, visibility, depth) for depth in (0.0, 1.0))
        across = np.clip((np.nan_to_num(flat / np.maximum(deep, 1e-6)) - 0.75) / 0.15, 0, 1)
        self._measure(lengths, across, step)
        self._height = max(self._height, 1e-3)
        low, high = self._range
        if self._age < _SETTLING_S:
            low, high = self._dancer.height_far, self._dancer.height_near
            moved = min(max(self._height, low), high)
            low, high = low * self._height / moved, high * self._height / moved
        self._range = min(low, self._height), max(high, self._height)

    def _measure(self, lengths: NDArray[np.float64], across: NDArray[np.float64], step: float) -> None:
        """Move each running bone share toward its 90th percentile, down only as far as the bone lies `across` the view."""
        ratio = lengths / (self._shares * self._height)
        ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)
        up = np.minimum(0.9 * _BONE_RATE * step, np.log(np.maximum(ratio, 1)))
        down = np.minimum(0.1 * _BONE_RATE * step * across, -np.log(np.minimum(ratio, 1)))
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
        while self._feet[0][0] < time_s - FLOOR_WINDOW_S:
            self._feet.popleft()
        lowest = float(np.percentile([y for _, y in self._feet], 90))
        self._floor = _toward(self._floor, lowest, step, _FLOOR_S)

    def _place(self) -> tuple[float, float]:
        """(height, floor) in the square for where the visitor stands between the farthest and the nearest they were
        seen."""
        low, high = self._range
        near = (self._height - low) / (high - low) if high > low * 1.001 else 0.5
        dancer = self._dancer
        return (
            dancer.height_far + near * (dancer.height_near - dancer.height_far),
            dancer.floor_far + near * (dancer.floor_near - dancer.floor_far),
        )

    def _across(self, x: float) -> float:
        """x of the hips in the square: as the visitor moves, in body lengths, and drawn along at the ends of the
        dancer's home."""
        low, high = self._dancer.home[0] - _LEASH, self._dancer.home[1] + _LEASH
        wanted = 0.5 + x + self._leash
        held = min(max(wanted, low), high)
        self._leash += held - wanted
        return held


def _rebuilt(points: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pose with every bone stretched by its ratio, from the hips (at 0) outward."""
    built = np.empty_like(points)
    pelvis, neck, ears = points[_HIPS].mean(axis=0), points[_SHOULDERS].mean(axis=0), points[_EARS].mean(axis=0)
    built[_HIPS] = (points[_HIPS] - pelvis) * ratios[_HIP]
    new_neck = (neck - pelvis) * ratios[_TORSO]
    built[_SHOULDERS] = new_neck + (points[_SHOULDERS] - neck) * ratios[_SHOULDER]
    new_ears = new_neck + (ears - neck) * ratios[_NECK]
    built[_FACE] = new_ears + (points[_FACE] - ears) * ratios[_HEAD]
    for bone, ends, start in _LIMBS:
        built[ends] = built[start] + (points[ends] - points[start]) * ratios[bone]
    return built


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
