"""Of a film that is being performed: a part, and moments as one picture."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from engines.errors import BadInput
from engines.images import Frame, Size, letterboxed
from live.sources.reels import Moment, Reel

Part = tuple[float, float | None]
"""From and to in seconds of the source; None is its end."""


class Rooms:
    """What stands behind at each time, from its start again when it is over; asked with times that only grow."""

    def __init__(self, reel: Reel) -> None:
        self._moments = _endless(reel)
        self._at = self._next = next(self._moments)

    def __call__(self, time_s: float) -> Frame:
        while self._next.time_s <= time_s + 1e-4:  # times of two films, added up, differ by rounding
            self._at, self._next = self._next, next(self._moments)
        return self._at.drawn()


def part_of(moments: Iterator[Moment], part: Part) -> Iterator[Moment]:
    """The moments in `part`, with the times they have; what comes before is not even drawn."""
    begin_s, end_s = part
    for moment in moments:
        if end_s is not None and moment.time_s >= end_s - 1e-6:
            return
        if moment.time_s >= begin_s - 1e-6:
            yield moment


def write_moments(out: Path, pictures: Iterator[tuple[float, Frame]], at: Sequence[float], size: Size | None) -> int:
    """The pictures of the times `at`, side by side in one PNG; returns how many. Raises BadInput.

    A moment after the end is an error: a sheet with a hole is noticed too late.
    """
    wanted, kept = sorted(at), list[Frame]()
    for time_s, picture in pictures:
        while len(kept) < len(wanted) and time_s >= wanted[len(kept)] - 1e-6:
            kept.append(letterboxed(picture, size) if size else picture.copy())
        if len(kept) == len(wanted):
            break
    if len(kept) < len(wanted):
        raise BadInput(f"--at {wanted[len(kept)]:g}: the source ends before; choose moments inside of it")
    written, data = cv2.imencode(
        ".png", cv2.cvtColor(np.hstack(kept), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(data.tobytes())
    except OSError as error:
        raise BadInput(f"{out}: cannot be written ({error.strerror}); choose another file") from error
    return len(kept) if written else 0


def _endless(reel: Reel) -> Iterator[Moment]:
    begun_s = 0.0
    while True:
        last_s = 0.0
        for moment in reel.moments():
            last_s = moment.time_s
            yield replace(moment, time_s=begun_s + last_s)
        begun_s += last_s + 1 / reel.fps
