"""Blocks that learn as branches beside each other and perform as one convolution (RepVGG, Ding et al. 2021).

A 3x3, a 1x1 and, where nothing changes shape, the identity, each with its own BatchNorm, are added up. At run time all
of it is linear, so `folded` replaces it by one 3x3 convolution with a bias: a step of training costs a sixth more, a
picture on stage nothing.
"""

import torch
from torch import Tensor, nn


class Branched(nn.Module):
    """The branches of one convolution, without the ReLU behind them."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.three = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.one = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
        self.norm_3, self.norm_1 = nn.BatchNorm2d(channels_out), nn.BatchNorm2d(channels_out)
        self.norm_0 = nn.BatchNorm2d(channels_out) if stride == 1 and channels_in == channels_out else None

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.norm_3(self.three(x)) + self.norm_1(self.one(x))
        return found if self.norm_0 is None else found + self.norm_0(x)

    def start_at_nothing(self) -> None:
        """Begin as zero, as the last norm of a residual block does."""
        for norm in (self.norm_3, self.norm_1, self.norm_0):
            if norm is not None:
                nn.init.zeros_(norm.weight)

    @torch.no_grad()
    def folded(self) -> nn.Conv2d:
        """One convolution that gives what this gives at run time."""
        kernel, bias = _with_norm(self.three.weight, self.norm_3)
        parts = [_with_norm(nn.functional.pad(self.one.weight, [1, 1, 1, 1]), self.norm_1)]
        if self.norm_0 is not None:
            parts.append(_with_norm(nn.init.dirac_(torch.empty_like(self.three.weight)), self.norm_0))
        folded = nn.Conv2d(self.three.in_channels, self.three.out_channels, 3, self.stride, 1)
        folded.weight = nn.Parameter(kernel + sum(part[0] for part in parts), requires_grad=False)
        folded.bias = nn.Parameter(bias + sum(part[1] for part in parts), requires_grad=False)
        return folded


class BranchedResidual(nn.Module):
    """Two of them beside an identity, which is all there is at the beginning."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = branched(channels, channels)
        self.second = Branched(channels, channels)
        self.second.start_at_nothing()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


def branched(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """Branches and their ReLU."""
    return nn.Sequential(Branched(channels_in, channels_out, stride), nn.ReLU(inplace=True))


def fold(network: nn.Module) -> None:
    """Replace every `Branched` inside `network` by its one convolution. The network can only perform after that."""
    for name, child in network.named_children():
        if isinstance(child, Branched):
            setattr(network, name, child.folded())
        else:
            fold(child)


def _with_norm(kernel: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return kernel * scale[:, None, None, None], norm.bias - norm.running_mean * scale
