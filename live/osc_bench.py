"""`bench osc`: the whole show with its display loop, while another process sends it 10,000 OSC messages a second."""

import json as jsons
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.errors import BadInput, Unavailable
from engines.images import Frame
from engines.measuring import measured_header, percentiles, table, write_json
from engines.urgency import is_allowed
from live.config import LiveOptions
from live.control.echo import value_of
from live.control.parameters import TABLE, Control
from live.gauges import Gauges
from live.loop import play
from live.osc_flood import FLOODED, PANIC_EVERY_S, QUIET_S, REST_S, SLIDE_EVERY_S
from live.pacing import Tick
from live.show import Show
from live.staging import on_stage

ROOT = Path(__file__).parents[1]
WARM_S = 4.0
FULL_RATE_HZ = 10_000
LEAST_S = PANIC_EVERY_S + 1


def bench_osc(
    *, seconds: float = 60.0, rate_hz: int = FULL_RATE_HZ, json: Path | None = None, bundle: Path | None = None
) -> dict[str, Any]:
    """Measure, print a table, write `json`. The keys are those of BENCH.md. Run it while nothing else heavy runs.

    Raises BadInput for fewer seconds than a panic and its end take.
    """
    if seconds < LEAST_S:
        raise BadInput(
            f"bench osc: {seconds:g} seconds are too few, for a panic comes every {PANIC_EVERY_S:g}: give at "
            f"least {LEAST_S:g}"
        )
    header = measured_header()
    with tempfile.TemporaryDirectory() as folder:
        options = LiveOptions(
            bundles=(bundle,) if bundle else (),
            source="dancer",
            headless=True,
            seconds=WARM_S + QUIET_S + seconds + 8 * REST_S + 20,
            osc_in=0,
            page_port=0,
            midi=False,
            presets=Path(folder),
        )
        gauges = Gauges(keeps_all=True)
        witness = _Witness(seconds, rate_hz)
        with on_stage(options, gauges=gauges, sinks=[witness]) as show:
            witness.show_ = show
            play(show)
            witness.end()
            figures = _figures(show, witness)
    table([{"what": name, "figure": value} for name, value in figures.items()], title="bench osc")
    if json:
        write_json(json, {**header, **figures})
    return figures


