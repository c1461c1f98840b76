"""Each loss rewards what it is there to reward."""

import pytest
import torch

from tests.fakes_training import written_pairs
from tests.training.test_loop import _config
from training.datasets import Examples
from training.losses import FORMS, gradient_penalty, lightly_changed, temporal_l1, texture_gap, weighted_l1
from training.methods import method


def _film(*levels: float) -> torch.Tensor:
    return torch.stack([torch.full((3, 8, 8), level) for level in levels])


def test_a_film_that_stands_still_is_not_rewarded_when_the_clip_moves() -> None:
    weight, real = torch.ones(2, 1, 8, 8), _film(0.0, 0.4)
    assert temporal_l1(_film(0.2, 0.2), real, weight) == pytest.approx(0.4)
    assert temporal_l1(_film(0.3, 0.7), real, weight) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("form", list(FORMS))
def test_a_discriminator_that_cannot_tell_pays_chance(form: str) -> None:
    border = torch.full((4, 1, 2, 2), FORMS[form].border)
    assert float(FORMS[form].judge(border, border)) == pytest.approx(FORMS[form].chance, abs=1e-3)


@pytest.mark.parametrize("form", list(FORMS))
def test_judging_rightly_costs_the_discriminator_less_and_the_generator_more(form: str) -> None:
    low, high = torch.full((4, 1, 2, 2), -1.0), torch.full((4, 1, 2, 2), 2.0)
    assert FORMS[form].judge(high, low) < FORMS[form].judge(low, high)
    assert FORMS[form].fool(low) > FORMS[form].fool(high)


def test_the_shares_that_are_noted_are_those_judged_rightly() -> None:
    real, fake = torch.tensor([2.0, 2.0, 2.0, -2.0]), torch.tensor([-2.0, 2.0, 2.0, 2.0])
    told = FORMS["hinge"].told(torch.tensor(1.5), real, fake)
    assert {name: float(value) for name, value in told.items()} == {
        "discriminator": 1.5,
        "real_right": 0.75,
        "fake_right": 0.25,
    }


def test_r1_does_not_grow_with_the_number_of_patches() -> None:
    def steep(pictures: torch.Tensor) -> torch.Tensor:
        return pictures.mean(dim=1, keepdim=True) * 3

    small, large = torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 16, 16)
    assert gradient_penalty(steep, large) <= gradient_penalty(steep, small)


def test_light_changes_keep_gradients_and_are_drawn_from_their_seed() -> None:
    crops = torch.rand(6, 3, 16, 16).requires_grad_()
    changed = lightly_changed(crops, 1)
    assert changed.shape == crops.shape
    assert torch.equal(changed, lightly_changed(crops, 1))
    assert not torch.equal(changed, lightly_changed(crops, 2))
    changed.sum().backward()
    assert crops.grad is not None
    assert crops.grad.abs().sum() > 0


def test_weights_count_by_their_ratio_alone() -> None:
    generated, real, weight = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(2, 1, 4, 4) + 0.1
    assert weighted_l1(generated, real, weight) == pytest.approx(float(weighted_l1(generated, real, 7 * weight)))


def test_neighbors_are_moved_alike_for_the_temporal_loss(tmp_path) -> None:  # type: ignore[no-untyped-def]
    config = _config(losses={"temporal": 1}, schedule={"batch": 4}, augmentation={"move_share": 1})
    examples = Examples(written_pairs(tmp_path), config)
    for step in range(6):
        indices = [examples._nth(step * 2 + pair) for pair in range(2)]
        assert all(examples._next(i) in (i, i + 1) for i in indices)
    lone = max(int(i) for i in examples.train)
    assert examples._next(lone) == lone  # what follows is held out


@pytest.mark.parametrize(
    "changes",
    [
        {"losses": {"temporal": 2, "consistency": 2, "feet": 3}},
        {"losses": {"form": "vanilla"}, "discriminator": {"start_step": 0, "r1": 1, "augment": True}},
    ],
    ids=["temporal and consistency", "vanilla, R1, DiffAugment"],
)
def test_with_every_option_a_batch_is_learned(tmp_path, changes: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    config = _config(augmentation={"move_share": 0}, **changes)
    examples = Examples(written_pairs(tmp_path), config)
    learner = method(config, examples, torch.device("cpu"))
    batch = examples.batch(0)
    losses = [float(learner.step(batch, step, 0.0)["l1"]) for step in range(40)]
    assert losses[-1] < losses[0] / 2
    said = learner.step(batch, 40, 0.0)
    assert {"temporal", "consistency"} <= set(said) or {"real_right", "fake_right"} <= set(said)


def test_texture_asks_for_as_many_folds_and_not_for_the_same_places() -> None:
    across = torch.arange(96.0)
    folds = torch.sin(across / 2).expand(1, 3, 96, 96)
    moved = torch.sin(across / 2 + 2).expand(1, 3, 96, 96)
    smooth, whole = torch.zeros(1, 3, 96, 96), torch.ones(1, 1, 96, 96)
    assert weighted_l1(moved, folds, whole) > weighted_l1(
        smooth, folds, whole
    )  # to paint none is safer, pixel by pixel
    assert texture_gap(moved, folds, whole) < 0.1 * texture_gap(smooth, folds, whole)
    assert texture_gap(folds, folds, whole) == 0


def test_texture_counts_where_the_weight_lies_and_can_be_learned_from_a_flat_picture() -> None:
    folds = torch.sin(torch.arange(96.0) / 2).expand(1, 3, 96, 96)
    left = torch.zeros(1, 1, 96, 96)
    left[..., :40] = 1
    half = folds.clone()
    half[..., 60:] = 0
    assert texture_gap(half, folds, left) == 0
    flat = torch.full((1, 3, 96, 96), 0.1, requires_grad=True)
    texture_gap(flat, folds, torch.ones(1, 1, 96, 96)).backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()
