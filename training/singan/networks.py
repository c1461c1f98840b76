"""Generators that grow by scales, and the critic that judges patches.

Both kinds of generator are used alike: a *state* goes from scale to scale (`advanced`), and can be looked at (`drawn`).
Of the chain, as published in SinGAN, the state is the picture itself; of ConSinGAN's growing one it is its features.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from engines.images import Size
from training.singan.config import NetworksConfig, Purpose, SinganConfig
from training.singan.pictures import at_size

Noises = Sequence[Tensor | None]


class Pyramid(nn.Module):
    """What both generators share: how strong the noise of each scale is, and the noise that gives the picture itself.

    `amplitudes` (scales,) and `fixed` (1, C, h, w) are part of the state that is kept.
    """

    amplitudes: Tensor
    fixed: Tensor

    def __init__(self, config: NetworksConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("amplitudes", torch.zeros(0))
        self.register_buffer("fixed", torch.zeros(1, 1, 1, 1))
        self.stages = nn.ModuleList()

    def __len__(self) -> int:
        return len(self.stages)

    def grow(self, amplitude: float) -> None:
        """One more scale, whose noise is multiplied by `amplitude`."""
        self.stages.append(self._stage(len(self.stages)))
        self.amplitudes = torch.cat([self.amplitudes, self.amplitudes.new_tensor([amplitude])])

    def noise_shape(self, scale: int, size: Size) -> tuple[int, int, int]:
        """Channels, height and width of the noise of a scale."""
        raise NotImplementedError

    def advanced(self, state: Tensor | None, scale: int, noise: Tensor | None, size: Size) -> Tensor:
        """The state after `scale`, at `size`; `noise` has unit variance, None is none."""
        raise NotImplementedError

    def drawn(self, state: Tensor) -> Tensor:
        """(B, 3, h, w) in -1..1."""
        raise NotImplementedError

    def states(
        self, noises: Noises, sizes: Sequence[Size], state: Tensor | None = None, begin: int = 0, end: int | None = None
    ) -> Tensor | None:
        """The state after the scales `begin` to `end` - 1."""
        for scale in range(begin, len(self.stages) if end is None else end):
            state = self.advanced(state, scale, noises[scale], sizes[scale])
        return state

    def forward(self, noises: Noises, sizes: Sequence[Size], state: Tensor | None = None, begin: int = 0) -> Tensor:
        """The picture after all scales from `begin` on."""
        done = self.states(noises, sizes, state, begin)
        assert done is not None
        return self.drawn(done)

    def fixed_noises(self) -> list[Tensor | None]:
        """Those that the picture itself comes of: nothing but at the coarsest scale."""
        return [self.fixed, *[None] * max(0, len(self.stages) - 1)]

    def new_parameters(self, together: int) -> list[list[nn.Parameter]]:
        """What learns now, newest stage first."""
        raise NotImplementedError

    def _stage(self, scale: int) -> nn.Module:
        raise NotImplementedError

    def _scaled(self, noise: Tensor, scale: int) -> Tensor:
        return noise * self.amplitudes[scale]


class Chain(Pyramid):
    """SinGAN (section 2.1): at each scale x = up(x), then x + G(x + noise); zeros around, once, by the net's reach."""

    def noise_shape(self, scale: int, size: Size) -> tuple[int, int, int]:
        return (1 if scale == 0 else 3), size[0], size[1]

    def advanced(self, state: Tensor | None, scale: int, noise: Tensor | None, size: Size) -> Tensor:
        if state is None:
            assert noise is not None
            before = noise.new_zeros((noise.shape[0], 3, *size))
        else:
            before = at_size(state, size)
        seen = before if noise is None else before + self._scaled(noise, scale)
        return before + cast(Tensor, self.stages[scale](seen))

    def drawn(self, state: Tensor) -> Tensor:
        return state

    def new_parameters(self, together: int) -> list[list[nn.Parameter]]:
        return [list(stage.parameters()) for stage in reversed(self.stages)][:together]

    def _stage(self, scale: int) -> nn.Module:
        width = width_at(self.config, scale)
        inner = [block(width, width, self.config) for _ in range(self.config.layers - 2)]
        first = block(3, width, self.config, padding=self.config.layers)  # all that the others take away
        fresh = nn.Sequential(first, *inner, nn.Conv2d(width, 3, 3), nn.Tanh()).apply(_small)
        if scale and width == width_at(self.config, scale - 1):
            fresh.load_state_dict(self.stages[-1].state_dict())
        return fresh


