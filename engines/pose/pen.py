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
# Nobody sees the shade on a finger, and there are ten of them.
FINGER_PX = 5.0
# Where the light comes from, in the picture.
LIGHT = np.array([-0.6, -0.8])


def unit(vectors: NDArray) -> NDArray:
    """Vectors along the last axis, at length 1."""
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-9)


def darker(color: Color, factor: float) -> Color:
    return (round(color[0] * factor), round(color[1] * factor), round(color[2] * factor))


def lighter(color: Color) -> Color:
    red, green, blue = (min(round(value * 1.35 + 8), 255) for value in color)
    return (red, green, blue)


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

    def limbs(self, bones: Sequence[Bone], color: Color, cut: bool = False) -> None:
        """Rounded tapering bones in one color: first the contour of all, so that none is drawn between them.

        With `cut` the last bone ends flat, like a sleeve.
        """
        shapes = [self._spine(*bone) for bone in bones]
        flat = [cut and bone is bones[-1] for bone in bones]
        for (centers, radii, along), ends_flat in zip(shapes, flat, strict=True):
            self.fill(_capsule(centers, radii + self.line, along, ends_flat), darker(color, 0.55))
        for (centers, radii, along), ends_flat in zip(shapes, flat, strict=True):
            self.fill(_capsule(centers, radii, along, ends_flat), color)
        for (centers, radii, along), ends_flat in zip(shapes, flat, strict=True):
            if radii[0] < FINGER_PX:
                continue
            across = np.array([-along[1], along[0]]) * radii[:, None]
            self._shade(centers + across, centers - across, color, open_end=ends_flat)

    def cuff(self, start: Points, end: Points, radii: Sequence[float], color: Color) -> None:
        """A flat band around a limb."""
        centers, widths, along = self._spine(start, end, radii)
        across = np.array([-along[1], along[0]]) * widths[:, None]
        self.fill(np.concatenate([centers + across, (centers - across)[::-1]]), color)

    def band(self, left: NDArray, right: NDArray, color: Color, line: bool = True, shade: bool = True) -> None:
        """A shape between two edges ((N, 2) pixels each, in the same order)."""
        polygon = np.vstack([left, right[::-1]])
        if line:
            middle = polygon.mean(axis=0)
            self.fill(polygon + unit(polygon - middle) * self.line, darker(color, 0.55))
        self.fill(polygon, color)
        if shade:
            self._shade(left, right, color, open_end=True)

    def _spine(self, start: Points, end: Points, radii: Sequence[float]) -> tuple[NDArray, NDArray, NDArray]:
        """Centers (N, 2) and radii (N,) of a bone in pixels, and its direction in the picture."""
        shares = np.arange(len(radii))[:, None] / (len(radii) - 1)
        seen = self.seen(start + shares * (end - start))
        return seen[:, :2], np.asarray(radii) * seen[:, 2], unit(seen[-1, :2] - seen[0, :2])

    def _shade(self, left: NDArray, right: NDArray, color: Color, open_end: bool) -> None:
        """The side away from the light, as far as the shape lies across the light; it runs out towards the joints."""
        across = unit(left.mean(axis=0) - right.mean(axis=0))
        facing = float(across @ LIGHT)
        dark, bright = (right, left) if facing > 0 else (left, right)
        part = np.full((len(dark), 1), 0.34 * abs(facing))
        part[0] *= 0.2
        part[-1] *= 1.0 if open_end else 0.2
        edge = dark + (bright - dark) * part
        self.fill(np.vstack([dark, edge[::-1]]), darker(color, 0.80))


def _capsule(centers: NDArray, radii: NDArray, along: NDArray, flat_end: bool) -> NDArray:
    """The outline of a bone with round ends, or a flat one where it ends."""
    across = np.array([-along[1], along[0]])
    side = across * radii[:, None]
    arc = _HALF_CIRCLE @ np.array([along, across])
    end = centers[-1] + side[-1] * np.array([[-1.0], [1.0]]) if flat_end else centers[-1] + arc * radii[-1]
    ends = (end, centers[0] - arc * radii[0])
    return np.concatenate([(centers - side)[:-1], ends[0], (centers + side)[-2:0:-1], ends[1]])


_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_HALF_TURN = np.linspace(-np.pi / 2, np.pi / 2, 9)
_HALF_CIRCLE = np.stack([np.cos(_HALF_TURN), np.sin(_HALF_TURN)], axis=1)
