"""Where a training runs and in which precision."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.errors import ConfigError


class Precise(Protocol):
    """The part of a config that says how and where to compute."""

    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...


def training_device(config: Precise) -> torch.device:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but torch finds no GPU here; set device=auto or device=cpu")
    use_gpu = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if use_gpu else "cpu")


def uses_bf16(config: Precise, device: torch.device) -> bool:
    """Whether forward passes run in bfloat16: asked for, or `auto` on hardware that multiplies it natively."""
    if config.precision != "auto":
        return config.precision == "bf16"
    return torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_multiplies_bf16()


def autocast(config: Precise, device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast(device.type, torch.bfloat16) if uses_bf16(config, device) else nullcontext()


def placed(network: nn.Module, device: torch.device) -> nn.Module:
    """`network` on `device`, its weights channels last: the layout convolutions are fastest in, on CPUs and GPUs."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def picture_tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(B, H, W, C) uint8 to (B, C, H, W) float in -1..1, channels last in memory."""
    return torch.from_numpy(pictures).to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 127.5 - 1


def picture_array(pictures: Tensor) -> NDArray[np.uint8]:
    """(B, 3, H, W) in -1..1 to (B, H, W, 3) uint8, rounded."""
    levels = ((pictures.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())


def _cpu_multiplies_bf16() -> bool:
    # torch has no public question for this; without native support bfloat16 is slower than float32.
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
