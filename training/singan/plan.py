"""How long a training from one picture will take here, before it begins: a few steps of every scale, timed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.images import Frame
from engines.measuring import table
from engines.pictures import read_picture
from training.devices import training_device, uses_bf16
from training.macs import parameters
from training.singan.config import SinganConfig
from training.singan.learning import ScaleLearning
from training.singan.networks import Critic, fresh_pyramid
from training.singan.pictures import check_side, pyramid, scale_sizes

TIMED_STEPS = 2


def planned_singan(
    config: SinganConfig, picture: Path | None = None, now: Callable[[], float] = time.perf_counter
) -> dict[str, Any]:
    """The plan as plain values: a row for each scale, and minutes in all. Without a picture, for one of 4:3.

    The time is of this machine as it is now, with untrained weights, which cost the same.
    """
    frame = _stand_in(config) if picture is None else read_picture(picture)
    check_side(frame, picture or "the picture")
    device = training_device(config)
    sizes = scale_sizes((frame.shape[0], frame.shape[1]), config.pyramid)
    reals = [real.to(device) for real in pyramid(frame, sizes)]
    torch.manual_seed(config.seed)
    generator, rows = fresh_pyramid(config), []
    for scale, (height, width) in enumerate(sizes):
        generator.grow(1.0 if scale == 0 else config.learning.noise)
        if scale == 0:
            generator.fixed = torch.randn(1, *generator.noise_shape(0, sizes[0]))
        generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        critic = Critic(config.networks, scale).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        learning = ScaleLearning(config, generator, critic, reals[: scale + 1])
        learning.step(0)
        began = now()
        for step in range(TIMED_STEPS):
            _ = [float(loss) for loss in learning.step(1 + step).values()]
        step_s = (now() - began) / TIMED_STEPS
        rows.append(
            {
                "scale": scale,
                "size": f"{width} x {height}",
                "parameters": parameters(generator) + parameters(critic),
                "step_s": step_s,
                "minutes": step_s * config.learning.iterations / 60,
            }
        )
    return {
        "config": config.model_dump(mode="json"),
        "device": str(device),
        "precision": "bf16" if uses_bf16(config, device) else "f32",
        "scales": rows,
        "minutes": sum(row["minutes"] for row in rows),
    }


def print_singan_plan(plan: dict[str, Any]) -> None:
    """The plan for people, on stdout."""
    table(plan["scales"], title="scales")
    iterations = plan["config"]["learning"]["iterations"]
    print(f"{iterations} steps a scale, {plan['device']}, {plan['precision']}: about {plan['minutes']:.1f} minutes")


def _stand_in(config: SinganConfig) -> Frame:
    largest = config.pyramid.largest
    return np.random.default_rng(0).integers(0, 256, (largest * 3 // 4, largest, 3), np.uint8)
