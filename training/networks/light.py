"""The live generator: all of its work happens at a quarter of the resolution and below.

Pixel-unshuffle 4, a residual U over 1/4, 1/8, 1/16 and 1/32, pixel-shuffle 4. BatchNorm folds into the convolutions;
there is no transposed convolution, no InstanceNorm, no dropout and no full-resolution skip, so skeleton lines cannot be
copied into the picture. The 1/32 level lets every pixel see a whole body at 512x512.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.parts import Residual, convolution, squashed

FACTOR = 4


class Light(nn.Module):
    """(B, channels_in, H, W) to (B, channels_out, H, W); H and W are multiples of 32."""

    def __init__(self, channels_in: int, channels_out: int, width: int, blocks: int) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 4 * width
        self.stem = nn.Sequential(convolution(channels_in * FACTOR**2, one), Residual(one))
        self.down_8 = nn.Sequential(convolution(one, two, stride=2), Residual(two))
        self.down_16 = nn.Sequential(convolution(two, four, stride=2), Residual(four))
        self.down_32 = nn.Sequential(convolution(four, four, stride=2), *(Residual(four) for _ in range(blocks)))
        self.up_16 = convolution(four, four)
        self.body_16 = Residual(four)
        self.up_8 = convolution(four, two)
        self.body_8 = Residual(two)
        self.up_4 = convolution(two, one)
        self.body_4 = Residual(one)
        self.head = nn.Conv2d(one, channels_out * FACTOR**2, 3, 1, 1)
        _start_smooth(self.head)

    def forward(self, x: Tensor) -> Tensor:
        quarter = self.stem(functional.pixel_unshuffle(x, FACTOR))
        eighth = self.down_8(quarter)
        sixteenth = self.down_16(eighth)
        up = self.body_16(self.up_16(_doubled(self.down_32(sixteenth))) + sixteenth)
        up = self.body_8(_doubled(self.up_8(up)) + eighth)
        up = self.body_4(_doubled(self.up_4(up)) + quarter)
        return squashed(functional.pixel_shuffle(self.head(up), FACTOR))


def _start_smooth(head: nn.Conv2d) -> None:
    """Equal weights for the pixels of one block, or they begin as a checkerboard (ICNR, Aitken et al. 2017)."""
    with torch.no_grad():
        head.weight.copy_(head.weight[:: FACTOR**2].repeat_interleave(FACTOR**2, dim=0))


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
