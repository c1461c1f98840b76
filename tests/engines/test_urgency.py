"""Real-time priority for who must not wait: used where it is allowed, not inherited, given back, never forced."""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

from engines.doctor import examine
from engines.urgency import BRIEF, DISPLAY, hurry, hurrying, is_allowed
from live import loop
from live.stages import Faults, Stage

T = TypeVar("T")
Place = tuple[int, int]
"""Policy and priority of a thread."""

linux = pytest.mark.skipif(not hasattr(os, "SCHED_RESET_ON_FORK"), reason="only Linux has these policies")
allowed = pytest.mark.skipif(not is_allowed(), reason="this user may not have real-time priority")


def in_a_thread(work: Callable[[], T]) -> T:
    found: list[T] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def place() -> Place:
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(0).sched_priority


@allowed
def test_a_thread_that_hurries_comes_before_ordinary_ones_and_its_children_do_not() -> None:
    def work() -> tuple[bool, Place, Place]:
        return hurry(), place(), in_a_thread(place)

    assert in_a_thread(work) == (True, (os.SCHED_RR, BRIEF), (os.SCHED_OTHER, 0))


@allowed
def test_hurrying_for_a_while_ends_and_may_begin_again() -> None:
    def work() -> list[Place]:
        seen = []
        for _ in range(2):
            with hurrying(DISPLAY) as hurries:
                assert hurries
                seen.append(place())
            seen.append(place())
        return seen

    assert in_a_thread(work) == 2 * [(os.SCHED_RR, DISPLAY), (os.SCHED_OTHER, 0)]


@linux
def test_a_thread_that_somebody_gave_another_place_keeps_it() -> None:
    def work() -> tuple[bool, Place]:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with hurrying() as hurries:
            return hurries, place()

    assert in_a_thread(work) == (False, (os.SCHED_BATCH, 0))


@linux
def test_a_system_that_refuses_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)

    def work() -> tuple[bool, Place]:
        with hurrying() as hurries:
            return hurries, place()

    assert in_a_thread(work) == (False, (os.SCHED_OTHER, 0))
    found = next(finding for finding in examine() if finding.what == "priority")
    assert found.found == "ordinary"
    assert "installation.md" in found.do
    assert not found.needed


@pytest.mark.parametrize("missing", ["sched_getscheduler", "SCHED_RR"])  # as on macOS, as on Windows
def test_a_system_without_priorities_is_no_fault(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in (missing, "SCHED_RESET_ON_FORK", "sched_setscheduler"):
        monkeypatch.delattr(os, name, raising=False)
    with hurrying() as hurries:
        assert not hurries


@allowed
def test_only_a_stage_that_hurries_comes_before_ordinary_threads() -> None:
    class Noting:
        def __init__(self, seen: list[Place], done: threading.Event) -> None:
            self._seen, self._done = seen, done

        def step(self) -> bool:
            self._seen.append(place())
            self._done.set()
            return True

        def close(self) -> None:
            """Nothing is open."""

    seen: dict[bool, list[Place]] = {True: [], False: []}
    for hurries, noted in seen.items():
        done = threading.Event()
        part = Noting(noted, done)
        stage = Stage("noting", lambda part=part: part, Faults(), hurries=hurries).start()  # type: ignore[misc]
        assert done.wait(5)
        stage.close()
    assert (seen[True][0], seen[False][0]) == ((os.SCHED_RR, BRIEF), (os.SCHED_OTHER, 0))


@allowed
def test_the_display_loop_comes_first_and_leaves_the_main_thread_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Place] = []
    monkeypatch.setattr(loop, "_play", lambda _show, _now: seen.append(place()))

    def work() -> Place:
        loop.play(None)  # type: ignore[arg-type]
        return place()

    assert in_a_thread(work) == (os.SCHED_OTHER, 0)
    assert seen == [(os.SCHED_RR, DISPLAY)]
