"""Landmarks drawn as bones on black: what a generator sees, in training exactly as on stage.

This is the only place where skeletons are drawn. Every bone has one hue, left and right have different ones; lines
are as thick as the body is large; parts that the tracker hardly sees fade; limbs nearer to the camera lie over
farther ones. A style is data, and its hash is that of the pixels it draws: a generator shown another palette than its
own paints garbage (carolineec/EverybodyDanceNow#20).
"""

import hashlib
import math
from collections.abc import Callable
from colorsys import hsv_to_rgb
from functools import cached_property, lru_cache
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engines.images import Frame, Size
from engines.pose.axes import Body
from engines.pose.guides import Guide, Hue, JointName, Stroke, guide_lines
from engines.pose.landmarks import Joint, Landmarks, in_heights
from engines.pose.stance import STANDING

_SHIFT = 4  # fractional bits of a pixel in OpenCV's fixed-point coordinates
_ONE = 1 << _SHIFT
_DARKEST = 0.02
_LARGEST_UNIT = 2.0  # heights: a torso longer than this is the tracker's mistake and would fill the picture

Pixel = tuple[float, float]
Width = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bone(_Part):
    """A stroke between two places, each the middle of its landmarks; `width` in torso lengths."""

    start: tuple[JointName, ...] = Field(min_length=1)
    end: tuple[JointName, ...] = Field(min_length=1)
    hue: Hue
    width: Width


class Dot(_Part):
    """A disc on a landmark; `radius` in torso lengths, `saturation` 0 is white."""

    at: JointName
    hue: Hue
    radius: Width
    saturation: Share = 0.25


class Limb(_Part):
    """Bones and dots that are drawn one after another and lie before or behind other limbs as one."""

    name: str
    bones: tuple[Bone, ...] = ()
    dots: tuple[Dot, ...] = ()

    @cached_property
    def joints(self) -> list[int]:
        used = {joint for bone in self.bones for joint in bone.start + bone.end} | {dot.at for dot in self.dots}
        return sorted(int(joint) for joint in used)


class SkeletonStyle(_Part):
    """How a skeleton looks: limbs with their hues and widths, guides under them, fading and shading.

    `thinnest` is in pixels at 512; a part fades to black between the visibilities `hidden` and `seen`; `shade` is how
    much a limb gains or loses in brightness one torso length before or behind the hips.
    """

    name: str = "understudy"
    limbs: tuple[Limb, ...] = Field(min_length=1)
    guides: tuple[Guide, ...] = ()
    thinnest: float = Field(default=1.5, gt=0, le=20)
    guide_width: int = Field(default=1, ge=1, le=8, description="pixels at 512")
    hidden: Share = 0.1
    seen: Share = 0.5
    shade: Share = 0.12


def _side(left: bool) -> tuple[Limb, Limb]:
    """One arm and one leg: warm hues on the left, cold ones on the right."""
    side = "LEFT" if left else "RIGHT"
    shoulder, elbow, wrist, pinky, index, thumb = (
        (Joint[f"{side}_{name}"],) for name in ("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB")
    )
    hip, knee, ankle, heel, toe = (
        (Joint[f"{side}_{name}"],) for name in ("HIP", "KNEE", "ANKLE", "HEEL", "FOOT_INDEX")
    )
    hues = (0, 18, 36, 46, 56, 338, 318, 300, 288) if left else (130, 150, 170, 180, 190, 212, 232, 252, 266)
    upper, fore, a, b, c, thigh, shin, sole, heel_hue = hues
    arm = Limb(
        name=f"{side.lower()} arm",
        bones=(
            Bone(start=shoulder, end=elbow, hue=upper, width=0.075),
            Bone(start=elbow, end=wrist, hue=fore, width=0.065),
            Bone(start=wrist, end=thumb, hue=c, width=0.03),
            Bone(start=wrist, end=index, hue=a, width=0.03),
            Bone(start=wrist, end=pinky, hue=b, width=0.03),
        ),
        dots=tuple(
            Dot(at=at[0], hue=hue, radius=0.05) for at, hue in ((shoulder, upper), (elbow, upper), (wrist, fore))
        ),
    )
    leg = Limb(
        name=f"{side.lower()} leg",
        bones=(
            Bone(start=hip, end=knee, hue=thigh, width=0.085),
            Bone(start=knee, end=ankle, hue=shin, width=0.07),
            Bone(start=ankle, end=heel, hue=heel_hue, width=0.035),
            Bone(start=heel, end=toe, hue=sole, width=0.035),
            Bone(start=ankle, end=toe, hue=sole, width=0.035),
        ),
        dots=tuple(Dot(at=at[0], hue=hue, radius=0.055) for at, hue in ((hip, thigh), (knee, thigh), (ankle, shin))),
    )
    return arm, leg


