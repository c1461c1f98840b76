"""What a method learns from, whatever its kind: opened from a folder of pairs, found by the kind in its header.

The loop, samples, held-out figures and export ask for no more than `AnyExamples`; what else a batch holds is between
the examples and their method.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import ConfigError
from training.config import TrainingConfig
from training.pairs.store import PairSet

# Which kinds of pairs a method can learn from.
LEARNS_FROM: dict[str, tuple[str, ...]] = {
    "next_frame": ("next",),
    "pix2pix": ("skeleton", "aligned"),
    "colorize": ("gray",),
    "cyclegan": ("unpaired",),
    "fastcut": ("unpaired",),
}


class AnyBatch(Protocol):
    """`conditioning` and `real`: (B, H, W, C) uint8, for the sample sheet."""

    conditioning: NDArray[np.uint8]
    real: NDArray[np.uint8]


class AnyExamples(Protocol):
    """The pairs of one run. `output` says what is learned of them; a run is not resumed with another."""

    pairs: PairSet
    config: TrainingConfig
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def output(self) -> str: ...

    def batch(self, step: int, share: int = 0, shares: int = 1) -> Any:
        """The batch of a step, or a process' share of it: a pure function of seed and step."""
        ...

    def plain(self, indices: Sequence[int]) -> Any:
        """These pairs as they are, an `AnyBatch`: for samples, BatchNorm statistics and held-out figures."""
        ...

    def plain_conditioning(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """(B, H, W, C): only what the generator looks at."""
        ...

    def spread(self, indices: NDArray[np.int64], count: int) -> list[int]: ...


def open_examples(pairs: PairSet, config: TrainingConfig, hold: bool = True) -> Any:
    """The examples of `pairs` for `config`; with `hold` decoded at once, where they fit into memory.

    Raises ConfigError when the method cannot learn from pairs of this kind.
    """
    kind = pairs.header.kind
    if kind not in LEARNS_FROM[config.method]:
        made_for = [name for name, kinds in LEARNS_FROM.items() if kind in kinds]
        told = f"they are for {', '.join(made_for)}" if made_for else "nothing learns from them here"
        raise ConfigError(
            f"method is {config.method!r}, but the pairs in {pairs.folder} are of kind {kind!r}: {told}; it learns "
            f"from pairs of kind {' or '.join(LEARNS_FROM[config.method])}"
        )
    if config.generator.kind == "refiner" and (config.method, kind) != ("pix2pix", "skeleton"):
        raise ConfigError(
            f"generator.kind is 'refiner', which repairs a dancer's posed figure; with method {config.method!r} and "
            f"pairs of kind {kind!r} ({pairs.folder}) set another kind"
        )
    match kind:
        case "skeleton":
            from training.datasets import Examples

            return Examples(pairs, config, hold)
        case "aligned":
            from training.aligned_examples import AlignedExamples

            return AlignedExamples(pairs, config, hold)
        case "next":
            from training.film_examples import FilmExamples

            return FilmExamples(pairs, config, hold)
        case "gray":
            from training.coloring import GrayExamples

            return GrayExamples(pairs, config, hold)
        case "unpaired":
            from training.unpaired.examples import UnpairedExamples

            turned = config.method == "fastcut" and config.style.direction == "b_to_a"
            return UnpairedExamples(pairs, config, hold, side="B" if turned else "A")
    raise ConfigError(f"{pairs.folder}: pairs of kind {kind!r} cannot be learned from yet")


def spread(indices: NDArray[np.int64], count: int) -> list[int]:
    """`count` of `indices`, evenly spread; all of them where there are fewer."""
    if len(indices) <= count:
        return [int(i) for i in indices]
    return [int(indices[k]) for k in np.linspace(0, len(indices) - 1, count).round().astype(int)]
