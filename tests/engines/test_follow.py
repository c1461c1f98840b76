"""From the tracker to the stage: held, faded, mirrored, and never somebody else's shape."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.pose.follow import Follower
from engines.pose.landmarks import Joint, Landmarks, mirrored
from engines.pose.proportions import proportions_of
from engines.pose.tracker import Tracked
from tests.fakes_pose import Body, Camera, Stance, dance, lengths, seen

SQUARE, WIDE = (512, 512), (360, 640)
HER = Camera(SQUARE, 0.9, 0.45)
DANCER = proportions_of(np.array([seen(Body(), dance(i / 15), HER) for i in range(150)]), SQUARE)
VISITOR = Camera(WIDE, 0.8, 0.35)


def tracked(landmarks: Landmarks | None, time_s: float) -> Tracked:
    return Tracked(landmarks=landmarks, mask=None, time_s=time_s)


def visitor(time_s: float) -> Tracked:
    return tracked(seen(Body(), dance(time_s), VISITOR), time_s)


def test_nobody_ever_is_no_landmarks_and_no_presence() -> None:
    followed = Follower(DANCER).follow(tracked(None, 3.0), WIDE)
    assert followed.landmarks is None
    assert followed.landmarks_smoothed is None
    assert followed.presence == 0


def test_who_leaves_is_held_for_half_a_second_and_fades_in_another() -> None:
    follower = Follower(DANCER)
    last = follower.follow(visitor(1.0), WIDE)
    assert last.presence == 1
    gone = {t: follower.follow(tracked(None, 1.0 + t), WIDE) for t in (0.1, 0.5, 0.75, 0.9, 1.01)}
    assert [gone[t].presence for t in (0.1, 0.5)] == [1, 1]
    assert gone[0.75].presence == pytest.approx(0.5)
    assert gone[0.9].presence == pytest.approx(0.2)
    assert gone[1.01].presence == 0
    assert np.array_equal(gone[0.9].landmarks, last.landmarks)
    assert gone[1.01].landmarks is None


def test_a_blink_of_the_tracker_interrupts_nothing() -> None:
    blinking, steady = Follower(DANCER), Follower(DANCER)
    for i in range(60):
        time_s = i / 30
        shown = blinking.follow(tracked(None, time_s) if i in (30, 31) else visitor(time_s), WIDE)
        expected = steady.follow(visitor(time_s), WIDE)
        assert shown.presence == 1
    assert np.abs(shown.landmarks - expected.landmarks)[:, :2].max() < 0.02


def test_who_comes_back_after_a_while_is_a_new_person() -> None:
    follower, fresh = Follower(DANCER), Follower(DANCER)
    giant = Camera(WIDE, 1.3, 0.8)
    for i in range(30):
        follower.follow(tracked(seen(Body(), dance(i / 30), giant), i / 30), WIDE)
    for i in range(30, 60):
        follower.follow(tracked(None, i / 30), WIDE)
    again = follower.follow(visitor(3.0), WIDE)
    assert again.presence == 1
    assert np.allclose(again.landmarks, fresh.follow(visitor(3.0), WIDE).landmarks)


def test_a_leap_to_another_person_starts_afresh() -> None:
    follower, fresh = Follower(DANCER), Follower(DANCER)
    for i in range(30):
        follower.follow(visitor(i / 30), WIDE)
    child = tracked(seen(Body().larger(0.5), Stance(), Camera(WIDE, 0.9, 0.35, center=0.2)), 1.0)
    assert np.allclose(follower.follow(child, WIDE).landmarks, fresh.follow(child, WIDE).landmarks)


def test_a_mirror_swaps_the_sides() -> None:
    asymmetric = tracked(seen(Body(), Stance(arms=(150, 10)), VISITOR), 0.0)
    plain = Follower(DANCER).follow(asymmetric, WIDE)
    mirror = Follower(DANCER).follow(asymmetric, WIDE, mirror=True)
    assert np.allclose(mirror.landmarks, mirrored(plain.landmarks), atol=0.01)
    assert mirror.landmarks[Joint.RIGHT_WRIST, 1] < mirror.landmarks[Joint.LEFT_WRIST, 1]
    assert np.array_equal(mirror.landmarks_smoothed, plain.landmarks_smoothed)


def test_a_visitor_in_a_wide_frame_stands_on_the_dancers_floor() -> None:
    follower = Follower(DANCER)
    for i in range(60):
        followed = follower.follow(visitor(i / 30), WIDE)
    assert followed.landmarks[27:, 1].max() == pytest.approx(DANCER.floor_near, abs=0.02)


def test_half_a_body_stands_whole_on_the_dancers_floor() -> None:
    sitting = seen(Body(), Stance(arms=(120, 40)), Camera(WIDE, 2.3, 1.2))
    sitting[23:, 3] = 0.02
    sitting[25:, :2] = 1.2  # what a tracker makes up
    followed = Follower(DANCER).follow(tracked(sitting, 0.0), WIDE)
    assert followed.landmarks[27:, 1].max() == pytest.approx(DANCER.floor_near, abs=0.01)
    assert followed.landmarks[Joint.LEFT_ANKLE, 1] > followed.landmarks[Joint.LEFT_KNEE, 1] + 0.1
    assert followed.landmarks[:, :2].min() > 0
    assert followed.landmarks[Joint.LEFT_WRIST, 1] < followed.landmarks[Joint.RIGHT_WRIST, 1]


def test_a_landmark_lost_for_a_frame_is_lost_for_that_frame_only() -> None:
    follower = Follower(DANCER)
    broken = seen(Body(), dance(0), VISITOR)
    broken[Joint.LEFT_WRIST] = np.nan
    assert np.isfinite(follower.follow(tracked(broken, 0.0), WIDE).landmarks).all()
    for i in range(1, 30):
        followed = follower.follow(visitor(i / 30), WIDE)
    own = seen(Body(), dance(29 / 30), VISITOR)
    assert np.abs(followed.landmarks_smoothed - own)[Joint.LEFT_WRIST, :2].max() < 0.02


def test_landmarks_without_a_torso_are_nobody() -> None:
    nowhere = seen(Body(), Stance(), VISITOR)
    nowhere[[Joint.LEFT_HIP, Joint.RIGHT_SHOULDER]] = np.nan
    assert Follower(DANCER).follow(tracked(nowhere, 0.0), WIDE).landmarks is None


def test_without_proportions_the_frame_is_laid_over_the_square() -> None:
    pose = seen(Body(), Stance(), VISITOR)
    followed = Follower(None).follow(tracked(pose, 0.0), WIDE, smoothing=0)
    assert np.allclose(followed.landmarks[:, 1], pose[:, 1], atol=1e-6)
    assert lengths(followed.landmarks)["thigh"] == pytest.approx(lengths(pose, WIDE)["thigh"], rel=1e-4)
    assert followed.landmarks[[23, 24], 0].mean() == pytest.approx(0.5, abs=1e-4)


def test_smoothing_calms_a_standing_person() -> None:
    def wobble(smoothing: float) -> float:
        follower, rng, poses = Follower(DANCER), np.random.default_rng(0), []
        for i in range(60):
            pose = seen(Body(), Stance(), VISITOR)
            pose[:, :2] += rng.normal(0, 0.003, (33, 2))
            poses.append(follower.follow(tracked(pose, i / 30), WIDE, smoothing=smoothing).landmarks[:, :2])
        return float(np.abs(np.diff(poses[20:], axis=0)).mean())

    assert wobble(0.9) < 0.5 * wobble(0.0)


def test_a_clip_that_begins_again_begins_again() -> None:
    follower, fresh = Follower(DANCER), Follower(DANCER)
    for i in range(30):
        follower.follow(visitor(5 + i / 30), WIDE)
    assert np.allclose(follower.follow(visitor(0.0), WIDE).landmarks, fresh.follow(visitor(0.0), WIDE).landmarks)


def test_what_was_followed_cannot_be_changed() -> None:
    followed = Follower(DANCER).follow(visitor(0.0), WIDE)
    with pytest.raises(FrozenInstanceError):
        followed.presence = 0.5  # type: ignore[misc]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | arrays(np.float32, (33, 4), elements=st.floats(width=32)), min_size=1, max_size=5),
    st.floats(0, 1),
    st.floats(0, 1),
    st.booleans(),
)
def test_whatever_is_tracked_nothing_becomes_nan(
    frames: list[np.ndarray | None], smoothing: float, retarget: float, mirror: bool
) -> None:
    follower = Follower(DANCER)
    for i, landmarks in enumerate([*frames, visitor(0).landmarks, *frames]):
        followed = follower.follow(
            tracked(landmarks, i / 10), WIDE, smoothing=smoothing, retarget=retarget, mirror=mirror
        )
        assert 0 <= followed.presence <= 1
        assert followed.landmarks is None or np.isfinite(followed.landmarks).all()
