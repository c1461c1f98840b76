"""THE table of controls: one field of `Controls` = one OSC address, with range, unit, default, keys and help.

OSC, keyboard, overlay, docs and tests all read this table; nothing about a control is written anywhere else. On the
wire every slider takes 0..1 of its range; one that has a natural unit has a twin address in it: `/look/hue` and
`/look/hue/degrees`. Values are coerced and clamped, never rejected for their type or range.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Value = float | bool | int | str
Kind = Literal["slider", "switch", "choice", "trigger", "name"]


@dataclass(frozen=True)
class Control:
    """One line of the table. `low`, `high` and `default` are in natural units."""

    name: str
    address: str
    kind: Kind
    default: Value
    help: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    choices: tuple[str, ...] = ()
    keys: Mapping[str, float] = field(default_factory=dict)
    """Key name -> what a press does: a step for sliders, anything for switches and triggers, 0 turns a slider over."""

    @property
    def twin(self) -> str | None:
        """The address that takes the natural unit, where there is one."""
        return f"{self.address}/{self.unit}" if self.unit else None

    def clamped(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def from_share(self, share: float) -> float:
        """0..1 of the range -> the natural unit, clamped."""
        return self.clamped(self.low + share * (self.high - self.low))

    def to_share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def _control(kind: Kind, address: str, default: Value, help: str, **more: Any) -> Any:
    metadata = {"kind": kind, "address": address, "default": default, "help": help, **more}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Controls:
    """The state of every control in one tick. Triggers are counters: one more than last time means it fired."""

    mix: float = _control(
        "slider",
        "/mix",
        1.0,
        "what is seen: 0 the camera, 1 the performer",
        keys={"left": -0.1, "right": 0.1},
    )
    backdrop: str = _control(
        "choice",
        "/backdrop",
        "plate",
        "what lies behind a performer with a matte",
        choices=("plate", "camera", "black"),
    )
    feedback: float = _control(
        "slider",
        "/feedback",
        0.0,
        "how much of the shown picture is mixed into the next: trails",
    )
    smoothing: float = _control(
        "slider",
        "/pose/smoothing",
        0.5,
        "steadiness of the pose: 0 raw, 1 very smooth and a little late",
    )
    retarget: float = _control(
        "slider",
        "/pose/retarget",
        1.0,
        "whose proportions: 0 yours, 1 those of the dancer that was learned",
    )
    mirror: bool = _control(
        "switch",
        "/mirror",
        False,
        "the performer moves like your reflection: left and right change sides",
        keys={"m": 1},
    )
    flip: bool = _control("switch", "/flip", False, "the whole output turned left to right, for rear projection")
    blackout: float = _control(
        "slider",
        "/blackout",
        0.0,
        "1 is black within one displayed frame, whatever else is stuck; between is dimmed",
        keys={"b": 0},
    )
    bundle: str = _control("name", "/bundle", "", "the performer on stage, by name or by its number from 0")
    next_bundle: int = _control("trigger", "/bundle/next", 0, "the next performer", keys={"n": 1})
    brightness: float = _control(
        "slider", "/look/brightness", 0.0, "exposure of the picture", low=-2.0, high=2.0, unit="stops"
    )
    contrast: float = _control(
        "slider", "/look/contrast", 1.0, "contrast around middle gray", low=0.0, high=2.0, unit="times"
    )
    saturation: float = _control(
        "slider", "/look/saturation", 1.0, "0 is black and white", low=0.0, high=2.0, unit="times"
    )
    hue: float = _control("slider", "/look/hue", 0.0, "rotation of all colors", low=-180.0, high=180.0, unit="degrees")


TABLE: tuple[Control, ...] = tuple(Control(name=each.name, **each.metadata) for each in fields(Controls))
BY_NAME: Mapping[str, Control] = {control.name: control for control in TABLE}


def coerced(control: Control, arguments: Sequence[Any], natural: bool = False) -> Value | None:
    """What the arguments of a message mean for `control`, clamped to its range; None when they mean nothing.

    The last argument counts, as in a time-sliced CHOP. `natural`: in the control's unit instead of 0..1 of its range.
    For a trigger the value is whether it is pressed; no argument at all is a press.
    """
    last = _last(arguments)
    if control.kind == "trigger":
        number = 1.0 if last is None else _number(last)
        return None if number is None else number >= 0.5
    if control.kind in ("choice", "name"):
        return _named(control, last)
    number = _number(last)
    if number is None:
        return None
    if control.kind == "switch":
        return number >= 0.5
    return control.clamped(number) if natural else control.from_share(number)


def _last(arguments: Sequence[Any]) -> Any:
    """The last plain value of possibly nested arguments."""
    while arguments:
        last = arguments[-1]
        if not isinstance(last, list | tuple):
            return last
        arguments = last
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _named(control: Control, value: Any) -> str | None:
    if isinstance(value, str) and control.kind == "name":
        return value or None
    if isinstance(value, str) and value.lower() in control.choices:
        return value.lower()
    number = _number(value)
    if number is None:
        return None
    index = max(0, round(number))
    return str(index) if control.kind == "name" else control.choices[min(index, len(control.choices) - 1)]
