"""Half a body made whole: somebody at a laptop shows head and arms, and the performer still stands.

What is not seen of hips and legs, and what of the arms is out of the picture, is taken from a body standing at ease,
as large as the shoulders, neck and torso that are seen. Each part blends between seen and completed over a moment and
with hysteresis, so that a leg at the edge of the picture does not flicker between the two. A limb hidden behind the
body is none of this: the tracker's guess of it is what the generator was trained with.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.images import Size
from engines.pose.landmarks import Joint, Landmarks, finite, from_heights, in_heights, middle
from engines.pose.stance import STANDING

SEEN, UNSEEN = 0.5, 0.25
"""A part is taken as seen above the first visibility and as unseen below the second; between them it stays what it
was."""
OUTSIDE = 0.08  # heights beyond the picture's edge: the tracker invents what lies farther out
BLEND_S = 0.3

_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
_SHOULDERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER]
_EARS = [Joint.LEFT_EAR, Joint.RIGHT_EAR]
_KNEES, _ANKLES = [Joint.LEFT_KNEE, Joint.RIGHT_KNEE], [Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE]


@dataclass(frozen=True)
class _Part:
    """Landmarks completed together: hung on others, and seen if any of `judged` is."""

    joints: list[Joint]
    hung_on: list[Joint]
    judged: list[Joint]
    arm: bool = False


def _arms(side: str) -> tuple[_Part, _Part]:
    shoulder, elbow, wrist = ([Joint[f"{side}_{name}"]] for name in ("SHOULDER", "ELBOW", "WRIST"))
    hand = wrist + [Joint[f"{side}_{name}"] for name in ("PINKY", "INDEX", "THUMB")]
    return _Part(elbow, shoulder, elbow, arm=True), _Part(hand, elbow, wrist, arm=True)


def _legs() -> tuple[_Part, ...]:
    """Both legs are judged by the better seen one, for the other may only be behind it."""
    sides = ("LEFT", "RIGHT")
    knees = (_Part([Joint[f"{side}_KNEE"]], [Joint[f"{side}_HIP"]], _KNEES) for side in sides)
    feet = (
        _Part([Joint[f"{side}_{name}"] for name in ("ANKLE", "HEEL", "FOOT_INDEX")], [Joint[f"{side}_KNEE"]], _ANKLES)
        for side in sides
    )
    return *knees, *feet


# Parents before children.
_PARTS = (_Part(_HIPS, _SHOULDERS, _HIPS), *_legs(), *_arms("LEFT"), *_arms("RIGHT"))
_WIDTH = float(STANDING[Joint.LEFT_SHOULDER, 0] - STANDING[Joint.RIGHT_SHOULDER, 0])
_NECK = float(STANDING[_SHOULDERS, 1].mean() - STANDING[_EARS, 1].mean())
_SIZE_S = 0.5


class Completion:
    """Completes one visitor's landmarks frame by frame; `reset` when another one comes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the visitor: the next frame is taken as it is, without blending."""
        self._then: float | None = None
        self._unit = math.nan
        self._seen = [True] * len(_PARTS)
        self._share = [math.nan] * len(_PARTS)

    def __call__(self, landmarks: Landmarks, size: Size, time_s: float) -> Landmarks:
        """The whole body in the frame of `size`; it may reach far below its edge. A wholly visible body comes back as
        it is.

        Completed landmarks have visibility 1, so that they are drawn and measured like others.
        """
        step = 0.0 if self._then is None else min(max(time_s - self._then, 0.0), 0.25)
        self._then = time_s
        points = in_heights(landmarks, size).astype(np.float64)
        trust, arms = _trust(landmarks, points, size)
        legs_of, arms_of = trust.tolist(), arms.tolist()  # Python looks up single numbers faster than NumPy
        weights = [self._weight(i, arms_of if part.arm else legs_of, part, step) for i, part in enumerate(_PARTS)]
        self._measure(points, trust, step)
        if min(weights) == 1 and np.isfinite(points).all():
            return landmarks
        whole, visibility = points.copy(), np.nan_to_num(landmarks[:, 3]).astype(np.float64)
        standing = self._standing(points)
        whole[_SHOULDERS] = np.where(np.isfinite(points[_SHOULDERS]), points[_SHOULDERS], standing[_SHOULDERS])
        for part, weight in zip(_PARTS, weights, strict=True):
            hung = whole[part.hung_on].mean(axis=0) - standing[part.hung_on].mean(axis=0)
            completed = standing[part.joints] + hung
            known = np.where(np.isfinite(points[part.joints]), points[part.joints], completed)
            whole[part.joints] = weight * known + (1 - weight) * completed
            visibility[part.joints] = weight * visibility[part.joints] + (1 - weight)
        return from_heights(whole.astype(np.float32), visibility.astype(np.float32), size)

    def _weight(self, i: int, trust: list[float], part: _Part, step: float) -> float:
        """1 for a part that is seen, 0 for one that is completed, on the way between them after a change."""
        best = max([trust[joint] for joint in part.judged])
        first = math.isnan(self._share[i])
        self._seen[i] = best >= (UNSEEN if self._seen[i] and not first else SEEN)
        goal = float(self._seen[i])
        change = 1.0 if first else step / BLEND_S
        before = goal if first else self._share[i]
        self._share[i] = min(goal, before + change) if goal > before else max(goal, before - change)
        return self._share[i]

    def _measure(self, points: NDArray[np.float64], trust: NDArray[np.float64], step: float) -> None:
        """Update the visitor's torso length: seen, or told by shoulders and neck, whichever is the least
        foreshortened."""
        left, right = points[_SHOULDERS, :2].tolist()
        neck, ears, hips = (middle(points, *pair)[:2].tolist() for pair in (_SHOULDERS, _EARS, _HIPS))
        guesses = [math.dist(left, right) / _WIDTH, math.dist(ears, neck) / _NECK]
        if trust[_HIPS].min() >= SEEN:
            guesses.append(math.dist(hips, neck))
        unit = max((guess for guess in guesses if math.isfinite(guess)), default=math.nan)
        if math.isfinite(unit):
            unit = min(max(unit, 0.02), 3.0)
            share = 1.0 if math.isnan(self._unit) else 1 - math.exp(-step / _SIZE_S)
            self._unit = unit if math.isnan(self._unit) else self._unit + (unit - self._unit) * share

    def _standing(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(33, 3): a body at ease under the visitor's shoulders, of the visitor's size."""
        unit = 0.25 if math.isnan(self._unit) else self._unit
        neck = points[_SHOULDERS].mean(axis=0)
        neck = np.where(np.isfinite(neck), neck, [0.5, 0.5, 0.0])
        return STANDING * unit + neck - STANDING[_SHOULDERS].mean(axis=0) * unit


def completed(landmarks: Landmarks, size: Size = (1, 1)) -> Landmarks:
    """One frame's landmarks with what is missing of hips and legs, without memory: for pictures, not for streams."""
    return Completion()(landmarks, size, 0.0)


def _trust(
    landmarks: Landmarks, points: NDArray[np.float64], size: Size
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two (33,): for legs the visibility, none far outside the picture; for arms full trust inside, the visibility
    outside."""
    height, width = size
    beyond = np.maximum(
        np.abs(points[:, 0] - width / height / 2) - width / height / 2, np.abs(points[:, 1] - 0.5) - 0.5
    )
    visibility = np.where(np.isfinite(points).all(axis=1), finite(landmarks[:, 3]), 0.0)
    return np.where(beyond < OUTSIDE, visibility, 0.0), np.where(beyond < 0, 1.0, visibility)
