"""Half a minute at the camera, then on stage: `understudy learn --camera 0 --seconds 30`."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engines.pose.tracker import Tracker
from live.config import LiveOptions
from live.doors import Doors
from live.leading import COUNTDOWN_S, Leading
from live.look import flipped
from live.pacing import Clock, Tick
from live.passing import TracksPeople
from live.pipeline import StandIn, TimedEngine
from live.sinks.window import Window
from live.sources import Source, source_spec
from live.staging import perform
from live.visitor import FORGET_S, FPS, PATH, Visit

UNSEEN = {"record": None, "sheet": None, "log": None}


def learn_visitor(
    options: LiveOptions,
    *,
    seconds: float = 30.0,
    size: int = 512,
    keep: Path | None = None,
    doors: Doors | None = None,
) -> int:
    """Capture whoever stands at `options.source`, and perform as them, driven by whoever comes next.

    Ends, and forgets them, after ten minutes or when somebody leaves the show. Raises `UnderstudyError`.
    """
    doors = doors or Doors()
    visit = Visit()
    source = doors.source(source_spec(options.source, options.loop, options.camera_size, options.camera_fps))
    try:
        captured(visit, source, seconds, options)
    finally:
        source.close()
    if missing := visit.coverage.missing:
        print(f"not seen, so it will be danced less well: {', '.join(missing)}", flush=True)
    visit.learn(time.monotonic(), size=size, keep=keep)
    left_s = min(options.seconds or FORGET_S, FORGET_S)
    # Nothing of a visitor is kept by the show either: no movie of the last half minute on a key.
    own = {"bundles": (PATH,), "seconds": left_s, "keep_s": 0.0, "keep_visitors": keep is not None}
    unseen = options.model_copy(update={**own, **UNSEEN})
    try:
        return perform(unseen, replace(doors, stand_in=_from_memory(visit), playable=lambda _: [PATH]))
    finally:
        visit.forget()


def captured(
    visit: Visit,
    source: Source,
    seconds: float,
    options: LiveOptions,
    *,
    tracker: TracksPeople | None = None,
    now: Clock = time.perf_counter,
) -> None:
    """The countdown, then `seconds` of moves that the built-in dancer leads; all that is seen goes into `visit`."""
    led = Leading(seconds)
    follows = tracker or Tracker(masks=True)
    window: Window | None = None
    began_s, kept = now(), 0
    try:
        while now() - began_s < COUNTDOWN_S + seconds:
            frame = source.read()
            if frame is None:
                return
            at_s = now() - began_s - COUNTDOWN_S
            if at_s >= 0 and at_s * FPS >= kept:
                visit.see(frame.frame, follows.track(frame.frame, at_s))
                kept = int(at_s * FPS) + 1
            picture = led.picture(flipped(frame.frame), visit, at_s)
            window = window or Window(picture.shape[:2], options.window, options.fullscreen, headless=options.headless)
            window.show(picture, Tick(kept, now(), 0.0, 0))
            if {"q", "escape", "quit"} & set(window.keys()):
                visit.forget()
                raise KeyboardInterrupt
    finally:
        follows.close()
        if window:
            window.close()


def _from_memory(visit: Visit) -> Callable[[Path, LiveOptions], StandIn]:
    """Opens the visitor's performer without a folder."""

    def opened(_path: Path, options: LiveOptions) -> StandIn:
        from engines.backends import open_engine
        from engines.performer import Performer

        bundle = visit.bundle(time.monotonic())
        engine = TimedEngine(open_engine(bundle, options.backend, options.precision))
        return StandIn(Performer(bundle, engine), engine)

    return opened
