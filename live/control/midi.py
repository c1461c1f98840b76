"""MIDI controllers: touch a control, ask to learn, move a knob; from then on the knob turns the control."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from engines.pose.quiet import native_logs_silenced
from live.control.coercion import last_of
from live.control.commands import BY_ADDRESS
from live.control.desk import Desk
from live.control.echo import value_of
from live.pacing import Clock, Sleep

log = logging.getLogger(__name__)

NO_DEVICE = "no MIDI controller is connected; plug one in and start again to use it"
FILE = "midi.json"
POLL_S = 0.005
AT_ONCE = 64
SENDER = "midi"
NOTE_OFF, NOTE_ON, CONTROL_CHANGE = 0x80, 0x90, 0xB0


class MidiFile(BaseModel):
    """midi.json: which knob or pad turns what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    bindings: dict[str, str] = {}
    """`control CHANNEL NUMBER` or `note CHANNEL NUMBER` (channels from 1) -> OSC address."""


class MidiInput(Protocol):
    """The part of `pygame.midi.Input` that is needed."""

    def poll(self) -> bool: ...
    def read(self, number: int, /) -> Sequence[Any]: ...
    def close(self) -> None: ...


class Midi:
    """A part that a stage steps. Without a device it says so once and rests."""

    def __init__(
        self,
        desk: Desk,
        kept: MidiFile | None = None,
        keep: Callable[[MidiFile], None] = lambda _kept: None,
        opened: Callable[[], Sequence[MidiInput]] | None = None,
        now: Clock = time.perf_counter,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._desk, self._keep, self._now, self._sleep = desk, keep, now, sleep
        self._opened = opened or inputs
        self.bindings = dict((kept or MidiFile()).bindings)
        self._inputs: Sequence[MidiInput] | None = None
        self._learning: str | None = None
        desk.handlers["/midi/learn"] = self._learn
        desk.handlers["/midi/forget"] = self._forget

    def step(self) -> bool:
        """Take what the controllers sent since the last step."""
        if self._inputs is None:
            self._inputs = self._opened()
            if not self._inputs:
                log.info(NO_DEVICE)
        if not self._inputs:
            self._sleep(0.1)
            return False
        found = [event for each in self._inputs if each.poll() for event in each.read(AT_ONCE)]
        self.receive(event[0] for event in found)
        self._sleep(POLL_S)
        return bool(found)

    def receive(self, events: Iterable[Sequence[int]]) -> None:
        """Raw MIDI: status and two data bytes."""
        for status, number, value, *_ in events:
            kind, channel = status & 0xF0, (status & 0x0F) + 1
            if kind == CONTROL_CHANGE:
                self._moved(f"control {channel} {number}", value / 127)
            elif kind in (NOTE_ON, NOTE_OFF):
                self._moved(f"note {channel} {number}", value / 127 if kind == NOTE_ON else 0.0)

    def close(self) -> None:
        for each in self._inputs or ():
            each.close()
        self._inputs = None

    def _moved(self, what: str, value: float) -> None:
        if self._learning is not None:
            if value > 0:
                self._bind(what)
            return
        address = self.bindings.get(what)
        if address is None:
            return
        now_s = self._now()
        if address in BY_ADDRESS:
            self._desk.receive([(address, [float(value > 0)])], now_s, SENDER)
            return
        control = self._desk.addresses.control(address)
        if control is None:  # a knob of a performer that is not on stage now
            return
        if control.kind == "switch" and what.startswith("note"):
            if value > 0:
                self._desk.receive([(address, [not value_of(self._desk.read(), control)])], now_s)
            return
        if control.kind == "choice":
            value = round(value * (len(control.choices) - 1))
        self._desk.receive([(address, [value])], now_s, SENDER)

    def _bind(self, what: str) -> None:
        address, self._learning = self._learning or self._desk.touched, None
        if not address:
            self._desk.said.append(("/error", ("midi: touch a control first, then ask to learn",)))
            return
        self.bindings = {**self.bindings, what: address}
        self._keep(MidiFile(bindings=self.bindings))
        self._desk.said.append(("/midi/learned", (address, what)))

    def _learn(self, arguments: Sequence[Any], _now_s: float) -> str | None:
        if self._inputs is not None and not self._inputs:
            return NO_DEVICE
        address = last_of(arguments)
        if not isinstance(address, str):
            address = ""
        if address and address not in BY_ADDRESS and self._desk.addresses.control(address) is None:
            return f"no control is at {address[:60]}"
        self._learning = address
        return None

    def _forget(self, arguments: Sequence[Any], _now_s: float) -> str | None:
        address = last_of(arguments)
        self._learning = None
        kept = {what: bound for what, bound in self.bindings.items() if isinstance(address, str) and bound != address}
        self.bindings = kept
        self._keep(MidiFile(bindings=kept))
        return None


def inputs() -> list[MidiInput]:
    """Every MIDI input of this machine, opened. None is no fault."""
    import pygame.midi

    with native_logs_silenced():  # ALSA complains on stderr of a machine without sound
        pygame.midi.init()
        numbers = [number for number in range(pygame.midi.get_count()) if pygame.midi.get_device_info(number)[2]]
        return [pygame.midi.Input(number) for number in numbers]
