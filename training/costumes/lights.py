"""How the three materials answer to light: lacquer and gold mirror a studio of soft boxes, silk glows.

Small compiled functions of numbers, for one pixel each; colors are linear light until `displayed`. A normal faces the
viewer, who looks along -z; `facing` is its cosine to the key light, `lit` how much of the key arrives, `opened` how
open the place is to its surroundings, `tall` metres above the floor.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Color = tuple[float, float, float]

LACQUER, GOLD, SILK = 0, 1, 2
KINDS = {"lacquer": LACQUER, "gold": GOLD, "silk": SILK}

_key = np.array([0.55, 0.95, 0.72])
KEY = (_key / np.linalg.norm(_key)).astype(np.float32)
KEY_X, KEY_Y, KEY_Z = (float(value) for value in KEY)


@njit(cache=True)
def displayed(linear: float) -> float:
    """Linear light to a display value 0..1, by Narkowicz's fit of the ACES film curve (2015), exposed at 0.8."""
    x = 0.8 * linear
    curve = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    return min(1.0, max(0.0, curve)) ** (1 / 2.05)


@njit(cache=True)
def _displayed_all(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    shown = np.empty_like(linear)
    for index in range(linear.size):
        shown[index] = displayed(linear[index])
    return shown


def toned(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of any shape as display values, by the same curve as the figure's."""
    return np.asarray(_displayed_all(linear.ravel()).reshape(linear.shape), np.float32)


@njit(cache=True)
def _smooth(low: float, high: float, value: float) -> float:
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


@njit(cache=True)
def _studio(x: float, y: float, z: float) -> Color:
    """What is mirrored from a direction: a bright top, a dark horizon, amber ground, a warm and a cool strip light."""
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
def silk(color: Color, ny: float, facing: float, lit: float, opened: float, tall: float) -> Color:
    """Cloth that lets light through from behind, brighter the higher it is."""
    glow = 0.60 + 0.60 * min(1.0, max(0.0, tall / 2.3))
    through = abs(facing) ** 1.4
    front = through * (0.30 + 0.70 * lit) if facing > 0 else 0.55 * through
    light = (1.62 * front + 0.36 + 0.08 * ny) * glow * (0.35 + 0.65 * opened)
    return color[0] * light * 1.06, color[1] * light, color[2] * light * 0.92


@njit(cache=True)
def polished(kind: int, color: Color, normal: Color, facing: float, lit: float, opened: float, tall: float) -> Color:
    """Gold or lacquer: what is mirrored, the key's highlight, a cyan rim on the left and an amber one on the right."""
    nx, ny, nz = normal
    rx, ry, rz = 2 * nz * nx, 2 * nz * ny, 2 * nz * nz - 1
    mirror = _studio(rx, ry, rz)
    sheen = max(0.0, rx * KEY_X + ry * KEY_Y + rz * KEY_Z)
    graze = 1.0 - min(1.0, max(0.0, nz))
    rim = graze * graze * graze * opened
    cyan, amber = rim * max(0.0, -nx) * 0.85, rim * max(0.0, nx) * 0.75
    key = max(0.0, facing) * lit
    bounce = 0.22 * (0.5 - 0.5 * ny) * max(0.0, 1.0 - tall / 1.6)
    if kind == GOLD:
        spot, fill, around = 0.9 * sheen**24 * lit, 0.20 + 0.80 * opened, 0.30 + 0.25 * lit
        red = mirror[0] * around + 0.06 + 0.34 * key + spot + bounce
        green = mirror[1] * around + 0.05 + 0.32 * key + 0.95 * spot + 0.65 * bounce
        blue = mirror[2] * around + 0.05 + 0.28 * key + 0.85 * spot + 0.30 * bounce
        return (
            color[0] * red * fill + 0.6 * amber + 0.1 * cyan,
            color[1] * green * fill + 0.36 * amber + 0.4 * cyan,
            color[2] * blue * fill + 0.1 * amber + 0.5 * cyan,
        )
    fill = 0.25 + 0.75 * opened
    gloss, spot = (0.045 + 0.75 * graze**5) * fill, 0.9 * sheen**60 * lit * fill  # Schlick's Fresnel, a varnish
    ambient = (0.31 + 0.11 * ny) * opened
    return (
        color[0] * (1.28 * key + ambient + bounce) + gloss * mirror[0] + spot + amber + 0.10 * cyan,
        color[1] * (1.20 * key + ambient + 0.6 * bounce) + gloss * mirror[1] + 0.95 * spot + 0.55 * amber + 0.70 * cyan,
        color[2] * (1.06 * key + 1.08 * ambient + 0.3 * bounce)
        + gloss * mirror[2] + 0.85 * spot + 0.18 * amber + 0.85 * cyan,
    )  # fmt: skip
