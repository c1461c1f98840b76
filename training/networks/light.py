"""The live generator: all of its work happens at a quarter of the resolution and below.

Pixel-unshuffle 4, a residual U over 1/4, 1/8, 1/16 and 1/32, pixel-shuffle 4. BatchNorm folds into the convolutions;
there is no transposed convolution, no InstanceNorm, no dropout and no full-resolution skip, so skeleton lines cannot be
copied into the picture. The 1/32 level lets every pixel see a whole body at 512x512.
"""

import copy
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.branched import BranchedResidual, branched, fold
from training.networks.parts import Residual, convolution, squashed

FACTOR = 4
Block = Literal["plain", "branched"]


class Light(nn.Module):
    """(B, channels_in, H, W) to (B, channels_out, H, W); H and W are multiples of 32."""

    def __init__(self, channels_in: int, channels_out: int, width: int, blocks: int, kind: Block = "plain") -> None:
        super().__init__()
        block, body = (branched, BranchedResidual) if kind == "branched" else (convolution, Residual)
        one, two, four = width, 2 * width, 4 * width
        self.stem = nn.Sequential(convolution(channels_in * FACTOR**2, one), body(one))
        self.down_8 = nn.Sequential(block(one, two, stride=2), body(two))
        self.down_16 = nn.Sequential(block(two, four, stride=2), body(four))
        self.down_32 = nn.Sequential(block(four, four, stride=2), *(body(four) for _ in range(blocks)))
        self.up_16 = block(four, four)
        self.body_16 = body(four)
        self.up_8 = block(four, two)
        self.body_8 = body(two)
        self.up_4 = block(two, one)
        self.body_4 = body(one)
        self.head = nn.Conv2d(one, channels_out * FACTOR**2, 3, 1, 1)
        _start_smooth(self.head)

    def forward(self, x: Tensor) -> Tensor:
        return squashed(
            functional.pixel_shuffle(self.painted(self.stem(functional.pixel_unshuffle(x, FACTOR))), FACTOR)
        )

    def painted(self, quarter: Tensor) -> Tensor:
        """The head's (B, channels_out * 16, H/4, W/4) for the stem's (B, width, H/4, W/4)."""
        return cast(Tensor, self.head(self.drawn(quarter)))

    def drawn(self, quarter: Tensor) -> Tensor:
        """(B, width, H/4, W/4) for the same: what the head makes pixels of."""
        eighth = self.down_8(quarter)
        sixteenth = self.down_16(eighth)
        up = self.body_16(self.up_16(_doubled(self.down_32(sixteenth))) + sixteenth)
        up = self.body_8(_doubled(self.up_8(up)) + eighth)
        return cast(Tensor, self.body_4(_doubled(self.up_4(up)) + quarter))

    def encoded(self, x: Tensor) -> list[Tensor]:
        """What its encoder makes of `x`, at 1/4 (its pixels and its first features), 1/8, 1/16 and 1/32."""
        pixels = functional.pixel_unshuffle(x, FACTOR)
        quarter = self.stem(pixels)
        eighth = self.down_8(quarter)
        sixteenth = self.down_16(eighth)
        return [pixels, quarter, eighth, sixteenth, self.down_32(sixteenth)]


class PortedLight(nn.Module):
    """`Light` between its ports, (H, W, C) uint8 in and (H, W, 3 or 4) uint8 out, arranged for the engine.

    The same numbers as `training.ports.Ported` gives, without its layouts, which were a third of the engine's time on a
    CPU (int8, 512x512, one thread: 16.3 ms of CPU time before, 11.7 after; 2026-11-21). Unshuffling is part of the
    first convolution, whose kernel becomes 12x12 with stride 4; one sigmoid serves color and matte, with its steepness
    in the head's weights; and the head's channels lie as the pixels of a block do, so that shuffling moves whole rows.
    """

    def __init__(self, generator: Light) -> None:
        super().__init__()
        self.light = copy.deepcopy(generator)
        fold(self.light)
        _, norm, relu = first = cast(nn.Sequential, self.light.stem[0])
        self.light.stem[0] = nn.Sequential(_unshuffling(cast(nn.Conv2d, first[0])), norm, relu)
        self.light.head = _shuffled(self.light.head)

    def forward(self, conditioning: Tensor) -> Tensor:
        height, width = conditioning.shape[0], conditioning.shape[1]
        # The batch comes first: between this transpose and the convolution any other operator costs two copies.
        pictures = conditioning.to(torch.float32).unsqueeze(0).permute(0, 3, 1, 2) / 127.5 - 1
        levels = torch.sigmoid(self.light.painted(self.light.stem(pictures))) * 255
        blocks = levels.permute(0, 2, 3, 1).reshape(height // FACTOR, width // FACTOR, FACTOR, -1)
        return blocks.permute(0, 2, 1, 3).reshape(height, width, -1).round().clamp(0, 255).to(torch.uint8)


def _unshuffling(convolution: nn.Conv2d) -> nn.Conv2d:
    """Pixel-unshuffle and the 3x3 `convolution` behind it as one convolution of the picture itself."""
    kernel = convolution.weight.detach()
    out, channels = kernel.shape[0], kernel.shape[1] // FACTOR**2
    one = nn.Conv2d(channels, out, 3 * FACTOR, FACTOR, FACTOR, bias=False)
    taps = kernel.reshape(out, channels, FACTOR, FACTOR, 3, 3).permute(0, 1, 4, 2, 5, 3)
    one.weight = nn.Parameter(taps.reshape(out, channels, 3 * FACTOR, 3 * FACTOR).contiguous(), requires_grad=False)
    return one


def _shuffled(head: nn.Conv2d) -> nn.Conv2d:
    """`head` with the channels of a pixel side by side, so steep that a sigmoid gives color and matte in 0..1."""
    channels = head.out_channels // FACTOR**2
    steep = torch.tensor([2.0, 2.0, 2.0, 1.0])[:channels, None]
    assert head.bias is not None
    weight = head.weight.detach().reshape(channels, FACTOR**2, -1) * steep[..., None]
    bias = head.bias.detach().view(channels, FACTOR**2) * steep
    head.weight = nn.Parameter(weight.transpose(0, 1).reshape(head.weight.shape).contiguous(), requires_grad=False)
    head.bias = nn.Parameter(bias.t().reshape(-1).contiguous(), requires_grad=False)
    return head


def _start_smooth(head: nn.Conv2d) -> None:
    """Equal weights for the pixels of one block, or they begin as a checkerboard (ICNR, Aitken et al. 2017)."""
    with torch.no_grad():
        head.weight.copy_(head.weight[:: FACTOR**2].repeat_interleave(FACTOR**2, dim=0))


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
