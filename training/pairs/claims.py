"""A folder of pairs belongs to one request: it is reused and continued for the same one only.

While it is being built, its `.work` holds the request and whatever the build keeps for itself.
"""

import json
from pathlib import Path

from engines.errors import PairsError
from training.pairs.store import PairSet, open_pairs

WORK = ".work"


def finished(out: Path, request: dict[str, str]) -> PairSet | None:
    """The pairs in `out`, if they are whole; PairsError if they were made of something else."""
    if not (out / "pairs.json").exists():
        return None
    pairs = open_pairs(out)
    if pairs.header.made_by != request:
        raise PairsError(f"{out}: holds pairs of other videos or settings; choose another folder or delete this one.")
    return pairs


def claim(out: Path, request: dict[str, str]) -> None:
    """Notes what is being built; PairsError if something else was begun here."""
    work = out / WORK
    note = work / "request.json"
    try:
        if note.exists() and json.loads(note.read_text()) != request:
            raise PairsError(f"{work.parent}: a build of other videos or settings was begun here; delete it first.")
        work.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(request))
    except OSError as error:
        raise PairsError(f"{work.parent}: pairs cannot be written there ({error.strerror}); choose another.") from error
