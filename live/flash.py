"""`bench latency`: a coded flash is shown, and the camera sees it again. Glass to glass, by stage.

Where there is a camera, point it at the screen. Where there is none, a synthetic one reads the window's own pixels at
its own rate, which measures everything but the light's way: exposure, transfer and the projector are not in it.
"""

import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.errors import Unavailable
from engines.images import Frame
from engines.measuring import measured_header, percentiles, table, write_json
from live.config import LiveOptions
from live.doors import Doors
from live.gauges import Gauges
from live.loop import play
from live.mailbox import Latest
from live.pacing import Clock, Sleep, Tick
from live.sinks import Sink
from live.sources import Captured, Source, SourceSpec
from live.staging import on_stage

CODE = 4
"""Blocks along each axis: 16 of them are the number of the flash, its complement, and two that are always one way."""
BITS = 7
EVERY_S = 0.4
CAMERA_HZ = 60.0
SIDE = 256


def coded(number: int, size: int = SIDE) -> Frame:
    """The picture of a number: a black and a white block, then its bits, then the bits turned over."""
    bits = [int(bit) for bit in f"{number % 2**BITS:0{BITS}b}"]
    cells = np.array([0, *bits, 1, *(1 - bit for bit in bits)], np.uint8).reshape(CODE, CODE) * 255
    return np.repeat(cv2.resize(cells, (size, size), interpolation=cv2.INTER_NEAREST)[..., None], 3, axis=2)


def decoded(frame: Frame) -> int | None:
    """The number that a camera sees somewhere in the middle of its picture; None where there is none."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    side = min(gray.shape)
    top, left = (gray.shape[0] - side) // 2, (gray.shape[1] - side) // 2
    cells = cv2.resize(gray[top : top + side, left : left + side], (CODE, CODE), interpolation=cv2.INTER_AREA)
    dark, bright = int(cells.min()), int(cells.max())
    if bright - dark < 40:
        return None
    bits = (cells.reshape(-1) > (dark + bright) / 2).astype(int).tolist()
    value, turned = bits[1 : BITS + 1], bits[BITS + 2 :]
    if bits[0] or not bits[BITS + 1] or any(bit == other for bit, other in zip(value, turned, strict=True)):
        return None
    return int("".join(map(str, value)), 2)


class WindowCamera:
    """A camera that looks at the window: it is handed what was flipped, and gives it out at its own rate."""

    said, is_mirror = "a synthetic camera before the window", False

    def __init__(self, rate_hz: float = CAMERA_HZ, now: Clock = time.perf_counter, sleep: Sleep = time.sleep) -> None:
        self._period_s, self._now, self._sleep = 1 / rate_hz, now, sleep
        self._lock = threading.Lock()
        self._picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        self._due_s = now()

    def look_at(self, picture: Frame) -> None:
        with self._lock:
            self._picture = picture

    def read(self) -> Captured:
        self._due_s = max(self._due_s + self._period_s, self._now())
        self._sleep(max(0.0, self._due_s - self._now()))
        with self._lock:
            return Captured(self._picture.copy(), self._now())

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class _Flashing:
    """Stands before the window: paints the code over what it is shown, and reads what the camera sees of it."""

    window: Sink
    frames: Latest[Captured]
    camera: WindowCamera | None
    shown_s: float = 0.0
    seen_s: list[float] = field(default_factory=list)
    number: int = 0
    flashes: int = 0
    is_seen: bool = True
    _due_s: float = 0.0
    _taken: int = 0

    def show(self, picture: Frame, tick: Tick) -> None:
        self._look()
        flashes = tick.time_s >= self._due_s
        if flashes:
            self.number, self._due_s = (self.number + 1) % 2**BITS, tick.time_s + EVERY_S
        painted = picture.copy()
        side = min(painted.shape[:2])
        top, left = (painted.shape[0] - side) // 2, (painted.shape[1] - side) // 2
        painted[top : top + side, left : left + side] = coded(self.number, side)
        self.window.show(painted, tick)
        if flashes:
            self.shown_s, self.flashes, self.is_seen = time.perf_counter(), self.flashes + 1, False
        if self.camera:
            self.camera.look_at(painted)

    def _look(self) -> None:
        post = self.frames.newest
        if post is None or post.number == self._taken or self.is_seen:
            return
        self._taken = post.number
        if decoded(post.value.frame) == self.number:
            self.is_seen = True
            self.seen_s.append(post.value.captured_s - self.shown_s)

    def close(self) -> None:
        """The window is closed by the show."""


def bench_latency(
    *,
    bundle: Path | None = None,
    source: str = "synthetic",
    seconds: float = 20.0,
    json: Path | None = None,
    doors: Doors | None = None,
    headless: bool = True,
) -> dict[str, Any]:
    """Flash and look; print and return p50, p95, p99 in milliseconds by stage. `source`: a camera, or `synthetic`.

    `display_to_camera` is measured with the flash; the stages after it (capture to flip) with the performer that runs
    meanwhile; `glass_to_glass` is their sum, picture by picture of the tails. Raises `Unavailable` when the flash was
    never seen.
    """
    header, gauges = measured_header(), Gauges(keeps_all=True)
    camera = WindowCamera() if source == "synthetic" else None
    options = LiveOptions(
        bundles=(bundle,) if bundle else (),
        source="dancer" if camera else source,
        headless=headless,
        seconds=seconds,
        osc_in=0,
        page=False,
        midi=False,
        keep_s=0,
        controls={"guard": False},
    )

    given = doors or Doors()

    def opened(spec: SourceSpec) -> Source:
        return camera or given.source(spec)

    with on_stage(options, doors=replace(given, source=opened), gauges=gauges) as show:
        assert show.window is not None
        flashing = _Flashing(show.window, show.frames, camera)
        show.sinks[show.sinks.index(show.window)] = flashing
        play(show)
    seen = flashing.seen_s
    if len(seen) < 3:
        raise Unavailable(
            f"of {flashing.flashes} flashes the camera saw {len(seen)}: point it at the screen so that the blocks fill "
            "the middle of its picture, or measure with --source synthetic"
        )
    figures = _figures(seen, flashing.flashes, gauges, camera is not None)
    table(
        [{"stage": name, **value} for name, value in figures.items() if isinstance(value, dict)], title="bench latency"
    )
    print(f"{figures['camera']}; {figures['seen']} of {figures['flashes']} flashes seen")
    if json:
        write_json(json, {**header, **figures})
    return figures


def _figures(seen: list[float], flashes: int, gauges: Gauges, is_synthetic: bool) -> dict[str, Any]:
    stages: dict[str, list[float]] = {
        "display_to_camera": seen,
        "pose": [spent.pose_s for spent in gauges.spent],
        "conditioning": [spent.conditioning_s for spent in gauges.spent],
        "engine": [spent.engine_s for spent in gauges.spent],
        "finish": [spent.finish_s for spent in gauges.spent],
        "capture_to_flip": list(gauges.latencies_s),
    }
    figures: dict[str, Any] = {name: _ms(values) for name, values in stages.items() if values}
    if gauges.latencies_s:
        ways = np.add.outer(np.array(seen), np.array(gauges.latencies_s)).reshape(-1)
        figures["glass_to_glass"] = _ms(ways.tolist())
    figures["camera"] = (
        "synthetic: without exposure, transfer and the projector's own delay" if is_synthetic else "a real one"
    )
    return {**figures, "flashes": flashes, "seen": len(seen)}


def _ms(seconds: list[float]) -> dict[str, float]:
    return {name: value * 1000 for name, value in percentiles(seconds).items()}
