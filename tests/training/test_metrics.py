"""Each figure against a second way of finding it that shares no code: loops, arithmetic by hand, known motion."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.pose.landmarks import Joint, Landmarks
from training import metrics

RNG = np.random.default_rng(7)


def _noise(side: int = 24) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (side, side, 3), dtype=np.uint8)


def _texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth random pattern that flow can hold on to."""
    y, x = np.mgrid[:height, :width].astype(float)
    rng = np.random.default_rng(seed)
    waves = sum(
        rng.uniform(0.3, 1) * np.sin(rng.uniform(-0.35, 0.35) * x + rng.uniform(-0.35, 0.35) * y + rng.uniform(0, 6))
        for _ in range(24)
    )
    level = (128 + 110 * waves / np.abs(waves).max()).round().astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def _standing() -> Landmarks:
    """A body whose torso is exactly 0.2 of the square: shoulders at y 0.3, hips at y 0.5."""
    pose = np.zeros((33, 4), np.float32)
    pose[:, 0], pose[:, 1], pose[:, 3] = 0.5, 0.2, 1
    pose[[11, 13, 15, 17, 19, 21], 0] = 0.55
    pose[[12, 14, 16, 18, 20, 22], 0] = 0.45
    pose[11:17, 1] = 0.3
    pose[17:23, 1] = 0.4
    pose[23:25, 1] = 0.5
    pose[25:33, 1] = 0.8
    return pose


# Pictures ------------------------------------------------------------------------------------------------------------


def _luma(image: NDArray[np.uint8]) -> list[list[float]]:
    return [[0.299 * r + 0.587 * g + 0.114 * b for r, g, b in row] for row in image.tolist()]


