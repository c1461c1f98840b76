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
"""The farthest a guard stretches contrast or detail in one step."""


@dataclass(frozen=True)
class Look:
    """One picture: mean and deviation of each channel (3,), and detail, its mean fine gradient, all in levels."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    detail: float

    @property
    def contrast(self) -> float:
        return float(self.deviation.mean())

    @property
    def colorfulness(self) -> float:
        """How far the channels are apart, on the whole."""
        return float(np.ptp(self.mean))


def look_of(picture: Frame) -> Look:
    """Measured in a small copy, so that pictures of any size compare."""
    small = look(picture)
    mean, deviation = cv2.meanStdDev(small)
    return Look(mean[:, 0], deviation[:, 0], _detail(small))


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
    detail_low: float
    detail_high: float

    @classmethod
    def of(cls, pictures: Sequence[Frame], changes: float) -> "FilmLook":
        """Of some frames of a film (the extremes are its 5th and 95th percentiles)."""
        looks = [look_of(picture) for picture in pictures]
        means, deviations = np.array([one.mean for one in looks]), np.array([one.deviation for one in looks])
        details = [one.detail for one in looks]
        return cls(
            changes,
            _three(np.percentile(means, 5, axis=0)),
            _three(np.percentile(means, 95, axis=0)),
            _three(np.percentile(deviations, 5, axis=0)),
            _three(np.percentile(deviations, 95, axis=0)),
            float(np.percentile(details, 5)),
            float(np.percentile(details, 95)),
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
            single = {name: metrics[PREFIX + name] for name in ("changes", "detail_low", "detail_high")}
        except KeyError:
            return None
        return cls(**channels, **single)  # type: ignore[arg-type]


def guarded(picture: Frame, film: FilmLook, strength: float) -> Frame:
    """`picture` pulled back toward the film's own range of brightness, color, contrast and detail.

    Within that range nothing is changed; outside of it the way back is gone by `strength` (0..1) in each step.
    """
    if strength <= 0:
        return picture
    now = look_of(picture)
    mean = _pulled(now.mean, np.array(film.mean_low), np.array(film.mean_high), strength)
    wanted = _pulled(now.deviation, np.array(film.deviation_low), np.array(film.deviation_high), strength)
    gain = np.clip(wanted / np.maximum(now.deviation, 1.0), 1 / MOST_GAIN, MOST_GAIN)
    detail = float(_pulled(np.array(now.detail), np.array(film.detail_low), np.array(film.detail_high), strength))
    sharper = float(np.clip(detail / max(now.detail, 0.1), 1 / MOST_GAIN, MOST_GAIN)) - 1
    if np.allclose(gain, 1, atol=2e-3) and np.allclose(mean, now.mean, atol=0.2) and abs(sharper) < 2e-3:
        return picture
    levels = (picture.astype(np.float32) - now.mean.astype(np.float32)) * gain.astype(np.float32)
    if abs(sharper) >= 2e-3:
        levels += sharper * (levels - cv2.GaussianBlur(levels, (0, 0), 1.0))
    return np.clip(np.rint(levels + mean.astype(np.float32)), 0, 255).astype(np.uint8)


def _pulled(
    now: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], strength: float
) -> NDArray[np.float64]:
    return np.asarray(now + strength * (np.clip(now, low, high) - now), np.float64)


def _detail(small: Frame) -> float:
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(gray, cv2.CV_32F)).mean())


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
