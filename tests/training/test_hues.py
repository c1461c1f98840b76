"""A generator that says how likely each color is: what it learns, what it shows, and the bundle that it becomes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.backends import open_engine
from engines.color import LINEAR, colored
from tests.training.test_colorize import _examples, _small
from tests.training.test_gray_pairs import written_gray_pairs
from training.color_metrics import colorfulness
from training.coloring import GrayExamples
from training.config import TrainingConfig
from training.devices import picture_tensor
from training.export import export
from training.loop import train
from training.methods import method
from training.networks import generator
from training.networks.hues import COLORS, RANGE, Hues, palette
from training.vividness import TEMPERATURES, calibrated, levels, plane

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
REAL = (np.concatenate([RNG.normal(0, 3, (9000, 2)), RNG.uniform(-80, 80, (1000, 2))]) / RANGE).astype(np.float32)
"""Colors as photos have them: nearly all of them gray, a few anything."""


def _hues(**more: Any) -> TrainingConfig:
    chosen = {"kind": "hues", "width": 8, "blocks": 1, "dropout": True}
    return _small(**{"generator": chosen, "colorize": {"weight_decay": 0.05, "turn": 8, "whole": 0.3}, **more})


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_gray_pairs(tmp_path_factory.mktemp("hues"))


def _knowing() -> Hues:
    net = Hues(1, 8, 1)
    net.know(REAL)
    return net


def test_its_colors_are_spread_over_those_that_occur_and_the_rare_weigh_more() -> None:
    colors, rarity = palette(REAL)
    assert (colors == 0).all(axis=1).sum() == 1
    assert colors.max() * RANGE <= 81
    apart = np.linalg.norm(REAL[:, None] - colors, axis=-1) * RANGE
    assert apart.min(axis=1).max() < 20
    share = np.bincount(apart.argmin(axis=1), minlength=COLORS) / len(REAL)
    assert (share * rarity).sum() == pytest.approx(1)
    assert rarity.argmin() == 0  # nine tenths are nearly gray
    assert rarity[share < 0.01].min() > 2 * rarity[0]


def test_of_a_single_color_a_palette_is_made_all_the_same() -> None:
    colors, rarity = palette(np.full((10, 2), 0.1, np.float32))
    assert colors.shape == (COLORS, 2)
    assert np.isfinite(colors).all()
    assert np.isfinite(rarity).all()


def test_cold_it_shows_the_likeliest_color_and_hot_the_mean() -> None:
    net = _knowing()
    likelihoods = torch.full((1, len(net.colors), 2, 2), -30.0)
    red, blue = net.colors[:, 0].argmax(), net.colors[:, 1].argmin()
    likelihoods[:, red], likelihoods[:, blue] = 1.0, 0.0
    net.temperature = 0.05
    assert torch.allclose(net.shown(likelihoods), net.colors[red].view(1, 2, 1, 1).expand(1, 2, 8, 8), atol=1e-4)
    net.temperature = 1.0
    share = np.e / (1 + np.e)
    mean = share * net.colors[red] + (1 - share) * net.colors[blue]
    assert torch.allclose(net.shown(likelihoods), mean.view(1, 2, 1, 1).expand(1, 2, 8, 8), atol=1e-4)


def test_a_real_color_surprises_least_where_it_is_held_for_likely() -> None:
    net = _knowing()
    color = torch.tensor([40.0, 20.0]).div(RANGE).view(1, 2, 1, 1).expand(1, 2, 8, 8)
    near = (net.colors * RANGE - torch.tensor([40.0, 20.0])).norm(dim=1).argmin()

    def surprise(place: int) -> float:
        likelihoods = torch.zeros(1, len(net.colors), 2, 2)
        likelihoods[:, place] = 5.0
        return float(net.surprise(likelihoods, color))

    all_alike = float(net.surprise(torch.zeros(1, COLORS, 2, 2), color))
    assert all_alike == pytest.approx(np.log(len(net.colors)), rel=1e-4)
    assert surprise(int(near)) < all_alike < surprise(int((near + 7) % len(net.colors)))


def test_a_rare_color_counts_more() -> None:
    """Knowing the right half of a picture pays more than knowing the left one once the color there is rare."""
    net = _knowing()
    far = int(net.colors.norm(dim=1).argmax())
    color = torch.zeros(1, 2, 4, 8)
    color[..., 4:] = net.colors[far].view(2, 1, 1)
    knows_left, knows_right = (torch.zeros(1, COLORS, 1, 2) for _ in range(2))
    knows_left[:, 0, :, 0] = knows_right[:, far, :, 1] = 4.0

    def gain() -> float:
        return float(net.surprise(knows_left, color) - net.surprise(knows_right, color))

    net.rarity.fill_(1.0)
    alike = gain()
    net.rarity[far] = 5.0
    assert gain() > alike + 0.5


def test_it_halves_its_surprise_on_one_batch_in_seconds(pairs: Path) -> None:
    torch.manual_seed(0)
    examples = _examples(pairs)
    learner = method(_hues(generator={"kind": "hues", "width": 16, "blocks": 1}), examples, CPU)
    batch = examples.plain([0, 1, 2, 3])
    losses = [float(learner.step(batch, step, 0.0)["surprise"]) for step in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_weights_fall_only_where_they_are_asked_to(pairs: Path) -> None:
    groups = method(_hues(), _examples(pairs), CPU).optimizers["generator"].param_groups
    assert [group["weight_decay"] for group in groups] == [0.05, 0.0]
    assert {weight.ndim for weight in groups[1]["params"]} == {1}


def test_of_doubt_the_temperature_makes_color(pairs: Path) -> None:
    """The true color is held for twice as likely as its opposite: warm that is pale, cold it is as it was."""
    examples = _examples(pairs)
    batch = examples.plain([int(i) for i in examples.validation])
    shown = picture_tensor(batch.conditioning, CPU)

    class Doubting(Hues):
        def likelihoods(self, seen: torch.Tensor) -> torch.Tensor:
            truth = next(k for k in range(len(shown)) if bool((shown[k] == seen[0]).all()))
            color = torch.from_numpy(batch.color[truth][::4, ::4])
            right, wrong = ((color * sign)[..., None, :] - self.colors for sign in (1, -1))
            nearness = torch.stack([-40 * way.square().sum(-1) for way in (right, wrong)])
            nearness[0] += np.log(2)
            return nearness.logsumexp(0).permute(2, 0, 1)[None]

    net = Doubting(1, 8, 1)
    net.know(batch.color.reshape(-1, 2))
    pale = [plane(net(picture[None])) for picture in shown]
    vivid = calibrated(net, examples, CPU)
    assert net.temperature < 1
    assert net.temperature in TEMPERATURES
    made = [plane(vivid(picture[None])) for picture in shown]
    assert _colorful(made, batch.conditioning) > 1.5 * _colorful(pale, batch.conditioning)


def _colorful(made: list[np.ndarray], seen: np.ndarray) -> float:
    pictures = [colored(LINEAR[one[..., 0]], levels(color)) for color, one in zip(made, seen, strict=True)]
    return float(np.mean([colorfulness(picture) for picture in pictures]))


def test_examples_are_parts_and_turned_only_where_it_is_asked_for(pairs: Path) -> None:
    def shown(**colorize: float) -> tuple[GrayExamples, np.ndarray]:
        examples = _examples(pairs, colorize=colorize, augmentation={"flip": False})
        return examples, np.concatenate([examples.batch(step).real for step in range(4)])

    examples, whole = shown(whole=1.0)
    known = {examples.plain([int(i)]).real[0].tobytes() for i in examples.train}
    assert all(picture.tobytes() in known for picture in whole)
    _, turned = shown(whole=1.0, turn=20.0)
    share = np.mean([picture.tobytes() in known for picture in turned])
    assert 0.1 < share < 0.9
    _, parts = shown(whole=0.0, least_part=0.3)
    assert not any(picture.tobytes() in known for picture in parts)


def test_a_stopped_run_goes_on_bit_for_bit(pairs: Path, tmp_path: Path) -> None:
    train(_hues(), pairs, tmp_path / "whole", steps=4, progress=False)
    train(_hues(), pairs, tmp_path / "parts", steps=2, progress=False)
    train(_hues(), pairs, tmp_path / "parts", steps=4, progress=False, resume=True)
    whole, parts = (
        sorted((tmp_path / name / "checkpoints").glob("*/state.safetensors"))[-1] for name in ("whole", "parts")
    )
    assert whole.read_bytes() == parts.read_bytes()


def test_a_run_becomes_a_bundle_that_turns_its_color_by_a_knob(pairs: Path, tmp_path: Path) -> None:
    """That it gives what was trained `export` itself proves, on OpenVINO; here ONNX Runtime plays it."""
    train(_hues(), pairs, tmp_path / "run", steps=24, progress=False)
    engine = open_engine(export(tmp_path / "run", tmp_path / "colors", progress=False), "onnxruntime", "f32")
    seen = _examples(pairs).plain([0]).conditioning[0]

    def color(hue: float) -> np.ndarray:
        knobs = {"saturation": np.ones(1, np.float32), "hue": np.full(1, hue, np.float32)}
        return engine({"conditioning": seen, **knobs})["chroma"].astype(int) - 128

    as_learned = color(0.0).copy()
    assert as_learned.shape == (64, 64, 2)
    assert np.abs(color(180.0) + as_learned).max() <= 1
    assert np.array_equal(color(0.0), as_learned)
    engine.close()


def test_a_generator_of_hues_performs_without_leaving_anything_out() -> None:
    net = generator(_hues().generator, channels_in=1, channels_out=2)
    assert isinstance(net, Hues)
    net.know(REAL)
    torch.nn.init.normal_(net.light.head.weight)
    seen = torch.rand(1, 1, 64, 64)
    learning = [net.train()(seen) for _ in range(2)]
    performing = [net.eval()(seen) for _ in range(2)]
    assert not torch.equal(*learning)
    assert torch.equal(*performing)
    plain = Hues(1, 8, 1)
    assert plain.state_dict().keys() == net.state_dict().keys()
