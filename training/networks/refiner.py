"""A generator that repairs a posed figure instead of painting one: what it says is joined as `engines.finish` does.

It may move the figure a little, paint over it where its gate closes (holes, seams, hands) and set its outline. The gate
starts open and the outline is the figure's own, so an untrained one shows the posed figure as it is.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.light import FACTOR, Light

CHANNELS_IN = 7
"""The skeleton, and the posed figure with its alpha."""
REACH = 0.04
"""Of the picture's side: how far a pixel is moved at most."""
OPEN, SURE = 3.0, 6.0
"""Logits that gate and matte begin with: almost open, and the outline of the posed figure."""


class Repairs(NamedTuple):
    """`displacement` (B, 2, H/4, W/4) in pixels right and down, `gate` and `matte` (B, 1, H, W) 0..1, `paint` -1..1."""

    displacement: Tensor
    gate: Tensor
    paint: Tensor
    matte: Tensor


class Refiner(nn.Module):
    """(B, 7, H, W) to the repaired figure (B, 6, H, W): color, matte, and what a loss may put a price on.

    That is the gate, and how far each pixel was fetched from, in shares of `REACH`.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.trunk = Light(CHANNELS_IN, 5, width, blocks)
        self.drift = nn.Conv2d(width, 2, 3, 1, 1)
        nn.init.zeros_(self.drift.weight)
        assert self.drift.bias is not None
        nn.init.zeros_(self.drift.bias)

    def forward(self, x: Tensor) -> Tensor:
        repairs = self.repairs(x)
        moved = fetched(x[:, 3:6], repairs.displacement)
        color = repairs.paint + repairs.gate * (moved - repairs.paint)
        far = torch.linalg.vector_norm(repairs.displacement, dim=1, keepdim=True) / (REACH * x.shape[-1])
        far = functional.interpolate(far, x.shape[2:], mode="nearest")
        return torch.cat([color, repairs.matte, repairs.gate, far], dim=1)

    def repairs(self, x: Tensor) -> Repairs:
        """What is to be done to the posed figure of `x`: the ports of its bundle."""
        features = self.trunk.drawn(self.trunk.stem(functional.pixel_unshuffle(x, FACTOR)))
        raw = functional.pixel_shuffle(self.trunk.head(features), FACTOR).float()
        return Repairs(
            displacement=torch.tanh(self.drift(features).float()) * (REACH * x.shape[-1]),
            gate=torch.sigmoid(raw[:, 4:] + OPEN),
            paint=torch.tanh(raw[:, :3]),
            matte=torch.sigmoid(raw[:, 3:4] + SURE * x[:, 6:]),
        )


def fetched(color: Tensor, displacement: Tensor) -> Tensor:
    """`color` (B, 3, H, W) in -1..1, each pixel from as far away as `displacement` says; black from outside."""
    height, width = color.shape[2:]
    moved = functional.interpolate(displacement, (height, width), mode="bilinear", align_corners=False)
    across = (torch.arange(width, device=color.device) + moved[:, 0] + 0.5) * (2 / width) - 1
    down = (torch.arange(height, device=color.device)[:, None] + moved[:, 1] + 0.5) * (2 / height) - 1
    grid = torch.stack([across, down], dim=-1)
    return functional.grid_sample(color.float() + 1, grid, padding_mode="zeros", align_corners=False) - 1
