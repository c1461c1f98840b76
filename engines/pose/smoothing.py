"""Landmarks held still while a body is still, and hardly delayed while it moves.

The 1 Euro filter: a low-pass whose cutoff rises with speed. G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter: A Simple
Speed-based Low-pass Filter for Noisy Input in Interactive Systems", CHI 2012, https://gery.casiez.net/1euro/. Speeds
are taken in torso lengths a second, so that a dancer far from the camera is smoothed as one who is near.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.images import Size
from engines.pose.landmarks import Joint, Landmarks, from_heights, in_heights, middle

# A pause this long, or a leap of this many torso lengths between two frames, begins a new movement.
GAP_S = 0.5
LEAP = 1.2
# The paper's 1 Hz is meant for a pointer; a dancer's arm has turned around before such a speed estimate notices.
SPEED_CUTOFF_HZ = 4.0
# z is a guess of the network and the noisiest coordinate.
DEPTH_CAUTION = 0.4

_TRUNK = np.array([Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP])


class OneEuro:
    """One person's landmarks, smoothed in order of time; `reset` forgets them.

    `min_cutoff_hz` is the cutoff at rest (lower is calmer), `beta_hz` what a torso length a second adds to it (higher
    is quicker). A gap, a time that goes backwards or a leap to another person begins anew by itself. For one thread.
    """

    def __init__(self, min_cutoff_hz: float = 1.6, beta_hz: float = 3.0) -> None:
        self.min_cutoff_hz = min_cutoff_hz
        self.beta_hz = beta_hz
        self.reset()

    @classmethod
    def of_amount(cls, amount: float) -> "OneEuro":
        """A filter for the control `smoothing`, 0..1: 0 changes nothing, 0.5 suits dance, 1 is slow and calm."""
        smoother = cls()
        smoother.set_amount(amount)
        return smoother

    def set_amount(self, amount: float) -> None:
        """Turn the control while the filter runs; nothing jumps."""
        if amount <= 0:
            self.min_cutoff_hz = self.beta_hz = math.inf
            return
        amount = min(amount, 1.0)
        # Equal turns of the control are equal ratios of the delay.
        self.min_cutoff_hz = 6.4 * (0.4 / 6.4) ** amount
        self.beta_hz = 18.0 * (0.5 / 18.0) ** amount

    def reset(self) -> None:
        """Forget the person: the next landmarks pass unchanged."""
        self._time_s = -math.inf
        self._points: NDArray[Any] | None = None
        self._speed: NDArray[Any] = np.zeros((0, 3))
        self._visibility: NDArray[Any] = np.zeros(0)
        self._torso = 0.0

    def __call__(self, landmarks: Landmarks, time_s: float, size: Size) -> Landmarks:
        """`landmarks` (33, 4) of a frame of `size` captured at `time_s`, smoothed; a new array.

        A landmark that is not a number keeps its last place, and its visibility fades.
        """
        points = in_heights(landmarks, size).astype(np.float64)
        visibility = landmarks[:, 3].astype(np.float64)
        broken = ~np.asarray(np.isfinite(points).all(axis=1))
        visibility = np.where(broken | ~np.isfinite(visibility), 0.0, visibility)
        step_s = time_s - self._time_s
        unit = _body_unit(points)
        if self._points is None or not 0 <= step_s <= GAP_S or self._leapt(points, unit):
            return self._begun(points, visibility, broken, time_s, size)
        if step_s > 0:
            points = np.where(broken[:, None], self._points, points)
            self._advance(points, _body_unit(points) if broken.any() else unit, visibility, step_s)
            self._time_s = time_s
        return from_heights(self._points.astype(np.float32), self._visibility.astype(np.float32), size)

    def _begun(
        self, points: NDArray[Any], visibility: NDArray[Any], broken: NDArray[Any], time_s: float, size: Size
    ) -> Landmarks:
        self.reset()
        if broken.all():
            points = np.zeros_like(points)
        else:
            points = np.where(broken[:, None], points[~broken].mean(axis=0), points)
            self._points, self._visibility, self._time_s = points, visibility, time_s
            self._speed = np.zeros_like(points)
            self._torso = _body_unit(points)
        return from_heights(points.astype(np.float32), visibility.astype(np.float32), size)

    def _leapt(self, points: NDArray[Any], unit: float) -> bool:
        assert self._points is not None
        here, there = (middle(p, Joint.LEFT_HIP, Joint.RIGHT_HIP)[:2].tolist() for p in (points, self._points))
        # Not a number is no leap.
        return math.dist(here, there) > LEAP * max(self._torso, unit)

    def _advance(self, points: NDArray[Any], unit: float, visibility: NDArray[Any], step_s: float) -> None:
        assert self._points is not None
        # The unit itself must not tremble, or everything would with it.
        self._torso += _weight(1.0, step_s) * (unit - self._torso)
        speed = (points - self._points) / (step_s * self._torso)
        self._speed = self._speed + _weight(SPEED_CUTOFF_HZ, step_s) * (speed - self._speed)
        # One cutoff for both axes of the picture: two would bend the path.
        across = np.hypot(self._speed[:, 0], self._speed[:, 1])
        along = np.abs(self._speed[:, 2]) * DEPTH_CAUTION
        quickness = np.stack([across, across, along], axis=1)
        rest = self.min_cutoff_hz * np.array([1, 1, DEPTH_CAUTION])
        if math.isinf(self.min_cutoff_hz):
            self._points, self._visibility = points, visibility
            return
        self._points = self._points + _weight(rest + self.beta_hz * quickness, step_s) * (points - self._points)
        calm = _weight(2 * self.min_cutoff_hz, step_s)
        self._visibility = self._visibility + calm * (visibility - self._visibility)


def _weight(cutoff_hz: Any, step_s: float) -> Any:
    """Of the new value in an exponential smoothing with this cutoff (equation 3 and 4 of the paper)."""
    turn = 2 * math.pi * cutoff_hz * step_s
    return turn / (turn + 1)


def _body_unit(points: NDArray[Any]) -> float:
    """A torso length that survives bending towards the camera, in heights."""
    # In Python's own numbers: these few would take ten times as long in NumPy's, for every frame.
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[_TRUNK, :2].tolist()
    torso = math.hypot((ax + bx - cx - dx) / 2, (ay + by - cy - dy) / 2)
    unit = max(torso, 1.3 * math.hypot(ax - bx, ay - by))
    return max(unit, 0.02) if math.isfinite(unit) else 0.2
