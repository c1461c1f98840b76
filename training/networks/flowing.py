"""The generator of next_frame: moves the picture it is given, and paints where moving is not enough.

Its head gives a flow, a gate and a paint: next = picture moved by the flow where the gate is shut, paint where it is
open. That is a flow plus a residual (gate x (paint - moved)) that cannot leave -1..1, so feeding a picture back a
thousand times cannot blow it up. What it paints on is what its memory says the film looks like next (networks.memory):
that keeps a film going which the rest of the net, that sees a neighborhood of each pixel, only gives its detail. There
is no normalization at all: BatchNorm's statistics are those of real frames, and
a net fed its own pictures with them turned black; what is trained here is what the bundle runs (as EDSR left them out,
Lim et al. 2017, section 3.1). Residual branches begin at nothing instead (SkipInit, De and Smith 2020).
"""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from training.networks.memory import Memory

FACTOR = 4
REACH = 1 / 16
"""The farthest a step may move anything, in widths of the picture."""
CALM = 5
SHUT = -2.0
"""The gate's bias at the beginning: mostly the moved picture, an eighth of paint, so that both learn at once. With a
memory there is something to paint from the beginning on, and the gate begins half open."""
MOST = 0.97
"""Farther from gray what is painted on cannot be: there would be nothing left to paint."""


class Flowing(nn.Module):
    """Pictures (B, channels_in, H, W) in -1..1, the newest last, to the one after; H and W are multiples of 16.

    What it paints is told as the difference to `home` (1, 3, h, w), learned with the rest: the picture that a place has
    when nothing happens there, so that what stands still in a film stays what it is. With `memory` numbers, which needs
    `shape` (H, W) and two pictures, what the film is like next is added to that.
    """

    def __init__(
        self, channels_in: int, width: int, blocks: int, shape: tuple[int, int] = (1, 1), memory: int = 0
    ) -> None:
        super().__init__()
        self.home = nn.Parameter(torch.zeros(1, 3, *shape))
        self.memory = Memory(memory, shape) if memory else None
        one, two, four = width, 2 * width, 4 * width
        self.stem = nn.Sequential(_convolution((channels_in + (3 if memory else 0)) * FACTOR**2, one), _Branch(one))
        self.down_8 = nn.Sequential(_convolution(one, two, stride=2), _Branch(two))
        self.down_16 = nn.Sequential(_convolution(two, four, stride=2), *(_Branch(four) for _ in range(blocks)))
        self.up_8 = _convolution(four, two)
        self.body_8 = _Branch(two)
        self.up_4 = _convolution(two, one)
        self.body_4 = _Branch(one)
        self.flow = _small(nn.Conv2d(one, 2, 3, 1, 1))
        self.gate_and_paint = nn.Conv2d(one, 4 * FACTOR**2, 3, 1, 1)
        _start(self.gate_and_paint, 0.0 if memory else SHUT)

    def forward(self, x: Tensor) -> Tensor:
        base, known, after = self._base(x)
        seen = x if self.memory is None else torch.cat([x, base], dim=1)
        quarter = self.stem(functional.pixel_unshuffle(seen, FACTOR))
        eighth = self.down_8(quarter)
        up = self.body_8(_doubled(self.up_8(self.down_16(eighth))) + eighth)
        up = self.body_4(_doubled(self.up_4(up)) + quarter)
        moved = moved_by(x[:, -3:], torch.tanh(self.flow(up)))
        raw = functional.pixel_shuffle(without_grid(self.gate_and_paint(up)), FACTOR)
        painted = torch.tanh(raw[:, :3])
        # tanh(a + b) of tanh(a) and tanh(b).
        made = moved + known * torch.sigmoid(raw[:, 3:]) * ((painted + base) / (1 + painted * base) - moved)
        return made if self.memory is None or after is None else self._led(self.memory, made, after, known)

    @torch.no_grad()
    def begin_at(self, picture: Tensor) -> None:
        """`picture` (3, H, W) in -1..1, such as the mean of a film, is what `home` begins with."""
        self.home.copy_(torch.atanh(picture.clamp(-0.95, 0.95))[None])

    def _led(self, memory: Memory, made: Tensor, after: Tensor, known: Tensor | float) -> Tensor:
        """`made`, nearly with the code that the memory wants.

        What is only painted comes four fifths of the way, and pushed off its way it does not get far: a tree that
        sways for forty pictures swayed for twenty, began again, and changed 0.2 times as much as the film over ten.
        """
        with torch.autocast(made.device.type, enabled=False):
            return (made.float() + known * memory.pictured(after - memory.codes(made.float()))).clamp(-1, 1)

    def _base(self, x: Tensor) -> tuple[Tensor, Tensor | float, Tensor | None]:
        """What is painted on, (B or 1, 3, H, W), how far it may be (B, 1, H, W), and the codes that should come."""
        home = torch.tanh(self._home(x)).clamp(-MOST, MOST)
        if self.memory is None:
            return home, 1.0, None
        # In full precision: a code is the sum of ten thousands of values.
        with torch.autocast(x.device.type, enabled=False):
            codes = self.memory.codes(x[:, :3]), self.memory.codes(x[:, 3:])
            # What comes next is learned on walks in codes alone, and not bent to what this one picture wants.
            after = self.memory.after(*codes).detach()
            base = (home + self.memory.pictured(after)).clamp(-MOST, MOST)
            return base, self.memory.known(x[:, 3:]), after

    def _home(self, x: Tensor) -> Tensor:
        size = (int(x.shape[2]), int(x.shape[3]))
        if tuple(self.home.shape[2:]) in (size, (1, 1)):
            return self.home
        return functional.interpolate(self.home, size=size, mode="bilinear", align_corners=False)


