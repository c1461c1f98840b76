"""What a step of a dancer's training sees: an example, what was made of it, and the batch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks
from training.config import TrainingConfig
from training.cuts import crop_side, learned_side
from training.rollouts import Led

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Example:
    """One pair at training size. `plate` is the room behind the square, `figure` the true RGBA where it is known.

    `pair` is its number, None where it was made of several.
    """

    landmarks: Landmarks
    frame: Frame
    mask: Gray
    plate: Frame | None
    figure: Frame | None
    pair: int | None = None


@dataclass(frozen=True)
class Batch:
    """What one step sees: pictures (B, S, S, C) uint8, `weight` (B, S, S) float32, `far` (B, S, S) uint8, 0 or 1.

    `crops` is (n, 3) int64: picture, top and left of each square that the discriminator judges. `shaken` is the
    conditioning with a tracker's tremble, where a loss asks for it; `led` what came before, where the generator looks
    at its last picture.
    """

    conditioning: NDArray[np.uint8]
    real: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    weight: NDArray[np.float32]
    far: NDArray[np.uint8]
    plate: NDArray[np.uint8] | None
    figure: NDArray[np.uint8] | None
    crops: NDArray[np.int64]
    shaken: NDArray[np.uint8] | None = None
    led: Led | None = None


@dataclass(frozen=True)
class Made:
    """One example of a batch: what is drawn for it, what its pixels count, which crops of it are judged (n, 2).

    `earlier` are the skeletons before it, the nearest one last.
    """

    example: Example
    conditioning: Frame
    weight: NDArray[np.float32]
    crops: NDArray[np.int64]
    shaken: Frame | None = None
    earlier: tuple[Frame, ...] = ()


def random_batch(config: TrainingConfig, figure: bool) -> Batch:
    """Noise of a batch's shapes, to time a step with."""
    count, size, rng = config.schedule.batch, learned_side(config), np.random.default_rng(0)

    def pictures(channels: int) -> np.ndarray:
        return rng.integers(0, 256, (count, size, size, channels), np.uint8)

    corners = rng.integers(0, size - crop_side(config) + 1, (config.discriminator.crops, 2))
    which = np.arange(config.discriminator.crops) % count
    return Batch(
        conditioning=pictures(config.generator.channels_in),
        real=pictures(3),
        mask=pictures(1)[..., 0],
        weight=np.ones((count, size, size), np.float32),
        far=(pictures(1)[..., 0] > 127).astype(np.uint8),
        plate=pictures(3) if figure else None,
        figure=None,
        crops=np.column_stack([which, corners]).astype(np.int64),
        shaken=pictures(config.generator.channels_in) if config.losses.consistency else None,
        led=_random_led(config, rng),
    )


def _random_led(config: TrainingConfig, rng: np.random.Generator) -> Led | None:
    count, steps, size = config.schedule.batch, config.rollout.steps, config.size
    if not steps:
        return None
    return Led(rng.integers(0, 256, (count, steps, size, size, 3), np.uint8), np.full(count, steps, np.int64))
