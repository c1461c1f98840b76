"""The parts between camera and picture, as steps: capture, track, prepare, draw. Their threads are in `stages`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from engines.backends import Engine
from engines.bundle import Manifest
from engines.bundle.manifest import FROM_LANDMARKS
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracked
from engines.scene import Drawn, Scene
from live.control.parameters import Controls
from live.gauges import Gauges, Spent, Stopwatch
from live.look import Feedback, flipped
from live.mailbox import Latest
from live.posing import Posing
from live.sources import Captured, Source
from live.stages import PATIENCE_S, Over

POSE_KINDS = (*FROM_LANDMARKS, "composite")
"""Kinds of conditioning that need to know where the body is; the others take frames without waiting for the tracker."""

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


class Capturing:
    """Reads a source into a mailbox."""

    def __init__(self, source: Source, out: Latest[Captured], gauges: Gauges) -> None:
        self._source, self._out, self._gauges = source, out, gauges

    def step(self) -> bool:
        captured = self._source.read()
        if captured is None:
            raise Over
        self._out.put(captured)
        self._gauges.source.count(captured.captured_s)
        return True

    def close(self) -> None:
        self._source.close()


class Tracking:
    """Finds the person in the newest frame, unless the source already knows the pose."""

    def __init__(
        self, opened: Callable[[], TracksPeople], frames: Latest[Captured], out: Latest[Seen], gauges: Gauges
    ) -> None:
        self._opened, self._frames, self._out, self._gauges = opened, frames, out, gauges
        self._tracker: TracksPeople | None = None
        self._seen = 0

    def step(self) -> bool:
        post = self._frames.after(self._seen, PATIENCE_S)
        if post is None:
            return False
        self._seen = post.number
        watch = Stopwatch()
        tracked = self._tracked(post.value)
        self._out.put(Seen(post.value, tracked, watch.lap()))
        self._gauges.tracker.count(time.perf_counter())
        return True

    def _tracked(self, captured: Captured) -> Tracked:
        if captured.landmarks is not None:
            return Tracked(captured.landmarks, None, captured.captured_s)
        if self._tracker is None:  # a motion needs no pose model, so it is opened when it is first needed
            self._tracker = self._opened()
        return self._tracker.track(captured.frame, captured.captured_s)

    def close(self) -> None:
        if self._tracker:
            self._tracker.close()


class Preparing:
    """Follows the person for one performer and draws what its generator looks at."""

    def __init__(
        self,
        stand_in: Callable[[], "StandIn"],
        follower: FollowsPeople,
        frames: Latest[Captured],
        seen: Latest[Seen],
        read_controls: Callable[[], Controls],
        out: Latest[Prepared],
        latency_s: Callable[[], float] = lambda: 0.0,
        is_awake: Callable[[], bool] = lambda: True,
    ) -> None:
        self._stand_in, self._follower = stand_in, follower
        self._frames, self._seen = frames, seen
        self._read_controls, self._out = read_controls, out
        self._latency_s, self._is_awake = latency_s, is_awake
        self._posing, self._trail = Posing(), Feedback()
        self._taken, self._taken_s = 0, 0.0

    def step(self) -> bool:
        if not self._is_awake():
            time.sleep(PATIENCE_S)
            return False
        performer = self._stand_in().performer
        if performer.manifest.conditioning in POSE_KINDS:
            return self._step_with_pose(performer)
        return self._step_with_frame(performer)

    def close(self) -> None:
        """The performer belongs to the act, not to this part."""

    def _step_with_pose(self, performer: Performs) -> bool:
        post = self._seen.after(self._taken, PATIENCE_S)
        if post is None:
            return False
        self._taken = post.number
        seen, controls, watch = post.value, self._read_controls(), Stopwatch()
        frame = seen.captured.frame
        followed = self._follower.follow(
            seen.tracked,
            (frame.shape[0], frame.shape[1]),
            smoothing=controls.smoothing,
            retarget=controls.retarget,
            mirror=controls.mirror,
        )
        captured_s, mask = seen.captured.captured_s, seen.tracked.mask
        landmarks, presence = self._posing(
            followed.landmarks, followed.presence, captured_s, controls, self._latency_s()
        )
        scene = Scene(
            landmarks=landmarks,
            presence=presence,
            frame=flipped(frame) if controls.mirror else frame,
            captured_s=captured_s,
            mask=flipped(mask) if controls.mirror and mask is not None else mask,
            knobs=controls.knobs,
        )
        inputs = self._smoothed(performer.conditioned(scene), controls, captured_s)
        spent = Spent(pose_s=seen.pose_s, conditioning_s=watch.lap())
        self._out.put(Prepared(inputs, scene, spent, followed.landmarks_smoothed, seen.is_idle))
        return True

    def _step_with_frame(self, performer: Performs) -> bool:
        post = self._frames.after(self._taken, PATIENCE_S)
        if post is None:
            return False
        self._taken = post.number
        captured, controls, watch = post.value, self._read_controls(), Stopwatch()
        frame = flipped(captured.frame) if controls.mirror else captured.frame
        scene = Scene(presence=1.0, frame=frame, captured_s=captured.captured_s, knobs=controls.knobs)
        inputs = self._smoothed(performer.conditioned(scene), controls, captured.captured_s)
        self._out.put(Prepared(inputs, scene, Spent(conditioning_s=watch.lap())))
        return True

    def _smoothed(self, inputs: Inputs, controls: Controls, time_s: float) -> Inputs:
        """The last conditioning mixed into this one. A new dictionary: the performer keeps the one it gave."""
        elapsed_s, self._taken_s = time_s - self._taken_s, time_s
        picture = inputs.get("conditioning")
        if controls.smooth_before <= 0 or picture is None or picture.dtype != np.uint8:
            self._trail.forget()
            return inputs
        mixed = self._trail(picture, controls.smooth_before, elapsed_s)
        return {**inputs, "conditioning": mixed.reshape(picture.shape)}


class Drawing:
    """Runs the generator on the newest preparation, and owns the performer."""

    def __init__(self, stand_in: "StandIn", prepared: Latest[Prepared], out: Latest[Performed], gauges: Gauges) -> None:
        self._stand_in, self._prepared, self._out, self._gauges = stand_in, prepared, out, gauges
        self._taken = prepared.count

    def step(self) -> bool:
        post = self._prepared.after(self._taken, PATIENCE_S)
        if post is None:
            return False
        self._taken = post.number
        prepared, performer, engine = post.value, self._stand_in.performer, self._stand_in.engine
        watch, ran_s = Stopwatch(), engine.ran_s
        drawn = performer.drawn(prepared.inputs, prepared.scene)
        engine_s = engine.ran_s - ran_s
        spent = replace(prepared.spent, engine_s=engine_s, finish_s=watch.lap() - engine_s)
        self._out.put(Performed(drawn, prepared.scene, performer.manifest, spent, prepared.landmarks, prepared.is_idle))
        self._gauges.engine.count(time.perf_counter())
        self._gauges.pictures += 1
        return True

    def close(self) -> None:
        self._stand_in.performer.close()


class TimedEngine:
    """An engine that adds up how long it ran, so that the rest of the loop can be told from it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.ran_s = 0.0

    # Asked anew each time: the engine inside may be replaced between two frames (engines.backends.staging).

    @property
    def backend(self) -> str:
        return self._engine.backend

    @property
    def precision(self) -> str:
        return self._engine.precision

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def why(self) -> str:
        return self._engine.why

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        watch = Stopwatch()
        outputs = self._engine(inputs)
        self.ran_s += watch.lap()
        return outputs

    def close(self) -> None:
        self._engine.close()


@dataclass(frozen=True)
class StandIn:
    """A performer that is opened and ready, and the engine inside it."""

    performer: Performs
    engine: TimedEngine

    @property
    def said(self) -> str:
        engine = self.engine
        return f"{engine.backend} {engine.precision} on {engine.device}: {engine.why}"
