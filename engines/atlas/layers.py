"""What a figure is cut into: ten parts along its bones, grouped into six limbs, and where a pixel belongs.

Everything is measured in body units (torso lengths), so that a part of one key figure fits the same part of any pose.
Left and right are the dancer's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Joint

Points = NDArray[np.float32]
"""(PLACES, 3) float32: x and y in pixels of the square, z in the same unit, smaller is nearer."""

# Places that bones hang on: the landmarks by their own number, and those that are made of several.
NECK, PELVIS, HEAD, LEFT_HAND, RIGHT_HAND, LEFT_WAIST, RIGHT_WAIST, NAPE = range(33, 41)
PLACES = 41
_FACE = [Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR, Joint.MOUTH_LEFT]
_MIDDLES = (
    [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER],
    [Joint.LEFT_HIP, Joint.RIGHT_HIP],
    _FACE,
    [Joint.LEFT_INDEX, Joint.LEFT_PINKY],
    [Joint.RIGHT_INDEX, Joint.RIGHT_PINKY],
    [Joint.LEFT_SHOULDER, Joint.LEFT_HIP],
    [Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP],
)
CORNERS = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP]

# Bones by which a body is measured, in torso lengths of an ordinary one: it is rare that all of them are foreshortened.
_RULERS = np.array([(NECK, PELVIS), (11, 12), (23, 25), (24, 26), (25, 27), (26, 28)])
_RULED = np.array([1.0, 0.68, 0.82, 0.82, 0.82, 0.82], np.float32)
_LONGEST = 3
DEPTH = 0.35  # the share of z that is believed: it is the tracker's guess


@dataclass(frozen=True)
class Bone:
    """A capsule from one place to another, `radius` in torso lengths: what lies inside it belongs to its part.

    It is drawn at most `stretch` times longer than it was.
    """

    start: int
    end: int
    radius: float
    stretch: float = 1.4


@dataclass(frozen=True)
class Part:
    """What is cut and warped as one: its own bones, and the bones of its neighbors that it bends along with.

    `limb` is the number of the limb whose key it takes; `reach` how far from its bones its pixels may lie, in torso
    lengths. A neighbor that ends in the trunk (`rooted`) moves with the trunk.
    """

    name: str
    limb: int
    bones: tuple[Bone, ...]
    reach: float
    before: Bone | None = None
    after: Bone | None = None
    rooted: bool = False


CHIN, JAW, BOWED = 0.2, 3.0, 0.4
"""Torso lengths below the face's middle from which pixels count as this much farther from it: collar and shoulders are
the trunk's, or they stick out like wings when the head turns."""

OVERRUN = 2.0
"""Past the knee a thigh ends this much sooner: a thick part beside a thin one would go on along both sides of it, and
stick out in two points when the joint bends. (Arms are less unlike, and found again better as they are.)"""

LIMBS = ("torso", "head", "left arm", "right arm", "left leg", "right leg")
TORSO, HEAD_LIMB = 0, 1


def _arm(side: str, limb: int, hand: int) -> tuple[Part, Part]:
    shoulder, elbow, wrist = (int(Joint[f"{side}_{name}"]) for name in ("SHOULDER", "ELBOW", "WRIST"))
    collar, upper = Bone(NECK, shoulder, 0.17), Bone(shoulder, elbow, 0.17)
    lower, palm = Bone(elbow, wrist, 0.13), Bone(wrist, hand, 0.15, stretch=1.15)
    name = side.lower()
    return (
        Part(f"{name} upper arm", limb, (upper,), 0.32, before=collar, after=lower, rooted=True),
        Part(f"{name} forearm", limb, (lower, palm), 0.34, before=upper),
    )


def _leg(side: str, limb: int, waist: int) -> tuple[Part, Part]:
    hip, knee, ankle, toe = (int(Joint[f"{side}_{name}"]) for name in ("HIP", "KNEE", "ANKLE", "FOOT_INDEX"))
    flank, thigh = Bone(waist, hip, 0.24), Bone(hip, knee, 0.24)
    shin, foot = Bone(knee, ankle, 0.17), Bone(ankle, toe, 0.17)
    name = side.lower()
    return (
        Part(f"{name} thigh", limb, (thigh,), 0.46, before=flank, after=shin, rooted=True),
        Part(f"{name} shin", limb, (shin, foot), 0.42, before=thigh),
    )


PARTS = (
    Part("torso", TORSO, (Bone(NECK, PELVIS, 0.36),), 0.62),
    Part("head", HEAD_LIMB, (Bone(NAPE, HEAD, 0.12), Bone(HEAD, HEAD, 0.34)), 0.7),
    *_arm("LEFT", 2, LEFT_HAND),
    *_arm("RIGHT", 3, RIGHT_HAND),
    *_leg("LEFT", 4, LEFT_WAIST),
    *_leg("RIGHT", 5, RIGHT_WAIST),
)
FOREARMS = tuple(n for n, part in enumerate(PARTS) if part.name.endswith("forearm"))
PARTS_OF = tuple([n for n, part in enumerate(PARTS) if part.limb == limb] for limb in range(len(LIMBS)))


