"""The part that finds the person in the newest frame."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engines.pose.clinging import Clinging
from engines.pose.tracker import Tracked
from live.attract import Attract
from live.control.parameters import Controls
from live.gauges import Gauges, Stopwatch
from live.mailbox import Latest
from live.passing import Seen, TracksPeople
from live.pipeline import UNHURRIED_S
from live.sources import Captured
from live.stages import PATIENCE_S
from live.zone import counted, covered

ALONE_S = 1 / 30
"""How often the attract mode moves while no frame comes."""

NOBODY_S = 1.0
"""Who was seen counts as there until the next frame, which may take so long: few cameras give 30 a second at night."""

NO_FRAME = np.zeros((480, 640, 3), np.uint8)
NO_FRAME.flags.writeable = False


class Tracking:
    """Finds the person in the newest frame, unless the source already knows the pose.

    While nobody is there for long, or no frame comes, the attract mode's dancer is who is found. It rests while it is
    not wanted: the house is closed, or who is on stage looks at no people. Then it forgets whom it saw.
    """

    def __init__(
        self,
        opened: Callable[[], TracksPeople],
        frames: Latest[Captured],
        out: Latest[Seen],
        gauges: Gauges,
        read_controls: Callable[[], Controls] = Controls,
        attract: Attract | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._opened, self._frames, self._out, self._gauges = opened, frames, out, gauges
        self._read_controls, self._attract, self._is_wanted = read_controls, attract or Attract(), is_wanted
        self._tracker: TracksPeople | None = None
        self._clinging = Clinging()
        self._seen = 0
        self._last: Captured | None = None

    def step(self) -> bool:
        if not self._is_wanted():
            self._out.clear()
            self._attract.forget()
            time.sleep(PATIENCE_S)
            return False
        self._out.until_taken(UNHURRIED_S)
        controls = self._read_controls()
        post = self._frames.after(self._seen, ALONE_S if self._attract.is_idle else PATIENCE_S)
        if post is None:
            return self._step_alone(controls)
        self._seen, self._last = post.number, post.value
        watch = Stopwatch()
        tracked = counted(self._tracked(post.value, controls), controls)
        self._out.put(self._attracted(post.value, tracked, controls, watch.lap()))
        self._gauges.tracker.count(time.perf_counter())
        return True

    def _step_alone(self, controls: Controls) -> bool:
        """No frame came. Where an attract mode is wanted, it dances before the last one."""
        now_s = time.perf_counter()
        if controls.idle_after <= 0 or (self._last and now_s - self._last.captured_s < ALONE_S):
            return False
        captured = Captured(self._last.frame if self._last else NO_FRAME, now_s)
        if self._last is None or now_s - self._last.captured_s >= NOBODY_S:
            seen = self._attracted(captured, Tracked(None, None, now_s), controls, 0.0)
        elif self._attract.is_idle:
            size = captured.frame.shape[0], captured.frame.shape[1]
            seen = Seen(captured, Tracked(self._attract.danced(size, now_s), None, now_s), is_idle=True)
        else:
            return False
        if seen.is_idle:
            self._out.put(seen)
        return seen.is_idle

    def _attracted(self, captured: Captured, tracked: Tracked, controls: Controls, pose_s: float) -> Seen:
        size = captured.frame.shape[0], captured.frame.shape[1]
        landmarks = self._attract.landmarks(tracked.landmarks, size, captured.captured_s, controls.idle_after)
        if not self._attract.is_idle:
            return Seen(captured, tracked, pose_s)
        return Seen(captured, Tracked(landmarks, None, captured.captured_s), pose_s, is_idle=True)

    def _tracked(self, captured: Captured, controls: Controls) -> Tracked:
        if captured.landmarks is not None:
            return Tracked(captured.landmarks, None, captured.captured_s)
        if self._tracker is None:  # a motion needs no pose model, so it is opened when it is first needed
            self._tracker = self._opened()
        frame = covered(captured.frame, controls)
        tracked = self._tracker.track(frame, captured.captured_s)
        held = self._clinging(frame, tracked.landmarks, captured.captured_s, controls.hold)
        return replace(tracked, landmarks=held)

    def close(self) -> None:
        if self._tracker:
            self._tracker.close()