def moved_by(picture: Tensor, flow: Tensor) -> Tensor:
    """`picture` fetched from where `flow` (B, 2, H / 4, W / 4), in reaches right and down, points; edges are held."""
    height, width = picture.shape[2:]
    # In the units of grid_sample a width is 2, and a height as well.
    scale = flow.new_tensor([2 * REACH, 2 * REACH * width / height]).view(1, 2, 1, 1)
    at = functional.interpolate(flow * scale, scale_factor=FACTOR, mode="bilinear", align_corners=False)
    grid = (at + torch.from_numpy(_here(height, width)).to(flow)).permute(0, 2, 3, 1)
    return functional.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)


@cache
def _here(height: int, width: int) -> NDArray[np.float32]:
    """(1, 2, H, W): x and y of every pixel's middle; made outside of torch, so that it is a constant of the graph."""
    x = (np.arange(width, dtype=np.float32) * 2 + 1) / width - 1
    y = (np.arange(height, dtype=np.float32) * 2 + 1) / height - 1
    return np.stack(np.meshgrid(x, y))[None].astype(np.float32)


def without_grid(shuffled: Tensor) -> Tensor:
    """(B, C x 16, h, w), to be shuffled to pixels, without what repeats from block to block.

    Fed back, the faintest grid of 4 pixels grows until it is the picture. What a phase has more than the 16 phases of
    its channel on the average, over a neighborhood of `CALM` blocks, is such a grid and nothing else; it is taken away.
    """
    phases = FACTOR**2
    around = functional.avg_pool2d(shuffled, CALM, 1, CALM // 2, count_include_pad=False)
    count, channels, height, width = around.shape
    split = around.view(count, channels // phases, phases, height, width)
    return shuffled - (split - split.mean(dim=2, keepdim=True)).reshape(count, channels, height, width)


class _Branch(nn.Module):
    """Two convolutions beside an identity, which is all there is at the beginning."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


def _convolution(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride, 1)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return nn.Sequential(convolution, nn.ReLU(inplace=True))


def _small(convolution: nn.Conv2d) -> nn.Conv2d:
    """Begins near zero: nothing moves yet."""
    nn.init.normal_(convolution.weight, std=1e-3)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution


def _start(head: nn.Conv2d, shut: float) -> None:
    """Alike for the pixels of one block, or they begin as a checkerboard (ICNR, Aitken et al. 2017)."""
    with torch.no_grad():
        head.weight.copy_(head.weight[:: FACTOR**2].repeat_interleave(FACTOR**2, dim=0) * 0.1)
        head.bias.zero_()  # type: ignore[union-attr]
        head.bias[3 * FACTOR**2 :] = shut  # type: ignore[index]


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