def _ssim_by_loops(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Wang et al. 2004, equations 13 to 16, window by window."""
    first, second = _luma(a), _luma(b)
    weights = [[math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for j in range(11)] for i in range(11)]
    total = sum(map(sum, weights))
    scores = []
    for top in range(len(first) - 10):
        for left in range(len(first[0]) - 10):
            window = [
                (weights[i][j] / total, first[top + i][left + j], second[top + i][left + j])
                for i in range(11)
                for j in range(11)
            ]
            mean_x = sum(w * x for w, x, _ in window)
            mean_y = sum(w * y for w, _, y in window)
            var_x = sum(w * (x - mean_x) ** 2 for w, x, _ in window)
            var_y = sum(w * (y - mean_y) ** 2 for w, _, y in window)
            both = sum(w * (x - mean_x) * (y - mean_y) for w, x, y in window)
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            scores.append(
                (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
            )
    return sum(scores) / len(scores)


def test_ssim_is_the_formula_of_the_paper() -> None:
    a = _noise()
    b = np.clip(a.astype(int) + RNG.integers(-60, 60, a.shape), 0, 255).astype(np.uint8)
    assert metrics.ssim(a, b) == pytest.approx(_ssim_by_loops(a, b), abs=1e-5)
    assert metrics.ssim(a, a) == pytest.approx(1)


def test_ms_ssim_of_flat_pictures_is_the_luminance_of_the_coarsest_scale() -> None:
    # Flat pictures have no structure to lose, so all that is left is luminance, which only the last scale counts.
    a, b = np.full((176, 176, 3), 100, np.uint8), np.full((176, 176, 3), 140, np.uint8)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    assert metrics.ms_ssim(a, b) == pytest.approx(luminance**0.1333, abs=1e-6)


def test_ms_ssim_sees_less_of_fine_noise_than_ssim_does() -> None:
    real = _texture(192, 192)
    noisy = np.clip(real.astype(int) + RNG.integers(-40, 41, real.shape), 0, 255).astype(np.uint8)
    assert metrics.ssim(noisy, real) < metrics.ms_ssim(noisy, real) < 1
    assert metrics.ms_ssim(real, real) == pytest.approx(1)


def test_ms_ssim_of_a_small_picture_is_not_a_number() -> None:
    assert math.isnan(metrics.ms_ssim(_texture(160, 200), _texture(160, 200)))
    assert metrics.ms_ssim(_texture(161, 200), _texture(161, 200)) == pytest.approx(1)


def test_psnr_of_a_constant_error_is_arithmetic() -> None:
    a, b = np.full((8, 8, 3), 100, np.uint8), np.full((8, 8, 3), 110, np.uint8)
    assert metrics.psnr(a, b) == pytest.approx(20 * math.log10(255 / 10))
    assert metrics.psnr(a, a) == math.inf


def test_l1_counts_levels_where_it_is_told_to_look() -> None:
    a, b = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    a[0, 0] = (30, 0, 0)
    where = np.zeros((4, 4), bool)
    where[0, :2] = True
    assert metrics.l1(a, b) == pytest.approx(30 / 48)
    assert metrics.l1(a, b, where) == pytest.approx(5)
    assert math.isnan(metrics.l1(a, b, np.zeros((4, 4), bool)))


def test_gradient_energy_of_a_ramp_is_its_slope() -> None:
    ramp = np.repeat((np.arange(32, dtype=np.uint8) * 3)[None, :, None], 32, axis=0).repeat(3, axis=2)
    inner = np.zeros((32, 32), bool)
    inner[4:28, 4:28] = True
    assert metrics.gradient_energy(ramp, inner) == pytest.approx(8 * 3, rel=1e-4)  # Sobel's weights sum to 8


def test_a_blurred_figure_has_less_gradient_than_a_sharp_one() -> None:
    sharp = _noise(64)
    blurred = sharp.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3)).repeat(2, 0).repeat(2, 1).astype(np.uint8)
    everywhere = np.ones((64, 64), bool)
    assert metrics.gradient_energy(blurred, everywhere) < 0.8 * metrics.gradient_energy(sharp, everywhere)


# Regions -------------------------------------------------------------------------------------------------------------


def test_the_figure_is_the_person_and_a_margin_of_two_percent() -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[100, 100] = 255
    grown = metrics.figure(mask)
    assert grown[100, 96:105].all()
    assert grown[100].sum() == grown[:, 100].sum() == 9  # 2 % of 200 to each side
    assert metrics.person(mask).sum() == 1


def test_boxes_lie_around_nose_hands_and_feet() -> None:
    pose = _standing()
    rows, columns = np.nonzero(metrics.face(pose, 100))  # nose (0.5, 0.2), half a side 0.25 x 0.2 = 0.05
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (15, 25, 45, 55)
    rows, columns = np.nonzero(
        metrics.hands(pose, 1000)
    )  # middles at y (0.3 + 0.4 + 0.4) / 3, x 0.55 and 0.45; half 0.03
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (337, 397, 420, 580)
    assert not metrics.hands(pose, 1000)[:, 480:520].any()
    assert metrics.feet(pose, 1000)[800, 500]


def test_a_box_outside_of_the_picture_is_empty() -> None:
    pose = _standing()
    pose[Joint.NOSE, :2] = (-1, 0.5)
    assert not metrics.face(pose, 64).any()


# Poses ---------------------------------------------------------------------------------------------------------------


def test_pck_counts_what_lies_within_a_share_of_the_torso() -> None:
    reference, found = _standing(), _standing()
    found[11:22, 0] += 0.2 * 0.07  # eleven of the 22 judged landmarks are off by 0.07 torso lengths,
    found[22, 0] += 0.2 * 0.15  # one by 0.15,
    found[:11] = 0  # and the face is not judged
    assert metrics.pck(found, reference, 0.05) == pytest.approx(10 / 22)
    assert metrics.pck(found, reference, 0.1) == pytest.approx(21 / 22)
    assert metrics.pck(found, reference, 0.2) == 1


def test_nobody_found_is_all_missed() -> None:
    assert metrics.pck(None, _standing(), 0.2) == 0
    assert metrics.oks(None, _standing(), 0.1) == 0


def test_oks_is_the_gaussian_of_coco() -> None:
    reference, found = _standing(), _standing()
    found[Joint.LEFT_HIP, 0] += 0.1
    area = 0.09
    of_the_hip = math.exp(-(0.1**2) / (2 * area * (2 * 0.107) ** 2))
    assert metrics.oks(found, reference, area) == pytest.approx((16 + of_the_hip) / 17, rel=1e-5)


def test_oks_forgives_a_hip_more_than_an_eye() -> None:
    reference = _standing()
    hip, eye = _standing(), _standing()
    hip[Joint.RIGHT_HIP, 0] += 0.05
    eye[Joint.RIGHT_EYE, 0] += 0.05
    assert metrics.oks(eye, reference, 0.1) < metrics.oks(hip, reference, 0.1)


# Time ----------------------------------------------------------------------------------------------------------------


def _moving(shift: int, side: int = 128) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two frames of one picture that moves `shift` pixels to the right."""
    wide = _texture(side, side + 16)
    return wide[:, 8 : 8 + side], wide[:, 8 - shift : 8 - shift + side]


INNER = np.zeros((128, 128), bool)
INNER[16:112, 16:112] = True


def test_flow_finds_a_known_movement() -> None:
    before, after = _moving(3)
    back = metrics.backward_flow(after, before)[INNER]
    assert np.median(back, axis=0) == pytest.approx((-3, 0), abs=0.1)
    ahead = metrics.forward_flow(before, after)[INNER]
    assert np.median(ahead, axis=0) == pytest.approx((3, 0), abs=0.2)


def test_a_picture_that_moves_as_the_dancer_moved_does_not_flicker() -> None:
    before, after = _moving(3)
    flow = metrics.backward_flow(after, before)
    still = metrics.l1(after, before, INNER)
    assert metrics.warp_error(after, before, flow, INNER) < 0.08 * still
    brighter = np.clip(after.astype(int) + 12, 0, 255).astype(np.uint8)
    assert metrics.warp_error(brighter, before, flow, INNER) == pytest.approx(12, abs=1.5)


def test_warping_by_whole_pixels_only_moves_them() -> None:
    before = _noise(32)
    after = np.roll(before, (2, -1), axis=(0, 1))  # down by 2, left by 1: each pixel came from 2 higher, 1 to the right
    flow = np.full((32, 32, 2), (1, -2), np.float32)
    inner = np.zeros((32, 32), bool)
    inner[4:28, 4:28] = True
    assert metrics.warp_error(after, before, flow, inner) == 0


def test_tof_is_the_mean_distance_of_two_flows() -> None:
    flow, real = np.zeros((4, 4, 2), np.float32), np.zeros((4, 4, 2), np.float32)
    flow[..., 0], flow[..., 1] = 3, 4
    assert metrics.tof(flow, real) == pytest.approx(5)
