"""A generator that says how likely each of some colors is, and shows their annealed mean (Zhang et al. 2016).

The mean of what could be is pale and brown; the mean of what is likeliest is a color that somebody has seen. How far it
goes from the one to the other is its temperature, chosen on held-out pictures. It works at a quarter of the size, as
theirs did: where color ends within that is for the filter along the luminance (`engines.color.enlarged`) to say.
"""

from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.networks.light import FACTOR, Light

RANGE = 110.0
"""What +-1 of a generator is in units of a and b: no color of a screen is farther from gray (Zhang et al. 2016)."""
COLORS, CELL = 48, 4.0
"""How many colors there are, and the side in a and b of the cells in which what occurs is counted once."""
DROPPED = 0.35
"""Share of the channels that an example does without at 1/16 and below, half of it at 1/8 (Tompson et al. 2015)."""
NEAREST, NEARNESS = 5, 5.0
"""A real color counts as so many of the nearest ones, weighted by a Gaussian of so many units."""
RARE = 0.5
"""Weight of the even distribution where colors are weighted by how rare they are."""


class Hues(nn.Module):
    """(B, channels_in, H, W) to a and b (B, 2, H, W), -1..1; H and W are multiples of 32."""

    colors: Tensor
    rarity: Tensor

    def __init__(self, channels_in: int, width: int, blocks: int, dropped: bool = False) -> None:
        super().__init__()
        self.register_buffer("colors", torch.zeros(COLORS, 2))
        self.register_buffer("rarity", torch.ones(COLORS))
        self.light = light = Light(channels_in, 1, width, blocks)
        light.head = nn.Conv2d(width, COLORS, 3, 1, 1)
        nn.init.zeros_(light.head.weight)  # at first one color is as likely as another
        nn.init.zeros_(cast(Tensor, light.head.bias))
        self.temperature = 1.0
        if dropped:
            for part in (light.down_16, light.down_32, light.up_16):
                cast(nn.Sequential, part).append(nn.Dropout2d(DROPPED))
            for part in (light.down_8, light.up_8):
                cast(nn.Sequential, part).append(nn.Dropout2d(DROPPED / 2))

    def know(self, real: NDArray[np.float32]) -> None:
        """What colors there are, from those that occur, (N, 2) in -1..1: part of its state from then on."""
        colors, rarity = palette(real)
        self.colors.copy_(torch.from_numpy(colors))
        self.rarity.copy_(torch.from_numpy(rarity))

    def forward(self, seen: Tensor) -> Tensor:
        return self.shown(self.likelihoods(seen))

    def likelihoods(self, seen: Tensor) -> Tensor:
        """(B, colors, H/4, W/4): logits."""
        return self.light.painted(self.light.stem(functional.pixel_unshuffle(seen, FACTOR)))

    def shown(self, likelihoods: Tensor) -> Tensor:
        """Their annealed mean (section 2.3), at the size of what was seen."""
        shares = (likelihoods.float() / self.temperature).softmax(dim=1)
        mean = functional.conv2d(shares, self.colors.t()[..., None, None])
        return functional.interpolate(mean, scale_factor=FACTOR, mode="bilinear", align_corners=False)

    def surprise(self, likelihoods: Tensor, color: Tensor) -> Tensor:
        """Mean cross entropy against the real `color` (B, 2, H, W), a place weighing more the rarer its color is.

        Or the many gray places would drown the few of a color (class rebalancing, section 2.2).
        """
        real = functional.avg_pool2d(color, FACTOR).permute(0, 2, 3, 1)
        apart, nearest = (real[..., None, :] - self.colors).square().sum(dim=-1).topk(NEAREST, largest=False)
        shares = (-apart / (2 * (NEARNESS / RANGE) ** 2)).softmax(dim=-1)
        logarithms = likelihoods.float().log_softmax(dim=1).permute(0, 2, 3, 1)
        weight = self.rarity[nearest[..., 0]]
        return (weight * -(shares * logarithms.gather(-1, nearest)).sum(dim=-1)).sum() / weight.sum()


def palette(real: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colors (COLORS, 2) that stand for those of `real` (N, 2), gray the first, and what each weighs (COLORS,).

    As far apart as what occurs at all allows, however often it does; the mean weight of what occurs is 1.
    """
    occurs = np.unique(np.round(real * (RANGE / CELL)), axis=0).astype(np.float32) * np.float32(CELL / RANGE)
    occurs = np.resize(occurs, (max(len(occurs), COLORS), 2))  # of very few, some twice
    cv2.setRNGSeed(1)
    until = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 40, 1e-4)
    found = cv2.kmeans(occurs, COLORS - 1, None, until, 3, cv2.KMEANS_PP_CENTERS)[2]  # type: ignore[call-overload]
    colors = np.concatenate([np.zeros((1, 2), np.float32), found])
    nearest = np.square(real[:, None] - colors).sum(axis=-1).argmin(axis=1)
    share = np.bincount(nearest, minlength=COLORS) / len(real)
    weight = 1 / ((1 - RARE) * share + RARE / COLORS)
    return colors, (weight / (share * weight).sum()).astype(np.float32)