def places(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 41, n): the 33 landmarks and, after them, the places that are made of several."""
    made = [points[..., some, :].mean(axis=-2, keepdims=True) for some in _MIDDLES]
    made.append(0.6 * made[NECK - 33] + 0.4 * made[HEAD - 33])
    return np.concatenate([points, *made], axis=-2).astype(np.float32)


def body_units(spots: NDArray[np.float32]) -> NDArray[np.float32]:
    """(...,): the torso length of the bodies `spots` (..., 41, 3), in their own unit, however they are bent."""
    vectors = (spots[..., _RULERS[:, 1], :3] - spots[..., _RULERS[:, 0], :3]) * np.array([1, 1, 2 * DEPTH], np.float32)
    lengths = np.sort(np.linalg.norm(vectors, axis=-1) / _RULED, axis=-1)
    return np.asarray(np.maximum(lengths[..., -_LONGEST:].mean(axis=-1), 1e-3), np.float32)


def distance_to_bone(
    grid: NDArray[np.float32], start: NDArray, end: NDArray, overrun: float = 1.0
) -> NDArray[np.float32]:
    """Distance of each of `grid` (..., 2) to the segment from `start` to `end` (2,).

    What lies past the end counts `overrun` times along the segment.
    """
    away = grid - start
    axis = end - start
    length = max(float(np.hypot(*axis)), 1e-3)
    reach = (away @ axis) / (length * length)
    away = away - np.clip(reach, 0, 1)[..., None] * axis
    squared = np.einsum("...i,...i->...", away, away)
    if overrun != 1:
        squared = squared + (overrun * overrun - 1) * np.square(np.maximum(reach - 1, 0) * length)
    return np.asarray(np.sqrt(squared), np.float32)


def closeness(corner: tuple[int, int], shape: tuple[int, int], spots: Points, unit: float) -> NDArray[np.float32]:
    """(10, h, w): how far each pixel of a window is from each part, in radii of its nearest bone; below 1 is inside.

    The window of `shape` (h, w) begins at `corner` (x, y) of the square.
    """
    step = 2
    height, width = shape
    ys, xs = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
    grid = np.stack([xs + corner[0], ys + corner[1]], axis=-1)
    near = [_trunk_distance(grid, spots, unit)]
    for part in PARTS[1:]:
        overrun = OVERRUN if part.name.endswith("thigh") else 1.0
        away = [
            distance_to_bone(grid, spots[bone.start, :2], spots[bone.end, :2], overrun) / unit for bone in part.bones
        ]
        if part.limb == HEAD_LIMB:
            away[1] = away[1] + JAW * _below_chin(grid, spots, unit)
        near.append(np.minimum.reduce([far / bone.radius for far, bone in zip(away, part.bones, strict=True)]))
    return np.stack([cv2.resize(distance.astype(np.float32), (width, height)) for distance in near])


def _below_chin(grid: NDArray[np.float32], spots: Points, unit: float) -> NDArray[np.float32]:
    """Torso lengths that each of `grid` lies below the chin, along the neck; 0 above."""
    rising = spots[HEAD, :2] - spots[NECK, :2]
    length = max(float(np.hypot(*rising)), 1e-3)
    down = (spots[HEAD, :2] - grid) @ (rising / length)
    # A bowed head is near the shoulders in the picture, and its chin nearer.
    return np.asarray(np.maximum(0, down / unit - min(CHIN, BOWED * length / unit)), np.float32)


def _trunk_distance(grid: NDArray[np.float32], spots: Points, unit: float) -> NDArray[np.float32]:
    """Radii from the quadrangle of shoulders and hips; falling from 0.9 at its rim to 0.55 deep inside."""
    outline = cv2.convexHull(np.ascontiguousarray(spots[CORNERS, :2])).reshape(-1, 2)
    edges = list(zip(outline, np.roll(outline, -1, axis=0), strict=True))
    to_rim = np.minimum.reduce([distance_to_bone(grid, a, b) for a, b in edges])
    sides = np.stack([(b[0] - a[0]) * (grid[..., 1] - a[1]) - (b[1] - a[1]) * (grid[..., 0] - a[0]) for a, b in edges])
    inside = np.all(sides >= 0, axis=0) | np.all(sides <= 0, axis=0)
    return np.where(inside, np.maximum(0.55, 0.9 - to_rim / (0.3 * unit)), 0.9 + to_rim / (0.2 * unit))
