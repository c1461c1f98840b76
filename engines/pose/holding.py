"""Landmarks held to their film's flow while it is read: a few frames are looked ahead at, and no more is remembered.

What `engines.pose.tremble` does for pairs with a whole stretch before it. For who may wait, as a film that is rendered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracked
from engines.pose.tremble import SIDE, Gray, shift, without_tremble

AHEAD = 10
"""Frames that are looked ahead at, and remembered: a neighbor's word counts 0.7 times less with every frame (the
smoother's pole at `tremble.HELD`), so beyond them there are 3 % left."""


class Step(Protocol):
    """A frame (H, W, 3) and who was found in it: a dataclass, for it is handed on with other landmarks."""

    @property
    def frame(self) -> Frame: ...
    @property
    def tracked(self) -> Tracked: ...


S = TypeVar("S", bound=Step)


@dataclass(frozen=True)
class _Seen:
    gray: Gray
    landmarks: Landmarks
    moved: NDArray[np.float32]


def held(steps: Iterable[S]) -> Iterator[S]:
    """The same steps in their order, their landmarks held to the flow from both sides in time, `AHEAD` steps late.

    A frame in which nobody is found, or of another size, ends a stretch.
    """
    waiting: list[S] = []
    seen: list[_Seen] = []
    for step in steps:
        landmarks = step.tracked.landmarks
        if landmarks is None or not np.isfinite(landmarks).all():
            yield from _rest(waiting, seen)
            yield step
            waiting, seen = [], []
            continue
        gray = _gray(step.frame)
        if seen and gray.shape != seen[-1].gray.shape:
            yield from _rest(waiting, seen)
            waiting, seen = [], []
        moved = np.full((len(landmarks), 2), np.nan, np.float32)
        if seen:
            moved = shift(seen[-1].gray, gray, seen[-1].landmarks, landmarks)
        waiting.append(step)
        seen = [*seen[-2 * AHEAD :], _Seen(gray, landmarks, moved)]
        if len(waiting) > AHEAD:
            yield _with(waiting.pop(0), _steady(seen)[-1 - AHEAD])
    yield from _rest(waiting, seen)


def _rest(waiting: list[S], seen: list[_Seen]) -> Iterator[S]:
    if waiting:
        for step, landmarks in zip(waiting, _steady(seen)[-len(waiting) :], strict=True):
            yield _with(step, landmarks)


def _steady(seen: list[_Seen]) -> NDArray[np.float32]:
    """(T, 33, 4) in 0..1 of the frame; held in frame heights, where both axes have one unit."""
    height, width = seen[0].gray.shape
    aspect = np.array([width / height, 1], np.float32)
    points = np.stack([each.landmarks for each in seen])
    points[..., :2] *= aspect
    steady = without_tremble(points, np.stack([each.moved for each in seen]) * aspect)
    steady[..., :2] /= aspect
    return steady


def _with(step: S, landmarks: Landmarks) -> S:
    return replace(step, tracked=replace(step.tracked, landmarks=landmarks))  # type: ignore[type-var]


def _gray(frame: Frame) -> Gray:
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (max(1, round(SIDE * width / height)), SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
