"""The live show: sources, threads, controls and sinks put together, and the loop of the main thread."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from live.attract import Attract
from live.choosing import Choosing
from live.composing import Composer, backdrop_of
from live.config import LiveOptions
from live.control.console import Console
from live.control.desk import Desk
from live.control.pose_in import PosedFromOutside
from live.control.shelf import default_folder
from live.control.signals import DEGRADED, LIVE, NO_SOURCE, PANIC, STARTING
from live.doors import Doors, Reopened
from live.gauges import Gauges
from live.guidance import Guidance
from live.log import ShowLog
from live.looks import LooksInTurn
from live.loop import play
from live.mailbox import Latest, Post
from live.masking import Masking
from live.outputs import Outputs
from live.overlay import Figures, Overlay
from live.pipeline import Capturing, Performed, Seen, StandIn, TracksPeople
from live.repertoire import Act, Repertoire
from live.service import Absent, Watchman, clock_time, hours_of, log_to
from live.sinks import Sink
from live.sinks.discreet import Discreet
from live.sinks.geometry import Pins
from live.sinks.keeper import Keeper
from live.sinks.recorder import Recorder
from live.sinks.sending import Tap, sending
from live.sinks.sheet import Sheet
from live.sinks.window import Window
from live.sources import Captured, Source, source_spec
from live.stages import Faults, Stage
from live.telemetry import Telemetry
from live.tracking import Tracking
from live.visitor import PATH as VISITOR
from live.visitors import Visitors
from live.watch import Watch

SWITCH_INTERVAL_S = 0.001
"""Python's own 5 ms would let a busy thread keep the display waiting for a third of a frame."""


def perform(options: LiveOptions, doors: Doors | None = None) -> int:
    """Perform until somebody quits, the time is up or the source ends. 0 when it went well.

    Raises `UnderstudyError` when it cannot begin, `KeyboardInterrupt` after Ctrl-C, when the recording is finished.
    """
    with on_stage(options, doors=doors) as show, _signals(show.stop) as interrupted:
        if page := show.console.address():
            print(f"controls: {page}{show.console.code()}", flush=True)
        play(show)
        figures = show.figures()
    print(_summary(figures, show))
    if interrupted.is_set():
        raise KeyboardInterrupt
    return 0


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
        parts = [("source", self.frames.count), ("tracker", self.seen.count)]
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


@contextmanager
def on_stage(
    options: LiveOptions,
    *,
    doors: Doors | None = None,
    gauges: Gauges | None = None,
    sinks: Sequence[Sink] = (),
) -> Iterator[Show]:
    """A show that is set up and running but for its main loop; everything is stopped and finished at the end.

    What cannot work is refused here, before anything is shown: bundles, source, display, files. A port that is taken is
    told, and the show goes on without.
    """
    cv2.setNumThreads(options.opencv_threads)
    switch_interval_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gauges, doors = gauges or Gauges(), doors or Doors()
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, switch_interval_s)
        if options.log_file:
            stack.callback(logging.getLogger().removeHandler, log_to(options.log_file))
        paths = doors.playable(options)
        # Alone, a camera that is plugged in late must be found: the dancer is then only who dances meanwhile.
        wanted = "0" if options.unattended and options.source == "auto" else options.source
        spec = source_spec(wanted, options.loop, options.camera_size, options.camera_fps, options.camera_lock)
        source: Reopened[Source] = Reopened(lambda: doors.source(spec), Absent if options.unattended else None)
        stack.callback(lambda: source.newest.close())
        console = Console(options, options.initial_controls(source.newest.is_mirror))
        faults = Faults(console.tell)

        frames: Latest[Captured] = Latest()
        seen: Latest[Seen] = Latest()

        log = ShowLog(options.log, _logged(options), options.log_camera) if options.log else None
        if log:
            stack.callback(log.close)

        visitors = Visitors(frames, lambda: doors.masking_tracker(options), faults)
        stack.callback(visitors.close)

        acts: list[Act] = []
        entrance = threading.Lock()

        def begin(path: Path) -> Act:
            begun: list[Act] = []

            def opened(path: Path) -> StandIn:
                if log and begun and path != VISITOR:
                    log.reopened(begun[0])
                is_theirs = path == VISITOR and visitors.is_here  # `learn --camera` brings its own
                return visitors.stand_in() if is_theirs else doors.stand_in(path, options)

            act = Act(
                path,
                opened,
                doors.follower,
                frames,
                seen,
                console.desk.read,
                faults,
                gauges,
            )
            if log and path != VISITOR:
                begun.append(act)
                log.begin(act, path, *act.engine)
                act.prepared.tell, act.performed.tell = partial(log.prepared, act), partial(log.performed, act)
            with entrance:  # acts are loaded by threads of their own
                acts[:] = [*(other for other in acts if not other.is_closed), act]
            return act

        repertoire = Repertoire(paths, begin, faults)
        stack.callback(repertoire.close)
        source_stage = Stage("source", lambda: Capturing(source(), frames, gauges), faults)
        show = Show(
            options, console, faults, gauges, frames, seen, source_stage, repertoire, lambda: source.newest.said
        )
        show.log = log
        show.visitors = visitors
        show.watchman = Watchman(
            hours_of(options.open_hours) if options.open_hours else None,
            clock_time(options.restart_at) if options.restart_at else None,
        )
        show.is_mirror = lambda: source.newest.is_mirror
        show.composer = Composer(backdrop_of(options.backdrop))
        _add_sinks(show, stack, sinks)
        console.start(
            stack,
            faults,
            lambda: repertoire.names,
            lambda out: Telemetry(out, show.figures, lambda: repertoire.act, faults=lambda: faults.now),
        )
        read = console.desk.read

        def eyes() -> TracksPeople:
            plain, masking = doors.tracker, doors.masking_tracker
            return Masking(
                lambda: Choosing(plain(options), read),
                lambda: Choosing(masking(options), read),
                lambda: read().region != "whole" or any(act.wants_masks for act in acts),
            )

        tracker = partial(PosedFromOutside, eyes, console.pose_in)
        attract = Attract(options.idle_motion)
        tracking = Stage(
            "tracker",
            lambda: Tracking(tracker, frames, seen, gauges, read, attract, lambda: show.watchman.is_open),
            faults,
        )
        show.tracker_stage = tracking
        stack.callback(tracking.start().close)
        stack.callback(source_stage.start().close)
        yield show


