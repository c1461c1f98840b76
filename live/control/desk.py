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
from live.control.board import LONGEST_S, Board
from live.control.commands import BY_ADDRESS, KEYS, Command
from live.control.cues import Cue, CueList
from live.control.moves import SHAPES, Lfo
from live.control.parameters import TABLE, Control, Controls, Value, coerced, last_of, number_of
from live.control.presets import Presets
from live.control.repeats import Repeats
from live.mailbox import Latest

MOST_COMMANDS = 64
"""In one tick. A row that is full refuses what comes last, and says so."""

BEFORE_PANIC = "before panic"
REPEAT_S = 1.0
"""A trigger held high is repeated at each cook of a CHOP; high again after this much silence is a new press."""

Message = tuple[str, Sequence[Any]]
Handler = Callable[[Sequence[Any], float], str | None]
"""Arguments and time of a command -> why it was not done, if it was not."""


@dataclass
class _Arrived:
    """What came in before a command, and the command."""

    values: dict[tuple[str, str], tuple[Meaning, Any]] = field(default_factory=dict)
    presses: dict[str, tuple[Control, int]] = field(default_factory=dict)
    command: Callable[[float], str | None] | None = None


class Desk:
    """The values of all controls, and who may change them. Any thread may call; `tick` and `take_up` are the main's."""

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
        self.presets, self.cues = presets or Presets(), cues or CueList()
        self.handlers: dict[str, Handler] = self._own_handlers()
        self.touched: str = ""
        """The address of the control that somebody moved last."""
        self.moved: dict[str, tuple[str, float]] = {}
        """Name of a control -> who moved it last, and when."""
        self.said: deque[tuple[str, tuple[Any, ...]]] = deque(maxlen=256)
        """What is to be told to whoever listens: address and arguments."""
        self.kept: Callable[[], None] = lambda: None
        """Called when presets or cues have changed."""

    def tick(self, now_s: float) -> Controls:
        """Take all that came in, move what moves by itself; everything drawn in this tick agrees on the result."""
        with self._lock:
            arrived, self._arrived = self._arrived, deque([_Arrived()])
            panic, self._panic = self._panic, None
        if panic is not None:
            self._turn_panic(panic, now_s)
        for each in arrived:
            self._apply(each, now_s)
        if cue := self.cues.following(now_s):
            self._play(cue, now_s)
        controls = self._board.tick(now_s)
        if controls is not self._controls:
            self._controls = controls
            self.published.put(controls)
        return controls

    def read(self) -> Controls:
        """All controls as they were at the last tick."""
        return self._controls

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
        value = _understood(meaning, arguments)
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

    def _turn_panic(self, on: bool, now_s: float) -> None:
        if on and not self._controls.panic:
            self.presets.store(BEFORE_PANIC, self._board.preset())
            self.kept()
        if on:
            self.cues.halt()
        self._board.panic(on)
        self._board.tick(now_s)

    # Commands ---------------------------------------------------------------------------------------------------------

    def _own_handlers(self) -> dict[str, Handler]:
        return {
            "/preset/store": self._store,
            "/preset/recall": self._recall,
            "/preset/delete": lambda args, _now_s: self._changed(self.presets.delete(last_of(args)), "/preset/list"),
            "/preset/list": lambda _args, _now_s: self._tell("/preset/list", *self.presets.names),
            "/cue/go": lambda _args, now_s: self._go(self.cues.go(now_s), now_s),
            "/cue/back": lambda _args, now_s: self._go(self.cues.back(now_s), now_s),
            "/cue/jump": lambda args, now_s: self._go(self.cues.jump(last_of(args), now_s), now_s),
            "/cue/stop": self._stop_cues,
            "/cue/add": self._add_cue,
            "/cue/delete": lambda args, _now_s: self._changed(self.cues.delete(last_of(args)), "/cue/list"),
            "/cue/list": lambda _args, _now_s: self._tell("/cue/list", *self.cues.names),
            "/tempo/tap": lambda _args, now_s: self._board.tap(now_s),
            "/stop": self._stop_cues,
        }

    def _store(self, arguments: Sequence[Any], _now_s: float) -> str | None:
        name = str(arguments[0]) if arguments else ""
        return self._changed(self.presets.store(name, self._board.preset()), "/preset/list")

    def _recall(self, arguments: Sequence[Any], now_s: float) -> str | None:
        found = self.presets.found(arguments[0] if arguments else "")
        if isinstance(found, str):
            return found
        seconds = number_of(arguments[1]) if len(arguments) > 1 else 0.0
        if seconds is None:
            return f"preset {found[0]}: {arguments[1]} is no number of seconds"
        self._board.recall(found[1], now_s, seconds)
        self.cues.halt()  # a hand on the presets is above the list
        self._tell("/preset/now", found[0])
        return None

    def _add_cue(self, arguments: Sequence[Any], _now_s: float) -> str | None:
        if len(arguments) < 2:
            return "a cue needs a NAME and a PRESET"
        found = self.presets.found(arguments[1])
        if isinstance(found, str):
            return found
        times = [number_of(each) for each in arguments[2:4]]
        if None in times or any(not 0 <= time_s <= LONGEST_S for time_s in times if time_s is not None):
            return f"cue {arguments[0]}: fade and follow are seconds from 0 to {LONGEST_S:g}"
        fade_s, follow_s = [*times, None, None][:2]
        name = str(arguments[0])[:80]
        if not name:
            return "a cue needs a name"
        return self._changed(
            self.cues.add(Cue(name=name, preset=found[0], fade_s=fade_s or 0.0, follow_s=follow_s)), "/cue/list"
        )

    def _go(self, cue: Cue | str, now_s: float) -> str | None:
        return cue if isinstance(cue, str) else self._play(cue, now_s)

    def _play(self, cue: Cue, now_s: float) -> str | None:
        self._tell("/cue/now", cue.name)
        self._tell("/cue/number", float(self.cues.number))
        found = self.presets.found(cue.preset)
        if isinstance(found, str):
            self.said.append(("/error", (f"cue {cue.name}: {found}",)))
            return None
        self._board.recall(found[1], now_s, cue.fade_s)
        return None

    def _stop_cues(self, _arguments: Sequence[Any], _now_s: float) -> None:
        self.cues.halt()
        self._board.halt()

    def _changed(self, refused: str | None, listed: str) -> str | None:
        if refused is None:
            self.kept()
            self._tell(listed, *(self.presets.names if listed == "/preset/list" else self.cues.names))
        return refused

    def _tell(self, address: str, *arguments: Any) -> None:
        self.said.append((address, arguments))


def _understood(meaning: Meaning, arguments: Sequence[Any]) -> Any:
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


def _not_understood(message: Message, why: str) -> str:
    address, arguments = message
    return f"{address[:60]} {' '.join(str(argument)[:20] for argument in arguments[:4])}: {why}"
