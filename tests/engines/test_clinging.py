"""A camera's landmarks held to the flow from the frame before: steadier, not late, never far from what was found."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.clinging import Clinging
from engines.pose.landmarks import torso_length
from tests.engines.test_tremble import COUNT, SIDE, gliding, off, trembling

FPS = 25
FARTHEST = 0.06


def clung(found: NDArray[np.float32], frames: list[Frame], amount: float = 1.0) -> NDArray[np.float32]:
    clinging = Clinging()
    made = [clinging(frame, each, t / FPS, amount) for t, (frame, each) in enumerate(zip(frames, found, strict=True))]
    return np.stack([each for each in made if each is not None])


def filmed() -> tuple[list[Frame], NDArray[np.float32]]:
    frames, truth = gliding()
    return [np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB), np.uint8) for frame in frames], truth


def test_what_trembles_is_steadier_and_no_farther_from_the_body() -> None:
    frames, truth = filmed()
    found = trembling(truth)
    held = clung(found, frames)
    assert off(held, truth) < 0.75 * off(found, truth)
    trembled = [np.abs(np.diff(made - truth, axis=0)[2:, :, :2]).mean() for made in (held, found)]
    assert trembled[0] < 0.4 * trembled[1]


def test_who_is_found_well_is_not_held_back() -> None:
    frames, truth = filmed()
    assert off(clung(truth, frames), truth) < 0.3 / SIDE


def test_a_joint_that_is_found_elsewhere_is_there_at_once() -> None:
    frames, truth = filmed()
    still = np.repeat(truth[:1], COUNT, axis=0)
    still[COUNT // 2 :, 15, 0] += 0.3
    held = clung(still, [frames[0]] * COUNT)
    assert np.abs(held[COUNT // 2 :, 15, 0] - still[COUNT // 2 :, 15, 0]).max() < 1e-3


def test_turned_down_all_the_way_nothing_changes() -> None:
    frames, truth = filmed()
    found = trembling(truth)
    assert np.array_equal(clung(found, frames, amount=0), found)


def test_a_wide_picture_is_held_as_a_square_one() -> None:
    frames, truth = filmed()
    found = trembling(truth)
    wide = [np.asarray(cv2.copyMakeBorder(frame, 0, 0, 0, SIDE, cv2.BORDER_REFLECT), np.uint8) for frame in frames]
    half = np.array([0.5, 1, 0.5, 1], np.float32)
    assert np.allclose(clung(found * half, wide)[..., :2] / half[:2], clung(found, frames)[..., :2], atol=0.2 / SIDE)


@pytest.mark.parametrize("broken", ["a gap", "time runs back", "another size", "nobody", "no number"])
def test_what_does_not_go_on_begins_anew(broken: str) -> None:
    frames, truth = filmed()
    found, clinging = trembling(truth), Clinging()
    clinging(frames[0], found[0], 0.0)
    frame, time_s = frames[1], 1 / FPS
    if broken == "a gap":
        time_s = 5.0
    elif broken == "time runs back":
        time_s = -1.0
    elif broken == "another size":
        frame = np.asarray(cv2.resize(frame, (400, 300)), np.uint8)
    elif broken == "nobody":
        assert clinging(frame, None, 0.02) is None
    else:
        assert np.isnan(np.asarray(clinging(frame, np.full((33, 4), np.nan, np.float32), 0.02))).all()
    assert np.array_equal(np.asarray(clinging(frame, found[1], time_s)), found[1])


PLACES = st.floats(-3, 4, width=32)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (2, 33, 4), elements=PLACES), st.floats(0, 1))
def test_whoever_is_found_is_never_held_far_away(found: NDArray[np.float32], amount: float) -> None:
    frames, _ = filmed()
    clinging = Clinging()
    clinging(frames[0], found[0], 0.0, amount)
    held = np.asarray(clinging(frames[1], found[1], 0.04, amount))
    assert np.isfinite(held).all()
    away = np.linalg.norm((held - found[1])[:, :2], axis=-1)
    assert away.max() <= FARTHEST * max(float(torso_length(found[1, :, :2])), 1e-3) + 1e-5