@dataclass
class _Witness:
    """A sink that sees every displayed picture, starts the sender when the show is warm, and notes what it saw."""

    seconds: float
    rate_hz: int
    show_: Show | None = None
    shown: list[tuple[float, bool]] = field(default_factory=list)
    """When a tick began, and whether its picture was black."""
    black_s: list[float] = field(default_factory=list)
    """When a black picture was ready to be flipped."""
    mixes: list[tuple[float, float]] = field(default_factory=list)
    first_s: float | None = None
    sender: "subprocess.Popen[str] | None" = None
    told: str = ""
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    slid_s: float = 0.0
    cpu_s: list[tuple[float, float]] = field(default_factory=list)
    """When the flood was on, and what the receiving thread had worked by then."""

    def show(self, picture: Frame, tick: Tick) -> None:
        show = self.show_
        if show is None:
            return
        if self.first_s is None:
            self.first_s = tick.time_s
        if self.shown and show.window and show.window.is_dark and not self.shown[-1][1]:  # at the last moment
            self.shown[-1] = (self.shown[-1][0], True)
        is_black = not picture[::8, ::8].any()
        self.shown.append((tick.time_s, is_black))
        if is_black:
            self.black_s.append(time.perf_counter())
        self.mixes.append((tick.time_s, show.desk.read().mix))
        ports = show.console.receiver, show.console.page
        if ports[0] is None or not ports[0].counts.datagrams:  # the flood has not begun
            self._turn(show)
        elif (worked_s := _worked_s("OSC")) is not None:
            self.cpu_s.append((tick.time_s, worked_s))
        if self.sender is None and all(ports) and tick.time_s - self.first_s >= WARM_S:
            self.sender = self._begin(ports[0].port, ports[1].port)  # type: ignore[union-attr]
        elif self.sender is not None and self.sender.poll() is not None:
            show.stop.set()

    def close(self) -> None:
        """The sender ends by itself."""

    def end(self) -> None:
        if self.sender is None:
            raise Unavailable("the show never opened its ports; see what it says on the overlay")
        self.told, complaints = self.sender.communicate(timeout=30)
        if self.sender.returncode != 0:
            raise Unavailable(f"the sender failed: {complaints.strip().splitlines()[-1] if complaints.strip() else ''}")

    def _turn(self, show: Show) -> None:
        for control in TABLE:
            if control.address in FLOODED:
                show.desk.set(**{control.name: control.from_share(self.chance.random())})
        if (now_s := time.perf_counter()) - self.slid_s >= SLIDE_EVERY_S:
            self.slid_s = now_s
            show.desk.set(mix=self.chance.random())

    def _begin(self, osc: int, page: int) -> "subprocess.Popen[str]":
        command = (sys.executable, "-m", "live.osc_flood", str(osc), str(page), str(self.seconds), str(self.rate_hz))
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _figures(show: Show, witness: _Witness) -> dict[str, Any]:
    told = jsons.loads(witness.told.strip().splitlines()[-1])
    receiver = show.console.receiver
    assert receiver is not None
    quiet = (told["void_s"] + 1.0, told["began_s"])
    flood = (told["began_s"], told["ended_s"])
    expected = (flood[1] - flood[0]) * show.options.rate_hz
    lost_quietly = _missing(witness.shown, quiet, show.options.rate_hz)
    lost_flooded = _missing(witness.shown, flood, show.options.rate_hz)
    by_address = {control.address: control for control in TABLE}
    controls = show.desk.read()
    wrong = [
        address
        for address, share in told["last"].items()
        if abs(_share(by_address[address], value_of(controls, by_address[address])) - share) > 1e-5
    ]
    presses = told["presses"] - controls.next_bundle
    counts = receiver.counts
    return {
        "engine": show.repertoire.act.said,
        "seconds": flood[1] - flood[0],
        "sent": told["sent"],
        "sent_per_s": told["sent"] / (flood[1] - flood[0]),
        "heard": counts.messages,
        "lost_controls": len(wrong) + abs(presses),
        "controls_of_record": len(told["last"]) + told["presses"],
        "lost_datagrams": told["sent"] + told["malformed"] - counts.datagrams,
        "display_frames": sum(flood[0] <= time_s < flood[1] for time_s, _ in witness.shown),
        "display_frames_lost": max(0.0, lost_flooded - lost_quietly) * expected,
        "display_frames_lost_share": max(0.0, lost_flooded - lost_quietly),
        "display_missing_quiet_share": lost_quietly,
        "display_missing_flooded_share": lost_flooded,
        "receiving_cpu_share": _share_of_core([each for each in witness.cpu_s if flood[0] <= each[0] < flood[1]]),
        "display_driver": show.window.driver if show.window else "none",
        "display_priority": "real time" if is_allowed() else "ordinary",
        "panic_ms": percentiles(_ms_until_black(witness.black_s, at_s) for at_s in told["panics_s"]),
        "panic_frames": max(_frames_until_black(witness.shown, at_s) for at_s in told["panics_s"]),
        "panics": len(told["panics_s"]),
        "page_frames": max(_frames_until(witness.mixes, at_s, mix) for at_s, mix in told["slid"]),
        "malformed": told["malformed"],
        "malformed_survived": counts.malformed,
        "faults": show.faults.count,
    }


def _share(control: Control, value: Any) -> float:
    return control.to_share(float(value))


def _worked_s(name: str) -> float | None:
    """CPU seconds of the thread of that name so far; None where the system does not tell."""
    thread = next((each for each in threading.enumerate() if each.name == name), None)
    try:
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rsplit(")", 1)[1].split()  # type: ignore[union-attr]
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return None


def _share_of_core(worked: list[tuple[float, float]]) -> float | None:
    if len(worked) < 2 or worked[-1][0] <= worked[0][0]:
        return None
    return (worked[-1][1] - worked[0][1]) / (worked[-1][0] - worked[0][0])


def _missing(shown: list[tuple[float, bool]], span: tuple[float, float], rate_hz: float) -> float:
    """Share of the pictures that a perfect display would have shown in `span`, and this one did not."""
    ticks = sum(span[0] <= time_s < span[1] for time_s, _ in shown)
    return max(0.0, 1 - ticks / max(1.0, (span[1] - span[0]) * rate_hz))


def _frames_until_black(shown: list[tuple[float, bool]], sent_s: float) -> int:
    """How many pictures began after a panic was sent, up to the first black one."""
    after = [black for time_s, black in shown if time_s > sent_s]
    return after.index(True) + 1 if True in after else len(after)


def _ms_until_black(black_s: list[float], sent_s: float) -> float:
    """From sending a panic to a black picture that is ready to be flipped."""
    return next((1000 * (at_s - sent_s) for at_s in black_s if at_s >= sent_s), float("inf"))


def _frames_until(mixes: list[tuple[float, float]], sent_s: float, mix: float) -> int:
    after = [abs(now - mix) < 1e-5 for time_s, now in mixes if time_s > sent_s]
    return after.index(True) + 1 if True in after else len(after)
