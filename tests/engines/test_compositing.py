from itertools import pairwise

import numpy as np
import pytest

from engines.compositing import Compositor
from engines.noise import NoiseLoop, Wandering
from engines.pose.follow import Follower
from engines.pose.landmarks import Landmarks
from engines.pose.puppet import BuiltInDancer
from engines.pose.tracker import Tracked
from engines.scene import Scene

FRAME = (180, 320)
ROOM = np.full((120, 200, 3), 40, np.uint8)
PLACES = {"across": 0.5, "row": 0.9, "height": 0.6, "horizon": 0.0}


def _followed(landmarks: Landmarks, time_s: float) -> Landmarks:
    found = Follower(None).follow(Tracked(landmarks, None, time_s), FRAME).landmarks
    assert found is not None
    return found


def _scene(time_s: float = 0.0, mask: np.ndarray | None = None) -> Scene:
    dancer = BuiltInDancer(FRAME)
    return Scene(_followed(dancer.landmarks_at(time_s), time_s), 1.0, dancer.frame_at(time_s), time_s, mask)


def _rows(drawn: np.ndarray | None) -> np.ndarray:
    assert drawn is not None
    return np.flatnonzero(drawn[..., 3].max(axis=1) > 127)


def _middle(drawn: np.ndarray | None) -> float:
    assert drawn is not None
    return float(np.flatnonzero(drawn[..., 3].max(axis=0) > 127).mean())


def test_the_figure_stands_in_its_row_and_has_its_height() -> None:
    rows = _rows(Compositor(ROOM)(_scene(), PLACES))
    assert rows[-1] == pytest.approx(0.9 * 120, abs=5)
    assert rows[-1] - rows[0] == pytest.approx(0.6 * 0.9 * 120, rel=0.2)


def test_the_figure_goes_across_the_scene() -> None:
    left, right = (_middle(Compositor(ROOM)(_scene(), {**PLACES, "across": where})) for where in (0.3, 0.7))
    assert right - left == pytest.approx(0.4 * 200, abs=2)


def test_who_stands_farther_up_is_smaller_and_vanishes_at_the_horizon() -> None:
    def height(row: float) -> int:
        rows = _rows(Compositor(ROOM)(_scene(), {**PLACES, "row": row, "horizon": 0.5}))
        return int(rows[-1] - rows[0])

    assert height(1.0) > 1.6 * height(0.75)
    drawn = Compositor(ROOM)(_scene(), {**PLACES, "row": 0.5, "horizon": 0.5})
    assert drawn is not None
    assert (drawn[..., 3] > 127).sum() < 12


def test_who_crouches_is_not_blown_up() -> None:
    compositor = Compositor(ROOM)
    standing = _scene(0.0)
    for k in range(30):
        compositor(Scene(standing.landmarks, 1.0, standing.frame, k / 30), PLACES)
    assert standing.landmarks is not None
    low = standing.landmarks.copy()
    low[:, 1] = 1 - (1 - low[:, 1]) * 0.6  # all of the body pressed towards the floor
    mask = np.zeros(FRAME, np.uint8)
    mask[100:170, 150:170] = 255
    before = compositor(Scene(standing.landmarks, 1.0, standing.frame, 1.0, mask), PLACES)
    after = compositor(Scene(low, 1.0, standing.frame, 1.05, mask), PLACES)
    assert len(_rows(after)) == pytest.approx(len(_rows(before)), abs=1)


def test_where_nobody_is_the_scene_is_untouched() -> None:
    drawn = Compositor(ROOM)(_scene(), PLACES)
    assert drawn is not None
    away = drawn[..., 3] == 0
    assert (drawn[away][:, :3] == 40).all()


def test_the_mask_of_the_tracker_is_what_is_cut_out() -> None:
    mask = np.zeros(FRAME, np.uint8)
    mask[60:120, 150:170] = 255
    scene = _scene(mask=mask)
    drawn = Compositor(ROOM)(scene, PLACES)
    assert drawn is not None
    assert scene.frame is not None
    share = (drawn[..., 3] > 127).sum() / drawn[..., 3].size
    assert 0.001 < share < 0.05


def test_who_is_only_held_is_not_cut_out_of_the_empty_room() -> None:
    compositor = Compositor(ROOM)
    mask = np.full(FRAME, 255, np.uint8)
    assert compositor(_scene(0.0, mask), PLACES) is not None
    assert compositor(_scene(0.1), PLACES) is None
    assert compositor(Scene(), PLACES) is None


def test_the_loop_of_noise_is_closed_seeded_and_of_unit_variance() -> None:
    loop = NoiseLoop(20_000, seed=1, knots=8)
    assert np.array_equal(loop.at(0.0), loop.at(8.0))
    assert np.array_equal(NoiseLoop(20_000, seed=1, knots=8).at(2.3), loop.at(2.3))
    for phase in (0.0, 0.25, 0.5, 5.9):
        assert loop.at(phase).std() == pytest.approx(1.0, abs=0.03)
    assert abs(np.corrcoef(loop.at(0.0), loop.at(4.0))[0, 1]) < 0.05


def test_noise_wanders_without_a_jerk_over_the_seam() -> None:
    loop = NoiseLoop(500, knots=4)
    path = [loop.at(phase) for phase in np.arange(3.5, 4.5, 0.02)]
    steps = np.array([np.linalg.norm(b - a) for a, b in pairwise(path)])
    assert steps.max() < 2.5 * steps.min()


def test_another_pace_does_not_move_the_noise_by_itself() -> None:
    wandering = Wandering(50)
    wandering(0.0, 1.0)
    before = wandering(0.5, 1.0)
    assert np.array_equal(wandering(0.5, 4.0), before)
    assert np.array_equal(wandering(9000.0, 4.0), before)  # after a pause it goes on from there
    assert not np.array_equal(wandering(9000.1, 4.0), before)
