import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.errors import BadInput, ConfigError
from tests.fakes_singan import chain_config, learned_run, redraw_config, saved, small_config, striped
from training.checkpoints import checkpoints
from training.singan.config import SinganConfig, load_singan_config
from training.singan.learning import ScaleLearning, States, penalized
from training.singan.loop import train_singan
from training.singan.networks import Critic, fresh_pyramid
from training.singan.pictures import as_picture, as_tensor, at_size, pyramid, scale_sizes
from training.singan.runs import open_learned

CONFIGS = Path(__file__).parents[3] / "configs" / "training"


def _weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(open_learned(run).generator.state_dict())


# The pyramid ---------------------------------------------------------------------------------------------------------


def test_the_papers_pyramid_goes_from_25_px_in_even_steps_near_three_quarters() -> None:
    config = load_singan_config(CONFIGS / "singan_paper.toml").pyramid
    sizes = scale_sizes((188, 250), config)
    assert (sizes[0], sizes[-1], len(sizes)) == ((25, 33), (188, 250), 9)
    steps = [small[1] / large[1] for small, large in pairwise(sizes)]
    assert max(steps) < 0.81
    assert min(steps) > 0.74


def test_consingans_pyramid_has_more_scales_where_the_layout_is_decided() -> None:
    """Sizes of a 250 px square by ConSinGAN's own rule, worked out by hand."""
    sizes = scale_sizes((250, 250), load_singan_config(CONFIGS / "singan.toml").pyramid)
    assert [height for height, _ in sizes] == [25, 32, 45, 71, 158, 250]


def test_a_picture_smaller_than_the_pyramid_is_not_enlarged() -> None:
    assert scale_sizes((60, 80), small_config(pyramid={"largest": 250}).pyramid)[-1] == (60, 80)


def test_a_picture_survives_the_way_into_a_tensor_and_back() -> None:
    assert (as_picture(as_tensor(striped())) == striped()).all()


def test_what_shrinks_is_averaged_and_not_skipped_over() -> None:
    fine = torch.zeros(1, 1, 40, 40)
    fine[..., ::4] = 1.0
    assert (at_size(fine, (10, 10)) - 0.25).abs().max() < 0.2


# The networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config", [small_config(), redraw_config(), chain_config()], ids=["growing", "redraw", "chain"]
)
def test_every_scale_draws_a_picture_of_its_size(config: SinganConfig) -> None:
    generator = fresh_pyramid(config)
    reals = pyramid(striped(), scale_sizes((56, 72), config.pyramid))
    sizes = [tuple(real.shape[2:]) for real in reals]
    for scale in range(len(reals)):
        generator.grow(1.0)
        noises = [torch.randn(1, *generator.noise_shape(k, sizes[k])) for k in range(scale + 1)]
        assert generator(noises, sizes).shape[2:] == sizes[scale]


def test_a_chain_that_adds_nothing_gives_the_enlarged_picture_back() -> None:
    generator = fresh_pyramid(chain_config())
    generator.grow(1.0)
    generator.grow(1.0)
    for weight in generator.stages[1].parameters():
        torch.nn.init.zeros_(weight)
    picture = as_tensor(striped(20, 24))
    assert torch.equal(generator.eval().advanced(picture, 1, None, (40, 48)), at_size(picture, (40, 48)))


def test_a_new_stage_begins_as_the_one_before() -> None:
    generator = fresh_pyramid(small_config())
    generator.grow(1.0)
    generator.grow(0.1)
    first, second = (stage.state_dict() for stage in generator.stages)
    assert all(torch.equal(first[name], second[name]) for name in first)


# Learning ------------------------------------------------------------------------------------------------------------


