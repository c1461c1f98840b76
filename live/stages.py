"""The threads of the show. Each is one part behind a guard: what fails is reported once, closed, and tried again.

A part waits for its input only for moments at a time, so it can always be told to stop; one that hangs in a device or a
driver is left behind as a daemon, and the main thread never waits for it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from engines.errors import BadInput, ConfigError, Unavailable, UnderstudyError
from engines.urgency import hurry

log = logging.getLogger(__name__)

PATIENCE_S = 0.1
"""How long a part may wait for its input before it looks whether it should stop."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 8.0
QUIET_S = 2.0
"""A part that has nothing to do (nobody sends OSC) counts as sound after so long."""
SOUND_AFTER = 50
"""So many good steps after a fault, the next fault waits briefly again."""

JOIN_S = 2.0


class Over(Exception):
    """Raised by a part that has come to its regular end (a video that does not loop)."""


class Part(Protocol):
    """Something that works step by step and is closed in the end, all in the thread of its stage."""

    def step(self) -> bool:
        """One piece of work; False when there was nothing to do for `PATIENCE_S`. Raises `Over` at its end."""
        ...

    def close(self) -> None: ...


class Faults:
    """What is broken now, part by part. `tell` hears when a fault begins; `count` is how many began."""

    def __init__(self, tell: Callable[[str, str], None] = lambda _part, _sentence: None) -> None:
        self._lock = threading.Lock()
        self._now: dict[str, str] = {}
        self._logged: set[tuple[str, str]] = set()
        self._tell = tell
        self.count = 0

    @property
    def now(self) -> Mapping[str, str]:
        with self._lock:
            return dict(self._now)

    def report(self, part: str, error: Exception) -> None:
        """Logged the first time, with its traceback where that tells more; shown; told when it begins again."""
        sentence = str(error) if isinstance(error, UnderstudyError) else f"{type(error).__name__}: {error}"
        with self._lock:
            begins = self._now.get(part) != sentence
            self._now[part] = sentence
            is_new = (part, sentence) not in self._logged
            self._logged.add((part, sentence))
            self.count += begins
        if is_new:
            is_plain = isinstance(error, BadInput | ConfigError | Unavailable)
            log.error("%s: %s", part, sentence, exc_info=None if is_plain else error)
        if begins:
            self._tell(part, sentence)

    def clear(self, part: str) -> None:
        with self._lock:
            self._now.pop(part, None)


class Stage:
    """A thread that opens a part, steps it, and opens it again when it fails, each time waiting a little longer.

    One that `hurries` works only briefly, between others that fill the cores: see `engines.urgency`.
    """

    def __init__(self, name: str, opened: Callable[[], Part], faults: Faults, hurries: bool = False) -> None:
        self.name = name
        self._opened, self._faults, self._hurries = opened, faults, hurries
        self.is_over = False
        self._halt = threading.Event()
        self._thread = self._made()

    def start(self) -> "Stage":
        self._thread.start()
        return self

    def halt(self) -> None:
        """Ask it to stop; returns at once."""
        self._halt.set()

    def renew(self) -> None:
        """Leave a thread that hangs to itself and go on with another; should it ever wake up, it closes its part."""
        self.halt()
        self._halt = threading.Event()
        self._thread = self._made()
        self._thread.start()

    def _made(self) -> threading.Thread:
        return threading.Thread(target=self._run, args=(self._halt,), name=self.name, daemon=True)

    def close(self) -> None:
        """Stop and wait a little; one that hangs is left behind."""
        self.halt()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if self._thread.is_alive():
            log.warning("%s hangs and is left behind", self.name)

    def _run(self, halt: threading.Event) -> None:
        wait_s = FIRST_WAIT_S
        if self._hurries:
            hurry()
        while not halt.is_set():
            good_steps = self._attempt(halt)
            if self.is_over or halt.is_set():
                return
            wait_s = FIRST_WAIT_S if good_steps >= SOUND_AFTER else wait_s
            halt.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _attempt(self, halt: threading.Event) -> int:
        """Open, step until something happens, close. Returns how many steps did something."""
        part: Part | None = None
        good_steps = 0
        try:
            part = self._opened()
            sound_s = time.monotonic() + QUIET_S
            is_told = False
            while not halt.is_set():
                good_steps += part.step()
                if not is_told and not halt.is_set() and (good_steps or time.monotonic() > sound_s):
                    is_told = True
                    self._faults.clear(self.name)
        except Over:
            self.is_over = not halt.is_set()
        except Exception as error:  # the guard of the show: whatever a part does, the others go on
            if not halt.is_set():
                self._faults.report(self.name, error)
        finally:
            if part:
                self._close(part)
        return good_steps

    def _close(self, part: Part) -> None:
        try:
            part.close()
        except Exception as error:
            self._faults.report(self.name, error)
