"""An atlas laid onto a pose: for every limb the key that fits best, its parts warped and painted far to near."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.keys import Atlas, figure_of
from engines.atlas.layers import DEPTH, HEAD, HEAD_LIMB, LIMBS, NECK, PARTS, PARTS_OF, PELVIS, TORSO
from engines.atlas.warping import Cut, Figure, warped
from engines.pose.landmarks import Joint, Landmarks

HYSTERESIS = 1.5  # a limb keeps its key until another fits better by this factor
STEADY = 0.03  # and by at least this cost
FADE = 3  # pictures over which one key goes over into the next; longer ones drag fast limbs behind
FAULT, OFF = 0.2, 4.0  # what a fault costs, and how much more it costs in another pose than its own
ORDINARY = 0.25  # this share of a dancer's keys has no fault at the head at all: what they have is how it always is
EVEN = 0.3  # how much a key near the torso's is preferred: its light and folds agree
STRETCHED = 2.0  # what a bone of another length in the picture costs beside one that is only turned
CALM, GROWN = 6, 1.25  # pictures over which a torso length settles; one that differs by more is somebody else's
REORDERED = 0.1  # torso lengths by which a part must be nearer to be painted after one that was painted after it
# Torso lengths that parts are held behind where they are: an arm is before the body unless it is clearly behind, a leg
# beneath the clothes of the body unless it is clearly raised, and the head is always before the body.
_BEHIND = {"torso": 0.12, "thigh": 0.4, "shin": 0.3}


# What else tells how a limb looks beside its own bones, and how much: how the trunk is turned, which way the face
# looks (a face that looks elsewhere is seen by everybody, though nothing of it is a tenth of a torso away), and for the
# trunk the raised arms and legs, which pull at shoulders and hips.
_TELLING: dict[int, list[tuple[int, int, float]]] = {
    TORSO: [(11, 12, 1.0), (23, 24, 1.0), (11, 13, 0.4), (12, 14, 0.4), (23, 25, 0.3), (24, 26, 0.3)],
    HEAD_LIMB: [(Joint.LEFT_EAR, Joint.RIGHT_EAR, 3.0), (HEAD, Joint.NOSE, 4.2), (11, 12, 0.3)],
    2: [(NECK, 11, 0.7)],
    3: [(NECK, 12, 0.7)],
    4: [(23, 24, 0.5)],
    5: [(23, 24, 0.5)],
}


@dataclass
class _Playing:
    """The key a limb takes, the one it comes from, and how many pictures ago it changed."""

    key: int
    before: int | None = None
    age: int = FADE


class Poser:
    """Remembers which keys it plays, so that limbs do not pop. One per performer; not for two threads at once."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self._figures = [figure_of(key.landmarks, atlas.size) for key in atlas.keys]
        spots = np.stack([figure.spots for figure in self._figures])
        units = np.array([figure.unit for figure in self._figures], np.float32)
        self._vectors = [_limb_vectors(spots, units, limb) for limb in range(len(LIMBS))]
        missing = [[all(key.cuts[n] is None for n in parts) for parts in PARTS_OF] for key in atlas.keys]
        self._faults = _beyond_ordinary(np.stack([key.faults for key in atlas.keys])) + 9.0 * np.array(missing)
        self._playing: list[_Playing] = []
        self._unit: float | None = None
        self._order = list(range(len(PARTS)))

    def reset(self) -> None:
        """Forget what was played, as when somebody else steps in."""
        self._playing = []
        self._unit = None

    def posed(self, landmarks: Landmarks, without: NDArray[np.bool_] | None = None) -> NDArray[np.uint8]:
        """(S, S, 4) straight RGBA: the dancer of the atlas in the pose of `landmarks` (33, 4) in the square.

        `without` (K,) bars keys from being taken, unless it bars all of them.
        """
        size = self.atlas.size
        target = self._calmed(figure_of(landmarks, size))
        self._choose(target, None if without is None or without.all() else without)
        self._order = _reordered(self._order, _depths(target))
        canvas = np.zeros((size, size, 4), np.uint8)
        for number in self._order:
            layer = self._layer(number, target)
            if layer is not None:
                rows, columns, pixels = layer
                _lay(canvas[rows, columns], pixels)
        return straight(canvas)

    def _calmed(self, target: Figure) -> Figure:
        """The target with a torso length that does not tremble with the guess of its depths: limbs are as thick."""
        if self._unit is None or not 1 / GROWN < target.unit / self._unit < GROWN:
            self._unit = target.unit
        self._unit += (target.unit - self._unit) / CALM
        return Figure(target.spots, self._unit)

    def _layer(self, number: int, target: Figure) -> tuple[slice, slice, NDArray[np.uint8]] | None:
        """One part in the target's pose, while its limb changes keys a mixture of both."""
        playing = self._playing[PARTS[number].limb]
        new = self._warped(playing.key, number, target)
        if playing.before is None:
            return new
        old = self._warped(playing.before, number, target)
        if new is None or old is None:
            return new or old
        share = (playing.age + 1) / (FADE + 1)
        mixed = _atop(new[2], old[2], 1 - share) if share >= 0.5 else _atop(old[2], new[2], share)
        return new[0], new[1], mixed

    def _warped(self, key: int, number: int, target: Figure) -> tuple[slice, slice, NDArray[np.uint8]] | None:
        cut: Cut | None = self.atlas.keys[key].cuts[number]
        return None if cut is None else warped(cut, PARTS[number], self._figures[key], target, self.atlas.size)

    def _choose(self, target: Figure, without: NDArray[np.bool_] | None) -> None:
        units = np.array([target.unit], np.float32)
        torso = None
        chosen = []
        for limb in range(len(LIMBS)):
            wanted = _limb_vectors(target.spots[None], units, limb)[0]
            cost = (
                _misfit(self._vectors[limb], wanted) * (1 + OFF * self._faults[:, limb]) + FAULT * self._faults[:, limb]
            )
            if torso is not None:
                cost = cost + EVEN * _squared(self._vectors[TORSO] - self._vectors[TORSO][torso])
            if without is not None:
                cost = np.where(without, np.inf, cost)
            chosen.append(_kept_or_changed(self._playing[limb] if self._playing else None, np.asarray(cost)))
            torso = chosen[TORSO].key
        self._playing = chosen


