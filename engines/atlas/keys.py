"""What an atlas is: key figures of one dancer, cut into parts; and which poses are worth a key.

Source of the idea: Balakrishnan et al., Synthesizing Images of Humans in Unseen Poses, CVPR 2018 (arXiv 1804.07739).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.atlas.layers import DEPTH, PELVIS, body_units, places
from engines.atlas.warping import Cut, Figure
from engines.pose.landmarks import Landmarks

KEYS = 80
TWINS = 0.15  # of a torso length: two poses nearer than this on the average show the same
_MARGIN = 0.5  # torso lengths around the landmarks that belong to the figure at most


@dataclass(frozen=True)
class Key:
    """One key figure: its landmarks (33, 4) in the square, its ten cuts, and what each limb of it is worth.

    `faults` (6,): how much of a limb is hidden by others, mixed with them or missing from the mask; 0 is a clean cut.
    """

    landmarks: Landmarks
    cuts: tuple[Cut | None, ...]
    faults: NDArray[np.float32]


@dataclass(frozen=True)
class Atlas:
    """Key figures of one dancer in a square of (size, size)."""

    size: int
    keys: tuple[Key, ...]


def figure_of(landmarks: Landmarks, size: int) -> Figure:
    """The body that landmarks in the square describe, whatever they say: finite, and of a size that can be drawn."""
    safe = np.nan_to_num(landmarks[:, :3], nan=0.5, posinf=2, neginf=-1).clip(-1, 2)
    spots = places(safe) * np.float32(size)
    return Figure(spots, float(np.clip(body_units(spots), 0.01 * size, 0.6 * size)))


def around(body: Figure, size: int) -> tuple[slice, slice]:
    """Rows and columns of the square where the figure can be."""
    points = body.spots[:, :2]
    low = np.clip(points.min(axis=0) - _MARGIN * body.unit, 0, size - 16).astype(int)
    high = np.clip(points.max(axis=0) + _MARGIN * body.unit, low + 16, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def spread(landmarks: NDArray[np.float32], worth: NDArray[np.float32], count: int = KEYS) -> list[int]:
    """Indices of at most `count` poses that cover all (N, 33, 4) of them, in the order in which they are needed.

    Farthest first; `worth` (N,) above 0 scales a pose's distance, so a blurred frame must be that much farther to be
    taken. Poses that differ by less than `TWINS` from a chosen one are not worth a key.
    """
    poses = normalized(landmarks)
    chosen = [int(np.argmin(apart(poses, np.median(poses, axis=0)) / worth))]
    nearest = apart(poses, poses[chosen[0]])
    while len(chosen) < min(count, len(poses)):
        following = int(np.argmax(nearest * worth))
        if nearest[following] < TWINS / 4:
            break
        chosen.append(following)
        nearest = np.minimum(nearest, apart(poses, poses[following]))
    return chosen


def normalized(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 29, 3): places from the shoulders on about the pelvis, in torso lengths."""
    spots = places(landmarks[..., :3])
    centered = (spots - spots[:, PELVIS : PELVIS + 1]) / body_units(spots)[:, None, None]
    return np.asarray((centered * np.array([1, 1, DEPTH], np.float32))[:, 11:], np.float32)


def apart(poses: NDArray[np.float32], pose: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,): how far `pose` is from each of `poses`, mean over its places, in torso lengths."""
    return np.asarray(np.linalg.norm(poses - pose, axis=-1).mean(axis=-1), np.float32)
