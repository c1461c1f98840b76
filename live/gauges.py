"""What the show measures of itself, from whichever thread it happens in."""

import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from live.pacing import Clock, Rate

WINDOW = 600


@dataclass(frozen=True)
class Spent:
    """Where the time of one picture went, in seconds."""

    pose_s: float = 0.0
    conditioning_s: float = 0.0
    engine_s: float = 0.0
    finish_s: float = 0.0


class Stopwatch:
    """`elapsed_s` since it was made or last lapped."""

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
        self.pictures = 0
        """How many pictures were made, by all performers of the show."""
        self._flipped_s: float | None = None

    def flipped(self, time_s: float) -> None:
        """The display showed a picture, new or not."""
        self.display.count(time_s)
        if self._flipped_s is not None:
            self.intervals_s.append(time_s - self._flipped_s)
        self._flipped_s = time_s

    def shown(self, captured_s: float, flipped_s: float, spent: Spent, loop_s: float) -> None:
        """A new generated picture was on the display for the first time; `loop_s` is what the main thread worked."""
        self.latencies_s.append(flipped_s - captured_s)
        self.spent.append(spent)
        self.overheads_s.append(spent.conditioning_s + spent.finish_s + loop_s)

    def clear(self) -> None:
        """Forget the single figures so far; rates and counts go on."""
        for series in (self.latencies_s, self.intervals_s, self.spent, self.overheads_s):
            series.clear()

    def latency_ms(self, percentile: float) -> float:
        """Capture to flip, over the last pictures; NaN before the first."""
        latest = list(self.latencies_s)[-WINDOW:]
        return float(np.percentile(latest, percentile) * 1000) if latest else float("nan")
