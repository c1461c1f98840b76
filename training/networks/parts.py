"""The few pieces that the generators share."""

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "instance"]


def norm_of(norm: Norm, channels: int) -> nn.Module:
    """BatchNorm, which folds into its convolution at run time, or InstanceNorm, which does not (for teachers)."""
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.InstanceNorm2d(channels)


def convolution(channels_in: int, channels_out: int, stride: int = 1, norm: Norm = "batch") -> nn.Sequential:
    """3x3 convolution, norm, ReLU: with BatchNorm at run time one fused convolution."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
        norm_of(norm, channels_out),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside an identity (He et al. 2015)."""

    def __init__(self, channels: int, norm: Norm = "batch") -> None:
        super().__init__()
        self.first = convolution(channels, channels, norm=norm)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = norm_of(norm, channels)
        if isinstance(self.norm, nn.BatchNorm2d):
            # Starts as the identity, so that a deep stack learns at once (Goyal et al. 2017, section 5.1).
            nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm(self.second(self.first(x))))


def squashed(raw: Tensor) -> Tensor:
    """All to -1..1 but a fourth channel, which is a matte, to 0..1.

    One sigmoid for both, since tanh(x) = 2 sigmoid(2 x) - 1: to split the channels, squash each and join them again
    took an eighth of the engine's time on a CPU.
    """
    if raw.shape[1] != 4:
        return torch.tanh(raw)
    steep = each_channel((2.0, 2.0, 2.0, 1.0), raw).view(1, 4, 1, 1)
    return torch.sigmoid(raw * steep) * steep - (steep - 1)


def each_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    """`values` on the device and in the dtype of `like`. Not to be written to.

    Made once: what is captured as a CUDA graph may not copy from the host's memory.
    """
    return _on_device(values, like.device, like.dtype)


@cache
def _on_device(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # or it could not be used in training later
        return torch.tensor(values, device=device, dtype=dtype)
