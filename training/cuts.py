"""Which part of a picture an example shows, and which parts of that a discriminator judges.

Details of a pixel or two (joints, hems, a visor) want full resolution, whole pictures of which cost too much on a CPU:
the network is fully convolutional, so it may learn them from squares around the body and perform whole pictures.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import ConfigError
from engines.images import Frame
from engines.pose.landmarks import Landmarks
from training.config import TrainingConfig

if TYPE_CHECKING:
    from training.batches import Made


def learned_side(config: TrainingConfig) -> int:
    """Side in pixels of what one example shows: the whole picture, or the square that is cut out of it."""
    return config.augmentation.cut or config.size


def crop_side(config: TrainingConfig) -> int:
    """Side of a discriminator's crop in pixels: a multiple of 8, so that its strides come out even."""
    return min(config.size, max(16, round(config.size * config.discriminator.crop_share / 8) * 8))


def check_cut(config: TrainingConfig) -> None:
    """Raises ConfigError where the picture, or what is judged of it, does not fit."""
    cut = config.augmentation.cut
    if cut > config.size:
        raise ConfigError(f"augmentation.cut is {cut}, but pictures are {config.size} pixels; set it to less, or to 0")
    for name, other in (("losses.temporal", config.losses.temporal), ("rollout.steps", config.rollout.steps)):
        if cut and other:
            raise ConfigError(f"augmentation.cut is {cut}, but {name} needs whole pictures; set one of them to 0")
    if cut and config.discriminator.kind == "crops" and crop_side(config) > cut:
        raise ConfigError(
            f"discriminator.crop_share is {config.discriminator.crop_share:g}, squares of {crop_side(config)} pixels, "
            f"but augmentation.cut leaves only {cut}; set crop_share to {cut / config.size:g} or less"
        )


def corner(landmarks: Landmarks, whole: int, side: int, rng: np.random.Generator) -> tuple[int, int]:
    """(x, y) in pixels of a square of `side` around a random landmark, never beyond a picture of side `whole`."""
    spot = landmarks[rng.integers(len(landmarks)), :2] * whole + rng.normal(0, side / 4, 2)
    x, y = np.clip(np.round(spot - side / 2), 0, whole - side).astype(int)
    return int(x), int(y)


def square(picture: Frame, x: int, y: int, side: int) -> Frame:
    """A copy of it."""
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def square_of(made: "Made", side: int, rng: np.random.Generator) -> "Made":
    """An example of which only a square of `side` pixels is left, with its landmarks in 0..1 of that."""
    example, whole = made.example, made.example.frame.shape[0]
    x, y = corner(example.landmarks, whole, side, rng)
    landmarks = example.landmarks.copy()
    landmarks[:, :3] = (landmarks[:, :3] * whole - [x, y, 0]) / side
    seen = replace(
        example,
        landmarks=landmarks,
        frame=square(example.frame, x, y, side),
        mask=square(example.mask, x, y, side),
        plate=None if example.plate is None else square(example.plate, x, y, side),
        figure=None if example.figure is None else square(example.figure, x, y, side),
    )
    return replace(
        made,
        example=seen,
        conditioning=square(made.conditioning, x, y, side),
        weight=np.ascontiguousarray(made.weight[y : y + side, x : x + side]),
        shaken=None if made.shaken is None else square(made.shaken, x, y, side),
    )
