"""When nobody is there for long, the built-in dancer (or a recorded motion) takes over, until somebody comes."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engines.images import Size
from engines.pose.landmarks import Landmarks

if TYPE_CHECKING:
    from engines.pose.motion import Motion

STAY_S = 0.4
"""Somebody must be seen for so long before the attract mode ends: a passing shadow is nobody."""


class Dances(Protocol):
    """What attracts: a pose for every time, in 0..1 of a frame of its own shape."""

    def landmarks_at(self, time_s: float) -> Landmarks: ...


class Attract:
    """Decides who is followed: the visitor, or the dancer while there has been no visitor for `after_s`."""

    def __init__(self, motion: Path | None = None) -> None:
        self._motion = motion
        self._dancer: Dances | None = None
        self._size: Size = (0, 0)
        self._seen_s: float | None = None
        self._since_s: float | None = None
        self.is_idle = False

    def landmarks(self, visitor: Landmarks | None, size: Size, time_s: float, after_s: float) -> Landmarks | None:
        """Whose pose counts at `time_s`; `after_s` 0 leaves the stage empty when nobody is there."""
        if self._seen_s is None or after_s <= 0:
            self._seen_s = time_s
        if visitor is not None:
            self._since_s = time_s if self._since_s is None else self._since_s
            if not self.is_idle or time_s - self._since_s >= STAY_S:
                self._seen_s = time_s
        else:
            self._since_s = None
        self.is_idle = after_s > 0 and time_s - self._seen_s >= after_s
        return self.danced(size, time_s) if self.is_idle else visitor

    def forget(self) -> None:
        """Nobody looks any more: whoever looks again waits for visitors as at the beginning."""
        self._seen_s = self._since_s = None
        self.is_idle = False

    def danced(self, size: Size, time_s: float) -> Landmarks:
        """The dancer's pose, whoever is there: between two frames nobody has come or gone."""
        if self._dancer is None or size != self._size:
            self._dancer, self._size = self._opened(size), size
        return self._dancer.landmarks_at(time_s)

    def _opened(self, size: Size) -> Dances:
        if self._motion is None:
            from engines.pose.puppet import BuiltInDancer

            return BuiltInDancer(size)
        from engines.pose.motion import Motion

        return _Recorded(Motion.load(self._motion))


class _Recorded:
    """A motion, for ever."""

    def __init__(self, motion: "Motion") -> None:
        self._motion = motion

    def landmarks_at(self, time_s: float) -> Landmarks:
        return self._motion.at(time_s, loop=True)
