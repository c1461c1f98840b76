"""What the show tells over OSC: landmarks as often as they are found, figures twice a second. Numbers are floats."""

import math
import time
from collections.abc import Callable

from live.control.osc import OscSender
from live.overlay import Figures
from live.pacing import Clock
from live.repertoire import Act
from live.stages import PATIENCE_S

FIGURES_EVERY_S = 0.5


class Telemetry:
    """A part of the show with a thread of its own, so that nothing else ever waits for the network."""

    def __init__(
        self,
        out: OscSender,
        figures: Callable[[], Figures],
        act: Callable[[], Act],
        now: Clock = time.monotonic,
    ) -> None:
        self._out, self._figures, self._act, self._now = out, figures, act, now
        self._told: tuple[object, int] = (None, 0)
        self._due_s = now()
        self._performer = ""

    def step(self) -> bool:
        """Tell what is new; waits a moment for landmarks."""
        act = self._act()
        number = self._told[1] if self._told[0] is act else act.prepared.count
        post = act.prepared.after(number, PATIENCE_S)
        self._told = (act, post.number if post else number)
        if post:
            self._out.send("/pose/presence", post.value.scene.presence)
            if post.value.landmarks is not None:
                self._out.send_landmarks(post.value.landmarks)
        if self._now() >= self._due_s:
            self._due_s = self._now() + FIGURES_EVERY_S
            self._tell_figures(self._figures())
        return post is not None

    def close(self) -> None:
        """The sender belongs to the show."""

    def _tell_figures(self, figures: Figures) -> None:
        self._out.send("/fps/source", figures.source_hz)
        self._out.send("/fps/pose", figures.tracker_hz)
        self._out.send("/fps/engine", figures.engine_hz)
        self._out.send("/fps/display", figures.display_hz)
        if math.isfinite(figures.latency_p50_ms):
            self._out.send("/latency/p50", figures.latency_p50_ms)
            self._out.send("/latency/p95", figures.latency_p95_ms)
        self._out.send("/dropped", float(figures.dropped))
        if figures.performer != self._performer:
            self._performer = figures.performer
            self._out.send("/bundle", figures.performer)
