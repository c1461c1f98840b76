"""The parts that a skeleton is drawn of, and where all of them lie on a pose, found in one pass.

A skeleton has some sixty bars and discs. Found one after another they cost more than their drawing (0.25 of 1.1 ms a
frame for the Firebird), so every corner, radius and color of a style comes from a few operations on its table. The
roundings are those of Python's own numbers, since a style's hash is that of the pixels it draws.
"""

import math
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engines.images import Size
from engines.pose.guides import Hue, JointName
from engines.pose.landmarks import COUNT

SHIFT = 4  # fractional bits of a pixel in OpenCV's fixed-point coordinates
ONE = 1 << SHIFT
_DARKEST = 0.02
_SHORTEST = 1e-3  # pixels: a bar without a direction

Color = tuple[int, int, int]
Pixel = tuple[float, float]
Width = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]
_Array = NDArray[np.float64]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __copy__(self) -> Self:
        """Without what was computed of it: `model_copy` may change the fields that it was computed from."""
        copied = super().__copy__()
        for name in set(copied.__dict__) - set(type(self).model_fields):
            del copied.__dict__[name]
        return copied


class Bone(Part):
    """A stroke between two places, each the middle of its landmarks; `width` in torso lengths."""

    start: tuple[JointName, ...] = Field(min_length=1)
    end: tuple[JointName, ...] = Field(min_length=1)
    hue: Hue
    width: Width


class Dot(Part):
    """A disc on a landmark; `radius` in torso lengths, `saturation` 0 is white."""

    at: JointName
    hue: Hue
    radius: Width
    saturation: Share = 0.25


class Limb(Part):
    """Bones and dots that are drawn one after another and lie before or behind other limbs as one."""

    name: str
    bones: tuple[Bone, ...] = ()
    dots: tuple[Dot, ...] = ()

    @cached_property
    def joints(self) -> list[int]:
        used = {joint for bone in self.bones for joint in bone.start + bone.end} | {dot.at for dot in self.dots}
        return sorted(int(joint) for joint in used)


@dataclass(frozen=True)
class Placed:
    """Bars and discs on a picture in OpenCV's fixed point, each with its limb's number; in the order of the style.

    `quads` (bars, 4, 2) int32 corners, `centers` (x, y) and `radii` of discs; colors are RGB. What is not seen or lies
    outside has no color.
    """

    quads: NDArray[np.int32]
    bar_colors: list[Color | None]
    centers: list[tuple[int, int]]
    radii: list[int]
    dot_colors: list[Color | None]


