"""Pairs of pictures that belong together, and of a film's outlines: read, split, learned, and played as a bundle."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import understudy
from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.errors import BadInput, ConfigError, PairsError
from engines.images import Frame, covering
from engines.outlines import Outlines
from engines.performer import Performer
from engines.scene import Scene
from tests.training.test_loop import _config
from training.aligned_examples import AlignedExamples
from training.config import TrainingConfig
from training.export import export
from training.loop import train
from training.methods import method
from training.pairs.aligning import align, outline
from training.pairs.store import open_pairs


def _label(k: int, side: int = 64) -> Frame:
    picture = np.full((side, side, 3), (0, 0, 170), np.uint8)
    x, y = 8 + 5 * k % 30, 6 + 7 * k % 30
    cv2.rectangle(picture, (x, y), (x + 16, y + 20), (250, 120, 40), -1)
    return picture


def _built(label: Frame) -> Frame:
    """What a label stands for: a wall and a window of other colors."""
    window = label[..., 0] > 128
    return np.where(window[..., None], (60, 90, 120), (200, 180, 150)).astype(np.uint8)


def _beside(folder: Path, count: int, right_is_input: bool = False) -> Path:
    folder.mkdir(parents=True)
    for k in range(count):
        halves = [_label(k), _built(_label(k))]
        both = np.hstack(halves[::-1] if right_is_input else halves)
        cv2.imwrite(str(folder / f"{k:03d}.png"), cv2.cvtColor(both, cv2.COLOR_RGB2BGR))
    return folder


def _film(path: Path, seconds: float = 2.0) -> Path:
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (96, 80))
    for k in range(int(seconds * 20)):
        picture = np.full((80, 96, 3), 60, np.uint8)
        cv2.circle(picture, (20 + k, 40), 16, (60, 160, 230), -1)
        cv2.rectangle(picture, (60, 10), (90, 30), (230, 230, 90), -1)
        film.write(picture)
    film.release()
    return path


def _flat(**changes: object) -> TrainingConfig:
    return _config(output="image", losses={"person": 0, "face": 0, "hands": 0}, **changes)


@pytest.mark.parametrize("half", ["left", "right"])
def test_either_half_can_be_the_input(tmp_path: Path, half: str) -> None:
    pairs = align(_beside(tmp_path / "in", 10, half == "right"), tmp_path / "out", input_half=half)  # type: ignore[arg-type]
    np.testing.assert_array_equal(pairs.conditioning(3), _label(3))
    np.testing.assert_array_equal(pairs.frame(3), _built(_label(3)))
    assert [len(pairs.split(name)) for name in ("train", "validation", "test")] == [7, 1, 2]  # type: ignore[arg-type]


def test_folders_say_the_split_and_val_alone_is_tested_on_too(tmp_path: Path) -> None:
    _beside(tmp_path / "in" / "train", 12)
    _beside(tmp_path / "in" / "val", 10)
    pairs = align(tmp_path / "in", tmp_path / "out")
    assert [len(pairs.split(name)) for name in ("train", "validation", "test")] == [12, 2, 8]  # type: ignore[arg-type]


def test_two_folders_are_matched_by_name(tmp_path: Path) -> None:
    for side, made in (("A", _label), ("B", lambda k: _built(_label(k)))):
        (tmp_path / side).mkdir()
        for k in range(5):
            cv2.imwrite(str(tmp_path / side / f"{k}.png"), cv2.cvtColor(made(k), cv2.COLOR_RGB2BGR))
    pairs = align(tmp_path, tmp_path / "out")
    np.testing.assert_array_equal(pairs.conditioning(2), _label(2))
    (tmp_path / "B" / "4.png").unlink()
    with pytest.raises(PairsError, match=r"4\.png: has no partner"):
        align(tmp_path, tmp_path / "out2")


def test_what_cannot_be_a_pair_is_named(tmp_path: Path) -> None:
    for name, shape, told in (
        ("narrow", (64, 40, 3), "not two pictures side by side"),
        ("odd", (64, 129, 3), "not two pictures side by side"),
        ("tiny", (16, 32, 3), "at least 32"),
    ):
        (tmp_path / name).mkdir()
        for k in range(2):
            cv2.imwrite(str(tmp_path / name / f"{k}.png"), np.zeros(shape, np.uint8))
        with pytest.raises(BadInput, match=told):
            align(tmp_path / name, tmp_path / f"{name}_out")
    with pytest.raises(PairsError, match="holds 1 pair"):
        align(_beside(tmp_path / "one", 1), tmp_path / "one_out")
    with pytest.raises(BadInput, match="no such folder"):
        align(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PairsError, match="no pictures side by side"):
        align(tmp_path / "empty", tmp_path / "out")


def test_gray_alpha_and_deep_pictures_are_pairs_too(tmp_path: Path) -> None:
    rgb = np.hstack([_label(0), _label(1)])
    gray = rgb[..., 0]
    clear = np.dstack([rgb, np.full(gray.shape, 255, np.uint8)])
    (tmp_path / "in").mkdir()
    for name, picture in (("a", gray), ("b", clear), ("c", gray.astype(np.uint16) * 257)):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"), picture)
    pairs = align(tmp_path / "in", tmp_path / "out")
    assert [pairs.frame(i).shape for i in range(3)] == [(64, 64, 3)] * 3


def test_input_and_result_are_cut_and_mirrored_alike(tmp_path: Path) -> None:
    pairs = align(_beside(tmp_path / "in", 10), tmp_path / "out")
    examples = AlignedExamples(pairs, _flat(size=32, augmentation={"enlarge": 0.5, "flip": True}))
    cuts = set()
    for step in range(6):
        batch = examples.batch(step)
        for looked_at, real in zip(batch.conditioning, batch.real, strict=True):
            # Judged where enlarging did not blend two colors.
            sure = (looked_at[..., 0] < 5) | (looked_at[..., 0] > 245)
            assert np.abs(_built(looked_at).astype(int) - real)[sure].max() < 12
            cuts.add(looked_at.tobytes())
    assert len(cuts) > 6


def test_a_batch_depends_on_seed_and_step_alone(tmp_path: Path) -> None:
    pairs = align(_beside(tmp_path / "in", 10), tmp_path / "out")
    one, other = (AlignedExamples(pairs, _flat(augmentation={"enlarge": 0.0}), hold=hold) for hold in (True, False))
    np.testing.assert_array_equal(one.batch(3).real, other.batch(3).real)
    halves = [one.batch(3, share, 2).conditioning for share in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves), one.batch(3).conditioning)


def test_outlines_in_training_are_the_drawing_of_the_stage(tmp_path: Path) -> None:
    pairs = outline([_film(tmp_path / "film.avi")], tmp_path / "out", fps=20)
    examples = AlignedExamples(pairs, _flat(size=64))
    stage = Outlines()
    for i in range(len(pairs)):
        drawn = stage.drawn(pairs.frame(i), (64, 64), pairs.rows[i].time_s)
        np.testing.assert_array_equal(examples.conditioning(i), np.repeat(drawn, 3, axis=2), err_msg=str(i))
    assert not (tmp_path / "out" / "conditioning").exists() or not list((tmp_path / "out" / "conditioning").iterdir())


def test_an_aligned_batch_is_learned(tmp_path: Path) -> None:
    pairs = align(_beside(tmp_path / "in", 10), tmp_path / "out")
    config = _flat(augmentation={"enlarge": 0.0})
    examples = AlignedExamples(pairs, config)
    learner = method(config, examples, torch.device("cpu"))
    losses = [float(learner.step(examples.batch(0), step, 0.0)["l1"]) for step in range(40)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("size", [None, (50, 90)], ids=["as trained", "another size, padded"])
def test_an_aligned_bundle_shows_what_was_trained(tmp_path: Path, size: tuple[int, int] | None) -> None:
    pairs = align(_beside(tmp_path / "in", 10), tmp_path / "pairs")
    train(_flat(), pairs.folder, tmp_path / "run", steps=4, progress=False)
    bundle = export(tmp_path / "run", tmp_path / "bundle", int8=False, progress=False, size=size)
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert (manifest.conditioning, manifest.size, manifest.finish) == ("frame", size or (64, 64), "none")
    performer = Performer(bundle, open_engine(bundle, "openvino", "f32"))
    camera = np.asarray(cv2.resize(_label(4), (200, 100)), np.uint8)
    shown = performer.perform(Scene(presence=1.0, frame=camera)).image
    assert shown.shape == (*(size or (64, 64)), 3)
    np.testing.assert_array_equal(performer.perform(Scene(frame=covering(camera, manifest.size))).image, shown)
    performer.close()


def test_a_loss_that_needs_a_dancer_is_refused(tmp_path: Path) -> None:
    pairs = align(_beside(tmp_path / "in", 10), tmp_path / "out")
    with pytest.raises(ConfigError, match=r"losses\.temporal is 1"):
        AlignedExamples(pairs, _config(output="image", losses={"temporal": 1}))
    with pytest.raises(ConfigError, match="have 64 pixels"):
        AlignedExamples(pairs, _flat(size=128))


def test_pairs_as_a_person_types_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, film = _beside(tmp_path / "in", 4), _film(tmp_path / "film.avi")
    out = str(tmp_path / "out")
    assert understudy.main(["pairs", "--aligned-from", str(folder), "--out", out]) == 0
    assert open_pairs(tmp_path / "out").header.conditioning == "frame"
    assert understudy.main(["pairs", str(film), "--kind", "edges", "--out", str(tmp_path / "edges")]) == 0
    assert open_pairs(tmp_path / "edges").header.drawn
    capsys.readouterr()
    assert understudy.main(["pairs", "--kind", "edges", "--out", out]) == 2
    assert understudy.main(["pairs", "--out", out]) == 2
    assert "o video" in capsys.readouterr().err
