"""What needs no learning, and beside which a generator of aligned pictures is read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size, covering
from training.pairs.store import PairSet

SEEN_AT = (32, 32)
"""Inputs are compared at this size: where things are, not their last pixel."""


def baselines(pairs: PairSet, indices: Sequence[int], size: Size) -> dict[str, list[Frame]]:
    """For the pairs `indices`, at `size`: "input" as it is, "mean" of all learned results, "nearest" learned result.

    The nearest is the result of the learned pair whose input is most alike (L2). Without learned pairs "input" alone.
    """
    found = {"input": [covering(input_of(pairs, i), size) for i in indices]}
    learned = [int(i) for i in pairs.split("train")]
    if not learned:
        return found
    known = np.stack([_seen(pairs, i) for i in learned])
    total = np.zeros((*size, 3), np.float64)
    for i in learned:
        total += covering(pairs.frame(i), size)
    mean = np.rint(total / len(learned)).astype(np.uint8)
    alike = [learned[int(np.square(known - _seen(pairs, i)).sum(axis=1).argmin())] for i in indices]
    found["mean"] = [mean] * len(indices)
    found["nearest"] = [covering(pairs.frame(i), size) for i in alike]
    return found


def input_of(pairs: PairSet, index: int) -> Frame:
    """The input of a pair: stored, or the frame itself where what is looked at is drawn from it."""
    return pairs.frame(index) if pairs.header.drawn else pairs.conditioning(index)


def _seen(pairs: PairSet, index: int) -> NDArray[np.float32]:
    return covering(input_of(pairs, index), SEEN_AT).astype(np.float32).ravel()
