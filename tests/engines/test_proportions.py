"""How a dancer is built, as measured from a clip."""

import numpy as np
import pytest

from engines.pose.proportions import BONES, Proportions, bone_lengths, height_of, ordinary_shares, proportions_of
from tests.fakes_pose import Body, Camera, Stance, dance, lengths, points_of, seen

SQUARE = (512, 512)
HER = Body()
CAMERA = Camera()
TIMES = np.arange(0, 16, 1 / 20)
NAMES = ("torso", "shoulder", "upper_arm", "forearm", "thigh", "shin")


def clip(camera: Camera = CAMERA, noise: float = 0.0) -> np.ndarray:
    landmarks = np.array([seen(HER, dance(time_s), camera) for time_s in TIMES])
    landmarks[..., :3] += np.random.default_rng(0).normal(0, noise, landmarks[..., :3].shape)
    return landmarks


def test_bones_are_measured_as_they_are_built() -> None:
    bones = proportions_of(clip(), SQUARE).bones
    for name in NAMES:
        assert bones[name] == pytest.approx(getattr(HER, name) / HER.height, rel=0.03)


def test_two_pixels_of_noise_change_no_bone_by_more_than_a_twentieth() -> None:
    noisy = proportions_of(clip(noise=0.004), SQUARE).bones
    for name in NAMES:
        assert noisy[name] == pytest.approx(getattr(HER, name) / HER.height, rel=0.05)


def test_a_twentieth_of_wild_frames_changes_little() -> None:
    landmarks = clip()
    landmarks[::20, :, :2] = np.random.default_rng(1).uniform(-1, 2, (len(landmarks[::20]), 33, 2))
    wild, plain = proportions_of(landmarks, SQUARE), proportions_of(clip(), SQUARE)
    assert wild.height_near == pytest.approx(plain.height_near, rel=0.02)
    assert wild.floor_near == pytest.approx(plain.floor_near, abs=0.02)
    for name in NAMES:
        assert wild.bones[name] == pytest.approx(plain.bones[name], rel=0.05)


def test_floor_and_height_are_those_of_the_picture() -> None:
    measured = proportions_of(clip(camera=Camera(SQUARE, 0.85, 0.4)), SQUARE)
    assert measured.floor_near == pytest.approx(0.85, abs=0.005)
    assert measured.height_near == pytest.approx(HER.height * 0.4, rel=0.02)
    assert measured.home[0] == pytest.approx(0.5 - 0.15 * 0.4, abs=0.01)
    assert measured.home[1] == pytest.approx(0.5 + 0.15 * 0.4, abs=0.01)


def test_a_dancer_who_comes_closer_has_a_near_and_a_far_line() -> None:
    near = np.linspace(0, 1, len(TIMES))
    landmarks = np.array(
        [seen(HER, dance(t), Camera(SQUARE, 0.75 + 0.15 * n, 0.3 + 0.12 * n)) for t, n in zip(TIMES, near, strict=True)]
    )
    measured = proportions_of(landmarks, SQUARE)
    assert measured.height_far == pytest.approx(0.3 * HER.height, rel=0.05)
    assert measured.height_near == pytest.approx(0.42 * HER.height, rel=0.05)
    assert measured.floor_far == pytest.approx(0.75, abs=0.02)
    assert measured.floor_near == pytest.approx(0.9, abs=0.02)


def test_frames_without_anybody_are_left_out() -> None:
    landmarks = clip()
    landmarks[3::7] = np.nan
    assert proportions_of(landmarks, SQUARE).height_near == pytest.approx(HER.height * 0.45, rel=0.02)


def test_a_clip_without_a_whole_body_is_refused_with_the_count() -> None:
    landmarks = clip()
    landmarks[:, 25:, 3] = 0.1
    with pytest.raises(ValueError, match="none of 320 frames shows a whole body"):
        proportions_of(landmarks, SQUARE)


def test_one_unseen_bone_is_taken_from_an_ordinary_body() -> None:
    landmarks = clip()
    landmarks[:, [19, 20], 3] = 0
    hand = proportions_of(landmarks, SQUARE).bones["hand"]
    assert hand == pytest.approx(ordinary_shares()[BONES.index("hand")], rel=0.2)


def test_heights_stand_upright_bodies() -> None:
    points = points_of(HER, Stance())
    assert height_of(bone_lengths(points, np.ones(33)), ordinary_shares()) == pytest.approx(HER.height, rel=0.1)


def test_one_long_bone_makes_nobody_taller() -> None:
    measured = bone_lengths(points_of(HER, Stance()), np.ones(33))
    before = height_of(measured, ordinary_shares())
    measured[BONES.index("thigh")] *= 3
    assert height_of(measured, ordinary_shares()) == pytest.approx(before, rel=0.1)


def test_a_pair_is_as_long_as_its_less_foreshortened_side() -> None:
    both = points_of(HER, Stance(arms=(90, 90)))
    both[13] = both[11] + [0, 0, -0.28]
    assert bone_lengths(both, np.ones(33))[BONES.index("upper_arm")] == pytest.approx(0.28)


def test_proportions_survive_their_file() -> None:
    measured = proportions_of(clip(), SQUARE)
    assert Proportions.model_validate_json(measured.model_dump_json()) == measured


def test_the_yardstick_of_the_tests_is_square() -> None:
    assert lengths(seen(HER, Stance(), Camera()))["thigh"] == pytest.approx(0.42 * 0.45, rel=1e-3)