def test_the_penalty_is_that_of_a_critic_whose_gradient_is_known() -> None:
    """A critic that adds up its input times 2 has the gradient 2 in each of 3 channels: norm sqrt(12) everywhere."""

    class Doubling(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return 2 * pictures.sum(dim=1, keepdim=True)

    real, fake = torch.zeros(1, 3, 5, 5), torch.ones(1, 3, 5, 5)
    assert float(penalized(Doubling(), real, fake)) == pytest.approx((12**0.5 - 1) ** 2)


def test_frozen_states_are_made_now_and_then_and_not_at_every_step() -> None:
    made: list[int] = []

    def state() -> torch.Tensor:
        made.append(1)
        return torch.tensor(float(len(made)))

    states = States(state, count=4, renew_every=10, seed=0)
    given = [float(states()) for _ in range(200)]
    assert 4 < len(made) < 30
    assert len(set(given)) > 4


@pytest.mark.parametrize(
    "config", [small_config(), redraw_config(), chain_config()], ids=["growing", "redraw", "chain"]
)
def test_one_scale_learns_its_picture_in_seconds(config: SinganConfig) -> None:
    torch.manual_seed(0)
    config = config.model_copy(
        update={"learning": config.learning.model_copy(update={"iterations": 200, "rate": 2e-3})}
    )
    reals = pyramid(striped(), scale_sizes((56, 72), config.pyramid))[:1]
    generator = fresh_pyramid(config)
    generator.grow(1.0)
    generator.fixed = torch.randn(1, *generator.noise_shape(0, (16, 21)))
    learning = ScaleLearning(config, generator, Critic(config.networks, 0), reals)
    first = [float(learning.step(k)["reconstruction"]) for k in range(5)]
    last = [float(learning.step(k)["reconstruction"]) for k in range(5, 140)][-5:]
    assert np.mean(last) < np.mean(first) / 2


def test_frozen_stages_do_not_move_while_the_newest_learn() -> None:
    config = small_config(pyramid={"stages": 4, "coarsest": 14}, learning={"together": 2})
    generator = fresh_pyramid(config)
    reals = pyramid(striped(), scale_sizes((56, 72), config.pyramid))
    for _ in reals:
        generator.grow(0.5)
    generator.fixed = torch.randn(1, *generator.noise_shape(0, tuple(reals[0].shape[2:])))  # type: ignore[arg-type]
    before = {name: weight.clone() for name, weight in generator.named_parameters()}
    ScaleLearning(config, generator, Critic(config.networks, 3), reals).step(0)
    moved = {name for name, weight in generator.named_parameters() if not torch.equal(weight, before[name])}
    assert {name.split(".")[1] for name in moved if name.startswith("stages")} == {"2", "3"}
    assert not any(name.startswith("head") for name in moved)


# Runs ----------------------------------------------------------------------------------------------------------------


def test_a_run_keeps_a_picture_of_every_scale_and_a_film_of_all(tmp_path: Path) -> None:
    run = learned_run(tmp_path, small_config())
    assert sorted(path.name for path in (run / "scales").iterdir()) == [f"scale-0{k}.png" for k in range(3)]
    assert (run / "timelapse.mp4").stat().st_size > 500
    said = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["scale"] for line in said if "psnr_db" in line] == [0, 1, 2]
    assert (run / "run.json").is_file()
    assert len(checkpoints(run)) == 2


@pytest.mark.parametrize("config", [small_config(), chain_config()], ids=["growing", "chain"])
def test_a_run_that_is_resumed_after_a_scale_ends_with_the_same_weights(tmp_path: Path, config: SinganConfig) -> None:
    whole = learned_run(tmp_path / "whole", config)
    picture = saved(tmp_path / "input.png", striped())
    train_singan(config, picture, tmp_path / "halted", progress=False, scales=1)
    train_singan(config, picture, tmp_path / "halted", progress=False, resume=True)
    ours, theirs = _weights(whole), _weights(tmp_path / "halted")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_folder_that_holds_a_training_is_not_written_over(tmp_path: Path) -> None:
    run = learned_run(tmp_path, small_config())
    with pytest.raises(BadInput, match="--resume"):
        train_singan(small_config(), tmp_path / "input.png", run, progress=False)
    with pytest.raises(BadInput, match="learned its 3 scales"):
        train_singan(small_config(), tmp_path / "input.png", run, progress=False, resume=True)


def test_another_network_cannot_go_on_with_a_run(tmp_path: Path) -> None:
    train_singan(small_config(), saved(tmp_path / "a.png", striped()), tmp_path / "run", progress=False, scales=1)
    with pytest.raises(ConfigError, match="was trained with networks"):
        train_singan(
            small_config(networks={"width": 12}), tmp_path / "a.png", tmp_path / "run", progress=False, resume=True
        )


# Bad input -----------------------------------------------------------------------------------------------------------


def test_a_picture_under_50_px_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"72 x 40.*50 px"):
        train_singan(small_config(), saved(tmp_path / "low.png", striped(40, 72)), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["alpha", "gray", "sixteen"])
def test_alpha_gray_and_16_bits_are_learned_like_any_picture(tmp_path: Path, kind: str) -> None:
    import cv2

    rgb = striped()
    made = {
        "alpha": np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 255, np.uint8)]),
        "gray": rgb[..., 0],
        "sixteen": rgb[..., ::-1].astype(np.uint16) * 257,
    }[kind]
    cv2.imwrite(str(tmp_path / "in.png"), made)
    train_singan(small_config(), tmp_path / "in.png", tmp_path / "run", progress=False, scales=1)
    expected = rgb if kind != "gray" else np.repeat(rgb[..., :1], 3, axis=2)
    assert np.abs(open_learned(tmp_path / "run").picture.mean() - expected.mean()) < 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[networks]\nkind = 'chain'", "learning.together is 1"),
        ("[pyramid]\nlargest = 64\ncoarsest = 80", "must be less than"),
        ("[learning]\nsteps = 5", "unknown key learning.steps; allowed here: iterations"),
    ],
)
def test_a_bad_config_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'method = "singan"\n{text}\n')
    with pytest.raises(ConfigError, match=told):
        load_singan_config(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("singan*.toml")), ids=lambda path: path.stem)
def test_every_config_for_one_picture_loads_and_says_how_it_is_run(path: Path) -> None:
    config = load_singan_config(path)
    assert path.read_text().startswith(f"# understudy train configs/training/{path.name} --image ")
    assert len(scale_sizes((188, 250), config.pyramid)) >= 3


def test_the_defaults_are_the_fast_config() -> None:
    fast = load_singan_config(CONFIGS / "singan.toml")
    assert fast.model_copy(update={"name": "picture"}) == SinganConfig()
