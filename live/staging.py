"""How a show is put together: sources, threads, controls and sinks; and how it is performed."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from live.act import Act
from live.attract import Attract
from live.choosing import Choosing
from live.composing import Composer, backdrop_of
from live.config import LiveOptions
from live.control.console import Console
from live.control.pose_in import PosedFromOutside
from live.control.shelf import default_folder
from live.doors import Doors, Reopened
from live.gauges import Gauges
from live.log import ShowLog
from live.loop import play
from live.mailbox import Latest
from live.masking import Masking
from live.overlay import Figures
from live.passing import Seen, TracksPeople
from live.pipeline import Capturing, StandIn
from live.repertoire import Repertoire
from live.service import Absent, Watchman, clock_time, hours_of, log_to
from live.show import Show
from live.sinks import Sink
from live.sinks.discreet import Discreet
from live.sinks.geometry import Pins
from live.sinks.keeper import Keeper
from live.sinks.recorder import Recorder
from live.sinks.sending import sending
from live.sinks.sheet import Sheet
from live.sinks.window import Window
from live.sources import Captured, Source, source_spec
from live.stages import Faults, Stage
from live.telemetry import Telemetry
from live.tracking import Tracking
from live.visitor import PATH as VISITOR
from live.visitors import Visitors

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

        show.looks_for_people = lambda: read().region != "whole" or any(act.wants_people for act in acts)
        tracker = partial(PosedFromOutside, eyes, console.pose_in)
        attract = Attract(options.idle_motion)
        tracking = Stage(
            "tracker",
            lambda: Tracking(
                tracker, frames, seen, gauges, read, attract, lambda: show.watchman.is_open and show.looks_for_people()
            ),
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
