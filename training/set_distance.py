"""How far two sets of pictures are apart, as KID has it (Binkowski et al. 2018), on features that need no download.

The features are those of a small network with fixed random filters, at three scales, pooled over the picture: mean
and spread of every filter's response. Random filters tell textures, colors and layouts apart where no object has to be
named (Naeem et al. 2020 use random embeddings for just this), they are the same everywhere from a seed, and a laptop
without a network can compute them. What they cannot do is recognize a face or a window as such; so the figure is read
beside its floor (two halves of the real set) and its ceiling (the input set unchanged), and never against a KID on
Inception features from elsewhere.

The kernel is Gaussian, not KID's cubic one: that grows with the sixth power of a distance, so that one odd texture
outweighs everything else on features without bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engines.images import Frame, covering

SIDE, FIRST, SECOND, SCALES = 128, 48, 48, 3
SEED = 20261121
Features = NDArray[np.float64]


@dataclass(frozen=True)
class Distances:
    """`distance` of a set to the real one; `floor`: the real set's halves to each other; `ceiling`: the raw input."""

    distance: float
    floor: float
    ceiling: float

    @property
    def share(self) -> float:
        """0 as near as the real set is to itself, 1 as far as the input was."""
        return (self.distance - self.floor) / max(1e-9, self.ceiling - self.floor)


def features(pictures: Sequence[Frame]) -> Features:
    """(N, F) of pictures of any size, of which the middle square is looked at."""
    first, second = _filters()
    found = []
    with torch.no_grad():
        for start in range(0, len(pictures), 16):
            some = np.stack([covering(picture, (SIDE, SIDE)) for picture in pictures[start : start + 16]])
            x = torch.from_numpy(some).permute(0, 3, 1, 2).float() / 127.5 - 1
            pooled = [_pooled(x)]
            for _ in range(SCALES):
                y = torch.relu(functional.conv2d(x, first))
                z = torch.relu(functional.conv2d(y, second, stride=2))
                pooled += [_pooled(y), _pooled(z)]
                x = functional.avg_pool2d(x, 2)
            found.append(torch.cat(pooled, dim=1).double().numpy())
    return np.concatenate(found)


def discrepancy(one: Features, other: Features, scale: Features | None = None) -> float:
    """Squared maximum mean discrepancy, unbiased: about 0 for two samples of one set, at most about 2.

    Features are brought to mean 0 and spread 1 of `scale` (default: `other`), whose middle distance is the kernel's.
    """
    by = other if scale is None else scale
    middle, spread = by.mean(axis=0), by.std(axis=0) + 1e-3 * np.abs(by).mean() + 1e-9
    a, b, c = ((found - middle) / spread for found in (one, other, by))
    apart = _squared(c, c)
    width = float(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0

    def kernel(x: Features, y: Features) -> Features:
        return np.asarray(np.exp(-_squared(x, y) / width))

    n, m = len(a), len(b)
    within = [(k.sum() - np.trace(k)) / (c * (c - 1)) for k, c in ((kernel(a, a), n), (kernel(b, b), m))]
    return float(within[0] + within[1] - 2 * kernel(a, b).mean())


def distances(shown: Sequence[Frame], looked_at: Sequence[Frame], real: Sequence[Frame]) -> Distances:
    """How near what is shown came to the real set, between floor and ceiling. Each set holds at least 4 pictures."""
    of_real, of_input = features(real), features(looked_at)
    half = len(of_real) // 2
    scale = np.concatenate([of_real, of_input])
    return Distances(
        discrepancy(features(shown), of_real, scale),
        discrepancy(of_real[:half], of_real[half:], scale),
        discrepancy(of_input, of_real, scale),
    )


def _squared(x: Features, y: Features) -> Features:
    return np.asarray(np.maximum((x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T, 0))


def _pooled(x: Tensor) -> Tensor:
    return torch.cat([x.mean(dim=(2, 3)), x.std(dim=(2, 3))], dim=1)


@lru_cache(maxsize=1)
def _filters() -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(SEED)
    made = []
    for out, channels, side in ((FIRST, 3, 5), (SECOND, FIRST, 3)):
        weight = rng.normal(size=(out, channels, side, side))
        if channels == 3:
            weight[out // 3 :] -= weight[out // 3 :].mean(axis=(2, 3), keepdims=True)  # edges; the others see color
        weight /= np.linalg.norm(weight.reshape(out, -1), axis=1)[:, None, None, None]
        made.append(torch.from_numpy(weight).float())
    return made[0], made[1]
