"""The second table: what can be asked over OSC besides turning a control. Docs, OSCQuery, page and keys read it too."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One address that does something once. `repeat_s` 0: its arguments say what is meant, and it is no button."""

    address: str
    takes: str
    help: str
    types: str = ""
    """OSC type tags of the arguments, for OSCQuery; those of a button are empty."""
    repeat_s: float = 0.0
    """A button that is held is repeated at each cook of a CHOP; high again after this much silence is a new press."""
    key: str = ""


COMMANDS: tuple[Command, ...] = (
    Command("/preset/store", "NAME", "keep all controls under a name", "s"),
    Command("/preset/recall", "NAME or number from 0, [SECONDS]", "bring them back, at once or over seconds", "sf"),
    Command("/preset/delete", "NAME", "forget a preset", "s"),
    Command("/preset/list", "", "answered on `/preset/list` with all names"),
    Command("/cue/go", "1, or nothing", "the next cue, with its own fade", repeat_s=1.0, key="space"),
    Command("/cue/back", "1, or nothing", "the cue before", repeat_s=1.0, key="backspace"),
    Command("/cue/jump", "NAME or number from 0", "this cue, with its fade", "s"),
    Command("/cue/stop", "1, or nothing", "no cue follows by itself; fades stop where they are", repeat_s=1.0),
    Command(
        "/cue/add",
        "NAME PRESET [FADE] [FOLLOW]",
        "a cue at the end of the list, or in place of the one of that name; seconds; FOLLOW counts from its beginning",
        "ssff",
    ),
    Command("/cue/delete", "NAME", "take a cue out of the list", "s"),
    Command("/cue/list", "", "answered on `/cue/list` with all names"),
    Command("/tempo/tap", "1, or nothing", "a beat; several make a tempo", repeat_s=0.15, key="t"),
    Command("/stop", "1, or nothing", "all ramps, glides and oscillators stop where they are", repeat_s=1.0),
    Command(
        "/midi/learn", "[ADDRESS]", "the next MIDI knob that moves turns this control, or the one touched last", "s"
    ),
    Command("/midi/forget", "[ADDRESS]", "no MIDI knob turns this control, or any", "s"),
    Command("/subscribe", "PORT", "send to this port of yours all that is sent out", "i"),
    Command("/unsubscribe", "[PORT]", "and no more", "i"),
    Command("/ping", "anything", "answered on `/pong` with the same", "f"),
    Command("/dump", "", "send the value of every control once"),
)
BY_ADDRESS: Mapping[str, Command] = {command.address: command for command in COMMANDS}
KEYS: Mapping[str, str] = {command.key: command.address for command in COMMANDS if command.key}
