"""Notices what hangs without failing, and begins it anew: a camera stuck in its driver, an engine that is lost."""

import math
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


USUAL = 12.0
"""Silent is who took so many times longer than usual: on a machine that is busy, everything takes longer."""
LEARNS = 0.05
"""Of each new interval, to know the usual one."""


class Watch:
    """Looks at counters that ought to rise. Only the first that stands still is told: it explains those after it. What
    is not among them rests, and is waited for anew when it is.

    Its time goes on by at most `longest_s` a look: while the machine does not serve the looking thread either, nobody
    can be blamed for silence.
    """

    def __init__(
        self,
        faults: Faults,
        start_s: float,
        renew: Callable[[str], None] = lambda _part: None,
        longest_s: float = math.inf,
    ) -> None:
        self._faults, self._renew, self._longest_s = faults, renew, longest_s
        self._looked_s = self._now_s = start_s
        self._usual_s: dict[str, float] = {}
        self._renewals: dict[str, tuple[float, float]] = {}  # part -> when it is due, how long the wait after that
        self._seen: dict[str, tuple[int, float]] = {}
        self._expected_s = start_s
        """Since when a part that is not in `_seen` has been waited for."""

    def look(self, counts: Sequence[tuple[str, int]], now_s: float) -> None:
        """`counts` are (part, how many it made so far), in the order of the pipeline."""
        self._now_s += min(now_s - self._looked_s, self._longest_s)
        self._looked_s, now_s = now_s, self._now_s
        rested = [part for part in self._seen if part not in dict(counts)]
        for part in rested:
            del self._seen[part]
            self._faults.clear(f"{part} (silent)")
        silent = [part for part, count in counts if self._is_silent(part, count, now_s)]
        self._expected_s = now_s
        for part, _ in counts:
            if silent and part == silent[0]:
                self._faults.report(f"{part} (silent)", Unavailable("nothing comes from it any more"))
                self._renew_when_due(part, now_s)
            else:
                self._faults.clear(f"{part} (silent)")

    def _renew_when_due(self, part: str, now_s: float) -> None:
        since_s = self._seen[part][1]
        begins_s = since_s + (max(RENEW_S, 2 * self._patience_s(part)) if self._seen[part][0] else FIRST_RENEW_S)
        due_s, wait_s = self._renewals.get(part, (begins_s, 2 * RENEW_S))
        if due_s < since_s:  # it worked in the meantime
            due_s, wait_s = begins_s, 2 * RENEW_S
        if now_s >= due_s:
            self._renew(part)
            due_s, wait_s = now_s + wait_s, min(2 * wait_s, LONGEST_RENEW_S)
        self._renewals[part] = (due_s, wait_s)

    def _is_silent(self, part: str, count: int, now_s: float) -> bool:
        last, since_s = self._seen.get(part, (0, self._expected_s))
        if count != last:
            self._seen[part] = (count, now_s)
            if last and count > last:
                self._learn(part, (now_s - since_s) / (count - last))
            return False
        self._seen[part] = (last, since_s)
        return now_s - since_s > (self._patience_s(part) if last else FIRST_S)

    def _learn(self, part: str, interval_s: float) -> None:
        usual_s = self._usual_s.get(part, interval_s)
        self._usual_s[part] = usual_s + LEARNS * (min(interval_s, SILENT_S) - usual_s)

    def _patience_s(self, part: str) -> float:
        """For how long a part that works may make nothing."""
        return max(SILENT_S, USUAL * self._usual_s.get(part, 0.0))
