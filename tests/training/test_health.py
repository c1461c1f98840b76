"""A training says in words what its curves mean, each thing once."""

import pytest

from tests.training.test_loop import _config
from training.health import PATIENCE, WINDOW, Health
from training.losses import FORMS
from training.standing import Standing


def _health(form: str = "hinge") -> Health:
    return Health(_config(losses={"form": form}, discriminator={"start_step": 0, "ramp_steps": 1}))


def _told(health: Health, loss: float, right: float, count: int = WINDOW) -> list[str]:
    said = {"discriminator": loss, "real_right": right, "fake_right": right, "total": 1.0, "generator_gradient": 1.0}
    return [sentence for step in range(1, count + 1) for sentence in health.heard(step, said)]


@pytest.mark.parametrize("form", list(FORMS))
def test_chance_is_known_for_every_form_of_the_loss(form: str) -> None:
    (sentence,) = _told(_health(form), FORMS[form].chance, 0.5)
    assert "sits at chance" in sentence
    assert f"{FORMS[form].chance:.2f}" in sentence


def test_the_value_that_is_chance_for_one_form_is_none_for_another() -> None:
    (sentence,) = _told(_health("vanilla"), FORMS["least_squares"].chance, 0.8)
    assert "left chance" in sentence


def test_a_discriminator_that_has_won_is_named_with_what_to_do() -> None:
    (sentence,) = _told(_health(), 0.05, 0.99)
    assert "has won" in sentence
    assert "lower discriminator.learning_rate" in sentence


def test_a_sentence_is_said_once_until_it_is_true_again() -> None:
    health = _health()
    assert len(_told(health, 0.05, 0.99, 3 * WINDOW)) == 1
    assert [s.split(":")[0] for s in _told(health, 1.2, 0.8, 2 * WINDOW)] == ["the discriminator has left chance"]
    assert len(_told(health, 0.05, 0.99, 2 * WINDOW)) == 1


def test_nothing_is_said_before_the_discriminator_had_its_ramp() -> None:
    health = Health(_config(discriminator={"start_step": 1000, "ramp_steps": 1}))
    assert _told(health, 2.0, 0.5) == []


def test_pictures_that_stand_still_are_dated() -> None:
    health = _health()
    said = [health.seen(step, Standing(20.0 - step / 100, 0.8, moved=moved)) for step, moved in MOVED]
    assert said[:2] == [[], []]
    assert "no movement since step 20" in said[2][0]
    assert said[3] == []


MOVED = [(10, None), (20, 3.0), (30, 0.01), (40, 0.01)]


def test_an_error_that_stops_improving_names_its_best_step() -> None:
    health = _health()
    said = [health.seen(step, Standing(10.0 + (step != 3), 0.8)) for step in range(1, 4 + PATIENCE)]
    assert [len(sentences) for sentences in said[:-1]] == [0] * (len(said) - 1)
    assert "best at step 3 (10.0)" in said[-1][0]


def test_a_discriminator_that_knows_only_what_it_learned_is_memorizing() -> None:
    (sentence,) = _health().seen(1, Standing(10.0, 0.8, recognized=(0.95, 0.40)))
    assert "memorizing" in sentence
    assert "95%" in sentence
    assert "40%" in sentence


def test_a_sudden_gradient_is_told_with_its_size() -> None:
    health = _health()
    for step in range(WINDOW):
        assert health.heard(step, {"generator_gradient": 1.0}) == []
    assert "100 times" in health.heard(WINDOW, {"generator_gradient": 100.0})[0]


def test_a_resumed_run_does_not_repeat_what_it_said() -> None:
    health = _health()
    line = {"discriminator": 2.0, "real_right": 0.5, "fake_right": 0.5, "total": 1.0}
    health.catch_up({"step": step, **line} for step in range(1, 100))
    assert _told(health, 2.0, 0.5) == []
