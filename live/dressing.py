"""Looks on a film that is rendered offline: what the stage would show of it, frame by frame."""

from collections.abc import Sequence
from dataclasses import replace

from engines.bundle import Manifest
from engines.errors import BadInput
from engines.images import Frame
from engines.scene import Drawn, Scene
from live.composing import Composer
from live.control.parameters import TABLE, Controls
from live.gauges import Spent
from live.looks import LOOKS
from live.mailbox import Post
from live.passing import Performed
from live.posing import Posing

FADE_S = 1.5
_NAMES = {control.address: control.name for control in TABLE}


class Dressing:
    """A film of so many `seconds` in `looks`, one after the other, all for equally long; `resting` is the empty room.

    Times of `controls`, `posed` and `shown` only grow. Raises BadInput for a look that there is not.
    """

    def __init__(self, looks: Sequence[str], seconds: float, resting: Frame) -> None:
        for name in looks:
            if name not in LOOKS:
                raise BadInput(f"no look is called {name!r}; there are {', '.join(LOOKS)}")
        self._looks = [_controls_of(name) for name in looks]
        self._each_s = seconds / len(looks)
        self._posing, self._composer, self._resting = Posing(), Composer(), resting
        self._number, self._then_s = 0, 0.0

    def controls(self, time_s: float) -> Controls:
        """The controls at a time since the film's beginning; between two looks they are on their way."""
        number = min(int(time_s / self._each_s), len(self._looks) - 1)
        now, left_s = self._looks[number], (number + 1) * self._each_s - time_s
        fade_s = min(FADE_S, self._each_s)
        if number + 1 == len(self._looks) or left_s >= fade_s:
            return now
        return _between(now, self._looks[number + 1], 1 - left_s / fade_s)

    def posed(self, scene: Scene, time_s: float) -> Scene:
        """The scene with its pose as the look wants it."""
        controls = self.controls(time_s)
        landmarks, presence = self._posing(scene.landmarks, scene.presence, time_s, controls, 0.0)
        return replace(scene, landmarks=landmarks, presence=presence)

    def shown(self, drawn: Drawn, scene: Scene, manifest: Manifest, time_s: float) -> Frame:
        """The picture in its look."""
        self._number += 1
        performed = Post(Performed(drawn, scene, manifest, Spent()), self._number)
        elapsed_s, self._then_s = max(0.0, time_s - self._then_s), time_s
        return self._composer.picture(self._resting, performed, None, self.controls(time_s), elapsed_s, time_s)


def _controls_of(look: str) -> Controls:
    values = {_NAMES[address]: value for address, value in LOOKS[look].controls.items()}
    return replace(Controls(), **values)  # type: ignore[arg-type]


def _between(one: Controls, other: Controls, share: float) -> Controls:
    """Numbers on their way; what is no number changes halfway."""
    changed = {}
    for name in _NAMES.values():
        a, b = getattr(one, name), getattr(other, name)
        if a != b:
            numbers = isinstance(a, int | float) and isinstance(b, int | float)
            changed[name] = a + (b - a) * share if numbers else (a if share < 0.5 else b)
    return replace(one, **changed)
