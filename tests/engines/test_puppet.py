"""The built-in dancer dances for a minute without a seam, stands on its feet and is drawn where its landmarks are."""

import numpy as np
import pytest

from engines.pose.body import POSE_FIELDS, Pose
from engines.pose.choreography import Dance, Key, standing, walking
from engines.pose.dance_minute import dance_minute
from engines.pose.landmarks import Joint
from engines.pose.puppet import BuiltInDancer, studio

J = Joint
SIZE = (240, 320)


@pytest.fixture(scope="module")
def dancer() -> BuiltInDancer:
    return BuiltInDancer(SIZE)


def test_the_dance_lasts_a_minute(dancer: BuiltInDancer) -> None:
    assert dancer.duration_s == pytest.approx(60)


def test_the_loop_has_no_seam(dancer: BuiltInDancer) -> None:
    np.testing.assert_allclose(dancer.points_at(60.0 - 1e-6), dancer.points_at(0.0), atol=1e-4)
    np.testing.assert_allclose(dancer.points_at(67.3), dancer.points_at(7.3), atol=1e-9)
    # Neither in place nor in speed.
    before = dancer.points_at(60.0 - 1e-4) - dancer.points_at(60.0 - 2e-4)
    after = dancer.points_at(60.0 + 2e-4) - dancer.points_at(60.0 + 1e-4)
    np.testing.assert_allclose(before / 1e-4, after / 1e-4, atol=0.05)


def test_nothing_in_the_dance_jumps(dancer: BuiltInDancer) -> None:
    points = np.stack([dancer.points_at(t) for t in np.arange(20, 60, 1 / 60)])
    speed = np.linalg.norm(np.diff(points, axis=0), axis=-1) * 60
    assert speed.max() < 9, "metres a second; a hand that strikes makes 8"
    assert np.abs(np.diff(speed, axis=0)).max() * 60 < 300, "metres a second squared"


def test_every_landmark_stays_in_the_frame(dancer: BuiltInDancer) -> None:
    for size in ((480, 640), (720, 1280), (512, 512), (640, 360)):
        other = BuiltInDancer(size)
        xy = np.stack([other.landmarks_at(t)[:, :2] for t in np.arange(0, 60, 0.25)])
        assert xy.min() > 0.0, size
        assert xy.max() < 1.0, size
    assert dancer.landmarks_at(1.0)[:, 3].min() == 1


def test_a_foot_on_the_floor_does_not_slide() -> None:
    dance = dance_minute()
    poses = np.stack([dance.at(t).values() for t in np.arange(0, 60, 1 / 30)])
    for side in ("left", "right"):
        x, z, lift, tip = (POSE_FIELDS.index(f"{side}_{part}") for part in ("x", "z", "lift", "tip"))
        speed = np.linalg.norm(np.diff(poses[:, [x, z]], axis=0), axis=1) * 30
        flat = (poses[:-1, lift] < 0.002) & (poses[1:, lift] < 0.002) & (poses[:-1, tip] < 2)
        assert np.percentile(speed[flat], 99) < 0.06, "metres a second"


def test_key_poses_are_reached_and_eased() -> None:
    low, high = Pose(bend=0.0), Pose(bend=40.0)
    dance = Dance([Key(0, low), Key(2, high), Key(3, high)], beats=6, beat_s=1.0)
    lag = 0.03
    assert dance.at(2 + lag).bend == pytest.approx(40)
    assert [dance.at(t).bend for t in (2.3, 2.6, 2.9)] == pytest.approx([40, 40, 40]), "no overshoot"
    assert 0 < dance.at(0.2).bend < 3
    assert dance.at(3 + lag + 3).bend == pytest.approx(0)


def test_whole_turns_are_not_unwound_at_the_seam() -> None:
    dance = Dance([Key(0, standing(0)), Key(1, standing(0, 0, 180)), Key(2, standing(0, 0, 360))], beats=3, beat_s=1.0)
    assert dance.at(2.5).heading % 360 == pytest.approx(0, abs=1e-6)


def test_a_step_is_carried_over_the_floor() -> None:
    dance = Dance([Key(0, standing(0)), Key(1, standing(0.3)), Key(2, standing(0.3))], beats=4, beat_s=1.0)
    assert dance.at(0.5).left_lift > 0.02
    assert dance.at(1.5).left_lift == pytest.approx(0)


def test_a_walk_ends_as_many_paces_ahead_as_it_has_steps_but_one() -> None:
    keys = walking(4, (0.0, 0.0), 90, steps=5, pace=0.2)
    assert [key.beat for key in keys] == [4, 5, 6, 7, 8, 9]
    assert keys[-1].pose.x == pytest.approx(0.8)
    assert keys[-1].pose.left_x == pytest.approx(keys[-1].pose.right_x, abs=1e-9)


def test_a_moment_always_looks_the_same(dancer: BuiltInDancer) -> None:
    np.testing.assert_array_equal(dancer.frame_at(33.3), BuiltInDancer(SIZE).frame_at(33.3))
    shown = dancer.frame_at(5.0)
    shown[:] = 0
    assert dancer.frame_at(5.0).mean() > 50, "a frame that was drawn into is nobody else's"


@pytest.mark.parametrize("size", [(240, 320), (720, 1280), (512, 512), (320, 180), (101, 77)])
def test_any_size_can_be_asked_for(size: tuple[int, int]) -> None:
    frame = BuiltInDancer(size).frame_at(20.0)
    assert frame.shape == (*size, 3)
    assert frame.dtype == np.uint8


def test_the_body_is_drawn_where_its_landmarks_are(dancer: BuiltInDancer) -> None:
    room = studio(dancer.camera).astype(int)
    for t in np.arange(0, 60, 2.5):
        changed = np.abs(dancer.frame_at(t).astype(int) - room).sum(axis=2) > 60
        for x, y, _, _ in dancer.landmarks_at(t):
            row, column = round(float(y) * SIZE[0]), round(float(x) * SIZE[1])
            around = changed[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
            assert around.any(), f"nothing is drawn at a landmark at {t} s"


def test_an_arm_in_front_hides_the_shirt_and_one_behind_is_hidden() -> None:
    from engines.pose.body import Camera, posed
    from engines.pose.clothed import Wardrobe, draw_dancer

    def shirt_pixels(**pose: float) -> int:
        frame = np.zeros((480, 480, 3), np.uint8)
        draw_dancer(frame, posed(Pose(**pose)), Camera((480, 480)), Wardrobe())
        return int((np.abs(frame[200:280].astype(int) - Wardrobe().shirt).sum(axis=2) < 8).sum())

    # The forearm lies across the belly, or across the back.
    front = shirt_pixels(left_raise=25, left_swing=40, left_elbow=100, left_roll=-70)
    behind = shirt_pixels(left_raise=25, left_swing=-140, left_elbow=100, left_roll=110)
    assert front < behind - 300


def test_the_face_is_seen_from_the_front_only() -> None:
    from engines.pose.body import Camera, posed
    from engines.pose.clothed import Wardrobe, draw_dancer

    def white_of_eyes(heading: float) -> int:
        frame = np.zeros((960, 960, 3), np.uint8)
        draw_dancer(frame, posed(Pose(heading=heading)), Camera((960, 960)), Wardrobe())
        return int((frame[180:300].min(axis=2) > 225).sum())

    assert white_of_eyes(0) > 5
    assert white_of_eyes(180) == 0


def test_seeds_dress_differently() -> None:
    pictures = {BuiltInDancer((120, 160), seed).frame_at(8.0).tobytes() for seed in range(4)}
    assert len(pictures) == 4
