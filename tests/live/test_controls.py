"""A walk over the table of controls, and what the desk promises whoever turns them."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.control.desk import REPEAT_S, Desk
from live.control.parameters import BY_NAME, TABLE, Control, Controls, Value
from live.control.reference import documents
from live.look import Feedback, finished

every_control = pytest.mark.parametrize("control", TABLE, ids=lambda control: control.name)
SLIDERS = [control for control in TABLE if control.kind == "slider"]
every_slider = pytest.mark.parametrize("control", SLIDERS, ids=lambda control: control.name)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.recursive(st.floats(), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
)


def _value(desk: Desk, control: Control) -> Value:
    value: Value = getattr(desk.tick(0.0), control.name)
    return value


@every_control
def test_every_control_has_address_range_default_and_help(control: Control) -> None:
    assert control.address.startswith("/")
    assert control.address == control.address.lower()
    assert len(control.help) > 10
    assert control.low < control.high
    assert control.default == getattr(Controls(), control.name)
    if control.kind == "slider":
        assert control.low <= float(control.default) <= control.high


def test_every_field_is_in_the_table_once_and_no_address_twice() -> None:
    assert [*(control.name for control in TABLE), "knobs"] == [field.name for field in fields(Controls)]
    addresses = [address for control in TABLE for address in (control.address, control.twin) if address]
    assert len(set(addresses)) == len(addresses)


def test_no_key_is_given_to_two_controls() -> None:
    keys = [key for control in TABLE for key in control.keys]
    assert len(set(keys)) == len(keys)


@every_control
def test_every_control_answers_to_its_address(control: Control) -> None:
    desk = Desk()
    before = _value(desk, control)
    for argument in (0.0, 1.0):
        assert desk.receive([(control.address, [argument])], 0.0) == []
        if _value(desk, control) != before:
            return
    pytest.fail(f"{control.address} changed nothing")


@every_slider
def test_every_slider_takes_0_to_1_of_its_range(control: Control) -> None:
    desk = Desk()
    for share, natural in ((0.0, control.low), (0.5, (control.low + control.high) / 2), (1, control.high)):
        desk.receive([(control.address, [share])], 0.0)
        assert _value(desk, control) == pytest.approx(natural)


@pytest.mark.parametrize("control", [c for c in TABLE if c.twin], ids=lambda control: control.name)
def test_a_control_with_a_unit_has_a_twin_that_takes_it(control: Control) -> None:
    desk = Desk()
    natural = control.low + 0.75 * (control.high - control.low)
    desk.receive([(str(control.twin), [natural])], 0.0)
    assert _value(desk, control) == pytest.approx(natural)


@every_slider
@pytest.mark.parametrize("argument", [-5, 7, 1e30, True, False, "0.5"], ids=str)
def test_a_slider_coerces_and_clamps_and_never_rejects(control: Control, argument: Any) -> None:
    desk = Desk()
    assert desk.receive([(control.address, [argument])], 0.0) == []
    assert control.low <= float(_value(desk, control)) <= control.high


@every_slider
@pytest.mark.parametrize("argument", [math.nan, math.inf, -math.inf, None, "loud", b"x"], ids=str)
def test_what_means_nothing_is_answered_and_changes_nothing(control: Control, argument: Any) -> None:
    desk = Desk()
    assert len(desk.receive([(control.address, [argument])], 0.0)) == 1
    assert _value(desk, control) == control.default


@given(st.sampled_from(TABLE), st.lists(anything, max_size=4))
def test_no_argument_whatever_takes_a_control_out_of_its_range(control: Control, arguments: list[Any]) -> None:
    desk = Desk()
    desk.receive([(control.address, arguments), (control.twin or control.address, arguments)], 0.0)
    value = _value(desk, control)
    assert type(value) is type(control.default)
    if control.kind == "slider":
        assert control.low <= float(value) <= control.high
    if control.kind == "choice":
        assert value in control.choices


@pytest.mark.parametrize(
    ("argument", "backdrop"), [("camera", "camera"), ("BLACK", "black"), (1, "camera"), (99.7, "transparent")]
)
def test_a_choice_is_taken_by_name_or_by_number(argument: Any, backdrop: str) -> None:
    desk = Desk()
    desk.receive([("/backdrop", [argument])], 0.0)
    assert desk.tick(0.0).backdrop == backdrop


def test_the_last_value_wins() -> None:
    desk = Desk()
    desk.receive([("/mix", [0.1]), ("/mix", [0.2]), ("/mix", [0.3])], 0.0)
    assert desk.tick(0.0).mix == 0.3


def test_of_several_samples_in_a_message_the_last_counts() -> None:
    desk = Desk()
    desk.receive([("/mix", [0.1, 0.9, 0.4])], 0.0)
    assert desk.tick(0.0).mix == 0.4


def test_a_tick_keeps_the_controls_it_has_read() -> None:
    desk = Desk()
    tick = desk.tick(0.0)
    desk.receive([("/mix", [0.1])], 0.0)
    assert tick.mix == 1.0


def _fired(desk: Desk) -> int:
    return desk.tick(0.0).next_bundle


def test_a_trigger_repeated_at_every_cook_fires_once() -> None:
    desk = Desk()
    for cook in range(120):
        desk.receive([("/bundle/next", [1.0])], cook / 60)
    assert _fired(desk) == 1


def test_a_trigger_fires_again_after_it_was_let_go() -> None:
    desk = Desk()
    for time_s, value in enumerate((1.0, 0.0, 1.0, 0.0)):
        desk.receive([("/bundle/next", [value])], time_s / 60)
    assert _fired(desk) == 2


def test_a_sender_that_never_sends_zero_can_press_twice() -> None:
    desk = Desk()
    desk.receive([("/bundle/next", [1])], 0.0)
    desk.receive([("/bundle/next", [1])], REPEAT_S + 0.1)
    assert _fired(desk) == 2


def test_a_trigger_without_argument_is_a_press() -> None:
    desk = Desk()
    desk.receive([("/bundle/next", [])], 0.0)
    assert _fired(desk) == 1


def test_a_trigger_and_its_release_within_one_tick_still_fire() -> None:
    desk = Desk()
    desk.receive([("/bundle/next", [1]), ("/bundle/next", [0])], 0.0)
    assert _fired(desk) == 1


@pytest.mark.parametrize("pattern", ["/look/*", "/look/h?e", "/look/[h]ue", "/look/{hue,contrast}"])
def test_an_address_pattern_reaches_what_it_matches(pattern: str) -> None:
    desk = Desk()
    assert desk.receive([(pattern, [1.0])], 0.0) == []
    assert desk.tick(0.0).hue == 180
    assert desk.tick(0.0).mix == Controls().mix


@given(st.text(alphabet="/*?[]{}!-,aolk\\", max_size=64))
def test_no_address_pattern_hurts_the_desk(pattern: str) -> None:
    Desk().receive([("/" + pattern, [0.5])], 0.0)


def test_a_prefix_may_be_given_or_left_out() -> None:
    desk = Desk(prefix="/understudy")
    desk.receive([("/understudy/mix", [0.25]), ("/flip", [1])], 0.0)
    assert (desk.tick(0.0).mix, desk.tick(0.0).flip) == (0.25, True)


@pytest.mark.parametrize("control", [c for c in TABLE if c.keys], ids=lambda control: control.name)
def test_every_key_moves_its_control(control: Control) -> None:
    for key in control.keys:
        desk = Desk(Controls(mix=0.5))
        before = _value(desk, control)
        assert desk.press(key)
        assert _value(desk, control) != before


def test_the_blackout_key_gives_the_picture_back() -> None:
    desk = Desk()
    desk.press("b")
    assert desk.tick(0.0).blackout == 1
    desk.press("b")
    assert desk.tick(0.0).blackout == 0


LOOK = {"brightness": 1.0, "contrast": 0.4, "saturation": 0.0, "hue": 90.0, "blackout": 0.5, "flip": True}


def _picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


@pytest.mark.parametrize("name", LOOK)
def test_every_control_of_the_look_changes_the_picture(name: str) -> None:
    picture = _picture()
    assert BY_NAME[name]
    assert np.abs(finished(picture, Controls(**{name: LOOK[name]})).astype(int) - picture).mean() > 5  # type: ignore[arg-type]


def test_neutral_controls_leave_the_picture_as_it_is() -> None:
    picture = _picture()
    assert np.array_equal(finished(picture, Controls()), picture)


def test_full_blackout_is_black() -> None:
    assert not finished(_picture(), Controls(blackout=1.0, brightness=2.0)).any()


def test_gray_stays_gray_under_hue_and_saturation() -> None:
    gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    turned = finished(gray, Controls(hue=123.0, saturation=1.7))
    assert np.abs(turned.astype(int) - gray).max() <= 1


def test_a_third_of_a_turn_of_hue_exchanges_the_colors() -> None:
    picture = _picture()
    assert np.abs(finished(picture, Controls(hue=120.0)).astype(int) - np.roll(picture, 1, axis=2)).max() <= 1


def test_a_trail_fades_out_entirely() -> None:
    feedback, black = Feedback(), np.zeros((4, 4, 3), np.uint8)
    feedback(np.full((4, 4, 3), 255, np.uint8), 0.9, 0.0)
    for _ in range(600):
        trail = feedback(black, 0.9, 1 / 60)
    assert not trail.any()


def test_a_trail_is_as_long_at_60_as_at_30_pictures_a_second() -> None:
    white, black = np.full((4, 4, 3), 255, np.uint8), np.zeros((4, 4, 3), np.uint8)
    left = []
    for rate in (30, 60):
        feedback = Feedback()
        feedback(white, 0.8, 0.0)
        for _ in range(rate // 5):
            trail = feedback(black, 0.8, 1 / rate)
        left.append(int(trail[0, 0, 0]))
    assert abs(left[0] - left[1]) <= 1
    assert left[0] > 20


@pytest.mark.parametrize("name", documents())
def test_what_is_generated_in_docs_is_what_the_tables_say(name: str) -> None:
    kept = (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")
    assert kept == documents()[name], "write it: understudy osc-docs"
