"""Looks that come with the program: presets like anybody's, and a slow walk through them for the demo."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from live.control.parameters import TABLE, Control, Controls
from live.control.presets import Preset

FADE_S = 4.0
ASKED_FADE_S = 1.5
SHOWN_S = 6.0
NEAR = 0.02
"""Of a range: a control that is farther from its look than this was turned by somebody."""

# Address -> value in its own unit. DEMO_PERFORMER.md, part 5.
_LOOKS: Mapping[str, Mapping[str, float | str]] = {
    "plain": {},
    "gold": {"/bloom/amount": 0.7, "/bloom/gold": 1.0, "/look/vignette": 0.5},
    "spirals": {
        "/echo/count": 5,
        "/echo/spacing": 90,
        "/echo/fade": 0.2,
        "/echo/hue": -28,
        "/bloom/amount": 0.4,
        "/look/vignette": 0.4,
    },
    "emerald": {"/look/silk": 125, "/plate/hue": -50, "/bloom/amount": 0.5, "/look/vignette": 0.4},
    "ultramarine": {"/look/silk": -135, "/plate/hue": 30, "/plate/light": 0.8, "/bloom/amount": 0.5},
    "ember": {
        "/plate/hue": 165,
        "/plate/light": 0.9,
        "/look/vignette": 0.7,
        "/bloom/amount": 0.5,
        "/shadow/strength": 0.4,
    },
    "corona": {
        "/feedback": 0.8,
        "/feedback/zoom": 1.02,
        "/feedback/turn": 0.4,
        "/bloom/amount": 0.3,
        "/plate/light": 0.25,
        "/look/vignette": 0.6,
    },
    "canon": {
        "/figures/count": 5,
        "/figures/spread": 0.2,
        "/figures/delay": 0.3,
        "/bloom/amount": 0.3,
        "/pose/scale": 0.8,
    },
    "two": {"/kaleidoscope": 2, "/pose/x": -0.3, "/bloom/amount": 0.5, "/look/vignette": 0.4},
}
_BY_ADDRESS: Mapping[str, Control] = {control.address: control for control in TABLE}
_TOUCHED = tuple(dict.fromkeys(address for look in _LOOKS.values() for address in look))


def _whole(look: Mapping[str, float | str]) -> Preset:
    """A look says what it turns; all that any other look turns is neutral in it."""
    neutral = {address: _BY_ADDRESS[address].default for address in _TOUCHED}
    return Preset(controls={address: look.get(address, neutral[address]) for address in _TOUCHED})  # type: ignore[misc]


LOOKS: Mapping[str, Preset] = {name: _whole(look) for name, look in _LOOKS.items()}

Receive = Callable[[Iterable[tuple[str, Sequence[Any]]], float], object]


class LooksInTurn:
    """Recalls one look after the other: when asked, and by itself every so many seconds until somebody turns a control.

    Main thread only. `every_s` 0 never goes on by itself.
    """

    def __init__(self, every_s: float = 0.0) -> None:
        self._every_s = every_s
        self._names = list(LOOKS)
        self._number = 0
        self._asked: int | None = None
        self._since_s: float | None = None
        self._shown_until_s = 0.0

    def heed(self, controls: Controls, receive: Receive, now_s: float) -> None:
        """Once a tick."""
        asked, self._asked = self._asked, controls.next_look
        if self._since_s is None:
            self._since_s = now_s
        if asked is not None and controls.next_look != asked:
            self._go(controls.next_look - asked, receive, ASKED_FADE_S, now_s)
        elif self._every_s > 0 and now_s - self._since_s >= self._every_s:
            if self._is_turned(controls):
                self._every_s = 0.0  # whoever plays is not played over
            else:
                self._go(1, receive, FADE_S, now_s)

    def said(self, now_s: float) -> str:
        """Which look this is and how to get it, for the overlay; "" when that was said long ago."""
        if now_s >= self._shown_until_s:
            return ""
        name = self._names[self._number]
        return f"look {self._number + 1} of {len(self._names)}: {name}   X next look   OSC /preset/recall {name} 4"

    def _go(self, steps: int, receive: Receive, fade_s: float, now_s: float) -> None:
        self._number = (self._number + steps) % len(self._names)
        self._since_s, self._shown_until_s = now_s, now_s + SHOWN_S
        receive([("/preset/recall", (self._names[self._number], fade_s))], now_s)

    def _is_turned(self, controls: Controls) -> bool:
        look = LOOKS[self._names[self._number]].controls
        for address, value in look.items():
            control = _BY_ADDRESS[address]
            now = getattr(controls, control.name)
            if isinstance(value, str) or isinstance(now, str):
                if now != value:
                    return True
            elif abs(float(now) - float(value)) > NEAR * (control.high - control.low):
                return True
        return False