@dataclass(frozen=True, eq=False)
class LimbTable:
    """The bones and dots of all limbs of a style, as columns; `bars` and `discs` are each limb's rows.

    Joints are padded with `COUNT`, which adds nothing to a middle and never is the least seen.
    """

    bars: list[range]
    discs: list[range]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    joints: NDArray[np.intp]
    start_counts: _Array
    end_counts: _Array
    widths: _Array
    bar_hues: _Array
    bar_limbs: NDArray[np.intp]
    at: NDArray[np.intp]
    radii: _Array
    dot_hues: _Array
    dot_limbs: NDArray[np.intp]

    @classmethod
    def of(cls, limbs: tuple[Limb, ...]) -> "LimbTable":
        bones = [(bone, i) for i, limb in enumerate(limbs) for bone in limb.bones]
        dots = [(dot, i) for i, limb in enumerate(limbs) for dot in limb.dots]
        return cls(
            bars=_ranges([len(limb.bones) for limb in limbs]),
            discs=_ranges([len(limb.dots) for limb in limbs]),
            starts=_padded([bone.start for bone, _ in bones]),
            ends=_padded([bone.end for bone, _ in bones]),
            joints=_padded([bone.start + bone.end for bone, _ in bones]),
            start_counts=np.array([len(bone.start) for bone, _ in bones], np.float64)[:, None],
            end_counts=np.array([len(bone.end) for bone, _ in bones], np.float64)[:, None],
            widths=np.array([bone.width for bone, _ in bones], np.float64),
            bar_hues=full_colors([(bone.hue, 1.0) for bone, _ in bones]),
            bar_limbs=np.array([i for _, i in bones], np.intp),
            at=np.array([dot.at for dot, _ in dots], np.intp),
            radii=np.array([dot.radius for dot, _ in dots], np.float64),
            dot_hues=full_colors([(dot.hue, dot.saturation) for dot, _ in dots]),
            dot_limbs=np.array([i for _, i in dots], np.intp),
        )

    def placed(
        self, pixels: _Array, seen: _Array, lights: _Array, unit: float, thinnest: float, width: float, size: Size
    ) -> Placed:
        """Where the bars and discs of a pose lie: `pixels` (33, 2), finite; `seen` (33,) 0..1; `lights` a limb each.

        `unit` is a torso length and `thinnest` the least thickness in pixels, which `width` multiplies.
        """
        light = np.append(seen, math.inf)[self.joints].min(axis=1) * lights[self.bar_limbs]
        half = np.maximum(thinnest, self.widths * unit) * width / 2
        quads, drawn = self._quads(pixels, half, light > _DARKEST, size)
        radii = np.maximum(thinnest, self.radii * 2 * unit) * width / 2
        centers = pixels[self.at]
        glow = seen[self.at] * lights[self.dot_limbs]
        inside = (-radii[:, None] < centers) & (centers < np.array(size[::-1]) + radii[:, None])
        return Placed(
            quads,
            _lit(self.bar_hues, light, drawn),
            [(x, y) for x, y in fixed(centers).tolist()],
            np.rint(radii * ONE).astype(np.int64).tolist(),
            _lit(self.dot_hues, glow, (glow > _DARKEST) & inside.all(axis=1)),
        )

    def _quads(
        self, pixels: _Array, half: _Array, seen: NDArray[np.bool_], size: Size
    ) -> tuple[NDArray[np.int32], list[bool]]:
        """The corners of every bar, and which bars are drawn."""
        padded = np.concatenate([pixels, np.zeros((1, 2))])
        start = _sums(padded, self.starts) / self.start_counts
        step = _sums(padded, self.ends) / self.end_counts - start
        end = start + step
        far = np.array(size[::-1], np.float64)
        both = np.concatenate([start, start + step], axis=1)
        clear = ((both >= -np.tile(far, 2)) & (both <= 2 * np.tile(far, 2))).all(axis=1)
        drawn = seen.tolist()
        for i in np.flatnonzero(~clear & seen).tolist():
            (x0, y0), (dx, dy) = start[i].tolist(), step[i].tolist()
            segment = clipped((x0, y0), (dx, dy), size)
            drawn[i] = segment is not None
            if segment is not None:
                start[i], end[i] = segment
        along = end - start
        # Python's hypot and not NumPy's, whose last digit differs.
        lengths = [math.hypot(x, y) for x, y in along.tolist()]
        drawn = [is_drawn and length >= _SHORTEST for is_drawn, length in zip(drawn, lengths, strict=True)]
        unit_lengths = np.maximum(np.array(lengths), _SHORTEST)[:, None]
        aside = np.stack([-along[:, 1], along[:, 0]], axis=1) / unit_lengths * half[:, None]
        corners = np.stack([start + aside, end + aside, end - aside, start - aside], axis=1)
        return fixed(np.clip(corners, -1e6, 1e6)), drawn


def fixed(pixels: _Array) -> NDArray[np.int32]:
    """OpenCV's fixed point, whose whole numbers are the centers of pixels: 0..1 of the picture spans -0.5..size -
    0.5."""
    return np.rint((pixels - 0.5) * ONE).astype(np.int32)


def clipped(start: Pixel, step: Pixel, size: Size) -> tuple[Pixel, Pixel] | None:
    """The part of the segment from `start` to `start + step` (x, y) within one picture's size around the picture
    (Liang and Barsky, 1984); None if there is none."""
    enter, leave = 0.0, 1.0
    for a, along, length in zip(start, step, size[::-1], strict=True):
        low, high = -length - a, 2 * length - a
        if along == 0:
            if low > 0 or high < 0:
                return None
            continue
        first, last = sorted((low / along, high / along))
        enter, leave = max(enter, first), min(leave, last)
    if enter >= leave:
        return None
    (x, y), (dx, dy) = start, step
    return (x + enter * dx, y + enter * dy), (x + leave * dx, y + leave * dy)


def full_colors(tints: list[tuple[float, float]]) -> _Array:
    """(N, 3) red, green and blue in 0..255 of hues in degrees and saturations, in full light."""
    return np.array([hsv_to_rgb(hue / 360, saturation, 1.0) for hue, saturation in tints]).reshape(-1, 3) * 255


def _lit(full: _Array, light: _Array, drawn: NDArray[np.bool_] | list[bool]) -> list[Color | None]:
    colors = np.rint(full * light[:, None]).tolist()
    return [(r, g, b) if is_drawn else None for (r, g, b), is_drawn in zip(colors, drawn, strict=True)]


def _sums(padded: _Array, joints: NDArray[np.intp]) -> _Array:
    total = padded[joints[:, 0]]
    for column in joints.T[1:]:
        total = total + padded[column]
    return total


def _padded(rows: list[tuple[JointName, ...]]) -> NDArray[np.intp]:
    longest = max((len(row) for row in rows), default=1)
    return np.array([[*row, *[COUNT] * (longest - len(row))] for row in rows], np.intp).reshape(-1, longest)


def _ranges(lengths: list[int]) -> list[range]:
    ends = np.cumsum(lengths).tolist()
    return [range(end - length, end) for end, length in zip(ends, lengths, strict=True)]
