"""A dance of key poses on the beat, eased into one another; it begins where it ends.

Between keys every angle follows a monotone cubic (F. Fritsch, R. Carlson, "Monotone Piecewise Cubic Interpolation",
SIAM J. Numer. Anal. 17, 1980): smooth through the keys and without overshoot, so that a foot that stands keeps
standing. Arms arrive a little after the trunk and hands after the arms, as a body's parts do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engines.pose.body import POSE_FIELDS, Pose

BEAT_S = 0.625  # 96 beats a minute: the dance lasts one minute


@dataclass(frozen=True)
class Key:
    """A pose to be in at a beat."""

    beat: float
    pose: Pose


class Dance:
    """Key poses in order of their beats, repeated for ever every `beats`."""

    def __init__(self, keys: Sequence[Key], beats: float, beat_s: float = BEAT_S) -> None:
        self.beats = beats
        self.beat_s = beat_s
        self._at = np.array([key.beat for key in keys])
        self._values = np.stack([key.pose.values() for key in keys])
        # The key after the last one is the first again, whole turns of the body later.
        self._at = np.append(self._at, self._at[0] + beats)
        again = self._values[0].copy()
        for name in _TURNING:
            column = POSE_FIELDS.index(name)
            again[column] += 360 * round((self._values[-1, column] - again[column]) / 360)
        self._values = np.vstack([self._values, again])
        self._slopes = _monotone_slopes(self._at, self._values)
        # A foot comes to rest at every key, for it stands there while the other one steps.
        self._slopes[:, [POSE_FIELDS.index(name) for name in _FEET]] = 0
        self._arcs = _step_arcs(self._values)

    @property
    def duration_s(self) -> float:
        return self.beats * self.beat_s

    def at(self, time_s: float) -> Pose:
        """The pose at a time; the dance repeats."""
        beat = time_s / self.beat_s
        values = np.empty(len(POSE_FIELDS))
        for lag, columns in _LAGS:
            values[columns] = self._eased(beat - lag / self.beat_s, columns)
        # Knees give a little on every beat, as if there were music.
        values[_HEIGHT] -= 0.010 * (1 + np.cos(2 * np.pi * beat))
        return Pose.of(values)

    def _eased(self, beat: float, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        beat = (beat - self._at[0]) % self.beats + self._at[0]
        i = min(int(np.searchsorted(self._at, beat, side="right")) - 1, len(self._at) - 2)
        span = self._at[i + 1] - self._at[i]
        t = (beat - self._at[i]) / span
        before, after = self._values[i, columns], self._values[i + 1, columns]
        rise = t * t * (3 - 2 * t)
        leave, arrive = t * (1 - t) ** 2, t * t * (t - 1)
        eased = before + rise * (after - before)
        eased = eased + span * (leave * self._slopes[i, columns] + arrive * self._slopes[i + 1, columns])
        return eased + self._arcs[i, columns] * (16 * (t * (1 - t)) ** 2)


# How long after the trunk a part arrives.
_LAG_S = {"bend": 0.03, "side": 0.03, "twist": 0.04, "nod": 0.07, "cock": 0.07, "look": 0.04}
_LAG_S |= {f"{side}_{part}": lag for side in ("left", "right") for part, lag in (("raise", 0.04), ("swing", 0.05))}
_LAG_S |= {f"{side}_{part}": lag for side in ("left", "right") for part, lag in (("roll", 0.08), ("elbow", 0.10))}
_LAG_S |= {f"{side}_wrist": 0.17 for side in ("left", "right")}
_LAGS = [
    (lag, np.array([i for i, name in enumerate(POSE_FIELDS) if _LAG_S.get(name, 0.0) == lag]))
    for lag in sorted({0.0, *_LAG_S.values()})
]
_HEIGHT = POSE_FIELDS.index("height")
_FEET = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("x", "z", "turn"))
_TURNING = ("heading", "left_turn", "right_turn")


def _monotone_slopes(at: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per key and column, the slope of a periodic monotone cubic (weighted harmonic mean; 0 at a turning point)."""
    spans = np.diff(at)[:, None]
    rises = np.diff(values, axis=0) / spans
    before, after = np.roll(rises, 1, axis=0), rises
    wide_before, wide_after = np.roll(spans, 1, axis=0), spans
    first, second = 2 * wide_after + wide_before, wide_after + 2 * wide_before
    same_way = before * after > 0
    safe_before, safe_after = np.where(same_way, before, 1.0), np.where(same_way, after, 1.0)
    slopes = np.where(same_way, (first + second) / (first / safe_before + second / safe_after), 0.0)
    return np.vstack([slopes, slopes[:1]])


