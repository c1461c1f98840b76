"""A pose in a costume, as a figure with a matte: body, its reflection in the floor, its shadow on the floor."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks
from training.costumes.body import FLOOR_SLOPE, Figure, figure_of
from training.costumes.costume import Costume
from training.costumes.lights import KEY
from training.costumes.mesh import Mesh, Points
from training.costumes.shading import Shadow, key_shadow, shaded

SUPERSAMPLED = 3  # in each direction: wing rods and joint rings are only some pixels wide
REFLECTED = 0.42  # of the light, at the floor
REFLECTION_FADES = 0.30  # metres
_SPOTS = (
    (0.0, 0.16, 0.018),
    (0.16, 0.7, 0.05),
    (0.7, 9.0, 0.10),
)  # from and to a height, the blur of its shadow; metres

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """Color (H, W, 3) times coverage, and coverage (H, W), both float32 in 0..1 of what is displayed."""

    color: Plane
    alpha: Plane

    def over(self, below: "Layer") -> "Layer":
        """This layer laid over another."""
        rest = 1 - self.alpha
        return Layer(self.color + below.color * rest[..., None], self.alpha + below.alpha * rest)


def rendered(landmarks: Landmarks, costume: Costume, size: int = 512) -> Frame:
    """(size, size, 4) RGBA, straight alpha: the figure that stands where `landmarks` in the square say.

    A pure function of its arguments. With alpha 1 the body; below 1 its edges, its reflection and its floor shadow.
    """
    figure = figure_of(landmarks)
    mesh = costume.dressed(figure)
    shadow = key_shadow(mesh, mesh.points.mean(0))
    body = _body(figure, mesh, costume, shadow, size)
    ground = _reflection(figure, mesh, costume, shadow, size).over(_floor_shadow(figure, mesh, size))
    whole = body.over(ground)
    straight = whole.color / np.maximum(whole.alpha, 1e-4)[..., None]
    rgba = np.concatenate([straight, whole.alpha[..., None]], -1)
    return (np.clip(rgba, 0, 1) * 255 + 0.5).astype(np.uint8)


def _body(figure: Figure, mesh: Mesh, costume: Costume, shadow: Shadow, size: int) -> Layer:
    side = size * SUPERSAMPLED
    screen = figure.in_picture(mesh.points, side)
    layers = shaded(screen, mesh, costume.palette, shadow, figure.floor, (side, side))
    color, alpha = (cv2.resize(layer, (size, size), interpolation=cv2.INTER_AREA) for layer in layers)
    return Layer(np.asarray(color, np.float32), np.asarray(alpha, np.float32))


def _reflection(figure: Figure, mesh: Mesh, costume: Costume, shadow: Shadow, size: int) -> Layer:
    """The mesh turned over at the floor, without supersampling, since it is blurred; only the rows below the feet."""
    turned = mesh.points.copy()
    turned[:, 1:2] = 2 * (figure.floor - FLOOR_SLOPE * mesh.points[:, 2:]) - mesh.points[:, 1:2]
    screen = figure.in_picture(turned, size)
    floor = figure.in_picture(np.array([0, figure.floor, 0], np.float32), size)[1]
    top = int(np.clip(floor - 0.08 * size, 0, size - 2))
    screen[:, 1] -= top
    layers = shaded(screen, mesh, costume.palette, shadow, figure.floor, (size - top, size))
    below = (np.arange(size - top, dtype=np.float32) + top - floor)[:, None] / (figure.metre * size)
    fade = REFLECTED * np.exp(-np.maximum(below, 0) / REFLECTION_FADES)
    whole = Layer(np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32))
    color, alpha = (cv2.GaussianBlur(layer, (0, 0), size / 320) for layer in layers)
    whole.color[top:], whole.alpha[top:] = color * fade[..., None], alpha * fade
    return whole


def _floor_shadow(figure: Figure, mesh: Mesh, size: int) -> Layer:
    """Black where the body takes light from the floor: triangles dropped along the key's slope as soft spots.

    What is high drops a wider spot, so feet have a contact shadow and wings a haze.
    """
    corners = mesh.points[mesh.triangles]
    flat = np.cross((corners[:, 1] - corners[:, 0])[:, [0, 2]], (corners[:, 2] - corners[:, 0])[:, [0, 2]])
    spot: Points = corners.mean(1)
    height = np.maximum(spot[:, 1] - (figure.floor - FLOOR_SLOPE * spot[:, 2]), 0)
    spot[:, 0] -= KEY[0] / KEY[1] * 0.35 * height
    spot[:, 2] -= KEY[2] / KEY[1] * 0.35 * height
    spot[:, 1] = figure.floor - FLOOR_SLOPE * spot[:, 2]
    side = size // 2
    screen = figure.in_picture(spot, side)
    area = np.abs(flat) / 2 * (figure.metre * side) ** 2
    total = np.zeros((side, side), np.float32)
    for low, high, blur in _SPOTS:
        kept = (height >= low) & (height < high)
        sigma = blur * figure.metre * side
        total += cv2.GaussianBlur(
            _splatted(screen[kept], area[kept].astype(np.float32), side), (0, 0), 2 * sigma, sigmaY=0.6 * sigma
        )
    alpha = 0.72 * (1 - np.exp(-0.38 * total))
    grown = cv2.resize(alpha, (size, size), interpolation=cv2.INTER_LINEAR)
    return Layer(np.zeros((size, size, 3), np.float32), np.asarray(grown, np.float32))


def _splatted(screen: Points, amount: Plane, side: int) -> Plane:
    """Amounts added up in the pixels they fall in, (side, side)."""
    column, row = screen[:, 0].astype(int), screen[:, 1].astype(int)
    inside = (column >= 0) & (row >= 0) & (column < side) & (row < side)
    index = row[inside] * side + column[inside]
    return np.bincount(index, amount[inside], side * side).reshape(side, side).astype(np.float32)
