"""Notices what hangs without failing, and begins it anew: a camera stuck in its driver, an engine that is lost."""

from collections.abc import Callable, Sequence

from engines.errors import Unavailable
from live.stages import Faults

SILENT_S = 3.0
RENEW_S = 6.0
"""A part that hangs for so long is left to itself and begun anew; each time it takes twice as long until the next."""
LONGEST_RENEW_S = 120.0
FIRST_RENEW_S = 90.0
"""Before its first piece of work a part on a slow machine is not disturbed for so long."""
FIRST_S = 15.0
"""Before its first piece of work a part may be opening a camera or making the pose model."""


class Watch:
    """Looks at counters that ought to rise. Only the first that stands still is told: it explains those after it."""

    def __init__(self, faults: Faults, start_s: float, renew: Callable[[str], None] = lambda _part: None) -> None:
        self._faults, self._renew = faults, renew
        self._renewals: dict[str, tuple[float, float]] = {}  # part -> when it is due, how long the wait after that
        self._seen: dict[str, tuple[int, float]] = {}
        self._start_s = start_s

    def look(self, counts: Sequence[tuple[str, int]], now_s: float) -> None:
        """`counts` are (part, how many it made so far), in the order of the pipeline."""
        silent = [part for part, count in counts if self._is_silent(part, count, now_s)]
        for part, _ in counts:
            if silent and part == silent[0]:
                self._faults.report(f"{part} (silent)", Unavailable("nothing comes from it any more"))
                self._renew_when_due(part, now_s)
            else:
                self._faults.clear(f"{part} (silent)")

    def _renew_when_due(self, part: str, now_s: float) -> None:
        since_s = self._seen[part][1]
        begins_s = since_s + (RENEW_S if self._seen[part][0] else FIRST_RENEW_S)
        due_s, wait_s = self._renewals.get(part, (begins_s, 2 * RENEW_S))
        if due_s < since_s:  # it worked in the meantime
            due_s, wait_s = begins_s, 2 * RENEW_S
        if now_s >= due_s:
            self._renew(part)
            due_s, wait_s = now_s + wait_s, min(2 * wait_s, LONGEST_RENEW_S)
        self._renewals[part] = (due_s, wait_s)

    def _is_silent(self, part: str, count: int, now_s: float) -> bool:
        last, since_s = self._seen.get(part, (0, self._start_s))
        if count != last:
            self._seen[part] = (count, now_s)
            return False
        self._seen[part] = (last, since_s)
        return now_s - since_s > (SILENT_S if last else FIRST_S)
