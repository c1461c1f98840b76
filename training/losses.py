"""Losses, with the value each adversarial form takes at chance: a health figure, since curves alone mislead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AdversarialForm:
    """`judge` is the discriminator's loss of (real scores, fake scores), `fool` the generator's of fake scores.

    `chance`: what `judge` gives a discriminator that cannot tell.
    """

    judge: Callable[[Tensor, Tensor], Tensor]
    fool: Callable[[Tensor], Tensor]
    chance: float


def _hinge_judge(real: Tensor, fake: Tensor) -> Tensor:
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def _hinge_fool(fake: Tensor) -> Tensor:
    return -fake.mean()


def _squares_judge(real: Tensor, fake: Tensor) -> Tensor:
    return (real - 1).square().mean() + fake.square().mean()


def _squares_fool(fake: Tensor) -> Tensor:
    return (fake - 1).square().mean()


FORMS = {
    "hinge": AdversarialForm(_hinge_judge, _hinge_fool, chance=2.0),
    "least_squares": AdversarialForm(_squares_judge, _squares_fool, chance=0.5),
}


def weighted_l1(generated: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute error of (B, C, H, W) under (B, 1, H, W) weights, whose sum does not matter."""
    return ((generated - real).abs() * weight).mean() / weight.mean().clamp_min(1e-6)


def edge_l1(generated: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """L1 of the differences between neighboring pixels: what makes a blur expensive."""
    down = weighted_l1(generated.diff(dim=2), real.diff(dim=2), torch.minimum(weight[:, :, 1:], weight[:, :, :-1]))
    across = weighted_l1(generated.diff(dim=3), real.diff(dim=3), torch.minimum(weight[..., 1:], weight[..., :-1]))
    return down + across


def feature_distance(generated: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Feature matching (Wang et al. 2018, pix2pixHD, section 3.2): mean over layers of the features' L1."""
    return torch.stack([functional.l1_loss(g.float(), r.float()) for g, r in zip(generated, real, strict=True)]).mean()


def matte_gap(matte: Tensor, mask: Tensor, far: Tensor) -> Tensor:
    """How far a matte is from the person mask (both 0..1), inside and just outside alike.

    The pose model's mask is unsure at its border, and so is its say there: each pixel counts by its certainty.
    """
    inside, outside = (2 * mask - 1).clamp_min(0), (1 - 2 * mask).clamp_min(0) * (1 - far)
    lacking = ((1 - matte) * inside).sum() / inside.sum().clamp_min(1)
    spilt = (matte * outside).sum() / outside.sum().clamp_min(1)
    return lacking + spilt


def composited(figure: Tensor, plate: Tensor) -> Tensor:
    """Color and matte (B, 4, H, W) over the room (B, 3, H, W)."""
    color, matte = figure[:, :3], figure[:, 3:]
    return plate + matte * (color - plate)


def cut_out(pictures: Tensor, crops: Tensor, side: int) -> Tensor:
    """(n, C, side, side): the squares at `crops` (n, 3), each picture, top, left."""
    return torch.stack([pictures[b, :, y : y + side, x : x + side] for b, y, x in crops.tolist()])
