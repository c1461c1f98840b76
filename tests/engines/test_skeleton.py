"""What a generator is shown: stable to the pixel, honest about left and right, and unbreakable."""

import colorsys
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.pose import axes
from engines.pose.landmarks import Joint, mirrored
from engines.pose.skeleton import DEFAULT_STYLE, SkeletonStyle, drawn_skeleton, style_hash
from tests.fakes_pose import Body, Camera, Stance, seen

SIZE = (256, 256)
REACHING = Stance(arms=(140, 60), elbows=(20, 30), legs=(25, 3), knees=(40, 0))
CAMERA = Camera(SIZE, 0.92, 0.35)


def pose() -> np.ndarray:
    return seen(Body(), REACHING, CAMERA)


def with_sides_exchanged(style: SkeletonStyle) -> SkeletonStyle:
    text = style.model_dump_json().replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
    return SkeletonStyle.model_validate_json(text)


def pixel(picture: np.ndarray, landmarks: np.ndarray, *joints: Joint) -> np.ndarray:
    """The color halfway between two joints."""
    x, y = landmarks[list(joints), :2].mean(axis=0) * picture.shape[0] - 0.5
    return picture[round(float(y)), round(float(x))].astype(int)


def test_a_mirrored_pose_is_the_flipped_picture_with_left_and_right_colors_exchanged() -> None:
    flipped = drawn_skeleton(pose(), SIZE, with_sides_exchanged(DEFAULT_STYLE))[:, ::-1]
    difference = np.abs(drawn_skeleton(mirrored(pose()), SIZE).astype(int) - flipped).max(axis=2)
    assert (difference > 64).mean() < 0.001  # edges of bars round differently on the two sides
    assert (difference > 8).mean() < 0.01


def test_left_limbs_keep_their_color_in_a_mirror() -> None:
    for left in ((Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW), (Joint.LEFT_KNEE, Joint.LEFT_ANKLE)):
        before = pixel(drawn_skeleton(pose(), SIZE), pose(), *left)
        after = pixel(drawn_skeleton(mirrored(pose()), SIZE), mirrored(pose()), *left)
        assert np.abs(before - after).max() <= 2


def test_every_bone_has_a_hue_of_its_own_but_for_hands_feet_and_face() -> None:
    thick = [bone for limb in DEFAULT_STYLE.limbs for bone in limb.bones if bone.width >= 0.05]
    hues = sorted(bone.hue for bone in thick)
    assert len(set(hues)) == len(hues) == 14


def test_no_bone_of_the_left_has_the_hue_of_one_of_the_right() -> None:
    hues: dict[str, set[float]] = {"LEFT": set(), "RIGHT": set()}
    for limb in DEFAULT_STYLE.limbs:
        for bone in limb.bones:
            sides = {Joint(joint).name.split("_")[0] for joint in bone.end} & {"LEFT", "RIGHT"}
            if len(sides) == 1:
                hues[sides.pop()].add(bone.hue)
    assert not hues["LEFT"] & hues["RIGHT"]


def test_the_same_landmarks_give_the_same_pixels() -> None:
    assert np.array_equal(drawn_skeleton(pose(), SIZE), drawn_skeleton(pose().copy(), SIZE))


def test_unseen_limbs_fade_and_vanish() -> None:
    arm = [Joint.LEFT_ELBOW, Joint.LEFT_WRIST]
    brightness = []
    for visibility in (1.0, 0.35, 0.05):
        landmarks = pose()
        landmarks[arm, 3] = visibility
        brightness.append(pixel(drawn_skeleton(landmarks, SIZE), landmarks, *arm).max())
    assert brightness[0] > brightness[1] + 50 > 50
    assert brightness[2] == 0


def test_lines_are_as_thick_as_the_body_is_large() -> None:
    small, large = (
        (drawn_skeleton(seen(Body(), Stance(), Camera((512, 512), 0.9, scale)), (512, 512)).max(axis=2) > 0).sum()
        for scale in (0.2, 0.4)
    )
    assert large / small == pytest.approx(4, rel=0.25)


