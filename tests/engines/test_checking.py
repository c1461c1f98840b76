"""`understudy check`: every backend and precision gets a row, and a graph that draws something else is found out."""

from pathlib import Path

import numpy as np
import pytest

from engines.backends import BACKENDS, PRECISIONS, available_backends, open_engine
from engines.bundle import Bundle, Graph, made_bundle, open_bundle
from engines.bundle.checking import IDENTICAL_DB, built_in_scenes, check_bundle, difference, failings, note
from engines.bundle.writing import write_bundle
from engines.errors import BundleError
from tests.fakes_engines import figure_bundle, figure_graph, manifest, png, recurrent_bundle, room

SHIPPED = Path(__file__).parents[2] / "bundles"
KEYS = {"backend", "precision", "available", "reason", "p999_levels", "psnr_db", "p50_ms", "agrees"}


def _with_int8(seed: int) -> Bundle:
    graphs = (Graph(file="generator.onnx", precision="f32"), Graph(file="quantized.onnx", precision="int8"))
    files = {"generator.onnx": figure_graph(seed=0), "quantized.onnx": figure_graph(seed=seed)}
    return made_bundle(manifest(graphs=graphs), files)


def _row(rows: list[dict], backend: str, precision: str) -> dict:
    (row,) = [row for row in rows if (row["backend"], row["precision"]) == (backend, precision)]
    return row


def test_every_backend_and_precision_has_a_row_with_figures_or_a_reason() -> None:
    rows = check_bundle(_with_int8(seed=0), threads=1)
    here = {status.name: status.available for status in available_backends()}
    expected = [(name, precision) for name in BACKENDS for precision in (PRECISIONS if here[name] else ("",))]
    assert [(row["backend"], row["precision"]) for row in rows] == expected
    for row in rows:
        assert row.keys() == KEYS
        assert row["reason"]
        assert row["available"] == (row["p50_ms"] is not None) == (row["psnr_db"] is not None)
        assert not row["available"] or row["agrees"]
    assert _row(rows, "onnxruntime", "f32")["psnr_db"] == IDENTICAL_DB
    assert not _row(rows, "onnxruntime", "bf16")["available"]


def test_a_graph_that_draws_something_else_is_found_out() -> None:
    row = _row(check_bundle(_with_int8(seed=1), threads=1), "openvino", "int8")
    assert row["available"]
    assert not row["agrees"]
    assert row["psnr_db"] < 35


def test_what_does_not_hold_is_one_line_that_says_whether_auto_takes_it() -> None:
    rows = check_bundle(_with_int8(seed=1), threads=1)
    (line, *others) = [line for line in failings(_with_int8(seed=1), rows) if line.startswith("openvino")]
    assert line.startswith("openvino int8 is ")
    assert line.endswith("dB from the reference (35 asked); auto may take it, since the bundle does not say so: --note")
    assert others == []
    assert failings(_with_int8(seed=0), check_bundle(_with_int8(seed=0), threads=1)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder", sorted(path for path in SHIPPED.iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_a_bundle_that_is_shipped_agrees_on_everything_that_is_here(folder: Path) -> None:
    bundle = open_bundle(folder)
    rows = check_bundle(bundle, built_in_scenes(bundle, count=2))
    assert failings(bundle, rows) == []


def test_what_was_measured_is_noted_in_the_bundle_and_auto_goes_by_it(tmp_path: Path) -> None:
    made = _with_int8(seed=1)
    bundle = write_bundle(tmp_path / "performer", made.manifest, made.files)
    rows = check_bundle(bundle, threads=1)
    bf16 = [row for row in rows if row["precision"] == "bf16" and row["available"]]
    for row in bf16:
        row["p999_levels"], row["agrees"] = 3.5, False
    after = note(bundle, rows)
    assert after.files == bundle.files
    assert all(line.endswith("auto does not take it") for line in failings(after, rows))
    assert after.manifest.metrics.get("bf16_p999_levels") == (3.5 if bf16 else None)
    engine = open_engine(after, threads=1)
    assert engine.precision == "f32"
    assert "int8 is" in engine.why
    with pytest.raises(BundleError, match="lies in no folder"):
        note(made, rows)


def test_a_generator_that_remembers_is_compared_as_it_performs() -> None:
    rows = check_bundle(recurrent_bundle(), threads=1)
    assert _row(rows, "openvino", "f32")["agrees"]


def test_the_built_in_scenes_show_somebody_who_moves() -> None:
    scenes = built_in_scenes(figure_bundle(), count=4)
    assert all(scene.landmarks is not None and scene.presence == 1 and scene.frame is not None for scene in scenes)
    places = np.stack([scene.landmarks for scene in scenes if scene.landmarks is not None])
    assert np.ptp(places[:, :, :2], axis=0).max() > 0.05


def test_a_difference_is_told_in_levels_and_decibels() -> None:
    image = np.full((100, 100, 3), 100, np.uint8)
    other = image.copy()
    assert difference(image, other) == (0, IDENTICAL_DB)
    other += 2
    levels, decibels = difference(image, other)
    assert levels == 2
    assert decibels == pytest.approx(10 * np.log10(255**2 / 4))
    other = image.copy()
    other[0, :2] = 0  # 2 of 10,000 pixels: within the thousandth that is forgiven
    assert difference(image, other)[0] == 0


def test_a_bundle_without_a_graph_has_nothing_to_compare() -> None:
    with pytest.raises(BundleError, match="nothing to compare"):
        check_bundle(made_bundle(manifest(graphs=()), {"plate.png": png(room())}))
