"""Where bundles are looked for."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from engines.bundle.reading import MANIFEST

BUILT_IN = Path(__file__).parents[2] / "bundles"


def user_bundles() -> Path:
    """The user's own folder of bundles; it need not exist."""
    if given := os.environ.get("XDG_DATA_HOME"):
        return Path(given) / "understudy" / "bundles"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "understudy" / "bundles"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "understudy" / "bundles"
    return Path.home() / ".local" / "share" / "understudy" / "bundles"


def find_bundles(extra: Sequence[Path] = ()) -> list[Path]:
    """Folders that hold a manifest: those given (or in those given), then the built-in ones, then the user's.

    They are found, not opened: a bundle that is broken is in the list, so that somebody is told why it cannot play.
    """
    found: dict[Path, Path] = {}
    for place in (*map(Path, extra), BUILT_IN, user_bundles()):
        for folder in _bundles_in(place):
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _bundles_in(place: Path) -> Iterator[Path]:
    if (place / MANIFEST).is_file():
        yield place
    elif place.is_dir():
        yield from sorted(
            folder for folder in place.iterdir() if not folder.name.startswith(".") and (folder / MANIFEST).is_file()
        )
