"""Which pairs are learned from and which are measured: blocks of time, for neighboring frames are near-copies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.images import Size
from engines.pose.landmarks import Joint, in_heights, middle, torso_length
from training.pairs.header import Split

VALIDATION = 0.1  # of what is learned from: its last part


@dataclass(frozen=True)
class Splits:
    """Shares of each clip's time, in this order; they add up to 1."""

    learn: float = 0.68
    gap: float = 0.08
    test: float = 0.24

    def at(self, share: float) -> Split:
        """The split of a moment, `share` in 0..1 of the clip's time."""
        if share < self.learn * (1 - VALIDATION):
            return "train"
        if share < self.learn:
            return "validation"
        return "gap" if share < self.learn + self.gap else "test"


def read_splits(text: str) -> Splits:
    """'68/8/24': learn, gap and test in percent. BadInput where that is not what it says."""
    parts = text.split("/")
    try:
        learn, gap, test = (float(part) / 100 for part in parts)
    except ValueError as error:
        raise BadInput(
            f"Splits {text!r} cannot be read: write learn/gap/test in percent, for example 68/8/24."
        ) from error
    if min(learn, gap, test) < 0 or learn == 0 or abs(learn + gap + test - 1) > 1e-3:
        raise BadInput(f"Splits {text!r} must be shares of 100 percent with something to learn from, such as 68/8/24.")
    return Splits(learn, gap, test)


def body_normalized(landmarks: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """(N, 22, 2): landmarks 11..32 around the hips, in torso lengths; where and how large the dancer is drops out.

    A torso that bends toward the camera looks short; it is not believed below half of the usual.
    """
    points = in_heights(landmarks, size)[..., :2]
    torso = torso_length(points)
    torso = np.maximum(torso, 0.5 * np.median(torso))
    hips = middle(points, Joint.LEFT_HIP, Joint.RIGHT_HIP)
    normalized = (points[:, 11:] - hips[:, None]) / torso[:, None, None]
    return np.asarray(normalized, np.float32)


def novelty(
    landmarks: NDArray[np.float32], size: Size, of: NDArray[np.int64], among: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Each pose's (`of`) distance to the nearest one `among`: mean over landmarks 11..32, in torso lengths."""
    poses = body_normalized(landmarks, size)
    nearest = np.full(len(of), np.inf, np.float32)
    if len(among) == 0:
        return nearest
    for k, i in enumerate(of):
        nearest[k] = np.linalg.norm(poses[among] - poses[i], axis=-1).mean(axis=1).min()
    return nearest
