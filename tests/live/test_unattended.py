"""Alone for months: the clock, the watchdog, who is there and who is not, cameras that lie."""

import logging
import socket
import threading
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from engines.errors import ConfigError, SourceLost, Unavailable
from engines.pose.landmarks import Joint
from engines.pose.tracker import Tracked
from live.attract import Attract
from live.config import live_options
from live.control.parameters import Controls
from live.gauges import Gauges
from live.guidance import Guidance, advice
from live.mailbox import Latest
from live.outputs import Outputs
from live.pacing import Tick
from live.passing import Seen
from live.service import Watchman, clock_time, hours_of, log_to, notifier
from live.sources import Captured
from live.sources.guarded import Guarded
from live.stages import Faults
from live.tracking import Tracking
from live.zone import counted, covered
from tests.fakes import FakeSink, FakeSource, FakeTracker, standing

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("hours", "at", "is_open"),
    [
        ("10:00-18:00", "12:00", True),
        ("10:00-18:00", "18:00", False),
        ("20:00-02:00", "01:30", True),
        ("20:00-02:00", "12:00", False),
        ("10:00-24:00", "23:59", True),
        ("10:00-24:00", "00:00", False),
        ("00:00-24:00", "23:59", True),
        ("00:00-00:00", "12:00", True),
    ],
)
def test_hours_may_go_over_midnight(hours: str, at: str, is_open: bool) -> None:
    assert hours_of(hours).is_open(datetime.combine(datetime(2026, 1, 1), clock_time(at))) == is_open


