"""From the arguments of a message to what they mean for one part of a control: a value, a glide, a ramp, a swing."""

from collections.abc import Sequence
from typing import Any

from live.control.addresses import Meaning
from live.control.board import LONGEST_S
from live.control.coercion import coerced, last_of, number_of
from live.control.moves import SHAPES


def understood(meaning: Meaning, arguments: Sequence[Any]) -> Any:
    """What arguments mean for a part of a control; None when they mean nothing."""
    control, part = meaning.control, meaning.part
    if part in ("share", "natural"):
        return coerced(control, arguments, natural=part == "natural")
    if part in ("ramp", "natural ramp"):
        if len(arguments) != 2:
            return None
        value, seconds = coerced(control, arguments[:1], natural=part == "natural ramp"), number_of(arguments[1])
        return None if value is None or seconds is None else (value, min(max(seconds, 0.0), LONGEST_S))
    if part == "lfo":
        return _swing(arguments)
    number = number_of(last_of(arguments))
    if number is None:
        return None
    if part == "glide":
        return min(max(number, 0.0), LONGEST_S * 1000) / 1000
    lowest, highest = {"hz": (0.0, 30.0), "depth": (0.0, 1.0), "beats": (0.0, 256.0)}[part]
    return {part: min(max(number, lowest), highest)}


def _swing(arguments: Sequence[Any]) -> dict[str, Any] | None:
    """`sine`, `sine HZ DEPTH`, or the number of a shape."""
    first = arguments[0] if arguments and isinstance(arguments[0], str) else last_of(arguments)
    if isinstance(first, str) and first.lower() in SHAPES:
        numbers = [number_of(each) for each in arguments[1:3]]
        if None in numbers:
            return None
        limits = ((0.0, 30.0), (0.0, 1.0))
        named = zip(("hz", "depth"), numbers, limits, strict=False)
        return {"shape": first.lower(), **{name: min(max(n or 0.0, low), high) for name, n, (low, high) in named}}
    number = number_of(first)
    return None if number is None else {"shape": SHAPES[min(max(round(number), 0), len(SHAPES) - 1)]}
