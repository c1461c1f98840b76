"""One step of an optimizer, alike for every method: alone or with other processes, and what its gradient was."""

import torch
from torch import Tensor, nn
from torch.profiler import record_function as part

from training.config import ScheduleConfig
from training.sharing import average_gradients


def falling(progress: float, schedule: ScheduleConfig) -> float:
    """The share of the learning rate at `progress` (0..1) of the run: whole, then falling in a line."""
    falls = max(0.0, progress - schedule.decay_from) / max(1e-9, 1 - schedule.decay_from)
    return 1 - min(1.0, falls) * (1 - schedule.decay_to)


def adam(network: nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), rate, betas, fused=True)


def updated(optimizer: torch.optim.Optimizer, loss: Tensor, name: str, most: float | None = None) -> Tensor:
    """One step of `optimizer`; returns the norm of the gradient, which is taken at a norm of `most` at most."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    with part(f"{name} backward"):
        loss.backward()
    average_gradients(parameters)
    with part(f"{name} update"):
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = torch.stack(list(torch._foreach_norm(gradients))).norm()
        if most is not None:
            torch._foreach_mul_(gradients, (most / norm.clamp_min(1e-12)).clamp_max(1.0))
        optimizer.step()
    return norm
