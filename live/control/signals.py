"""The third table: what the show tells by itself. Telemetry sends it; docs and OSCQuery read it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Signal:
    """One address that goes out."""

    address: str
    what: str
    when: str
    types: str = "f"


HEARTBEAT_HZ = 2.0
_BEAT = "twice a second"
_POSE = "with every picture"

STATES = ("starting", "live", "degraded: a part is broken and is tried again", "no source", "panic")
STARTING, LIVE, DEGRADED, NO_SOURCE, PANIC = map(float, range(5))

HEARTBEAT: tuple[Signal, ...] = (
    Signal("/heartbeat", "counts up by one", _BEAT),
    Signal("/uptime", "seconds since the show began", _BEAT),
    Signal("/state", "; ".join(f"{number} {state}" for number, state in enumerate(STATES)), _BEAT),
    Signal("/fps/source", "frames that came in, a second", _BEAT),
    Signal("/fps/pose", "poses found, a second", _BEAT),
    Signal("/fps/engine", "pictures generated, a second", _BEAT),
    Signal("/fps/display", "pictures shown, a second", _BEAT),
    Signal("/latency/p50", "milliseconds from capture to flip, half are below", _BEAT),
    Signal("/latency/p95", "and 95 of 100 are below", _BEAT),
    Signal("/latency/p99", "and 99 of 100 are below", _BEAT),
    Signal("/dropped", "source frames that no picture was made of", _BEAT),
)
"""Floats only, always all of them, so that an OSC In CHOP has its channels from the first beat on."""

SIGNALS: tuple[Signal, ...] = (
    *HEARTBEAT,
    Signal("/pose/presence", "1 somebody is followed, 0 nobody", _POSE),
    Signal("/pose/aspect", "width of the source picture over its height", _POSE),
    Signal("/pose/nose` ... `/pose/right_foot_index", "x, y in 0..1 of the frame, z, visibility", _POSE, "ffff"),
    Signal("/performer", "the performer on stage", "when it changes, and to whoever subscribes", "s"),
    Signal(
        "/engine",
        "what the performer runs on, and why not on anything better",
        "when it changes, and to whoever subscribes",
        "s",
    ),
    Signal("/preset/list", "the names of all presets", "when asked, and when it changes", "s..."),
    Signal("/preset/now", "the preset that was recalled", "when it is", "s"),
    Signal("/cue/list", "the names of all cues", "when asked, and when it changes", "s..."),
    Signal("/cue/now", "the cue that began", "when it does", "s"),
    Signal("/cue/number", "its number from 0", "when it begins"),
    Signal("/midi/learned", "address and MIDI control", "when one is learned", "ss"),
    Signal("/pong", "what came with `/ping`", "to whoever asked", "f..."),
    Signal(
        "/error",
        "what failed or was not understood",
        "when it begins, at most once a second for messages; what still stands, to whoever subscribes",
        "s",
    ),
)
BY_ADDRESS: Mapping[str, Signal] = {signal.address: signal for signal in SIGNALS}
