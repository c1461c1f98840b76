"""`bench live`: the whole show as a person runs it, measured, with the naive serial loop beside it."""

import json as jsons
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engines.errors import Unavailable
from engines.images import Frame
from engines.measuring import measured_header, percentiles, table, write_json
from engines.urgency import is_allowed
from live.config import LiveOptions
from live.doors import Doors
from live.gauges import Gauges
from live.loop import play
from live.pacing import Tick
from live.show import Show
from live.sinks.recorder import Recorder
from live.staging import on_stage

WARM_S = 3.0
"""Opening, first inferences and caches are no part of a rate; everything measured before this is thrown away."""

BASELINE_S = 12.0
TURN_S, SETTLES_S = 4.0, 0.7
"""How long it records and rests, in turns, and how much of the beginning of a turn belongs to the last one."""
ROOT = Path(__file__).parents[1]


def bench_live(
    *,
    bundle: Path | None = None,
    seconds: float = 20.0,
    baseline: bool = True,
    json: Path | None = None,
    source: str = "dancer",
    record: Path | None = None,
    threads: int | None = None,
    opencv_threads: int = 1,
    doors: Doors | None = None,
) -> dict[str, Any]:
    """Measure the show with the built-in dancer, then the naive loop; print a table, write `json`, return both.

    The keys are those of BENCH.md. Run it while nothing else heavy runs. `record`: a movie that is written in turns, a
    few seconds yes, a few seconds no, and what that costs in displayed pictures. `threads` are the engine's. `source`
    is a camera, or a film that is played again and again in its place: the built-in dancer, who needs neither, is drawn
    by Python on the same cores, which no camera is (a fifth of one at 50 frames a second).
    """
    header = measured_header()
    allotted = {"threads": threads, "opencv_threads": opencv_threads}
    figures = _measured_show(bundle, seconds, source, record, allotted, doors)
    said = _baseline() if baseline else "left out as asked"
    if isinstance(said, str):
        figures.update(baseline_fps=None, ratio=None, baseline_skipped=said)
    else:
        ratio = figures["generated_fps"] / said["baseline_fps"]
        figures.update(baseline_fps=said["baseline_fps"], ratio=ratio, baseline=said)
    table([{"what": name, "figure": value} for name, value in figures.items()], title="bench live")
    if json:
        write_json(json, {**header, **figures})
    return figures


def _measured_show(
    bundle: Path | None,
    seconds: float,
    source: str,
    record: Path | None,
    allotted: Mapping[str, Any],
    doors: Doors | None,
) -> dict[str, Any]:
    options = LiveOptions(
        bundles=(bundle,) if bundle else (),
        source=source,
        loop=True,
        headless=True,
        seconds=seconds + WARM_S,
        osc_in=0,
        page=False,
        midi=False,
        **allotted,
    )
    gauges = Gauges(keeps_all=True)
    start = _Start(gauges)
    turns = [_InTurns(Recorder(record))] if record else []
    with on_stage(options, doors=doors, gauges=gauges, sinks=[start, *turns]) as show:
        start.show_ = show
        play(show)
        return {**_figures(show, start), **(turns[0].figures() if turns else {})}


@dataclass
class _InTurns:
    """Records for some seconds, rests as long, and counts the displayed pictures of both."""

    recorder: Recorder
    first_s: float | None = None
    shown: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    lasted_s: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})
    _last_s: float = 0.0

    def show(self, picture: Frame, tick: Tick) -> None:
        self.first_s = tick.time_s if self.first_s is None else self.first_s
        turn, within_s = divmod(tick.time_s - self.first_s - WARM_S, TURN_S)
        records = turn > 0 and turn % 2 == 1
        if records:
            self.recorder.show(picture, tick)
        if turn >= 0 and within_s > SETTLES_S:
            self.shown[records] += 1
            self.lasted_s[records] += min(tick.time_s - self._last_s, within_s - SETTLES_S)
        self._last_s = tick.time_s

    def figures(self) -> dict[str, Any]:
        without, recording = (self.shown[on] / max(self.lasted_s[on], 1e-9) for on in (False, True))
        return {
            "display_fps_not_recording": without,
            "display_fps_recording": recording,
            "recording_costs_share": max(0.0, 1 - recording / max(without, 1e-9)),
            "recorded": self.recorder.recorded,
            "recording_dropped": self.recorder.dropped,
        }

    def close(self) -> None:
        self.recorder.close()


@dataclass
class _Start:
    """A sink that forgets what was measured while everything warmed up, and notes where the counters stood."""

    gauges: Gauges
    show_: Show | None = None
    begin_s: float = float("inf")
    end_s: float = float("inf")
    first_s: float | None = None
    pictures: int = 0
    frames: int = 0

    def show(self, _picture: Frame, tick: Tick) -> None:
        if self.first_s is None:
            self.first_s = tick.time_s
        self.end_s = tick.time_s
        if self.begin_s == float("inf") and tick.time_s - self.first_s >= WARM_S and self.show_:
            self.begin_s = tick.time_s
            self.pictures, self.frames = self.gauges.pictures, self.show_.frames.count
            self.gauges.clear()

    def close(self) -> None:
        """Nothing is open."""


def _figures(show: Show, start: _Start) -> dict[str, Any]:
    gauges, lasted_s = show.gauges, start.end_s - start.begin_s
    if lasted_s <= 0 or gauges.pictures == start.pictures:
        faults = "; ".join(f"{part}: {sentence}" for part, sentence in show.faults.now.items())
        raise Unavailable(
            f"the show made no picture in the time given ({faults or 'no fault was told'}); run it longer"
        )
    made = gauges.pictures - start.pictures
    return {
        "bundle": show.repertoire.act.name,
        "engine": show.repertoire.act.said,
        "source": show.said(),
        "display_driver": show.window.driver if show.window else "none",
        "display_priority": "real time" if is_allowed() else "ordinary",
        "canvas": list(show.repertoire.act.canvas),
        "seconds": lasted_s,
        "generated_fps": made / lasted_s,
        "display_fps": len(gauges.intervals_s) / lasted_s,
        "display_interval_ms": _ms(gauges.intervals_s),
        "latency_ms": _ms(gauges.latencies_s),
        "pose_ms": _ms(spent.pose_s for spent in gauges.spent),
        "engine_ms": _ms(spent.engine_s for spent in gauges.spent),
        "overhead_ms": _ms(gauges.overheads_s),
        "overhead_cpu_ms": _ms(gauges.overheads_worked_s),
        "conditioning_ms": _ms(spent.conditioning_s for spent in gauges.spent),
        "finish_ms": _ms(spent.finish_s for spent in gauges.spent),
        "dropped": show.frames.count - start.frames - made,
        "faults": show.faults.count,
    }


def _ms(seconds: Any) -> dict[str, float]:
    return {name: value * 1000 for name, value in percentiles(seconds).items()}


def _baseline() -> dict[str, Any] | str:
    """The naive serial loop in a process of its own, since the stage never loads torch; or why it was left out."""
    if find_spec("torch") is None:
        return "torch is not installed: the baseline is a torch generator (pip install 'understudy[train]')"
    command = (sys.executable, "-m", "training.baseline", "--seconds", str(BASELINE_S))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        return f"the baseline failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}"
    figures: dict[str, Any] = jsons.loads(done.stdout.strip().splitlines()[-1])
    return figures
