"""What the show tells over OSC: landmarks as often as they are found, figures twice a second. Numbers are floats."""

import math
import time
from collections.abc import Callable, Mapping

from live.act import Act
from live.control.signals import HEARTBEAT, HEARTBEAT_HZ
from live.control.telling import OscSender
from live.overlay import Figures
from live.pacing import Clock
from live.stages import PATIENCE_S

FIGURES_EVERY_S = 1 / HEARTBEAT_HZ


class Telemetry:
    """A part of the show with a thread of its own, so that nothing else ever waits for the network."""

    def __init__(
        self,
        out: OscSender,
        figures: Callable[[], Figures],
        act: Callable[[], Act],
        now: Clock = time.perf_counter,
        faults: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._out, self._figures, self._act, self._now, self._faults = out, figures, act, now, faults
        self._told: tuple[object, int] = (None, 0)
        self._began_s = self._due_s = now()
        self._beats = 0
        self._performer = ""
        self._engine = ""
        self._greeted = out.greeted

    def step(self) -> bool:
        """Tell what is new; waits a moment for landmarks."""
        act = self._act()
        number = self._told[1] if self._told[0] is act else act.prepared.count
        post = act.prepared.after(number, PATIENCE_S)
        self._told = (act, post.number if post else number)
        if post:
            frame = post.value.scene.frame
            told: list[tuple[str, tuple[float, ...]]] = [("/pose/presence", (post.value.scene.presence,))]
            if frame is not None:
                told.append(("/pose/aspect", (frame.shape[1] / frame.shape[0],)))
            self._out.send_many(told)
            if post.value.landmarks is not None:
                self._out.send_landmarks(post.value.landmarks)
        if self._now() >= self._due_s:
            self._due_s = self._now() + FIGURES_EVERY_S
            self._tell_figures(self._figures())
        return post is not None

    def close(self) -> None:
        """The sender belongs to the show."""

    def _tell_figures(self, figures: Figures) -> None:
        self._beats += 1
        beat = (
            float(self._beats),
            self._now() - self._began_s,
            figures.state,
            figures.source_hz,
            figures.tracker_hz,
            figures.engine_hz,
            figures.display_hz,
            figures.latency_p50_ms,
            figures.latency_p95_ms,
            figures.latency_p99_ms,
            float(figures.dropped),
        )
        # No figure yet is 0: a CHOP knows no "none", and NaN spreads through everything it touches.
        finite = [value if math.isfinite(value) else 0.0 for value in beat]
        self._out.send_many([(signal.address, (value,)) for signal, value in zip(HEARTBEAT, finite, strict=True)])
        if self._out.greeted != self._greeted:
            self._greeted, self._performer, self._engine = self._out.greeted, "", ""
            for part, sentence in self._faults().items():  # told when it began, to those who listened then
                self._out.send("/error", f"{part}: {sentence}")
        if figures.performer != self._performer:
            self._performer = figures.performer
            self._out.send("/performer", figures.performer)
        if figures.engine != self._engine:
            self._engine = figures.engine
            self._out.send("/engine", figures.engine)