def _trunk() -> Limb:
    neck, pelvis = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER), (Joint.LEFT_HIP, Joint.RIGHT_HIP)
    return Limb(
        name="trunk",
        bones=(
            Bone(start=pelvis, end=neck, hue=80, width=0.07),
            Bone(start=neck, end=neck[:1], hue=350, width=0.07),
            Bone(start=neck, end=neck[1:], hue=110, width=0.07),
            Bone(start=pelvis, end=pelvis[:1], hue=326, width=0.07),
            Bone(start=pelvis, end=pelvis[1:], hue=200, width=0.07),
        ),
    )


def _head() -> Limb:
    """A neck and nine dots: more of a face would be that of the person who drives, and not of the one who was
    learned."""
    neck, ears = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER), (Joint.LEFT_EAR, Joint.RIGHT_EAR)
    face = ((Joint.LEFT_EYE, 20), (Joint.RIGHT_EYE, 170), (Joint.MOUTH_LEFT, 340), (Joint.MOUTH_RIGHT, 230))
    return Limb(
        name="head",
        bones=(
            Bone(start=neck, end=ears, hue=60, width=0.05),
            Bone(start=ears[:1], end=(Joint.NOSE,), hue=40, width=0.03),
            Bone(start=ears[1:], end=(Joint.NOSE,), hue=190, width=0.03),
        ),
        dots=(
            *(Dot(at=at, hue=hue, radius=0.025, saturation=0.6) for at, hue in face),
            Dot(at=ears[0], hue=40, radius=0.035, saturation=0.6),
            Dot(at=ears[1], hue=190, radius=0.035, saturation=0.6),
            Dot(at=Joint.NOSE, hue=0, radius=0.035, saturation=0),
        ),
    )


DEFAULT_STYLE = SkeletonStyle(limbs=(_trunk(), *_side(left=True), *_side(left=False), _head()))


def drawn_skeleton(landmarks: Landmarks, size: Size, style: SkeletonStyle = DEFAULT_STYLE, width: float = 1.0) -> Frame:
    """The skeleton of `landmarks` as (H, W, 3) uint8 on black: guides first, then limbs from the farthest to the
    nearest.

    Deterministic to the pixel. `width` multiplies the thickness of bones and dots, for variation in training.
    Landmarks may lie anywhere or be NaN: what is not finite is not drawn, what lies outside is clipped.
    """
    height = size[0]
    canvas = np.zeros((*size, 3), np.uint8)
    points = in_heights(np.asarray(landmarks, np.float32), size)
    body = Body.of(points)
    if style.guides:
        strokes = [stroke for guide in style.guides for stroke in guide_lines(guide, points, body)]
        _draw_strokes(canvas, strokes, max(1, round(style.guide_width * height / 512)))
    seen = _seen(landmarks, points, style)
    unit = min(body.unit, _LARGEST_UNIT) * height
    pixels = body.points[:, :2] * height
    nearness = (body.points[Joint.LEFT_HIP, 2] + body.points[Joint.RIGHT_HIP, 2]) / 2 - body.points[:, 2]
    order = sorted(range(len(style.limbs)), key=lambda i: (float(nearness[style.limbs[i].joints].mean()), i))
    thinnest = style.thinnest * height / 512
    for limb in (style.limbs[i] for i in order):
        light = 1 - style.shade * (1 - float(np.clip(nearness[limb.joints].mean() / body.unit, -1, 1)))
        _draw_limb(canvas, limb, pixels, seen * light, lambda share: max(thinnest, share * unit) * width)
    return canvas


@lru_cache(maxsize=64)
def style_hash(style: SkeletonStyle) -> str:
    """sha256 of the pixels that `style` draws, guides included, for two fixed poses (one in front, one turned and
    fading)."""
    digest = hashlib.sha256()
    for landmarks in _reference_poses():
        digest.update(drawn_skeleton(landmarks, (256, 256), style).tobytes())
    return digest.hexdigest()


def _reference_poses() -> list[Landmarks]:
    """Fixed by their numbers and not by any library, so that a hash means the same everywhere and for ever."""
    front = np.ones((33, 4), np.float32)
    front[:, :3] = STANDING * np.float32(0.25) + np.array([0.5, 0.45, 0], np.float32)
    turned = front.copy()
    x, z = STANDING[:, 0], STANDING[:, 2]
    turned[:, 0] = 0.5 + 0.25 * (0.6 * x - 0.8 * z)
    turned[:, 2] = 0.25 * (0.8 * x + 0.6 * z)
    turned[:, 3] = np.linspace(0, 1, 33)
    # Arms up, which opens fans; mirrored in height about the shoulders.
    arms = [joint for joint in Joint if 13 <= joint <= 22]
    turned[arms, 1] = 2 * turned[11, 1] - turned[arms, 1]
    return [front, turned]


