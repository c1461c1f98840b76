"""All sinks behind one guard: what fails is told and tried again, and the others go on."""

from dataclasses import dataclass
from typing import Any

from engines.errors import Unavailable
from engines.images import Frame
from live.pacing import Tick
from live.sinks import Sink
from live.stages import FIRST_WAIT_S, LONGEST_WAIT_S, Faults


@dataclass
class _Bench:
    """A sink that failed: when it is tried again, and how long the wait after that would be."""

    due_s: float
    wait_s: float


class Outputs:
    """Shows each picture to every sink; for the main thread. A sink with a `fault` (a sentence) has it told.

    One that raises is left out for a while, then reopened (if it can `reopen`) and shown pictures again.
    """

    def __init__(self, sinks: list[Sink], faults: Faults) -> None:
        self.sinks, self._faults = sinks, faults
        self._benched: dict[int, _Bench] = {}
        self._told: set[int] = set()

    def show(self, picture: Frame, tick: Tick) -> None:
        for sink in self.sinks:
            bench = self._benched.get(id(sink))
            if bench and tick.time_s < bench.due_s:
                continue
            try:
                if bench:
                    getattr(sink, "reopen", lambda: None)()
                sink.show(picture, tick)
            except Exception as error:  # the guard of the show: a window that is gone is no reason to stop the others
                self._bench(sink, error, tick.time_s)
                continue
            if bench:
                del self._benched[id(sink)]
                self._faults.clear(_name(sink))
            self._tell_of(sink)

    def _bench(self, sink: Sink, error: Exception, now_s: float) -> None:
        bench = self._benched.get(id(sink))
        wait_s = bench.wait_s if bench else FIRST_WAIT_S
        self._benched[id(sink)] = _Bench(now_s + wait_s, min(2 * wait_s, LONGEST_WAIT_S))
        self._faults.report(_name(sink), error)

    def _tell_of(self, sink: Any) -> None:
        fault = getattr(sink, "fault", None)
        if fault:
            self._told.add(id(sink))
            self._faults.report(_name(sink), Unavailable(fault))
        elif id(sink) in self._told:
            self._told.remove(id(sink))
            self._faults.clear(_name(sink))


def _name(sink: Any) -> str:
    return str(getattr(sink, "name", type(sink).__name__.lower()))
