"""What moves a control without a hand on it: ramps, low-frequency oscillators, and the tempo they may follow."""

import math
import zlib
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Shape = Literal["off", "sine", "triangle", "random"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

SLOWEST_TAP_S = 2.0
"""30 beats a minute; a longer pause begins a new count."""

TAPS = 8


@dataclass(frozen=True)
class Ramp:
    """A straight way from one value to another."""

    start: float
    end: float
    begin_s: float
    seconds: float

    def at(self, now_s: float) -> float:
        return self.start + (self.end - self.start) * self.share(now_s)

    def share(self, now_s: float) -> float:
        """0 at its beginning, 1 at its end and ever after."""
        return min(1.0, max(0.0, (now_s - self.begin_s) / self.seconds))


class Lfo(BaseModel):
    """A slow oscillation about the value that was set. `depth` 1 swings over the whole range of the control."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: Shape = "off"
    hz: Annotated[float, Field(ge=0, le=30)] = 0.25
    depth: Annotated[float, Field(ge=0, le=1)] = 0.5
    beats: Annotated[float, Field(ge=0, le=256)] = 0.0
    """Beats of the tempo to a turn; 0 turns freely, `hz` times a second."""


def wave(shape: Shape, phase: float, seed: str = "") -> float:
    """-1..1 at `phase` turns; random is a smooth way between values that are the same for the same `seed`."""
    turn = phase % 1
    if shape == "sine":
        return math.sin(2 * math.pi * turn)
    if shape == "triangle":
        return 4 * abs((turn + 0.75) % 1 - 0.5) - 1
    if shape == "random":
        before, after = _drawn(seed, math.floor(phase)), _drawn(seed, math.floor(phase) + 1)
        return before + (after - before) * (1 - math.cos(math.pi * turn)) / 2
    return 0.0


def _drawn(seed: str, number: int) -> float:
    return zlib.crc32(f"{seed} {number}".encode()) / 0x7FFFFFFF - 1


class Tempo:
    """Counts beats; a tap is a beat, and several taps are a tempo."""

    def __init__(self) -> None:
        self._taps: list[float] = []
        self._beat = 0.0
        self._at_s: float | None = None

    def beat(self, now_s: float, bpm: float) -> float:
        """How many beats went by; it never jumps back when the tempo changes."""
        if self._at_s is not None:
            self._beat += max(0.0, now_s - self._at_s) * bpm / 60
        self._at_s = now_s
        return self._beat

    def tap(self, now_s: float, bpm: float) -> float:
        """The tempo after this tap, which is on a beat."""
        self._beat = float(round(self.beat(now_s, bpm)))
        if self._taps and now_s - self._taps[-1] > SLOWEST_TAP_S:
            self._taps = []
        self._taps = [*self._taps[-TAPS:], now_s]
        passed_s = self._taps[-1] - self._taps[0]
        return 60 * (len(self._taps) - 1) / passed_s if passed_s > 0 else bpm
