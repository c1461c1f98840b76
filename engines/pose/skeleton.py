"""Landmarks drawn as bones on black: what a generator sees, in training exactly as on stage.

This is the only place where skeletons are drawn. Every bone has one hue, left and right have different ones; lines
are as thick as the body is large; parts that the tracker hardly sees fade; limbs nearer to the camera lie over
farther ones. A style is data, and its hash is that of the pixels it draws: a generator shown another palette than its
own paints garbage (carolineec/EverybodyDanceNow#20).
"""

import hashlib
from colorsys import hsv_to_rgb
from functools import cached_property, lru_cache
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from engines.images import Frame, Size
from engines.pose.axes import Body
from engines.pose.guides import Guide, Stroke, guide_lines
from engines.pose.landmarks import Joint, Landmarks, in_heights
from engines.pose.limbs import ONE, SHIFT, Bone, Color, Dot, Limb, LimbTable, Part, Placed, Share
from engines.pose.stance import STANDING

_LARGEST_UNIT = 2.0  # heights: a torso longer than this is the tracker's mistake and would fill the picture


class SkeletonStyle(Part):
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

    @cached_property
    def table(self) -> LimbTable:
        return LimbTable.of(self.limbs)


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
    near = [float(nearness[limb.joints].sum()) / max(1, len(limb.joints)) for limb in style.limbs]
    lights = np.array([1 - style.shade * (1 - min(1.0, max(-1.0, one / body.unit))) for one in near])
    table = style.table
    placed = table.placed(pixels, seen, lights, unit, style.thinnest * height / 512, width, size)
    for i in sorted(range(len(near)), key=near.__getitem__):
        _draw_limb(canvas, table.bars[i], table.discs[i], placed)
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
    fixed_points = (np.clip(together, -3, 4) * (height * ONE) - ONE / 2).round().astype(np.int32)
    at = 0
    # A call for each color: every call into OpenCV gives Python's lock away, and has to get it back from the show.
    for hue, alike in groupby(strokes, key=lambda stroke: stroke.hue):
        lines = []
        for stroke in alike:
            end = at + len(stroke.points)
            lines.append(fixed_points[at:end])
            at = end
        cv2.polylines(canvas, lines, False, _color(hue), thickness, cv2.LINE_AA, SHIFT)


def _draw_limb(canvas: Frame, bars: range, discs: range, placed: Placed) -> None:
    for i in bars:
        if (color := placed.bar_colors[i]) is not None:
            cv2.fillConvexPoly(canvas, placed.quads[i], color, cv2.LINE_AA, SHIFT)
    for i in discs:
        if (color := placed.dot_colors[i]) is not None:
            cv2.circle(canvas, placed.centers[i], placed.radii[i], color, -1, cv2.LINE_AA, SHIFT)


@lru_cache(maxsize=4096)
def _color(hue: float) -> Color:
    red, green, blue = hsv_to_rgb(hue / 360, 1.0, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)
