"""What a film looks like in a few numbers, and which numbers come next: what keeps a film going.

A picture's code are its coordinates along the film's principal components, as in dynamic textures (Doretto et al. 2003,
section 3). A small net tells the next code from the last two. In codes a step costs a ten-thousandth of one in
pictures, so it can learn on walks of any length (training.rehearsal), where a generator unrolled to eight pictures
learned to stand still.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

COARSER = 2
"""Components are of pictures so many times smaller: single pixels are painted, not remembered."""
HIDDEN = 384
FARTHEST = 5.0
"""Deviations off the mean that a number may be: what is fed back cannot leave the film by more."""


PLACE = 16
"""Pixels of a square in which is judged whether a picture is of the film."""
STRANGE = (6 / 127.5, 12 / 127.5)
"""So far beyond what the film's own pictures are off their codes a square begins to be strange, and is so wholly. A
generator's own pictures of a river came to 7 levels beyond, frames that it had never seen to 60 (21 Nov 2026)."""
FADING = 0.85
"""What is different from the film is so much of itself one step later."""


class Memory(nn.Module):
    """Codes (B, K) of pictures (B, 3, H, W) in -1..1, in deviations of the film's own; `shape` (H, W) is known."""

    mean: Tensor
    components: Tensor
    deviations: Tensor
    usual: Tensor

    def __init__(self, numbers: int, shape: tuple[int, int]) -> None:
        super().__init__()
        self._size = (shape[0] // COARSER, shape[1] // COARSER)
        values = 3 * self._size[0] * self._size[1]
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("components", torch.zeros(numbers, values))
        self.register_buffer("deviations", torch.ones(numbers))
        self.register_buffer("usual", torch.zeros(()))
        self.telling = nn.Sequential(
            nn.Linear(2 * numbers, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, numbers),
        )

    @torch.no_grad()
    def remember(self, frames: NDArray[np.uint8]) -> None:
        """Find the components of `frames` (N, H, W, 3); what fewer frames than numbers leave over stays nothing."""
        seen = torch.cat([self._seen(_tensor(part)) for part in np.array_split(frames, max(1, len(frames) // 32))])
        mean = seen.mean(dim=0)
        off = (seen - mean).double()
        values, vectors = torch.linalg.eigh(off @ off.T)
        order = values.argsort(descending=True)[: min(len(self.deviations), len(frames) - 1)]
        lengths = values[order].clamp_min(1e-9).sqrt()
        self.mean.copy_(mean)
        self.components.zero_()
        self.components[: len(order)] = ((vectors[:, order] / lengths).T @ off).float()
        self.deviations.fill_(1.0)
        self.deviations[: len(order)] = (lengths / len(frames) ** 0.5).clamp_min(1e-6).float()
        off_codes = torch.cat([self._unexplained(part).flatten() for part in seen.split(32)])
        self.usual.copy_(off_codes.quantile(0.99) if len(off_codes) < 10**7 else off_codes.max())

    def codes(self, pictures: Tensor) -> Tensor:
        return self._codes(self._seen(pictures))

    def known(self, pictures: Tensor) -> Tensor:
        """(B, 1, H, W): how much of a step may be of the film: all where it is known, little where all is strange.

        So what comes from elsewhere, a stage's camera or a frame that nothing was learned from, fades into the film.
        """
        off = self._unexplained(self._seen(pictures)) - self.usual
        share = ((STRANGE[1] - off) / (STRANGE[1] - STRANGE[0])).clamp(1 - FADING, 1)
        return functional.interpolate(share, scale_factor=PLACE, mode="bilinear", align_corners=False)

    def pictured(self, codes: Tensor) -> Tensor:
        """(B, 3, H, W): how far the picture of `codes` is off the film's mean."""
        small = functional.linear(codes * self.deviations, self.components.T).view(-1, 3, *self._size)
        return functional.interpolate(small, scale_factor=COARSER, mode="bilinear", align_corners=False)

    def after(self, before: Tensor, now: Tensor) -> Tensor:
        """The next codes."""
        told = self.telling(torch.cat([now, now - before], dim=1))
        return (now + told).clamp(-FARTHEST, FARTHEST)

    def _codes(self, seen: Tensor) -> Tensor:
        return functional.linear(seen - self.mean, self.components) / self.deviations

    def _unexplained(self, seen: Tensor) -> Tensor:
        """(B, 1, H / 16, W / 16): how far squares are off what their code says."""
        told = functional.linear(self._codes(seen) * self.deviations, self.components.T) + self.mean
        off = (seen - told).abs().view(-1, 3, *self._size).mean(dim=1, keepdim=True)
        return functional.avg_pool2d(off, PLACE // COARSER)

    def _seen(self, pictures: Tensor) -> Tensor:
        return functional.avg_pool2d(pictures, COARSER).flatten(1)


def _tensor(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
