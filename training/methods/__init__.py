"""Training algorithms, found by name. Each is one file behind `Method`; the loop is shared, nothing is inherited."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from training.config import TrainingConfig
from training.datasets import Batch, Examples


class Method(Protocol):
    """One algorithm with its networks. Everything it must remember lies in `networks` and `optimizers`."""

    networks: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]

    def step(self, batch: Batch, step: int, progress: float) -> dict[str, Tensor]:
        """One update; `progress` is the share of the run that is done. Losses stay tensors: nobody waits here.

        Beside losses: `real_right` and `fake_right` (shares that the discriminator judged rightly), `total`,
        `generator_gradient` and `discriminator_gradient` (their norms).
        """
        ...

    def performer(self, examples: Examples) -> nn.Module:
        """The generator as it would be exported now: averaged weights, BatchNorm re-estimated, eval mode, a copy."""
        ...

    def picture(self, generator: nn.Module, batch: Batch) -> Tensor:
        """What `generator` shows for `batch`, over its plate: (B, 3, H, W) in -1..1."""
        ...

    def recognized(self, batch: Batch) -> float | None:
        """Share of the real pictures of `batch` that the discriminator takes for real; None without one."""
        ...


def method(config: TrainingConfig, examples: Examples, device: torch.device) -> Method:
    """The method that `config` names, with fresh networks on `device`."""
    match config.method:
        case "pix2pix":
            from training.methods.pix2pix import Pix2Pix

            return Pix2Pix(config, figure=examples.figure, device=device)
