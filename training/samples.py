"""Sample sheets: conditioning | generated | real, a row a pair, seen through the network that would be exported."""

from pathlib import Path

import cv2
import numpy as np
from torch import nn

from engines.images import Frame
from training.devices import picture_array
from training.examples import AnyExamples
from training.methods import Method


def sheet(conditioning: Frame, generated: Frame, real: Frame) -> Frame:
    """Three (B, H, W, C) stacks as one picture of B rows. Of a skeleton with a posed figure the figure is shown."""
    columns = [np.concatenate(list(stack)) for stack in (conditioning, generated, real)]
    shown = [np.repeat(c, 3, axis=2) if c.shape[2] == 1 else c[..., 3:6] if c.shape[2] == 7 else c for c in columns]
    return np.concatenate(shown, axis=1)


def sample_sheet(method: Method, performer: nn.Module, examples: AnyExamples, rows: int) -> Frame:
    """Two rows in three from held-out pairs, the rest from those that were learned from; or as the method has it."""
    own = getattr(method, "sheet", None)
    if own is not None:
        return np.asarray(own(performer, examples, rows), np.uint8)
    held_out = examples.spread(examples.validation, rows - rows // 3)
    batch = examples.plain(held_out + examples.spread(examples.train, rows - len(held_out)))
    return sheet(batch.conditioning, picture_array(method.picture(performer, batch)), batch.real)


def write_picture(path: Path, picture: Frame) -> None:
    """A PNG, renamed into place. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data.tobytes())
    part.replace(path)
