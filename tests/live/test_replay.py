"""A logged show is performed again to the last bit, or refused in a sentence."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from engines.backends import open_engine
from engines.bundle import open_bundle, write_bundle
from engines.errors import BadInput, ConfigError, EngineError
from engines.performer import Performer
from engines.pose.tracker import Tracked
from live.config import LiveOptions, live_options
from live.doors import Doors
from live.film import Film, Filming, film_of
from live.loop import play
from live.pipeline import StandIn, TimedEngine
from live.replay import replay
from live.show import Show
from live.sources import Captured
from live.staging import on_stage
from tests.fakes import FakeSink, FakeSource, FakeTracker, fake_tracker, stand_in
from tests.fakes_engines import figure_graph, manifest, png, room
from tests.fakes_film import drift_bundle, drifting

FIREBIRD = Path(__file__).parents[2] / "bundles" / "firebird"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    files = {"generator.onnx": figure_graph(64, 0), "plate.png": png(room(64))}
    write_bundle(tmp_path / "ember", manifest(64, name="ember", plate_at=(8, 20)), files)
    return tmp_path / "ember"


def opened(path: Path, _options: LiveOptions) -> StandIn:
    return stand_in(open_bundle(path))


class Noisy(FakeSource):
    """A camera of which no two frames are alike."""

    def read(self) -> Captured | None:
        captured = super().read()
        assert captured is not None
        noise = np.random.default_rng(int(captured.captured_s * 1e6)).integers(0, 256, captured.frame.shape, np.uint8)
        return replace(captured, frame=noise)


class Silhouettes(FakeTracker):
    """Finds the same person everywhere, with a mask that is never the same."""

    def track(self, frame: np.ndarray, time_s: float) -> Tracked:
        mask = np.random.default_rng(int(time_s * 1e6)).integers(0, 2, frame.shape[:2]).astype(np.uint8) * 255
        return replace(super().track(frame, time_s), mask=mask)


def dreaming(_path: Path, _options: LiveOptions) -> StandIn:
    """A film that goes on by itself."""
    bundle = drift_bundle(drifting(12, (48, 64), 2.0))
    engine = TimedEngine(open_engine(bundle, "onnxruntime", "f32"))
    return StandIn(Performer(bundle, engine), engine)


def logged(
    bundle: Path,
    log: Path,
    turned: dict[str, Any],
    each: Callable[[Show], object] = lambda _show: None,
    stand_in: Callable[[Path, LiveOptions], StandIn] | None = None,
    others: tuple[Path, ...] = (),
    **more: Any,
) -> Path:
    """A show of some pictures in which controls are turned in the middle; `each` is called with every picture."""
    options = LiveOptions(
        bundles=(bundle, *others),
        source="dancer",
        headless=True,
        osc=False,
        midi=False,
        page=False,
        seconds=20.0,
        log=log,
        **more,
    )
    sink = FakeSink()
    doors = Doors(
        source=lambda _spec: Noisy(),
        tracker=fake_tracker,
        stand_in=stand_in or opened,
        masking_tracker=lambda _options: Silhouettes(),
    )
    with on_stage(options, doors=doors, sinks=[sink]) as show:

        def turn(_sink: FakeSink) -> bool:
            each(show)
            if show.gauges.pictures >= 20:
                show.desk.set(**turned)
            return show.gauges.pictures > 60 * (1 + len(others))  # all performers count theirs

        sink.until, sink.stop = turn, show.stop.set
        play(show)
    return log


def test_a_show_is_replayed_to_the_last_bit(bundle: Path, tmp_path: Path) -> None:
    turned = {"echo": 3.0, "silk": 90.0, "feedback": 0.5, "pose_x": 0.1, "delay": 0.2, "ahead": 1.0, "hue": 30.0}
    turned["grain"] = 0.5
    log = logged(bundle, tmp_path / "show.jsonl", turned)
    done = replay(log, out=tmp_path / "again.mp4", opened=opened)
    assert done.pictures > 20
    assert done.identical == done.pictures
    assert (tmp_path / "again.mp4").stat().st_size > 1000


def test_two_performers_that_fade_into_each_other_are_replayed(bundle: Path, tmp_path: Path) -> None:
    files = {"generator.onnx": figure_graph(64, 1), "plate.png": png(room(64, seed=8))}
    write_bundle(tmp_path / "frost", manifest(64, name="frost", plate_at=(8, 20)), files)
    turned = {"other": "frost", "crossfade": 0.5, "next_bundle": 1, "bundle_fade": 0.3}
    log = logged(bundle, tmp_path / "show.jsonl", turned, others=(tmp_path / "frost",))
    done = replay(log, opened=opened)
    assert done.identical == done.pictures > 20
    assert any(json.loads(line)[6] for line in log.read_text().splitlines() if line.startswith('["t"'))


def test_a_log_that_was_altered_is_noticed(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {"hue": 40.0})
    lines = log.read_text().splitlines()
    log.write_text("\n".join(line.replace('"hue":40.0', '"hue":80.0') for line in lines))
    assert replay(log, opened=opened).first_different_s is not None


def test_a_show_that_looked_at_the_camera_is_refused(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {"mix": 0.5})
    with pytest.raises(BadInput, match="camera's pixels"):
        replay(log, opened=opened)


def test_a_log_holds_no_pictures(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {})
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert max(len(json.dumps(line)) for line in lines if isinstance(line, list)) < 1200


def test_a_damaged_log_is_refused_with_its_line(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {})
    log.write_text("\n".join([*log.read_text().splitlines()[:2], '["t",1,2']))
    with pytest.raises(BadInput, match="line 3"):
        replay(log, opened=opened)


@pytest.fixture
def painter(tmp_path: Path) -> Path:
    """A performer that looks at the camera's frames."""
    seen = manifest(64, name="painter", conditioning="frame", skeleton=None, skeleton_hash="")
    write_bundle(tmp_path / "painter", seen, {"generator.onnx": figure_graph(64, 0), "plate.png": png(room(64))})
    return tmp_path / "painter"


