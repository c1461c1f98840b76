"""What a film looks like on the whole, in a few numbers, and a guard that keeps a dreamed one near them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.film.motion import look
from engines.images import Frame

PREFIX = "film_"
MOST_GAIN = 1.5
"""The farthest a guard stretches contrast in one step."""


@dataclass(frozen=True)
class Look:
    """One picture: mean and deviation of each channel (3,), in levels."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @property
    def contrast(self) -> float:
        return float(self.deviation.mean())


def look_of(picture: Frame) -> Look:
    """Measured in a small copy, so that pictures of any size compare."""
    small = look(picture)
    mean, deviation = cv2.meanStdDev(small)
    return Look(np.asarray(mean[:, 0], np.float64), np.asarray(deviation[:, 0], np.float64))


@dataclass(frozen=True)
class FilmLook:
    """The usual and the extremes of a film: what a bundle that continues it says in its manifest's metrics.

    `changes`: mean absolute difference between frames a stride apart. Channel figures are (red, green, blue).
    """

    changes: float
    mean_low: tuple[float, float, float]
    mean_high: tuple[float, float, float]
    deviation_low: tuple[float, float, float]
    deviation_high: tuple[float, float, float]

    @classmethod
    def of(cls, pictures: Sequence[Frame], changes: float) -> "FilmLook":
        """Of some frames of a film (the extremes are its 5th and 95th percentiles)."""
        looks = [look_of(picture) for picture in pictures]
        means, deviations = np.array([one.mean for one in looks]), np.array([one.deviation for one in looks])
        return cls(
            changes,
            _three(np.percentile(means, 5, axis=0)),
            _three(np.percentile(means, 95, axis=0)),
            _three(np.percentile(deviations, 5, axis=0)),
            _three(np.percentile(deviations, 95, axis=0)),
        )

    def metrics(self) -> dict[str, float]:
        """As a manifest holds it: one number a key."""
        found: dict[str, float] = {}
        for name, value in asdict(self).items():
            parts = zip(("_r", "_g", "_b"), value, strict=True) if isinstance(value, tuple) else [("", value)]
            found |= {f"{PREFIX}{name}{suffix}": round(float(number), 4) for suffix, number in parts}
        return found

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, float]) -> "FilmLook | None":
        """What `metrics` wrote; None where a bundle does not say."""
        try:
            channels = {
                name: tuple(metrics[f"{PREFIX}{name}_{channel}"] for channel in "rgb")
                for name in ("mean_low", "mean_high", "deviation_low", "deviation_high")
            }
            changes = metrics[PREFIX + "changes"]
        except KeyError:
            return None
        return cls(changes, **channels)  # type: ignore[arg-type]


def guarded(picture: Frame, film: FilmLook, strength: float) -> Frame:
    """`picture` pulled back toward the film's own range of brightness, color and contrast.

    Detail is left alone: sharpened in a circle, the faintest pattern becomes a maze. Within that range nothing is
    changed; outside of it the way back is gone by `strength` (0..1) in each step.
    """
    if strength <= 0:
        return picture
    now = look_of(picture)
    mean = _pulled(now.mean, np.array(film.mean_low), np.array(film.mean_high), strength)
    wanted = _pulled(now.deviation, np.array(film.deviation_low), np.array(film.deviation_high), strength)
    gain = np.clip(wanted / np.maximum(now.deviation, 1.0), 1 / MOST_GAIN, MOST_GAIN)
    if np.allclose(gain, 1, atol=2e-3) and np.allclose(mean, now.mean, atol=0.2):
        return picture
    levels = (picture.astype(np.float32) - now.mean.astype(np.float32)) * gain.astype(np.float32)
    return np.clip(np.rint(levels + mean.astype(np.float32)), 0, 255).astype(np.uint8)


def _pulled(
    now: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], strength: float
) -> NDArray[np.float64]:
    return np.asarray(now + strength * (np.clip(now, low, high) - now), np.float64)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
