"""The room a costume dances in: a dark backdrop, beams, a pool of light on a polished floor. Painted, not rendered.

Places are in heights of the square: x from its middle to the right, y from its top down.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engines.images import Frame, Size
from training.costumes.lights import toned

Light = tuple[float, float, float]


class Beam(BaseModel):
    """A shaft of light from `start` to `end` (x, y), `width` heights wide at its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start: tuple[float, float]
    end: tuple[float, float]
    width: float = Field(gt=0)
    color: Light


class Stage(BaseModel):
    """Colors are linear light. `floor` is where a middle-sized figure stands, `wall` where floor meets backdrop."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = "room"
    backdrop: Light = (0.004, 0.011, 0.015)
    glow: Light
    pool: Light
    pool_size: tuple[float, float] = (0.40, 0.075)
    floor: float = 0.87
    wall: float = 0.715
    beams: tuple[Beam, ...] = ()


@lru_cache(maxsize=16)
def plate_of(stage: Stage, size: Size) -> Frame:
    """The empty room at `size` (height, width), the square in the middle of a wide one. Read-only: it is shared."""
    height, width = size
    y = (np.arange(height) + 0.5)[:, None] / height
    x = (np.arange(width) + 0.5 - width / 2)[None] / height
    wall = _backdrop(stage, x, y)
    ground = _floor(stage, x, y)
    blend = _smooth((y - stage.wall) / 0.03)[..., None]
    linear = wall * (1 - blend) + ground * blend
    linear *= (1 - 0.45 * _smooth((np.hypot(x, (y - 0.5) * 0.9) - 0.30) / 0.55))[..., None]
    # Half a level of noise hides the steps that 8 bits make in so dark a gradient.
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, (height, width, 1))
    plate = np.clip(toned(linear.astype(np.float32)) * 255 + noise + 0.5, 0, 255).astype(np.uint8)
    plate.flags.writeable = False
    return plate


def _backdrop(stage: Stage, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    glow = np.exp(-((x / 0.62) ** 2) - ((y - 0.47) / 0.30) ** 2)[..., None]
    color = np.array(stage.backdrop) + glow * np.array(stage.glow)
    for beam in stage.beams:
        start, end = np.array(beam.start), np.array(beam.end)
        along = (end - start) / np.linalg.norm(end - start)
        far = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / np.linalg.norm(end - start)
        aside = (x - start[0]) * along[1] - (y - start[1]) * along[0]
        wide = beam.width * (0.30 + 0.70 * np.clip(far, 0, 1.5))
        strength = np.exp(-((aside / wide) ** 2) * 1.6) * np.clip(1.15 - far, 0, 1) ** 1.5 * (far > 0)
        color = color + strength[..., None] * np.array(beam.color)
    return color * (1 - 0.75 * _smooth((y - stage.wall + 0.16) / 0.17))[..., None]


def _floor(stage: Stage, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    wide, deep = stage.pool_size
    away = (x / wide) ** 2 + ((y - stage.floor) / deep) ** 2
    pool = 0.85 * np.exp(-away * 1.3) + 0.15 * np.exp(-away * 0.28)
    # A polish that mirrors the glow of the backdrop.
    mirror = np.exp(-((x / 0.55) ** 2) - ((y - stage.wall) / 0.10) ** 2) * 0.10
    color = np.array(stage.backdrop) * 0.8 + mirror[..., None] * np.array(stage.glow)
    return color + pool[..., None] * np.array(stage.pool)


def _smooth(t: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
