"""Visitors of an installation, one after the other: captured on a control, on stage, forgotten.

While a visitor is captured the show's picture is theirs: mirror, leader, ring. All of it happens in a thread of its
own; the main thread only takes the newest picture.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engines.errors import UnderstudyError
from engines.images import Frame
from live.control.parameters import Controls
from live.leading import COUNTDOWN_S, Leading
from live.look import flipped
from live.mailbox import Latest
from live.pacing import Clock
from live.passing import TracksPeople
from live.pipeline import StandIn, TimedEngine
from live.sources import Captured
from live.stages import PATIENCE_S, Faults
from live.visitor import FPS, PATH, Visit

SECONDS = 30.0


class Stage(Protocol):
    """The part of the repertoire that a visitor needs."""

    def call(self, path: Path) -> None: ...
    def dismiss(self, path: Path) -> None: ...


class Visitors:
    """At most one visitor at a time. `heed`, `picture` and `close` belong to the main thread."""

    def __init__(
        self,
        frames: Latest[Captured],
        tracker: Callable[[], TracksPeople],
        faults: Faults,
        *,
        seconds: float = SECONDS,
        size: int = 512,
        now: Clock = time.perf_counter,
    ) -> None:
        self._frames, self._tracker, self._faults = frames, tracker, faults
        self._seconds, self._size, self._now = seconds, size, now
        self._asked: tuple[int, int] | None = None
        self._visit = Visit()
        self._thread: threading.Thread | None = None
        self._leaves = threading.Event()
        self._picture: Frame | None = None
        self._is_on_stage = False

    @property
    def picture(self) -> Frame | None:
        """What a visitor sees while they are captured; None when nobody is."""
        return self._picture

    @property
    def is_here(self) -> bool:
        """Whether somebody is being captured, learned or on stage."""
        return self._is_on_stage or bool(self._thread and self._thread.is_alive())

    def heed(self, controls: Controls, stage: Stage, now_s: float) -> None:
        """Once a tick: begin, forget on request, and forget when the time is up."""
        asked = (controls.visitor_capture, controls.visitor_forget)
        before, self._asked = self._asked or asked, asked
        if asked[1] != before[1] or (self._is_on_stage and self._visit.is_due(now_s)):
            self.forget(stage)
        elif asked[0] != before[0] and not (self._thread and self._thread.is_alive()):
            self.forget(stage)
            self._leaves = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(stage, self._leaves), name="visitor", daemon=True)
            self._thread.start()

    def forget(self, stage: Stage) -> None:
        """The visitor of now, captured or on stage, at once."""
        self._leaves.set()
        self._visit.forget()
        self._visit = Visit()
        self._picture = None
        if self._is_on_stage:
            self._is_on_stage = False
            stage.dismiss(PATH)

    def close(self) -> None:
        self._leaves.set()
        self._visit.forget()
        if self._thread:
            self._thread.join(5)

    def stand_in(self) -> StandIn:
        """The visitor's performer, opened. Raises `BadInput` when they are forgotten."""
        from engines.backends import open_engine
        from engines.performer import Performer

        bundle = self._visit.bundle(self._now())
        engine = TimedEngine(open_engine(bundle))
        return StandIn(Performer(bundle, engine), engine)

    def _run(self, stage: Stage, leaves: threading.Event) -> None:
        visit = self._visit
        try:
            self._capture(visit, leaves)
            if not leaves.is_set():
                visit.learn(self._now(), size=self._size)
            if leaves.is_set():
                visit.forget()
                return
            self._is_on_stage = True
            stage.call(PATH)
            self._faults.clear("visitor")
        except UnderstudyError as error:
            self._faults.report("visitor", error)
        finally:
            self._picture = None

    def _capture(self, visit: Visit, leaves: threading.Event) -> None:
        led, tracker = Leading(self._seconds), self._tracker()
        began_s, seen, kept = self._now(), 0, 0
        try:
            while (at_s := self._now() - began_s - COUNTDOWN_S) < self._seconds and not leaves.is_set():
                post = self._frames.after(seen, PATIENCE_S)
                if post is None:
                    continue
                seen, frame = post.number, post.value.frame
                if at_s >= 0 and at_s * FPS >= kept:
                    visit.see(frame, tracker.track(frame, at_s))
                    kept = int(at_s * FPS) + 1
                picture = led.picture(flipped(frame), visit, at_s)
                if not leaves.is_set():
                    self._picture = picture
        finally:
            tracker.close()
