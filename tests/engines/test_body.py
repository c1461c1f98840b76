"""A posed body keeps its bones, stands on its feet and turns the way the words say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.pose.body import POSE_FIELDS, Build, Camera, Pose, posed, projected
from engines.pose.landmarks import SWAPPED_SIDES, Joint, mirrored

J = Joint
angles = st.floats(-170, 170)
poses = st.builds(
    Pose,
    heading=angles,
    lean=st.floats(-30, 60),
    bend=st.floats(-30, 60),
    side=st.floats(-40, 40),
    twist=st.floats(-50, 50),
    left_raise=st.floats(0, 180),
    left_swing=angles,
    left_roll=st.floats(-90, 90),
    left_elbow=st.floats(0, 140),
    right_raise=st.floats(0, 180),
    right_elbow=st.floats(0, 140),
    height=st.floats(0.6, 1),
    left_x=st.floats(-0.3, 0.6),
    left_z=st.floats(-0.4, 0.4),
    left_lift=st.floats(0, 0.5),
    right_tip=st.floats(0, 40),
)


def length(points: np.ndarray, one: Joint, other: Joint) -> float:
    return float(np.linalg.norm(points[one] - points[other]))


@settings(max_examples=60, deadline=None)
@given(poses)
def test_bones_keep_their_lengths(pose: Pose) -> None:
    points, build = posed(pose), Build()
    for side in (0, 1):
        assert length(points, J(J.LEFT_SHOULDER + side), J(J.LEFT_ELBOW + side)) == pytest.approx(build.upper_arm)
        assert length(points, J(J.LEFT_ELBOW + side), J(J.LEFT_WRIST + side)) == pytest.approx(build.forearm)
        assert length(points, J(J.LEFT_HIP + side), J(J.LEFT_KNEE + side)) == pytest.approx(build.thigh)
        assert length(points, J(J.LEFT_KNEE + side), J(J.LEFT_ANKLE + side)) == pytest.approx(build.shin)
    assert length(points, J.LEFT_HIP, J.RIGHT_HIP) == pytest.approx(build.hips)


@settings(max_examples=60, deadline=None)
@given(poses)
def test_every_pose_is_finite_and_above_the_floor(pose: Pose) -> None:
    points = posed(pose)
    assert np.isfinite(points).all()
    assert points[[J.LEFT_HEEL, J.RIGHT_HEEL, J.LEFT_FOOT_INDEX, J.RIGHT_FOOT_INDEX], 1].min() > -0.08


@settings(max_examples=40, deadline=None)
@given(poses)
def test_the_mirrored_pose_is_the_mirror_image(pose: Pose) -> None:
    points = posed(pose.mirrored())[SWAPPED_SIDES] * [-1, 1, 1]
    np.testing.assert_allclose(points, posed(pose), atol=1e-9)


def test_a_foot_that_stands_stays_while_the_body_moves() -> None:
    one = posed(Pose())
    other = posed(Pose(x=0.06, z=0.05, height=0.9, bend=30, twist=30, lean=10))
    np.testing.assert_allclose(other[J.LEFT_ANKLE], one[J.LEFT_ANKLE], atol=1e-6)


def test_hips_sink_rather_than_feet_leave_the_floor() -> None:
    wide = posed(Pose(left_x=0.7, right_x=-0.7, height=1.0))
    assert wide[J.LEFT_ANKLE, 1] == pytest.approx(Build().ankle, abs=1e-3)
    assert wide[J.LEFT_HIP, 1] < posed(Pose())[J.LEFT_HIP, 1] - 0.1


def test_words_and_directions_agree() -> None:
    rest = posed(Pose())
    assert rest[J.LEFT_SHOULDER, 0] > rest[J.RIGHT_SHOULDER, 0]
    assert rest[J.NOSE, 2] > rest[J.LEFT_EAR, 2]
    assert posed(Pose(heading=90))[J.NOSE, 0] > 0.05
    assert posed(Pose(bend=30))[J.NOSE, 2] > rest[J.NOSE, 2] + 0.1
    assert posed(Pose(side=30))[J.NOSE, 0] > 0.1
    assert posed(Pose(left_raise=170))[J.LEFT_WRIST, 1] > rest[J.NOSE, 1]
    assert posed(Pose(left_raise=90, left_swing=90))[J.LEFT_WRIST, 2] > 0.4
    assert posed(Pose(right_raise=90, right_swing=0))[J.RIGHT_WRIST, 0] < -0.5
    assert posed(Pose(left_raise=90, left_swing=0, left_roll=90, left_elbow=90))[J.LEFT_WRIST, 1] > 1.5
    assert posed(Pose(left_tip=40))[J.LEFT_HEEL, 1] > rest[J.LEFT_HEEL, 1] + 0.05


def test_a_build_can_be_scaled() -> None:
    np.testing.assert_allclose(
        posed(Pose(), Build().scaled(1.2))[J.LEFT_SHOULDER, 1], posed(Pose())[J.LEFT_SHOULDER, 1] * 1.2, rtol=0.01
    )


def test_values_and_pose_are_each_others_inverse() -> None:
    pose = Pose(left_elbow=33, x=0.2)
    assert Pose.of(pose.values()) == pose
    assert len(pose.values()) == len(POSE_FIELDS)


def test_a_camera_sees_lengths_in_proportion_to_their_distance() -> None:
    camera = Camera((480, 640))
    near = camera.pixels(np.array([[0, 1, 1.0], [0.5, 1, 1.0]]))
    far = camera.pixels(np.array([[0, 1, -3.2], [0.5, 1, -3.2]]))
    assert (near[1] - near[0])[0] == pytest.approx(2 * (far[1] - far[0])[0])
    assert near[0, 2] == pytest.approx((near[1] - near[0])[0] / 0.5)


def test_landmarks_are_in_the_house_convention() -> None:
    camera = Camera((480, 640))
    landmarks = projected(posed(Pose(left_raise=90, left_swing=90)), camera)
    assert landmarks.shape == (33, 4)
    assert landmarks.dtype == np.float32
    assert landmarks[J.LEFT_HIP, 0] > landmarks[J.RIGHT_HIP, 0]
    assert landmarks[J.NOSE, 1] < landmarks[J.LEFT_HIP, 1] < landmarks[J.LEFT_ANKLE, 1]
    assert landmarks[[J.LEFT_HIP, J.RIGHT_HIP], 2].mean() == pytest.approx(0, abs=1e-6)
    # The arm points into the camera: nearer by about its own length in frame widths.
    arm = Build().upper_arm + Build().forearm
    scale = camera.pixels(posed(Pose())[J.LEFT_HIP])[2] / 640
    assert landmarks[J.LEFT_WRIST, 2] == pytest.approx(-arm * scale, rel=0.25)


def test_what_leaves_the_frame_is_not_visible() -> None:
    landmarks = projected(posed(Pose()) + np.array([1.6, 0, 0]), Camera((480, 640)))
    assert landmarks[J.LEFT_WRIST, 3] == 0
    assert projected(posed(Pose()), Camera((480, 640)))[:, 3].min() == 1


def test_a_mirrored_pose_projects_to_mirrored_landmarks() -> None:
    pose = Pose(left_raise=120, heading=20, right_elbow=70, side=12)
    camera = Camera((480, 640))
    np.testing.assert_allclose(
        projected(posed(pose.mirrored()), camera), mirrored(projected(posed(pose), camera)), atol=1e-5
    )
    assert math.isclose(pose.mirrored().mirrored().heading, 20)
