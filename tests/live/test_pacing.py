"""Promises of cadence, with a clock that only moves when told."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.pacing import Rate, Ticks


class HandClock:
    """Time that passes only by sleeping or by `work`."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time_s += seconds


def _starts(work_s: list[float], rate_hz: float = 10) -> list[tuple[float, int]]:
    clock = HandClock()
    starts = []
    for tick, work in zip(Ticks(rate_hz, clock.now, clock.sleep), work_s, strict=False):
        starts.append((round(tick.time_s - 100, 6), tick.skipped))
        clock.time_s += work
    return starts


def test_ticks_keep_their_grid_whatever_the_work_takes() -> None:
    assert _starts([0.01, 0.09, 0.05, 0.0]) == [(0.0, 0), (0.1, 0), (0.2, 0), (0.3, 0)]


def test_a_stall_is_paid_once_and_never_caught_up() -> None:
    assert _starts([0.0, 0.35, 0.0, 0.0]) == [(0.0, 0), (0.1, 0), (0.45, 2), (0.55, 0)]


def test_a_turn_a_little_too_long_costs_no_whole_turn() -> None:
    assert _starts([0.11, 0.0, 0.0]) == [(0.0, 0), (0.11, 0), (0.21, 0)]


def test_a_tick_says_how_late_it_was() -> None:
    clock = HandClock()
    ticks = iter(Ticks(10, clock.now, lambda seconds: clock.sleep(seconds + 0.004)))
    next(ticks)
    assert next(ticks).late_s == pytest.approx(0.004)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_ticks_are_never_nearer_than_the_grid_allows(work_s: list[float]) -> None:
    starts = [start for start, _ in _starts(work_s)]
    assert all(later - earlier > 0.1 - 1e-6 for earlier, later in pairwise(starts))


def test_ticks_are_numbered_in_a_row() -> None:
    clock = HandClock()
    assert [tick.number for tick in islice(Ticks(60, clock.now, clock.sleep), 4)] == [0, 1, 2, 3]


def test_a_rate_is_events_a_second() -> None:
    rate = Rate()
    for index in range(31):
        rate.count(index / 30)
    assert rate.hz(1.0) == pytest.approx(30)


def test_a_dead_part_does_not_keep_its_last_good_rate() -> None:
    rate = Rate()
    for index in range(31):
        rate.count(index / 30)
    assert rate.hz(10.0) == 0
