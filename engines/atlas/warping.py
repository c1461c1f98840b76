"""One part of a key figure carried onto another pose: blended inverse transforms on a coarse grid, and one remap.

For every pixel of the target the grid says where in the key it comes from, so nothing is ever torn open; parts that
bend (an elbow) take a share of their neighbor's transform near the joint.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from operator import mul

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.layers import CORNERS, HEAD, NECK, PARTS, PELVIS, Bone, Part, Points
from engines.pose.landmarks import Joint

CELL = 16
SHRUNK = 3.0  # a bone is drawn at most this much shorter than it was
WIDENED, NARROWED = 1.25, 1.6  # a trunk at most this much: a profile is no front, but a front can turn away
_CORNERS = [int(corner) for corner in CORNERS]


Place = list[float]
"""x and y."""
Matrix = tuple[float, float, float, float]
"""Of 2 x 2, row by row."""


@dataclass(frozen=True)
class Figure:
    """A body in the square: `spots` (41, 3) in pixels, `unit` its torso length in pixels."""

    spots: Points
    unit: float

    @cached_property
    def xy(self) -> list[Place]:
        """x and y of every place, as numbers: there is much to reckon with two of them at a time."""
        return list(self.spots[:, :2].tolist())


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
    grid = np.empty((len(ys), len(xs), 2), np.float32)
    grid[..., 0], grid[..., 1] = xs, ys[:, None]
    origin = _origins(grid.reshape(-1, 2), part, key, target) - np.array(cut.corner, np.float32)
    fine = cv2.resize(origin.reshape(grid.shape), (len(xs) * CELL, len(ys) * CELL), interpolation=cv2.INTER_LINEAR)
    fine = fine[CELL : CELL + bottom - top, CELL : CELL + right - left]
    pixels = cv2.remap(cut.pixels, fine, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)  # type: ignore[call-overload]
    return slice(top, bottom), slice(left, right), np.asarray(pixels, np.uint8)


def _window(part: Part, target: Figure, size: int) -> tuple[int, int, int, int] | None:
    used = _CORNERS if part is PARTS[0] else [place for bone in part.bones for place in (bone.start, bone.end)]
    xs, ys = zip(*(target.xy[place] for place in used), strict=True)
    reach = part.reach * target.unit
    left, top = (int(max(min(values) - reach, 0)) // CELL * CELL for values in (xs, ys))
    right, bottom = (int(min(max(values) + reach, size)) for values in (xs, ys))
    return None if right - left < 2 or bottom - top < 2 else (left, top, right, bottom)


def _origins(grid: NDArray[np.float32], part: Part, key: Figure, target: Figure) -> NDArray[np.float32]:
    """(n, 2): where in the key's square the places `grid` (n, 2) come from."""
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
    total = np.zeros(len(grid), np.float32)
    origin = np.zeros_like(grid)
    for bone, transform, share in bones:
        if share > 0:
            away = _squared_distance(grid, target.xy[bone.start], target.xy[bone.end]) * (1 / target.unit**2)
            weight = share / np.square(away + 2e-3)
            total += weight
            origin += _moved(grid, transform) * weight[:, None]
    return origin / total[:, None]


def _squared_distance(grid: NDArray[np.float32], start: Place, end: Place) -> NDArray[np.float32]:
    """Of each of `grid` (n, 2) to the segment from `start` to `end`."""
    across, down = end[0] - start[0], end[1] - start[1]
    x, y = grid[:, 0] - np.float32(start[0]), grid[:, 1] - np.float32(start[1])
    scale = 1 / max(across * across + down * down, 1e-6)
    along = np.minimum(np.maximum(x * np.float32(across * scale) + y * np.float32(down * scale), 0), 1)
    x -= along * np.float32(across)
    y -= along * np.float32(down)
    return np.asarray(x * x + y * y, np.float32)


def _moved(grid: NDArray[np.float32], transform: Transform) -> NDArray[np.float32]:
    return grid @ transform[0].T + transform[1]


def _unfolded(first: Bone, second: Bone, own: Transform, other: Transform, target: Figure) -> float:
    """0..1: how much two bones that meet may bend into each other; nothing where one is folded over the other.

    Then a pixel belongs to both, and a mixture of their origins would come from neither: cloth in fans.
    """
    ax, ay, _ = _direction(target.xy[first.start], target.xy[first.end])
    bx, by, _ = _direction(target.xy[second.start], target.xy[second.end])
    a, b = own[0].ravel().tolist(), other[0].ravel().tolist()
    turned = sum(map(mul, a, b)) / max(math.hypot(*a) * math.hypot(*b), 1e-6)
    return min(max(ax * bx + ay * by + 0.6, 0.0), 1.0) * min(max(3 * turned - 1.5, 0.0), 1.0)


def _direction(start: Place, end: Place) -> tuple[float, float, float]:
    """The unit vector from start to end, and how far that is; downwards where they are the same."""
    x, y = end[0] - start[0], end[1] - start[1]
    length = math.hypot(x, y)
    return (x / length, y / length, length) if length > 1e-3 else (0.0, 1.0, length)


