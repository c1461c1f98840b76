"""What a generator that goes on with a film begins with in training: frames of the film, or pictures of its own."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.config import NextFrameConfig
from training.devices import picture_tensor
from training.divergent import Divergent
from training.film_examples import FilmBatch, FilmExamples


@dataclass(frozen=True)
class Begun:
    """Two pictures to begin with, and what of the film should come: `following` (B, K, 3, H, W) after `origin`.

    `origin` is `start` itself, or the frame of the film that `start`, a picture of its own, is like.
    """

    before: Tensor
    start: Tensor
    origin: Tensor
    following: Tensor
    known: Tensor


def begun(
    batch: FilmBatch,
    own: Divergent,
    examples: FilmExamples | None,
    own_share: float,
    rng: np.random.Generator,
    device: torch.device,
) -> Begun:
    """The batch, where a share of the examples begin with the generator's own pictures instead, if it has any."""
    before, start, origin = batch.before.copy(), batch.conditioning.copy(), batch.conditioning.copy()
    following, known = batch.following.copy(), batch.known.copy()
    for b in range(len(start)):
        if not len(own) or rng.random() >= own_share:
            continue
        assert examples is not None
        before[b], start[b], place = own.drawn(rng)
        after, is_known = examples.following(np.array([place]), following.shape[1])
        origin[b], following[b], known[b] = examples.frames[place], after[0], is_known[0]

    def pictures(some: NDArray[np.uint8]) -> Tensor:
        return picture_tensor(some, device)

    shape = following.shape
    return Begun(
        pictures(before),
        pictures(start),
        pictures(origin),
        pictures(following.reshape(-1, *shape[2:])).unflatten(0, shape[:2]),
        torch.from_numpy(known).to(device),
    )


def noisy(pictures: Tensor, config: NextFrameConfig, share: float = 1.0) -> Tensor:
    """With noise as `engines.film.stirring` makes it, of any strength up to `share` of the config's."""
    most = share * config.noise
    if not most:
        return pictures
    count, _, height, width = pictures.shape
    spots = torch.randn(count, 3, max(2, height // 16), max(2, width // 16))
    coarse = functional.interpolate(spots, size=(height, width), mode="bilinear")
    noise = (coarse + 0.5 * torch.randn(count, 3, height, width)) * torch.rand(count, 1, 1, 1) * most
    return (pictures + noise.to(pictures.device)).clamp(-1, 1)
