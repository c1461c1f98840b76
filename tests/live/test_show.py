"""The show goes on: whatever fails, pictures flow and the fault is told."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engines.bundle import write_bundle
from engines.errors import BadInput, EngineError, SourceLost, Unavailable
from live.config import LiveOptions
from live.control.encoding import message
from live.doors import Doors
from live.gauges import Gauges
from live.loop import play
from live.show import Show
from live.staging import on_stage, perform
from tests.fakes import (
    CAMERA_COLOR,
    FailsOnce,
    FakeEngine,
    FakeSink,
    FakeSource,
    FakeTracker,
    fake_source,
    fake_stand_in,
    fake_tracker,
    hangs,
    stand_in,
)
from tests.fakes_engines import figure_graph, manifest, png, room

FAKES = {"source": fake_source, "tracker": fake_tracker, "stand_in": fake_stand_in}


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, ...]:
    """Three real bundles on disk, each with another generator."""
    for seed, name in enumerate(("ember", "frost", "moss")):
        files = {"generator.onnx": figure_graph(64, seed), "plate.png": png(room(64))}
        write_bundle(tmp_path / name, manifest(64, name=name, plate_at=(8, 20)), files)
    return tuple(tmp_path / name for name in ("ember", "frost", "moss"))


@contextmanager
def staged(
    bundles: tuple[Path, ...], sink: FakeSink, options: dict[str, Any] | None = None, **doors: Any
) -> Iterator[Show]:
    given = {"bundles": bundles, "headless": True, "osc": False, "source": "dancer", "seconds": 10.0, **(options or {})}
    with on_stage(LiveOptions(**given), doors=Doors(**{**FAKES, **doors}), sinks=[sink]) as show:
        sink.stop = show.stop.set
        yield show


def run(bundles: tuple[Path, ...], until: Callable[[Show, FakeSink], bool], **doors: Any) -> tuple[Show, FakeSink]:
    """A show that plays until something is seen; fails when that does not come within ten seconds."""
    sink = FakeSink()
    with staged(bundles, sink, **doors) as show:
        sink.until = lambda sink: until(show, sink)
        play(show)
        assert until(show, sink), f"it did not happen; faults {show.faults.now}"
    return show, sink


def _pictures_made(count: int) -> Callable[[Show, FakeSink], bool]:
    return lambda show, _sink: show.gauges.pictures >= count


def test_a_show_shows_the_performer(bundles: tuple[Path, ...]) -> None:
    show, sink = run(bundles, _pictures_made(5))
    assert sink.pictures[-1].shape == (80, 96, 3)
    assert sink.closed
    assert show.faults.now == {}


def test_before_anybody_was_seen_the_empty_room_is_shown(bundles: tuple[Path, ...]) -> None:
    release = threading.Event()
    _, sink = run(
        bundles,
        lambda _show, sink: len(sink.pictures) >= 3,
        tracker=lambda _options: FakeTracker(hangs(release)),
    )
    release.set()
    assert np.array_equal(sink.pictures[-1], room(64))


def test_pictures_flow_while_the_tracker_raises(bundles: tuple[Path, ...]) -> None:
    trouble = FailsOnce(RuntimeError("tracker broke"), times=2)
    show, sink = run(bundles, _pictures_made(3), tracker=lambda _options: FakeTracker(trouble))
    assert trouble.calls > 2
    assert show.faults.count == 1
    assert len(sink.pictures) > 10


def test_pictures_flow_while_the_engine_raises(bundles: tuple[Path, ...]) -> None:
    trouble = FailsOnce(EngineError("engine broke"), times=2)
    engines: list[FakeEngine] = []

    def opened(_path: Path, _options: LiveOptions) -> Any:
        engines.append(FakeEngine(trouble))
        return stand_in(engine=engines[-1])

    show, sink = run(bundles, _pictures_made(3), stand_in=opened)
    assert show.faults.count == 1
    assert len(sink.pictures) > 10
    assert len(engines) == 3
    assert all(engine.closed.is_set() for engine in engines)


def test_pictures_flow_while_the_camera_is_gone_and_it_is_opened_again(bundles: tuple[Path, ...]) -> None:
    sources: list[FakeSource] = []

    def lost(number: int) -> None:
        if number == 3 and len(sources) == 1:
            raise SourceLost("camera 0 stopped giving frames")

    def opened(_spec: object) -> FakeSource:
        sources.append(FakeSource(trouble=lost))
        return sources[-1]

    show, sink = run(bundles, lambda show, _sink: len(sources) == 2 and show.frames.count > 10, source=opened)
    assert show.faults.count == 1
    assert sources[0].closed.is_set()
    assert len(sink.pictures) > 10


def test_blackout_works_with_an_engine_that_hangs(bundles: tuple[Path, ...]) -> None:
    release = threading.Event()
    sink = FakeSink()
    with staged(bundles, sink, stand_in=lambda _path, _options: stand_in(engine=FakeEngine(hangs(release)))) as show:
        black: list[int] = []

        def turn(sink: FakeSink) -> bool:
            if len(sink.pictures) == 5:
                show.desk.set(blackout=1.0)
            if not sink.pictures[-1].any():
                black.append(len(sink.pictures))
            return bool(black)

        sink.until = turn
        play(show)
        release.set()
    assert black == [6]


@pytest.mark.parametrize("asked", ["/panic", "/blackout"])
def test_black_comes_with_the_next_picture_under_a_flood_and_a_hanging_engine(
    bundles: tuple[Path, ...], asked: str
) -> None:
    release, over = threading.Event(), threading.Event()
    sink = FakeSink()
    opened = {"stand_in": lambda _path, _options: stand_in(engine=FakeEngine(hangs(release)))}
    with staged(bundles, sink, {"osc": True, "osc_in": 0, "page": False, "midi": False}, **opened) as show:

        def flood() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                while not over.wait(0.005):
                    for number in range(50 if show.console.receiver else 0):
                        port = show.console.receiver.port  # type: ignore[union-attr]
                        out.sendto(message("/mix", [number / 50]), ("127.0.0.1", port))

        sent_at: list[int] = []

        def turn(sink: FakeSink) -> bool:
            receiver = show.console.receiver
            if receiver and not sent_at and len(sink.pictures) >= 30:
                before = receiver.counts.messages
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                    out.sendto(message(asked, [1.0]), ("127.0.0.1", receiver.port))
                sent_at.append(len(sink.pictures))
                assert before > 0
            return not sink.pictures[-1].any()

        flooding = threading.Thread(target=flood)
        flooding.start()
        sink.until = turn
        play(show)
        over.set()
        flooding.join()
        release.set()
    assert not sink.pictures[-1].any()
    assert len(sink.pictures) - sent_at[0] <= 2  # one picture may have begun while the message was on its way


def test_a_pose_from_the_network_drives_the_performer(bundles: tuple[Path, ...]) -> None:
    sink = FakeSink()
    with staged(bundles, sink, {"osc": True, "osc_in": 0, "page": False, "midi": False}) as show:

        def turn(_sink: FakeSink) -> bool:
            show.console.pose_in.receive([("/pose/in/presence", [0.0])], time.perf_counter())
            seen = show.seen.newest
            return seen is not None and seen.value.tracked.landmarks is None

        sink.until = turn
        play(show)
        assert turn(sink)


def test_nothing_is_written_over_a_panic(bundles: tuple[Path, ...]) -> None:
    sink = FakeSink()
    with staged(bundles, sink) as show:
        assert show.lines()
        show.desk.press("p")
        sink.until = lambda _sink: show.desk.read().panic
        play(show)
        assert show.lines() == ()


def test_a_hanging_engine_leaves_the_camera_to_the_mix(bundles: tuple[Path, ...]) -> None:
    release = threading.Event()
    sink = FakeSink()
    with staged(
        bundles,
        sink,
        {"controls": {"mix": 0.0}},
        stand_in=lambda _path, _options: stand_in(engine=FakeEngine(hangs(release))),
    ) as show:
        sink.until = lambda sink: tuple(sink.pictures[-1][40, 48]) == CAMERA_COLOR
        play(show)
        release.set()
    assert tuple(sink.pictures[-1][40, 48]) == CAMERA_COLOR


def test_a_source_that_ends_ends_the_show(bundles: tuple[Path, ...]) -> None:
    start_s = time.monotonic()
    run(bundles, lambda show, _sink: show.source_stage.is_over, source=lambda _spec: FakeSource(count=5))
    assert time.monotonic() - start_s < 8


def test_the_next_performer_comes_on_without_a_picture_missed(bundles: tuple[Path, ...]) -> None:
    sink = FakeSink()
    with staged(bundles, sink) as show:

        def turn(sink: FakeSink) -> bool:
            if len(sink.pictures) == 5:
                show.desk.press("n")
            return show.repertoire.act.path.name == "frost"

        sink.until = turn
        play(show)
        assert show.repertoire.act.path.name == "frost"
    assert all(picture.any() for picture in sink.pictures)


@pytest.mark.parametrize(("asked", "comes"), [("moss", "moss"), ("2", "moss"), ("FROST", "frost")])
def test_a_performer_is_chosen_by_name_or_number(bundles: tuple[Path, ...], asked: str, comes: str) -> None:
    sink = FakeSink()
    with staged(bundles, sink) as show:
        show.desk.set(bundle=asked)
        sink.until = lambda _sink: show.repertoire.act.path.name == comes
        play(show)
        assert show.repertoire.act.path.name == comes


def test_a_name_that_nobody_has_does_not_take_the_place_of_one_that_was_asked_for(bundles: tuple[Path, ...]) -> None:
    release, sink, calls = threading.Event(), FakeSink(), iter((("frost", False), ("moss", False), ("nobody", True)))

    def opened(path: Path, _options: LiveOptions) -> Any:
        if path.name == "frost":
            release.wait(5)
        return stand_in()

    with staged(bundles, sink, stand_in=opened) as show:

        def turn(sink: FakeSink) -> bool:
            if len(sink.pictures) % 10 == 5 and (call := next(calls, None)):
                show.desk.set(bundle=call[0])
                if call[1]:
                    threading.Timer(0.2, release.set).start()
            return show.repertoire.act.path.name == "moss"

        sink.until = turn
        play(show)
        assert show.repertoire.act.path.name == "moss"


def test_the_control_names_who_is_on_stage_whichever_way_they_came(bundles: tuple[Path, ...]) -> None:
    sink, came = FakeSink(), []

    with staged(bundles, sink) as show:

        def turn(_sink: FakeSink) -> bool:
            on_stage = show.repertoire.act.path.name
            if (not came or came[-1] != on_stage) and show.desk.read().bundle == on_stage:
                came.append(on_stage)
                if len(came) == 2:
                    show.desk.press("n")
                else:
                    show.desk.set(bundle="frost")  # the third time after "n" has taken frost off the stage
            return len(came) == 4

        sink.until = turn
        play(show)
    assert came == ["ember", "frost", "moss", "frost"]


def test_a_name_that_nobody_has_is_told_for_a_moment_and_not_taken(
    bundles: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.repertoire.TOLD_S", 0.2)
    sink, told = FakeSink(), []

    with staged(bundles, sink) as show:

        def turn(_sink: FakeSink) -> bool:
            if len(sink.pictures) == 5:
                show.desk.set(bundle="nobody")
            if "repertoire" in show.faults.now:
                told.append(show.faults.now["repertoire"])
            return bool(told) and "repertoire" not in show.faults.now

        sink.until = turn
        play(show)
        assert "no performer is called 'nobody'" in told[0]
        assert show.desk.read().bundle == "ember"


def test_a_performer_that_does_not_open_leaves_the_one_on_stage(bundles: tuple[Path, ...]) -> None:
    def opened(path: Path, _options: LiveOptions) -> Any:
        if path.name == "frost":
            raise BadInput(f"{path}: it is broken")
        return stand_in()

    sink = FakeSink()
    with staged(bundles, sink, stand_in=opened) as show:
        show.desk.press("n")
        sink.until = lambda _sink: "repertoire" in show.faults.now
        play(show)
        assert "it is broken" in show.faults.now["repertoire"]
        assert show.repertoire.act.path.name == "ember"


def test_latency_is_measured_from_capture_to_flip(bundles: tuple[Path, ...]) -> None:
    show, _ = run(bundles, _pictures_made(20))
    assert 0 < show.gauges.latency_ms(50) < 5000
    assert show.gauges.latency_ms(50) <= show.gauges.latency_ms(95)


def test_figures_are_empty_before_anything_happened() -> None:
    assert np.isnan(Gauges().latency_ms(50))


def _options(bundles: tuple[Path, ...], **more: Any) -> LiveOptions:
    return LiveOptions(
        **{
            "bundles": bundles,
            "headless": True,
            "seconds": 1.0,
            "osc_in": 0,
            "page": False,
            "midi": False,
            "source": "dancer",
            **more,
        }
    )


def test_a_taken_osc_port_is_one_sentence_and_the_show_goes_on_without(bundles: tuple[Path, ...]) -> None:
    sink = FakeSink()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        options = {"osc": True, "osc_in": taken.getsockname()[1], "page": False, "midi": False}
        with staged(bundles, sink, options) as show:
            sink.until = lambda sink: "OSC" in show.faults.now and len(sink.pictures) > 10
            play(show)
            assert f"port {taken.getsockname()[1]} " in show.faults.now["OSC"]
            assert "process" in show.faults.now["OSC"]
    assert len(sink.pictures) > 10


def test_a_camera_that_is_not_there_is_refused_in_one_sentence(bundles: tuple[Path, ...]) -> None:
    with pytest.raises(Unavailable, match="camera 97 is not there"):
        perform(_options(bundles, source="97"))


def test_a_missing_file_as_source_is_named(bundles: tuple[Path, ...]) -> None:
    with pytest.raises(BadInput, match=r"nothing\.mp4"):
        perform(_options(bundles, source="nothing.mp4"))


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nobody"):
        perform(_options((tmp_path / "nobody",)))


def test_a_recording_that_cannot_be_written_is_refused_at_the_start(bundles: tuple[Path, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        perform(_options(bundles, record=tmp_path / "file" / "out.mp4"))


PERFORM = """
import sys
from pathlib import Path
from live.config import LiveOptions
from live.doors import Doors
from live.staging import perform
from tests.fakes import *
options = LiveOptions(bundles=(Path(sys.argv[1]),), headless=True, osc=False, source="dancer",
                      record=Path(sys.argv[2]), sheet=Path(sys.argv[3]))