def _step_arcs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How high each foot is carried between two keys: a step is no slide."""
    arcs = np.zeros((len(values) - 1, values.shape[1]))
    for side in ("left", "right"):
        x, z, lift, turn = (POSE_FIELDS.index(f"{side}_{part}") for part in ("x", "z", "lift", "turn"))
        far = np.hypot(*np.diff(values[:, [x, z]], axis=0).T)
        turned = np.abs(np.diff(values[:, turn])) / 90
        low = 1 - np.clip(np.maximum(values[:-1, lift], values[1:, lift]) / 0.15, 0, 1)
        arcs[:, lift] = low * np.minimum(0.16 * far + 0.05 * turned, 0.10) * (far + turned > 0.04)
    return arcs


def standing(
    x: float, z: float = 0.0, heading: float = 0.0, width: float = 0.22, weight: float = 0.0, base: Pose | None = None
) -> Pose:
    """`base` with both feet on the floor, `width` apart, about (x, z), the body over them facing `heading`.

    `weight` is where the hips are between the feet: -1 over the right one, 1 over the left one.
    """
    left = np.array([np.cos(np.radians(heading)), -np.sin(np.radians(heading))])
    places = {sign: np.array([x, z]) + sign * left * width / 2 for sign in (1, -1)}
    hips = np.array([x, z]) + left * (weight * width / 2)
    out = 12 + 30 * max(width - 0.3, 0)
    return replace(
        base or Pose(),
        x=float(hips[0]),
        z=float(hips[1]),
        heading=heading,
        left_x=float(places[1][0]),
        left_z=float(places[1][1]),
        right_x=float(places[-1][0]),
        right_z=float(places[-1][1]),
        left_turn=heading + out,
        right_turn=heading - out,
        left_lift=0.0,
        right_lift=0.0,
        left_tip=0.0,
        right_tip=0.0,
    )


def walking(
    beat: float, start: tuple[float, float], heading: float, steps: int, pace: float = 0.24, step_beats: float = 1.0
) -> list[Key]:
    """Keys of a walk of `steps` steps straight ahead from `start` (x, z), arms swinging; the feet end side by side."""
    ahead = np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))])
    keys = []
    feet = {1: 0.0, -1: 0.0}
    for step in range(steps + 1):
        body = (feet[1] + feet[-1]) / 2
        place = np.array(start) + ahead * body
        pose = standing(float(place[0]), float(place[1]), heading, 0.17)
        for sign, side in ((1, "left"), (-1, "right")):
            away = ahead * (feet[sign] - body)
            swing = -45 * (feet[sign] - body) / pace
            changes = {
                f"{side}_x": getattr(pose, f"{side}_x") + float(away[0]),
                f"{side}_z": getattr(pose, f"{side}_z") + float(away[1]),
                f"{side}_raise": 9 + abs(swing),
                f"{side}_swing": 90.0 if swing > 0 else -70.0 if swing < 0 else 10.0,
                f"{side}_elbow": 22 + max(swing, 0) * 0.8,
            }
            pose = replace(pose, **changes)
        twist = -9 * (feet[1] - feet[-1]) / pace
        keys.append(Key(beat + step * step_beats, replace(pose, twist=twist, height=0.975)))
        moving = 1 if step % 2 == 0 else -1
        feet[moving] = feet[-moving] + (pace if step < steps - 1 else 0)
    return keys
