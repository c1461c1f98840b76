"""One training on several devices or machines: each process takes its share of every batch, all take the same step.

Processes are those of torchrun (or of `understudy train --devices`, which starts them as torchrun does). What has to
agree is averaged on the way: gradients, the statistics of BatchNorm, and the sums that weights are divided by. So a
step of N processes is the step of one process on the whole batch, to rounding. Alone, everything here does nothing.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this is; 0 writes the run's folder and says when it ends."""
    return distributed.get_rank() if world() > 1 else 0


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the training lasts; alone, do nothing."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or distributed.is_initialized():
        yield
        return
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def told_by_first(values: tuple[float, ...]) -> tuple[float, ...]:
    """What process 0 has in `values`, on all of them."""
    if world() == 1:
        return values
    said = torch.tensor(values, dtype=torch.float64)
    distributed.broadcast(said, 0)
    return tuple(said.tolist())


def wait_for_all() -> None:
    if world() > 1:
        told_by_first((0.0,))


@torch.no_grad()
def shared_mean(value: Tensor) -> Tensor:
    """The mean of a number over the processes; no gradient flows through it."""
    if world() == 1:
        return value.detach()
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / world()


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """One message for all gradients: these networks are small, and latency is what a message costs."""
    if world() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= world()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


class _Summed(torch.autograd.Function):
    """The sum over all processes, in both directions: what each one gets depends on what all of them gave."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


class SharedNorm(nn.BatchNorm2d):
    """BatchNorm over the pictures of all processes (torch's own SyncBatchNorm refuses CPUs). Same parameters."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or world() == 1:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None  # statistics are re-estimated by copies, in one process
        wide = x.float()
        moments = torch.stack([wide.mean(dim=(0, 2, 3)), wide.square().mean(dim=(0, 2, 3))])
        mean, square = _Summed.apply(moments) / world()
        variance = (square - mean.square()).clamp_min(0)
        with torch.no_grad():
            count = x.numel() // x.shape[1] * world()
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach() * count / max(1, count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (wide * scale[:, None, None] + shift[:, None, None]).to(x.dtype)


def with_shared_norms(network: nn.Module) -> nn.Module:
    """`network`, its BatchNorms looking at all processes; untouched when there is only one."""
    if world() > 1:
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = SharedNorm
    return network
