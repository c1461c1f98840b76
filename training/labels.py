"""Pictures of flat colors read as label maps: which color stands where, and how much of a map is right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame

Palette = NDArray[np.float32]
BIN, LEAST_SHARE, APART = 16, 0.004, 60.0
"""Levels that count as one color, the least share of pixels of a label, and how far apart two labels are."""


@dataclass(frozen=True)
class Accuracy:
    """Shares of pixels: rightly labelled; the mean over the labels; and what the most common label alone would get."""

    pixels: float
    labels: float
    most_common: float


def palette(maps: Iterable[Frame]) -> Palette:
    """(n, 3): the colors that label maps are made of, most common first."""
    counts = np.zeros((256 // BIN,) * 3, np.int64)
    sums = np.zeros((*counts.shape, 3))
    for labels in maps:
        flat = labels.reshape(-1, 3)
        places = tuple((flat // BIN).T)
        np.add.at(counts, places, 1)
        np.add.at(sums, places, flat)
    order = np.argsort(counts, axis=None)[::-1]
    colors: list[NDArray[np.float64]] = []
    for place in order:
        at = np.unravel_index(place, counts.shape)
        if counts[at] < LEAST_SHARE * counts.sum():
            break
        color = sums[at] / counts[at]
        if all(np.abs(color - other).sum() > APART for other in colors):
            colors.append(color)
    return np.array(colors, np.float32)


def read_labels(picture: Frame, colors: Palette) -> NDArray[np.int64]:
    """(H, W): for each pixel the nearest color's number."""
    gaps = np.abs(picture.astype(np.float32)[:, :, None] - colors).sum(axis=-1)
    return np.asarray(gaps.argmin(axis=-1), np.int64)


def accuracy(shown: Sequence[Frame], truth: Sequence[Frame], colors: Palette) -> Accuracy:
    """How much of the `shown` maps is right, over all pixels of all of them."""
    counts = np.zeros((len(colors), len(colors)), np.int64)
    for one, true in zip(shown, truth, strict=True):
        np.add.at(counts, (read_labels(true, colors).ravel(), read_labels(one, colors).ravel()), 1)
    each = counts.sum(axis=1)
    found = each > 0
    right = np.diag(counts)
    return Accuracy(
        float(right.sum() / counts.sum()), float((right[found] / each[found]).mean()), float(each.max() / counts.sum())
    )
