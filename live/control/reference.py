"""docs/osc.md, written from the table of controls: `python -m live.control.reference > docs/osc.md`."""

from live.control.parameters import TABLE, Control

HEAD = """# OSC reference

Written by `python -m live.control.reference` from the table that the program reads; do not edit it by hand.
In on UDP 7400, out on 7401 (`--osc-in`, `--osc-out`). Every slider takes 0..1; where it has a natural unit, a second
address takes that. Values are coerced and clamped, the last one wins, time tags are ignored, triggers fire on their way
from 0 to 1.

## In

| address | takes | default | what it does | keys |
|---|---|---|---|---|
"""

OUT = """
## Out

| address | arguments | when |
|---|---|---|
| `/fps/source` `/fps/pose` `/fps/engine` `/fps/display` | float, a second | twice a second |
| `/latency/p50` `/latency/p95` | float, milliseconds from capture to flip | twice a second |
| `/dropped` | float, source frames that no picture was made of | twice a second |
| `/pose/presence` | float, 1 somebody is followed, 0 nobody | with every picture |
| `/pose/nose` ... `/pose/right_foot_index` | 4 floats: x, y in 0..1 of the frame, z, visibility | with every picture |
| `/bundle` | string: the performer on stage | when it changes |
| `/engine` | string: what the performer runs on, and why not on anything better | when it changes |
| `/error` | string: what failed or was not understood | when it begins, at most once a second for messages |
"""


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(_row(control) for control in TABLE) + OUT


def _row(control: Control) -> str:
    address = f"`{control.address}`" + (f"<br>`{control.twin}`" if control.twin else "")
    keys = " ".join(f"`{key}`" for key in control.keys)
    return f"| {address} | {_taken(control)} | {_default(control)} | {control.help} | {keys} |\n"


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
    return {"trigger": "", "name": "the first"}.get(control.kind, f"`{control.default}`")


if __name__ == "__main__":
    print(reference(), end="")
