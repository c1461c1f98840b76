"""From an OSC address to what it means: a control, one of the things that move it, or several by a pattern."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from live.control.parameters import Control

Part = Literal["share", "natural", "glide", "ramp", "natural ramp", "lfo", "hz", "depth", "beats"]

SUFFIXES: Mapping[str, Part] = {
    "/glide": "glide",
    "/ramp": "ramp",
    "/lfo": "lfo",
    "/lfo/hz": "hz",
    "/lfo/depth": "depth",
    "/lfo/beats": "beats",
}
"""What every slider has besides its value."""


@dataclass(frozen=True)
class Meaning:
    """Which control an address reaches, and what of it: its value as a share of the range, in its unit, its glide..."""

    control: Control
    part: Part

    @property
    def is_value(self) -> bool:
        return self.part in ("share", "natural")


class Addresses:
    """All addresses of some controls. Never changed: other knobs make a new one."""

    def __init__(self, controls: Iterable[Control]) -> None:
        self.controls = tuple(controls)
        self._exact = {address: (meaning,) for control in self.controls for address, meaning in _addresses_of(control)}
        self._by_address = {control.address: control for control in self.controls}

    def meant(self, address: str) -> tuple[Meaning, ...]:
        """What an address reaches; OSC patterns may reach several values. Nothing is an empty tuple."""
        found = self._exact.get(address)
        if found is not None or len(address) > _LONGEST_PATTERN or not _WILD.search(address):
            return found or ()
        pattern = _pattern(address)
        if pattern is None:
            return ()
        return tuple(
            meaning
            for known, meanings in self._exact.items()
            for meaning in meanings
            if meaning.is_value and pattern.fullmatch(known)
        )

    def control(self, address: str) -> Control | None:
        """The control at this very address (its twin is another)."""
        return self._by_address.get(address)


def _addresses_of(control: Control) -> Iterator[tuple[str, Meaning]]:
    yield control.address, Meaning(control, "share")
    if control.twin:
        yield control.twin, Meaning(control, "natural")
    if control.kind != "slider":
        return
    for suffix, part in SUFFIXES.items():
        yield control.address + suffix, Meaning(control, part)
    if control.twin:
        yield f"{control.twin}/ramp", Meaning(control, "natural ramp")


_WILD = re.compile(r"[*?\[{]")
_LONGEST_PATTERN = 64
_TOKEN = re.compile(r"\*+|\?|\[!?[\w-]+\]|\{[^{}]*\}|.", re.DOTALL)


def _pattern(address: str) -> re.Pattern[str] | None:
    """An OSC address pattern as a regular expression; what it matches is short, and so is it: its work is bounded."""
    try:
        return re.compile("".join(map(_translated, _TOKEN.findall(address))))
    except re.error:
        return None


def _translated(token: str) -> str:
    if token[0] == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if len(token) > 1 and token[0] == "[":
        return token.replace("[!", "[^")
    if len(token) > 1 and token[0] == "{":
        return "(?:" + "|".join(map(re.escape, token[1:-1].split(","))) + ")"
    return re.escape(token)
