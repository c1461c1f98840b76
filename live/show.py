"""Everything that a running show is made of, and what it says of itself."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from live.act import Act
from live.composing import Composer
from live.config import LiveOptions
from live.control.console import Console
from live.control.desk import Desk
from live.control.signals import DEGRADED, LIVE, NO_SOURCE, PANIC, STARTING
from live.gauges import Gauges
from live.guidance import Guidance
from live.log import ShowLog
from live.looks import LooksInTurn
from live.mailbox import Latest, Post
from live.outputs import Outputs
from live.overlay import Figures, Overlay
from live.passing import Performed, Seen
from live.repertoire import Repertoire
from live.service import Watchman
from live.sinks import Sink
from live.sinks.keeper import Keeper
from live.sinks.recorder import Recorder
from live.sinks.sending import Tap
from live.sinks.window import Window
from live.sources import Captured
from live.stages import Faults, Stage
from live.visitors import Visitors
from live.watch import Watch


@dataclass
class Show:
    """Everything that a running show is made of."""

    options: LiveOptions
    console: Console
    faults: Faults
    gauges: Gauges
    frames: Latest[Captured]
    seen: Latest[Seen]
    source_stage: Stage
    repertoire: Repertoire
    said: Callable[[], str]
    is_mirror: Callable[[], bool] = lambda: False
    looks_for_people: Callable[[], bool] = lambda: True
    tracker_stage: Stage | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    window: Window | None = None
    recorder: Recorder | None = None
    keeper: Keeper | None = None
    log: ShowLog | None = None
    visitors: Visitors | None = None
    shows_visitor: bool = False
    """Whether the picture of now shows a visitor: captured, on stage, or going."""
    sinks: list[Sink] = field(default_factory=list)
    overlay: Overlay = field(default_factory=lambda: Overlay(time.perf_counter()))
    composer: Composer = field(default_factory=Composer)
    guidance: Guidance = field(default_factory=Guidance)
    looks: LooksInTurn = field(init=False)
    watchman: Watchman = field(default_factory=Watchman)
    watch: Watch = field(init=False)
    outputs: Outputs = field(init=False)

    def hides_visitor(self) -> bool:
        """Whether what is shown now may not be stored."""
        return self.shows_visitor and not self.options.keep_visitors

    @property
    def desk(self) -> Desk:
        return self.console.desk

    def __post_init__(self) -> None:
        self.watch = Watch(self.faults, time.perf_counter(), self.renew, 2 / self.options.rate_hz)
        self.looks = LooksInTurn(self.options.look_every_s)
        self.outputs = Outputs(self.sinks, self.faults)

    def figures(self) -> Figures:
        """How it goes, now."""
        now_s, gauges, act = time.perf_counter(), self.gauges, self.repertoire.act
        prepared = act.prepared.newest
        return Figures(
            source_hz=gauges.source.hz(now_s),
            tracker_hz=gauges.tracker.hz(now_s),
            engine_hz=gauges.engine.hz(now_s),
            display_hz=gauges.display.hz(now_s),
            latency_p50_ms=gauges.latency_ms(50),
            latency_p95_ms=gauges.latency_ms(95),
            latency_p99_ms=gauges.latency_ms(99),
            state=self._state(),
            dropped=max(0, self.frames.count - gauges.pictures),
            presence=prepared.value.scene.presence if prepared else 0.0,
            source=self.said(),
            performer=act.name,
            engine=act.said,
            recording=self._recording(),
        )

    def counts(self, act: Act) -> list[tuple[str, int]]:
        """What each part of the pipeline has made, upstream first; nothing is expected of who is asleep."""
        if not self.watchman.is_open:
            return [("source", self.frames.count)]
        parts = [("source", self.frames.count)]
        parts += [("tracker", self.seen.count)] if self.looks_for_people() else []
        return [*parts, (f"engine of {act.name}", act.performed.count)] if act.is_awake else parts

    def renew(self, part: str) -> None:
        """A part of `counts` hangs: begin it anew."""
        act = self.repertoire.act
        if part == "source":
            self.source_stage.renew()
        elif part == "tracker" and self.tracker_stage:
            self.tracker_stage.renew()
        elif part == f"engine of {act.name}":
            act.renew_engine()

    def lines(self) -> tuple[str, ...]:
        """What stands over the picture; over a panic nothing does."""
        if self.desk.read().panic:
            return ()
        now_s = time.perf_counter()
        kept = [said] if self.keeper and (said := self.keeper.said(now_s)) else []
        look = [said] if (said := self.looks.said(now_s)) else []
        return (*kept, *look, *self._guided(now_s), *self.overlay.lines(self.figures, self.faults.now, now_s))

    def _guided(self, now_s: float) -> list[str]:
        """What the visitor should do; only where a camera looks at one."""
        seen = self.seen.newest
        if seen is None or seen.value.is_idle or not (self.is_mirror() and self.desk.read().guidance):
            return []
        advice = self.guidance.shown(seen.value.tracked.landmarks, now_s)
        return [advice] if advice else []

    def _state(self) -> float:
        if self.desk.read().panic:
            return PANIC
        if "source" in self.faults.now:
            return NO_SOURCE
        return DEGRADED if self.faults.now else LIVE if self.gauges.pictures else STARTING

    def taps(self) -> dict[str, Tap]:
        """What can be sent to other programs."""
        return {
            "picture": lambda picture: picture,
            "figure": lambda picture: picture if (cutout := self.composer.cutout()) is None else cutout,
            "matte": lambda _picture: self.composer.matte(),
            "skeleton": lambda _picture: post.value.drawn.conditioning if (post := self._newest()) else None,
        }

    def _newest(self) -> Post[Performed] | None:
        return self.repertoire.act.performed.newest

    def _recording(self) -> str:
        recorder = self.recorder
        if recorder is None:
            return ""
        return recorder.fault or f"recording: {recorder.recorded} pictures, {recorder.dropped} left out"
