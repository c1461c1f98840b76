"""`understudy live --chaos`: everything that can break on a night breaks once, and the pictures must flow on.

Each fault is put in where it would really happen (the driver's read, the engine's call, the disk, the socket, SDL), by
a sink that sees every picture shown. A fault is survived when it was told, no picture was black nor late, and what
broke came back after it was repaired.
"""

import errno
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import EngineError, SourceLost, Unavailable
from engines.images import Frame
from engines.measuring import table
from live.config import LiveOptions
from live.doors import Doors
from live.loop import play
from live.pacing import Tick
from live.passing import TracksPeople
from live.pipeline import StandIn
from live.repertoire import playable
from live.show import Show
from live.sinks import Sink
from live.sinks.recorder import Movie, Recorder
from live.sources import Captured, Source, SourceSpec
from live.sources.guarded import Guarded
from live.staging import on_stage

TOLD_S = 20.0
BACK_S = 30.0
LATE_S = 0.5
"""No picture may come so much later than the one before it. A healthy loop needs 17 ms."""
SETTLE_S = 0.5
SOUND = 5
"""So many new pictures of the performer, and it is back."""


@dataclass(frozen=True)
class Fault:
    """What breaks, and the beginning of the name of the part that must be told; some stay broken until the end."""

    name: str
    part: str
    heals: bool = True


FAULTS = (
    Fault("OSC port busy", "OSC"),
    Fault("camera unplugged", "source"),
    Fault("camera stuck on one frame", "source"),
    Fault("camera blocks in read", "source"),
    Fault("tracker raises", "tracker"),
    Fault("engine raises", "engine of"),
    Fault("engine hangs", "engine of"),
    Fault("engine gives NaN", "engine of"),
    Fault("engine gives black", "engine of"),
    Fault("bundle deleted", "engine of"),
    Fault("display lost", "window"),
    Fault("disk full while recording", "recorder", heals=False),
)


@dataclass
class Outcome:
    """How one fault was survived."""

    fault: Fault
    told: str = ""
    told_s: float = float("nan")
    back_s: float = float("nan")
    longest_s: float = 0.0
    pictures: int = 0
    black: int = 0

    @property
    def is_survived(self) -> bool:
        is_back = not self.fault.heals or np.isfinite(self.back_s)
        return bool(self.told and is_back and self.longest_s < LATE_S and not self.black)


def perform_chaos(options: LiveOptions, doors: Doors | None = None, faults: tuple[Fault, ...] = FAULTS) -> int:
    """Break everything once; a table says how it was survived. 0 when all of it was, else 1."""
    outcomes = chaos(options, doors, faults)
    rows = [
        {
            "what broke": each.fault.name,
            "survived": "yes" if each.is_survived else "NO",
            "told after s": round(each.told_s, 1),
            "back after s": round(each.back_s, 1) if each.fault.heals else "-",
            "longest gap ms": round(each.longest_s * 1000),
            "black": f"{each.black} of {each.pictures}",
            "told": each.told,
        }
        for each in outcomes
    ]
    table(rows, title="chaos")
    return 0 if outcomes and all(each.is_survived for each in outcomes) else 1


def chaos(options: LiveOptions, doors: Doors | None = None, faults: tuple[Fault, ...] = FAULTS) -> list[Outcome]:
    """A show in which `faults` happen one after the other."""
    with tempfile.TemporaryDirectory(prefix="understudy-chaos-") as folder:
        wreck = Wreck(Path(folder), playable(options)[0], doors or Doors(), faults)
        source = "dancer" if options.source == "auto" else options.source
        given = {"bundles": (wreck.bundle,), "osc_in": wreck.port, "seconds": None, "source": source, "loop": True}
        with on_stage(options.model_copy(update=given), doors=wreck.doors(), sinks=wreck.sinks) as show:
            wreck.begin(show)
            play(show)
        return wreck.outcomes


