"""Noise that wanders: an endless seeded path of unit variance, for generators that are driven by nothing else."""

import math

import numpy as np
from numpy.typing import NDArray

KNOTS = 64
"""A round passes so many independent noises; at one a second it comes back after about a minute."""

LONGEST_STEP_S = 1.0


class NoiseLoop:
    """`count` normal numbers for every place on a closed path; the same path for the same seed, on every machine.

    Between knots of independent noise the path is a cubic B-spline, twice differentiable, so nothing jerks; the weights
    are scaled so that every place on it has unit variance.
    """

    def __init__(self, count: int, seed: int = 0, knots: int = KNOTS) -> None:
        self._count, self._seed, self._knots = count, seed, max(4, knots)
        self._held: dict[int, NDArray[np.float32]] = {}

    @property
    def knots(self) -> int:
        """The path is closed after so many."""
        return self._knots

    def at(self, phase: float) -> NDArray[np.float32]:
        """(count,) float32 at `phase`, in knots; it may be any number, and the path closes by itself."""
        first = math.floor(phase)
        weights = _weights(phase - first)
        near = [(first + k) % self._knots for k in range(4)]
        self._held = {knot: self._held[knot] if knot in self._held else self._knot(knot) for knot in near}
        noise = np.zeros(self._count, np.float32)
        for knot, weight in zip(near, weights, strict=True):
            noise += np.float32(weight) * self._held[knot]
        return noise

    def _knot(self, number: int) -> NDArray[np.float32]:
        return np.random.default_rng((self._seed, number)).standard_normal(self._count, np.float32)


class Wandering:
    """A walk along a `NoiseLoop` whose pace may change at any time without a jump. For one thread."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self._loop = NoiseLoop(count, seed)
        self._phase, self._time_s = 0.0, -math.inf

    def __call__(self, time_s: float, pace: float) -> NDArray[np.float32]:
        """The noise at `time_s`, having walked on at `pace` knots a second; a pause or a jump back walks nowhere."""
        elapsed_s = time_s - self._time_s
        self._time_s = time_s
        if 0 < elapsed_s <= LONGEST_STEP_S:
            self._phase = (self._phase + pace * elapsed_s) % self._loop.knots
        return self._loop.at(self._phase)


def _weights(share: float) -> tuple[float, ...]:
    """Of the four nearest knots, with squares that sum to one."""
    rest = 1 - share
    weights = (
        rest**3,
        3 * share**3 - 6 * share**2 + 4,
        3 * rest**3 - 6 * rest**2 + 4,
        share**3,
    )
    length = math.sqrt(sum(weight * weight for weight in weights))
    return tuple(weight / length for weight in weights)
