"""A table of equal minutes: written row by row, taken up where it stopped, never mixed with another one."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engines.bundle import open_bundle
from engines.errors import BadInput
from tests.fakes_training import written_pairs
from training.checkpoints import checkpoints
from training.comparison import compare
from training.config import load_config
from training.loop import train

TINY = """
size = 32
precision = "f32"
generator = { width = 8, blocks = 1 }
discriminator = { kind = "none" }
schedule = { batch = 2, bn_batches = 2 }
run = { sample_rows = 2, log_steps = 1, judge_pose = false, tensorboard = false }
"""
MINUTES = 0.01


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_pairs(tmp_path_factory.mktemp("pairs"), count=20, side=32).folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("configs") / "tiny.toml"
    file.write_text(TINY)
    return file


def _compared(
    pairs: Path, configs: list[Path | str], out: Path, minutes: float | None = MINUTES
) -> list[dict[str, Any]]:
    return compare(pairs, configs, minutes=minutes, out=out, progress=False, found=lambda _picture: None)


@pytest.fixture(scope="module")
def one_row(pairs: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    _compared(pairs, [config], out)
    return out


@pytest.fixture
def out(one_row: Path, tmp_path: Path) -> Path:
    """A table of one row, finished, to do with what a test likes."""
    return Path(shutil.copytree(one_row, tmp_path / "out"))


def _first_row(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "table.json").read_text())["rows"][0])


def test_every_config_is_a_row_between_ceiling_and_floor(pairs: Path, config: Path, out: Path) -> None:
    before = _first_row(out)
    rows = _compared(pairs, [config, f"{config}+output=image"], out)
    assert [row["name"] for row in rows] == ["tiny", "tiny+output=image"]
    assert all(row["steps"] > 0 and row["minutes"] >= MINUTES * 0.99 for row in rows)
    assert rows[0]["steps"] == before["steps"], "a finished row was trained again"
    lines = (out / "table.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [line[0] for line in cells] == [
        "config", "---", "tiny", "tiny+output=image", "the film itself (ceiling)", "nearest learned pose (floor)",
    ]  # fmt: skip
    assert {"PCK@0.1", "flicker", "L1 figure", "L1 outside"} <= set(cells[0])
    assert len({len(line) for line in cells}) == 1
    kept = json.loads((out / "table.json").read_text())
    assert kept["rows"][1]["l1_figure"] == rows[1]["l1_figure"]
    assert {"machine", "versions", "commit", "started", "minutes", "pairs"} <= set(kept)
    for name in ("run", "bundle", "evaluation.json", "evaluation.html"):
        assert (out / "tiny" / name).exists()


def test_a_row_that_was_stopped_is_trained_for_the_minutes_it_lacks(pairs: Path, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "out" / "tiny" / "run"
    train(load_config(config), pairs, run, steps=3, progress=False, now=lambda: 0.0)  # none of its minutes are spent
    (row,) = _compared(pairs, [config], tmp_path / "out")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if "total" in line]
    assert steps == list(range(1, row["steps"] + 1))  # it went on after the third, and began nothing anew
    assert row["steps"] > 3


def test_without_minutes_every_config_makes_its_own_steps(pairs: Path, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "out" / "tiny+schedule.steps=3" / "run"
    three, four = f"{config}+schedule.steps=3", f"{config}+schedule.steps=4"
    train(load_config(config, ["schedule.steps=3"]), pairs, run, steps=2, progress=False)
    for _ in range(2):  # the second time nothing is left to do
        rows = _compared(pairs, [three, four], tmp_path / "out", minutes=None)
        assert [row["steps"] for row in rows] == [3, 4]
    assert "Their own steps of training each" in (tmp_path / "out" / "table.md").read_text()


def test_a_row_that_was_trained_and_not_measured_is_only_measured(pairs: Path, config: Path, out: Path) -> None:
    before, kept = _first_row(out), checkpoints(out / "tiny" / "run")
    (out / "tiny" / "evaluation.json").unlink()
    (after,) = _compared(pairs, [config], out)
    assert checkpoints(out / "tiny" / "run") == kept
    assert after["l1"] == before["l1"]


def test_other_minutes_or_another_config_are_not_mixed_in(pairs: Path, out: Path, tmp_path: Path) -> None:
    other = tmp_path / "tiny.toml"
    other.write_text(TINY)
    with pytest.raises(BadInput, match="another minutes"):
        _compared(pairs, [other], out, minutes=MINUTES * 2)
    other.write_text(TINY.replace("batch = 2", "batch = 3"))
    with pytest.raises(BadInput, match="another config"):
        _compared(pairs, [other], out)


def test_a_config_is_not_compared_with_itself(pairs: Path, config: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="tiny is compared with itself"):
        _compared(pairs, [config, config], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_untrained_performer_is_a_row_of_its_own(pairs: Path, config: Path, tmp_path: Path) -> None:
    rows = _compared(pairs, [config, Path("atlas")], tmp_path / "out")
    assert [row["name"] for row in rows] == ["atlas", "tiny"]
    assert rows[0]["steps"] == 0
    assert rows[0]["l1_figure"] > 0
    assert open_bundle(tmp_path / "out" / "atlas" / "bundle").manifest.size == (32, 32)


def test_the_untrained_performer_alone_is_no_comparison(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="name a config beside it"):
        _compared(pairs, ["atlas"], tmp_path / "out")
