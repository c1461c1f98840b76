"""`bench soak`: hours in minutes. Does memory grow, do threads leak, does the tail of the latency stay flat?"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import Unavailable
from engines.images import Frame
from engines.measuring import measured_header, table, write_json
from live.config import LiveOptions
from live.doors import Doors
from live.gauges import Gauges
from live.loop import play
from live.pacing import Tick
from live.staging import on_stage

WARM_S = 20.0
"""Until caches, rings and pools have their size; what is kept of the past (30 s) fills afterwards, and is added."""
MINUTE_S = 60.0


@dataclass
class _Meter:
    """A sink that notes memory, threads and the latencies of the first and the last minute."""

    gauges: Gauges
    seconds: float
    warm_s: float
    rss_mib: Callable[[], float]
    start_s: float | None = None
    rss: list[tuple[float, float]] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    tails: dict[str, list[float]] = field(default_factory=lambda: {"first": [], "last": []})
    _seen: int = 0
    _due_s: float = 0.0

    def show(self, _picture: Frame, tick: Tick) -> None:
        if self.start_s is None:
            self.start_s = tick.time_s
        at_s = tick.time_s - self.start_s - self.warm_s
        latest = self.gauges.pictures
        if at_s >= 0 and latest > self._seen and self.gauges.latencies_s:
            span = min(MINUTE_S, self.seconds / 2)
            if at_s < span:
                self.tails["first"].append(self.gauges.latencies_s[-1])
            elif at_s > self.seconds - span:
                self.tails["last"].append(self.gauges.latencies_s[-1])
        self._seen = latest
        if at_s >= 0 and tick.time_s >= self._due_s:
            self._due_s = tick.time_s + 1.0
            self.rss.append((at_s, self.rss_mib()))
            self.threads.append(threading.active_count())

    def close(self) -> None:
        """Nothing is open."""


def bench_soak(
    *,
    bundle: Path | None = None,
    minutes: float = 20.0,
    source: str = "dancer",
    json: Path | None = None,
    doors: Doors | None = None,
    warm_s: float = WARM_S,
) -> dict[str, Any]:
    """Perform for so many minutes; print and return what grew. Keys as in BENCH.md."""
    header, gauges = measured_header(), Gauges()
    meter = _Meter(gauges, minutes * 60, warm_s, _rss_mib)
    options = LiveOptions(
        bundles=(bundle,) if bundle else (),
        source=source,
        loop=True,
        headless=True,
        seconds=minutes * 60 + warm_s,
        osc_in=0,
        page=False,
        midi=False,
        keep_s=0,
    )
    with on_stage(options, doors=doors, gauges=gauges, sinks=[meter]) as show:
        play(show)
        faults = show.faults.count
    if len(meter.rss) < 4 or not meter.tails["last"]:
        raise Unavailable("the soak was too short to measure anything: give it more --minutes")
    rss = np.array([each for _, each in meter.rss])
    part = max(1, len(rss) // 20)
    begin, end = float(np.median(rss[:part])), float(np.median(rss[-part:]))
    figures: dict[str, Any] = {
        "minutes": minutes,
        "rss_mib": [begin, end],
        "growth_percent": 100 * (end - begin) / begin,
        "threads": [meter.threads[0], meter.threads[-1]],
        "latency_p99_ms": [float(np.percentile(meter.tails[which], 99) * 1000) for which in ("first", "last")],
        "pictures": gauges.pictures,
        "faults": faults,
    }
    table([{"what": name, "figure": value} for name, value in figures.items()], title="bench soak")
    if json:
        write_json(json, {**header, **figures})
    return figures


def _rss_mib() -> float:
    """Memory that this process holds now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    import os

    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
