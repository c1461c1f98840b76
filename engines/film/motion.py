"""How much a film moves from frame to frame, and how far apart two frames must be for a next frame to be news.

Learned from neighbors that are nearly the same, a generator learns to copy: the seed of this lost a week to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.film.flow import flow_between
from engines.images import Frame, resized

LOOK_WIDTH = 192
LOOKS = 24
"""So many pairs are looked at for each stride."""
MOVES = 0.006
"""Enough change: the liveliest twentieth of the picture goes this far, in widths (1.5 pixels of 256) ..."""
CHANGES = 3.0
"""... or the whole of it changes by so many levels, as water and fire do where there is nothing to follow."""
STILL_MOVES, STILL_CHANGES = 0.0015, 2.0
"""Less than this at every stride is a still picture: a camera's noise changes a small picture by less."""
LONGEST_S = 1.0
HELD = 0.1
"""A frame that changes by less than this share of the film's large changes (their 95th percentile) repeats the last."""
HELD_OFTEN = 0.25
"""Where fewer frames than this share do, the film does not repeat its frames; it rests now and then."""


@dataclass(frozen=True)
class Motion:
    """What happens between frames `stride` apart.

    `moves`: 95th percentile of the flow, in widths of the picture. `changes`: mean absolute difference in levels.
    """

    stride: int
    moves: float
    changes: float

    @property
    def is_enough(self) -> bool:
        return self.moves >= MOVES or self.changes >= CHANGES

    @property
    def is_still(self) -> bool:
        return self.moves < STILL_MOVES and self.changes < STILL_CHANGES


def look(frame: Frame) -> Frame:
    """A frame as motion is measured in it: small, which averages a camera's noise away."""
    if frame.shape[1] <= LOOK_WIDTH:
        return frame
    return resized(frame, (max(16, round(LOOK_WIDTH * frame.shape[0] / frame.shape[1])), LOOK_WIDTH))


def new_ones(looks: Sequence[Frame], fps: float) -> list[int]:
    """The indices of `looks` that are no repetition of the one before.

    A film drawn on twos, or by a camera that is slower than its file, holds every picture for some frames. Whoever
    learns from those learns to stand still: from two pictures that are the same nobody can tell whether a third comes.
    What is held for longer than `LONGEST_S` is a rest of the film and stays.
    """
    changes = [float(cv2.absdiff(a, b).mean()) for a, b in pairwise(looks)]
    bound = HELD * float(np.percentile(changes, 95)) if changes else 0.0
    kept, run = [0], []
    for i, change in enumerate([*changes, np.inf], 1):
        if change < bound:
            run.append(i)
            continue
        kept += [*(run if len(run) >= LONGEST_S * fps else []), i]
        run = []
    kept.pop()
    return kept if len(kept) <= (1 - HELD_OFTEN) * len(looks) else list(range(len(looks)))


def strides_of(fps: float, longest_shot: int) -> tuple[int, ...]:
    """The strides worth measuring, from 1 to a second, if the longest shot has that many frames three times over."""
    most = min(max(1, round(LONGEST_S * fps)), max(1, longest_shot // 3))
    steps = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60)
    return tuple(step for step in steps if step <= most)


def motion_at(looks: Sequence[Frame], spans: Sequence[tuple[int, int]], stride: int) -> Motion | None:
    """The motion between looks `stride` apart within the shots; None where no shot is longer than that."""
    starts = [i for start, stop in spans for i in range(start, stop - stride)]
    if not starts:
        return None
    chosen = [starts[k] for k in np.linspace(0, len(starts) - 1, min(LOOKS, len(starts))).round().astype(int)]
    lengths, changes = [], []
    for i in chosen:
        flow = flow_between(looks[i], looks[i + stride])
        lengths.append(float(np.percentile(np.linalg.norm(flow, axis=-1), 95)) / flow.shape[1])
        changes.append(float(cv2.absdiff(looks[i], looks[i + stride]).mean()))
    return Motion(stride, float(np.median(lengths)), float(np.median(changes)))


def measured_motion(looks: Sequence[Frame], spans: Sequence[tuple[int, int]], fps: float) -> list[Motion]:
    """The motion at every stride from the smallest to the first that is enough, or to the longest there is."""
    longest = max((stop - start for start, stop in spans), default=0)
    found: list[Motion] = []
    for stride in strides_of(fps, longest):
        motion = motion_at(looks, spans, stride)
        if motion is None:
            break
        found.append(motion)
        if motion.is_enough:
            break
    return found


def proposed(found: Sequence[Motion]) -> Motion | None:
    """The smallest stride with enough change, else the one with the most; None when the picture stands still."""
    enough = next((motion for motion in found if motion.is_enough), None)
    if enough is not None:
        return enough
    most = max(found, key=lambda motion: motion.moves, default=None)
    return None if most is None or most.is_still else most


def changes_of(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(T - 1,): mean absolute difference of neighbors in a (T, H, W, 3) sequence, in levels."""
    return np.array([cv2.absdiff(a, b).mean() for a, b in zip(pictures[1:], pictures[:-1], strict=True)])
