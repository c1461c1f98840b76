"""What a guarded part promises: one report, another try, and an end when it is told."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from engines.errors import BadInput, SourceLost
from live.stages import Faults, Over, Stage
from live.watch import Watch


class Counting:
    """A part that counts its steps; `trouble` sees each number first."""

    def __init__(self, trouble: Callable[[int], None] = lambda _step: None) -> None:
        self.steps = 0
        self.is_closed = False
        self._trouble = trouble

    def step(self) -> bool:
        self._trouble(self.steps)
        self.steps += 1
        time.sleep(0.001)
        return True

    def close(self) -> None:
        self.is_closed = True


def _until(done: Callable[[], bool], timeout_s: float = 5.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.005)


def _fail_at(number: int, error: Exception) -> Callable[[int], None]:
    def trouble(step: int) -> None:
        if step == number:
            raise error

    return trouble


def test_a_part_that_fails_is_closed_and_opened_again() -> None:
    opened: list[Counting] = []

    def open_part() -> Counting:
        opened.append(Counting(_fail_at(3, RuntimeError("once")) if not opened else lambda _step: None))
        return opened[-1]

    stage = Stage("part", open_part, Faults()).start()
    _until(lambda: len(opened) > 1 and opened[1].steps > 0)
    stage.close()
    assert opened[0].is_closed
    assert opened[1].is_closed


def test_a_fault_is_logged_once_with_its_traceback_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, str]] = []
    faults = Faults(lambda part, sentence: told.append((part, sentence)))
    tries: list[int] = []

    def open_part() -> Counting:
        tries.append(1)
        return Counting(_fail_at(0, ValueError("again")))

    stage = Stage("tracker", open_part, faults)
    with caplog.at_level(logging.ERROR):
        stage.start()
        _until(lambda: len(tries) >= 3)
        stage.close()
    assert told == [("tracker", "ValueError: again")]
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None


def test_a_fault_is_shown_until_the_part_works_again() -> None:
    faults = Faults()
    gate = threading.Event()

    def trouble(_step: int) -> None:
        if not gate.is_set():
            raise SourceLost("camera 0 stopped")

    stage = Stage("source", lambda: Counting(trouble), faults).start()
    _until(lambda: "source" in faults.now)
    assert faults.now["source"] == "camera 0 stopped"
    gate.set()
    _until(lambda: "source" not in faults.now)
    stage.close()


def test_a_fault_that_comes_back_is_told_again() -> None:
    told: list[str] = []
    faults = Faults(lambda part, _sentence: told.append(part))
    for _ in range(2):
        faults.report("source", SourceLost("camera 0 stopped"))
        faults.report("source", SourceLost("camera 0 stopped"))
        faults.clear("source")
    assert told == ["source", "source"]


def _looks(counts: dict[str, int], faults: Faults) -> Watch:
    watch = Watch(faults, 0.0)
    for time_s in range(20):
        watch.look([(part, min(count * time_s, 12)) for part, count in counts.items()], float(time_s))
    return watch


def test_a_part_that_hangs_is_told() -> None:
    faults = Faults()
    watch = Watch(faults, 0.0)
    for tenth in range(100):
        watch.look([("source", tenth), ("engine", min(tenth, 20))], tenth / 10)
    assert list(faults.now) == ["engine (silent)"]


def test_a_part_may_take_its_time_to_begin() -> None:
    faults = Faults()
    watch = Watch(faults, 0.0)
    watch.look([("tracker", 0)], 10.0)
    assert faults.now == {}


def test_a_part_that_always_took_its_time_is_given_it() -> None:
    faults, renewed = Faults(), []
    watch = Watch(faults, 0.0, renewed.append)
    for tenth in range(600):  # a picture a second, then nothing for five
        watch.look([("engine", min(tenth, 540) // 10 + 1)], tenth / 10)
    assert faults.now == {}
    assert renewed == []
    for tenth in range(600, 850):
        watch.look([("engine", 55)], tenth / 10)
    assert list(faults.now) == ["engine (silent)"]
    assert renewed == ["engine"]


def test_nobody_is_blamed_while_the_machine_serves_nobody() -> None:
    faults = Faults()
    watch = Watch(faults, 0.0, longest_s=1 / 30)
    for look in range(20):  # the display loop itself comes round once in a second and a half
        watch.look([("engine", 1)], 1.5 * look)
    assert faults.now == {}
    for look in range(240):
        watch.look([("engine", 1)], 30 + look / 60)
    assert list(faults.now) == ["engine (silent)"]


def test_nothing_is_expected_of_a_part_that_rests_and_patience_begins_anew_after_it() -> None:
    faults, renewed = Faults(), []
    watch = Watch(faults, 0.0, renewed.append)
    for tenth in range(3000):  # a tracker that nobody needed before, then one that rests for a minute
        works = [("tracker", tenth - 2000)] if 2000 <= tenth < 2300 else [("tracker", 300)] if tenth >= 2900 else []
        watch.look([("source", tenth), *works], tenth / 10)
        assert faults.now == {} or tenth >= 2930
    assert list(faults.now) == ["tracker (silent)"]
    assert renewed == ["tracker"]
    watch.look([("source", 3000)], 300.0)
    assert faults.now == {}


def test_what_is_a_plain_sentence_is_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    Faults().report("repertoire", BadInput("no performer is called 'x'"))
    assert caplog.text.count("no performer") == 1
    assert "Traceback" not in caplog.text


def test_only_the_first_silent_part_is_told() -> None:
    faults = Faults()
    _looks({"source": 0, "engine": 0}, faults)
    assert list(faults.now) == ["source (silent)"]


def test_a_part_that_works_again_is_no_longer_told() -> None:
    faults = Faults()
    _looks({"source": 3, "engine": 0}, faults).look([("source", 13), ("engine", 1)], 20.0)
    assert faults.now == {}


def test_a_part_that_cannot_be_opened_is_tried_again() -> None:
    tries: list[int] = []

    def open_part() -> Counting:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no such device")
        return Counting()

    stage = Stage("source", open_part, Faults()).start()
    _until(lambda: len(tries) == 2)
    stage.close()


def test_a_part_at_its_end_is_not_started_again() -> None:
    stage = Stage("source", lambda: Counting(_fail_at(2, Over())), Faults()).start()
    _until(lambda: stage.is_over)
    stage.close()


def test_a_part_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.stages.JOIN_S", 0.05)
    release = threading.Event()
    stage = Stage("source", lambda: Counting(lambda _step: release.wait() and None), Faults()).start()  # type: ignore[func-returns-value]
    start_s = time.monotonic()
    stage.close()
    assert time.monotonic() - start_s < 3
    release.set()
