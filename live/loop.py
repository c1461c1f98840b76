"""The main thread of a show: once a tick read, compose, show."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engines.errors import Unavailable
from engines.images import Frame
from engines.urgency import DISPLAY, hurrying
from live.act import Act
from live.composing import Composer
from live.control.parameters import Controls
from live.gauges import Gauges, Stopwatch
from live.log import ShowLog
from live.mailbox import Post
from live.pacing import Clock, Tick, Ticks
from live.passing import Performed
from live.sources import Captured
from live.visitor import PATH as VISITOR
from live.voices import Voice

if TYPE_CHECKING:
    from live.show import Show


def play(show: "Show", now: Clock = time.perf_counter) -> None:
    """The main thread: one picture a tick, whatever the others do, until `show.stop` or the end."""
    with hurrying(DISPLAY):
        _play(show, now)


def _play(show: "Show", now: Clock) -> None:
    end_s = now() + show.options.seconds if show.options.seconds else float("inf")
    last, effort = _Last(now()), Stopwatch(time.thread_time)
    for tick in Ticks(show.options.rate_hz, now):
        _take_keys(show, tick)
        controls = _controls(show, tick)  # once a tick: everything drawn below agrees on it
        show.looks.heed(controls, show.desk.receive, tick.time_s)
        if show.visitors:
            show.visitors.heed(controls, show.repertoire, tick.time_s)
        act = show.repertoire.on_stage(controls, tick.time_s)
        act.is_awake = act.is_awake and show.watchman.is_open
        show.console.take_up(act, act.manifest)
        show.repertoire.agree(show.desk.settle)
        looked = _Looked.at(show, act, controls, tick)
        picture = looked.picture(show.composer, controls, tick, last)
        if show.desk.darkens():  # asked for while the picture was made: it does not wait for the next one
            controls = _controls(show, tick)
            picture = looked.picture(show.composer, controls, tick, last)
        if show.log:
            _note(show, show.log, looked, controls, picture, tick, last)
        if show.visitors and (mirror := show.visitors.picture) is not None and not controls.panic:
            picture = mirror
        show.shows_visitor = looked.has_visitor or (show.visitors is not None and show.visitors.is_here)
        show.outputs.show(picture, tick)
        if show.keeper:
            show.keeper.heed(controls, picture, tick.time_s)
        last.flipped(tick, now(), effort.lap(), looked.performed.value if looked.performed else None, show.gauges)
        show.watch.look(show.counts(act), tick.time_s)
        if show.stop.is_set() or show.watchman.restarts or tick.time_s >= end_s or show.source_stage.is_over:
            return


def _controls(show: "Show", tick: Tick) -> Controls:
    """What is asked now; dark while the house is closed."""
    controls = show.desk.tick(tick.time_s)
    show.watchman.tick(tick.time_s)
    return controls if show.watchman.is_open else replace(controls, blackout=1.0)


@dataclass(frozen=True)
class _Looked:
    """What there is to see in a tick."""

    act: Act
    performed: Post[Performed] | None
    others: list[tuple[Act, Post[Performed] | None, float]]
    captured: Post[Captured] | None

    @classmethod
    def at(cls, show: "Show", act: Act, controls: Controls, tick: Tick) -> "_Looked":
        beside = show.repertoire.beside(controls, tick.time_s)
        others = [(other, other.performed.newest, share) for other, share in beside]
        return cls(act, act.performed.newest, others, show.frames.newest)

    @property
    def has_visitor(self) -> bool:
        """Whether a visitor's performer is seen, be it going."""
        return VISITOR in (self.act.path, *(other.path for other, _, _ in self.others))

    def picture(self, composer: Composer, controls: Controls, tick: Tick, last: "_Last") -> Frame:
        return composer.picture(
            self.act.resting,
            self.performed,
            self.captured,
            controls,
            elapsed_s=tick.time_s - last.tick_s,
            time_s=tick.time_s,
            others=[Voice(other.resting, post, share) for other, post, share in self.others],
        )


def _note(
    show: "Show", log: ShowLog, looked: _Looked, controls: Controls, picture: Frame, tick: Tick, last: "_Last"
) -> None:
    log.has_visitor = show.visitors is not None and show.visitors.is_here
    voices = [
        (looked.act, looked.performed.value if looked.performed else None, 1.0),
        *((other, post.value if post else None, share) for other, post, share in looked.others),
    ]
    captured = looked.captured.value if looked.captured else None
    log.shown(tick.time_s, tick.time_s - last.tick_s, voices, controls, picture, captured)
    if log.fault:
        show.faults.report("log", Unavailable(log.fault))


@dataclass
class _Last:
    """What the previous tick showed."""

    tick_s: float
    performed: Performed | None = None

    def flipped(
        self, tick: Tick, flipped_s: float, worked_s: float, performed: Performed | None, gauges: Gauges
    ) -> None:
        gauges.flipped(flipped_s)
        if performed is not None and performed is not self.performed:
            loop_s = flipped_s - tick.time_s
            gauges.shown(performed.drawn.captured_s, flipped_s, performed.spent, loop_s, worked_s)
        self.tick_s, self.performed = tick.time_s, performed


def _take_keys(show: "Show", tick: Tick) -> None:
    for key in show.window.keys() if show.window else ():
        if key in ("q", "escape", "quit"):
            show.stop.set()
        elif key == "f" and show.window:
            show.window.toggle_fullscreen()
        elif key == "k" and show.window:
            show.window.pin()
        elif key == "f1":
            show.overlay.toggle_figures()
        elif key == "h":
            show.overlay.toggle_hint(tick.time_s)
        else:
            show.desk.press(key)
