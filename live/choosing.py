"""Who is followed, as the controls say: the next one when asked, and nobody else while locked."""

from collections.abc import Callable
from typing import Any

from engines.images import Frame
from engines.pose.tracker import Tracked
from live.control.parameters import Controls


class Choosing:
    """A tracker with a hand on its shoulder. Trackers that cannot choose are left alone."""

    def __init__(self, tracker: Any, read_controls: Callable[[], Controls]) -> None:
        self._tracker, self._read_controls = tracker, read_controls
        self._asked = read_controls().person_next

    def track(self, frame: Frame, time_s: float) -> Tracked:
        controls = self._read_controls()
        if hasattr(self._tracker, "choose_next"):
            self._tracker.is_locked = controls.person_lock
            if controls.person_next != self._asked:
                self._tracker.choose_next()
        self._asked = controls.person_next
        tracked: Tracked = self._tracker.track(frame, time_s)
        return tracked

    def close(self) -> None:
        self._tracker.close()
