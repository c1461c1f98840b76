"""Echo: whatever turned a control, everybody who listens hears the value that was applied. A part with its own thread.

Who is moving a control does not hear it while it moves (a fader would fight its own echo), and hears it once it rests.
"""

import time
from collections.abc import Iterator
from typing import Any

from live.control.desk import Desk, Message
from live.control.parameters import Control, Controls, Value
from live.control.telling import OscSender
from live.pacing import Clock, Sleep
from live.stages import PATIENCE_S

RESTED_S = 0.25
PAUSE_S = 0.015
"""After each echo, so that an oscillator at display rate costs the network no more than sixty bundles a second."""


def value_of(controls: Controls, control: Control) -> Value:
    """What a control is at, in natural units."""
    if control.name.startswith("knob "):
        return float(controls.knobs.get(control.name.removeprefix("knob "), control.default))
    value: Value = getattr(controls, control.name)
    return value


def told(control: Control, value: Value) -> Iterator[Message]:
    """How a value is told: numbers at the address itself, units at its twin, words under `/name`."""
    if control.kind == "slider":
        yield control.address, (control.to_share(float(value)),)
        if control.twin:
            yield control.twin, (float(value),)
    elif control.kind == "choice":
        yield control.address, (float(control.choices.index(str(value))),)
        yield f"{control.address}/name", (str(value),)
    elif control.kind == "name":
        yield f"{control.address}/name", (str(value),)
    else:
        yield control.address, (float(value),)


class Echo:
    """Follows the desk and tells `out`."""

    def __init__(self, desk: Desk, out: OscSender, now: Clock = time.perf_counter, sleep: Sleep = time.sleep) -> None:
        self._desk, self._out, self._now, self._sleep = desk, out, now, sleep
        self._seen = 0
        self._told: dict[str, Any] = {}
        self._owed: set[str] = set()
        self._heard: dict[str, float] = {}

    def step(self) -> bool:
        """Tell what changed; waits a moment for something to."""
        post = self._desk.published.after(self._seen, PATIENCE_S if not (self._owed or self._desk.said) else 0.0)
        if post:
            self._seen = post.number
        self._say()
        changed = list(self._changed(self._desk.read()))
        self._tell(changed)
        if not changed and not post and (self._owed or self._desk.said):
            self._sleep(PAUSE_S)
        if changed:
            self._sleep(PAUSE_S)
        return bool(changed or post)

    def close(self) -> None:
        """The sender belongs to the show."""

    def _say(self) -> None:
        """What the desk has to say in words; a dump is every control."""
        messages: list[Message] = []
        while self._desk.said:
            address, arguments = self._desk.said.popleft()
            if address == "/dump":
                self._told.clear()
                messages.append(("/preset/list", self._desk.presets.names))
                messages.append(("/cue/list", self._desk.cues.names))
            else:
                messages.append((address, arguments))
        self._out.send_many(messages)

    def _changed(self, controls: Controls) -> Iterator[tuple[Control, Value, str]]:
        """Controls that are elsewhere than was told, with who is moving them at this moment."""
        now_s = self._now()
        for control in self._desk.addresses.controls:
            value = value_of(controls, control)
            if control.kind == "trigger":
                continue
            mover, at_s = self._desk.moved.get(control.name, ("", 0.0))
            is_moving = bool(mover) and now_s - at_s < RESTED_S
            if is_moving and self._heard.get(control.name) != at_s:
                self._heard[control.name] = at_s
                self._owed.add(control.name)
            if self._told.get(control.name, _NEVER) != value:
                self._told[control.name] = value
                yield control, value, mover if is_moving else ""
            elif control.name in self._owed and not is_moving:
                self._owed.remove(control.name)
                yield control, value, ""

    def _tell(self, changed: list[tuple[Control, Value, str]]) -> None:
        for known_to in dict.fromkeys(mover for _, _, mover in changed):
            self._out.send_many(
                [each for control, value, mover in changed if mover == known_to for each in told(control, value)],
                known_to,
            )


_NEVER = object()
