"""A clothed dancer drawn from posed landmarks: flat shapes with a light and a dark side, painted far to near.

It is drawn so that a pose tracker trained on people finds it: trousers, shirt, skin, hair and a face with the landmarks
in their places. All lengths are metres, so the drawing follows the body to any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.body import Camera, Points
from engines.pose.head import draw_head
from engines.pose.landmarks import Joint
from engines.pose.pen import Bone, Color, Pen, darker, unit

J = Joint


@dataclass(frozen=True)
class Wardrobe:
    """What the dancer wears and is; RGB."""

    shirt: Color = (214, 84, 66)
    trousers: Color = (44, 56, 92)
    skin: Color = (226, 172, 138)
    hair: Color = (58, 36, 30)
    shoes: Color = (240, 236, 226)
    soles: Color = (150, 120, 96)


WARDROBES = (
    Wardrobe(),
    Wardrobe((38, 140, 138), (66, 48, 60), (150, 98, 70), (24, 20, 22), (236, 226, 210), (92, 70, 60)),
    Wardrobe((240, 186, 66), (40, 70, 84), (244, 204, 176), (150, 84, 40), (70, 60, 70), (220, 214, 204)),
    Wardrobe((96, 86, 168), (54, 58, 66), (196, 140, 104), (40, 28, 26), (232, 232, 236), (120, 110, 120)),
)

# Half the width and depth of the trunk in metres, from the hips (0) to the shoulders (1), for a torso of 0.5 m.
_TRUNK = ((-0.11, 0.192, 0.136), (0.08, 0.176, 0.124), (0.36, 0.138, 0.104), (0.62, 0.152, 0.116), (0.86, 0.166, 0.112))


def draw_dancer(image: Frame, points: Points, camera: Camera, wardrobe: Wardrobe) -> None:
    """Paint a body ((33, 3) metres on the stage) into `image`, over what is there."""
    pen = Pen(image, camera)
    trunk = _Trunk(points)
    for side in sorted((0, 1), key=lambda side: points[J.LEFT_KNEE + side, 2] + points[J.LEFT_ANKLE + side, 2]):
        _draw_shoe(pen, points, side, wardrobe)
        _draw_leg(pen, points, side, wardrobe)
    parts = [(trunk.center[2], lambda: _draw_trunk(pen, points, trunk, wardrobe))]
    head_depth = max(float(points[[J.LEFT_EAR, J.RIGHT_EAR], 2].mean()), trunk.center[2] + 1e-3)
    parts.append((head_depth, lambda: draw_head(pen, points, wardrobe.skin, wardrobe.hair)))
    for side in (0, 1):
        depth = 0.45 * points[J.LEFT_ELBOW + side, 2] + 0.55 * points[J.LEFT_WRIST + side, 2]
        parts.append((depth, lambda side=side: _draw_arm(pen, points, side, wardrobe)))  # type: ignore[misc]
    for _, draw in sorted(parts, key=lambda part: part[0]):
        draw()


class _Trunk:
    """The frame of the chest: lateral, up and front."""

    def __init__(self, points: Points) -> None:
        self.hips = (points[J.LEFT_HIP] + points[J.RIGHT_HIP]) / 2
        self.shoulders = (points[J.LEFT_SHOULDER] + points[J.RIGHT_SHOULDER]) / 2
        self.center = (self.hips + self.shoulders) / 2
        up = self.shoulders - self.hips
        self.length = float(np.linalg.norm(up))
        self.up = up / self.length
        self.pelvis_left = unit(points[J.LEFT_HIP] - points[J.RIGHT_HIP])
        self.chest_left = unit(points[J.LEFT_SHOULDER] - points[J.RIGHT_SHOULDER])

    def outline(self, sections: Sequence[tuple[float, float, float]], pen: Pen) -> tuple[NDArray, NDArray]:
        """The left and right edge in pixels of elliptic cross-sections (place, half width, half depth)."""
        places = np.array([s[0] for s in sections])[:, None]
        centers = self.hips + places * (self.shoulders - self.hips)
        seen = pen.seen(centers)
        along = unit(np.gradient(seen[:, :2], axis=0) if len(sections) > 1 else np.array([[0.0, -1.0]]))
        across = np.stack([-along[:, 1], along[:, 0]], axis=1)
        lateral = unit(self.pelvis_left + np.clip(places, 0, 1) * (self.chest_left - self.pelvis_left))
        front = np.cross(lateral, self.up)
        # Of an ellipse, the extent along a direction is the root of the squares of its half axes' shares.
        flat = np.array([1.0, -1.0])
        wide = np.einsum("ij,ij->i", lateral[:, :2] * flat, across) * [s[1] for s in sections]
        deep = np.einsum("ij,ij->i", front[:, :2] * flat, across) * [s[2] for s in sections]
        half = np.hypot(wide, deep)[:, None] * seen[:, 2:] * (self.length / 0.5)
        return seen[:, :2] + across * half, seen[:, :2] - across * half


def _draw_trunk(pen: Pen, points: Points, trunk: _Trunk, wardrobe: Wardrobe) -> None:
    size = pen.pixels_per_metre(trunk.center)
    front = np.cross(trunk.chest_left, trunk.up)
    if front[2] <= 0:
        _draw_neck(pen, points, trunk, front, wardrobe)
    seat = [(-0.20, 0.130, 0.10), (-0.10, 0.165, 0.115), (0.2, 0.14, 0.105)]
    pen.band(*trunk.outline(seat, pen), wardrobe.trousers, line=False, shade=False)
    left, right = trunk.outline(_TRUNK, pen)
    corners = pen.seen(points[[J.LEFT_SHOULDER, J.RIGHT_SHOULDER]])[:, :2]
    if (corners[0] - corners[1]) @ (left[-1] - right[-1]) < 0:
        corners = corners[::-1]
    up = pen.direction(trunk.up)
    neck = pen.seen(trunk.shoulders + trunk.up * 0.055)[:2]
    aside = np.array([-up[1], up[0]]) * (0.055 * size)
    if aside @ (left[-1] - right[-1]) < 0:
        aside = -aside
    tops = corners + up * (0.045 * size)
    left = np.vstack([left, tops[:1], neck + aside])
    right = np.vstack([right, tops[1:], neck - aside])
    pen.band(left, right, wardrobe.shirt)
    hem_left, hem_right = trunk.outline([(-0.11, 0.192, 0.136), (-0.06, 0.188, 0.133)], pen)
    pen.band(hem_left, hem_right, darker(wardrobe.shirt, 0.82), line=False, shade=False)
    if front[2] > 0:
        _draw_neck(pen, points, trunk, front, wardrobe)


def _draw_neck(pen: Pen, points: Points, trunk: _Trunk, front: Points, wardrobe: Wardrobe) -> None:
    ears = (points[J.LEFT_EAR] + points[J.RIGHT_EAR]) / 2
    base = trunk.shoulders + trunk.up * 0.035
    pen.limb(base, base + (ears - base) * 0.75, (0.056, 0.050, 0.050), wardrobe.skin)
    if front[2] > 0:  # the neckline is seen from the front only
        pen.disc(base + front * 0.03, 0.058, wardrobe.skin)


def _draw_arm(pen: Pen, points: Points, side: int, wardrobe: Wardrobe) -> None:
    shoulder, elbow, wrist = (points[joint + side] for joint in (J.LEFT_SHOULDER, J.LEFT_ELBOW, J.LEFT_WRIST))
    forearm = (elbow, wrist, (0.042, 0.045, 0.036, 0.027))
    sleeve_end = shoulder + (elbow - shoulder) * 0.62
    upper = (shoulder, elbow, (0.054, 0.050, 0.043, 0.040))
    sleeve = (shoulder, sleeve_end, (0.058, 0.061, 0.062))
    pen.limbs([upper, forearm, *_hand(points, side)], wardrobe.skin)
    pen.limbs([sleeve], wardrobe.shirt, cut=True)
    hem = (sleeve_end + (shoulder - sleeve_end) * 0.13, sleeve_end, (0.0615, 0.062))
    pen.cuff(*hem, darker(wardrobe.shirt, 0.82))
    # The sleeve's outline must not cut the shoulder from the trunk.
    inward = unit(points[J.RIGHT_SHOULDER - side] - shoulder)
    pen.disc(shoulder + inward * 0.022, 0.062, wardrobe.shirt)


def _hand(points: Points, side: int) -> list[Bone]:
    wrist, pinky, index, thumb = (
        points[joint + side] for joint in (J.LEFT_WRIST, J.LEFT_PINKY, J.LEFT_INDEX, J.LEFT_THUMB)
    )
    fingers: list[Bone] = []
    for share, length in ((0.0, 0.80), (0.33, 0.98), (0.67, 1.0), (1.0, 0.82)):
        knuckle = pinky + share * (index - pinky)
        fingers.append((knuckle, knuckle + (knuckle - wrist) * 0.85 * length, (0.0125, 0.012, 0.009)))
    palm = (wrist, (pinky + index) / 2, (0.026, 0.036, 0.036))
    return [(wrist + (thumb - wrist) * 0.4, thumb + (thumb - wrist) * 0.45, (0.016, 0.014, 0.010)), palm, *fingers]


def _draw_leg(pen: Pen, points: Points, side: int, wardrobe: Wardrobe) -> None:
    hip, knee, ankle = (points[joint + side] for joint in (J.LEFT_HIP, J.LEFT_KNEE, J.LEFT_ANKLE))
    # Thighs begin closer together than the hip joints are, or daylight shows between them.
    start = hip + (points[J.RIGHT_HIP - side] - hip) * 0.10
    end = knee + (ankle - knee) * 0.93
    thigh = (start, knee, (0.090, 0.092, 0.080, 0.068))
    shin = (knee, end, (0.068, 0.069, 0.063, 0.064))
    pen.limbs([thigh, shin], wardrobe.trousers, cut=True)
    pen.cuff(end + (knee - end) * 0.07, end, (0.064, 0.064), darker(wardrobe.trousers, 0.78))


def _draw_shoe(pen: Pen, points: Points, side: int, wardrobe: Wardrobe) -> None:
    ankle, heel, toe = (points[joint + side] for joint in (J.LEFT_ANKLE, J.LEFT_HEEL, J.LEFT_FOOT_INDEX))
    down = unit((heel + toe) / 2 - ankle - unit(toe - heel) * float((((heel + toe) / 2) - ankle) @ unit(toe - heel)))
    along = toe - heel
    tip = toe + along * 0.13
    pen.limb(ankle + (points[J.LEFT_KNEE + side] - ankle) * 0.14, ankle, (0.036, 0.036), wardrobe.skin)
    sole = (heel + down * 0.014, tip + down * 0.012, (0.036, 0.034, 0.034, 0.026))
    pen.limbs([sole], wardrobe.soles)
    upper = (heel - down * 0.012, tip - down * 0.002, (0.044, 0.045, 0.040, 0.028))
    pen.limbs([upper, (ankle, heel - down * 0.01, (0.042, 0.044))], wardrobe.shoes)


def draw_shadow(image: Frame, points: Points, camera: Camera) -> None:
    """The soft shadow on the floor, fainter where the body leaves it."""
    feet = points[[J.LEFT_HEEL, J.RIGHT_HEEL, J.LEFT_FOOT_INDEX, J.RIGHT_FOOT_INDEX]]
    for pair in (feet[[0, 2]], feet[[1, 3]]):
        place = pair.mean(axis=0)
        _darken(image, camera, place, 0.20, 0.55 * float(np.exp(-4 * max(pair[:, 1].min(), 0))))
    _darken(image, camera, (points[J.LEFT_HIP] + points[J.RIGHT_HIP]) / 2, 0.46, 0.28)


def _darken(image: Frame, camera: Camera, place: Points, radius: float, strength: float) -> None:
    x, y, scale = camera.pixels(np.array([place[0], 0.0, place[2]]))
    wide, high = round(radius * scale), round(radius * scale * 0.24)
    left, top = round(x) - wide, round(y) - high
    rows, columns = slice(max(top, 0), max(top + 2 * high, 0)), slice(max(left, 0), max(left + 2 * wide, 0))
    region = image[rows, columns]
    if region.size == 0:
        return
    light = cv2.resize(_SOFT_DISC, (2 * wide, 2 * high))
    light = light[rows.start - top : rows.start - top + region.shape[0], columns.start - left :][:, : region.shape[1]]
    factor = cv2.merge([1 - np.float32(strength) * light] * 3)
    region[:] = cv2.multiply(region, factor, dtype=cv2.CV_8U)


def _soft_disc() -> NDArray[np.float32]:
    axis = np.linspace(-1, 1, 64, dtype=np.float32)
    distance = np.hypot(*np.meshgrid(axis, axis))
    return np.asarray(np.clip(1 - distance, 0, 1) ** 1.3, np.float32)


_SOFT_DISC = _soft_disc()
