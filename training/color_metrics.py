"""What the figures of a colorizer mean, each as one function; nothing that trains uses them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.color import MIDDLE, chroma
from engines.images import Frame
from training import metrics


def color_error(picture: Frame, real: Frame) -> float:
    """Mean distance in the plane of a and b, in its units: 2.3 is just seen (Mahy et al. 1994)."""
    return float(np.linalg.norm(chroma(picture) - chroma(real), axis=-1).mean())


def colorfulness(picture: Frame) -> float:
    """M3 of Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images": 0 gray, 15 slightly, 45 quite."""
    red, green, blue = (picture[..., k].astype(np.float64) for k in range(3))
    first, second = red - green, (red + green) / 2 - blue
    return float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean()))


def vividness(picture: Frame) -> float:
    """Mean distance from gray in the plane of a and b."""
    return float(np.linalg.norm(chroma(picture) - MIDDLE, axis=-1).mean())


def figures(picture: Frame, real: Frame) -> dict[str, float]:
    """All of them for one picture: error, colorfulness and psnr."""
    return {
        "error": color_error(picture, real),
        "colorfulness": colorfulness(picture),
        "psnr": min(99.0, metrics.psnr(picture, real)),
    }


def averaged(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def evenly(color: NDArray[np.float64], picture: Frame) -> NDArray[np.float32]:
    """One color for every pixel, as a generator would give it."""
    return np.broadcast_to(np.asarray(color, np.float32), (*picture.shape[:2], 2)).copy()
