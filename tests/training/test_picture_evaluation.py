"""Whole pictures are measured against their truth where there is one, and as sets where there is none."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import understudy
from engines.bundle import Manifest, Port, write_bundle
from engines.bundle.manifest import Graph
from engines.errors import BadInput
from engines.images import covering
from tests.training.test_aligned import _beside, _film
from tests.training.test_style import _sides
from training.labels import accuracy, palette, read_labels
from training.pairs.aligning import align, outline
from training.picture_baselines import baselines
from training.picture_evaluation import evaluate_pictures, flicker

SIDE = 64


def _bundle(folder: Path, negative: bool) -> Path:
    """A bundle that shows the negative of what it sees, or just that."""
    import torch

    from training.ports import Ported, onnx_graph

    class Shown(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return -pictures if negative else pictures * 1.0

    graph = onnx_graph(Ported(Shown()), {"conditioning": np.zeros((SIDE, SIDE, 3), np.uint8)}, ["image"])
    manifest = Manifest(
        name=folder.name,
        method="pix2pix",
        conditioning="frame",
        size=(SIDE, SIDE),
        inputs=(Port(name="conditioning", shape=(SIDE, SIDE, 3), dtype="uint8"),),
        outputs=(Port(name="image", shape=(SIDE, SIDE, 3), dtype="uint8"),),
        finish="none",
        graphs=(Graph(file="generator.onnx", precision="f32"),),
        fps=25,
    )
    write_bundle(folder, manifest, {"generator.onnx": graph})
    return folder


def test_labels_are_counted_by_their_nearest_color() -> None:
    truth = np.zeros((10, 10, 3), np.uint8)
    truth[:, 6:] = (250, 10, 10)
    noisy = np.clip(truth.astype(int) + np.random.default_rng(0).integers(-20, 20, truth.shape), 0, 255).astype(
        np.uint8
    )
    colors = palette([truth])
    assert len(colors) == 2
    assert read_labels(noisy, colors).tolist() == read_labels(truth, colors).tolist()
    wrong = truth.copy()
    wrong[:5, 6:] = 0
    found = accuracy([wrong], [truth], colors)
    assert (found.pixels, found.labels, found.most_common) == pytest.approx((0.8, 0.75, 0.6))


def test_what_shows_the_truth_is_without_error(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(20):
        half = np.random.default_rng(k).integers(0, 120, (8, 8, 3), np.uint8)
        half = np.asarray(cv2.resize(half, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
        cv2.imwrite(str(folder / f"{k:02d}.png"), np.hstack([half, 255 - half]))
    pairs = align(folder, tmp_path / "pairs")
    right = evaluate_pictures(_bundle(tmp_path / "right", True), pairs, say=False)
    wrong = evaluate_pictures(_bundle(tmp_path / "wrong", False), pairs, say=False)
    assert right["l1"] < 0.6 < 20 < wrong["l1"]
    assert right["set_distance"]["share"] < 0.2
    assert wrong["set_distance"]["share"] == pytest.approx(1)
    assert wrong["beside"]["input"]["l1"] == pytest.approx(wrong["l1"], abs=0.6)
    assert right["beside"]["mean"]["l1"] > right["l1"]


def test_beside_stand_the_input_the_mean_and_the_result_of_the_nearest_input(tmp_path: Path) -> None:
    """Even inputs give red, odd ones blue, and their brightness says which is which."""
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(20):
        seen = np.full((SIDE, SIDE, 3), (40, 200)[k % 2] + k, np.uint8)
        result = np.zeros_like(seen)
        result[:] = ((0, 0, 200), (200, 0, 0))[k % 2]  # BGR
        cv2.imwrite(str(folder / f"{k:02d}.png"), np.hstack([seen, result]))
    pairs = align(folder, tmp_path / "pairs")
    tested = [int(i) for i in pairs.split("test")]
    found = baselines(pairs, tested, (SIDE, SIDE))
    for place, index in enumerate(tested):
        assert (found["input"][place] == pairs.conditioning(index)).all()
        assert (found["nearest"][place] == pairs.frame(index)).all()
    red = np.mean([pairs.frame(int(i))[0, 0, 0] for i in pairs.split("train")])
    assert found["mean"][0][5, 5] == pytest.approx((red, 0, 200 - red), abs=1)


def test_beside_a_film_that_is_drawn_from_its_outlines_stand_the_outlines_and_not_the_film_itself(
    tmp_path: Path,
) -> None:
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 96))
    for k in range(60):
        frame = np.full((96, 96, 3), 90, np.uint8)
        cv2.rectangle(frame, (20 + k // 2, 30), (50 + k // 2, 70), (40, 230, 240), -1)
        film.write(frame)
    film.release()
    pairs = outline([tmp_path / "film.avi"], tmp_path / "pairs", size=SIDE)
    tested = [int(i) for i in pairs.split("test")]
    found = baselines(pairs, tested, (SIDE, SIDE))
    for seen in found["input"]:
        assert set(np.unique(seen)) == {0, 255}
        assert (seen > 0).mean() < 0.2
    figures = evaluate_pictures(_bundle(tmp_path / "same", False), pairs, say=False)
    assert figures["beside"]["input"]["l1"] > 20
    assert figures["set_distance"]["ceiling"] > 0.1


def test_there_and_back_is_measured_with_the_bundle_that_leads_back(tmp_path: Path) -> None:
    pairs, bundle = _sides(tmp_path, 20), _bundle(tmp_path / "negative", True)
    found = evaluate_pictures(bundle, pairs, back=bundle, say=False)
    assert found["cycle_l1"] < 0.6
    assert found["changed"] > 20
    assert "identity" in evaluate_pictures(_bundle(tmp_path / "same", False), pairs, say=False)["words"]


def test_what_shows_the_film_flickers_as_the_film_does(tmp_path: Path) -> None:
    film, noise = _film(tmp_path / "film.avi"), np.random.default_rng(0)
    assert flicker(lambda frame, _t: covering(frame, (SIDE, SIDE)), film, (SIDE, SIDE))["ratio"] < 1.6

    def trembling(_frame: np.ndarray, _time_s: float) -> np.ndarray:
        return np.asarray(noise.integers(0, 256, (SIDE, SIDE, 3)), np.uint8)

    assert flicker(trembling, film, (SIDE, SIDE))["ratio"] > 3


def test_evaluate_as_a_person_types_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = align(_beside(tmp_path / "in", 20), tmp_path / "pairs").folder
    bundle = _bundle(tmp_path / "same", False)
    argv = ["evaluate", str(bundle), "--pairs", str(pairs), "--labels", "--json", str(tmp_path / "found.json")]
    assert understudy.main(argv) == 0
    assert "ssim" in capsys.readouterr().out
    assert json.loads((tmp_path / "found.json").read_text())["label_accuracy"]["pixels"] <= 1


def test_a_bundle_that_looks_at_poses_is_refused(tmp_path: Path) -> None:
    from tests.fakes_engines import figure_bundle

    with pytest.raises(BadInput, match="skeleton"):
        evaluate_pictures(figure_bundle(64), _sides(tmp_path), say=False)
