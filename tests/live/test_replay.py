"""A logged show is performed again to the last bit, or refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from engines.bundle import open_bundle, write_bundle
from engines.errors import BadInput
from live.config import LiveOptions
from live.pipeline import StandIn
from live.replay import replay
from live.show import Doors, on_stage, play
from tests.fakes import FakeSink, fake_source, fake_tracker, stand_in
from tests.fakes_engines import figure_graph, manifest, png, room


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    files = {"generator.onnx": figure_graph(64, 0), "plate.png": png(room(64))}
    write_bundle(tmp_path / "ember", manifest(64, name="ember", plate_at=(8, 20)), files)
    return tmp_path / "ember"


def opened(path: Path, _options: LiveOptions) -> StandIn:
    return stand_in(open_bundle(path))


def logged(bundle: Path, log: Path, turned: dict[str, Any]) -> Path:
    """A show of some pictures in which controls are turned in the middle."""
    options = LiveOptions(
        bundles=(bundle,), source="dancer", headless=True, osc=False, midi=False, page=False, seconds=20.0, log=log
    )
    sink = FakeSink()
    doors = Doors(source=fake_source, tracker=fake_tracker, stand_in=opened)
    with on_stage(options, doors=doors, sinks=[sink]) as show:

        def turn(_sink: FakeSink) -> bool:
            if show.gauges.pictures >= 20:
                show.desk.set(**turned)
            return show.gauges.pictures > 60

        sink.until, sink.stop = turn, show.stop.set
        play(show)
    return log


def test_a_show_is_replayed_to_the_last_bit(bundle: Path, tmp_path: Path) -> None:
    turned = {"echo": 3.0, "silk": 90.0, "feedback": 0.5, "pose_x": 0.1, "delay": 0.2, "ahead": 1.0, "hue": 30.0}
    log = logged(bundle, tmp_path / "show.jsonl", turned)
    done = replay(log, out=tmp_path / "again.mp4", opened=opened)
    assert done.pictures > 20
    assert done.identical == done.pictures
    assert (tmp_path / "again.mp4").stat().st_size > 1000


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