def _beyond_ordinary(faults: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K, 6): a head always lies over something, its hair over the shoulders; what is more than usual is a fault."""
    faults = faults.copy()
    faults[:, HEAD_LIMB] = np.maximum(faults[:, HEAD_LIMB] - np.quantile(faults[:, HEAD_LIMB], ORDINARY), 0)
    return faults


def _kept_or_changed(playing: _Playing | None, cost: NDArray[np.floating]) -> _Playing:
    best = int(np.argmin(cost))
    if playing is None:
        return _Playing(best)
    age = playing.age + 1
    before = playing.before if age < FADE else None
    if best == playing.key or cost[playing.key] < HYSTERESIS * cost[best] + STEADY:
        return _Playing(playing.key, before, age)
    return _Playing(best, playing.key, 0)


def _misfit(vectors: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K,): how far keys are from what is wanted. To turn a bone does little harm, to stretch it much."""
    lengths = np.linalg.norm(vectors[..., :2], axis=-1) - np.linalg.norm(wanted[..., :2], axis=-1)
    return _squared(vectors - wanted) + STRETCHED * _squared(lengths[..., None])


def _squared(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("kbi,kbi->k", vectors, vectors), np.float32)


def _limb_vectors(spots: NDArray[np.float32], units: NDArray[np.float32], limb: int) -> NDArray[np.float32]:
    """(K, bones, 3): the limb's bones in torso lengths, z damped; torso and head by what tells how they are turned."""
    bones = [bone for number in PARTS_OF[limb] for bone in PARTS[number].bones]
    pairs = [(bone.start, bone.end) for bone in bones if bone.start != bone.end]
    weights = [1.0] * len(pairs)
    for start, end, weight in _TELLING.get(limb, ()):
        pairs.append((start, end))
        weights.append(weight)
    starts, ends = (np.array(side) for side in zip(*pairs, strict=True))
    vectors = (spots[:, ends] - spots[:, starts]) / units[:, None, None] * np.array(weights, np.float32)[:, None]
    return np.asarray(vectors * np.array([1, 1, DEPTH], np.float32), np.float32)


def _depths(target: Figure) -> NDArray[np.float32]:
    """(10,): how far each part is from the camera, in torso lengths."""
    z = target.spots[:, 2] / target.unit
    trunk = (z[NECK] + z[PELVIS]) / 2
    depths = []
    for part in PARTS:
        held = next((held for name, held in _BEHIND.items() if part.name.endswith(name)), 0.0)
        depths.append(np.mean([(z[bone.start] + z[bone.end]) / 2 for bone in part.bones]) + held)
    depths[0] = trunk + _BEHIND["torso"]
    depths[1] = min(float(z[HEAD]), depths[0] - 2 * REORDERED)
    return np.array(depths, np.float32)


def _reordered(order: list[int], depths: NDArray[np.float32]) -> list[int]:
    """Far to near, but for neighbors whose depths hardly differ: they stay as they were."""
    order = list(order)
    for end in range(len(order) - 1, 0, -1):
        for i in range(end):
            if depths[order[i]] < depths[order[i + 1]] - REORDERED:
                order[i], order[i + 1] = order[i + 1], order[i]
    return order


def _atop(beneath: NDArray[np.uint8], layer: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """`beneath` with `share` of `layer` upon it, both premultiplied, in the outline of `beneath`, without veils."""
    inside = cv2.multiply(layer, cv2.merge([cv2.extractChannel(beneath, 3)] * 4), scale=share / 255)
    outside = cv2.bitwise_not(cv2.convertScaleAbs(cv2.extractChannel(layer, 3), alpha=share))
    return np.asarray(cv2.add(cv2.multiply(beneath, cv2.merge([outside] * 4), scale=1 / 255), inside), np.uint8)


def _lay(canvas: NDArray[np.uint8], layer: NDArray[np.uint8]) -> None:
    """Premultiplied `layer` over premultiplied `canvas`, in place."""
    keep = cv2.bitwise_not(cv2.extractChannel(layer, 3))
    kept = cv2.multiply(canvas, cv2.merge([keep, keep, keep, keep]), scale=1 / 255)
    cv2.add(kept, layer, dst=canvas)


def straight(premultiplied: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Premultiplied RGBA as straight RGBA."""
    alpha = cv2.extractChannel(premultiplied, 3)
    x, y, width, height = cv2.boundingRect(alpha)
    out = np.zeros_like(premultiplied)
    if width and height:
        inside = (slice(y, y + height), slice(x, x + width))
        weight = np.ascontiguousarray(alpha[inside])
        solid = cv2.merge([weight, weight, weight, np.full_like(weight, 255)])
        out[inside] = cv2.divide(np.ascontiguousarray(premultiplied[inside]), solid, scale=255)
    return out
