"""Light: what each covered pixel looks like. Lacquer and gold mirror a studio of soft boxes, silk glows.

One compiled loop over the pixels; colors are linear light until they are shown. The lights stand in the world, not on the dancer,
and never change: a generator has to learn one light only.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.costumes.mesh import Mesh
from training.costumes.raster import ambient_occlusion, depth_map, rasterized

LACQUER, GOLD, SILK = 0, 1, 2
KINDS = {"lacquer": LACQUER, "gold": GOLD, "silk": SILK}

_key = np.array([0.55, 0.95, 0.72])
KEY = (_key / np.linalg.norm(_key)).astype(np.float32)
SHADOW_SIDE = 640
SHADOW_REACH = 1.75  # metres from the middle of the figure that the key's shadow map covers

_turn = 2.399963 * np.arange(16)
TAPS = (np.sqrt((np.arange(16) + 0.5) / 16)[:, None] * np.stack([np.cos(_turn), np.sin(_turn)], -1) * 2.6).astype(
    np.float32
)


@dataclass(frozen=True)
class Materials:
    """`kinds` (M,) and color `ramps` (M, 256, 3), linear."""

    kinds: NDArray[np.int32]
    ramps: NDArray[np.float32]


@dataclass(frozen=True)
class Shadow:
    """What the key light sees: `depths` (side, side) and how a point gets there (rows of `view`, pixels around `middle`)."""

    depths: NDArray[np.float32]
    view: NDArray[np.float32]
    middle: NDArray[np.float32]


def key_shadow(mesh: Mesh, middle: NDArray[np.float32]) -> Shadow:
    """The shadow map of the key light for a figure around `middle`."""
    right = np.cross([0, 1, 0], KEY)
    right /= np.linalg.norm(right)
    view = np.stack([right, np.cross(KEY, right), KEY]).astype(np.float32)
    seen = (mesh.points - middle) @ view.T
    scale = SHADOW_SIDE / (2 * SHADOW_REACH)
    screen = np.stack([seen[:, 0] * scale + SHADOW_SIDE / 2, seen[:, 1] * scale + SHADOW_SIDE / 2, seen[:, 2]], -1)
    return Shadow(depth_map(screen.astype(np.float32), mesh.triangles, SHADOW_SIDE), view, middle.astype(np.float32))


def shaded(
    screen: NDArray[np.float32], mesh: Mesh, materials: Materials, shadow: Shadow, floor: float, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Displayed color (H, W, 3; 0..1, 0 where nothing is) and the triangle index (H, W) of a mesh seen at `screen` (V, 3); `floor` is its height."""
    depth, face, weights = rasterized(screen, mesh.triangles, *size)
    open_to = _openness(depth, size[0])
    color = _lit(
        face, weights, mesh.triangles, mesh.points, mesh.normals, mesh.ramp, mesh.material, mesh.tint,
        materials.kinds, materials.ramps, shadow.depths, shadow.view, shadow.middle, open_to, TAPS, np.float32(floor),
    )  # fmt: skip
    return color, face


