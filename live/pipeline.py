"""The parts between camera and picture, as steps: capture, prepare, draw. Their threads are in `stages`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from engines.backends import Engine
from engines.backends.around import Around
from engines.bundle.manifest import FOLLOWING
from engines.conditioning import BLIND
from engines.errors import EngineError
from engines.pose.landmarks import Joint
from engines.pose.tracker import Tracked
from engines.scene import Drawn, Scene
from live.control.parameters import Controls
from live.gauges import Gauges, Spent, Stopwatch
from live.look import Feedback, flipped
from live.mailbox import Latest
from live.passing import FollowsPeople, Inputs, Performed, Performs, Prepared, Seen
from live.posing import Posing
from live.sources import Captured, Source
from live.stages import PATIENCE_S, Over

POSE_KINDS = FOLLOWING
"""Kinds of conditioning that need to know where the body is; the others take frames without waiting for the tracker."""

DREAM_S = 1 / 30
"""How often what goes on by itself, a film or a picture that lives, is asked for a picture."""
FRESH_S = 0.5
"""A silhouette older than this stirs nothing any more."""

FAINT = 8
"""Of 255: neither a figure nor a picture."""
BLANK_AFTER = 15
"""So many pictures of nobody, one after the other, while somebody is in view: the engine is broken."""

UNHURRIED_S = 0.008
"""So long a part waits for its last value to be taken before it makes another, so that what it makes is of the newest
frame. Short, because a longer wait (30 ms) made the engine wait for its next scene on two cores."""


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
        if performer.manifest.conditioning in POSE_KINDS or self._read_controls().region != "whole":
            return self._step_with_pose(performer)
        if performer.manifest.conditioning in BLIND:
            return self._step_dreaming(performer)
        return self._step_with_frame(performer)

    def close(self) -> None:
        """The performer belongs to the act, not to this part."""

    def _step_with_pose(self, performer: Performs) -> bool:
        self._out.until_taken(UNHURRIED_S)
        post = self._seen.after(self._taken, PATIENCE_S)
        if post is None:
            return False
        self._taken = post.number
        seen, controls, watch, effort = post.value, self._read_controls(), Stopwatch(), Stopwatch(time.thread_time)
        latency_s = self._latency_s()
        frame = seen.captured.frame
        followed = self._follower.follow(
            seen.tracked,
            (frame.shape[0], frame.shape[1]),
            smoothing=controls.smoothing,
            retarget=controls.retarget,
            mirror=controls.mirror,
        )
        captured_s, mask = seen.captured.captured_s, seen.tracked.mask
        landmarks, presence = self._posing(followed.landmarks, followed.presence, captured_s, controls, latency_s)
        scene = Scene(
            landmarks=landmarks,
            presence=presence,
            frame=flipped(frame) if controls.mirror else frame,
            captured_s=captured_s,
            mask=flipped(mask) if controls.mirror and mask is not None else mask,
            region=controls.region,
            knobs=controls.knobs,
        )
        inputs = self._smoothed(performer.conditioned(scene), controls, captured_s)
        spent = Spent(pose_s=seen.pose_s, conditioning_s=watch.lap(), worked_s=effort.lap())
        smoothed = followed.landmarks_smoothed
        self._out.put(Prepared(inputs, scene, spent, smoothed, seen.is_idle, seen, controls, latency_s))
        return True

    def _step_with_frame(self, performer: Performs) -> bool:
        post = self._frames.after(self._taken, PATIENCE_S)
        if post is None:
            return False
        self._taken = post.number
        captured, controls, watch, effort = post.value, self._read_controls(), Stopwatch(), Stopwatch(time.thread_time)
        frame = flipped(captured.frame) if controls.mirror else captured.frame
        scene = Scene(presence=1.0, frame=frame, captured_s=captured.captured_s, knobs=controls.knobs)
        inputs = self._smoothed(performer.conditioned(scene), controls, captured.captured_s)
        seen = Seen(captured, Tracked(None, None, captured.captured_s))
        spent = Spent(conditioning_s=watch.lap(), worked_s=effort.lap())
        self._out.put(Prepared(inputs, scene, spent, seen=seen, controls=controls))
        return True

    def _step_dreaming(self, performer: Performs) -> bool:
        """It goes on by the clock; frame and silhouette are there if a camera is, and nothing waits for them."""
        wait_s = self._taken_s + DREAM_S - time.perf_counter()
        if wait_s > 0:
            time.sleep(min(wait_s, PATIENCE_S))
        self._out.until_taken(UNHURRIED_S)
        now_s, controls, watch = time.perf_counter(), self._read_controls(), Stopwatch()
        effort = Stopwatch(time.thread_time)
        self._taken_s = max(self._taken_s + DREAM_S, now_s - DREAM_S)
        captured, seen = self._frames.newest, self._seen.newest
        mask = seen.value.tracked.mask if seen and now_s - seen.value.captured.captured_s < FRESH_S else None
        looked = Seen(Captured(captured.value.frame, now_s), Tracked(None, mask, now_s)) if captured else None
        prepared = dreamt(performer, looked, controls, now_s)
        self._out.put(replace(prepared, spent=Spent(conditioning_s=watch.lap(), worked_s=effort.lap())))
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


def dreamt(performer: Performs, seen: Seen | None, controls: Controls, time_s: float) -> Prepared:
    """The next picture of what goes on by itself; `seen` is there where a camera is."""
    frame, mask = (seen.captured.frame, seen.tracked.mask) if seen else (None, None)
    scene = Scene(
        presence=1.0,
        frame=flipped(frame) if controls.mirror and frame is not None else frame,
        captured_s=time_s,
        mask=flipped(mask) if controls.mirror and mask is not None else mask,
        restart=controls.dream_reset,
        knobs=controls.knobs,
    )
    return Prepared(performer.conditioned(scene), scene, Spent(), seen=seen, controls=controls)


class Drawing:
    """Runs the generator on the newest preparation, and owns the performer."""

    def __init__(self, stand_in: "StandIn", prepared: Latest[Prepared], out: Latest[Performed], gauges: Gauges) -> None:
        self._stand_in, self._prepared, self._out, self._gauges = stand_in, prepared, out, gauges
        self._taken = prepared.count
        self._blanks = 0

    def step(self) -> bool:
        post = self._prepared.after(self._taken, PATIENCE_S)
        if post is None:
            return False
        self._taken = post.number
        prepared, performer, engine = post.value, self._stand_in.performer, self._stand_in.engine
        watch, effort, ran_s, worked_s = Stopwatch(), Stopwatch(time.thread_time), engine.ran_s, engine.worked_s
        drawn = performer.drawn(prepared.inputs, prepared.scene)
        engine_s = engine.ran_s - ran_s
        spent = replace(
            prepared.spent,
            engine_s=engine_s,
            finish_s=watch.lap() - engine_s,
            worked_s=prepared.spent.worked_s + effort.lap() - (engine.worked_s - worked_s),
        )
        if _is_blank(drawn, prepared.scene, performer.manifest.conditioning == "composite"):
            self._blanks += 1
            if self._blanks >= BLANK_AFTER:
                raise EngineError(
                    f"{engine.backend} {engine.precision} draws nothing though somebody is in view; "
                    "check the bundle, or choose another --backend or --precision"
                )
        else:
            self._blanks = 0
        if self._blanks:  # the last good picture stays
            return True
        self._out.put(Performed(drawn, prepared.scene, performer.manifest, spent, prepared.landmarks, prepared.is_idle))
        self._gauges.engine.count(time.perf_counter())
        self._gauges.pictures += 1
        return True

    def close(self) -> None:
        self._stand_in.performer.close()


def _is_blank(drawn: Drawn, scene: Scene, is_placed: bool) -> bool:
    """Whether nothing was drawn of somebody whose trunk is in the picture: no figure, or one flat color.

    Who `is_placed` into a scene may stand outside of it on purpose.
    """
    if scene.presence < 1 or scene.landmarks is None or is_placed:
        return False
    trunk = scene.landmarks[[Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP], :2]
    if (trunk < 0.05).any() or (trunk > 0.95).any():
        return False
    if drawn.figure is not None:
        return int(drawn.figure[::4, ::4, 3].max()) < FAINT
    sample = drawn.image[::8, ::8]
    return int(np.ptp(sample)) < FAINT


class TimedEngine(Around):
    """An engine that adds up how long it ran, by the clock and of its caller's CPU time, so that the rest of the loop
    can be told from it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._call: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]] = engine
        self.ran_s = self.worked_s = 0.0

    def interpose(self, call: Callable[..., dict[str, np.ndarray]]) -> None:
        """Have `call(engine, inputs)` stand between the show and the engine, to break it on purpose."""
        self._call = partial(call, self._engine)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        watch, effort = Stopwatch(), Stopwatch(time.thread_time)
        outputs = self._call(inputs)
        self.ran_s += watch.lap()
        self.worked_s += effort.lap()
        for name, output in outputs.items():
            if output.dtype.kind == "f" and not np.isfinite(output).all():
                raise EngineError(
                    f"{self.backend} {self.precision}: output {name!r} is not a number somewhere; "
                    "choose another --backend or --precision"
                )
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
