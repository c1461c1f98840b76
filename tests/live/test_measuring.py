"""What the benches of the stage promise, with small stand-ins; no figure of theirs is asserted here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.bundle import write_bundle
from engines.errors import BadInput, Unavailable
from live.bench import TURN_S, WARM_S, _InTurns, bench_live
from live.doors import Doors
from live.flash import BITS, bench_latency, coded, decoded
from live.gauges import Gauges, Spent
from live.osc_bench import bench_osc
from live.overlay import engine_line
from live.pacing import Tick
from live.soak import bench_soak
from tests.fakes import FakeSink, FakeSource, fake_source, fake_stand_in, fake_tracker
from tests.fakes_engines import figure_graph, manifest, png, room

DOORS = Doors(source=fake_source, tracker=fake_tracker, stand_in=fake_stand_in)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    files = {"generator.onnx": figure_graph(64, 0), "plate.png": png(room(64))}
    write_bundle(tmp_path / "ember", manifest(64, name="ember", plate_at=(8, 20)), files)
    return tmp_path / "ember"


@pytest.mark.parametrize("number", range(0, 2**BITS, 9))
def test_a_flash_is_read_again_through_a_bad_camera(number: int) -> None:
    seen = cv2.GaussianBlur(cv2.resize(coded(number), (400, 300)), (0, 0), 4) * 0.5 + 40
    noisy = seen + np.random.default_rng(number).normal(0, 8, seen.shape)
    square = np.clip(noisy, 0, 255).astype(np.uint8)[:, 50:350]
    assert decoded(cv2.resize(square, (300, 300))) is None or decoded(square) in (number, None)
    assert decoded(np.clip(coded(number) * 0.5 + 40, 0, 255).astype(np.uint8)) == number


def test_no_flash_is_read_where_there_is_none() -> None:
    assert decoded(np.full((60, 80, 3), 90, np.uint8)) is None
    assert decoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)) is None


def test_latency_is_reported_by_stage(bundle: Path, tmp_path: Path) -> None:
    figures = bench_latency(bundle=bundle, seconds=3.0, doors=DOORS, json=tmp_path / "latency.json")
    for stage in ("display_to_camera", "engine", "capture_to_flip", "glass_to_glass"):
        assert {"p50", "p95", "p99"} <= set(figures[stage])
    assert figures["glass_to_glass"]["p50"] >= figures["display_to_camera"]["p50"]
    assert (tmp_path / "latency.json").exists()


def test_a_camera_that_looks_elsewhere_is_said(bundle: Path) -> None:
    with pytest.raises(Unavailable, match="point it at the screen"):
        bench_latency(
            bundle=bundle, source="0", seconds=1.0, doors=Doors(**{**vars(DOORS), "source": lambda _s: FakeSource()})
        )


def test_a_soak_reports_memory_threads_and_tails(bundle: Path) -> None:
    figures = bench_soak(bundle=bundle, minutes=0.1, doors=DOORS, warm_s=1.0)
    assert len(figures["rss_mib"]) == len(figures["threads"]) == len(figures["latency_p99_ms"]) == 2
    assert figures["threads"][1] <= figures["threads"][0]


def test_a_short_film_stands_in_for_a_camera_for_as_long_as_is_measured(bundle: Path, tmp_path: Path) -> None:
    film = cv2.VideoWriter(str(tmp_path / "half.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for level in range(0, 120, 10):
        film.write(np.full((48, 64, 3), level, np.uint8))
    film.release()
    doors = Doors(tracker=fake_tracker, stand_in=fake_stand_in)
    figures = bench_live(
        bundle=bundle, seconds=1.0, baseline=False, source=str(tmp_path / "half.avi"), doors=doors, json=tmp_path / "j"
    )
    assert "half.avi" in figures["source"]
    assert figures["seconds"] == pytest.approx(1.0, abs=0.4)
    assert figures["generated_fps"] > 10
    assert {"p50", "p95"} <= set(figures["overhead_ms"])


def test_the_overlay_names_what_was_passed_over_and_leaves_the_reasons_to_doctor() -> None:
    said = (
        "openvino int8 on CPU: int8 graph present; passed over: rtx cannot be used: NVIDIA's driver is not "
        "installed, or too old for this CUDA runtime; a better one is being built: 20%"
    )
    line = engine_line(said)
    assert line == "openvino int8 on CPU; int8 graph present; a better one is being built: 20%; not rtx: see doctor"


def test_what_recording_costs_is_the_difference_between_turns() -> None:
    recorder = FakeSink()
    turns = _InTurns(recorder)  # type: ignore[arg-type]
    time_s, picture = 0.0, np.zeros((4, 4, 3), np.uint8)
    while time_s < WARM_S + 8 * TURN_S:
        turns.show(picture, Tick(0, time_s, 0.0, 0))
        records = time_s > WARM_S and (time_s - WARM_S) // TURN_S % 2 == 1
        time_s += 1 / 50 if records else 1 / 60
    turns.recorder.recorded = turns.recorder.dropped = 0
    assert turns.figures()["recording_costs_share"] == pytest.approx(1 / 6, abs=0.01)
    assert len(recorder.pictures) == pytest.approx(4 * TURN_S * 50, rel=0.01)


def test_the_typical_latency_is_the_median_and_is_measured_anew_as_pictures_are_made() -> None:
    gauges = Gauges()
    assert gauges.typical_latency_s == 0
    for latency_s in (0.02, 0.04, 0.2):
        gauges.shown(1.0, 1.0 + latency_s, Spent(), 0.0, 0.0)
    assert gauges.typical_latency_s == pytest.approx(0.04)
    for _ in range(40):
        gauges.shown(1.0, 1.2, Spent(), 0.0, 0.0)
        gauges.pictures += 1
    assert gauges.typical_latency_s == pytest.approx(0.2)


def test_overhead_is_told_by_the_clock_and_by_the_work_of_all_three_threads() -> None:
    gauges = Gauges()
    gauges.shown(1.0, 1.05, Spent(conditioning_s=0.004, finish_s=0.002, worked_s=0.003), loop_s=0.002, worked_s=0.001)
    assert list(gauges.overheads_s) == [pytest.approx(0.008)]
    assert list(gauges.overheads_worked_s) == [pytest.approx(0.004)]
    gauges.clear()
    assert not gauges.overheads_s
    assert not gauges.overheads_worked_s


def test_a_flood_too_short_for_a_panic_is_refused() -> None:
    with pytest.raises(BadInput, match="give at least 6"):
        bench_osc(seconds=5)
