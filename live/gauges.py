"""What the show measures of itself, from whichever thread it happens in."""

import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from live.pacing import Clock, Rate

WINDOW = 600
TYPICAL_EVERY = 15


@dataclass(frozen=True)
class Spent:
    """Where the time of one picture went, in seconds."""

    pose_s: float = 0.0
    conditioning_s: float = 0.0
    engine_s: float = 0.0
    finish_s: float = 0.0
    worked_s: float = 0.0
    """CPU time of conditioning and finish, without the waiting for a core that pose and engine fill."""


class Stopwatch:
    """Seconds since it was made or last lapped; with `time.thread_time` those that its thread worked."""

    def __init__(self, now: Clock = time.perf_counter) -> None:
        self._now = now
        self._start_s = now()

    def lap(self) -> float:
        start_s, self._start_s = self._start_s, self._now()
        return self._start_s - start_s


class Gauges:
    """Rates of the four threads, latencies, and (for the bench) every single figure when `keeps_all`."""

    def __init__(self, keeps_all: bool = False) -> None:
        kept = None if keeps_all else WINDOW
        self.source, self.tracker, self.engine, self.display = Rate(), Rate(), Rate(), Rate()
        self.latencies_s: deque[float] = deque(maxlen=kept)
        self.intervals_s: deque[float] = deque(maxlen=kept)
        self.spent: deque[Spent] = deque(maxlen=kept)
        self.overheads_s: deque[float] = deque(maxlen=kept)
        self.overheads_worked_s: deque[float] = deque(maxlen=kept)
        self.pictures = 0
        """How many pictures were made, by all performers of the show."""
        self._flipped_s: float | None = None
        self._typical_s, self._typical_of = 0.0, 0

    def flipped(self, time_s: float) -> None:
        """The display showed a picture, new or not."""
        self.display.count(time_s)
        if self._flipped_s is not None:
            self.intervals_s.append(time_s - self._flipped_s)
        self._flipped_s = time_s

    def shown(self, captured_s: float, flipped_s: float, spent: Spent, loop_s: float, worked_s: float) -> None:
        """A new generated picture was on the display for the first time; the main thread took `loop_s` for it by the
        clock, and `worked_s` of a core.
        """
        self.latencies_s.append(flipped_s - captured_s)
        self.spent.append(spent)
        self.overheads_s.append(spent.conditioning_s + spent.finish_s + loop_s)
        self.overheads_worked_s.append(spent.worked_s + worked_s)

    def clear(self) -> None:
        """Forget the single figures so far; rates and counts go on."""
        every = (self.latencies_s, self.intervals_s, self.spent, self.overheads_s, self.overheads_worked_s)
        for series in every:
            series.clear()

    @property
    def typical_latency_s(self) -> float:
        """Half of the last pictures were shown sooner after they were captured; 0 before the first.

        Looked at for every picture, so it is measured anew only every few pictures.
        """
        if self.pictures - self._typical_of >= TYPICAL_EVERY or not self._typical_s:
            self._typical_of = self.pictures
            self._typical_s = float(np.nan_to_num(self.latency_ms(50))) / 1000
        return self._typical_s

    def latency_ms(self, percentile: float) -> float:
        """Capture to flip, over the last pictures; NaN before the first."""
        latest = list(self.latencies_s)[-WINDOW:]
        return float(np.percentile(latest, percentile) * 1000) if latest else float("nan")
