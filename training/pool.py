"""A pool of earlier fakes (Shrivastava et al. 2017, as in CycleGAN): half of the time a discriminator sees the past.

A module, so that a checkpoint keeps it: pictures as bytes, which is what a picture is.
"""

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Holds up to `size` pictures of (3, H, W); of size 0 it gives back what it is given."""

    pictures: Tensor
    held: Tensor

    def __init__(self, size: int, shape: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros((size, 3, *shape), dtype=torch.uint8))
        self.register_buffer("held", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def shown(self, fakes: Tensor) -> Tensor:
        """For each of (B, 3, H, W) in -1..1 itself or, half of the time once the pool is full, an earlier one."""
        size = len(self.pictures)
        if not size:
            return fakes
        given = fakes.clone()
        for k, fake in enumerate(fakes):
            count = int(self.held)
            if count < size:
                self.pictures[count] = _bytes(fake)
                self.held += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(0, size, ()))
                given[k] = self.pictures[place].float() / 127.5 - 1
                self.pictures[place] = _bytes(fake)
        return given


def _bytes(picture: Tensor) -> Tensor:
    return ((picture.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
