"""Notices what hangs without failing: a camera stuck in its driver, an engine that never comes back."""

from collections.abc import Sequence

from engines.errors import Unavailable
from live.stages import Faults

SILENT_S = 3.0
FIRST_S = 15.0
"""Before its first piece of work a part may be opening a camera or making the pose model."""


class Watch:
    """Looks at counters that ought to rise. Only the first that stands still is told: it explains those after it."""

    def __init__(self, faults: Faults, start_s: float) -> None:
        self._faults = faults
        self._seen: dict[str, tuple[int, float]] = {}
        self._start_s = start_s

    def look(self, counts: Sequence[tuple[str, int]], now_s: float) -> None:
        """`counts` are (part, how many it made so far), in the order of the pipeline."""
        silent = [part for part, count in counts if self._is_silent(part, count, now_s)]
        for part, _ in counts:
            if silent and part == silent[0]:
                self._faults.report(f"{part} (silent)", Unavailable("nothing comes from it any more"))
            else:
                self._faults.clear(f"{part} (silent)")

    def _is_silent(self, part: str, count: int, now_s: float) -> bool:
        last, since_s = self._seen.get(part, (0, self._start_s))
        if count != last:
            self._seen[part] = (count, now_s)
            return False
        self._seen[part] = (last, since_s)
        return now_s - since_s > (SILENT_S if last else FIRST_S)
