"""The pix2pix U-Net as published (Isola et al. 2017): the baseline, not a live default.

4x4 convolutions of stride 2, transposed convolutions up, skips at every level; `downs` 8 for 256 pixels, 9 for 512.
"""

import torch
from torch import Tensor, nn

from training.networks.parts import squashed


class UNet(nn.Module):
    """(B, channels_in, H, W) to (B, channels_out, H, W); H and W are multiples of 2**downs."""

    def __init__(self, channels_in: int, channels_out: int, width: int, downs: int, dropout: bool) -> None:
        super().__init__()
        widths = [min(width * 2**level, width * 8) for level in range(downs)]
        self.encoders = nn.ModuleList()
        self.decoders = nn.ModuleList()
        for level, channels in enumerate(widths):
            outermost, innermost = level == 0, level == downs - 1
            below = channels_in if outermost else widths[level - 1]
            self.encoders.append(_down(below, channels, first=outermost, last=innermost))
            above = channels if innermost else 2 * channels
            dropped = dropout and downs - 4 <= level < downs - 1
            self.decoders.append(_up(above, channels_out if outermost else below, last=outermost, dropped=dropped))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for encoder in self.encoders:
            x = encoder(x)
            skips.append(x)
        for decoder, skip in zip(reversed(self.decoders), [None, *reversed(skips[:-1])], strict=True):
            x = decoder(x if skip is None else torch.cat([x, skip], dim=1))
        return squashed(x)


def _down(channels_in: int, channels_out: int, first: bool, last: bool) -> nn.Sequential:
    layers: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=False))
    if not (first or last):
        layers.append(nn.BatchNorm2d(channels_out))
    return nn.Sequential(*layers)


def _up(channels_in: int, channels_out: int, last: bool, dropped: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.ReLU(), nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1, bias=last)]
    if not last:
        layers.append(nn.BatchNorm2d(channels_out))
    if dropped:
        layers.append(nn.Dropout(0.5))
    return nn.Sequential(*layers)
