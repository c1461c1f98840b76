"""One part of a key figure carried onto another pose: blended inverse transforms on a coarse grid, and one remap.

For every pixel of the target the grid says where in the key it comes from, so nothing is ever torn open; parts that
bend (an elbow) take a share of their neighbor's transform near the joint.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.layers import CORNERS, HEAD, NECK, PARTS, PELVIS, Bone, Part, Points, distance_to_bone
from engines.pose.landmarks import Joint

CELL = 16
STRETCH, SHRUNK = 1.4, 3.0  # a bone is drawn at most this much longer or shorter than it was
WIDENED, NARROWED = 1.25, 1.6  # a trunk at most this much: a profile is no front, but a front can turn away
_CORNERS = [int(corner) for corner in CORNERS]


@dataclass(frozen=True)
class Figure:
    """A body in the square: `spots` (41, 3) in pixels, `unit` its torso length in pixels."""

    spots: Points
    unit: float


@dataclass(frozen=True)
class Cut:
    """One part of one key: premultiplied RGBA (h, w, 4) uint8 whose corner lies at `corner` (x, y) of the square."""

    pixels: NDArray[np.uint8]
    corner: tuple[int, int]


Transform = tuple[NDArray[np.float32], NDArray[np.float32]]
"""matrix (2, 2) and offset (2,): a place p of the target comes from matrix @ p + offset of the key."""


def warped(
    cut: Cut, part: Part, key: Figure, target: Figure, size: int
) -> tuple[slice, slice, NDArray[np.uint8]] | None:
    """Rows, columns and premultiplied RGBA of the part in the target's pose; None when it is outside the square."""
    window = _window(part, target, size)
    if window is None:
        return None
    left, top, right, bottom = window
    xs = np.arange(left - CELL // 2, right + CELL, CELL, dtype=np.float32) - 0.5
    ys = np.arange(top - CELL // 2, bottom + CELL, CELL, dtype=np.float32) - 0.5
    grid = np.stack(np.meshgrid(xs, ys), axis=-1)
    origin = _origins(grid, part, key, target) - np.array(cut.corner, np.float32)
    fine = cv2.resize(origin, (len(xs) * CELL, len(ys) * CELL), interpolation=cv2.INTER_LINEAR)
    fine = fine[CELL : CELL + bottom - top, CELL : CELL + right - left]
    pixels = cv2.remap(cut.pixels, fine, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)  # type: ignore[call-overload]
    return slice(top, bottom), slice(left, right), np.asarray(pixels, np.uint8)


def _window(part: Part, target: Figure, size: int) -> tuple[int, int, int, int] | None:
    used = _CORNERS if part is PARTS[0] else [place for bone in part.bones for place in (bone.start, bone.end)]
    around = target.spots[used, :2]
    low = np.maximum(around.min(axis=0) - part.reach * target.unit, 0).astype(int) // CELL * CELL
    high = np.minimum(around.max(axis=0) + part.reach * target.unit, size).astype(int)
    if (high - low < 2).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _origins(grid: NDArray[np.float32], part: Part, key: Figure, target: Figure) -> NDArray[np.float32]:
    """(h, w, 2): where in the key's square the pixels of `grid` come from."""
    if part is PARTS[0]:
        return _moved(grid, trunk_transform(key, target))
    if part is PARTS[1]:
        return _moved(grid, _head_transform(key, target))
    bones = [(bone, _bone_transform(bone, key, target), 1.0) for bone in part.bones]
    if part.before is not None:
        root = trunk_transform(key, target) if part.rooted else _bone_transform(part.before, key, target)
        bones.append((part.before, root, _unfolded(part.before, part.bones[0], bones[0][1], root, target)))
    if part.after is not None:
        after = _bone_transform(part.after, key, target)
        bones.append((part.after, after, _unfolded(part.bones[-1], part.after, bones[0][1], after, target)))
    total = np.zeros(grid.shape[:2], np.float32)
    origin = np.zeros_like(grid)
    for bone, transform, share in bones:
        if share > 0:
            away = distance_to_bone(grid, target.spots[bone.start, :2], target.spots[bone.end, :2]) / target.unit
            weight = share / (away**2 + 2e-3) ** 2
            total += weight
            origin += _moved(grid, transform) * weight[..., None]
    return origin / total[..., None]


def _moved(grid: NDArray[np.float32], transform: Transform) -> NDArray[np.float32]:
    return grid @ transform[0].T + transform[1]


def _unfolded(first: Bone, second: Bone, own: Transform, other: Transform, target: Figure) -> float:
    """0..1: how much two bones that meet may bend into each other; nothing where one is folded over the other.

    Then a pixel belongs to both, and a mixture of their origins would come from neither: cloth in fans.
    """
    a = _direction(target.spots[first.end, :2] - target.spots[first.start, :2])[0]
    b = _direction(target.spots[second.end, :2] - target.spots[second.start, :2])[0]
    turned = float(np.sum(own[0] * other[0]) / max(np.linalg.norm(own[0]) * np.linalg.norm(other[0]), 1e-6))
    return float(np.clip(a @ b + 0.6, 0, 1) * np.clip(3 * turned - 1.5, 0, 1))


def _direction(vector: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    length = float(np.hypot(vector[0], vector[1]))
    return (vector / length if length > 1e-3 else np.array([0, 1], np.float32)), length


def _frame(axis: NDArray[np.float32]) -> NDArray[np.float32]:
    """The axis and what is across it, as rows."""
    return np.array([axis, (-axis[1], axis[0])], np.float32)


def _bone_transform(bone: Bone, key: Figure, target: Figure) -> Transform:
    """A bone's own frame carried over: scaled with the body across, with the bone (bounded) along."""
    here, there = target.spots[bone.start, :2], key.spots[bone.start, :2]
    axis, length = _direction(target.spots[bone.end, :2] - here)
    was_axis, was = _direction(key.spots[bone.end, :2] - there)
    ratio = key.unit / target.unit
    along = min(max(was / max(length, 1e-3), ratio / STRETCH), ratio * SHRUNK)
    matrix = _frame(was_axis).T @ np.diag(np.array([along, ratio], np.float32)) @ _frame(axis)
    return _transform(matrix, here, there)


def trunk_transform(key: Figure, target: Figure) -> Transform:
    """Shoulders and hips onto shoulders and hips, held to a similarity where they are too narrow to say."""
    here, there = target.spots[_CORNERS, :2], key.spots[_CORNERS, :2]
    center, origin = here.mean(axis=0), there.mean(axis=0)
    a, b = here - center, there - origin
    turn = _turn(target.spots[PELVIS, :2] - target.spots[NECK, :2], key.spots[PELVIS, :2] - key.spots[NECK, :2])
    hold = 0.06 * float((a**2).sum()) + 1e-2
    holding = hold * (key.unit / target.unit) * turn.T
    matrix = np.linalg.solve(a.T @ a + hold * np.eye(2, dtype=np.float32), a.T @ b + holding).T.astype(np.float32)
    return _transform(_bounded(matrix, key.unit / target.unit), center, origin)


def _bounded(matrix: NDArray[np.float32], ratio: float) -> NDArray[np.float32]:
    """The matrix without more stretch in any direction than a trunk bears."""
    left, stretches, right = np.linalg.svd(matrix)
    return np.asarray(left @ np.diag(np.clip(stretches, ratio / WIDENED, ratio * NARROWED)) @ right, np.float32)


def _turn(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rotation that carries the direction `here` to `there`."""
    return _frame(_direction(there)[0]).T @ _frame(_direction(here)[0])


def _head_transform(key: Figure, target: Figure) -> Transform:
    """The head is moved, turned by the line of the ears and the neck, and scaled with the body."""
    matrix = (key.unit / target.unit) * _turn(_crown(target.spots), _crown(key.spots))
    return _transform(matrix, target.spots[HEAD, :2], key.spots[HEAD, :2])


def _transform(matrix: NDArray[np.floating], here: NDArray[np.floating], there: NDArray[np.floating]) -> Transform:
    """The transform with that matrix that carries the place `here` of the target to `there` in the key."""
    return matrix.astype(np.float32), (there - matrix @ here).astype(np.float32)


def _crown(spots: Points) -> NDArray[np.float32]:
    """From between the shoulders to the face, with the tilt of the ears."""
    ears = spots[Joint.LEFT_EAR, :2] - spots[Joint.RIGHT_EAR, :2]
    upright = np.array([ears[1], -ears[0]], np.float32)
    rising = spots[HEAD, :2] - spots[NECK, :2]
    return np.asarray(0.5 * rising + (0.5 if upright @ rising >= 0 else -0.5) * upright, np.float32)
