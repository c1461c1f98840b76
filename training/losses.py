"""Losses, with the value each adversarial form takes at chance: a health figure, since curves alone mislead.

Where a loss is divided by a sum over the batch, the sum is that of all processes that train together (`sharing`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.networks.parts import each_channel
from training.sharing import shared_mean

OFF = 0.12
"""Mean difference of a patch's color, of 2 from black to white, at which it is right only by 1/e: 15 levels."""


WINDOW, FLAT = 16, 1e-6
"""Pixels of a square whose gradients are counted together; what keeps the root of a flat place differentiable."""


@dataclass(frozen=True)
class AdversarialForm:
    """`judge` is the discriminator's loss of (real scores, fake scores), `fool` the generator's of fake scores.

    `chance`: what `judge` gives a discriminator that cannot tell. `border`: a score above it says "real".
    """

    judge: Callable[[Tensor, Tensor], Tensor]
    fool: Callable[[Tensor], Tensor]
    chance: float
    border: float

    def told(self, loss: Tensor, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What is noted of one judgement: its loss, and the shares of the scores that were right."""
        return {
            "discriminator": loss.detach(),
            "real_right": (real.detach() > self.border).float().mean(),
            "fake_right": (fake.detach() <= self.border).float().mean(),
        }


def _hinge_judge(real: Tensor, fake: Tensor) -> Tensor:
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def _hinge_fool(fake: Tensor) -> Tensor:
    return -fake.mean()


def _squares_judge(real: Tensor, fake: Tensor) -> Tensor:
    return (real - 1).square().mean() + fake.square().mean()


def _squares_fool(fake: Tensor) -> Tensor:
    return (fake - 1).square().mean()


def _vanilla_judge(real: Tensor, fake: Tensor) -> Tensor:
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def _vanilla_fool(fake: Tensor) -> Tensor:
    return functional.softplus(-fake).mean()


FORMS = {
    "hinge": AdversarialForm(_hinge_judge, _hinge_fool, chance=2.0, border=0.0),
    "least_squares": AdversarialForm(_squares_judge, _squares_fool, chance=0.5, border=0.5),
    "vanilla": AdversarialForm(_vanilla_judge, _vanilla_fool, chance=1.3863, border=0.0),
}
"""All as sums of the real and the fake half: twice 0.25 for least squares, twice ln 2 for vanilla."""


def weighted_l1(generated: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute error of (B, C, H, W) under (B, 1, H, W) weights, whose sum does not matter."""
    return ((generated - real).abs() * weight).mean() / shared_mean(weight.mean()).clamp_min(1e-6)


def edge_l1(generated: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """L1 of the differences between neighboring pixels: what makes a blur expensive."""
    down = weighted_l1(generated.diff(dim=2), real.diff(dim=2), torch.minimum(weight[:, :, 1:], weight[:, :, :-1]))
    across = weighted_l1(generated.diff(dim=3), real.diff(dim=3), torch.minimum(weight[..., 1:], weight[..., :-1]))
    return down + across


def texture_gap(generated: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """L1 between the mean gradient magnitudes of `WINDOW` squares, of the luma: how rich in detail a place is, wherever
    in it the details lie.

    Where the pose does not tell a fold's place, every loss that compares pixels is least for a smooth surface; this one
    is least for a surface that has folds.
    """
    painted, wanted, counts = (
        functional.avg_pool2d(each, WINDOW, WINDOW // 2)
        for each in (_gradients(generated), _gradients(real), weight[..., 1:, 1:])
    )
    return weighted_l1(painted, wanted, counts)


def _gradients(picture: Tensor) -> Tensor:
    """(B, 1, H - 1, W - 1): magnitudes of the differences of neighboring pixels."""
    luma = (picture * each_channel((0.299, 0.587, 0.114), picture).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    down, across = luma.diff(dim=2)[..., 1:], luma.diff(dim=3)[..., 1:, :]
    return torch.sqrt(down * down + across * across + FLAT)


def temporal_l1(generated: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """L1 of the change within each two neighbors of a batch (0 and 1, 2 and 3, ...) against the clip's own change.

    Punishing all change would reward a film that stands still.
    """
    return weighted_l1(
        generated[1::2] - generated[::2], real[1::2] - real[::2], torch.minimum(weight[1::2], weight[::2])
    )


def feature_distance(generated: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Feature matching (Wang et al. 2018, pix2pixHD, section 3.2): mean over layers of the features' L1."""
    return torch.stack([functional.l1_loss(g.float(), r.float()) for g, r in zip(generated, real, strict=True)]).mean()


def matte_gap(matte: Tensor, mask: Tensor, far: Tensor) -> Tensor:
    """How far a matte is from the person mask (both 0..1), inside and just outside alike.

    The pose model's mask is unsure at its border, and so is its say there: each pixel counts by its certainty.
    """
    inside, outside = (2 * mask - 1).clamp_min(0), (1 - 2 * mask).clamp_min(0) * (1 - far)
    least = 1 / mask.numel()
    lacking = ((1 - matte) * inside).mean() / shared_mean(inside.mean()).clamp_min(least)
    spilt = (matte * outside).mean() / shared_mean(outside.mean()).clamp_min(least)
    return lacking + spilt


def painted_share(gate: Tensor, conditioning: Tensor, real: Tensor) -> Tensor:
    """How much of the posed figure (behind the skeleton, alpha last) is painted over where it is right already.

    0 where the gate is open. Without a price on it L1 alone shuts the gate and paints a blur; the same price
    everywhere buys the blur where the figure is nearly right, and leaves the holes.
    """
    posed = (conditioning[:, 6:] + 1) / 2
    return ((1 - gate) * posed * rightness(conditioning, real)).mean() / shared_mean(posed.mean()).clamp_min(1e-3)


def moved_share(far: Tensor, conditioning: Tensor) -> Tensor:
    """How far (shares of a refiner's reach) the posed figure's pixels are moved, on the average.

    L1 moves a pixel for a fold of cloth that it will not find again in a pose it has not seen.
    """
    posed = (conditioning[:, 6:] + 1) / 2
    return (far * posed).mean() / shared_mean(posed.mean()).clamp_min(1e-3)


def redrawn_share(matte: Tensor, conditioning: Tensor) -> Tensor:
    """How much of an outline is another than the posed figure's, in areas of that figure.

    A hand that is a little beside the real one costs L1 more than no hand at all: unpriced, hands are taken away.
    """
    posed = (conditioning[:, 6:] + 1) / 2
    return (matte - posed).abs().mean() / shared_mean(posed.mean()).clamp_min(1e-3)


def rightness(conditioning: Tensor, real: Tensor) -> Tensor:
    """(B, 1, H, W) 0..1: whether the posed figure shows what the real frame shows there, a fold here or there aside.

    Colors are compared a patch at a time: a pixel of the right shirt is right, whichever thread of it it shows.
    """
    posed = (conditioning[:, 6:] + 1) / 2
    patch = max(2, real.shape[-1] // 64 * 2)
    kept = functional.avg_pool2d(torch.cat([(conditioning[:, 3:6] - real) * posed, posed], dim=1), patch, patch // 2)
    off = (kept[:, :3] / kept[:, 3:].clamp_min(0.05)).abs().mean(dim=1, keepdim=True)
    return functional.interpolate(torch.exp(-off / OFF), real.shape[2:], mode="bilinear", align_corners=False)


def gradient_penalty(judge: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """R1 (Mescheder et al. 2018, section 4.1): squared gradient of the *mean* score of each real crop.

    On summed patch scores it grows with their number and pins a small discriminator at chance.
    """
    looked_at = real.detach().requires_grad_()
    scores = judge(looked_at).float().mean(dim=(1, 2, 3)).sum()
    (gradient,) = torch.autograd.grad(scores, looked_at, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean() / 2


def lightly_changed(crops: Tensor, seed: int) -> Tensor:
    """DiffAugment (Zhao et al. 2020): brightness, contrast and shift, differentiable, drawn anew for each crop."""
    rng = torch.Generator().manual_seed(seed)

    def drawn(low: float, high: float) -> Tensor:
        return torch.empty(len(crops), 1, 1, 1).uniform_(low, high, generator=rng).to(crops.device)

    crops = crops + drawn(-0.25, 0.25)
    middle = crops.mean(dim=(1, 2, 3), keepdim=True)
    crops = (crops - middle) * drawn(0.7, 1.3) + middle
    reach = crops.shape[-1] // 8
    padded = functional.pad(crops, (reach,) * 4)
    corners = torch.randint(0, 2 * reach + 1, (len(crops), 2), generator=rng)
    which = torch.arange(len(crops))[:, None]
    return cut_out(padded, torch.cat([which, corners], dim=1), crops.shape[-1])


def composited(figure: Tensor, plate: Tensor) -> Tensor:
    """Color and matte (B, 4, H, W) over the room (B, 3, H, W)."""
    color, matte = figure[:, :3], figure[:, 3:]
    return plate + matte * (color - plate)


def cut_out(pictures: Tensor, crops: Tensor, side: int) -> Tensor:
    """(n, C, side, side): the squares at `crops` (n, 3), each picture, top, left."""
    return torch.stack([pictures[b, :, y : y + side, x : x + side] for b, y, x in crops.tolist()])
