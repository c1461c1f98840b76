"""A film's landmarks held while it is read: as steady as with the whole film at hand, in order, none lost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.holding import AHEAD, Recording, held
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracked
from engines.pose.tremble import Gray
from tests.engines.test_tremble import COUNT, gliding, off, trembling


@dataclass(frozen=True)
class Step:
    number: int
    frame: Frame
    tracked: Tracked


def steps(found: Sequence[Landmarks | None], frames: Sequence[Gray]) -> list[Step]:
    color = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB), np.uint8) for frame in frames]
    return [
        Step(i, frame, Tracked(landmarks, None, i / 25))
        for i, (frame, landmarks) in enumerate(zip(color, found, strict=True))
    ]


def landmarks_of(done: Sequence[Step]) -> NDArray[np.float32]:
    return np.stack([step.tracked.landmarks for step in done if step.tracked.landmarks is not None])


def test_a_film_that_is_read_is_held_nearly_as_one_that_is_known() -> None:
    frames, truth = gliding()
    found = trembling(truth)
    done = list(held(steps(list(found), frames)))
    assert [step.number for step in done] == list(range(COUNT))
    assert off(landmarks_of(done), truth) < 0.55 * off(found, truth)
    trembled = [np.abs(np.diff(made - truth, axis=0)[..., :2]).mean() for made in (landmarks_of(done), found)]
    assert trembled[0] < 0.35 * trembled[1]


def test_a_wide_film_is_held_as_a_square_one() -> None:
    frames, truth = gliding()
    found = trembling(truth)
    wide = [np.asarray(cv2.copyMakeBorder(frame, 0, 0, 0, 256, cv2.BORDER_REFLECT), np.uint8) for frame in frames]
    half = np.array([0.5, 1, 0.5, 1], np.float32)
    done = landmarks_of(list(held(steps(list(found * half), wide)))) / half
    square = landmarks_of(list(held(steps(list(found), frames))))
    assert np.allclose(done[..., :2], square[..., :2], atol=0.1 / 256)


def test_no_frame_waits_longer_than_it_looks_ahead() -> None:
    frames, truth = gliding()
    taken = 0

    def counted() -> Iterator[Step]:
        nonlocal taken
        for step in steps(list(truth), frames):
            taken += 1
            yield step

    first = next(held(counted()))
    assert (first.number, taken) == (0, AHEAD + 1)


@pytest.mark.parametrize("gap", [0, 1, 12, COUNT - 1])
def test_where_nobody_is_found_a_stretch_ends_and_no_frame_is_lost(gap: int) -> None:
    frames, truth = gliding()
    found: list[Landmarks | None] = list(truth)
    found[gap] = None
    done = list(held(steps(found, frames)))
    assert [step.number for step in done] == list(range(COUNT))
    assert [step.number for step in done if step.tracked.landmarks is None] == [gap]


def test_a_film_that_changes_its_size_goes_on() -> None:
    frames, truth = gliding()
    frames[12:] = [np.asarray(cv2.resize(frame, (384, 256)), np.uint8) for frame in frames[12:]]
    assert [step.number for step in held(steps(list(truth), frames))] == list(range(COUNT))


def recorded(done: Sequence[Step], steadied: bool = True) -> list[Landmarks]:
    recording = Recording(steadied)
    for step in done:
        recording.add(step.frame, step.tracked.landmarks)
    return recording.landmarks()


def test_a_motion_that_is_recorded_is_held_when_it_is_over() -> None:
    frames, truth = gliding()
    found = trembling(truth)
    made = np.stack(recorded(steps(list(found), frames)))
    assert off(made, truth) < 0.5 * off(found, truth)
    assert np.abs(np.diff(made - truth, axis=0)[..., :2]).mean() < 0.3 * np.abs(np.diff(found - truth, axis=0)).mean()


def test_a_recording_loses_nobody_where_the_dancer_leaves_or_is_no_number() -> None:
    frames, truth = gliding()
    found: list[Landmarks | None] = list(trembling(truth))
    found[9], found[15] = None, np.full((33, 4), np.nan, np.float32)
    made = recorded(steps(found, frames))
    assert len(made) == COUNT - 1
    assert np.isnan(made[14]).all()
    alone = recorded(steps(found[:9], frames[:9]))
    assert np.array_equal(np.stack(made[:9]), np.stack(alone))


def test_a_recording_as_tracked_is_what_was_found() -> None:
    frames, truth = gliding()
    found = trembling(truth)
    assert np.array_equal(np.stack(recorded(steps(list(found), frames), steadied=False)), found)


def test_who_asks_twice_for_a_recording_hears_the_same() -> None:
    frames, truth = gliding()
    recording = Recording()
    assert recording.landmarks() == []
    for step in steps(list(truth), frames):
        recording.add(step.frame, step.tracked.landmarks)
    assert np.array_equal(np.stack(recording.landmarks()), np.stack(recording.landmarks()))
