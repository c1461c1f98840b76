"""How strong colors are made: as vivid as real ones, as far as held-out pictures say that they may be.

What is learned is the mean of what could be, and a mean is paler than any of them (so Zhang et al. 2016 take an
annealed mean, section 2.3). Where a generator says how likely each color is, the temperature of that mean is chosen;
where it gives a color at once, a power that makes the vivid more so; and in both a gain for all.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.color import LINEAR, MIDDLE, colored
from training.color_metrics import averaged, evenly, figures
from training.coloring import RANGE, GrayExamples
from training.devices import picture_tensor
from training.networks.hues import Hues

GAINS = tuple(round(0.6 + k / 20, 2) for k in range(33))
POWERS = (1.0, 1.15, 1.3, 1.5)
"""Above 1 the vivid gains most, and what is unsure, thus pale, is left paler: as colorful for less error."""
TEMPERATURES = (1.0, 0.7, 0.5, 0.38, 0.3, 0.22)
"""1 is the mean of what could be, 0 the likeliest of all; 0.38 is what Zhang et al. took."""
PIVOT = 0.15
"""The color, in units of the generator, that a power alone leaves as it is: about what one gives where it is sure."""
NEARLY = 0.85
"""Of the colorfulness of real pictures: more would be paid for in error."""
MOST_ERROR = 0.98
"""Of one mean color's: what held by a hair on a hundred pictures did not on a hundred others."""
CALIBRATED_ON, CALIBRATED_SIZE = 100, (96, 96)

Colors = list[NDArray[np.float32]]


class Vivid(nn.Module):
    """A generator whose colors (B, 2, H, W) are made stronger, all alike or the vivid ones most."""

    def __init__(self, generator: nn.Module, gain: float, power: float = 1.0) -> None:
        super().__init__()
        self.generator, self.gain, self.power = generator, gain, power

    def forward(self, seen: Tensor) -> Tensor:
        return strengthened(self.generator(seen).permute(0, 2, 3, 1), self.gain, self.power).permute(0, 3, 1, 2)


def strengthened(color: Tensor, gain: float, power: float) -> Tensor:
    """(..., 2): the hue kept, the distance from gray d to gain * PIVOT * (d / PIVOT) ** power."""
    if power == 1:
        return color * gain
    distance = (color.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()
    return color * (gain * (distance / PIVOT) ** (power - 1))


@torch.no_grad()
def calibrated(network: nn.Module, examples: GrayExamples, device: torch.device) -> Vivid:
    """`network` made as vivid as held-out pictures allow; of a `Hues` the temperature is set.

    Nearly as colorful as real ones for the least error; as long as one mean color would err more. Where that is not to
    be had, the most colorful of those that do not err more, and where none does not, the one that errs least.
    """
    chosen = examples.spread(examples.validation if len(examples.validation) else examples.train, CALIBRATED_ON)
    batch, mean = examples.plain(chosen), examples.mean_color()
    lights = [LINEAR[_small(seen[..., 0])] for seen in batch.conditioning]
    truths = [_small(truth) for truth in batch.real]

    def error_and_colorfulness(colors: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
        shown = [colored(light, color) for light, color in zip(lights, colors, strict=True)]
        own = averaged([figures(picture, truth) for picture, truth in zip(shown, truths, strict=True)])
        return own["error"], own["colorfulness"]

    # Of real ones at the net's size: made small they are paler, and what the net makes, which is smooth, is not.
    wanted = NEARLY * averaged([figures(truth, truth) for truth in batch.real])["colorfulness"]
    most = MOST_ERROR * error_and_colorfulness([evenly(mean, truth) for truth in truths])[0]
    found = []
    for temperature, power, made in _ways(network, [picture_tensor(seen[None], device) for seen in batch.conditioning]):
        for gain in GAINS:
            shown = [levels(strengthened(torch.from_numpy(color), gain, power).numpy()) for color in made]
            error, colorful = error_and_colorfulness(shown)
            lacks, way = max(0.0, wanted - colorful), (gain, power, temperature)
            found.append((1, error, lacks, way) if error > most else (0, lacks, error, way))
            if error > most or not lacks:
                break
    gain, power, temperature = min(found)[-1]
    if isinstance(network, Hues):
        network.temperature = temperature
    return Vivid(network, gain, power)


def _ways(network: nn.Module, seen: Sequence[Tensor]) -> Iterator[tuple[float, float, Colors]]:
    """Temperature, power, and what `network` makes of `seen` at the first of them, small."""
    if isinstance(network, Hues):
        said, before = [network.likelihoods(picture) for picture in seen], network.temperature
        for temperature in TEMPERATURES:
            network.temperature = temperature
            yield temperature, 1.0, [_small(plane(network.shown(some))) for some in said]
        network.temperature = before
        return
    made = [_small(plane(network(picture))) for picture in seen]
    yield from ((1.0, power, made) for power in POWERS)


def plane(raw: Tensor) -> NDArray[np.float32]:
    """The first of (B, 2, H, W) as (H, W, 2)."""
    return np.asarray(raw[0].float().permute(1, 2, 0).cpu().numpy(), np.float32)


def levels(color: NDArray[np.float32]) -> NDArray[np.float32]:
    """-1..1 of a generator as a and b, 128 being none."""
    return color * np.float32(RANGE) + np.float32(MIDDLE)


def _small(picture: NDArray[Any]) -> NDArray[Any]:
    return cv2.resize(picture, CALIBRATED_SIZE, interpolation=cv2.INTER_AREA)
