"""Coerce, then clamp, never reject: from whatever a message carries to the value of a control."""

import math
import re
from collections.abc import Sequence
from typing import Any

from live.control.parameters import Control, Value


def knob_control(name: str, low: float, high: float, default: float, help: str) -> Control:
    """The control of a bundle's knob, at `/knob/NAME`: what is no letter or digit of the name becomes _."""
    place = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "unnamed"
    return Control(f"knob {name}", f"/knob/{place}", "slider", default, help or f"knob {name}", low, high, "value")


def coerced(control: Control, arguments: Sequence[Any], natural: bool = False) -> Value | None:
    """What the arguments of a message mean for `control`, clamped to its range; None when they mean nothing.

    The last argument counts, as in a time-sliced CHOP. `natural`: in the control's unit instead of 0..1 of its range.
    For a trigger the value is whether it is pressed; no argument at all is a press.
    """
    last = last_of(arguments)
    if control.kind == "trigger":
        number = 1.0 if last is None else number_of(last)
        return None if number is None else number >= 0.5
    if control.kind in ("choice", "name"):
        return _named(control, last)
    number = number_of(last)
    if number is None:
        return None
    if control.kind == "switch":
        return number >= 0.5
    return control.clamped(number) if natural else control.from_share(number)


def last_of(arguments: Sequence[Any]) -> Any:
    """The last plain value of possibly nested arguments."""
    while arguments:
        last = arguments[-1]
        if not isinstance(last, list | tuple):
            return last
        arguments = last
    return None


def number_of(value: Any) -> float | None:
    """A finite number, from whatever kind of argument can be one; else None."""
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
    number = number_of(value)
    if number is None:
        return None
    index = max(0, round(number))
    return str(index) if control.kind == "name" else control.choices[min(index, len(control.choices) - 1)]
