"""The desk: where OSC, page, MIDI, keyboard and command line meet, and what the display loop takes from it each tick.

Whatever thread a message comes in on, it is only noted; the main thread applies it at its next tick. Values are kept
one to an address, the last wins, so memory and time depend on the number of controls and never on the number of
messages. Commands keep their order among the values in a row of their own, which no flood of values can push out.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from live.control.addresses import Addresses, Meaning
from live.control.board import Board
from live.control.coercion import last_of, number_of
from live.control.commands import BY_ADDRESS, KEYS, Command
from live.control.cues import CueList
from live.control.moves import Lfo
from live.control.parameters import TABLE, Control, Controls, Value
from live.control.playback import Handler, Playback
from live.control.presets import Presets
from live.control.repeats import Repeats
from live.control.understanding import understood
from live.mailbox import Latest

MOST_COMMANDS = 64
"""In one tick. A row that is full refuses what comes last, and says so."""

REPEAT_S = 1.0
"""A trigger held high is repeated at each cook of a CHOP; high again after this much silence is a new press."""

Message = tuple[str, Sequence[Any]]


@dataclass
class _Arrived:
    """What came in before a command, and the command."""

    values: dict[tuple[str, str], tuple[Meaning, Any]] = field(default_factory=dict)
    presses: dict[str, tuple[Control, int]] = field(default_factory=dict)
    command: Callable[[float], str | None] | None = None


class Desk:
    """The values of all controls, and who may change them. Any thread may call; `tick`, `settle` and `take_up` are
    the main's."""

    def __init__(
        self,
        controls: Controls | None = None,
        prefix: str = "",
        presets: Presets | None = None,
        cues: CueList | None = None,
    ) -> None:
        start = controls or Controls()
        self.prefix = prefix.rstrip("/")
        self._lock = threading.Lock()
        self._board = Board(start)
        self._arrived: deque[_Arrived] = deque([_Arrived()])
        self._panic: bool | None = None
        self._repeats = Repeats()
        self._performer: object = None
        self._controls = start
        self.published: Latest[Controls] = Latest()
        self.addresses = Addresses(TABLE)
        self.playback = Playback(self._board, presets or Presets(), cues or CueList(), self._tell)
        self.presets, self.cues = self.playback.presets, self.playback.cues
        self.handlers: dict[str, Handler] = {
            **self.playback.handlers,
            "/tempo/tap": lambda _arguments, now_s: self._board.tap(now_s),
        }
        self.touched: str = ""
        """The address of the control that somebody moved last."""
        self.moved: dict[str, tuple[str, float]] = {}
        """Name of a control -> who moved it last, and when."""
        self.said: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=256)
        """What is to be told to whoever listens: address and arguments."""

    def tick(self, now_s: float) -> Controls:
        """Take all that came in, move what moves by itself; everything drawn in this tick agrees on the result."""
        with self._lock:
            arrived, self._arrived = self._arrived, deque([_Arrived()])
            panic, self._panic = self._panic, None
        if panic is not None:
            self._turn_panic(panic)
        for each in arrived:
            self._apply(each, now_s)
        self.playback.follow(now_s)
        controls = self._board.tick(now_s)
        if controls is not self._controls:
            self._controls = controls
            self.published.put(controls)
        return controls

    def read(self) -> Controls:
        """All controls as they were at the last tick."""
        return self._controls

    def darkens(self) -> bool:
        """Whether panic or blackout was asked for since the last tick, and waits for the next."""
        with self._lock:
            return self._panic is True or any(("blackout", "share") in each.values for each in self._arrived)

    def receive(self, messages: Iterable[Message], now_s: float, sender: str = "") -> list[str]:
        """Note messages as one: no tick sees half of them. Returns a sentence for each that meant nothing."""
        with self._lock:
            return [why for message in messages if (why := self._note(message, now_s, sender))]

    def lfo_of(self, control: Control) -> Lfo:
        """What oscillates about a control."""
        return self._board.lfo_of(control)

    def glide_ms(self, control: Control) -> float:
        return self._board.glide_of(control) * 1000

    def set(self, **values: Value) -> None:
        """Set controls by field name, in natural units."""
        by_name = {control.name: control for control in self.addresses.controls}
        with self._lock:
            for name, value in values.items():
                if name == "panic":
                    self._note_panic(bool(value))
                else:
                    self._note_value(Meaning(by_name[name], "natural"), value, 0.0, "")

    def settle(self, **values: Value) -> None:
        """What came of what was asked, by field name: no hand has moved these. For the main thread."""
        self._board.settle(values)

    def press(self, key: str) -> bool:
        """A key of the tables; False when nothing has it."""
        found = [control for control in self.addresses.controls if key in control.keys]
        with self._lock:
            for control in found:
                if control.name == "panic":
                    self._note_panic(not (self._controls.panic if self._panic is None else self._panic))
                else:
                    self._note_command(partial(self._board.step, control, control.keys[key]))
                    self.touched = control.address
            if key in KEYS:
                self._note_command(partial(self.handlers[KEYS[key]], ()))
        return bool(found) or key in KEYS

    def take_up(self, performer: object, knobs: Callable[[], Iterable[Control]]) -> None:
        """Who is on stage, and the knobs that come with them; called by the main thread, free while nobody changes."""
        if performer is self._performer:
            return
        self._performer = performer
        found = tuple(knobs())
        self._board.take_up(found)
        self.addresses = Addresses((*TABLE, *found))

    # Noting, in whatever thread ---------------------------------------------------------------------------------------

    def _note(self, message: Message, now_s: float, sender: str) -> str | None:
        address, arguments = message
        address = address.removeprefix(self.prefix)
        meanings = self.addresses.meant(address)
        if meanings:
            noted = [self._note_meaning(meaning, address, arguments, now_s, sender) for meaning in meanings]
            return None if any(noted) else _not_understood(message, "this value means nothing here")
        command = BY_ADDRESS.get(address)
        if command is None:
            return _not_understood(message, "nothing has this address")
        return self._note_asked(command, arguments, now_s, sender)

    def _note_meaning(
        self, meaning: Meaning, address: str, arguments: Sequence[Any], now_s: float, sender: str
    ) -> bool:
        control = meaning.control
        value = understood(meaning, arguments)
        if value is None and control.name != "panic":
            return False
        if control.name == "panic":
            return self._note_panic_message(arguments, now_s, sender)
        if control.kind == "trigger":
            if self._repeats.is_press(sender, address, bool(value), bool(arguments), now_s, REPEAT_S):
                before = self._arrived[-1].presses.get(control.name, (control, 0))[1]
                self._arrived[-1].presses[control.name] = control, before + 1
        elif not self._repeats.is_held(sender, address, value, now_s):
            self._note_value(meaning, value, now_s, sender)
        return True

    def _note_value(self, meaning: Meaning, value: Any, now_s: float, sender: str) -> None:
        values = self._arrived[-1].values
        place = meaning.control.name, meaning.part
        values.pop(place, None)  # the order is that of the last arrival
        values[place] = meaning, value
        self.touched = meaning.control.address
        self.moved[meaning.control.name] = sender, now_s

    def _note_panic_message(self, arguments: Sequence[Any], now_s: float, sender: str) -> bool:
        last = last_of(arguments)
        number = 1.0 if last is None else number_of(last)
        if number is None:
            return False
        on = number >= 0.5
        if not arguments or not self._repeats.is_repeated(sender, "/panic", on, now_s, REPEAT_S):
            self._note_panic(on)
        return True

    def _note_panic(self, on: bool) -> None:
        """Above everything: what came in before it is forgotten."""
        if on:
            self._arrived = deque([_Arrived()])
        self._panic = on

    def _note_asked(self, command: Command, arguments: Sequence[Any], now_s: float, sender: str) -> str | None:
        handler = self.handlers.get(command.address)
        if handler is None:
            return f"{command.address}: not here and now"
        if command.repeat_s:
            number = 1.0 if last_of(arguments) is None else number_of(last_of(arguments))
            if number is None:
                return _not_understood((command.address, arguments), "this value means nothing here")
            high = number >= 0.5
            if not self._repeats.is_press(sender, command.address, high, bool(arguments), now_s, command.repeat_s):
                return None
        elif self._repeats.is_cooked(sender, command.address, arguments, now_s):
            return None
        return self._note_command(partial(handler, arguments))

    def _note_command(self, command: Callable[[float], Any]) -> str | None:
        if len(self._arrived) > MOST_COMMANDS:
            return f"more than {MOST_COMMANDS} commands within one picture: the last was not heard"
        self._arrived[-1].command = command
        self._arrived.append(_Arrived())
        return None

    # Applying, in the main thread -------------------------------------------------------------------------------------

    def _apply(self, arrived: _Arrived, now_s: float) -> None:
        for meaning, value in arrived.values.values():
            self._apply_value(meaning, value, now_s)
        for control, times in arrived.presses.values():
            self._board.fire(control, times)
        if arrived.command and (refused := arrived.command(now_s)):
            self.said.append(("/error", (f"osc: {refused}",)))

    def _apply_value(self, meaning: Meaning, value: Any, now_s: float) -> None:
        board, control = self._board, meaning.control
        if meaning.is_value:
            board.set(control, value, now_s)
        elif meaning.part == "glide":
            board.glide(control, value)
        elif meaning.part in ("ramp", "natural ramp"):
            board.set(control, value[0], now_s, value[1])
        else:
            board.swing(control, board.lfo_of(control).model_copy(update=value))

    def _turn_panic(self, on: bool) -> None:
        if on and not self._controls.panic:
            self.playback.before_panic()
        self._board.panic(on)

    def _tell(self, address: str, *arguments: Any) -> None:
        self.said.append((address, arguments))


def _not_understood(message: Message, why: str) -> str:
    address, arguments = message
    return f"{address[:60]} {' '.join(str(argument)[:20] for argument in arguments[:4])}: {why}"
