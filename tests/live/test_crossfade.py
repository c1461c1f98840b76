"""Two performers at once: kept ready, mixed, and exchanged without a picture missed."""

import time
from pathlib import Path

import numpy as np
import pytest

from engines.bundle import write_bundle
from live.config import LiveOptions
from live.doors import Doors
from live.loop import play
from live.pipeline import StandIn
from live.show import Show
from live.staging import on_stage
from tests.fakes import FakeSink, fake_source, fake_stand_in, fake_tracker
from tests.fakes_engines import figure_graph, manifest, png, room


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, ...]:
    for seed, name in enumerate(("ember", "frost", "moss")):
        files = {"generator.onnx": figure_graph(64, seed), "plate.png": png(room(64))}
        write_bundle(tmp_path / name, manifest(64, name=name, plate_at=(8, 20)), files)
    return tuple(tmp_path / name for name in ("ember", "frost", "moss"))


def staged(bundles: tuple[Path, ...], sink: FakeSink, opened: list[str]) -> object:
    def stand_in(path: Path, options: LiveOptions) -> StandIn:
        opened.append(path.name)
        return fake_stand_in(path, options)

    options = LiveOptions(bundles=bundles, headless=True, osc=False, midi=False, source="dancer", seconds=15.0)
    doors = Doors(source=fake_source, tracker=fake_tracker, stand_in=stand_in)
    return on_stage(options, doors=doors, sinks=[sink])


def run(bundles: tuple[Path, ...], turn: object) -> tuple[FakeSink, list[str]]:
    sink, opened = FakeSink(), []  # type: ignore[var-annotated]
    with staged(bundles, sink, opened) as show:  # type: ignore[attr-defined]
        sink.stop, sink.until = show.stop.set, lambda sink: turn(show, sink)  # type: ignore[operator]
        play(show)
        assert turn(show, sink), show.faults.now  # type: ignore[operator]
    return sink, opened


def test_the_other_performer_is_kept_ready_and_asleep_until_it_is_mixed_in(bundles: tuple[Path, ...]) -> None:
    asleep: list[bool] = []

    def turn(show: Show, _sink: FakeSink) -> bool:
        repertoire = show.repertoire
        show.desk.set(other="moss", crossfade=0.5 if asleep else 0.0)
        if repertoire.other and not asleep and not repertoire.other.is_awake:
            asleep.append(True)
        return bool(asleep) and repertoire.other is not None and repertoire.other.is_awake

    _, opened = run(bundles, turn)
    assert opened == ["ember", "moss"]


def test_a_name_that_nobody_has_gives_way_to_who_stands_beside(bundles: tuple[Path, ...]) -> None:
    asked: list[str] = []

    def turn(show: Show, _sink: FakeSink) -> bool:
        if not asked:
            asked.append("moss")
            show.desk.set(other="moss", crossfade=0.5)
        elif show.repertoire.other and asked == ["moss"]:
            asked.append("nobody")
            show.desk.set(other="nobody")
        return len(asked) == 2 and show.desk.read().other == "moss" and "repertoire" in show.faults.now

    _, opened = run(bundles, turn)
    assert opened == ["ember", "moss"]


def test_who_is_faded_out_entirely_rests(bundles: tuple[Path, ...]) -> None:
    def turn(show: Show, _sink: FakeSink) -> bool:
        show.desk.set(crossfade=1.0)
        return show.repertoire.other is not None and not show.repertoire.act.is_awake

    _, opened = run(bundles, turn)
    assert opened == ["ember", "frost"]  # without a name the next one in the row


def test_a_third_comes_on_while_two_are_mixed(bundles: tuple[Path, ...]) -> None:
    def turn(show: Show, _sink: FakeSink) -> bool:
        show.desk.set(other="frost", crossfade=0.5, bundle="moss")
        return show.repertoire.act.path.name == "moss" and show.repertoire.other is not None

    sink, opened = run(bundles, turn)
    assert sorted(opened) == ["ember", "frost", "moss"]
    assert all(picture.any() for picture in sink.pictures)


def test_one_performer_becomes_the_next_over_the_time_asked_for(bundles: tuple[Path, ...]) -> None:
    faded: list[float] = []

    def turn(show: Show, _sink: FakeSink) -> bool:
        show.desk.set(bundle="frost", bundle_fade=0.5)
        shares = [share for _, share in show.repertoire.beside(show.desk.read(), time.perf_counter())]
        faded.extend(shares)
        return bool(faded) and not shares

    run(bundles, turn)
    assert np.all(np.diff(faded) <= 0)
    assert min(faded) < 0.6
