"""Which state of a run is its best is no matter of luck."""

import numpy as np
import pytest

from engines.images import Frame
from engines.pose.landmarks import Landmarks
from tests.fakes_training import written_pairs
from training.standing import SMOOTHED, Choice, Standing, found_elsewhere, with_elsewhere


def _fallen_on(scores: list[float]) -> int:
    choice = Choice()
    return max(k for k, score in enumerate(scores) if choice.falls_on(score))


def test_one_lucky_look_does_not_win() -> None:
    assert _fallen_on([0.30, 0.44, 0.30, 0.33, 0.36, 0.40, 0.40]) == 6


def test_of_states_that_are_alike_the_later_one_is_taken() -> None:
    assert _fallen_on([0.400, 0.401, 0.400, 0.399, 0.400]) == 4


def test_what_gets_worse_for_good_is_not_taken() -> None:
    assert _fallen_on([0.30, 0.40, 0.42, 0.42, 0.30, 0.28, 0.27]) == 3


def test_what_few_frames_cannot_tell_apart_is_left_to_the_later_state() -> None:
    sure, unsure = Choice(), Choice()
    assert [sure.falls_on(score, 0.01) for score in (0.5, 0.4)] == [True, False]
    assert [unsure.falls_on(score, 0.08) for score in (0.5, 0.4, 0.42)] == [True, True, True]
    assert not unsure.falls_on(0.1, 0.08)


def test_doubt_is_the_standard_error_over_the_judged_poses() -> None:
    stands = with_elsewhere(Standing(20.0, 0.9, 0.5, each=(1.0, 0.0)), [1.0, 0.0])
    assert stands.elsewhere == 0.5
    assert stands.doubt == pytest.approx(0.25)
    assert Standing(20.0, 0.9).doubt == 0


def test_a_resumed_run_remembers_what_it_scored() -> None:
    scores = [0.30, 0.44, 0.31, 0.33, 0.36, 0.40, 0.35, 0.2]
    unbroken = Choice()
    expected = [unbroken.falls_on(score) for score in scores]
    first = Choice()
    found = [first.falls_on(score) for score in scores[:4]]
    second = Choice(scores[:4], first.best)
    assert found + [second.falls_on(score) for score in scores[4:]] == expected
    assert SMOOTHED > 1


@pytest.mark.parametrize(("pck", "elsewhere", "poses"), [(0.8, 0.4, 0.6), (0.8, None, 0.8), (None, None, 0.0)])
def test_poses_that_nobody_filmed_count_as_much_as_filmed_ones(
    pck: float | None, elsewhere: float | None, poses: float
) -> None:
    assert Standing(20.0, 0.9, pck, elsewhere).score == pytest.approx(poses + 0.45 - 0.2)


def test_poses_are_looked_for_where_they_were_moved_to(tmp_path) -> None:  # type: ignore[no-untyped-def]
    pairs = written_pairs(tmp_path / "pairs")
    asked: list[tuple[int, Landmarks]] = []

    def shown(i: int, pose: Landmarks) -> Frame:
        asked.append((i, pose))
        return np.zeros((64, 64, 3), np.uint8)

    assert found_elsewhere(shown, pairs, [15, 16], lambda _picture: asked[-1][1]) == [1.0, 1.0]
    assert [i for i, _ in asked] == [15, 16]
    moved = [np.abs(pose[:, :2] - pairs.landmarks[i][:, :2]).max() for i, pose in asked]
    assert min(moved) > 0.005
    again = [pose.copy() for _, pose in asked]
    found_elsewhere(shown, pairs, [15, 16], lambda _picture: None)
    np.testing.assert_array_equal(asked[2][1], again[0])
    assert found_elsewhere(shown, pairs, [15], None) == []
