"""Sample sheets: skeleton | generated | real, a row a pair, seen through the very network that would be exported."""

from pathlib import Path

import cv2
import numpy as np
from torch import nn

from engines.images import Frame
from training.datasets import Batch, Examples
from training.devices import picture_array
from training.methods import Method


def sheet(conditioning: Frame, generated: Frame, real: Frame) -> Frame:
    """Three (B, H, W, 3) stacks as one picture of B rows."""
    return np.concatenate([np.concatenate(list(stack)) for stack in (conditioning, generated, real)], axis=1)


def sample_sheet(method: Method, performer: nn.Module, examples: Examples, rows: int) -> Frame:
    """Two rows in three from held-out pairs, the rest from those that were learned from."""
    held_out = examples.spread(examples.validation, rows - rows // 3)
    batch = examples.plain(held_out + examples.spread(examples.train, rows - len(held_out)))
    return sheet(batch.conditioning, picture_array(method.picture(performer, batch)), batch.real)


def validation_error(method: Method, performer: nn.Module, examples: Examples, count: int = 16) -> float | None:
    """Mean absolute error in levels of 255 inside the person mask of held-out pairs; None where there are none."""
    indices = examples.spread(examples.validation, count)
    if not indices:
        return None
    errors = [_figure_error(method, performer, examples.plain([i])) for i in indices]
    return float(np.mean(errors))


def _figure_error(method: Method, performer: nn.Module, batch: Batch) -> float:
    generated = picture_array(method.picture(performer, batch)).astype(np.int16)
    inside = batch.mask > 127
    gap = np.abs(generated - batch.real.astype(np.int16)).mean(axis=-1)
    return float(gap[inside].mean()) if inside.any() else 0.0


def write_picture(path: Path, picture: Frame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
