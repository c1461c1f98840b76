"""colorize: learns color from gray, keeps every level of light, and performs in a bundle as it was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import understudy
from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.color import LINEAR, colored, gray, luminance
from engines.errors import ConfigError
from engines.images import resized
from engines.performer import Performer
from engines.scene import Scene
from tests.fakes_training import written_pairs
from tests.training.test_gray_pairs import _scene, write_photos, written_gray_pairs
from tests.training.test_loop import _lines
from training.color_evaluation import evaluate_color
from training.color_metrics import color_error, colorfulness
from training.coloring import ColorForm, GrayExamples
from training.config import TrainingConfig, config_from
from training.devices import picture_tensor
from training.examples import open_examples
from training.export import export
from training.film import write_film
from training.loop import train
from training.methods import method
from training.pairs.gray import build_gray
from training.pairs.store import open_pairs
from training.vividness import GAINS, PIVOT, calibrated, strengthened

SMALL: dict[str, Any] = {
    "method": "colorize",
    "size": 64,
    "precision": "f32",
    "generator": {"width": 8, "blocks": 1},
    "discriminator": {"width": 8, "start_step": 1000},
    "schedule": {"batch": 4, "learning_rate": 2e-3, "bn_batches": 2},
    "augmentation": {"flip": True},
    "run": {"sample_rows": 2, "log_steps": 1, "tensorboard": False},
}


def _small(**more: Any) -> TrainingConfig:
    return config_from({**SMALL, **more}, "test")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_gray_pairs(tmp_path_factory.mktemp("color"))


@pytest.fixture(scope="module")
def colors(pairs: Path) -> Bundle:
    train(_small(), pairs, pairs.parent / "run", steps=40, progress=False)
    return export(pairs.parent / "run", pairs.parent / "colors", progress=False)


def _examples(pairs: Path, **more: Any) -> GrayExamples:
    found = open_examples(open_pairs(pairs), _small(**more))
    assert isinstance(found, GrayExamples)
    return found


def test_a_batch_is_a_function_of_seed_and_step(pairs: Path) -> None:
    one, other = _examples(pairs), open_examples(open_pairs(pairs), _small(), hold=False)
    np.testing.assert_array_equal(one.batch(3).conditioning, other.batch(3).conditioning)
    parts = [one.batch(3, share, 2).real for share in range(2)]
    np.testing.assert_array_equal(np.concatenate(parts), other.batch(3).real)
    assert (one.batch(4).real != one.batch(3).real).any()


def test_gray_is_that_of_the_stage(pairs: Path) -> None:
    """What is looked at in training is to the level what the kind `gray` shows of the same frame."""
    from engines.conditioning import gray as staged

    examples = _examples(pairs)
    frame = resized(examples.frame(0), (64, 64))
    np.testing.assert_array_equal(staged(frame, (64, 64)), examples.plain([0]).conditioning[0])


def test_it_halves_its_loss_on_one_batch_in_seconds(pairs: Path) -> None:
    config = _small(generator={"width": 16, "blocks": 1})
    examples = _examples(pairs)
    torch.manual_seed(0)
    learner = method(config, examples, torch.device("cpu"))
    batch = examples.plain([0, 1, 2, 3])
    losses = [float(learner.step(batch, step, 0.0)["l1"]) for step in range(40)]
    assert losses[-1] < 0.5 * losses[5]


def test_the_discriminator_comes_when_it_is_due(pairs: Path) -> None:
    config = _small(discriminator={"width": 8, "start_step": 1, "ramp_steps": 1}, colorize={"alone": 0.5})
    examples = _examples(pairs)
    learner = method(config, examples, torch.device("cpu"))
    said = [learner.step(examples.batch(step), step, step / 4) for step in range(3)]
    assert ["adversarial" in one for one in said] == [False, False, True]
    assert learner.recognized(examples.plain([0])) is not None


def test_a_pale_net_is_made_nearly_as_colorful_as_real_pictures(pairs: Path) -> None:
    """Half of the true color of every picture, which is what a mean over doubts looks like."""
    examples = _examples(pairs)

    class Pale(torch.nn.Module):
        def forward(self, seen: torch.Tensor) -> torch.Tensor:
            truth = next(k for k in range(len(batch.real)) if bool((shown[k] == seen[0]).all()))
            return 0.6 * torch.from_numpy(batch.color[truth]).permute(2, 0, 1)[None]

    batch = examples.plain([int(i) for i in examples.validation])
    shown = picture_tensor(batch.conditioning, torch.device("cpu"))
    vivid = calibrated(Pale(), examples, torch.device("cpu"))
    stronger = strengthened(0.6 * torch.from_numpy(batch.color), vivid.gain, vivid.power).numpy()
    lights = [LINEAR[seen[..., 0]] for seen in batch.conditioning]
    made = [colorfulness(colored(light, color * 110 + 128)) for light, color in zip(lights, stronger, strict=True)]
    assert 0.8 <= np.mean(made) / np.mean([colorfulness(real) for real in batch.real]) <= 1.0
    # Nothing is gained by more of a wrong color.
    assert calibrated(_Wrong(), examples, torch.device("cpu")).gain == min(GAINS)


def test_color_is_strengthened_along_its_hue_and_the_vivid_most() -> None:
    color = torch.tensor([[0.03, 0.04], [0.12, 0.09], [0.0, 0.3]])
    made = strengthened(color, 1.2, 1.3)
    assert torch.allclose(torch.atan2(*made.T), torch.atan2(*color.T), atol=1e-4)
    gains = made.norm(dim=1) / color.norm(dim=1)
    assert gains.tolist() == pytest.approx([1.2 * (d / PIVOT) ** 0.3 for d in (0.05, 0.15, 0.3)], rel=1e-2)
    assert bool(torch.isfinite(strengthened(torch.zeros(1, 2), 2.0, 1.5)).all())


class _Wrong(torch.nn.Module):
    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return torch.full((1, 2, *seen.shape[2:]), 0.3) * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)


def test_what_is_shown_has_the_light_of_what_was_seen(pairs: Path) -> None:
    examples = _examples(pairs)
    learner = method(_small(), examples, torch.device("cpu"))
    batch = examples.plain([0, 5])
    shown = learner.picture(learner.performer(examples), batch).permute(0, 2, 3, 1).numpy()
    for picture, seen in zip(np.rint((shown + 1) * 127.5).astype(np.uint8), batch.conditioning, strict=True):
        assert np.abs(gray(picture).astype(int) - seen[..., 0]).max() <= 1


def test_a_run_is_judged_by_its_color(pairs: Path, colors: Bundle) -> None:
    judged = [line for line in _lines(pairs.parent / "run") if "validation_score" in line]
    assert {"validation_error", "validation_colorful", "validation_of_mean_color"} <= set(judged[-1])
    assert (pairs.parent / "run" / "best").exists()
    assert colors.manifest.finish == "join_chroma"


def test_a_stopped_run_goes_on_bit_for_bit(pairs: Path, tmp_path: Path) -> None:
    train(_small(), pairs, tmp_path / "whole", steps=4, progress=False)
    train(_small(), pairs, tmp_path / "parts", steps=2, progress=False)
    train(_small(), pairs, tmp_path / "parts", steps=4, progress=False, resume=True)
    whole, parts = (
        sorted((tmp_path / name / "checkpoints").glob("*/state.safetensors"))[-1] for name in ("whole", "parts")
    )
    assert whole.read_bytes() == parts.read_bytes()


def test_the_bundle_gives_what_was_trained_after_its_finish(pairs: Path, colors: Bundle) -> None:
    """On ONNX Runtime here; `export` itself proves OpenVINO."""
    from training.export import _trained

    trained = _trained(pairs.parent / "run")
    form = ColorForm(trained.examples)
    engine = open_engine(colors, "onnxruntime", "f32")
    for i in trained.judged[:4]:
        for saturation, hue in ((1.0, 0.0), (1.7, 40.0)):
            fed = {
                **form.inputs(i),
                "saturation": np.array([saturation], np.float32),
                "hue": np.array([hue], np.float32),
            }
            truth = {name: levels.astype(np.uint8) for name, levels in form.longhand(trained.generator, fed).items()}
            gap = form.seen(engine(dict(fed)), i).astype(int) - form.seen(truth, i)
            assert np.quantile(np.abs(gap), 0.999) <= 1 + (saturation > 1)
    engine.close()


def test_knobs_turn_the_color_and_leave_the_light(colors: Bundle) -> None:
    performer = Performer(colors, open_engine(colors, "onnxruntime", "f32"))
    frame = _scene(20, 256)

    def shown(**knobs: float) -> np.ndarray:
        return performer.perform(Scene(frame=frame, knobs=knobs)).image

    plain, without = shown(), shown(saturation=0)
    assert np.ptp(without.astype(int), axis=2).max() <= 1
    assert np.abs(gray(plain).astype(int) - gray(without)).max() <= 1
    assert colorfulness(shown(saturation=2)) > colorfulness(plain) > colorfulness(without)
    assert np.abs(gray(shown(hue=90)).astype(int) - gray(without)).max() <= 1
    performer.close()


def test_on_stage_a_picture_is_as_sharp_as_the_camera(colors: Bundle) -> None:
    performer = Performer(colors, open_engine(colors, "onnxruntime", "f32"))
    frame = np.random.default_rng(0).integers(0, 256, (720, 720, 3), np.uint8)
    drawn = performer.perform(Scene(frame=frame))
    assert drawn.image.shape == (720, 720, 3)  # not the 64 x 64 of its net
    assert np.abs(gray(drawn.image).astype(int) - gray(frame)).max() <= 1
    performer.close()


def test_figures_of_color_against_known_ones() -> None:
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    assert color_error(flat, flat) == 0
    halves = np.concatenate(
        [np.full((8, 4, 3), (255, 0, 0), np.uint8), np.full((8, 4, 3), (0, 0, 255), np.uint8)], axis=1
    )
    # rg is 255 and 0, yb 127.5 and -255: standard deviations 127.5 and 191.25, means 127.5 and -63.75.
    assert colorfulness(halves) == pytest.approx(np.hypot(127.5, 191.25) + 0.3 * np.hypot(127.5, 63.75))
    assert luminance(flat).std() < 1e-6


def test_evaluation_sets_a_bundle_beside_what_needs_no_learning(pairs: Path, colors: Bundle) -> None:
    figures = evaluate_color(colors, pairs, say=False, progress=lambda *_: None, backend="onnxruntime")
    rows = {row["what"]: row for row in figures["rows"]}
    assert rows["real"]["error"] == 0
    assert rows["gray"]["colorfulness"] < 1 < rows["real"]["colorfulness"]
    assert rows["mean color"]["error"] < rows["gray"]["error"]
    assert figures["flicker"] is None
    assert "mean color" in figures["verdict"][0]


def test_evaluation_of_a_film_measures_flicker(colors: Bundle, tmp_path: Path) -> None:
    grain = np.random.default_rng(0).normal(0, 4, (40, 64, 96, 1))
    frames = [np.clip(np.roll(_scene(0, 64), i, axis=1) + grain[i], 0, 255).astype(np.uint8) for i in range(40)]
    write_film(tmp_path / "film.mp4", frames, 10)
    film = build_gray([tmp_path / "film.mp4"], tmp_path / "pairs", progress=lambda *_: None)
    flicker = evaluate_color(colors, film, say=False, progress=lambda *_: None, backend="onnxruntime")["flicker"]
    assert set(flicker) == {"before", "after", "real", "light"}
    assert flicker["after"] < flicker["before"]


def test_a_dancers_pairs_are_not_for_colorize(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it learns from pairs of kind gray"):
        open_examples(written_pairs(tmp_path), _small())


@pytest.mark.slow
def test_from_photos_to_a_bundle_as_a_person_types_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, count in (("train", 6), ("val", 2), ("test", 2)):
        write_photos(tmp_path / "photos" / name, count)
    sets = ["size=64", "generator.width=8", "schedule.batch=2", "run.tensorboard=false"]
    flags = [word for one in sets for word in ("--set", one)]
    pairs, run, bundle = (str(tmp_path / name) for name in ("pairs", "run", "colors"))
    assert understudy.main(["pairs", "--kind", "gray", str(tmp_path / "photos"), "--out", pairs]) == 0
    config = "configs/training/colorize.toml"
    assert understudy.main(["train", config, "--pairs", pairs, "--out", run, "--steps", "12", *flags]) == 0
    assert understudy.main(["export", run, "--out", bundle]) == 0
    assert understudy.main(["evaluate", bundle, "--pairs", pairs]) == 0
    assert "mean color" in capsys.readouterr().out
    assert open_bundle(Path(bundle)).manifest.conditioning == "gray"