def test_width_thickens_bones() -> None:
    thin, thick = ((drawn_skeleton(pose(), SIZE, width=width) > 0).sum() for width in (0.7, 1.4))
    assert thick > 1.4 * thin


def test_a_nearer_arm_lies_over_the_trunk_and_a_farther_one_under_it() -> None:
    shown = []
    for z in (-0.3, 0.3):
        landmarks = seen(Body(), Stance(), CAMERA)
        middle = landmarks[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP], :2].mean(
            axis=0
        )
        landmarks[[Joint.LEFT_ELBOW, Joint.LEFT_WRIST], :2] = [middle + np.array([0.1, 0]), middle - np.array([0.1, 0])]
        landmarks[[Joint.LEFT_ELBOW, Joint.LEFT_WRIST], 2] = z
        shown.append(pixel(drawn_skeleton(landmarks, SIZE), landmarks, Joint.LEFT_ELBOW, Joint.LEFT_WRIST))
    orange, green = shown
    assert orange[0] > orange[1] + 50
    assert green[1] > green[0] + 50


def test_the_picture_is_as_large_as_asked_and_black_around_the_body() -> None:
    picture = drawn_skeleton(seen(Body(), Stance(), Camera((90, 160), 0.9, 0.4)), (90, 160))
    assert picture.shape == (90, 160, 3)
    assert picture.dtype == np.uint8
    assert not picture[:, :20].any()
    assert picture.any()


def test_bodies_are_not_stretched_by_wide_frames() -> None:
    square = drawn_skeleton(seen(Body(), REACHING, Camera((180, 180), 0.9, 0.35)), (180, 180))
    wide = drawn_skeleton(seen(Body(), REACHING, Camera((180, 320), 0.9, 0.35)), (180, 320))
    assert np.array_equal(square, wide[:, 70:250])


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (33, 4), elements=st.floats(width=32)))
def test_no_landmarks_whatever_break_the_drawing(landmarks: np.ndarray) -> None:
    assert drawn_skeleton(landmarks, (64, 96)).shape == (64, 96, 3)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (33, 4), elements=st.floats(-30, 30, width=32)))
def test_bodies_far_out_of_the_frame_are_clipped(landmarks: np.ndarray) -> None:
    landmarks[:, 3] = 1
    assert drawn_skeleton(landmarks, (64, 64)).shape == (64, 64, 3)


def test_a_bone_that_leaves_the_frame_is_drawn_up_to_its_edge() -> None:
    landmarks = pose()
    landmarks[Joint.LEFT_WRIST, 0] = 25.0
    landmarks[Joint.LEFT_WRIST, 1] = landmarks[Joint.LEFT_ELBOW, 1]
    row = round(float(landmarks[Joint.LEFT_ELBOW, 1]) * 256)
    assert drawn_skeleton(landmarks, SIZE)[row - 4 : row + 5, 250:].any()


def test_a_bone_to_nowhere_is_left_out() -> None:
    landmarks = pose()
    landmarks[Joint.LEFT_WRIST, :2] = np.nan
    landmarks[[Joint.LEFT_PINKY, Joint.LEFT_INDEX, Joint.LEFT_THUMB], 3] = 0
    hidden = pose()
    hidden[[Joint.LEFT_WRIST, Joint.LEFT_PINKY, Joint.LEFT_INDEX, Joint.LEFT_THUMB], 3] = 0
    assert np.array_equal(drawn_skeleton(landmarks, SIZE), drawn_skeleton(hidden, SIZE))


def test_nobody_anywhere_is_black() -> None:
    assert not drawn_skeleton(np.full((33, 4), np.nan, np.float32), SIZE).any()


def test_a_style_survives_its_file() -> None:
    again = SkeletonStyle.model_validate_json(DEFAULT_STYLE.model_dump_json())
    assert again == DEFAULT_STYLE
    assert style_hash(again) == style_hash(DEFAULT_STYLE)


