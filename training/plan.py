"""What a training would be, before it begins: config as resolved, networks, memory, and an estimate of its time.

The time is measured: a few real steps are taken on real pairs (or on random pictures of their size) and thrown away.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engines.measuring import table
from training.config import TrainingConfig
from training.devices import training_device, uses_bf16
from training.examples import open_examples
from training.macs import CONVENTION, macs, parameters
from training.methods import Method, method
from training.pairs.store import open_pairs

TIMED_STEPS = 3
IMAGINED_PAIRS = 200
"""Where no pairs are named and a config counts in epochs."""


def planned(
    config: TrainingConfig,
    pairs: Path | None = None,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    now: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """The plan of a training as plain values; nothing is written.

    networks        rows of {network, parameters, gmacs_per_picture, sees}
    memory_mb       {weights, moments, activations, pairs}: float32 weights with gradients and average, Adam's moments,
                    what one step keeps for its backward pass at most, and pairs held decoded
    step_s          {before the discriminator, with it, preparing a batch}
    images_per_s, minutes, steps
    """
    examples = None if pairs is None else open_examples(open_pairs(pairs), config, hold=False)
    device = training_device(config)
    torch.manual_seed(config.seed)
    learner = method(config, examples, device)
    prepared_s, batch = 0.0, learner.imagined()
    if examples is not None:
        began = now()
        batches = [examples.batch(step) for step in range(TIMED_STEPS)]
        prepared_s, batch = (now() - began) / TIMED_STEPS, batches[-1]
    start = config.discriminator.start_step
    kept = _kept_by(lambda: learner.step(batch, start, 0.0))
    both_s = _timed(lambda: learner.step(batch, start, 0.0), now)
    alone_s = _timed(lambda: learner.step(batch, start - 1, 0.0), now) if start else both_s
    learned = IMAGINED_PAIRS if examples is None else len(examples.train)
    count = steps or (config.steps_for(learned) if minutes is None else None)
    alone = max(alone_s, prepared_s) if start else 0.0
    both = max(both_s, prepared_s)
    if count is None:
        assert minutes is not None
        early = min(start, int(minutes * 60 / max(alone, 1e-9))) if start else 0
        count = early + int((minutes * 60 - early * alone) / both)
    total_s = min(count, start) * alone + max(0, count - start) * both
    return {
        "config": config.model_dump(mode="json"),
        "device": str(device),
        "precision": "bf16" if uses_bf16(config, device) else "f32",
        "output": learner.output,
        "pairs": None if examples is None else {s: len(getattr(examples, s)) for s in ("train", "validation", "test")},
        "networks": [_row(name, learner.networks[name], shape, times) for name, shape, times in learner.sees()],
        "convention": CONVENTION,
        "memory_mb": {
            "weights": _megabytes(learner.networks) + _megabytes(_trained(learner)),
            "moments": 2 * _megabytes(_trained(learner)),
            "activations": round(kept / 1e6, 1),
            "pairs": 0
            if examples is None
            else round(len(examples.train) * config.shape[0] * config.shape[1] * 4 / 1e6, 1),
        },
        "step_s": {"before the discriminator": alone_s, "with it": both_s, "preparing a batch": prepared_s},
        "images_per_s": config.schedule.batch / both,
        "steps": count,
        "minutes": total_s / 60,
    }


def print_plan(plan: dict[str, Any]) -> None:
    """The plan for people, on stdout; the config as `--set` would name it."""
    table([{"key": key, "value": value} for key, value in _flat(plan["config"])], title="config as resolved")
    table(plan["networks"], title=f"networks ({plan['convention']})")
    table([{"memory": name, "MB": value} for name, value in plan["memory_mb"].items()], title="memory, at most")
    table([{"a step": name, "s": value} for name, value in plan["step_s"].items()], title="time, measured")
    held = plan["pairs"]
    told = "on random pictures (name --pairs for the true figures)" if held is None else f"on {held['train']} pairs"
    print(
        f"{plan['steps']} steps {told}, {plan['output']}, {plan['device']}, {plan['precision']}: "
        f"{plan['images_per_s']:.1f} images/s, about {plan['minutes']:.1f} minutes"
    )


def _row(name: str, network: nn.Module, shape: tuple[int, ...], times: float) -> dict[str, Any]:
    return {
        "network": name,
        "parameters": parameters(network),
        "gmacs_per_picture": macs(network, shape) * times / 1e9,
        "sees": f"{times:g} x {shape[1]} x {shape[2]} x {shape[3]}",
    }


def _trained(learner: Method) -> dict[str, nn.Module]:
    return {name: network for name, network in learner.networks.items() if name in learner.optimizers}


def _megabytes(networks: Any) -> float:
    return round(sum(parameters(network) for network in networks.values()) * 4 / 1e6, 1)


def _kept_by(step: Callable[[], object]) -> int:
    """Bytes of different tensors that autograd keeps during `step`."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(kept.values())


def _timed(step: Callable[[], object], now: Callable[[], float]) -> float:
    """Median seconds of a step, after one that warms up."""
    step()
    seconds = []
    for _ in range(TIMED_STEPS):
        began = now()
        step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(now() - began)
    return float(np.median(seconds))


def _flat(values: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in values.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{above}{key}.")
        else:
            rows.append((f"{above}{key}", str(value)))
    return rows
