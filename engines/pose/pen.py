"""Anti-aliased shapes with a light and a dark side, placed in metres on the stage."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

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
        self.fill_fixed(self.fixed(polygon), color)

    @staticmethod
    def fixed(pixels: NDArray) -> NDArray[np.int32]:
        """Pixels in OpenCV's fixed point."""
        return np.rint(pixels * (1 << SHIFT)).astype(np.int32)

    def fill_fixed(self, polygon: NDArray[np.int32], color: Color) -> None:
        """(N, 2) in OpenCV's fixed point: many small polygons are best fixed together."""
        cv2.fillPoly(self.image, [polygon], color, cv2.LINE_AA, SHIFT)

    def stroke(self, line: NDArray, color: Color, width: float) -> None:
        """An open line through (N, 2) pixels, `width` pixels thick."""
        cv2.polylines(self.image, [self.fixed(line)], False, color, max(round(width), 1), cv2.LINE_AA, SHIFT)

    def disc(self, center: Points, radius: float, color: Color, grow: float = 0.0) -> None:
        x, y, scale = self.seen(center)
        self.fill(np.array([x, y]) + _CIRCLE * (radius * scale + grow), color)

    def limb(self, start: Points, end: Points, radii: Sequence[float], color: Color) -> None:
        self.limbs([(start, end, radii)], color)

    def limbs(self, bones: Sequence[Bone], color: Color, cut: bool = False) -> None:
        """Rounded tapering bones in one color: first the contour of all, so that none is drawn between them.

        With `cut` the last bone ends flat, like a sleeve.
        """
        flat = [cut and bone is bones[-1] for bone in bones]
        spines = self._spines(bones)
        # Ten capsules or more: their points are fixed together, since small conversions cost as much as the drawing.
        outlines = [
            _capsule(spine, ends_flat, grow)
            for grow in (self.line, 0.0)
            for spine, ends_flat in zip(spines, flat, strict=True)
        ]
        fixed, at = self.fixed(_pairs(np.concatenate(outlines))), 0
        for number, outline in enumerate(outlines):
            shade = darker(color, 0.55) if number < len(bones) else color
            self.fill_fixed(fixed[at : at + len(outline)], shade)
            at += len(outline)
        for spine, ends_flat in zip(spines, flat, strict=True):
            if spine.radii[0] >= FINGER_PX:
                across = spine.along * 1j * spine.radii
                self._shade(_pairs(spine.centers + across), _pairs(spine.centers - across), color, open_end=ends_flat)

    def cuff(self, start: Points, end: Points, radii: Sequence[float], color: Color) -> None:
        """A flat band around a limb."""
        (spine,) = self._spines([(start, end, radii)])
        across = spine.along * 1j * spine.radii
        self.fill(_pairs(np.concatenate([spine.centers + across, (spine.centers - across)[::-1]])), color)

    def band(self, left: NDArray, right: NDArray, color: Color, line: bool = True, shade: bool = True) -> None:
        """A shape between two edges ((N, 2) pixels each, in the same order)."""
        polygon = np.vstack([left, right[::-1]])
        if line:
            middle = polygon.mean(axis=0)
            self.fill(polygon + unit(polygon - middle) * self.line, darker(color, 0.55))
        self.fill(polygon, color)
        if shade:
            self._shade(left, right, color, open_end=True)

    def _spines(self, bones: Sequence[Bone]) -> list["_Spine"]:
        """The bones in the picture, all looked at in one go."""
        places = np.concatenate([start + _shares(len(radii)) * (end - start) for start, end, radii in bones])
        seen, spines, at = self.seen(places), [], 0
        centers, scales = seen[:, 0] + 1j * seen[:, 1], seen[:, 2]
        for _, _, radii in bones:
            here, at = slice(at, at + len(radii)), at + len(radii)
            along = complex(centers[here.stop - 1] - centers[here.start])
            spines.append(_Spine(centers[here], np.array(radii) * scales[here], along / max(abs(along), 1e-9)))
        return spines

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


class _Spine(NamedTuple):
    """A bone in pixels, x + iy: centers (N,), radii (N,), and its direction, of length 1."""

    centers: NDArray[np.complex128]
    radii: NDArray[np.float64]
    along: complex


def _capsule(spine: _Spine, flat_end: bool, grow: float) -> NDArray:
    """The outline of a bone with round ends, or a flat one where it ends; complex pixels."""
    centers, radii = spine.centers, spine.radii + grow
    side, arc = spine.along * 1j * radii, spine.along * _HALF_CIRCLE
    end = centers[-1] + side[-1] * _FLAT if flat_end else centers[-1] + arc * radii[-1]
    return np.concatenate([(centers - side)[:-1], end, (centers + side)[-2:0:-1], centers[0] - arc * radii[0]])


def _pairs(line: NDArray[np.complex128]) -> NDArray[np.float64]:
    """x + iy as (N, 2)."""
    return line.view(np.float64).reshape(-1, 2)


@cache
def _shares(count: int) -> NDArray[np.float64]:
    """(count, 1): from 0 to 1 in equal steps."""
    return np.arange(count)[:, None] / (count - 1)


_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_HALF_CIRCLE = np.exp(1j * np.linspace(-np.pi / 2, np.pi / 2, 9))
_FLAT = np.array([-1.0, 1.0])
