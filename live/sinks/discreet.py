"""Sinks that store what is shown, kept from storing a visitor: people's pictures are theirs."""

from collections.abc import Callable

from engines.images import Frame
from live.pacing import Tick
from live.sinks import Sink


class Discreet:
    """`sink`, which is shown nothing while `is_private()`. Closing it closes the sink."""

    def __init__(self, sink: Sink, is_private: Callable[[], bool]) -> None:
        self._sink, self._is_private = sink, is_private
        self.name = str(getattr(sink, "name", type(sink).__name__.lower()))

    @property
    def fault(self) -> str | None:
        """The sink's own."""
        return getattr(self._sink, "fault", None)

    def show(self, picture: Frame, tick: Tick) -> None:
        if not self._is_private():
            self._sink.show(picture, tick)

    def close(self) -> None:
        self._sink.close()
