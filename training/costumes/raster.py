"""A z-buffer rasterizer: triangles to, for each pixel, the nearest triangle and where inside it the pixel lies.

No OpenGL, no display and no system library, so a performer can be made on any machine, and every run gives the same
bits. Compiled by numba on the first call and cached beside this file.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

NOTHING = -1


@njit(cache=True)
def rasterized(
    screen: NDArray[np.float32], triangles: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """Depth (H, W), triangle index (H, W; -1 is nothing) and weights (H, W, 2) of a triangle's first two corners.

    `screen` is (V, 3): x and y in pixels with pixel centers at .5, and nearness (larger is nearer).
    """
    depth = np.full((height, width), -1e9, np.float32)
    face = np.full((height, width), NOTHING, np.int32)
    weights = np.empty((height, width, 2), np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        left, right = int(np.ceil(min(ax, bx, cx) - 0.5)), int(np.floor(max(ax, bx, cx) - 0.5))
        top, bottom = int(np.ceil(min(ay, by, cy) - 0.5)), int(np.floor(max(ay, by, cy) - 0.5))
        left, right, top, bottom = max(left, 0), min(right, width - 1), max(top, 0), min(bottom, height - 1)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if left > right or top > bottom or abs(area) < 1e-9:
            continue
        over = 1.0 / area
        az, bz, cz = screen[a, 2], screen[b, 2], screen[c, 2]
        step_u, step_v = (by - cy) * over, (cy - ay) * over
        for y in range(top, bottom + 1):
            py, px = y + 0.5, left + 0.5
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * over
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * over
            for x in range(left, right + 1):
                w = 1.0 - u - v
                if u >= -1e-6 and v >= -1e-6 and w >= -1e-6:
                    z = u * az + v * bz + w * cz
                    if z > depth[y, x]:
                        depth[y, x] = z
                        face[y, x] = t
                        weights[y, x, 0] = u
                        weights[y, x, 1] = v
                u += step_u
                v += step_v
    return depth, face, weights


@njit(cache=True)
def depth_map(screen: NDArray[np.float32], triangles: NDArray[np.int32], side: int) -> NDArray[np.float32]:
    """Only the depth, (side, side): what a light sees, to know later what lies in its shadow."""
    return rasterized(screen, triangles, side, side)[0]


@njit(cache=True)
def ambient_occlusion(depth: NDArray[np.float32], radius: float, reach: float) -> NDArray[np.float32]:
    """How open to its surroundings each pixel is, 0..1, from the depth alone.

    `radius` is in pixels, `reach` in the unit of `depth`: what is nearer by more is another body, not a crease.
    """
    height, width = depth.shape
    opened = np.ones((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            here = depth[y, x]
            if here < -1e8:
                continue
            hidden = 0.0
            for tap in range(16):
                # A golden-angle spiral, turned from pixel to pixel in a 4x4 pattern that a 4x4 blur takes out.
                angle = 2.399963 * tap + 0.3927 * ((x & 3) + 4 * (y & 3))
                away = radius * np.sqrt((tap + 0.5) / 16)
                sx, sy = int(x + away * np.cos(angle)), int(y + away * np.sin(angle))
                if 0 <= sx < width and 0 <= sy < height:
                    nearer = depth[sy, sx] - here
                    if 0.012 < nearer < reach:
                        hidden += 1.0 - nearer / reach
            opened[y, x] = max(0.0, 1.0 - 1.5 * hidden / 16)
    return opened
