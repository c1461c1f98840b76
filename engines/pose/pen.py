"""Anti-aliased shapes with a light and a dark side, placed in metres on the stage."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.body import Camera, Points

Color = tuple[int, int, int]
Bone = tuple[Points, Points, Sequence[float]]

# Fractional bits of cv2's coordinates: figures that move slowly must not jump from pixel to pixel.
SHIFT = 4
# Where the light comes from, in the picture.
LIGHT = np.array([-0.6, -0.8])


def unit(vectors: NDArray) -> NDArray:
    """Vectors along the last axis, at length 1."""
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-9)


def darker(color: Color, factor: float) -> Color:
    return (round(color[0] * factor), round(color[1] * factor), round(color[2] * factor))


class Pen:
    """Draws into one picture through one camera."""

    def __init__(self, image: Frame, camera: Camera) -> None:
        self.image = image
        self.camera = camera
        # The contour is a hair line at any size.
        self.line = max(image.shape[0] / 480, 0.6) * 0.9

    def seen(self, points: Points) -> NDArray:
        return self.camera.pixels(points)

    def pixels_per_metre(self, point: Points) -> float:
        return float(self.seen(point)[2])

    def direction(self, vector: Points) -> NDArray:
        """A direction on the stage as it points in the picture, with its foreshortening."""
        return np.array([vector[0], -vector[1]])

    def fill(self, polygon: NDArray, color: Color) -> None:
        """(N, 2) pixels."""
        fixed = np.rint(polygon * (1 << SHIFT)).astype(np.int32)
        cv2.fillPoly(self.image, [fixed], color, cv2.LINE_AA, SHIFT)

    def stroke(self, line: NDArray, color: Color, width: float) -> None:
        """An open line through (N, 2) pixels, `width` pixels thick."""
        fixed = np.rint(line * (1 << SHIFT)).astype(np.int32)
        cv2.polylines(self.image, [fixed], False, color, max(round(width), 1), cv2.LINE_AA, SHIFT)

    def disc(self, center: Points, radius: float, color: Color, grow: float = 0.0) -> None:
        x, y, scale = self.seen(center)
        self.fill(np.array([x, y]) + _CIRCLE * (radius * scale + grow), color)

    def limb(self, start: Points, end: Points, radii: Sequence[float], color: Color) -> None:
        self.limbs([(start, end, radii)], color)

    def limbs(self, bones: Sequence[Bone], color: Color) -> None:
        """Rounded tapering bones in one color: first the contour of all, so that none is drawn between them."""
        shapes = [self._spine(*bone) for bone in bones]
        for centers, radii, along in shapes:
            self.fill(_capsule(centers, radii + self.line, along), darker(color, 0.55))
        for centers, radii, along in shapes:
            self.fill(_capsule(centers, radii, along), color)
        for centers, radii, along in shapes:
            across = np.array([-along[1], along[0]]) * radii[:, None]
            self._shade(centers + across, centers - across, color)

    def band(self, left: NDArray, right: NDArray, color: Color, line: bool = True, smooth: int = 0) -> None:
        """A shape between two edges ((N, 2) pixels each, in the same order)."""
        polygon = rounded(np.vstack([left, right[::-1]]), smooth)
        if line:
            middle = polygon.mean(axis=0)
            self.fill(polygon + unit(polygon - middle) * self.line, darker(color, 0.55))
        self.fill(polygon, color)
        self._shade(left, right, color)

    def _spine(self, start: Points, end: Points, radii: Sequence[float]) -> tuple[NDArray, NDArray, NDArray]:
        """Centers (N, 2) and radii (N,) of a bone in pixels, and its direction in the picture."""
        shares = np.arange(len(radii))[:, None] / (len(radii) - 1)
        seen = self.seen(start + shares * (end - start))
        return seen[:, :2], np.asarray(radii) * seen[:, 2], unit(seen[-1, :2] - seen[0, :2])

    def _shade(self, left: NDArray, right: NDArray, color: Color) -> None:
        """The side away from the light, as far as the shape lies across the light."""
        across = unit(left.mean(axis=0) - right.mean(axis=0))
        facing = float(across @ LIGHT)
        dark, bright = (right, left) if facing > 0 else (left, right)
        edge = dark + (bright - dark) * (0.34 * abs(facing))
        self.fill(np.vstack([dark, edge[::-1]]), darker(color, 0.80))


def rounded(polygon: NDArray, times: int) -> NDArray:
    """A closed polygon with its corners cut (Chaikin)."""
    for _ in range(times):
        following = np.roll(polygon, -1, axis=0)
        cut = np.stack([0.75 * polygon + 0.25 * following, 0.25 * polygon + 0.75 * following], axis=1)
        polygon = cut.reshape(-1, 2)
    return polygon


def _capsule(centers: NDArray, radii: NDArray, along: NDArray) -> NDArray:
    """The outline of a bone with round ends."""
    across = np.array([-along[1], along[0]])
    side = across * radii[:, None]
    arc = _HALF_CIRCLE @ np.array([along, across])
    ends = (centers[-1] + arc * radii[-1], centers[0] - arc * radii[0])
    return np.concatenate([(centers - side)[:-1], ends[0], (centers + side)[-2:0:-1], ends[1]])


_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_HALF_TURN = np.linspace(-np.pi / 2, np.pi / 2, 9)
_HALF_CIRCLE = np.stack([np.cos(_HALF_TURN), np.sin(_HALF_TURN)], axis=1)
