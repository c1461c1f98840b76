"""Outlines of a film: the same drawing as of a picture at first, then steadier than drawing each frame anew."""

import itertools

import cv2
import numpy as np

from engines.images import Frame
from engines.outlines import FORGOTTEN_S, Outlines, outlined

SIZE = (96, 128)


def _disc(x: int, noise: int, seed: int) -> Frame:
    picture = np.full((*SIZE, 3), 90, np.uint8)
    cv2.circle(picture, (x, 48), 24, (118, 122, 126), -1, cv2.LINE_AA)  # faint: at the border of the thresholds
    cv2.rectangle(picture, (90, 20), (118, 80), (220, 220, 220), -1)
    noisy = picture + np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.asarray(noisy.clip(0, 255), np.uint8)


def _changed(drawings: list[np.ndarray]) -> float:
    return float(np.mean([(a != b).mean() for a, b in itertools.pairwise(drawings)]))


def test_the_first_frame_of_a_film_is_drawn_like_a_picture() -> None:
    frame = _disc(40, 3, 0)
    np.testing.assert_array_equal(Outlines().drawn(frame, SIZE, 7.0), outlined(frame, SIZE))


def test_outlines_of_what_stands_still_hardly_change() -> None:
    frames = [_disc(40, 6, seed) for seed in range(12)]
    outlines = Outlines()
    steady = [outlines.drawn(frame, SIZE, k / 25) for k, frame in enumerate(frames)]
    alone = [outlined(frame, SIZE) for frame in frames]
    assert _changed(steady[4:]) < 0.6 * _changed(alone[4:])


def test_outlines_of_what_moves_are_where_it_is_now() -> None:
    outlines = Outlines()
    for k in range(10):
        drawn = outlines.drawn(_disc(20 + 5 * k, 0, 0), SIZE, k / 25)[..., 0]
    now = outlined(_disc(65, 0, 0), SIZE)[..., 0]
    near = cv2.dilate(now, np.ones((5, 5), np.uint8)) > 0
    assert (drawn[~near] > 0).sum() <= 0.05 * (now > 0).sum()
    assert (drawn[near] > 0).sum() >= 0.8 * (now > 0).sum()


def test_a_pause_a_loop_and_another_size_begin_anew() -> None:
    first, then = _disc(40, 0, 0), _disc(70, 5, 3)
    for time_s, size in ((1 + FORGOTTEN_S, SIZE), (0.5, SIZE), (1.04, (64, 64))):
        outlines = Outlines()
        outlines.drawn(first, SIZE, 1.0)
        np.testing.assert_array_equal(outlines.drawn(then, size, time_s), outlined(then, size))


def test_an_outline_that_grows_faint_stays_where_a_new_one_would_not_begin() -> None:
    def step(levels: int) -> Frame:
        picture = np.full((*SIZE, 3), 90, np.uint8)
        picture[:, 63] += np.uint8(levels // 2)  # the middle of the slope is one pixel, so that it cannot hop
        picture[:, 64:] += np.uint8(levels)
        return picture

    strong, faint = step(130), step(60)
    assert outlined(strong, SIZE).any()
    assert not outlined(faint, SIZE).any()
    outlines = Outlines()
    outlines.drawn(strong, SIZE, 0.0)
    for k in range(1, 90):  # long enough for what is steadied to be as faint as the frame
        drawn = outlines.drawn(faint, SIZE, k / 25)
    np.testing.assert_array_equal(drawn, outlined(strong, SIZE))
