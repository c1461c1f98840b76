"""What next_frame learns from: stretches of one film, a stride a step, never across a cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engines.errors import ConfigError, PairsError
from engines.film.motion import look
from engines.images import Frame, covering
from training.config import TrainingConfig
from training.cuts import crop_side
from training.examples import spread
from training.pairs.store import PairSet

MOST_CUT = 0.12
"""So much of a frame may be cut off to fit the generator's shape; nothing is ever squeezed."""


@dataclass(frozen=True)
class FilmBatch:
    """`before`, `conditioning` (B, H, W, 3): a frame and the one it came from; `following` (B, K, H, W, 3) what comes.

    `known` (B, K) is 0 where the shot ends before. `places` (B,) says which frames they are. `clips` (B, 3, H, W, 3)
    are three frames in a row from elsewhere, and `crops` (n, 3) places to judge: which, top, left.
    """

    before: NDArray[np.uint8]
    conditioning: NDArray[np.uint8]
    following: NDArray[np.uint8]
    known: NDArray[np.float32]
    places: NDArray[np.int64]
    clips: NDArray[np.uint8]
    crops: NDArray[np.int64]

    @property
    def real(self) -> NDArray[np.uint8]:
        """(B, H, W, 3): the next frames."""
        return self.following[:, 0]


class FilmExamples:
    """Frames of one film, all in memory. An index is a frame that has one a stride before it and one after it.

    Of a split are those whose next frame is in it, so nothing that is measured was learned. `ends` says for each frame
    where what may be learned after it ends.
    """

    output = "image"

    def __init__(self, pairs: PairSet, config: TrainingConfig, hold: bool = True) -> None:
        self.pairs, self.config, self.stride = pairs, config, pairs.header.stride
        _check_shape(pairs, config)
        wanted = len(pairs) * config.shape[0] * config.shape[1] * 3
        if hold and wanted > config.run.memory_gb * 1e9:
            raise ConfigError(
                f"{pairs.folder}: {len(pairs)} frames of {config.shape[1]} x {config.shape[0]} take {wanted / 1e9:.1f} "
                f"GB, but run.memory_gb is {config.run.memory_gb:g}; raise it, or set a smaller size"
            )
        self.frames = np.stack([covering(pairs.frame(i), config.shape) for i in range(len(pairs))])
        self.shots = shots_of(pairs)
        self.ends = _ends(pairs, self.shots)
        self.train, self.validation, self.test = (self._of(name) for name in ("train", "validation", "test"))
        if not len(self.train):
            raise PairsError(f"{pairs.folder}: holds no two neighbors to learn from; build the pairs of a longer film")

    def batch(self, step: int, share: int = 0, shares: int = 1) -> FilmBatch:
        """The batch of training step `step`, or the part of it that process `share` of `shares` takes."""
        config, size = self.config, self.config.schedule.batch
        rng = np.random.default_rng([config.seed, 1, step])
        places, clips = rng.choice(self.train, size), rng.choice(self.train, size)
        crops = self._crops(rng, size)
        here = slice(share * size // shares, (share + 1) * size // shares)
        mine = crops[(crops[:, 0] >= here.start) & (crops[:, 0] < here.stop)] - np.array([here.start, 0, 0])
        return self._batch(places[here], clips[here], mine)

    def plain(self, indices: Sequence[int]) -> FilmBatch:
        """These frames as they are."""
        places = np.array(indices, np.int64)
        return self._batch(places, places, self._crops(np.random.default_rng(0), len(places)))

    def plain_conditioning(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """(B, H, W, 6): all that the generator looks at."""
        places = np.array(indices, np.int64)
        return np.concatenate([self.frames[places - self.stride], self.frames[places]], axis=-1)

    def spread(self, indices: NDArray[np.int64], count: int) -> list[int]:
        return spread(indices, count)

    def following(self, places: NDArray[np.int64], steps: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The `steps` next frames (B, steps, H, W, 3) of each place, and whether they are known (B, steps).

        Unknown are those beyond the shot, and beyond what may be learned if the place is of that.
        """
        at = places[:, None] + self.stride * np.arange(1, steps + 1)
        known = at < self.ends[places][:, None]
        return self.frames[np.where(known, at, places[:, None])], known.astype(np.float32)

    def start(self) -> tuple[Frame, Frame]:
        """The last frame of the film and the one a stride before it: where the film goes on from."""
        last = len(self.frames) - 1
        return self.frames[max(self.shots[-1][0], last - self.stride)], self.frames[last]

    def watched(self) -> list[NDArray[np.uint8]]:
        """Every shot small, a stride a step, as `engines.film.liveness` wants it."""
        shots = [self.frames[start : stop : self.stride] for start, stop in self.shots if stop - start > self.stride]
        return [np.stack([look(frame) for frame in shot]) for shot in shots]

    def _of(self, split: str) -> NDArray[np.int64]:
        rows, stride = self.pairs.rows, self.stride
        return np.array(
            [
                i
                for start, stop in self.shots
                for i in range(start + stride, stop - stride)
                if rows[i + stride].split == split
            ],
            np.int64,
        )

    def _batch(self, places: NDArray[np.int64], clips: NDArray[np.int64], crops: NDArray[np.int64]) -> FilmBatch:
        following, known = self.following(places, self.config.next_frame.unroll)
        around = clips[:, None] + self.stride * np.array([-1, 0, 1])
        return FilmBatch(
            before=self.frames[places - self.stride],
            conditioning=self.frames[places],
            following=following,
            known=known,
            places=places,
            clips=self.frames[around],
            crops=crops,
        )

    def _crops(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        side, crops = crop_side(self.config), self.config.discriminator.crops
        which = np.arange(crops) % max(1, count)
        tops = rng.integers(0, self.config.shape[0] - side + 1, crops)
        lefts = rng.integers(0, self.config.shape[1] - side + 1, crops)
        return np.column_stack([which, tops, lefts]).astype(np.int64)


def shots_of(pairs: PairSet) -> list[tuple[int, int]]:
    """(start, stop) of the rows of every shot."""
    ids = [row.shot for row in pairs.rows]
    edges = [0, *(i for i in range(1, len(ids)) if ids[i] != ids[i - 1]), len(ids)]
    return list(pairwise(edges))


def _ends(pairs: PairSet, shots: list[tuple[int, int]]) -> NDArray[np.int64]:
    """For each frame, where its shot ends, or, of those that are learned from, what may be learned of the shot."""
    ends = np.zeros(len(pairs), np.int64)
    for start, stop in shots:
        learned = [i for i in range(start, stop) if pairs.rows[i].split == "train"]
        ends[start:stop] = stop
        if learned:
            ends[start : learned[-1] + 1] = learned[-1] + 1
    return ends


def _check_shape(pairs: PairSet, config: TrainingConfig) -> None:
    (height, width), (high, wide) = pairs.header.size, config.shape
    scale = max(high / height, wide / width)
    if high > height or wide > width:
        raise ConfigError(
            f"size is {high} and wide {wide}, but the frames in {pairs.folder} are {width} x {height}; set less, or "
            "build the pairs with a larger --size"
        )
    kept = (high * wide) / (height * width * scale * scale)
    if kept < 1 - MOST_CUT:
        near = max(32, round(width / height * high / 32) * 32)
        raise ConfigError(
            f"size {high} x wide {wide} would cut {1 - kept:.0%} off the film, whose frames are {width} x {height}; "
            f"set wide={near} for size={high}"
        )