def _bone_transform(bone: Bone, key: Figure, target: Figure) -> Transform:
    """A bone's own frame carried over: scaled with the body across, with the bone (bounded) along."""
    here, there = target.xy[bone.start], key.xy[bone.start]
    x, y, length = _direction(here, target.xy[bone.end])
    was_x, was_y, was = _direction(there, key.xy[bone.end])
    across = key.unit / target.unit
    along = min(max(was / max(length, 1e-3), across / bone.stretch), across * SHRUNK)
    matrix = (
        along * was_x * x + across * was_y * y,
        along * was_x * y - across * was_y * x,
        along * was_y * x - across * was_x * y,
        along * was_y * y + across * was_x * x,
    )
    return _transform(matrix, here, there)


def trunk_transform(key: Figure, target: Figure) -> Transform:
    """Shoulders and hips onto shoulders and hips, held to a similarity where they are too narrow to say.

    Least squares by the normal equations, written out: six of them a picture, and numpy takes its time over 2 x 2.
    """
    here, there = [target.xy[i] for i in _CORNERS], [key.xy[i] for i in _CORNERS]
    center, origin = _middle(here), _middle(there)
    a = [(x - center[0], y - center[1]) for x, y in here]
    b = [(x - origin[0], y - origin[1]) for x, y in there]
    ratio = key.unit / target.unit
    cos, sin = _turn(target.xy[NECK], target.xy[PELVIS], key.xy[NECK], key.xy[PELVIS])
    xx, yy = sum(x * x for x, _ in a), sum(y * y for _, y in a)
    hold = 0.06 * (xx + yy) + 1e-2
    xy, (held_cos, held_sin) = sum(x * y for x, y in a), (hold * ratio * cos, hold * ratio * sin)
    xx, yy = xx + hold, yy + hold
    to_x = sum(p[0] * q[0] for p, q in zip(a, b, strict=True)) + held_cos
    to_x_y = sum(p[1] * q[0] for p, q in zip(a, b, strict=True)) - held_sin
    to_y_x = sum(p[0] * q[1] for p, q in zip(a, b, strict=True)) + held_sin
    to_y = sum(p[1] * q[1] for p, q in zip(a, b, strict=True)) + held_cos
    size = xx * yy - xy * xy
    matrix = (
        (yy * to_x - xy * to_x_y) / size,
        (xx * to_x_y - xy * to_x) / size,
        (yy * to_y_x - xy * to_y) / size,
        (xx * to_y - xy * to_y_x) / size,
    )
    return _transform(_bounded(matrix, ratio), center, origin)


def _middle(places: list[Place]) -> Place:
    return [sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places)]


def _bounded(matrix: Matrix, ratio: float) -> Matrix:
    """The matrix without more stretch in any direction than a trunk bears, by the singular values of 2 x 2 in full."""
    a, b, c, d = matrix
    alike, turned = math.hypot((a + d) / 2, (c - b) / 2), math.atan2(c - b, a + d)
    apart, leaning = math.hypot((a - d) / 2, (c + b) / 2), math.atan2(c + b, a - d)
    low, high = ratio / WIDENED, ratio * NARROWED
    long = min(max(alike + apart, low), high)
    short = math.copysign(min(max(abs(alike - apart), low), high), alike - apart)
    alike, apart = (long + short) / 2, (long - short) / 2
    x, y = alike * math.cos(turned), alike * math.sin(turned)
    u, v = apart * math.cos(leaning), apart * math.sin(leaning)
    return x + u, v - y, v + y, x - u


def _turn(start: Place, end: Place, was_start: Place, was_end: Place) -> tuple[float, float]:
    """Cosine and sine of the rotation that carries the direction from start to end to that of the key."""
    x, y, _ = _direction(start, end)
    was_x, was_y, _ = _direction(was_start, was_end)
    return was_x * x + was_y * y, was_y * x - was_x * y


def _head_transform(key: Figure, target: Figure) -> Transform:
    """The head is moved, turned by the line of the ears and the neck, and scaled with the body."""
    cos, sin = _turn([0.0, 0.0], _crown(target), [0.0, 0.0], _crown(key))
    ratio = key.unit / target.unit
    matrix = (ratio * cos, -ratio * sin, ratio * sin, ratio * cos)
    return _transform(matrix, target.xy[HEAD], key.xy[HEAD])


def _transform(matrix: Matrix, here: Place, there: Place) -> Transform:
    """The transform with that matrix that carries the place `here` of the target to `there` in the key."""
    a, b, c, d = matrix
    offset = (there[0] - a * here[0] - b * here[1], there[1] - c * here[0] - d * here[1])
    return np.array([(a, b), (c, d)], np.float32), np.array(offset, np.float32)


def _crown(figure: Figure) -> Place:
    """From between the shoulders to the face, with the tilt of the ears."""
    left, right, neck, head = (figure.xy[i] for i in (Joint.LEFT_EAR, Joint.RIGHT_EAR, NECK, HEAD))
    x, y = left[1] - right[1], right[0] - left[0]
    rising_x, rising_y = head[0] - neck[0], head[1] - neck[1]
    tilt = 0.5 if x * rising_x + y * rising_y >= 0 else -0.5
    return [0.5 * rising_x + tilt * x, 0.5 * rising_y + tilt * y]
