"""Small real stand-ins for what a show needs: a source, a tracker, an engine, a window. None of them is a mock."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engines.bundle import Bundle
from engines.images import Frame
from engines.performer import Performer
from engines.pose.landmarks import Joint, Landmarks
from engines.pose.tracker import Tracked
from engines.scene import Drawn, Scene
from live.config import LiveOptions
from live.pacing import Tick
from live.pipeline import StandIn, TimedEngine
from live.sources import Captured, SourceSpec
from tests.fakes_engines import figure_bundle

CAMERA_COLOR = (200, 40, 40)


def standing(x: float = 0.5) -> Landmarks:
    """Somebody who stands upright with spread arms at `x` of the frame, all visible."""
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[:, 3] = 1
    places = {
        Joint.NOSE: (0, 0.2),
        Joint.LEFT_SHOULDER: (0.08, 0.3),
        Joint.RIGHT_SHOULDER: (-0.08, 0.3),
        Joint.LEFT_ELBOW: (0.16, 0.3),
        Joint.RIGHT_ELBOW: (-0.16, 0.3),
        Joint.LEFT_WRIST: (0.24, 0.3),
        Joint.RIGHT_WRIST: (-0.24, 0.3),
        Joint.LEFT_HIP: (0.05, 0.55),
        Joint.RIGHT_HIP: (-0.05, 0.55),
        Joint.LEFT_KNEE: (0.05, 0.75),
        Joint.RIGHT_KNEE: (-0.05, 0.75),
        Joint.LEFT_ANKLE: (0.05, 0.93),
        Joint.RIGHT_ANKLE: (-0.05, 0.93),
    }
    landmarks[:, :2] = (x, 0.2)
    for joint, (along, down) in places.items():
        landmarks[joint, :2] = (x + along, down)
    for heel, ankle in ((Joint.LEFT_HEEL, Joint.LEFT_ANKLE), (Joint.RIGHT_HEEL, Joint.RIGHT_ANKLE)):
        landmarks[[heel, heel + 2], :2] = landmarks[ankle, :2] + (0, 0.02)
    for wrist in (Joint.LEFT_WRIST, Joint.RIGHT_WRIST):
        landmarks[[wrist + 2, wrist + 4, wrist + 6], :2] = landmarks[wrist, :2]
    return landmarks


@dataclass
class FakeSource:
    """A camera of one color whose frame number is in its top left pixel. `trouble(number)` may raise or take long."""

    count: int | None = None
    rate_hz: float = 120.0
    is_mirror: bool = False
    said: str = "fake camera"
    trouble: Callable[[int], None] = lambda _number: None
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    closed: threading.Event = field(default_factory=threading.Event)

    def read(self) -> Captured | None:
        number = next(self.numbers)
        if self.count is not None and number >= self.count:
            return None
        time.sleep(1 / self.rate_hz)
        self.trouble(number)
        frame = np.full((48, 64, 3), CAMERA_COLOR, np.uint8)
        frame[0, 0] = number % 256
        return Captured(frame, time.perf_counter())

    def close(self) -> None:
        self.closed.set()


@dataclass
class FakeTracker:
    """Finds the same person in every frame."""

    trouble: Callable[[], None] = lambda: None

    def track(self, _frame: Frame, time_s: float) -> Tracked:
        self.trouble()
        return Tracked(standing(), None, time_s)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class FakeEngine:
    """Paints the conditioning into the figure, opaque; `trouble()` may raise or take long."""

    trouble: Callable[[], None] = lambda: None
    backend: str = "fake"
    precision: str = "f32"
    device: str = "CPU"
    why: str = "it is a test"
    closed: threading.Event = field(default_factory=threading.Event)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.trouble()
        shape = inputs["conditioning"].shape[:2]
        opaque = np.full((*shape, 1), 255, np.uint8)
        return {"figure": np.concatenate([inputs["conditioning"], opaque], axis=2)}

    def close(self) -> None:
        self.closed.set()


def stand_in(bundle: Bundle | None = None, engine: FakeEngine | None = None) -> StandIn:
    """The real performer around a fake engine."""
    timed = TimedEngine(engine or FakeEngine())
    return StandIn(Performer(bundle or figure_bundle(64), timed), timed)


@dataclass
class FakeSink:
    """Keeps copies of what it is shown, and may stop the show after `stop_after` pictures or when `until` says so."""

    stop: Callable[[], object] = lambda: None
    stop_after: int = 10_000
    until: Callable[["FakeSink"], bool] = lambda _sink: False
    pictures: list[Frame] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    closed: bool = False

    def show(self, picture: Frame, tick: Tick) -> None:
        self.pictures.append(picture.copy())
        self.ticks.append(tick)
        if len(self.pictures) >= self.stop_after or self.until(self):
            self.stop()

    def close(self) -> None:
        self.closed = True


@dataclass
class FailsOnce:
    """Raises at its first calls, then lets everything pass."""

    error: Exception
    times: int = 1
    calls: int = 0

    def __call__(self, *_: object) -> None:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error


def hangs(event: threading.Event) -> Callable[[], None]:
    """Blocks for ever, or until a test is over and sets `event`."""

    def trouble() -> None:
        event.wait()

    return trouble


def fake_source(_spec: SourceSpec) -> FakeSource:
    return FakeSource()


def fake_tracker(_options: LiveOptions) -> FakeTracker:
    return FakeTracker()


def fake_stand_in(_path: Path, _options: LiveOptions) -> StandIn:
    return stand_in()


def drawn_of(image: Frame, figure: Frame | None = None) -> Drawn:
    """A picture as a performer gives it."""
    return Drawn(image, figure, None, 0.0)


def scene_of(frame: Frame) -> Scene:
    return Scene(presence=1.0, frame=frame)