LOOKS = {
    "mix": {"mix": 0.5},
    "camera alone": {"mix": 0.0},
    "mirror": {"mix": 0.4, "mirror": True},
    "backdrop": {"backdrop": "camera", "feedback": 0.5},
    "inset": {"inset": "camera", "freeze": True},
    "passthrough": {"passthrough": True},
}


@pytest.mark.parametrize("turned", LOOKS.values(), ids=LOOKS.keys())
def test_with_its_camera_recorded_a_show_that_looked_at_it_is_replayed(
    bundle: Path, tmp_path: Path, turned: dict[str, Any]
) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", turned, log_camera=True)
    done = replay(log, opened=opened)
    assert done.pictures > 20
    assert done.identical == done.pictures


def test_a_performer_that_looks_at_frames_is_replayed_from_the_film(painter: Path, tmp_path: Path) -> None:
    log = logged(painter, tmp_path / "show.jsonl", {"smooth_before": 0.5}, log_camera=True)
    done = replay(log, opened=opened)
    assert done.identical == done.pictures > 20


def test_a_performer_that_looks_at_frames_is_refused_without_the_film(painter: Path, tmp_path: Path) -> None:
    log = logged(painter, tmp_path / "show.jsonl", {})
    with pytest.raises(BadInput, match="--log-camera"):
        replay(log, opened=opened)


def test_a_film_of_another_show_is_noticed(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {"mix": 0.5}, log_camera=True)
    other = Filming(log)
    for seed in range(30):
        while other.keep(room(48, seed=seed)) is None:
            time.sleep(0.01)
    other.close()
    with pytest.raises(BadInput, match="another film"):
        replay(log, opened=opened)


def test_no_film_is_made_unless_it_is_asked_for(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {"mix": 0.5})
    assert not film_of(log).exists()


def test_a_film_without_a_log_is_refused() -> None:
    with pytest.raises(ConfigError, match="--log"):
        live_options(given={"log_camera": True})


