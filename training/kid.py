"""How far two sets of pictures are apart (KID, Binkowski et al. 2018), on features that need no download.

The features are those of a small network with fixed random filters, at three scales, pooled over the picture: mean
and spread of every filter's response. Random filters tell textures, colors and layouts apart where no object has to be
named (Naeem et al. 2020 use random embeddings for just this), they are the same everywhere from a seed, and a laptop
without a network can compute them. What they cannot do is recognize a face or a window as such; so the figure is read
beside its floor (two halves of the real set) and its ceiling (the input set unchanged), and never against a KID on
Inception features from elsewhere.
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
    """`kid` of a set to the real one; `floor`: the real set's halves to each other; `ceiling`: the untouched input."""

    kid: float
    floor: float
    ceiling: float

    @property
    def share(self) -> float:
        """0 as near as the real set is to itself, 1 as far as the input was."""
        return (self.kid - self.floor) / max(1e-9, self.ceiling - self.floor)


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


def kid(one: Features, other: Features, scale: Features | None = None) -> float:
    """Squared maximum mean discrepancy under the cubic kernel, unbiased: about 0 for two samples of one set.

    Features are brought to mean 0 and spread 1 of `scale` (default: `other`).
    """
    by = other if scale is None else scale
    middle, spread = by.mean(axis=0), by.std(axis=0) + 1e-3 * np.abs(by).mean() + 1e-9
    a, b = ((found - middle) / spread for found in (one, other))
    width = a.shape[1]

    def kernel(x: Features, y: Features) -> Features:
        return np.asarray((x @ y.T / width + 1) ** 3)

    n, m = len(a), len(b)
    within = [(k.sum() - np.trace(k)) / (c * (c - 1)) for k, c in ((kernel(a, a), n), (kernel(b, b), m))]
    return float(within[0] + within[1] - 2 * kernel(a, b).mean())


def distances(shown: Sequence[Frame], looked_at: Sequence[Frame], real: Sequence[Frame]) -> Distances:
    """How near what is shown came to the real set, between floor and ceiling. Each set holds at least 4 pictures."""
    of_real = features(real)
    half = len(of_real) // 2
    return Distances(
        kid(features(shown), of_real), kid(of_real[:half], of_real[half:], of_real), kid(features(looked_at), of_real)
    )


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
