"""Landmarks held to their film's flow while it is read: a few frames are looked ahead at, and no more is remembered.

What `engines.pose.tremble` does for pairs with a whole stretch before it. For who may wait, as a film that is rendered;
a motion that is recorded waits for its end.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeGuard, TypeVar

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
        if not _can_be_held(landmarks):
            yield from _rest(waiting, seen)
            yield step
            waiting, seen = [], []
            continue
        gray = _gray(step.frame)
        if seen and gray.shape != seen[-1].gray.shape:
            yield from _rest(waiting, seen)
            waiting, seen = [], []
        waiting.append(step)
        seen = [*seen[-2 * AHEAD :], _after(seen[-1] if seen else None, gray, landmarks)]
        if len(waiting) > AHEAD:
            yield _with(waiting.pop(0), _steady_of(seen)[-1 - AHEAD])
    yield from _rest(waiting, seen)


def _rest(waiting: list[S], seen: list[_Seen]) -> Iterator[S]:
    if waiting:
        for step, landmarks in zip(waiting, _steady_of(seen)[-len(waiting) :], strict=True):
            yield _with(step, landmarks)


def _steady_of(seen: list[_Seen]) -> NDArray[np.float32]:
    return _steady([(each.landmarks, each.moved) for each in seen], seen[0].gray.shape)


class Recording:
    """Who was found in frame after frame, held to the flow from both sides in time when all are there.

    `steadied` False gives them back as they were found. A frame in which nobody is found, or of another size, ends a
    stretch. Of the frames only the last one is remembered.
    """

    def __init__(self, steadied: bool = True) -> None:
        self._steadied = steadied
        self._done: list[Landmarks] = []
        self._stretch: list[tuple[Landmarks, NDArray[np.float32]]] = []
        self._last: _Seen | None = None

    def add(self, frame: Frame, landmarks: Landmarks | None) -> None:
        """`landmarks` (33, 4) found in the next frame (H, W, 3), or None."""
        if not self._steadied or not _can_be_held(landmarks):
            self._end()
            self._done += [] if landmarks is None else [landmarks]
            return
        gray = _gray(frame)
        if self._last is not None and gray.shape != self._last.gray.shape:
            self._end()
        self._last = _after(self._last, gray, landmarks)
        self._stretch.append((landmarks, self._last.moved))

    def landmarks(self) -> list[Landmarks]:
        """Everybody who was found, in order."""
        self._end()
        return list(self._done)

    def _end(self) -> None:
        if self._last is not None and self._stretch:
            self._done += list(_steady(self._stretch, self._last.gray.shape))
        self._stretch, self._last = [], None


def _can_be_held(landmarks: Landmarks | None) -> TypeGuard[Landmarks]:
    return landmarks is not None and bool(np.isfinite(landmarks).all())


def _after(last: _Seen | None, gray: Gray, landmarks: Landmarks) -> _Seen:
    if last is None:
        return _Seen(gray, landmarks, np.full((len(landmarks), 2), np.nan, np.float32))
    return _Seen(gray, landmarks, shift(last.gray, gray, last.landmarks, landmarks))


def _steady(stretch: Sequence[tuple[Landmarks, NDArray[np.float32]]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(T, 33, 4) in 0..1 of the frame; held in frame heights, where both axes have one unit."""
    height, width = shape
    aspect = np.array([width / height, 1], np.float32)
    points = np.stack([landmarks for landmarks, _ in stretch])
    points[..., :2] *= aspect
    steady = without_tremble(points, np.stack([moved for _, moved in stretch]) * aspect)
    steady[..., :2] /= aspect
    return steady


def _with(step: S, landmarks: Landmarks) -> S:
    return replace(step, tracked=replace(step.tracked, landmarks=landmarks))  # type: ignore[type-var]


def _gray(frame: Frame) -> Gray:
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (max(1, round(SIDE * width / height)), SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
