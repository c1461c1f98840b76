"""Generators that look at their own last picture, taught on pictures of their own, as they will see them on stage.

A net that learns beside the real picture before learns to copy it, and on stage copies its own faults, frame after
frame, until nothing is left of the dancer (Self Forcing, arXiv 2506.08009, says it of video models; EverybodyDance Now
starts from nobody). So what it is given here are pictures it made itself from the poses just before, and sometimes
nobody at all, which is how a show begins.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.devices import picture_tensor


@dataclass(frozen=True)
class Led:
    """What came before each example of a batch: `conditioning` (B, K, S, S, 3) uint8, the nearest one last.

    `known` (B,) says how many of the last ones are there; before them there was nobody.
    """

    conditioning: NDArray[np.uint8]
    known: NDArray[np.int64]


def nobody(led: Led, channels: int, device: torch.device) -> Tensor:
    """What the port `previous` holds before the first picture: zeros in levels, so black, and no matte."""
    count, _, height, width, _ = led.conditioning.shape
    empty = torch.zeros(count, channels, height, width, device=device)
    empty[:, :3] = -1
    return empty


@torch.no_grad()
def own_pictures(generator: Callable[[Tensor], Tensor], led: Led, channels: int, device: torch.device) -> Tensor:
    """(B, channels, S, S): what `generator` showed just before each example, after it danced up to there."""
    previous = nobody(led, channels, device)
    known = torch.from_numpy(led.known).to(device)[:, None, None, None]
    steps = led.conditioning.shape[1]
    for k in range(steps - int(led.known.max(initial=0)), steps):
        looked_at = torch.cat([picture_tensor(np.ascontiguousarray(led.conditioning[:, k]), device), previous], dim=1)
        previous = torch.where(known >= steps - k, generator(looked_at).float(), previous)
    return previous