def _openness(depth: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    import cv2

    half = ambient_occlusion(np.ascontiguousarray(depth[::2, ::2]), height / 2 * 0.024, 0.16)
    return cv2.resize(cv2.blur(half, (4, 4)), (depth.shape[1], depth.shape[0]), interpolation=cv2.INTER_LINEAR)


@njit(cache=True)
def _displayed(linear: float) -> float:
    """Linear light to a display value 0..1, by Narkowicz's fit of the ACES film curve (2015), exposed at 0.8."""
    x = 0.8 * linear
    curve = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return min(1.0, max(0.0, curve)) ** (1 / 2.05)


@njit(cache=True)
def _smooth(low: float, high: float, value: float) -> float:
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


@njit(cache=True)
def _studio(x: float, y: float, z: float) -> tuple[float, float, float]:
    """The surroundings that gold and lacquer mirror: a bright top, a dark horizon, a warm and a cool strip light."""
    top = 1.5 * _smooth(0.30, 0.75, y)
    ground = 0.30 * _smooth(0.02, -0.55, y)
    haze = 0.13 * _smooth(0.0, 0.16, abs(y))
    around = np.degrees(np.arctan2(x, z))
    tall = _smooth(-0.55, -0.25, y) * _smooth(0.92, 0.70, y)
    warm = 2.3 * tall * _smooth(13.0, 7.0, abs(around - 43.0))
    cool = 1.0 * tall * _smooth(15.0, 8.0, abs(around + 62.0))
    red = top + 1.00 * ground + haze + warm + 0.30 * cool
    green = 0.96 * top + 0.62 * ground + haze + 0.92 * warm + 0.75 * cool
    blue = 0.88 * top + 0.30 * ground + 1.1 * haze + 0.76 * warm + 1.00 * cool
    return red, green, blue


@njit(cache=True)
def _in_light(depths: NDArray[np.float32], taps: NDArray[np.float32], x: float, y: float, nearness: float) -> float:
    side = depths.shape[0]
    lit = 0.0
    for tap in range(taps.shape[0]):
        sx, sy = int(x + taps[tap, 0]), int(y + taps[tap, 1])
        if sx < 0 or sy < 0 or sx >= side or sy >= side or depths[sy, sx] < nearness:
            lit += 1.0
    return lit / taps.shape[0]


@njit(cache=True)
def _lit(
    face, weights, triangles, points, normals, ramp, material, tint,
    kinds, ramps, depths, view, middle, open_to, taps, floor,
):  # fmt: skip
    height, width = face.shape
    color = np.zeros((height, width, 3), np.float32)
    scale = depths.shape[0] / (2 * 1.75)
    for row in range(height):
        for column in range(width):
            t = face[row, column]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            u, v = weights[row, column, 0], weights[row, column, 1]
            w = 1.0 - u - v
            px = u * points[a, 0] + v * points[b, 0] + w * points[c, 0]
            py = u * points[a, 1] + v * points[b, 1] + w * points[c, 1]
            pz = u * points[a, 2] + v * points[b, 2] + w * points[c, 2]
            nx = u * normals[a, 0] + v * normals[b, 0] + w * normals[c, 0]
            ny = u * normals[a, 1] + v * normals[b, 1] + w * normals[c, 1]
            nz = u * normals[a, 2] + v * normals[b, 2] + w * normals[c, 2]
            length = max(1e-6, np.sqrt(nx * nx + ny * ny + nz * nz))
            if nz < 0:  # sheets have two sides; what is seen faces the viewer
                length = -length
            nx, ny, nz = nx / length, ny / length, nz / length

            kind = kinds[material[t]]
            place = min(255, max(0, int((u * ramp[a] + v * ramp[b] + w * ramp[c]) * 255.0 + 0.5)))
            shade = u * tint[a] + v * tint[b] + w * tint[c]
            red, green, blue = (
                ramps[material[t], place, 0] * shade,
                ramps[material[t], place, 1] * shade,
                ramps[material[t], place, 2] * shade,
            )

            lx, ly, lz = px - middle[0] + 0.02 * nx, py - middle[1] + 0.02 * ny, pz - middle[2] + 0.02 * nz
            sx = (view[0, 0] * lx + view[0, 1] * ly + view[0, 2] * lz) * scale + depths.shape[0] / 2
            sy = (view[1, 0] * lx + view[1, 1] * ly + view[1, 2] * lz) * scale + depths.shape[0] / 2
            near = view[2, 0] * lx + view[2, 1] * ly + view[2, 2] * lz
            lit = _in_light(depths, taps, sx, sy, near + 0.035)
            facing = nx * view[2, 0] + ny * view[2, 1] + nz * view[2, 2]
            key = max(0.0, facing) * lit
            opened = open_to[row, column]
            up = 0.5 + 0.5 * ny
            tall = py - floor

            if kind == 2:
                glow = 0.60 + 0.60 * min(1.0, max(0.0, tall / 2.3))
                through = abs(facing) ** 1.4
                front = through * (0.30 + 0.70 * lit) if facing > 0 else 0.55 * through
                light = (1.62 * front + 0.28 + 0.16 * up) * glow * (0.35 + 0.65 * opened)
                color[row, column, 0] = _displayed(red * light * 1.06)
                color[row, column, 1] = _displayed(green * light)
                color[row, column, 2] = _displayed(blue * light * 0.92)
                continue

            # What the viewer, straight ahead, sees mirrored, and how strongly (Schlick).
            rx, ry, rz = 2 * nz * nx, 2 * nz * ny, 2 * nz * nz - 1
            graze = 1.0 - min(1.0, max(0.0, nz))
            mirror_r, mirror_g, mirror_b = _studio(rx, ry, rz)
            sheen = max(0.0, rx * view[2, 0] + ry * view[2, 1] + rz * view[2, 2])
            rim = graze * graze * graze * opened
            cyan, amber = rim * max(0.0, -nx) * 0.85, rim * max(0.0, nx) * 0.75
            bounce = 0.22 * (1.0 - up) * max(0.0, 1.0 - tall / 1.6)
            if kind == 1:
                spot = 0.9 * sheen**24 * lit
                fill = 0.20 + 0.80 * opened
                around = 0.55 + 0.45 * lit
                light_r = 0.55 * mirror_r * around + 0.06 + 0.34 * key + spot + bounce
                light_g = 0.55 * mirror_g * around + 0.05 + 0.32 * key + spot * 0.95 + bounce * 0.65
                light_b = 0.55 * mirror_b * around + 0.05 + 0.28 * key + spot * 0.85 + bounce * 0.3
                red = red * light_r * fill + amber * 0.6 + cyan * 0.1
                green = green * light_g * fill + amber * 0.36 + cyan * 0.4
                blue = blue * light_b * fill + amber * 0.1 + cyan * 0.5
            else:
                gloss = 0.045 + 0.75 * graze**5
                spot = 0.9 * sheen**60 * lit
                ambient = (0.20 + 0.22 * up) * opened
                fill = 0.25 + 0.75 * opened
                mirror, spot = gloss * fill, spot * fill
                red = red * (1.28 * key + ambient + bounce) + mirror * mirror_r + spot
                green = green * (1.20 * key + ambient + 0.6 * bounce) + mirror * mirror_g + 0.95 * spot
                blue = blue * (1.06 * key + 1.08 * ambient + 0.3 * bounce) + mirror * mirror_b + 0.85 * spot
                red, green, blue = (
                    red + amber + 0.10 * cyan,
                    green + 0.55 * amber + 0.7 * cyan,
                    blue + 0.18 * amber + 0.85 * cyan,
                )
            color[row, column, 0] = _displayed(red)
            color[row, column, 1] = _displayed(green)
            color[row, column, 2] = _displayed(blue)
    return color


def toned(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of any shape as display values, by the same curve as the figure's."""
    return _displayed_all(linear.ravel()).reshape(linear.shape)


@njit(cache=True)
def _displayed_all(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    shown = np.empty_like(linear)
    for index in range(linear.size):
        shown[index] = _displayed(linear[index])
    return shown
