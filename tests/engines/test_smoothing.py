"""A body that stands is still, a body that moves is not delayed, and nothing odd gets stuck in the filter."""

import numpy as np
import pytest

from engines.images import Size
from engines.pose.body import Camera, Pose, posed, projected
from engines.pose.landmarks import Joint, Landmarks
from engines.pose.smoothing import OneEuro

SIZE = (480, 640)
RATE_HZ = 30


def standing(x: float = 0.0, distance: float = 5.2, **pose: float) -> Landmarks:
    return projected(posed(Pose(**pose)) + np.array([x, 0, 0]), Camera(SIZE, distance=distance))


def trembling(landmarks: Landmarks, frames: int, torso_share: float = 0.02) -> list[Landmarks]:
    """Noise in parts of the torso, as trackers have it: a small person trembles by fewer pixels."""
    torso = np.linalg.norm(landmarks[Joint.LEFT_SHOULDER, :2] - landmarks[Joint.LEFT_HIP, :2])
    noise = np.random.default_rng(0).normal(0, torso_share * torso, (frames, 33, 2)).astype(np.float32)
    return [landmarks + np.pad(step, ((0, 0), (0, 2))) for step in noise]


def smoothed(poses: list[Landmarks], amount: float = 0.5, size: Size = SIZE) -> np.ndarray:
    smooth = OneEuro.of_amount(amount)
    return np.stack([smooth(pose, i / RATE_HZ, size) for i, pose in enumerate(poses)])


def tremor(poses: np.ndarray) -> float:
    return float(np.abs(np.diff(poses[10:, :, :2], axis=0)).mean())


def raising(rate_deg_s: float) -> list[Landmarks]:
    return [standing(left_raise=20 + rate_deg_s * i / RATE_HZ) for i in range(20)]


def test_a_still_body_trembles_less_than_half_as_much() -> None:
    noisy = trembling(standing(), 60)
    assert tremor(smoothed(noisy)) < 0.5 * tremor(np.stack(noisy))


def test_more_smoothing_is_calmer() -> None:
    noisy = trembling(standing(), 60)
    tremors = [tremor(smoothed(noisy, amount)) for amount in (0, 0.25, 0.5, 0.75, 1)]
    assert tremors == sorted(tremors, reverse=True)


def test_a_fast_arm_is_hardly_delayed() -> None:
    poses = raising(400)
    behind = smoothed(poses)[12:, Joint.LEFT_WRIST, :2] - np.stack(poses)[12:, Joint.LEFT_WRIST, :2]
    a_frame = np.diff(np.stack(poses)[12:, Joint.LEFT_WRIST, :2], axis=0)
    assert np.linalg.norm(behind, axis=1).max() < 0.8 * np.linalg.norm(a_frame, axis=1).mean()


def test_no_smoothing_changes_nothing() -> None:
    poses = raising(400)
    np.testing.assert_allclose(smoothed(poses, 0), np.stack(poses), atol=1e-6)


def test_near_and_far_bodies_are_smoothed_alike() -> None:
    def kept(distance: float) -> float:
        noisy = trembling(standing(distance=distance), 60)
        return tremor(smoothed(noisy)) / tremor(np.stack(noisy))

    assert kept(4.5) == pytest.approx(kept(13.5), rel=0.05)


def test_the_shape_of_the_frame_does_not_matter() -> None:
    wide = Camera((480, 1280))
    poses = [posed(Pose(left_raise=20 + 300 * i / RATE_HZ)) for i in range(15)]
    in_wide = smoothed([projected(p, wide) for p in poses], size=wide.size)[..., 0] * 1280 - 640
    in_narrow = smoothed([projected(p, Camera(SIZE)) for p in poses])[..., 0] * 640 - 320
    np.testing.assert_allclose(in_wide, in_narrow, atol=0.05)


@pytest.mark.parametrize("step_s", [0.7, -0.1])
def test_a_gap_or_a_clip_that_loops_begins_anew(step_s: float) -> None:
    smooth = OneEuro.of_amount(1.0)
    smooth(standing(left_raise=10), 5.0, SIZE)
    np.testing.assert_allclose(smooth(standing(left_raise=80), 5.0 + step_s, SIZE), standing(left_raise=80), atol=1e-6)


def test_another_person_is_not_reached_by_sliding() -> None:
    smooth = OneEuro.of_amount(1.0)
    smooth(standing(-0.8), 0.0, SIZE)
    np.testing.assert_allclose(smooth(standing(0.8), 1 / RATE_HZ, SIZE), standing(0.8), atol=1e-6)


def test_the_same_moment_twice_is_the_same_pose() -> None:
    smooth = OneEuro()
    first = smooth(standing(left_raise=10), 1.0, SIZE)
    np.testing.assert_array_equal(smooth(standing(left_raise=80), 1.0, SIZE), first)


def test_a_landmark_that_is_not_a_number_keeps_its_place_and_fades() -> None:
    smooth = OneEuro()
    good = standing()
    broken = good.copy()
    broken[Joint.LEFT_WRIST] = np.nan
    before = smooth(good, 0.0, SIZE)
    after = [smooth(broken, i / RATE_HZ, SIZE) for i in range(1, 12)][-1]
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after[Joint.LEFT_WRIST, :2], before[Joint.LEFT_WRIST, :2], atol=1e-4)
    assert after[Joint.LEFT_WRIST, 3] < 0.3
    np.testing.assert_allclose(smooth(good, 0.5, SIZE)[:, :2], good[:, :2], atol=1e-3)


def test_a_first_pose_of_nothing_but_noise_does_not_stay() -> None:
    smooth = OneEuro()
    assert np.isfinite(smooth(np.full((33, 4), np.inf, np.float32), 0.0, SIZE)).all()
    np.testing.assert_allclose(smooth(standing(), 0.03, SIZE), standing(), atol=1e-6)


def test_turning_the_control_does_not_make_the_body_jump() -> None:
    smooth = OneEuro.of_amount(0.0)
    poses = raising(200)
    shown = []
    for i, pose in enumerate(poses):
        smooth.set_amount(i / len(poses))
        shown.append(smooth(pose, i / RATE_HZ, SIZE))
    steps = np.linalg.norm(np.diff(np.stack(shown)[:, Joint.LEFT_WRIST, :2], axis=0), axis=1)
    given = np.linalg.norm(np.diff(np.stack(poses)[:, Joint.LEFT_WRIST, :2], axis=0), axis=1)
    assert steps.max() < 1.2 * given.max()


def test_what_is_given_is_not_changed() -> None:
    pose = standing()
    kept = pose.copy()
    smooth = OneEuro()
    smooth(pose, 0.0, SIZE)[:] = 0
    smooth(pose, 0.03, SIZE)[:] = 0
    np.testing.assert_array_equal(pose, kept)
    assert smooth(pose, 0.06, SIZE)[Joint.NOSE, 1] == pytest.approx(kept[Joint.NOSE, 1], abs=1e-4)
