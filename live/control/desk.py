"""The desk: where OSC, keyboard and command line meet, and what a tick reads once."""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from live.control.parameters import BY_NAME, TABLE, Control, Controls, Value, coerced

REPEAT_S = 1.0
"""A trigger held high is repeated at each cook of a CHOP; high again after this much silence is a new press."""

Message = tuple[str, Sequence[Any]]


class Desk:
    """The values of all controls, and who may change them. Safe to call from any thread.

    The last value wins, so memory and time depend on the number of controls and never on the number of messages.
    """

    def __init__(self, controls: Controls | None = None, prefix: str = "") -> None:
        self._lock = threading.Lock()
        self._controls = controls or Controls()
        self._values: dict[str, Any] = asdict(self._controls)
        self._changed = False
        self._prefix = prefix.rstrip("/")
        self._held: dict[str, tuple[bool, float]] = {}

    def read(self) -> Controls:
        """All controls as they are now; called once a tick, so that everything drawn in it agrees."""
        with self._lock:
            if self._changed:
                self._controls = Controls(**self._values)
                self._changed = False
            return self._controls

    def set(self, **values: Value) -> None:
        """Set controls by field name, in natural units, clamped."""
        with self._lock:
            for name, value in values.items():
                control = BY_NAME[name]
                self._values[name] = control.clamped(float(value)) if control.kind == "slider" else value
            self._changed = True

    def receive(self, messages: Iterable[Message], now_s: float) -> list[str]:
        """Apply messages as one: no tick sees half of them. Returns a sentence for each that meant nothing."""
        meant = [(message, self._meant(message)) for message in messages]
        with self._lock:
            for _, values in meant:
                for control, value in values or ():
                    self._apply(control, value, now_s)
        return [_not_understood(message) for message, values in meant if not values]

    def press(self, key: str) -> bool:
        """A key of the table; False when no control has it."""
        found = [(control, control.keys[key]) for control in TABLE if key in control.keys]
        with self._lock:
            for control, step in found:
                self._values[control.name] = _stepped(control, self._values[control.name], step)
                self._changed = True
        return bool(found)

    def _meant(self, message: Message) -> list[tuple[Control, Value]] | None:
        address, arguments = message
        found = []
        for control, natural in _addressed(address.removeprefix(self._prefix) if self._prefix else address):
            value = coerced(control, arguments, natural)
            if value is not None:
                found.append((control, value))
        return found

    def _apply(self, control: Control, value: Value, now_s: float) -> None:
        if control.kind != "trigger":
            self._values[control.name] = value
        elif self._pressed(control.name, bool(value), now_s):
            self._values[control.name] += 1
        self._changed = True

    def _pressed(self, name: str, high: bool, now_s: float) -> bool:
        """Whether this is the way from 0 to 1, and not the same press repeated."""
        was_high, at_s = self._held.get(name, (False, now_s))
        self._held[name] = (high, now_s)
        return high and (not was_high or now_s - at_s > REPEAT_S)


_ADDRESSES: Mapping[str, tuple[Control, bool]] = {
    **{control.address: (control, False) for control in TABLE},
    **{control.twin: (control, True) for control in TABLE if control.twin},
}
_PATTERN = re.compile(r"[*?\[{]")
_LONGEST_PATTERN = 64


def _addressed(address: str) -> list[tuple[Control, bool]]:
    """The controls at an address, and whether it is the twin in natural units; OSC patterns may reach several."""
    if address in _ADDRESSES:
        return [_ADDRESSES[address]]
    if not _PATTERN.search(address) or len(address) > _LONGEST_PATTERN:
        return []
    pattern = _pattern(address)
    return [found for known, found in _ADDRESSES.items() if pattern and pattern.fullmatch(known)]


_TOKEN = re.compile(r"\*+|\?|\[!?[\w-]+\]|\{[^{}]*\}|.", re.DOTALL)


def _pattern(address: str) -> re.Pattern[str] | None:
    """An OSC address pattern as a regular expression; what it matches is short, and so is it: its work is bounded."""
    try:
        return re.compile("".join(map(_translated, _TOKEN.findall(address))))
    except re.error:
        return None


def _translated(token: str) -> str:
    if token[0] == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if len(token) > 1 and token[0] == "[":
        return token.replace("[!", "[^")
    if len(token) > 1 and token[0] == "{":
        return "(?:" + "|".join(map(re.escape, token[1:-1].split(","))) + ")"
    return re.escape(token)


def _stepped(control: Control, value: Any, step: float) -> Value:
    if control.kind == "switch":
        return not value
    if control.kind == "trigger":
        return value + 1
    if step == 0:
        return control.low if value > (control.low + control.high) / 2 else control.high
    return control.clamped(round(value + step * (control.high - control.low), 6))


def _not_understood(message: Message) -> str:
    address, arguments = message
    shown = " ".join(str(argument)[:20] for argument in arguments[:4])
    known = bool(_addressed(address))
    return f"{address[:60]} {shown}: " + ("this value means nothing here" if known else "no control has this address")
