"""Presets and cues as commands: what is asked over OSC, by key or on the page, done to the board by the main thread."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from live.control.board import LONGEST_S, Board
from live.control.coercion import last_of, number_of
from live.control.cues import Cue, CueList
from live.control.presets import Presets

BEFORE_PANIC = "before panic"

Handler = Callable[[Sequence[Any], float], str | None]
"""Arguments and time of a command -> why it was not done, if it was not."""


class Playback:
    """The stored looks of a show. `tell` is how it answers; `kept` is called when presets or cues have changed."""

    def __init__(self, board: Board, presets: Presets, cues: CueList, tell: Callable[..., None]) -> None:
        self._board, self._tell = board, tell
        self.presets, self.cues = presets, cues
        self.kept: Callable[[], None] = lambda: None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Address -> what does it."""
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
        return cue if isinstance(cue, str) else self.play(cue, now_s)

    def follow(self, now_s: float) -> None:
        """The cue that is due by itself, if one is."""
        if cue := self.cues.following(now_s):
            self.play(cue, now_s)

    def before_panic(self) -> None:
        """Keep what there is, and let nothing follow."""
        self.cues.halt()
        self._changed(self.presets.store(BEFORE_PANIC, self._board.preset()), "/preset/list")

    def play(self, cue: Cue, now_s: float) -> str | None:
        """What a cue does; a preset that is gone is told, and the cue counts all the same."""
        self._tell("/cue/now", cue.name)
        self._tell("/cue/number", float(self.cues.number))
        found = self.presets.found(cue.preset)
        if isinstance(found, str):
            self._tell("/error", f"cue {cue.name}: {found}")
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
