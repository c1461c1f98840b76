"""Costume lines: pure functions of the pose, finite for any pose, the same for drawing and for sewing."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter, ValidationError

from engines.pose.axes import body_unit
from engines.pose.guides import Anchor, Arc, Fan, Guide, Line, fan_ribs, guide_lines
from engines.pose.landmarks import SWAPPED_SIDES, Joint
from engines.pose.skeleton import DEFAULT_STYLE, drawn_skeleton, style_hash
from tests.fakes_pose import Body, Camera, Stance, points_of, seen

NECK = Anchor(at=("left_shoulder", "right_shoulder"), offset=(0, -0.1, 0.15))
OPEN = Stance(arms=(150, 150), elbows=(0, 0))
LEVEL = Stance(arms=(90, 90), elbows=(0, 0))
HANGING = Stance(arms=(8, 8), elbows=(5, 5))


def wing(side: Literal["left", "right"] = "left", **changes: object) -> Fan:
    inward = 0.12 if side == "left" else -0.12
    fan = Fan(
        apex=NECK,
        leading=tuple(Anchor(at=(f"{side}_{name}",)) for name in ("shoulder", "elbow", "wrist", "index")),
        trailing=Anchor(at=("left_hip", "right_hip"), offset=(inward, 1.2, 0.3)),
        side=side,
    )
    return fan.model_copy(update=changes)


SKIRT = Arc(center=Anchor(at=("left_hip", "right_hip")), across=(0.55, 0, 0), along=(0, 0.1, 0.4), hue=290)
CREST = Arc(
    center=Anchor(at=("left_ear", "right_ear"), frame="head"),
    across=(0.5, 0, 0),
    along=(0, -0.5, 0),
    start=-18,
    end=198,
    ribs=9,
    inner=0.25,
)
SASH = Line(through=(Anchor(at=("left_shoulder",)), Anchor(at=("right_hip",))), hue=200)
ALL: tuple[Fan | Arc | Line, ...] = (wing("left"), wing("right"), SKIRT, CREST, SASH)


def opening(ribs: np.ndarray) -> float:
    """Degrees in the picture between the first and the last rib."""
    a, b = ribs[0, -1, :2] - ribs[0, 0, :2], ribs[-1, -1, :2] - ribs[-1, 0, :2]
    return float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))


def test_ribs_start_at_the_apex_and_span_from_the_hand_to_the_trailing_anchor() -> None:
    points = points_of(Body(), LEVEL)
    ribs = fan_ribs(wing(), points)
    assert ribs.shape == (17, 9, 3)
    assert np.allclose(ribs[:, 0], ribs[0, 0])
    hand = points[Joint.LEFT_INDEX, :2]
    assert ribs[0, -1, 0] == pytest.approx(hand[0] + 0.3 * 0.5, abs=0.02)
    assert ribs[0, -1, 1] == pytest.approx(hand[1], abs=0.02)
    pelvis = (points[Joint.LEFT_HIP] + points[Joint.RIGHT_HIP]) / 2
    assert ribs[-1, -1, :2] == pytest.approx(pelvis[:2] + np.array([0.12, 1.2]) * 0.5, abs=0.02)


def test_the_first_rib_lies_along_a_bent_arm() -> None:
    points = points_of(Body(), Stance(arms=(100, 10), elbows=(60, 0)))
    rib = fan_ribs(wing(samples=60), points)[0]
    for joint in (Joint.LEFT_ELBOW, Joint.LEFT_WRIST):
        assert np.linalg.norm(rib[:, :2] - points[joint, :2], axis=1).min() < 0.02


def test_hanging_arms_fold_a_fan_and_raised_arms_open_it() -> None:
    folded, level, opened = (opening(fan_ribs(wing(), points_of(Body(), stance))) for stance in (HANGING, LEVEL, OPEN))
    assert folded < 25
    assert 75 < level < 90
    assert opened > 130


def test_a_raised_arm_makes_a_disc_and_not_a_chord() -> None:
    points = points_of(Body(), Stance(arms=(190, 190), elbows=(0, 0)))  # a little over the head
    ribs = fan_ribs(wing(), points)
    lengths = np.linalg.norm(ribs[:, -1] - ribs[:, 0], axis=1)
    middle = ribs[8, -1] - ribs[8, 0]
    assert middle[0] > 0.95 * 1.9 * 0.5  # straight outward, as long as the radius
    assert lengths.min() > 0.6 * lengths.max()


def test_a_mirrored_body_has_the_mirrored_ribs_of_the_other_side() -> None:
    points = points_of(Body(), Stance(arms=(140, 30), elbows=(20, 70), toward=40))
    flipped = points[SWAPPED_SIDES] * [-1, 1, 1]
    ribs = fan_ribs(wing("right"), flipped)
    assert np.allclose(ribs, fan_ribs(wing("left"), points) * [-1, 1, 1], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 5), st.floats(-2, 2), st.floats(-2, 2))
def test_ribs_move_and_grow_with_the_body(scale: float, x: float, y: float) -> None:
    points = points_of(Body(), LEVEL)
    moved = fan_ribs(wing(), points * scale + [x, y, 0])
    assert np.allclose(moved, fan_ribs(wing(), points) * scale + [x, y, 0], atol=1e-4)


@settings(max_examples=80, deadline=None)
@given(arrays(np.float32, (33, 3), elements=st.floats(width=32)))
def test_lines_are_finite_for_any_landmarks(points: np.ndarray) -> None:
    for guide in ALL:
        assert all(np.isfinite(stroke.points).all() for stroke in guide_lines(guide, points))


@settings(max_examples=60, deadline=None)
@given(st.floats(-40, 180), st.floats(-90, 150), st.floats(0, 90), st.integers(0, 1000))
def test_a_small_move_of_the_body_is_a_small_move_of_the_ribs(
    arm: float, elbow: float, toward: float, seed: int
) -> None:
    points = points_of(Body(), Stance(arms=(arm, 20), elbows=(elbow, 10), toward=toward))
    moved = points + np.random.default_rng(seed).normal(0, 0.0005, points.shape)
    assert np.abs(fan_ribs(wing(), moved) - fan_ribs(wing(), points)).max() < 0.05


def test_a_fan_seen_edge_on_keeps_its_bulge_and_the_order_of_its_ribs() -> None:
    points = points_of(Body(), HANGING)
    for joint in (Joint.LEFT_ELBOW, Joint.LEFT_WRIST, Joint.LEFT_INDEX, Joint.LEFT_PINKY):
        reach = 0.28 * (1 + (joint != Joint.LEFT_ELBOW))
        points[joint] = points[Joint.LEFT_SHOULDER] + [0, 0, -reach]
    hem = fan_ribs(wing(), points)[:, -1]
    assert np.ptp(hem[:, 0]) > 0.15
    assert (np.diff(hem[:, 1]) > -0.02).all()


def test_a_hand_at_the_apex_does_not_whirl_the_fan_around() -> None:
    points = points_of(Body(), HANGING)
    neck = (points[Joint.LEFT_SHOULDER] + points[Joint.RIGHT_SHOULDER]) / 2 + [0, -0.05, 0.1]
    hems = []
    for angle in np.radians(range(0, 360, 20)):
        points[[Joint.LEFT_ELBOW, Joint.LEFT_WRIST, Joint.LEFT_INDEX]] = (
            neck + np.array([np.cos(angle), np.sin(angle), 0]) * 0.01
        )
        hems.append(fan_ribs(wing(rod=0.0), points)[:, -1])
    assert np.ptp(hems, axis=0).max() < 0.2


def test_wrong_depth_moves_ribs_half_as_far_as_a_true_move_would() -> None:
    points = points_of(Body(), LEVEL)
    wrong = points.copy()
    wrong[[Joint.LEFT_WRIST, Joint.LEFT_INDEX], 2] -= 0.2
    moved = np.abs(fan_ribs(wing(), wrong) - fan_ribs(wing(), points))[..., 2].max()
    assert 0.05 < moved < 0.2 * 0.5 * 1.6


def test_nothing_hangs_through_the_floor() -> None:
    kneeling = points_of(Body(), LEVEL)
    for joint in range(Joint.LEFT_ANKLE, Joint.RIGHT_FOOT_INDEX + 1):
        kneeling[joint, 1] = kneeling[Joint.LEFT_KNEE, 1]
    floor = kneeling[Joint.LEFT_HEEL, 1]
    assert fan_ribs(wing(above_floor=False), kneeling)[..., 1].max() > floor + 0.1
    assert fan_ribs(wing(), kneeling)[..., 1].max() <= floor + 1e-6


def test_the_rod_withdraws_when_the_hand_crosses_the_midline() -> None:
    def rod(stance: Stance) -> float:
        points = points_of(Body(), stance)
        return float(np.linalg.norm(fan_ribs(wing(), points)[0, -1, :2] - points[Joint.LEFT_INDEX, :2]))

    assert rod(LEVEL) == pytest.approx(0.15, abs=0.01)
    assert rod(Stance(arms=(100, 10), elbows=(150, 0))) > rod(Stance(arms=(-60, 10), elbows=(-20, 0)))
    assert rod(Stance(arms=(-60, 10), elbows=(-20, 0))) < 0.01


def test_every_second_rib_of_a_scalloped_hem_is_shorter() -> None:
    points = points_of(Body(), OPEN)
    plain, scalloped = (
        np.linalg.norm(np.diff(fan_ribs(wing(scallop=s), points)[[4, 5], ::8], axis=1), axis=2) for s in (0, 0.1)
    )
    assert scalloped[0] == pytest.approx(plain[0])
    assert scalloped[1] == pytest.approx(plain[1] * 0.9, rel=0.02)


def test_a_bow_does_not_shrink_the_costume() -> None:
    upright = points_of(Body(), HANGING)
    bowed = upright.copy()
    bowed[: Joint.LEFT_HIP, 1] += 0.35
    assert body_unit(bowed) > 0.85 * body_unit(upright)


def test_a_crest_is_not_tipped_over_by_noise_in_the_face() -> None:
    points = points_of(Body(), HANGING)
    rng = np.random.default_rng(3)
    middle = []
    for _ in range(50):
        noisy = points.copy()
        noisy[:11] += rng.normal(0, 0.02, (11, 3))  # 6 px of 512 for a body of the usual size
        arc = guide_lines(CREST, noisy)[-1].points
        middle.append(arc[len(arc) // 2, :2] - noisy[[Joint.LEFT_EAR, Joint.RIGHT_EAR], :2].mean(axis=0))
    angles = np.degrees(np.arctan2(np.array(middle)[:, 0], -np.array(middle)[:, 1]))
    assert np.abs(angles).max() < 20


def test_drawn_ribs_are_the_ribs_that_cloth_is_sewn_from() -> None:
    points = points_of(Body(), LEVEL)
    strokes = guide_lines(wing(), points)
    ribs = fan_ribs(wing(), points)
    assert np.array_equal(np.stack([stroke.points for stroke in strokes[:-1]]), ribs)
    assert np.array_equal(strokes[-1].points, ribs[:, -1])


def test_guides_lie_under_the_bones() -> None:
    camera = Camera((256, 256), 0.9, 0.35)
    style = DEFAULT_STYLE.model_copy(update={"guides": (SASH, wing("left"))})
    landmarks = seen(Body(), LEVEL, camera)
    bare, dressed = drawn_skeleton(landmarks, camera.size), drawn_skeleton(landmarks, camera.size, style)
    inside = (bare == 255).any(axis=2)
    assert np.array_equal(bare[inside], dressed[inside])
    assert (dressed.any(axis=2) & ~bare.any(axis=2)).sum() > 500


def test_guides_belong_to_the_hash_of_a_style() -> None:
    dressed = DEFAULT_STYLE.model_copy(update={"guides": ALL})
    assert style_hash(dressed) != style_hash(DEFAULT_STYLE)


@pytest.mark.parametrize("guide", ALL, ids=lambda guide: guide.kind)
def test_a_guide_survives_its_file(guide: Fan | Arc | Line) -> None:
    file = TypeAdapter(Guide)
    assert file.validate_json(file.dump_json(guide)) == guide


def test_an_anchor_on_no_landmark_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="'left_wing' is no landmark; one of nose, "):
        Anchor(at=("left_wing",))


def test_torso_anchors_turn_with_the_dancer() -> None:
    anchor = Anchor(at=("left_hip", "right_hip"), offset=(1, 0, 0))
    line = Line(through=(Anchor(at=("left_hip", "right_hip")), anchor))
    front = points_of(Body(), HANGING)
    back = front * [-1, 1, -1]
    assert np.diff(guide_lines(line, front)[0].points[:, 0]) > 0
    assert np.diff(guide_lines(line, back)[0].points[:, 0]) < 0