def test_nothing_of_a_visitor_is_kept(bundle: Path, tmp_path: Path) -> None:
    visit, frames = SimpleNamespace(is_here=False, picture=None, heed=lambda *_: None), []

    def each(show: Show) -> None:
        show.visitors = visit  # type: ignore[assignment]
        visit.is_here = 20 <= show.gauges.pictures < 40
        if 25 <= show.gauges.pictures < 40 and (post := show.frames.newest):
            frames.append(post.value.frame)

    log = logged(bundle, tmp_path / "show.jsonl", {"mix": 0.5}, each, log_camera=True)
    done = replay(log, opened=opened)
    assert done.with_visitors > 10
    assert done.identical == done.pictures
    kept = [frame.tobytes() for frame in Film(log)._read(film_of(log))]
    assert len(kept) > 20
    assert frames
    assert not any(frame.tobytes() in kept for frame in frames)


def test_a_picture_behind_the_figure_is_replayed(bundle: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "sea.png"), room(64, seed=9))
    log = logged(bundle, tmp_path / "show.jsonl", {"backdrop": "picture"}, backdrop=tmp_path / "sea.png")
    done = replay(log, opened=opened)
    assert done.identical == done.pictures


def test_an_engine_that_is_not_here_is_told_and_another_performs(bundle: Path, tmp_path: Path) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {})

    def absent(path: Path, options: LiveOptions) -> StandIn:
        if options.backend == "fake":
            raise EngineError("fake cannot be used: it is not installed")
        return opened(path, options)

    done = replay(log, opened=absent)
    assert "not installed" in done.notes[0]
    assert done.identical == done.pictures


def test_a_film_gives_back_every_pixel_of_frames_of_any_size(tmp_path: Path) -> None:
    frames = [room(size, seed=seed) for seed, size in enumerate((32, 32, 47, 47, 32))]
    filming = Filming(tmp_path / "show.jsonl")
    places = [filming.keep(frame) for frame in frames]
    filming.close()
    film = Film(tmp_path / "show.jsonl")
    for place, frame in [*zip(places, frames, strict=True)][::-1]:
        assert place is not None
        assert np.array_equal(film.frame(place), frame)


def test_a_film_on_a_full_disk_is_told_and_stops_nothing(tmp_path: Path) -> None:
    def full(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    filming = Filming(tmp_path / "show.jsonl", full)
    assert filming.keep(room(32)) == (0, 0)
    filming.close()
    assert "No space left" in str(filming.fault)
    assert filming.keep(room(32, seed=1)) is None


def test_a_dream_that_silhouettes_stir_is_replayed_with_its_camera_and_refused_without(
    bundle: Path, tmp_path: Path
) -> None:
    log = logged(bundle, tmp_path / "show.jsonl", {"dream_reset": 1}, stand_in=dreaming, log_camera=True)
    done = replay(log, opened=dreaming)
    assert done.identical == done.pictures > 20
    log = logged(bundle, tmp_path / "other.jsonl", {}, stand_in=dreaming)
    with pytest.raises(BadInput, match="silhouettes"):
        replay(log, opened=dreaming)


@pytest.mark.slow
def test_the_firebird_in_int8_is_replayed_to_the_last_bit(tmp_path: Path) -> None:
    log = tmp_path / "show.jsonl"
    given = {"bundles": (FIREBIRD,), "source": "dancer", "headless": True, "osc": False, "page": False, "midi": False}
    options = LiveOptions(**given, seconds=30.0, log=log, log_camera=True)
    sink = FakeSink()
    with on_stage(options, sinks=[sink]) as show:
        turns = iter([{"echo": 3.0, "bloom": 0.5}, {"mix": 0.5, "mirror": True}, {"figures": 3.0, "shadow": 0.6}])

        def turn(_sink: FakeSink) -> bool:
            if show.gauges.pictures % 20 == 19 and (turned := next(turns, None)):
                show.desk.set(**turned)
            return show.gauges.pictures > 120

        sink.until, sink.stop = turn, show.stop.set
        play(show)
        assert "int8" in show.repertoire.act.said
    done = replay(log)
    assert done.identical == done.pictures > 100
