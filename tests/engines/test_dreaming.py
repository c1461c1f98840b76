"""A film that goes on: what it is fed, at what tempo, and when it begins anew."""

import logging

import numpy as np
import pytest

from engines.backends import open_engine
from engines.film.dreaming import COLLAPSED_FOR, Dream, Playing, Touch
from engines.film.statistics import FilmLook
from engines.images import Frame
from engines.performer import Performer
from engines.scene import Scene
from tests.fakes_film import drift_bundle, drifting

SIZE = (48, 64)
FILM = drifting(20, SIZE, 2.0)
LOOK = FilmLook.of(FILM, 8.0)


def _rolled(picture: Frame, _before: Frame) -> Frame:
    return np.roll(picture, 2, axis=1)


def _performer(**knobs: float) -> Performer:
    bundle = drift_bundle(FILM, **knobs)
    return Performer(bundle, open_engine(bundle, "onnxruntime", "f32"))


def test_each_step_is_fed_the_last_picture_and_the_one_before() -> None:
    given: list[tuple[Frame, Frame]] = []

    def step(picture: Frame, before: Frame) -> Frame:
        given.append((picture, before))
        return np.roll(picture, 2, axis=1)

    dream = Dream(FILM[3], None, before=FILM[2])
    made = [dream.step(step, Touch()) for _ in range(3)]
    assert np.array_equal(given[0][0], FILM[3])
    assert np.array_equal(given[0][1], FILM[2])
    assert np.array_equal(given[2][0], made[1])
    assert np.array_equal(given[2][1], made[0])


def test_the_same_seed_dreams_the_same_and_another_does_not() -> None:
    ends = []
    for seed in (1, 1, 2):
        dream = Dream(FILM[0], LOOK, seed=seed)
        for _ in range(5):
            end = dream.step(_rolled, Touch(stir=0.05))
        ends.append(end)
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_a_camera_is_mixed_in_by_its_share() -> None:
    camera = np.full((30, 40, 3), 200, np.uint8)
    after = Dream(FILM[0], None).step(lambda picture, _: picture, Touch(inject=0.25, camera=camera))
    expected = FILM[0] * 0.75 + 50
    assert np.abs(after - expected).max() <= 1


def test_a_silhouette_pushes_the_picture_outward_where_it_is_and_nowhere_else() -> None:
    stripes = np.zeros((*SIZE, 3), np.uint8)
    stripes[:, ::8] = 255
    mask = np.zeros(SIZE, np.uint8)
    mask[12:36, 20:32] = 255
    still = Dream(stripes, None).step(lambda picture, _: picture, Touch(disturb=1.0, mask=mask))
    assert np.array_equal(still[:, 50:], stripes[:, 50:])
    assert np.abs(still[14:34, 16:36].astype(int) - stripes[14:34, 16:36]).mean() > 2
    untouched = Dream(stripes, None).step(lambda picture, _: picture, Touch(disturb=0.0, mask=mask))
    assert np.array_equal(untouched, stripes)


def test_a_silhouette_that_moves_disturbs_more_than_one_that_stands() -> None:
    def moved(shift: int) -> float:
        dream, mask = Dream(FILM[0], None), np.zeros(SIZE, np.uint8)
        mask[12:36, 20:32] = 255
        dream.step(lambda picture, _: picture, Touch(disturb=1.0, mask=mask))
        begun = dream.picture
        after = dream.step(lambda picture, _: picture, Touch(disturb=1.0, mask=np.roll(mask, shift, axis=1)))
        return float(np.abs(after.astype(int) - begun).mean())

    assert moved(6) > 1.3 * moved(0)


@pytest.mark.parametrize("end", ["still", "gray"])
def test_a_dream_that_collapses_begins_anew_and_says_so(end: str, caplog: pytest.LogCaptureFixture) -> None:
    gray = np.full_like(FILM[0], 90)
    dream = Dream(FILM[0], LOOK)
    with caplog.at_level(logging.WARNING):
        for _ in range(COLLAPSED_FOR):
            assert dream.restarts == 0
            dream.step(lambda picture, _: picture if end == "still" else gray, Touch())
    assert dream.restarts == 1
    assert np.array_equal(dream.picture, FILM[0])
    assert "begins anew" in caplog.text


def test_a_dream_that_moves_is_left_alone() -> None:
    dream = Dream(FILM[0], LOOK)
    for _ in range(3 * COLLAPSED_FOR):
        dream.step(_rolled, Touch())
    assert dream.restarts == 0


# Tempo


class _Counted:
    """A generator that drifts, and counts its steps."""

    steps = 0

    def __call__(self, picture: Frame, before: Frame) -> Frame:
        self.steps += 1
        return _rolled(picture, before)


def test_it_takes_as_many_steps_as_the_film_has_in_that_time_however_often_it_is_asked() -> None:
    for asked_hz in (10, 30, 60):
        counted = _Counted()
        playing = Playing(Dream(FILM[0], None), 10.0)
        for k in range(2 * asked_hz):
            playing.at(100 + k / asked_hz, counted, Touch())
        assert counted.steps == pytest.approx(20, abs=1)


def test_between_two_steps_the_picture_is_on_its_way() -> None:
    playing = Playing(Dream(FILM[0], None), 10.0)
    shown = [playing.at(k / 40, _rolled, Touch()) for k in range(5)]
    changes = [np.abs(a.astype(int) - b).mean() for a, b in zip(shown[1:], shown[:-1], strict=True)]
    assert min(changes) > 0.2 * max(changes)


def test_after_a_pause_nothing_is_caught_up() -> None:
    counted, playing = _Counted(), Playing(Dream(FILM[0], None), 10.0)
    for time_s in (0.0, 0.1, 60.0, 60.1):
        playing.at(time_s, counted, Touch())
    assert counted.steps == 4


def test_a_machine_too_slow_for_the_tempo_shows_a_slower_film() -> None:
    counted, playing = _Counted(), Playing(Dream(FILM[0], None), 25.0)
    for k in range(10):  # ten pictures are all that it makes in five seconds
        before = counted.steps
        playing.at(k / 2, counted, Touch())
        assert counted.steps - before <= 2


# As a performer


def test_a_performer_of_that_kind_goes_on_by_itself_from_where_the_film_ended() -> None:
    performer = _performer()
    for k in range(6):  # one step behind: the pictures in between need to know where it goes
        image = performer.perform(Scene(captured_s=1 + k / 10)).image
        assert np.array_equal(image, np.roll(FILM[-1], 2 * k, axis=1))
    performer.close()


def test_a_restart_begins_anew_once() -> None:
    performer = _performer()
    for k in range(1, 6):
        last = performer.perform(Scene(captured_s=k / 10)).image
    again = performer.perform(Scene(captured_s=0.6, restart=1)).image
    after = performer.perform(Scene(captured_s=0.7, restart=1)).image
    assert not np.array_equal(last, FILM[-1])
    assert np.array_equal(again, FILM[-1])
    assert np.array_equal(after, np.roll(FILM[-1], 2, axis=1))
    performer.close()


def test_its_knobs_are_the_stages_and_do_not_reach_the_graph() -> None:
    performer = _performer()
    camera = np.full((60, 80, 3), 255, np.uint8)
    for k in range(1, 4):
        image = performer.perform(Scene(captured_s=k / 10, frame=camera, knobs={"inject": 0.5})).image
    assert image.mean() > 0.5 * FILM[-1].mean() + 100
    performer.close()
