"""Where a film is cut, from small gray pictures of its frames."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame

GLANCE_WIDTH = 96
Glance = NDArray[np.uint8]

# Measured on eight clips (glances 96 wide): the one true cut differs by 35 levels where its neighbors differ by 6 and
# correlates by 0.60; the fastest hand-held zoom reaches 18 levels, but for many frames on end, and correlates by 0.77;
# a lamp switched on reaches 10 and correlates by 0.99.
CUT_LEVELS, CUT_TIMES, CUT_CORRELATION = 10.0, 2.5, 0.85


def glance(frame: Frame) -> Glance:
    """(h, 96): a frame in gray, small."""
    size = (GLANCE_WIDTH, max(1, round(GLANCE_WIDTH * frame.shape[0] / frame.shape[1])))
    return np.asarray(cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA), np.uint8)


def cut_points(glances: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Indices of (T, h, w) glances at which a new shot begins; the 0th is not among them.

    Slow cross-fades are not recognized.
    """
    flat = glances.reshape(len(glances), -1).astype(np.float32)
    if len(flat) < 2:
        return np.empty(0, np.int64)
    levels = np.abs(np.diff(flat, axis=0)).mean(axis=1)
    centered = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centered, axis=1) + 1e-6
    correlation = (centered[1:] * centered[:-1]).sum(axis=1) / (length[1:] * length[:-1])
    usual = np.array(
        [np.median(np.delete(levels[max(0, i - 4) : i + 5], min(i, 4))) for i in range(len(levels))] or [0]
    )
    peaks = (levels > CUT_LEVELS) & (levels > CUT_TIMES * usual) & (correlation < CUT_CORRELATION)
    return np.flatnonzero(peaks) + 1


def spans(glances: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """(start, stop) of every shot; together they are the whole film."""
    return list(pairwise([0, *cut_points(glances).tolist(), len(glances)]))
