"""Where the picture goes: a window, a recording, a sheet of stills."""

from typing import Protocol

from engines.images import Frame
from live.pacing import Tick


class Sink(Protocol):
    """Shown one picture a tick, from the main thread. It is only valid during `show`: who keeps it copies it."""

    def show(self, picture: Frame, tick: Tick) -> None: ...
    def close(self) -> None: ...
