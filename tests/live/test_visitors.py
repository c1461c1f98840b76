"""An installation's evening: visitors are captured, perform, and are forgotten, one after the other."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from engines.errors import BadInput
from engines.pose.tracker import Tracked
from live.control.parameters import Controls
from live.leading import COUNTDOWN_S
from live.mailbox import Latest
from live.sources import Captured
from live.stages import Faults
from live.visitor import FORGET_S, FPS, PATH
from live.visitors import Visitors
from tests.fakes_atlas import PaintedTracker, dancing, painted_clip

POSES = dancing(60, 1 / FPS)
SECONDS = 2.0
CAPTURE = replace(Controls(), visitor_capture=1)
FORGET = replace(CAPTURE, visitor_forget=1)


@dataclass
class FakeStage:
    called: list[Path] = field(default_factory=list)
    dismissed: list[Path] = field(default_factory=list)

    def call(self, path: Path) -> None:
        self.called.append(path)

    def dismiss(self, path: Path) -> None:
        self.dismissed.append(path)


class Camera(Latest[Captured]):
    """A mailbox with a new frame whenever somebody looks, and the show's clock."""

    def __init__(self) -> None:
        super().__init__()
        self._frames = [at.frame for at in painted_clip(POSES).frames()]
        self.time_s = 0.0

    def after(self, number: int, timeout_s: float):  # type: ignore[no-untyped-def]
        self.time_s += 1 / FPS
        at_s = max(0.0, self.time_s - COUNTDOWN_S)
        self.put(Captured(self._frames[int(at_s * FPS) % len(POSES)], self.time_s))
        return super().after(number, timeout_s)


class Closing(PaintedTracker):
    def track(self, frame: np.ndarray, time_s: float) -> Tracked:
        return super().track(frame, time_s % 3)

    def close(self) -> None: ...


def evening() -> tuple[Visitors, Camera, FakeStage]:
    camera, stage = Camera(), FakeStage()
    visitors = Visitors(
        camera, lambda: Closing(POSES, FPS), Faults(), seconds=SECONDS, size=96, now=lambda: camera.time_s
    )
    visitors.heed(Controls(), stage, 0.0)
    visitors.heed(CAPTURE, stage, 0.0)
    return visitors, camera, stage


def until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.005)
    assert condition()


def test_a_visitor_comes_on_stage_and_is_forgotten_in_time() -> None:
    visitors, camera, stage = evening()
    until(lambda: bool(stage.called))
    assert stage.called == [PATH]
    assert visitors.stand_in().performer.manifest.method == "atlas"
    until(lambda: visitors.picture is None)
    visitors.heed(CAPTURE, stage, camera.time_s + FORGET_S + 1)
    assert stage.dismissed == [PATH]
    with pytest.raises(BadInput, match="forgotten"):
        visitors.stand_in()
    visitors.close()


def test_a_visitor_on_stage_is_forgotten_on_request() -> None:
    visitors, camera, stage = evening()
    until(lambda: bool(stage.called))
    visitors.heed(FORGET, stage, camera.time_s)
    assert stage.dismissed == [PATH]
    with pytest.raises(BadInput, match="forgotten"):
        visitors.stand_in()
    visitors.close()


def test_who_is_forgotten_while_captured_never_performs() -> None:
    visitors, camera, stage = evening()
    until(lambda: visitors.picture is not None)
    visitors.heed(FORGET, stage, camera.time_s)
    visitors.close()
    assert visitors.picture is None
    assert not stage.called
