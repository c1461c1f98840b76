"""The moves that a performer is made of, which of them were seen, and what is missing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from engines.images import Size
from engines.pose.landmarks import Joint, Landmarks, in_heights, middle, torso_length

ENOUGH = 4  # pictures in which a move is seen, so that one slip of the tracker does not count

Points = np.ndarray


@dataclass(frozen=True)
class Move:
    """Something to be seen once; `seen` looks at (33, 3) points in torso lengths, y downward."""

    name: str
    seen: Callable[[Points], bool]


def _raised(side: str) -> Callable[[Points], bool]:
    wrist, nose = Joint[f"{side}_WRIST"], Joint.NOSE
    return lambda points: bool(points[wrist, 1] < points[nose, 1])


def _out(side: str) -> Callable[[Points], bool]:
    wrist, shoulder = Joint[f"{side}_WRIST"], Joint[f"{side}_SHOULDER"]
    return lambda points: bool(abs(points[wrist, 0] - points[shoulder, 0]) > 0.7)


def _knee(side: str) -> Callable[[Points], bool]:
    knee, hip = Joint[f"{side}_KNEE"], Joint[f"{side}_HIP"]
    return lambda points: bool(points[knee, 1] - points[hip, 1] < 0.5)


def _turned(points: Points) -> bool:
    return bool(abs(points[Joint.LEFT_SHOULDER, 0] - points[Joint.RIGHT_SHOULDER, 0]) < 0.3)


def _bent(points: Points) -> bool:
    shoulders = middle(points, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
    hips = middle(points, Joint.LEFT_HIP, Joint.RIGHT_HIP)
    leant = abs(shoulders[0] - hips[0]) > 0.35
    return bool(leant or points[Joint.NOSE, 1] > shoulders[1] - 0.15)


MOVES = (
    Move("raise your left arm", _raised("LEFT")),
    Move("raise your right arm", _raised("RIGHT")),
    Move("stretch your left arm out", _out("LEFT")),
    Move("stretch your right arm out", _out("RIGHT")),
    Move("lift your left knee", _knee("LEFT")),
    Move("lift your right knee", _knee("RIGHT")),
    Move("turn to the side", _turned),
    Move("bend", _bent),
)


@dataclass
class Coverage:
    """How often each move was seen."""

    counts: list[int] = field(default_factory=lambda: [0] * len(MOVES))

    def see(self, landmarks: Landmarks, size: Size) -> None:
        """Take up one picture's landmarks, in 0..1 of a frame of `size`."""
        points = in_heights(landmarks, size)
        points = points / max(float(torso_length(points)), 0.05)
        for number, move in enumerate(MOVES):
            self.counts[number] += move.seen(points)

    @property
    def missing(self) -> tuple[str, ...]:
        """The moves that were not seen, in words."""
        return tuple(move.name for move, count in zip(MOVES, self.counts, strict=True) if count < ENOUGH)


def missing_moves(landmarks: Iterable[Landmarks], size: Size) -> tuple[str, ...]:
    """The moves that a clip with these landmarks, in 0..1 of frames of `size`, does not show."""
    coverage = Coverage()
    for one in landmarks:
        coverage.see(one, size)
    return coverage.missing
