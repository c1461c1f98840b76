"""Cadence is its own object: when the next turn of a loop is due, and how late it was."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Clock = Callable[[], float]
Sleep = Callable[[float], object]


@dataclass(frozen=True)
class Tick:
    """One turn of a loop. `skipped` counts the turns that a stall has cost; they are never made up for."""

    number: int
    time_s: float
    late_s: float
    skipped: int


class Ticks:
    """An endless row of ticks at `rate_hz`.

    A stall is paid once and never caught up: after it the next tick comes at once and the row goes on from there. A
    turn that is a little too long costs only what it was too long, not the whole next turn.
    """

    def __init__(self, rate_hz: float, now: Clock = time.perf_counter, sleep: Sleep = time.sleep) -> None:
        self.period_s = 1 / rate_hz
        self._now, self._sleep = now, sleep

    def __iter__(self) -> Iterator[Tick]:
        due, number, skipped = self._now(), 0, 0
        while True:
            time_s = self._now()
            if time_s < due:
                self._sleep(due - time_s)
                time_s = self._now()
            yield Tick(number, time_s, max(0.0, time_s - due), skipped)
            number += 1
            due += self.period_s
            behind_s = max(0.0, self._now() - due)
            skipped = int(behind_s / self.period_s)
            due += behind_s


class Rate:
    """How often something happened lately, a second: counted over the last `window` events."""

    def __init__(self, window: int = 60) -> None:
        self._times: list[float] = []
        self._window = window

    def count(self, time_s: float) -> None:
        self._times = [*self._times[-self._window :], time_s]

    def hz(self, now_s: float, stale_s: float = 2.0) -> float:
        """0 when nothing happened for `stale_s`, so that a dead part does not keep its last good figure."""
        times = self._times
        if len(times) < 2 or now_s - times[-1] > stale_s:
            return 0.0
        return (len(times) - 1) / max(times[-1] - times[0], 1e-9)
