"""The bench measures both loops on the same pairs and says where a step's time goes."""

import json
from pathlib import Path

import pytest

from tests.training.test_loop import _config
from training.bench import PARTS, bench_train, dancer_pairs


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("bench")
    pairs = dancer_pairs(folder / "pairs", 64, count=4).folder
    bench_train(_config(), pairs, seconds=0.2, json=folder / "a.json", trace=folder / "a.txt")
    assert "aten::" in (folder / "a.txt").read_text()
    return json.loads((folder / "a.json").read_text())


def test_the_figures_are_those_of_the_bench_notes(figures: dict[str, float]) -> None:
    assert figures["ratio"] == pytest.approx(figures["images_per_s"] / figures["baseline_images_per_s"])
    assert 0 < figures["device_busy"] <= 1
    assert {"machine", "versions", "commit", "started"} <= set(figures)


def test_the_parts_of_a_step_make_up_most_of_it(figures: dict[str, dict[str, float]]) -> None:
    step = dict(figures["step_ms"])
    whole = step.pop("all")
    assert set(step) == {"waiting for a batch", *PARTS}
    assert all(value > 0 for value in step.values())
    assert 0.5 * whole < sum(step.values()) <= whole


def test_the_dancer_of_the_bench_stands_in_her_mask(tmp_path: Path) -> None:
    pairs = dancer_pairs(tmp_path, 128, count=3)
    for i in range(3):
        hips = (pairs.landmarks[i, [11, 12, 23, 24], :2].mean(axis=0) * 128).astype(int)
        assert pairs.mask(i)[hips[1], hips[0]] == 255
        assert 0.02 < (pairs.mask(i) > 0).mean() < 0.4
