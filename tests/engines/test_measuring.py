"""Figures are kept with where they were taken, and never as a file that other programs cannot read."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engines import machine
from engines.errors import BadInput
from engines.measuring import measured_header, percentiles, shown, table, write_json


def test_a_measurement_says_where_and_when_it_was_taken() -> None:
    header = measured_header()
    assert set(header) == {"machine", "versions", "commit", "started"}
    assert header["machine"]["cores"] >= 1
    assert header["machine"]["cpu"]
    assert header["versions"]["numpy"] == np.__version__
    assert header["started"].endswith("+00:00")


def test_percentiles_are_those_of_a_sorted_list() -> None:
    values = [float(v) for v in range(101)]  # the p-th percentile of 0..100 is p
    np.random.default_rng(0).shuffle(values)
    assert percentiles(values) == {"p50": 50, "p95": 95, "p99": 99}
    assert all(math.isnan(value) for value in percentiles([]).values())


def test_json_of_figures_is_strict(tmp_path: Path) -> None:
    file = tmp_path / "new" / "figures.json"
    write_json(file, {"nan": math.nan, "rows": (np.float32(0.5), np.inf), "array": np.arange(2), "path": tmp_path})
    read = json.loads(file.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert read == {"nan": None, "rows": [0.5, None], "array": [0, 1], "path": str(tmp_path)}
    assert [path.name for path in file.parent.iterdir()] == ["figures.json"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        write_json(tmp_path / "file" / "figures.json", {})


def test_a_table_prints_every_value_of_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    table([{"backend": "openvino", "p50_ms": 12.3456}, {"backend": "onnxruntime", "reason": "[none]"}], title="check")
    printed = capsys.readouterr().out
    for word in ("check", "openvino", "12.35", "onnxruntime", "[none]", "p50_ms", "reason"):
        assert word in printed


def test_nothing_is_shown_as_nothing() -> None:
    assert shown(None) == shown(math.nan) == ""
    assert shown({"p50": 1.23456, "p95": None}) == "p50 1.235 p95 "


def test_a_driver_without_its_tool_still_names_the_card(tmp_path: Path) -> None:
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    (tmp_path / "gpus" / "0000:01:00.0" / "information").write_text("Model: \t NVIDIA H200\nIRQ: 12\n")
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Tue Jan\n")
    assert machine._gpus_of_the_driver(tmp_path) == (machine.Gpu("NVIDIA H200", "570.86.15"),)