@dataclass
class Wreck:
    """The faults in their order, put in and taken out on the main thread; `show` is called with every picture."""

    folder: Path
    original: Path
    inner: Doors
    faults: tuple[Fault, ...]
    outcomes: list[Outcome] = field(default_factory=list)
    now: str = ""
    """The name of what is broken."""

    def __post_init__(self) -> None:
        self.bundle = self.folder / self.original.name
        shutil.copytree(self.original, self.bundle)
        self._port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._port.bind(("127.0.0.1", 0))
        self.port: int = self._port.getsockname()[1]
        self.released = threading.Event()
        self._show: Show | None = None
        self._steps: Iterator[None] | None = None
        self._last_s: float | None = None
        self.sinks: list[Sink] = [Recorder(self.folder / "chaos.mp4", made=self._movie), self]

    def begin(self, show: Show) -> None:
        self._show = show

    def show(self, picture: Frame, tick: Tick) -> None:
        if self._show is None:
            return
        if self.outcomes and self._last_s is not None:
            outcome = self.outcomes[-1]
            outcome.longest_s = max(outcome.longest_s, tick.time_s - self._last_s)
            outcome.pictures += 1
            outcome.black += not picture.any()
        self._last_s = tick.time_s
        self._steps = self._steps or self._run(self._show)
        if next(self._steps, "over") == "over":
            self._show.stop.set()

    def close(self) -> None:
        self.released.set()
        self._port.close()

    def _run(self, show: Show) -> Iterator[None]:
        """Yields once a picture, until all faults have happened."""
        yield from self._until(lambda: show.repertoire.act.performed.count >= SOUND, BACK_S)
        for fault in self.faults:
            yield from self._until(lambda: False, SETTLE_S)
            outcome = Outcome(fault)
            self.outcomes.append(outcome)
            self._break(fault.name, show)
            outcome.told_s = yield from self._until(partial(_told, show, fault), TOLD_S)
            outcome.told = _told(show, fault)
            yield from self._until(lambda: False, SETTLE_S)
            self._repair(fault.name)
            if fault.heals:
                sound = partial(_is_sound, show, fault, show.gauges.pictures + SOUND)
                outcome.back_s = yield from self._until(sound, BACK_S)

    @staticmethod
    def _until(done: Callable[[], object], longest_s: float) -> Generator[None, None, float]:
        """Seconds until it was done; NaN when it never was."""
        start_s = time.monotonic()
        while not done():
            if time.monotonic() - start_s > longest_s:
                return float("nan")
            yield None
        return time.monotonic() - start_s

    def _break(self, name: str, show: Show) -> None:
        self.released.clear()
        self.now = name
        if name == "bundle deleted":
            shutil.rmtree(self.bundle)
        if name == "display lost" and show.window:
            show.window.lose()

    def _repair(self, name: str) -> None:
        self.now = ""
        self.released.set()
        if name == "OSC port busy":
            self._port.close()
        if name == "bundle deleted":
            shutil.copytree(self.original, self.bundle)

    def doors(self) -> Doors:
        return replace(self.inner, source=self._source, tracker=self._tracker, stand_in=self._stand_in)

    def _source(self, spec: SourceSpec) -> Source:
        return Guarded(lambda: self._opened(spec), silent_s=1.5, stuck_s=1.5)

    def _opened(self, spec: SourceSpec) -> Source:
        if self.now == "camera unplugged":
            raise Unavailable("the camera is not there")
        return _Camera(self.inner.source(spec), self)

    def _tracker(self, options: LiveOptions) -> TracksPeople:
        return _Tracker(self.inner.tracker(options), self)

    def _stand_in(self, path: Path, options: LiveOptions) -> StandIn:
        stand_in = self.inner.stand_in(path, options)
        stand_in.engine.interpose(self._engine_call)
        return stand_in

    def _engine_call(
        self, call: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]], inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        now = self.now
        if now in ("engine raises", "bundle deleted"):
            raise EngineError("the graphics driver was restarted")
        if now == "engine hangs":
            self.released.wait()
        outputs = call(inputs)
        if now == "engine gives NaN":
            return {name: np.full(output.shape, np.nan, np.float32) for name, output in outputs.items()}
        if now == "engine gives black":
            return {name: np.zeros_like(output) for name, output in outputs.items()}
        return outputs

    def _movie(self, *arguments: Any) -> Movie:
        return _FullDisk(self, *arguments)


class _Camera:
    """A source whose driver does what drivers do."""

    def __init__(self, source: Source, wreck: Wreck) -> None:
        self._source, self._wreck = source, wreck
        self.said, self.is_mirror = source.said, source.is_mirror
        self._last: Captured | None = None

    def read(self) -> Captured | None:
        now = self._wreck.now
        if now == "camera unplugged":
            raise SourceLost("the camera stopped giving frames: is it still plugged in?")
        if now == "camera blocks in read":
            self._wreck.released.wait()
        captured = self._source.read()
        if now == "camera stuck on one frame" and self._last and captured:
            return replace(self._last, captured_s=captured.captured_s)
        self._last = captured
        return captured

    def close(self) -> None:
        self._source.close()


class _Tracker:
    def __init__(self, tracker: TracksPeople, wreck: Wreck) -> None:
        self._tracker, self._wreck = tracker, wreck

    def track(self, frame: np.ndarray, time_s: float) -> Any:
        if self._wreck.now == "tracker raises":
            raise RuntimeError("MediaPipe: packet timestamp mismatch")
        return self._tracker.track(frame, time_s)

    def close(self) -> None:
        self._tracker.close()


class _FullDisk(Movie):
    """A movie on a disk that is full while the wreck says so."""

    def __init__(self, wreck: Wreck, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._wreck = wreck

    def write(self, picture: Frame, time_s: float) -> None:
        if self._wreck.now == "disk full while recording":
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(picture, time_s)


def _is_sound(show: Show, fault: Fault, pictures: int) -> bool:
    return not _told(show, fault) and show.gauges.pictures >= pictures


def _told(show: Show, fault: Fault) -> str:
    """What stands on the overlay about it."""
    return next((said for part, said in show.faults.now.items() if part.startswith(fault.part)), "")
