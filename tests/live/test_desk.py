"""What moves controls: glides, ramps, oscillators, tempo, presets, cues; and panic above all of them."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import BadInput
from live.control import presets as preset_file
from live.control.coercion import knob_control
from live.control.commands import COMMANDS
from live.control.cues import Cue, CueFile, CueList
from live.control.desk import MOST_COMMANDS, Desk
from live.control.moves import SHAPES, wave
from live.control.parameters import TABLE, Controls
from live.control.playback import BEFORE_PANIC
from live.control.presets import PresetFile, Presets
from live.control.reference import SCHEMAS
from live.control.shelf import Shelf
from live.posing import Posing
from tests.fakes import standing


def told(desk: Desk, *messages: tuple[Any, ...], at_s: float = 0.0, sender: str = "") -> Controls:
    """Messages of one bundle, and the tick after it."""
    refused = desk.receive([(address, arguments) for address, *arguments in messages], at_s, sender)
    assert refused == []
    return desk.tick(at_s)


def said(desk: Desk, address: str) -> list[tuple[Any, ...]]:
    return [arguments for known, arguments in desk.said if known == address]


def test_nothing_is_applied_before_the_tick() -> None:
    desk = Desk()
    desk.receive([("/mix", [0.2])], 0.0)
    assert desk.read().mix == 1.0
    assert desk.tick(0.0).mix == 0.2


def test_a_tick_without_news_gives_the_very_same_controls() -> None:
    desk = Desk()
    assert desk.tick(0.0) is desk.tick(1.0)


def test_a_bundle_acts_whole_on_one_tick() -> None:
    controls = told(Desk(), ("/mix", 0.3), ("/look/hue/degrees", 90.0), ("/freeze", 1))
    assert (controls.mix, controls.hue, controls.freeze) == (0.3, 90.0, True)


def test_a_glide_takes_its_time_and_arrives() -> None:
    desk = Desk()
    told(desk, ("/mix/glide", 1000.0), ("/mix", 0.0))
    assert desk.tick(0.5).mix == pytest.approx(0.5)
    assert desk.tick(1.0).mix == 0.0
    assert desk.tick(9.0).mix == 0.0


def test_a_ramp_takes_its_seconds_once() -> None:
    desk = Desk()
    told(desk, ("/look/hue/degrees/ramp", 90.0, 2.0))
    assert desk.tick(1.0).hue == pytest.approx(45.0)
    assert desk.tick(2.0).hue == 90.0
    assert told(desk, ("/look/hue/degrees", 10.0), at_s=3.0).hue == 10.0


def test_a_value_ends_the_ramp_it_meets() -> None:
    desk = Desk()
    told(desk, ("/mix/ramp", 0.0, 10.0))
    assert told(desk, ("/mix", 0.9), at_s=1.0).mix == 0.9
    assert desk.tick(5.0).mix == 0.9


def test_an_oscillator_swings_about_the_value_that_was_set() -> None:
    desk = Desk()
    told(desk, ("/look/hue/lfo", "sine", 1.0, 0.5))
    values = [desk.tick(step / 100).hue for step in range(101)]
    assert max(values) == pytest.approx(90, abs=0.5)
    assert min(values) == pytest.approx(-90, abs=0.5)
    assert values[25] == pytest.approx(90, abs=0.5)
    assert told(desk, ("/look/hue/lfo", "off"), at_s=2.0).hue == 0.0


def test_an_oscillator_can_be_set_a_float_at_a_time_as_a_chop_does() -> None:
    desk = Desk()
    told(desk, ("/look/hue/lfo", 2.0), ("/look/hue/lfo/hz", 2.0), ("/look/hue/lfo/depth", 1.0))
    desk.tick(0.0)
    assert desk.tick(0.125).hue == pytest.approx(180)


def test_changing_the_speed_of_an_oscillator_does_not_make_it_jump() -> None:
    desk = Desk()
    told(desk, ("/look/hue/lfo", "triangle", 0.5, 1.0))
    before = [desk.tick(step / 100).hue for step in range(37)][-1]
    after = told(desk, ("/look/hue/lfo/hz", 4.0), at_s=0.361).hue
    assert abs(after - before) < 10


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_stays_within_its_depth_and_is_continuous(shape: Any) -> None:
    values = [wave(shape, step / 200, "seed") for step in range(2000)]
    assert all(-1 <= value <= 1 for value in values)
    assert max(abs(b - a) for a, b in itertools.pairwise(values)) < 0.1


def test_random_is_the_same_for_the_same_control_and_differs_for_another() -> None:
    assert wave("random", 3.3, "a") == wave("random", 3.3, "a") != wave("random", 3.3, "b")


def test_an_oscillator_follows_a_tapped_tempo() -> None:
    desk = Desk()
    for tap in range(5):
        told(desk, ("/tempo/tap",), at_s=tap * 0.4)
    assert desk.read().tempo == pytest.approx(150)
    told(desk, ("/look/hue/lfo", "sine"), ("/look/hue/lfo/beats", 1.0), ("/look/hue/lfo/depth", 1.0), at_s=1.6)
    assert abs(desk.tick(2.0).hue) < 1
    assert desk.tick(2.1).hue == pytest.approx(180, abs=1)


def test_a_tempo_that_was_tapped_long_ago_is_not_mixed_into_a_new_one() -> None:
    desk = Desk()
    for at_s in (0.0, 0.5, 30.0, 30.25):
        told(desk, ("/tempo/tap",), at_s=at_s)
    assert desk.read().tempo == pytest.approx(240)


def test_a_preset_brings_all_controls_back() -> None:
    desk = Desk()
    told(desk, ("/mix", 0.3), ("/backdrop", "camera"), ("/freeze", 1), ("/look/hue/lfo", "sine", 1.0, 0.2))
    kept = desk.tick(1.0)
    told(desk, ("/preset/store", "warm"), at_s=1.0)
    told(desk, ("/mix", 1.0), ("/backdrop", "plate"), ("/freeze", 0), ("/look/hue/lfo", "off"), at_s=2.0)
    told(desk, ("/preset/recall", "warm"), at_s=3.0)
    now = desk.tick(3.0)
    assert (now.mix, now.backdrop, now.freeze) == (kept.mix, kept.backdrop, kept.freeze)
    assert desk.tick(3.25).hue != desk.tick(3.4).hue


def test_a_preset_recalled_over_seconds_fades() -> None:
    desk = Desk()
    told(desk, ("/mix", 0.0), ("/preset/store", "a"), ("/mix", 1.0))
    told(desk, ("/preset/recall", "a", 4.0), at_s=10.0)
    assert desk.tick(12.0).mix == pytest.approx(0.5)
    assert desk.tick(14.0).mix == 0.0


def test_commands_keep_their_order_among_the_values_of_one_tick() -> None:
    controls = told(
        Desk(), ("/mix", 0.2), ("/preset/store", "a"), ("/mix", 0.9), ("/preset/recall", "a"), ("/freeze", 1)
    )
    assert controls.mix == 0.2
    assert told(Desk(), ("/mix", 0.2), ("/preset/store", "a"), ("/preset/recall", "a"), ("/mix", 0.9)).mix == 0.9


def test_a_preset_is_recalled_by_number_too() -> None:
    desk = Desk()
    told(desk, ("/mix", 0.1), ("/preset/store", "a"), ("/mix", 0.2), ("/preset/store", "b"))
    assert told(desk, ("/preset/recall", 0)).mix == 0.1


def test_what_belongs_to_the_room_is_no_part_of_a_preset() -> None:
    desk = Desk()
    told(desk, ("/preset/store", "a"), ("/flip", 1), ("/mirror", 1), ("/preset/recall", "a"))
    assert desk.read().flip
    assert desk.read().mirror


@pytest.mark.parametrize(
    "asked", [("/preset/recall", "nobody"), ("/cue/jump", "nobody"), ("/cue/go",), ("/preset/store", "")]
)
def test_what_cannot_be_done_is_said_in_a_sentence(asked: tuple[Any, ...]) -> None:
    desk = Desk()
    told(desk, asked)
    assert len(said(desk, "/error")) == 1


def _cues() -> Desk:
    desk = Desk()
    for name, mix in (("a", 0.1), ("b", 0.5), ("c", 0.9)):
        told(desk, ("/mix", mix), ("/preset/store", name), ("/cue/add", name.upper(), name, 0.0))
    return desk


def test_cues_go_forth_and_back_and_jump() -> None:
    desk = _cues()
    row: list[tuple[Any, ...]] = [("/cue/go",), ("/cue/go",), ("/cue/go",), ("/cue/back",), ("/cue/jump", "A")]
    mixes = [told(desk, asked, at_s=10.0 * step).mix for step, asked in enumerate(row, 1)]
    assert mixes == [0.1, 0.5, 0.9, 0.5, 0.1]
    assert said(desk, "/cue/now")[-1] == ("A",)


def test_a_cue_fades_in_its_own_time() -> None:
    desk = _cues()
    told(desk, ("/cue/add", "B", "b", 2.0), ("/cue/go",))
    told(desk, ("/cue/go",), at_s=10.0)
    assert desk.tick(11.0).mix == pytest.approx(0.3)


def test_a_cue_follows_by_itself_when_it_is_due() -> None:
    desk = _cues()
    told(desk, ("/cue/add", "A", "a", 0.0, 3.0), ("/cue/go",))
    assert desk.tick(2.9).mix == 0.1
    assert desk.tick(3.0).mix == 0.5
    assert desk.tick(60.0).mix == 0.5


@pytest.mark.parametrize("stop", [("/cue/stop",), ("/panic",), ("/preset/recall", "a")])
def test_whoever_takes_over_stops_what_would_follow(stop: tuple[Any, ...]) -> None:
    desk = _cues()
    told(desk, ("/cue/add", "A", "a", 0.0, 3.0), ("/cue/go",))
    told(desk, stop, at_s=1.0)
    desk.tick(5.0)
    assert desk.cues.now is not None
    assert desk.cues.now.name == "A"


def test_go_held_by_a_chop_goes_once() -> None:
    desk = _cues()
    for cook in range(120):
        told(desk, ("/cue/go", 1.0), at_s=cook / 60, sender="chop")
    assert desk.cues.number == 0


def test_panic_is_black_neutral_and_stops_what_moves() -> None:
    desk = Desk(Controls(mix=0.8))
    told(desk, ("/mix", 0.1), ("/look/hue/lfo", "sine", 1.0, 1.0), ("/look/contrast/ramp", 0.0, 9.0), ("/flip", 1))
    panicked = told(desk, ("/panic",), at_s=1.0)
    assert panicked.panic
    assert (panicked.mix, panicked.hue, panicked.contrast) == (0.8, 0.0, 1.0)
    assert panicked.flip
    assert desk.tick(5.0) is panicked


def test_panic_0_gives_the_show_back_and_so_does_the_key() -> None:
    desk = Desk()
    told(desk, ("/panic",))
    assert not told(desk, ("/panic", 0), at_s=0.1).panic
    desk.press("p")
    assert desk.tick(1.0).panic
    desk.press("p")
    assert not desk.tick(2.0).panic


def test_what_was_before_a_panic_is_kept_as_a_preset() -> None:
    desk = Desk()
    told(desk, ("/mix", 0.25))
    told(desk, ("/panic",), at_s=1.0)
    told(desk, ("/panic", 0), ("/preset/recall", BEFORE_PANIC), at_s=2.0)
    assert desk.tick(2.0).mix == 0.25


def test_panic_forgets_what_came_in_before_it_and_hears_what_comes_after() -> None:
    controls = told(Desk(), ("/mix", 0.1), ("/panic",), ("/look/hue/degrees", 90.0))
    assert (controls.panic, controls.mix, controls.hue) == (True, 1.0, 90.0)


def test_a_chop_that_sends_zero_for_ever_does_not_lift_the_panic_of_a_key() -> None:
    desk = Desk()
    for cook in range(240):
        if cook == 120:
            desk.press("p")
        told(desk, ("/panic", 0.0), at_s=cook / 60, sender="chop")
    assert desk.read().panic


def test_a_chop_that_sends_one_for_ever_can_be_lifted_by_the_key() -> None:
    desk = Desk()
    for cook in range(240):
        if cook == 120:
            desk.press("p")
        told(desk, ("/panic", 1.0), at_s=cook / 60, sender="chop")
    assert not desk.read().panic


def test_two_desks_do_not_press_each_others_buttons() -> None:
    desk = Desk()
    for cook in range(120):
        told(desk, ("/bundle/next", 0.0), at_s=cook / 60, sender="a")
        told(desk, ("/bundle/next", 1.0), at_s=cook / 60, sender="b")
    assert desk.read().next_bundle == 1


def test_a_value_that_a_chop_only_repeats_leaves_the_control_to_another_hand() -> None:
    desk = Desk()
    for cook in range(60):
        told(desk, ("/mix", 0.2), at_s=cook / 60, sender="chop")
    told(desk, ("/mix", 0.9), at_s=1.0, sender="phone")
    for cook in range(61, 120):
        told(desk, ("/mix", 0.2), at_s=cook / 60, sender="chop")
    assert desk.read().mix == 0.9
    assert told(desk, ("/mix", 0.3), at_s=2.0, sender="chop").mix == 0.3


def test_a_flood_of_values_pushes_no_command_out() -> None:
    desk = _cues()
    for number in range(20_000):
        desk.receive([("/look/hue", [number % 100 / 100])], 1.0, "flood")
        if number == 10_000:
            desk.receive([("/cue/jump", ["B"])], 1.0, "hand")
    assert desk.tick(1.0).mix == 0.5


def test_a_flood_takes_memory_for_one_value_an_address() -> None:
    desk = Desk()
    for number in range(5000):
        desk.receive([(control.address, [number % 7 / 7]) for control in TABLE], 1.0, f"host {number}")
    assert len(desk._arrived) == 1
    assert len(desk._arrived[0].values) <= len(TABLE)
    assert len(desk._repeats._last) <= 4096


def test_a_flood_of_commands_is_refused_with_a_sentence_and_the_first_ones_count() -> None:
    desk = Desk()
    refused = [desk.receive([("/preset/store", [f"p{number}"])], 0.0) for number in range(MOST_COMMANDS + 5)]
    assert [len(each) for each in refused] == [0] * MOST_COMMANDS + [1] * 5
    desk.tick(0.0)
    assert len(desk.presets.names) == MOST_COMMANDS


def test_panic_gets_through_a_full_row_of_commands() -> None:
    desk = Desk()
    for number in range(2 * MOST_COMMANDS):
        desk.receive([("/preset/store", [f"p{number}"])], 0.0)
    assert told(desk, ("/panic",)).panic


def test_a_prefix_is_taken_off() -> None:
    desk = Desk(prefix="/stage/one/")
    assert told(desk, ("/stage/one/mix", 0.5)).mix == 0.5
    assert told(desk, ("/mix", 0.25)).mix == 0.25


def test_the_knobs_of_a_performer_are_controls_while_it_is_on_stage() -> None:
    desk = Desk()
    desk.take_up("ember", lambda: [knob_control("Glow amount", 0.0, 2.0, 1.0, "how it glows")])
    assert told(desk, ("/knob/glow_amount", 1.0)).knobs == {"Glow amount": 2.0}
    assert told(desk, ("/knob/glow_amount/value", 0.5)).knobs == {"Glow amount": 0.5}
    desk.take_up("frost", list)
    assert desk.receive([("/knob/glow_amount", [1.0])], 0.0) != []
    assert desk.tick(1.0).knobs == {}


def test_a_knob_that_leaves_between_message_and_tick_is_no_fault() -> None:
    desk = Desk()
    desk.take_up("ember", lambda: [knob_control("glow", 0.0, 1.0, 0.5, "")])
    desk.receive([("/knob/glow", [1.0]), ("/knob/glow/lfo", ["sine"])], 0.0)
    desk.take_up("frost", list)
    assert desk.tick(0.0).knobs == {}


COMMAND_ADDRESSES = [command.address for command in COMMANDS]
SUFFIXED = [
    f"{control.address}{suffix}" for control in TABLE[:12] for suffix in ("", "/lfo", "/ramp", "/glide", "/lfo/hz")
]
arguments = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.binary(max_size=4)),
    max_size=5,
)


@given(
    st.lists(
        st.tuples(st.sampled_from(COMMAND_ADDRESSES + SUFFIXED), arguments, st.floats(0, 5)),
        max_size=12,
    )
)
def test_no_row_of_messages_whatever_hurts_the_desk(row: list[tuple[str, list[Any], float]]) -> None:
    desk, now_s = Desk(), 0.0
    for address, given_, later_s in row:
        now_s += later_s
        desk.receive([(address, given_)], now_s, "x")
        controls = desk.tick(now_s)
        for control in TABLE:
            if control.kind == "slider":
                assert control.low <= getattr(controls, control.name) <= control.high


# Files ----------------------------------------------------------------------------------------------------------------


def test_presets_come_back_from_the_disk(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    desk = Desk()
    desk.playback.kept = lambda: shelf.keep(preset_file.FILE, desk.presets.file)
    told(desk, ("/mix", 0.3), ("/preset/store", "warm"))
    assert shelf.step()
    again = Desk(presets=Presets(Shelf(tmp_path).read(preset_file.FILE, PresetFile).presets))
    assert told(again, ("/preset/recall", "warm")).mix == 0.3


def test_a_folder_that_is_none_is_one_sentence_and_ends_no_show(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    shelf = Shelf(tmp_path / "file" / "control")
    assert shelf.read("cues.json", CueFile) == CueFile()
    shelf.keep("cues.json", CueFile())
    with pytest.raises(BadInput, match=r"cues\.json: cannot be written .* --presets"):
        shelf.step()
    shelf.flush()
    assert "cannot be written" in caplog.text


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    shelf.keep("cues.json", CueFile(cues=(Cue(name="A", preset="a"),)))
    shelf.step()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("live.control.shelf.os.fsync", full)
    shelf.keep("cues.json", CueFile())
    with pytest.raises(BadInput, match=r"cues\.json: cannot be written \(No space left"):
        shelf.step()
    assert Shelf(tmp_path).read("cues.json", CueFile).cues[0].name == "A"
    assert [path.name for path in tmp_path.iterdir()] == ["cues.json"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "the file"),
        ('{"format": 2}', "format"),
        ('{"presets": {"a": {"controls": {"/mix": NaN}}}}', "presets"),
        ('{"presets": {"a": {"lfos": {"/mix": {"hz": -1}}}}}', "hz"),
        ('{"extra": 1}', "extra"),
    ],
)
def test_a_file_that_is_not_right_is_refused_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "presets.json").write_text(text)
    with pytest.raises(BadInput, match=rf"presets\.json: .*{named}"):
        Shelf(tmp_path).read("presets.json", PresetFile)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_file_has_a_schema_that_forbids_what_it_does_not_know(name: str) -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs" / f"{name}.schema.json").read_text())
    assert schema["additionalProperties"] is False


def test_a_cue_list_knows_its_ends() -> None:
    cues = CueList((Cue(name="A", preset="a"),))
    assert cues.back(0.0) == "the cue list is at its beginning"
    assert isinstance(cues.go(0.0), Cue)
    assert cues.go(0.0) == "the cue list is at its end"


def test_a_pose_is_guessed_ahead_by_as_many_milliseconds_as_are_asked() -> None:
    controls = told(Desk(), ("/pose/predict/ms", 100.0))
    posing = Posing()
    for number in range(20):
        pose, _ = posing(standing(0.3 + 0.01 * number), 1.0, number * 0.05, controls, 0.0)
    assert pose is not None
    assert pose[0, 0] == pytest.approx(0.3 + 0.01 * 19 + 0.02, abs=1e-3)
