"""docs/osc.md and its companions, written from the tables that the program reads: `understudy osc-docs`."""

import json
from collections.abc import Mapping
from pathlib import Path

from live.control.commands import COMMANDS, Command
from live.control.cues import CueFile
from live.control.parameters import TABLE, Control
from live.control.presets import PresetFile
from live.control.signals import SIGNALS, Signal
from live.control.touchdesigner import parameter_script, parameter_table

HEAD = """# OSC reference

Written by `understudy osc-docs` from the tables that the program reads; do not edit it by hand.

In on UDP **7400**, out on **7401**, OSCQuery and the control page on **7480** (`--osc-in`, `--osc-out`,
`--page-port`), on this machine only unless told otherwise. A prefix for every address: `osc_prefix` in the
settings.

- Every slider takes 0..1 of its range; where it has a natural unit, a twin address takes that.
- Values are coerced and clamped, never refused: whole numbers, booleans and numbers in words are numbers, a choice
  is a name or a number. NaN, infinity and other kinds change nothing, are counted, and answered on `/error`.
- The last value of an address wins, taken once a displayed frame. A bundle acts whole, within one frame. Time tags
  are ignored.
- A trigger fires on its way from 0 to 1, once, however often a CHOP repeats it; without an argument it always fires.
- A value that a sender repeats unchanged at frame rate is held, not moved, and leaves the control to other hands
  until it changes.
- `/panic` is above everything: black in the next displayed frame, whatever is stuck; what moves by itself stops,
  the look is neutral. What was set before is kept as the preset `before panic`. `/panic 0` or the key again gives
  the picture back.
- Nobody but this machine may send unless `--osc-allow ADDRESS` (or a network, 192.168.1.0/24) lets them in.

## Controls

| address | takes | default | what it does | keys |
|---|---|---|---|---|
"""

MOVES = """
The knobs of a bundle are controls too, at `/knob/NAME`, as long as its performer is on stage.

Every slider has besides:

| address | takes | what it does |
|---|---|---|
| `ADDRESS/glide` | milliseconds | every change from now on takes so long |
| `ADDRESS/ramp` | VALUE SECONDS | go there, once, in so many seconds (also at the twin address) |
| `ADDRESS/lfo` | `off`, `sine`, `triangle`, `random` or 0..3, [HZ [DEPTH]] | oscillate about the value that was set |
| `ADDRESS/lfo/hz` | turns a second | how fast |
| `ADDRESS/lfo/depth` | 0..1 | how far: 1 swings over the whole range |
| `ADDRESS/lfo/beats` | beats | a turn in so many beats of `/tempo`; 0 goes by hz |

## Commands

| address | takes | what it does | key |
|---|---|---|---|
"""

POSE_IN = """
## Pose in

Landmarks that come in take the place of the tracker, until none came for a second. x and y are in 0..1 of the
picture, z in widths of it; what is not sent is not seen.

| address | takes |
|---|---|
| `/pose/in/left_wrist` (and 32 others, as they go out) | x y [z [visibility]] |
| `/pose/in/left_wrist1` ... `4` or `/pose/in/left_wrist/x` `/y` `/z` `/visibility` | one float each, as of a CHOP |
| `/pose/in/presence` | 0 says that nobody is there |
| `/pose/in/aspect` | width over height of the sender's picture, where it differs from the show's |

Another understudy sends them with `pose_to = "HOST:7400"` in its settings.

## Out

To 127.0.0.1:7401 (`osc_to`, `osc_out`), and to everybody who subscribed. Numbers are floats, words have addresses
of their own. Every control that changes is echoed as it was applied: the share at its address, the unit at its
twin, words at `ADDRESS/name`; who is moving it hears it once it rests.

| address | arguments | what | when |
|---|---|---|---|
"""

SCHEMAS: Mapping[str, type[PresetFile] | type[CueFile]] = {"presets": PresetFile, "cues": CueFile}


def documents() -> dict[str, str]:
    """Name in docs/ -> text of everything that is generated."""
    schemas = {
        f"{name}.schema.json": json.dumps(kind.model_json_schema(), indent=1) + "\n" for name, kind in SCHEMAS.items()
    }
    return {
        "osc.md": reference(),
        "touchdesigner_parameters.tsv": parameter_table(),
        "touchdesigner_parameters.txt": parameter_script(),
        **schemas,
    }


def write_documents(folder: Path) -> list[Path]:
    """Write them all. Returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in documents()]


def reference() -> str:
    """The page that people read."""
    controls = "".join(map(_control, TABLE))
    return HEAD + controls + MOVES + "".join(map(_command, COMMANDS)) + POSE_IN + "".join(map(_signal, SIGNALS))


def _control(control: Control) -> str:
    address = f"`{control.address}`" + (f"<br>`{control.twin}`" if control.twin else "")
    keys = " ".join(f"`{key}`" for key in control.keys)
    return f"| {address} | {_taken(control)} | {_default(control)} | {control.help} | {keys} |\n"


def _command(command: Command) -> str:
    key = f"`{command.key}`" if command.key else ""
    return f"| `{command.address}` | {command.takes} | {command.help} | {key} |\n"


def _signal(signal: Signal) -> str:
    words = {"f": "float", "s": "text"}
    arguments = " ".join(words[tag] for tag in signal.types.rstrip(".")) + (
        " ..." if signal.types.endswith("...") else ""
    )
    return f"| `{signal.address}` | {arguments} | {signal.what} | {signal.when} |\n"


def _taken(control: Control) -> str:
    if control.kind == "slider":
        return "0..1" + (f"<br>{control.low:g}..{control.high:g} {control.unit}" if control.unit else "")
    if control.kind == "choice":
        return "0.." + f"{len(control.choices) - 1} or " + ", ".join(f"`{choice}`" for choice in control.choices)
    return {"switch": "0 or 1", "trigger": "0 to 1, or nothing", "name": "a name or a number"}[control.kind]


def _default(control: Control) -> str:
    if control.kind == "slider":
        share = f"{control.to_share(float(control.default)):g}"
        return share + (f"<br>{float(control.default):g}" if control.unit else "")
    if control.kind == "switch":
        return "a camera: 1, else 0" if control.name == "mirror" else str(int(control.default))
    return {"trigger": "", "name": "the first" if control.name == "bundle" else "none"}.get(
        control.kind, f"`{control.default}`"
    )
