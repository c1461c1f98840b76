"""Shapes a costume is made of. Every one of them is a grid of points: a sheet, bent.

Metres, x to the right of the picture, y up, z towards the viewer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


@dataclass(frozen=True)
class Mesh:
    """Triangles with all that shading asks for.

    A point's `ramp` in 0..1 is its place on the material's color ramp, its `tint` a factor on the color.
    """

    points: Points
    normals: Points
    ramp: NDArray[np.float32]
    tint: NDArray[np.float32]
    triangles: NDArray[np.int32]
    material: NDArray[np.int32]


def unit(vectors: Points) -> Points:
    """Vectors of length 1 along the last axis; a vector of no length stays as it is."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return vectors / np.maximum(length, 1e-9)


def sheet(points: Points, material: int, ramp: Points | float = 0.0, tint: Points | float = 1.0) -> Mesh:
    """A mesh from grids of points (..., rows, columns, 3), each grid smooth within itself and creased at its border.

    `ramp` and `tint` (a factor on the color) broadcast to (..., rows, columns).
    """
    grids = np.ascontiguousarray(points, np.float32).reshape(-1, *points.shape[-3:])
    count, rows, columns = grids.shape[:3]
    down, across = _differences(grids, 1), _differences(grids, 2)
    if np.abs(grids[:, :, 0] - grids[:, :, -1]).max() < 1e-6:  # a closed sheet has no crease where it meets itself
        across[:, :, 0] = across[:, :, -1] = grids[:, :, 1] - grids[:, :, -2]
    normals = unit(np.cross(down, across))
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    quads = np.stack([corner, corner + 1, corner + columns, corner + 1, corner + columns + 1, corner + columns], -1)
    triangles = quads.reshape(1, -1, 3) + (np.arange(count) * rows * columns)[:, None, None]
    return Mesh(
        points=grids.reshape(-1, 3),
        normals=normals.reshape(-1, 3).astype(np.float32),
        ramp=np.broadcast_to(np.asarray(ramp, np.float32), points.shape[:-1]).reshape(-1).copy(),
        triangles=triangles.reshape(-1, 3).astype(np.int32),
        material=np.full(triangles.shape[0] * triangles.shape[1], material, np.int32),
        tint=np.broadcast_to(np.asarray(tint, np.float32), points.shape[:-1]).reshape(-1).copy(),
    )


def _differences(grids: Points, axis: int) -> Points:
    ahead = np.take(grids, np.r_[1 : grids.shape[axis], grids.shape[axis] - 1], axis)
    behind = np.take(grids, np.r_[0, 0 : grids.shape[axis] - 1], axis)
    return ahead - behind


def joined(meshes: list[Mesh]) -> Mesh:
    """All meshes as one."""
    starts = np.cumsum([0] + [len(mesh.points) for mesh in meshes[:-1]])
    return Mesh(
        points=np.concatenate([mesh.points for mesh in meshes]),
        normals=np.concatenate([mesh.normals for mesh in meshes]),
        ramp=np.concatenate([mesh.ramp for mesh in meshes]),
        triangles=np.concatenate(
            [mesh.triangles + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]
        ),
        material=np.concatenate([mesh.material for mesh in meshes]),
        tint=np.concatenate([mesh.tint for mesh in meshes]),
    )


@dataclass(frozen=True)
class Frame3:
    """A place and three directions, the rows of `axes`: the dancer's left, up and forward."""

    origin: Points
    axes: Points

    def placed(self, local: Points) -> Points:
        """Local points (..., 3) where they are in the world."""
        return local @ self.axes + self.origin


def frame_along(start: Points, end: Points, forward: Points) -> tuple[Frame3, float]:
    """A bone's frame (up from `start` to `end`, forward as near to `forward` as it gets) and its length."""
    bone = end - start
    length = float(np.linalg.norm(bone))
    up = bone / max(length, 1e-6)
    left = np.cross(up, forward)
    if np.linalg.norm(left) < 1e-3:  # a bone that points at the viewer
        left = np.cross(up, np.array([0, 1, 0.3], np.float32))
    left = unit(left)
    return Frame3(start, np.stack([left, up, np.cross(left, up)]).astype(np.float32)), length


def profile_curve(profile: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """(rows, n) points on the smooth curve (Catmull-Rom) through the given (k, n) ones."""
    along = np.linspace(0, len(profile) - 1, rows)
    index = np.minimum(along.astype(int), len(profile) - 2)
    t = (along - index)[:, None]
    padded = np.concatenate([2 * profile[:1] - profile[1:2], profile, 2 * profile[-1:] - profile[-2:-1]])
    p, q, r, s = (padded[index + k] for k in range(4))
    return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)))


def ellipse_profile(height: float, radius: float, rows: int, narrow: float = 0.0) -> NDArray[np.float64]:
    """(rows, 2) heights and radii of a ball or egg around the origin; `narrow` above 0 makes its lower end slimmer."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, rows)
    radii = radius * np.cos(turn) * (1 + narrow * np.sin(turn))
    return np.stack([height / 2 * np.sin(turn), np.maximum(radii, 1e-4)], -1)


def turned(
    profile: NDArray[np.float64], columns: int, squash: tuple[float, float] = (1, 1), sweep: float = 360
) -> Points:
    """A surface of revolution (rows, columns, 3) around the local y: `sweep` degrees of it around the front (+z)."""
    turn = np.radians(np.linspace(-sweep / 2, sweep / 2, columns))
    radii = profile[:, 1:2]
    x, z = radii * np.sin(turn) * squash[0], radii * np.cos(turn) * squash[1]
    return np.stack([x, np.broadcast_to(profile[:, :1], x.shape), z], -1).astype(np.float32)


def ring(radius: float, tube: float, squash: tuple[float, float], columns: int = 40, around: int = 10) -> Points:
    """A torus (around, columns, 3) in the local x-z plane."""
    turn, roll = np.linspace(0, 2 * np.pi, columns), np.linspace(0, 2 * np.pi, around)[:, None]
    radii = radius + tube * np.cos(roll)
    x, z = radii * np.sin(turn) * squash[0], radii * np.cos(turn) * squash[1]
    return np.stack([x, np.broadcast_to(tube * np.sin(roll), x.shape), z], -1).astype(np.float32)


def flanks(ribs: Points, across: int = 3) -> Points:
    """Creased cloth between neighboring ribs: (ribs, samples, 3) to (ribs - 1, samples, across, 3)."""
    part = np.linspace(0, 1, across, dtype=np.float32)[:, None]
    return ribs[:-1, :, None] * (1 - part) + ribs[1:, :, None] * part