def one_by_one(landmarks: np.ndarray, style: SkeletonStyle) -> np.ndarray:
    """The bones and dots of `style` in a square of 256, each reckoned alone in Python's own numbers."""
    canvas = np.zeros((256, 256, 3), np.uint8)
    points = np.asarray(landmarks, np.float32).astype(np.float64) * [1, 1, 0.5, 1]
    height, hips = 256, points[[23, 24], 2].mean()
    unit = axes.Body.of(np.asarray(landmarks, np.float32)[:, :3]).unit
    near = {limb.name: float(np.mean([hips - points[joint, 2] for joint in limb.joints])) for limb in style.limbs}
    for limb in sorted(style.limbs, key=lambda limb: near[limb.name]):
        light = 1 - style.shade * (1 - min(1, max(-1, near[limb.name] / unit)))
        fade = [min(1, max(0, (v - style.hidden) / (style.seen - style.hidden))) * light for v in points[:, 3]]
        for bone in limb.bones:
            glow = min(fade[joint] for joint in bone.start + bone.end)
            (x0, y0), (x1, y1) = (points[list(at), :2].mean(axis=0).tolist() for at in (bone.start, bone.end))
            (x0, y0), (x1, y1) = (x0 * height, y0 * height), (x1 * height, y1 * height)
            half = max(style.thinnest / 2, bone.width * unit * height) / 2
            across, down = (y0 - y1) / math.dist((x0, y0), (x1, y1)), (x1 - x0) / math.dist((x0, y0), (x1, y1))
            corners = [(x0, y0, 1), (x1, y1, 1), (x1, y1, -1), (x0, y0, -1)]
            quad = [
                [round((x + s * across * half) * 16) - 8, round((y + s * down * half) * 16) - 8] for x, y, s in corners
            ]
            if glow > 0.02:
                cv2.fillConvexPoly(canvas, np.array(quad, np.int32), tint(bone.hue, 1, glow), cv2.LINE_AA, 4)
        for dot in limb.dots:
            x, y = (round(value * height * 16) - 8 for value in points[dot.at, :2].tolist())
            radius = round(max(style.thinnest / 2, 2 * dot.radius * unit * height) * 8)
            if fade[dot.at] > 0.02:
                color = tint(dot.hue, dot.saturation, fade[dot.at])
                cv2.circle(canvas, (x, y), radius, color, -1, cv2.LINE_AA, 4)
    return canvas


def tint(hue: float, saturation: float, light: float) -> tuple[int, ...]:
    return tuple(round(part * 255 * light) for part in colorsys.hsv_to_rgb(hue / 360, saturation, 1))


@pytest.mark.parametrize("seed", range(8))
def test_all_parts_found_at_once_lie_where_each_alone_would(seed: int) -> None:
    random = np.random.default_rng(seed)
    landmarks = pose()
    landmarks[:, :3] += random.normal(0, 0.02, (33, 3)).astype(np.float32)
    landmarks[:, 3] = random.random(33)
    difference = np.abs(drawn_skeleton(landmarks, SIZE).astype(int) - one_by_one(landmarks, DEFAULT_STYLE))
    assert difference.max() <= 8  # a corner may fall on the other side of a sixteenth of a pixel


def test_a_style_changed_in_a_copy_is_drawn_as_changed() -> None:
    drawn_skeleton(pose(), SIZE)
    trunk = DEFAULT_STYLE.model_copy(update={"limbs": DEFAULT_STYLE.limbs[:1]})
    fresh = SkeletonStyle(limbs=DEFAULT_STYLE.limbs[:1])
    assert np.array_equal(drawn_skeleton(pose(), SIZE, trunk), drawn_skeleton(pose(), SIZE, fresh))


def test_the_hash_is_of_what_is_drawn() -> None:
    renamed = DEFAULT_STYLE.model_copy(update={"name": "other"})
    assert style_hash(renamed) == style_hash(DEFAULT_STYLE)
    assert style_hash(with_sides_exchanged(DEFAULT_STYLE)) != style_hash(DEFAULT_STYLE)


def test_the_default_style_is_drawn_as_ever() -> None:
    """Bundles in the world carry this hash. If this fails, old performers would be shown a palette they never saw."""
    assert style_hash(DEFAULT_STYLE) == "8b0a2d779287ae24c6276dc803a4e3541d23d0dc589004c193b89d095501c034", (
        f"drawn by OpenCV {cv2.__version__}"
    )
