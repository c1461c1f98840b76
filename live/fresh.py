"""Whether a newer version of a bundle lies where the one on stage came from."""

from pathlib import Path

from engines.bundle.reading import MANIFEST

Stamp = tuple[int, int, int]
LOOK_S = 0.5


def stamp_of(path: Path) -> Stamp | None:
    """Changes when the bundle is written anew, which is by renaming; None while it is away. Costs microseconds."""
    try:
        found = (path / MANIFEST).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


class Fresh:
    """Looks now and then. A version is offered once: if it does not open, only a newer one is tried."""

    def __init__(self) -> None:
        self._looked_s = float("-inf")
        self._offered: Stamp | None = None

    def is_newer(self, path: Path, stamp: Stamp | None, now_s: float) -> bool:
        """Whether `path` holds another version than the one of `stamp`."""
        if now_s - self._looked_s < LOOK_S:
            return False
        self._looked_s = now_s
        found = stamp_of(path)
        if found is None or found in (stamp, self._offered):
            return False
        self._offered = found
        return True
