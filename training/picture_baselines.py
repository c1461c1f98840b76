"""What needs no learning, and beside which a generator of aligned pictures is read."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size, covering
from training.aligned_examples import DrawnOutlines
from training.pairs.store import PairSet

SEEN_AT = (32, 32)
"""Inputs are compared at this size: where things are, not their last pixel."""


def baselines(pairs: PairSet, indices: Sequence[int], size: Size) -> dict[str, list[Frame]]:
    """For the pairs `indices`, at `size`: "input" as a generator sees it, "mean" of all learned results, "nearest" one.

    The nearest is the result of the learned pair whose input is most alike (L2). Without learned pairs "input" alone.
    """
    sees = _sees(pairs, size)
    found = {"input": [sees(i) for i in indices]}
    learned = [int(i) for i in pairs.split("train")]
    if not learned:
        return found
    known = np.stack([_small(sees(i)) for i in learned])
    total = np.zeros((*size, 3), np.float64)
    for i in learned:
        total += covering(pairs.frame(i), size)
    mean = np.rint(total / len(learned)).astype(np.uint8)
    alike = [learned[int(np.square(known - _small(seen)).sum(axis=1).argmin())] for seen in found["input"]]
    found["mean"] = [mean] * len(indices)
    found["nearest"] = [covering(pairs.frame(i), size) for i in alike]
    return found


def input_of(pairs: PairSet, index: int) -> Frame:
    """The picture that a stage is given for a pair: stored, or the frame itself where outlines are drawn from it."""
    return pairs.frame(index) if pairs.header.drawn else pairs.conditioning(index)


def _sees(pairs: PairSet, size: Size) -> Callable[[int], Frame]:
    """What a generator is shown of a pair, (H, W, 3): of a film's frames their outlines, not what it shall draw."""
    if not pairs.header.drawn:
        return lambda i: covering(pairs.conditioning(i), size)
    drawn = DrawnOutlines(pairs)
    return lambda i: drawn.outlines(i, size)


def _small(seen: Frame) -> NDArray[np.float32]:
    return covering(seen, SEEN_AT).astype(np.float32).ravel()
