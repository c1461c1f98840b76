"""Two sides as batches: pictures of both, cut out and mirrored each for itself, since nothing belongs together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.errors import ConfigError
from engines.images import Frame, Size, covering, resized
from training.config import TrainingConfig
from training.examples import spread
from training.pairs.store import PairSet
from training.unpaired.store import Side, open_sides


@dataclass(frozen=True)
class UnpairedBatch:
    """`conditioning` is of the side that is looked at, `real` of the side it is to look like: (B, H, W, 3) uint8.

    For the sample sheet and for measuring, row k of both are two pictures that have nothing to do with each other.
    """

    conditioning: NDArray[np.uint8]
    real: NDArray[np.uint8]


class UnpairedExamples:
    """The two sides of one run, seen from `side`: its pictures are what is looked at.

    Pictures are held as high or wide as the enlarged size asks and cut out anywhere, so that of a wide one all is seen.
    """

    output = "image"

    def __init__(self, pairs: PairSet, config: TrainingConfig, hold: bool = True, side: Side = "A") -> None:
        self.pairs, self.config, self.side = pairs, config, side
        self.other: Side = "B" if side == "A" else "A"
        sides = open_sides(pairs)
        if hold and min(config.shape) > min(pairs.header.size):
            raise ConfigError(
                f"size is {config.size}, but the smallest picture in {pairs.folder} has {min(pairs.header.size)} "
                f"pixels; set size={min(pairs.header.size)} or less, or reject what is too small"
            )
        self.train, self.wanted = sides.indices(side, "train"), sides.indices(self.other, "train")
        tested, self.compared = sides.indices(side, "test"), sides.indices(self.other, "test")
        # Nothing is chosen by likeness to a truth here, so what is tested on is looked at meanwhile too.
        self.validation = self.test = tested
        grown = 1 + config.augmentation.enlarge
        self._enlarged: Size = (round(config.shape[0] * grown), round(config.shape[1] * grown))
        held = 3 * self._enlarged[0] * self._enlarged[1] * (len(self.train) + len(self.wanted))
        holds = hold and held < config.run.memory_gb * 1e9
        self._held = {int(i): self._read(int(i)) for i in (*self.train, *self.wanted)} if holds else {}

    def seen_from(self, side: Side) -> "UnpairedExamples":
        """The same two sides with `side` looked at."""
        return self if side == self.side else UnpairedExamples(self.pairs, self.config, hold=False, side=side)

    def batch(self, step: int, share: int = 0, shares: int = 1) -> UnpairedBatch:
        """The batch of training step `step`, or the part of it that process `share` of `shares` takes."""
        size = self.config.schedule.batch
        places = range(share * size // shares, (share + 1) * size // shares)
        return UnpairedBatch(
            np.stack([self._learned(self.train, step, place, 1) for place in places]),
            np.stack([self._learned(self.wanted, step, place, 2) for place in places]),
        )

    def plain(self, indices: Sequence[int]) -> UnpairedBatch:
        """These pictures whole, beside as many of the other side."""
        others = spread(self.compared if len(self.compared) else self.wanted, len(indices))
        return UnpairedBatch(
            self.plain_conditioning(indices),
            np.stack([self.conditioning(others[k % len(others)]) for k in range(len(indices))]),
        )

    def plain_conditioning(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        return np.stack([self.conditioning(int(i)) for i in indices])

    def spread(self, indices: NDArray[np.int64], count: int) -> list[int]:
        return spread(indices, count)

    def conditioning(self, i: int) -> Frame:
        return covering(self.pairs.frame(i), self.config.shape)

    def beside(self, i: int) -> tuple[Frame, Frame]:
        """A picture of this side and one of the other: what a preview shows left and right of the generated one."""
        return self.conditioning(i), self.plain([i]).real[0]

    def _learned(self, indices: NDArray[np.int64], step: int, place: int, stream: int) -> Frame:
        config = self.config
        epoch, nth = divmod(step * config.schedule.batch + place, len(indices))
        order = np.random.default_rng([config.seed, stream, epoch]).permutation(len(indices))
        index = int(indices[order[nth]])
        picture = self._held[index] if index in self._held else self._read(index)
        rng = np.random.default_rng([config.seed, step, place, stream])
        height, width = config.shape
        top = int(rng.integers(0, picture.shape[0] - height + 1))
        left = int(rng.integers(0, picture.shape[1] - width + 1))
        turn = -1 if config.augmentation.flip and rng.random() < 0.5 else 1
        return picture[top : top + height, left : left + width][:, ::turn]

    def _read(self, i: int) -> Frame:
        frame, (high, wide) = self.pairs.frame(i), self._enlarged
        scale = max(high / frame.shape[0], wide / frame.shape[1])
        return resized(frame, (max(high, round(frame.shape[0] * scale)), max(wide, round(frame.shape[1] * scale))))
