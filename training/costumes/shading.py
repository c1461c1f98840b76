"""What each covered pixel looks like: the rasterized mesh, the key light's shadows, and the materials of `lights`.

The lights stand in the world, not on the dancer, and never change: a generator has to learn one light only.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.costumes.lights import KEY, SILK, displayed, polished, silk
from training.costumes.mesh import Mesh
from training.costumes.raster import ambient_occlusion, depth_map, rasterized

SHADOW_SIDE = 640
SHADOW_REACH = 1.75  # metres around the middle of the figure that the key's shadow map covers
SHADOW_SCALE = SHADOW_SIDE / (2 * SHADOW_REACH)

_turn = 2.399963 * np.arange(16)  # the golden angle: 16 taps spread evenly over a disc
_away = np.sqrt((np.arange(16) + 0.5) / 16) * 2.6
TAPS = np.stack([_away * np.cos(_turn), _away * np.sin(_turn)], -1).astype(np.float32)


@dataclass(frozen=True)
class Materials:
    """`kinds` (M,) and color `ramps` (M, 256, 3), linear."""

    kinds: NDArray[np.int32]
    ramps: NDArray[np.float32]


@dataclass(frozen=True)
class Shadow:
    """What the key light sees: `depths` (side, side), the rows of `view` its axes, `middle` what it looks at."""

    depths: NDArray[np.float32]
    view: NDArray[np.float32]
    middle: NDArray[np.float32]


def key_shadow(mesh: Mesh, middle: NDArray[np.float32]) -> Shadow:
    """The shadow map of the key light for a figure around `middle`."""
    right = np.cross([0, 1, 0], KEY)
    right /= np.linalg.norm(right)
    view = np.stack([right, np.cross(KEY, right), KEY]).astype(np.float32)
    seen = (mesh.points - middle) @ view.T
    seen[:, :2] = seen[:, :2] * SHADOW_SCALE + SHADOW_SIDE / 2
    return Shadow(depth_map(seen.astype(np.float32), mesh.triangles, SHADOW_SIDE), view, middle.astype(np.float32))


def shaded(
    screen: NDArray[np.float32], mesh: Mesh, materials: Materials, shadow: Shadow, floor: float, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A mesh seen at `screen` (V, 3): displayed color (H, W, 3), 0 where nothing is, and coverage (H, W), 0 or 1.

    `floor` is its height in the mesh's own metres.
    """
    depth, face, weights = rasterized(screen, mesh.triangles, *size)
    color = _lit(
        face, weights, mesh.triangles, mesh.points, mesh.normals, mesh.ramp, mesh.tint, mesh.material,
        materials.kinds, materials.ramps, shadow.depths, shadow.view, shadow.middle, _openness(depth), floor,
    )  # fmt: skip
    return np.asarray(color, np.float32), (face >= 0).astype(np.float32)


def _openness(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    half = ambient_occlusion(np.ascontiguousarray(depth[::2, ::2]), depth.shape[1] * 0.012, 0.16)
    return np.asarray(cv2.resize(cv2.blur(half, (4, 4)), depth.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


@njit(cache=True)
def _arriving(depths: NDArray[np.float32], view: NDArray[np.float32], x: float, y: float, z: float) -> float:
    """The share of the key light that reaches a point, given from the middle of the figure."""
    column = (view[0, 0] * x + view[0, 1] * y + view[0, 2] * z) * SHADOW_SCALE + SHADOW_SIDE / 2
    row = (view[1, 0] * x + view[1, 1] * y + view[1, 2] * z) * SHADOW_SCALE + SHADOW_SIDE / 2
    near = view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + 0.035
    lit = 0
    for tap in range(TAPS.shape[0]):
        i, j = int(row + TAPS[tap, 1]), int(column + TAPS[tap, 0])
        if i < 0 or j < 0 or i >= SHADOW_SIDE or j >= SHADOW_SIDE or depths[i, j] < near:
            lit += 1
    return lit / TAPS.shape[0]


@njit(cache=True)
def _between(values: NDArray[np.float32], a: int, b: int, c: int, u: float, v: float) -> tuple[float, float, float]:
    """Three values a point, interpolated in a triangle."""
    w = 1.0 - u - v
    return (
        u * values[a, 0] + v * values[b, 0] + w * values[c, 0],
        u * values[a, 1] + v * values[b, 1] + w * values[c, 1],
        u * values[a, 2] + v * values[b, 2] + w * values[c, 2],
    )


@njit(cache=True)
def _lit(  # type: ignore[no-untyped-def]  # fifteen arrays, whose shapes and types are those of Mesh, Materials and Shadow
    face, weights, triangles, points, normals, ramp, tint, material, kinds, ramps, depths, view, middle, open_to, floor
):
    height, width = face.shape
    pixels = np.zeros((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            t = face[row, column]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v = weights[row, column, 0], weights[row, column, 1]
            x, y, z = _between(points, a, b, c, u, v)
            nx, ny, nz = _between(normals, a, b, c, u, v)
            length = max(1e-6, np.sqrt(nx * nx + ny * ny + nz * nz))
            if nz < 0:  # sheets have two sides; what is seen faces the viewer
                length = -length
            nx, ny, nz = nx / length, ny / length, nz / length
            w = 1.0 - u - v
            place = min(255, max(0, int((u * ramp[a] + v * ramp[b] + w * ramp[c]) * 255.0 + 0.5)))
            shade = u * tint[a] + v * tint[b] + w * tint[c]
            own = ramps[material[t], place]
            color = own[0] * shade, own[1] * shade, own[2] * shade
            lit = _arriving(
                depths, view, x - middle[0] + 0.02 * nx, y - middle[1] + 0.02 * ny, z - middle[2] + 0.02 * nz
            )
            facing = nx * view[2, 0] + ny * view[2, 1] + nz * view[2, 2]
            kind, opened = kinds[material[t]], open_to[row, column]
            if kind == SILK:
                light = silk(color, ny, facing, lit, opened, y - floor)
            else:
                light = polished(kind, color, (nx, ny, nz), facing, lit, opened, y - floor)
            for k in range(3):
                pixels[row, column, k] = displayed(light[k])
    return pixels
