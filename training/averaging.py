"""Averaged weights and the BatchNorm statistics that belong to them.

An average of weights has no statistics of its own; those of the trained network are wrong for it. They are re-estimated
from data before anybody looks at a picture, so what is looked at is what is exported.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def averaged_copy(network: nn.Module) -> nn.Module:
    """A copy in eval mode that no optimizer touches."""
    return copy.deepcopy(network).eval().requires_grad_(False)


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the parameters; young averages forget faster (decay <= (1 + n) / (10 + n))."""
    share = 1 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), share)


@torch.no_grad()
def reestimate_norms(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replaces the BatchNorm statistics of `network` by their plain mean over `batches`; leaves it in eval mode."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
        norm.train()
    for batch in batches:
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
