"""A small picture with two textures, and runs that learned it for a moment: for tests of singan."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.images import Frame
from training.singan.config import SinganConfig
from training.singan.loop import train_singan


def striped(height: int = 56, width: int = 72) -> Frame:
    """Stripes above, dots below, no two rows alike."""
    y, x = np.mgrid[0:height, 0:width]
    stripes = np.where((x // 4) % 2 == 0, 210, 60)
    dots = np.where(((x // 3) + (y // 3)) % 2 == 0, 150, 30)
    value = np.where(y < height // 2, stripes, dots)
    return np.stack([value, 255 - value, 40 + 2 * y], axis=-1).clip(0, 255).astype(np.uint8)


def saved(path: Path, picture: Frame) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path


def small_config(**changes: Any) -> SinganConfig:
    """Three scales, a handful of channels, two steps each; `changes` replace whole sections' values."""
    values: dict[str, Any] = {
        "precision": "f32",
        "device": "cpu",
        "pyramid": {"coarsest": 16, "largest": 40, "stages": 3},
        "networks": {"width": 8, "layers": 2},
        "learning": {"iterations": 2, "together": 2, "states": 3},
        "run": {"sample_iterations": 1, "log_iterations": 1},
    }
    for section, value in changes.items():
        values[section] = {**values[section], **value} if isinstance(values.get(section), dict) else value
    return SinganConfig.model_validate(values)


def chain_config(**changes: Any) -> SinganConfig:
    """As published, but small."""
    networks = {"kind": "chain", "layers": 3, "norm": "batch", "slope": 0.2, "double_every": 2}
    return small_config(**{"networks": networks, "learning": {"together": 1, "critic_steps": 2}, **changes})


def redraw_config(**changes: Any) -> SinganConfig:
    return small_config(purpose="redraw", **changes)


def learned_run(folder: Path, config: SinganConfig) -> Path:
    """A run that learned `striped`."""
    folder.mkdir(parents=True, exist_ok=True)
    train_singan(config, saved(folder / "input.png", striped()), folder / "run", progress=False)
    return folder / "run"