@pytest.mark.parametrize("text", ["10", "25:00-26:00", "ten-six"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        hours_of(text)


def test_the_nightly_restart_comes_once_at_its_time() -> None:
    clock = iter([datetime(2026, 1, 1, 3, 59, 58), datetime(2026, 1, 1, 3, 59, 59), datetime(2026, 1, 1, 4, 0, 0)])
    watchman = Watchman(restart=clock_time("04:00"), clock=lambda: next(clock))
    ends = []
    for number in range(3):
        watchman.tick(float(number))
        ends.append(watchman.restarts)
    assert ends == [False, False, True]


def test_a_show_that_begins_after_its_restart_does_not_end_again() -> None:
    watchman = Watchman(restart=clock_time("04:00"), clock=lambda: datetime(2026, 1, 1, 4, 0, 5))
    for number in range(3):
        watchman.tick(float(number))
    assert not watchman.restarts


def test_the_watchdog_is_pinged_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(2)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    watchman = Watchman(notify=notifier())
    for number in range(90):
        watchman.tick(number / 60)
    assert [listener.recv(99) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.recv(99)


def test_the_log_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.service.LOG_BYTES", 1000)
    handler = log_to(tmp_path / "logs" / "show.log")
    for number in range(200):
        logging.getLogger("live").error("something broke for the %d. time", number)
    logging.getLogger().removeHandler(handler)
    handler.close()
    assert sum(path.stat().st_size for path in (tmp_path / "logs").iterdir()) < 6000


def test_the_installations_config_is_a_config() -> None:
    options = live_options(ROOT / "configs" / "live" / "installation.toml")
    assert options.unattended
    assert hours_of(options.open_hours)


def test_every_path_of_the_kit_is_there() -> None:
    for path in ("kit/understudy.service", "kit/understudy.cmd", "kit/understudy-task.xml"):
        assert "installation" in (ROOT / path).read_text()


# Cameras that lie ----------------------------------------------------------------------------------------------------


def _read_until_lost(source: Guarded, longest_s: float = 5.0) -> str:
    end_s = time.monotonic() + longest_s
    while time.monotonic() < end_s:
        try:
            source.read()
        except SourceLost as lost:
            return str(lost)
    return ""


def test_a_camera_that_blocks_is_given_up() -> None:
    release = threading.Event()
    trouble = lambda number: number == 3 and release.wait()  # noqa: E731
    source = Guarded(lambda: FakeSource(trouble=trouble), silent_s=0.2)  # type: ignore[arg-type,return-value]
    assert "blocks" in _read_until_lost(source)
    begun = time.monotonic()
    source.close()
    assert time.monotonic() - begun < 5  # a show ends, whatever its camera does
    release.set()


def test_a_camera_that_answers_is_closed_when_close_returns() -> None:
    device = FakeSource(rate_hz=20)
    source = Guarded(lambda: device)
    source.read()
    source.close()
    assert device.closed.is_set()


def test_a_camera_that_is_stuck_on_one_frame_is_given_up() -> None:
    class Stuck(FakeSource):
        def read(self) -> Captured:
            time.sleep(0.01)
            return Captured(np.full((48, 64, 3), 80, np.uint8), time.perf_counter())

    assert "stuck" in _read_until_lost(Guarded(Stuck, stuck_s=0.2))


def test_a_camera_that_never_opens_is_given_up() -> None:
    release = threading.Event()

    def opened() -> FakeSource:
        release.wait()
        return FakeSource()

    with pytest.raises(SourceLost, match="did not open"):
        Guarded(opened, open_s=0.1)
    release.set()


def test_a_camera_that_is_not_there_is_said_as_it_is() -> None:
    def opened() -> FakeSource:
        raise Unavailable("camera 3 is not there")

    with pytest.raises(Unavailable, match="camera 3"):
        Guarded(opened)


def test_a_noisy_camera_is_not_stuck() -> None:
    source = Guarded(lambda: FakeSource(rate_hz=200), stuck_s=0.1)
    assert _read_until_lost(source, 0.5) == ""
    source.close()


# Somebody, nobody ----------------------------------------------------------------------------------------------------

SIZE = (48, 64)


def test_nobody_for_long_brings_the_dancer_and_somebody_ends_it() -> None:
    attract = Attract()
    assert attract.landmarks(None, SIZE, 0.0, 5.0) is None
    assert attract.landmarks(None, SIZE, 4.0, 5.0) is None
    assert attract.landmarks(None, SIZE, 6.0, 5.0) is not None
    attract.landmarks(standing(), SIZE, 6.1, 5.0)
    assert attract.is_idle  # a passing shadow is nobody
    found = attract.landmarks(standing(), SIZE, 7.0, 5.0)
    assert not attract.is_idle
    assert found is not None
    assert np.array_equal(found, standing())


def test_without_an_attract_mode_nobody_is_nobody() -> None:
    attract = Attract()
    for time_s in (0.0, 1000.0):
        assert attract.landmarks(None, SIZE, time_s, 0.0) is None


def test_the_dancer_dances_on_while_no_frame_comes() -> None:
    frames: Latest[Captured] = Latest()
    out: Latest[Seen] = Latest()
    tracking = Tracking(FakeTracker, frames, out, Gauges(), lambda: Controls(idle_after=0.2))
    end_s = time.monotonic() + 5
    while out.count < 3 and time.monotonic() < end_s:
        tracking.step()
    assert out.newest is not None
    assert out.newest.value.is_idle
    assert out.newest.value.tracked.landmarks is not None


def test_nobody_is_looked_for_while_the_house_is_closed() -> None:
    frames: Latest[Captured] = Latest()
    out: Latest[Seen] = Latest()
    opens = [False]
    tracking = Tracking(FakeTracker, frames, out, Gauges(), is_wanted=lambda: opens[0])
    frames.put(Captured(np.zeros((48, 64, 3), np.uint8), time.perf_counter()))
    assert not tracking.step()
    assert out.count == 0
    opens[0] = True
    assert tracking.step()
    assert out.count == 1


class Seeing(FakeTracker):
    """Finds whom it is told to find."""

    visitor: np.ndarray | None = None

    def track(self, _frame: np.ndarray, time_s: float) -> Tracked:
        return Tracked(self.visitor, None, time_s)


def test_somebody_ends_the_dance_before_a_camera_of_12_frames_a_second_too() -> None:
    frames: Latest[Captured] = Latest()
    out: Latest[Seen] = Latest()
    tracker = Seeing()
    tracking = Tracking(lambda: tracker, frames, out, Gauges(), lambda: Controls(idle_after=0.1))
    for tracker.visitor in (None, standing()):
        began_s = time.perf_counter()
        while (now_s := time.perf_counter()) - began_s < (0.3 if tracker.visitor is None else 0.8):
            last = frames.newest
            if last is None or now_s - last.value.captured_s >= 1 / 12:
                frames.put(Captured(np.zeros((48, 64, 3), np.uint8), now_s))
            tracking.step()
        assert out.newest is not None
        assert out.newest.value.is_idle == (tracker.visitor is None)


@pytest.mark.parametrize(("x", "counts"), [(0.5, True), (0.2, False)])
def test_only_who_stands_in_the_zone_counts(x: float, counts: bool) -> None:
    controls = Controls(zone_left=0.4, zone_right=0.6)
    assert (counted(Tracked(standing(x), None, 0.0), controls).landmarks is not None) == counts


@pytest.mark.parametrize(("far", "near", "counts"), [(0.8, 1.0, True), (0.0, 0.8, False)])
def test_the_zone_has_a_depth(far: float, near: float, counts: bool) -> None:
    controls = Controls(zone_far=far, zone_near=near)
    assert (counted(Tracked(standing(), None, 0.0), controls).landmarks is not None) == counts


def test_what_is_beside_the_zone_is_covered() -> None:
    frame = np.zeros((10, 100, 3), np.uint8)
    made = covered(frame, Controls(zone_left=0.4, zone_right=0.6))
    assert made[:, :30].min() == made[:, 70:].min() == 128
    assert not made[:, 36:64].any()
    assert covered(frame, Controls()) is frame


def test_advice_is_what_keeps_a_person_from_being_seen_whole() -> None:
    assert advice(None) == "step into the picture"
    assert advice(standing()) == ""
    near = standing()
    near[[Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE], 1] = 1.1
    assert "feet" in advice(near)
    assert "middle" in advice(standing(0.02))
    far = standing()
    far[:, 1] = 0.5 + 0.2 * (far[:, 1] - 0.5)
    assert advice(far) == "come closer"


def test_advice_waits_a_moment() -> None:
    guidance = Guidance()
    assert guidance.shown(standing(0.02), 0.0) == ""
    assert guidance.shown(standing(0.02), 1.0) == ""
    assert "middle" in guidance.shown(standing(0.02), 2.0)
    assert guidance.shown(standing(), 2.1) == ""


# Sinks ---------------------------------------------------------------------------------------------------------------


def test_a_sink_that_fails_is_reopened_and_the_others_go_on() -> None:
    class Lost(FakeSink):
        reopened = 0

        def show(self, picture: np.ndarray, tick: Tick) -> None:
            if not self.reopened:
                raise RuntimeError("display Surface quit")
            super().show(picture, tick)

        def reopen(self) -> None:
            self.reopened += 1

    lost, good, faults = Lost(), FakeSink(), Faults()
    outputs = Outputs([lost, good], faults)
    picture = np.zeros((4, 4, 3), np.uint8)
    outputs.show(picture, Tick(0, 0.0, 0.0, 0))
    assert "lost" in faults.now
    outputs.show(picture, Tick(1, 0.1, 0.0, 0))
    outputs.show(picture, Tick(2, 0.5, 0.0, 0))
    assert len(good.pictures) == 3
    assert len(lost.pictures) == 1
    assert faults.now == {}
