"""What goes from part to part of the show, and what those parts need of each other."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.bundle import Manifest
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracked
from engines.scene import Drawn, Scene
from live.control.parameters import Controls
from live.gauges import Spent
from live.sources import Captured

Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Seen:
    """A frame and who was found in it."""

    captured: Captured
    tracked: Tracked
    pose_s: float = 0.0
    is_idle: bool = False
    """Nobody was in view for long: this is the attract mode's dancer."""


@dataclass(frozen=True)
class Prepared:
    """What a generator will look at, and the scene it is made of."""

    inputs: Inputs
    scene: Scene
    spent: Spent
    landmarks: Landmarks | None = None
    """In 0..1 of the source frame, smoothed: for the network, and for who wants to stand where the visitor stands."""
    is_idle: bool = False
    seen: Seen | None = None
    controls: Controls | None = None
    latency_s: float = 0.0
    """What it was made of: for the log."""


@dataclass(frozen=True)
class Performed:
    """A picture of the performer with all that belongs to it. `scene.frame` is the camera's, mirrored if asked."""

    drawn: Drawn
    scene: Scene
    manifest: Manifest
    spent: Spent
    landmarks: Landmarks | None = None
    """As in `Prepared`."""
    is_idle: bool = False


class TracksPeople(Protocol):
    def track(self, frame: np.ndarray, time_s: float) -> Tracked: ...
    def close(self) -> None: ...


class FollowedLike(Protocol):
    @property
    def landmarks(self) -> Landmarks | None: ...
    @property
    def presence(self) -> float: ...
    @property
    def landmarks_smoothed(self) -> Landmarks | None: ...


class FollowsPeople(Protocol):
    def follow(
        self, tracked: Tracked, size: tuple[int, int], *, smoothing: float, retarget: float, mirror: bool
    ) -> FollowedLike: ...


class Performs(Protocol):
    """The part of `engines.performer.Performer` that the stage needs."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def canvas(self) -> tuple[int, int]: ...
    def conditioned(self, scene: Scene) -> Inputs: ...
    def drawn(self, inputs: Inputs, scene: Scene) -> Drawn: ...
    def close(self) -> None: ...
