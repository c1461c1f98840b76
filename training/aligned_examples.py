"""Aligned pairs as batches: enlarged, cut and mirrored alike, or a film's outlines drawn as the stage draws them."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines import color
from engines.conditioning import KINDS
from engines.errors import ConfigError, PairsError
from engines.images import Frame, Size, covering
from engines.outlines import Outlines
from training.batches import Batch
from training.config import TrainingConfig
from training.cuts import crop_side
from training.examples import spread
from training.pairs.store import PairSet

Pair = tuple[Frame, Frame]
"""Conditioning and frame, both (H, W, 3)."""


class AlignedExamples:
    """The pairs of one run, decoded once: at the enlarged size where they are learned from, else at the config's."""

    output = "image"
    figure = False

    def __init__(self, pairs: PairSet, config: TrainingConfig, hold: bool = True) -> None:
        self.pairs, self.config = pairs, config
        _check(config)
        if hold and min(config.shape) > min(pairs.header.size):
            raise ConfigError(
                f"size is {config.size}, but the pictures in {pairs.folder} have {min(pairs.header.size)} pixels; set "
                f"size={min(pairs.header.size)} or less"
            )
        self.train, self.validation, self.test = (pairs.split(name) for name in ("train", "validation", "test"))
        if not len(self.train):
            raise PairsError(f"{pairs.folder}: holds no pairs to learn from.")
        height, width = config.shape
        grown = 1 + config.augmentation.enlarge
        self._enlarged: Size = (round(height * grown), round(width * grown))
        self._drawn = DrawnOutlines(pairs) if pairs.header.drawn else None
        held = 6 * self._enlarged[0] * self._enlarged[1] * len(self.train)
        holds = hold and held < config.run.memory_gb * 1e9
        self._held = {int(i): self._read(int(i), self._enlarged) for i in self.train} if holds else {}

    def batch(self, step: int, share: int = 0, shares: int = 1) -> Batch:
        """The augmented batch of training step `step`, or the part of it that process `share` of `shares` takes."""
        size = self.config.schedule.batch
        places = range(share * size // shares, (share + 1) * size // shares)
        return self._batch([self._learned(step, place) for place in places], step)

    def plain(self, indices: Sequence[int]) -> Batch:
        """These pairs as they are."""
        return self._batch([self._read(int(i), self.config.shape) for i in indices], 0)

    def plain_conditioning(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        return np.stack([self._read(int(i), self.config.shape)[0] for i in indices])

    def spread(self, indices: NDArray[np.int64], count: int) -> list[int]:
        return spread(indices, count)

    def conditioning(self, i: int) -> Frame:
        return self._read(i, self.config.shape)[0]

    def beside(self, i: int) -> tuple[Frame, Frame]:
        """Conditioning and frame: what a preview shows left and right of the generated picture."""
        return self._read(i, self.config.shape)

    def _read(self, i: int, size: Size) -> Pair:
        frame = covering(self.pairs.frame(i), size)
        if self._drawn is not None:
            return self._drawn.outlines(i, size), frame
        looked_at = covering(self.pairs.conditioning(i), size)
        if KINDS[self.pairs.header.conditioning][1] == 1:  # a stage shows it without colors
            looked_at = np.repeat(color.gray(looked_at)[..., None], 3, axis=2)
        return looked_at, frame

    def _learned(self, step: int, place: int) -> Pair:
        config = self.config
        position = step * config.schedule.batch + place
        epoch, nth = divmod(position, len(self.train))
        index = int(self.train[np.random.default_rng([config.seed, 1, epoch]).permutation(len(self.train))[nth]])
        rng = np.random.default_rng([config.seed, step, place])
        looked_at, frame = self._held.get(index) or self._read(index, self._enlarged)
        (height, width), (high, wide) = config.shape, self._enlarged
        top, left = int(rng.integers(0, high - height + 1)), int(rng.integers(0, wide - width + 1))
        cut = (slice(top, top + height), slice(left, left + width))
        turn = -1 if config.augmentation.flip and rng.random() < 0.5 else 1
        return looked_at[cut][:, ::turn], frame[cut][:, ::turn]

    def _batch(self, pairs: list[Pair], step: int) -> Batch:
        height, width = self.config.shape
        shape, side = (len(pairs), height, width), crop_side(self.config)
        rng = np.random.default_rng([self.config.seed, 3, step])
        count = max(1, self.config.discriminator.crops // len(pairs)) * len(pairs)
        corners = [rng.integers(0, limit - side + 1, count) for limit in (height, width)]
        return Batch(
            conditioning=np.stack([looked_at for looked_at, _ in pairs]),
            real=np.stack([frame for _, frame in pairs]),
            mask=np.zeros(shape, np.uint8),
            weight=np.ones(shape, np.float32),
            far=np.zeros(shape, np.uint8),
            plate=None,
            figure=None,
            crops=np.column_stack([np.arange(count) % len(pairs), *corners]).astype(np.int64),
        )


class DrawnOutlines:
    """Outlines of the frames of a film, each drawn after those before it, as a stage would have; kept as they come."""

    def __init__(self, pairs: PairSet) -> None:
        self._pairs = pairs
        self._known: dict[tuple[Size, int], bytes] = {}

    def outlines(self, i: int, size: Size) -> Frame:
        if (size, i) not in self._known:
            self._draw(self._pairs.rows[i].shot, size)
        packed = np.frombuffer(self._known[size, i], np.uint8)
        gray = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
        return np.repeat(np.asarray(gray, np.uint8)[..., None], 3, axis=2)

    def _draw(self, shot: str, size: Size) -> None:
        outlines = Outlines()
        for i, row in enumerate(self._pairs.rows):
            if row.shot == shot:
                drawn = outlines.drawn(self._pairs.frame(i), size, row.time_s)
                self._known[size, i] = cv2.imencode(".png", drawn)[1].tobytes()


def _check(config: TrainingConfig) -> None:
    for name, value in (("temporal", config.losses.temporal), ("consistency", config.losses.consistency)):
        if value:
            raise ConfigError(f"losses.{name} is {value:g}, but it needs the pose of a dancer; set losses.{name}=0")
    if config.output == "figure":
        raise ConfigError("output is 'figure', but aligned pairs have no plate; set output='image'")