print("begins", flush=True)
sys.exit(perform(options, Doors(source=fake_source, stand_in=fake_stand_in, tracker=fake_tracker)))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_show_that_is_interrupted_finishes_its_recording(
    bundles: tuple[Path, ...], tmp_path: Path, number: signal.Signals
) -> None:
    movie, sheet = tmp_path / "out.mp4", tmp_path / "sheet.png"
    show = subprocess.Popen(
        [sys.executable, "-c", PERFORM, str(bundles[0]), str(movie), str(sheet)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert show.stdout is not None
    assert show.stdout.readline() == "begins\n"
    time.sleep(2.5)
    show.send_signal(number)
    _, complaints = show.communicate(timeout=20)
    assert (show.returncode == 0) == (number == signal.SIGTERM), complaints
    with av.open(str(movie)) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) > 5
    assert sheet.stat().st_size > 0


def test_a_panic_that_comes_while_a_picture_is_made_blackens_that_very_picture(bundles: tuple[Path, ...]) -> None:
    sink = FakeSink()
    with staged(bundles, sink) as show:
        composed = show.composer.picture

        def late(*given: Any, **named: Any) -> Any:
            picture = composed(*given, **named)
            if len(sink.pictures) == 5 and not show.desk.read().panic:
                show.desk.receive([("/panic", [1.0])], time.perf_counter(), "desk")
            return picture

        show.composer.picture = late  # type: ignore[method-assign]
        sink.until = lambda sink: len(sink.pictures) == 8
        play(show)
    assert [picture.any() for picture in sink.pictures[:6]] == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("named", "allowed", "kept"), [("visitor", False, 0), ("visitor", True, 2), ("ember", False, 2)]
)
def test_nothing_of_a_visitor_is_stored_unless_asked_for(
    tmp_path: Path, bundles: tuple[Path, ...], named: str, allowed: bool, kept: int
) -> None:
    sink, path = FakeSink(), Path(named)
    options = {"sheet": tmp_path / "kept" / "sheet.png", "keep_folder": tmp_path / "kept", "keep_visitors": allowed}
    performer = {"stand_in": lambda _path, given: fake_stand_in(bundles[0], given), "playable": lambda _: [path]}
    (tmp_path / "kept").mkdir()
    asked: list[bool] = []
    with staged(bundles, sink, options, **performer) as show:

        def until(_sink: FakeSink) -> bool:
            if show.gauges.pictures >= 5:
                asked or asked.append(show.desk.press("s"))
            return show.gauges.pictures >= 12

        sink.until = until
        play(show)
        assert show.shows_visitor == (named == "visitor")
    assert len(list((tmp_path / "kept").iterdir())) == kept
