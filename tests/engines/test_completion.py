"""Half a body stands up; a whole one is left alone."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.pose.completion import Completion, completed
from engines.pose.landmarks import Joint, Landmarks
from engines.pose.tracker import Tracker
from tests.fakes_pose import Body, Camera, Stance, dance, lengths, seen
from tests.footage import footage

SIZE = (480, 640)
LEGS = list(range(Joint.LEFT_KNEE, Joint.RIGHT_FOOT_INDEX + 1))
HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]
TYPING = Stance(arms=(20, 20), elbows=(10, 10))
LAPTOP = Camera(SIZE, 2.3, 1.2)  # cut off just above the hips


def at_a_laptop(stance: Stance = TYPING) -> Landmarks:
    """What the tracker says of a person of whom only head, chest and arms are in the picture: it invents the rest."""
    landmarks = seen(Body(), stance, LAPTOP)
    landmarks[LEGS, :2] = np.random.default_rng(0).uniform(0.9, 1.4, (len(LEGS), 2))
    landmarks[HIPS, 3], landmarks[LEGS, 3] = 0.1, 0.01
    return landmarks


def test_a_person_at_a_laptop_stands_on_two_legs_of_their_size() -> None:
    whole = completed(at_a_laptop(), SIZE)
    built, own = lengths(whole, SIZE), lengths(seen(Body(), Stance(), LAPTOP), SIZE)
    for name in ("torso", "thigh", "shin"):
        assert built[name] == pytest.approx(own[name], rel=0.15), name
    hips, knees, feet = whole[HIPS, 1].mean(), whole[[25, 26], 1].mean(), whole[27:, 1].min()
    assert hips < knees < feet
    assert whole[Joint.LEFT_ANKLE, 0] > whole[Joint.RIGHT_ANKLE, 0]
    assert (whole[HIPS + LEGS, 3] == 1).all()


def test_who_looks_down_at_the_keyboard_does_not_shrink() -> None:
    nodding = at_a_laptop()
    neck = nodding[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER], 1].mean()
    nodding[:11, 1] = neck + 0.3 * (nodding[:11, 1] - neck)
    assert (
        lengths(completed(nodding, SIZE), SIZE)["thigh"] > 0.85 * lengths(completed(at_a_laptop(), SIZE), SIZE)["thigh"]
    )


def test_arms_and_head_stay_where_they_are_seen() -> None:
    before = at_a_laptop(Stance(arms=(150, 60), elbows=(10, 40)))
    assert np.allclose(completed(before, SIZE)[:13], before[:13], atol=1e-6)
    inside = [13, 14]
    assert np.allclose(completed(before, SIZE)[inside], before[inside], atol=1e-6)


def test_hands_below_the_picture_hang_from_their_elbows() -> None:
    before = at_a_laptop()
    before[[15, 17, 19, 21], :2] = [0.1, 1.9]
    before[[15, 17, 19, 21], 3] = 0.02
    after = completed(before, SIZE)
    fore = np.linalg.norm((after[Joint.LEFT_WRIST] - after[Joint.LEFT_ELBOW])[:2])
    assert fore < 1.5 * np.linalg.norm((after[Joint.RIGHT_WRIST] - after[Joint.RIGHT_ELBOW])[:2])
    assert after[Joint.LEFT_WRIST, 3] == 1


def test_a_wholly_visible_body_is_not_touched() -> None:
    completion = Completion()
    for i in range(40):
        landmarks = seen(Body(), dance(i / 10), Camera(SIZE, 0.9, 0.4))
        assert completion(landmarks, SIZE, i / 10) is landmarks


def test_a_leg_behind_the_other_is_left_to_the_tracker() -> None:
    landmarks = seen(Body(), Stance(), Camera(SIZE, 0.9, 0.4))
    landmarks[[26, 28, 30, 32, 14, 16], 3] = 0.05
    assert completed(landmarks, SIZE) is landmarks


def test_who_is_cut_at_the_knees_keeps_thighs_and_gets_feet() -> None:
    landmarks = seen(Body(), Stance(legs=(30, 10), knees=(0, 0)), Camera(SIZE, 1.35, 0.8))
    landmarks[27:, 3] = 0.02
    after = completed(landmarks, SIZE)
    assert np.allclose(after[:27], landmarks[:27], atol=1e-6)
    assert after[Joint.LEFT_ANKLE, 1] > after[Joint.LEFT_KNEE, 1] + 0.2
    assert after[Joint.LEFT_ANKLE, 0] == pytest.approx(after[Joint.LEFT_KNEE, 0], abs=0.05)


def test_legs_that_come_into_view_are_blended_in() -> None:
    completion = Completion()
    whole = seen(Body(), Stance(legs=(40, 5)), Camera(SIZE, 0.95, 0.4))
    half = whole.copy()
    half[LEGS, 3] = 0.02
    poses = [completion(half if i < 30 else whole, SIZE, i / 30) for i in range(60)]
    steps = [np.abs(b - a)[:, :2].max() for a, b in pairwise(poses)]
    assert max(steps) < 0.25 * np.abs(whole - poses[0])[:, :2].max()
    assert np.allclose(poses[-1], whole)


def test_visibility_at_the_edge_does_not_flicker() -> None:
    completion = Completion()
    whole = seen(Body(), Stance(legs=(40, 5)), Camera(SIZE, 0.95, 0.4))
    poses = []
    for i in range(60):
        whole[LEGS, 3] = 0.35 + 0.08 * (-1) ** i
        poses.append(completion(whole, SIZE, i / 30))
    assert np.ptp(np.array(poses)[..., :2], axis=0).max() < 1e-6


def test_another_person_is_not_blended_with_the_last() -> None:
    completion = Completion()
    completion(at_a_laptop(), SIZE, 0.0)
    completion.reset()
    whole = seen(Body(), Stance(), Camera(SIZE, 0.95, 0.4))
    assert completion(whole, SIZE, 0.1) is whole


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        arrays(np.float32, (33, 4), elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan)), min_size=1, max_size=3
    )
)
def test_hips_and_legs_are_never_nan(frames: list[np.ndarray]) -> None:
    completion = Completion()
    for i, landmarks in enumerate(frames):
        assert np.isfinite(completion(landmarks, SIZE, i / 10)[HIPS + LEGS, :3]).all()


@pytest.mark.parametrize("joint", HIPS + LEGS)
def test_one_joint_that_is_no_number_is_completed_though_its_pair_is_seen(joint: int) -> None:
    whole = seen(Body(), Stance(), Camera(SIZE, 0.95, 0.4))
    whole[joint, 0] = np.nan
    assert np.isfinite(Completion()(whole, SIZE, 0.0)[HIPS + LEGS, :3]).all()


@pytest.mark.footage
def test_a_filmed_man_cut_at_the_hips_stands_whole() -> None:
    clip = cv2.VideoCapture(str(footage("dance/home_armswing.mp4")))
    completion = Completion()
    with Tracker() as tracker:
        for i in range(30):
            image = clip.read()[1]
            image = cv2.cvtColor(image[: int(image.shape[0] * 0.55)], cv2.COLOR_BGR2RGB)
            size = (image.shape[0], image.shape[1])
            tracked = tracker.track(image, i / 22.4)
            assert tracked.landmarks is not None
            whole = completion(tracked.landmarks, size, tracked.time_s)
            built = lengths(whole, size)
            assert 0.6 < built["thigh"] / built["torso"] < 1.1
            assert 0.6 < built["shin"] / built["torso"] < 1.1