def _logged(options: LiveOptions) -> dict[str, Any]:
    """What a replay needs to know of the settings."""
    from engines.machine import cores

    threads = options.threads or max(1, cores() - 1)
    engine = {"backend": options.backend, "precision": options.precision}
    backdrop = str(options.backdrop.resolve()) if options.backdrop else None
    return {"threads": threads, "engine": engine, "backdrop": backdrop}


def _keeper(show: Show) -> Keeper:
    """Remembering costs a tenth of a core, which two cores spare beside tracker and engine only when it is wanted."""
    from engines.machine import cores

    options = show.options
    waits = options.keep_s is None and cores() <= 2
    seconds = 30.0 if options.keep_s is None else options.keep_s
    return Keeper(options.keep_folder, seconds, show.composer.cutout, show.hides_visitor, on_request=waits)


def _add_sinks(show: Show, stack: ExitStack, more: Sequence[Sink]) -> None:
    options = show.options
    if options.record:
        show.recorder = Recorder(options.record, options.record_fps, cutout=show.composer.cutout)
        show.sinks.append(Discreet(show.recorder, show.hides_visitor))
    if options.sheet:
        show.sinks.append(Discreet(Sheet(options.sheet), show.hides_visitor))
    show.keeper = _keeper(show)
    show.sinks.append(Discreet(show.keeper, show.hides_visitor))
    show.sinks.extend(sending(text, show.taps()) for text in options.send)
    if options.osc and options.page:
        show.sinks.append(show.console.preview)
    show.sinks.extend(more)
    show.window = Window(
        show.repertoire.act.canvas,
        options.window,
        options.fullscreen,
        options.display,
        options.fit,
        options.headless,
        show.lines,
        at=options.window_at,
        rotate=options.rotate,
        pins=Pins(None if options.headless else default_folder() / "corners.json"),
        on_top=options.on_top,
        darkens=show.desk.darkens,
    )
    show.sinks.append(show.window)  # last, so that what is measured at its flip is all there is
    for sink in show.sinks:
        stack.callback(sink.close)


@contextmanager
def _signals(stop: threading.Event) -> Iterator[threading.Event]:
    """SIGINT and SIGTERM end the show as Q does; the event says that it was SIGINT. A second one is heard at once."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    before: dict[int, Any] = {}

    def heard(number: int, _frame: object) -> None:
        signal.signal(number, before[number])
        stop.set()
        if number == signal.SIGINT:
            interrupted.set()

    before.update({number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)})
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(figures: Figures, show: Show) -> str:
    made = [f"{figures.performer} on {figures.engine}", figures.source]
    rates = (
        f"source {figures.source_hz:.0f}, pose {figures.tracker_hz:.0f}, performer {figures.engine_hz:.0f}, "
        f"display {figures.display_hz:.0f} a second; capture to flip p50 {figures.latency_p50_ms:.0f} ms, "
        f"p95 {figures.latency_p95_ms:.0f} ms"
    )
    written = [f"{path}: written" for path in (show.options.record, show.options.sheet) if path and path.exists()]
    broken = [f"! {part}: {sentence}" for part, sentence in show.faults.now.items()]
    return "\n".join([*made, rates, *written, *broken])
