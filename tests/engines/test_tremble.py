"""A film's landmarks without their tremble: nearer to where the dancer is, not later, not against what is seen."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.tremble import shifts, without_tremble
from tests.fakes_training import swinging

COUNT, SIDE = 24, 256


def wall() -> NDArray[np.uint8]:
    """Something to see everywhere."""
    rough = np.random.default_rng(3).integers(0, 256, (24, 24), np.uint8)
    return np.asarray(cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def gliding() -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
    """A picture that swings to and fro with the body painted on it, and where the body truly is."""
    body, frames, truth = swinging(1.0), [], []
    for t in range(COUNT):
        x, y = 8 * np.sin(t / 3), 3 * np.cos(t / 4)
        move = np.array([[1, 0, x], [0, 1, y]])
        frame = cv2.warpAffine(wall(), move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
        frames.append(np.asarray(frame, np.uint8))
        truth.append(body + np.array([x / SIDE, y / SIDE, 0, 0], np.float32))
    return frames, np.array(truth, np.float32)


def trembling(truth: NDArray[np.float32]) -> NDArray[np.float32]:
    noise = np.random.default_rng(5).normal(0, 1.0 / SIDE, (*truth.shape[:2], 2))
    found = truth.copy()
    found[..., :2] += noise.astype(np.float32)
    return found


def off(landmarks: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    return float(np.linalg.norm((landmarks - truth)[..., :2], axis=-1).mean())


def test_what_trembles_comes_nearer_to_where_the_body_is() -> None:
    frames, truth = gliding()
    found = trembling(truth)
    held = without_tremble(found, shifts(frames, found))
    assert off(held, truth) < 0.5 * off(found, truth)
    steps = np.diff(held - truth, axis=0)
    assert np.abs(steps[..., :2]).mean() < 0.3 * np.abs(np.diff(found - truth, axis=0)[..., :2]).mean()


def test_nothing_lags_behind_a_body_that_is_found_well() -> None:
    frames, truth = gliding()
    assert off(without_tremble(truth, shifts(frames, truth)), truth) < 0.2 / SIDE


def test_a_joint_that_is_found_elsewhere_again_is_believed_against_the_flow() -> None:
    _, truth = gliding()
    still = np.repeat(truth[:1], COUNT, axis=0)
    still[COUNT // 2 :, 15, 0] += 0.3
    held = without_tremble(still, np.zeros((COUNT, 33, 2), np.float32))
    assert np.allclose(held, still, atol=1e-4)


def test_where_no_flow_is_known_a_landmark_stays_where_it_was_found() -> None:
    found = trembling(gliding()[1])
    assert np.array_equal(without_tremble(found, np.full((COUNT, 33, 2), np.nan, np.float32)), found)


def test_a_landmark_outside_the_picture_has_no_flow() -> None:
    frames, truth = gliding()
    truth[:, 15, :2] = (1.4, 0.5)
    moved = shifts(frames, truth)
    assert np.isnan(moved[:, 15]).all()
    assert np.isfinite(moved[1:, 11]).all()