class Growing(Pyramid):
    """ConSinGAN (section 3.1): one head, one tail, and between them features that each stage adds to.

    For samples, features are enlarged beyond the picture's edge, so that borders vary like the rest; to redraw, the
    head sees a picture instead of noise, and convolutions pad themselves, which runs faster on stage.
    """

    def __init__(self, config: NetworksConfig, purpose: Purpose) -> None:
        super().__init__(config)
        self.purpose = purpose
        self.head = block(3, config.width, config, padding=1)
        self.tail = nn.Sequential(nn.Conv2d(config.width, 3, 3, padding=1), nn.Tanh())

    @property
    def _padding(self) -> int:
        return 1 if self.purpose == "redraw" else 0

    def noise_shape(self, scale: int, size: Size) -> tuple[int, int, int]:
        if self.purpose == "redraw":
            return (3 if scale == 0 else self.config.width), size[0], size[1]
        reach = self.config.layers
        return (3, size[0], size[1]) if scale == 0 else (self.config.width, size[0] + 2 * reach, size[1] + 2 * reach)

    def advanced(self, state: Tensor | None, scale: int, noise: Tensor | None, size: Size) -> Tensor:
        if self.purpose == "redraw":
            return self._redrawn(state, scale, noise, size)
        reach = self.config.layers
        wider = (size[0] + 2 * reach, size[1] + 2 * reach)
        if state is None:
            assert noise is not None
            return cast(Tensor, self.stages[0](at_size(self.head(noise), wider)))
        seen = at_size(state, wider)
        if noise is not None:
            seen = seen + self._scaled(noise, scale)
        return at_size(state, size) + cast(Tensor, self.stages[scale](seen))

    def drawn(self, state: Tensor) -> Tensor:
        return cast(Tensor, self.tail(state))

    def new_parameters(self, together: int) -> list[list[nn.Parameter]]:
        newest = [list(stage.parameters()) for stage in reversed(self.stages)][:together]
        newest[0] += list(self.tail.parameters())
        if len(newest) == len(self.stages):
            newest[-1] += list(self.head.parameters())
        return newest

    def _redrawn(self, state: Tensor | None, scale: int, noise: Tensor | None, size: Size) -> Tensor:
        if scale == 0:
            assert noise is not None  # the picture that is redrawn stands in its place
            return cast(Tensor, self.stages[0](self.head(noise)))
        assert state is not None
        before = at_size(state, size)
        seen = before if noise is None else before + self._scaled(noise, scale)
        return before + cast(Tensor, self.stages[scale](seen))

    def _stage(self, scale: int) -> nn.Module:
        width = self.config.width
        fresh = nn.Sequential(*(block(width, width, self.config, self._padding) for _ in range(self.config.layers)))
        if scale:
            fresh.load_state_dict(self.stages[-1].state_dict())
        return fresh


class Critic(nn.Module):
    """A score for every patch: as many convolutions as the generator's newest part sees, none of them strided."""

    def __init__(self, config: NetworksConfig, scale: int) -> None:
        super().__init__()
        width = width_at(config, scale)
        inner = config.layers if config.kind == "growing" else config.layers - 2
        layers = [block(3, width, config), *(block(width, width, config) for _ in range(inner))]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 3))
        if config.norm == "batch":
            self.layers.apply(_small)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, h, w) to (B, 1, h - 2n, w - 2n)."""
        return cast(Tensor, self.layers(pictures))


def fresh_pyramid(config: SinganConfig) -> Pyramid:
    """The generator that `config` names, without a scale yet."""
    if config.networks.kind == "chain":
        return Chain(config.networks)
    return Growing(config.networks, config.purpose)


def block(ins: int, outs: int, config: NetworksConfig, padding: int = 0) -> nn.Module:
    """Convolution, norm, leaky ReLU."""
    convolution = nn.Conv2d(ins, outs, 3, padding=padding)
    nn.init.kaiming_normal_(convolution.weight, a=config.slope)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    norm = [nn.BatchNorm2d(outs)] if config.norm == "batch" else []
    return nn.Sequential(convolution, *norm, nn.LeakyReLU(config.slope, inplace=True))


def width_at(config: NetworksConfig, scale: int) -> int:
    """Channels at a scale."""
    doublings = scale // config.double_every if config.double_every else 0
    return min(config.most, config.width * 2**doublings)


def _small(module: nn.Module) -> None:
    """As published: small random weights, which BatchNorm makes large again."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