def _seen(landmarks: Landmarks, points: NDArray[np.float32], style: SkeletonStyle) -> NDArray[np.float64]:
    visibility = np.nan_to_num(np.asarray(landmarks)[:, 3].astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    seen = np.clip((visibility - style.hidden) / max(style.seen - style.hidden, 1e-6), 0, 1)
    seen[~np.isfinite(points[:, :2]).all(axis=1)] = 0
    return seen


def _draw_strokes(canvas: Frame, strokes: list[Stroke], thickness: int) -> None:
    height = canvas.shape[0]
    # All points at once: forty small conversions cost as much as the drawing.
    together = np.concatenate([stroke.points for stroke in strokes])[:, :2]
    fixed = (np.clip(together, -3, 4) * (height * _ONE) - _ONE / 2).round().astype(np.int32)
    at = 0
    for line, hue in strokes:
        end = at + len(line)
        cv2.polylines(canvas, [fixed[at:end]], False, _color(hue, 1.0), thickness, cv2.LINE_AA, _SHIFT)
        at = end


def _draw_limb(
    canvas: Frame,
    limb: Limb,
    pixels: NDArray[np.float64],
    seen: NDArray[np.float64],
    thickness: Callable[[float], float],
) -> None:
    for bone in limb.bones:
        light = min(float(seen[joint]) for joint in bone.start + bone.end)
        if light > _DARKEST:
            start, end = _middle(pixels, bone.start), _middle(pixels, bone.end)
            _draw_bar(canvas, start, end, thickness(bone.width) / 2, _color(bone.hue, 1.0, light))
    height, width = canvas.shape[:2]
    for dot in limb.dots:
        x, y = pixels[dot.at]
        radius = thickness(dot.radius * 2) / 2
        if seen[dot.at] > _DARKEST and -radius < x < width + radius and -radius < y < height + radius:
            color = _color(dot.hue, dot.saturation, float(seen[dot.at]))
            cv2.circle(canvas, (_fixed(x), _fixed(y)), round(radius * _ONE), color, -1, cv2.LINE_AA, _SHIFT)


def _draw_bar(canvas: Frame, start: Pixel, end: Pixel, half: float, color: tuple[int, int, int]) -> None:
    """A bar with a thickness finer than whole pixels, which cv2.line does not have."""
    clipped = _clipped(start, end, canvas.shape[1], canvas.shape[0])
    if clipped is None:
        return
    (x0, y0), (x1, y1) = clipped
    length = math.hypot(x1 - x0, y1 - y0)
    if length < 1e-3:
        return
    dx, dy = (y0 - y1) / length * half, (x1 - x0) / length * half
    corners = ((x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy))
    quad = np.array([(_fixed(x), _fixed(y)) for x, y in corners], np.int32)
    cv2.fillConvexPoly(canvas, quad, color, cv2.LINE_AA, _SHIFT)


def _clipped(start: Pixel, end: Pixel, width: int, height: int) -> tuple[Pixel, Pixel] | None:
    """The part of a segment within one picture's size around the picture (Liang and Barsky, 1984); None if there is
    none."""
    enter, leave = 0.0, 1.0
    for a, b, size in ((start[0], end[0], width), (start[1], end[1], height)):
        low, high, step = -size - a, 2 * size - a, b - a
        if step == 0:
            if low > 0 or high < 0:
                return None
            continue
        first, last = sorted((low / step, high / step))
        enter, leave = max(enter, first), min(leave, last)
    if enter >= leave:
        return None
    dx, dy = end[0] - start[0], end[1] - start[1]
    return (start[0] + enter * dx, start[1] + enter * dy), (start[0] + leave * dx, start[1] + leave * dy)


def _middle(pixels: NDArray[np.float64], joints: tuple[Joint, ...]) -> Pixel:
    if len(joints) == 1:
        return float(pixels[joints[0], 0]), float(pixels[joints[0], 1])
    count = len(joints)
    return sum(float(pixels[j, 0]) for j in joints) / count, sum(float(pixels[j, 1]) for j in joints) / count


def _fixed(coordinate: float) -> int:
    """OpenCV's fixed point, whose whole numbers are the centers of pixels: 0..1 of the picture spans -0.5..size -
    0.5."""
    return round((coordinate - 0.5) * _ONE)


@lru_cache(maxsize=4096)
def _full_color(hue: float, saturation: float) -> tuple[float, float, float]:
    red, green, blue = hsv_to_rgb(hue / 360, saturation, 1.0)
    return red * 255, green * 255, blue * 255


def _color(hue: float, saturation: float, light: float = 1.0) -> tuple[int, int, int]:
    red, green, blue = _full_color(hue, saturation)
    return round(red * light), round(green * light), round(blue * light)
