"""The cue list: presets in order, each with a fade and, where wanted, the next one following by itself."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from live.control.presets import Name, _found

FILE = "cues.json"
MOST = 1000

Seconds = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]


class Cue(BaseModel):
    """One step of a show. `follow_s` counts from the cue's beginning; None waits for go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    preset: Name
    fade_s: Seconds = 0.0
    follow_s: Seconds | None = None


class CueFile(BaseModel):
    """cues.json, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    cues: tuple[Cue, ...] = ()


class CueList:
    """Where in the list the show is. Time is an argument; refusals are sentences."""

    def __init__(self, cues: tuple[Cue, ...] = ()) -> None:
        self.cues = cues
        self.now: Cue | None = None
        self._due_s: float | None = None

    @property
    def names(self) -> list[str]:
        return [cue.name for cue in self.cues]

    @property
    def number(self) -> int:
        """Of the cue that is on, from 0; -1 before the first."""
        return self.names.index(self.now.name) if self.now and self.now.name in self.names else -1

    def go(self, now_s: float) -> Cue | str:
        """The next one."""
        return self._begin(self.number + 1, now_s)

    def back(self, now_s: float) -> Cue | str:
        return self._begin(self.number - 1, now_s)

    def jump(self, name: object, now_s: float) -> Cue | str:
        found = _found(name, self.names)
        if found is None:
            return f"no cue is called {name}; there are {', '.join(self.names[:20]) or 'none yet'}"
        return self._begin(self.names.index(found), now_s)

    def following(self, now_s: float) -> Cue | None:
        """The cue that follows by itself now, if one does."""
        if self._due_s is None or now_s < self._due_s:
            return None
        due_s, self._due_s = self._due_s, None
        cue = self.go(due_s)  # from when it was due, so that lateness does not add up
        return cue if isinstance(cue, Cue) else None

    def halt(self) -> None:
        """Nothing follows by itself until the next go."""
        self._due_s = None

    def add(self, cue: Cue) -> str | None:
        """At the end, or in place of the one of the same name."""
        if cue.name in self.names:
            self.cues = tuple(cue if other.name == cue.name else other for other in self.cues)
        elif len(self.cues) >= MOST:
            return f"there are {MOST} cues already; delete one"
        else:
            self.cues = (*self.cues, cue)
        return None

    def delete(self, name: object) -> str | None:
        found = _found(name, self.names)
        if found is None:
            return f"no cue is called {name}"
        self.cues = tuple(cue for cue in self.cues if cue.name != found)
        return None

    def _begin(self, number: int, now_s: float) -> Cue | str:
        if not 0 <= number < len(self.cues):
            where = "its end" if number >= 0 and self.cues else "its beginning"
            return f"the cue list is at {where}" if self.cues else "the cue list is empty"
        self.now = self.cues[number]
        self._due_s = None if self.now.follow_s is None else now_s + self.now.follow_s
        return self.now
