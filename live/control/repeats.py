"""Telling a hand from a CHOP: TouchDesigner's OSC Out sends every channel at each cook, sixty times a second, for ever.

Each memory is one to a sender and an address, so that two desks do not press each other's buttons, and is worth
nothing after a second of silence, so that forgetting the old costs nothing.
"""

from collections.abc import Sequence
from typing import Any

COOK_S = 0.25
"""Repeated quicker than this, a message comes from a machine."""

HELD_AFTER = 8
"""So many times the same value, and it is held, not moved: then another hand may take the control over."""

MOST = 4096
LONGEST_S = 1.0


class Repeats:
    """What every sender said last at every address."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[Any, float, int]] = {}

    def is_press(self, sender: str, address: str, high: bool, is_level: bool, now_s: float, repeat_s: float) -> bool:
        """Whether this is the way from 0 to 1. Without a level (no argument) it always is."""
        if not is_level:
            return high
        was, at_s, _ = self._swapped(sender, address, high, now_s)
        return high and (not was or now_s - at_s > repeat_s)

    def is_repeated(self, sender: str, address: str, value: object, now_s: float, repeat_s: float) -> bool:
        """Whether the same was said a moment ago."""
        was, at_s, _ = self._swapped(sender, address, value, now_s)
        return was == value and now_s - at_s <= repeat_s

    def is_held(self, sender: str, address: str, value: object, now_s: float) -> bool:
        """Whether a machine goes on saying the same. Nobody is such a machine without a name."""
        if not sender:
            return False
        was, at_s, times = self._swapped(sender, address, value, now_s)
        if was != value or now_s - at_s > COOK_S:
            return False
        self._last[sender, address] = value, now_s, times + 1
        return times + 1 >= HELD_AFTER

    def is_cooked(self, sender: str, address: str, arguments: Sequence[Any], now_s: float) -> bool:
        """Whether a command is repeated by a CHOP, which has numbers only."""
        if not sender or not arguments or any(isinstance(each, str) for each in arguments):
            return False
        return self.is_repeated(sender, address, tuple(map(str, arguments)), now_s, COOK_S)

    def _swapped(self, sender: str, address: str, value: object, now_s: float) -> tuple[Any, float, int]:
        """The last entry, in whose place comes this one."""
        was = self._last.get((sender, address), (None, now_s, 0))
        if len(self._last) >= MOST:
            self._last = {key: entry for key, entry in self._last.items() if now_s - entry[1] <= LONGEST_S}
            if len(self._last) >= MOST:
                self._last.clear()
        self._last[sender, address] = value, now_s, 0
        return was
