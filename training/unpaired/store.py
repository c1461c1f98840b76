"""Two sides on disk: what is learned from, and a list of rejects that a person edits.

unpaired.json    the header; written last, so a folder without it is unfinished
A/ID.png  B/ID.png   RGB, any size, none stretched
rejected.txt     one picture a line, with a reason; a line taken out or begun with # keeps its picture
contact_A.jpg  contact_B.jpg   all pictures, the marked ones framed
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engines.errors import PairsError
from engines.images import Frame
from engines.pictures import read_picture

FORMAT = 1
Side = Literal["A", "B"]
SIDES: tuple[Side, ...] = ("A", "B")
SideSplit = Literal["train", "test"]
HEADER, REJECTED = "unpaired.json", "rejected.txt"
LEAST = 2
"""Pictures that a side needs to learn from: one alone is no style, and nothing could be left to compare with."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Frozen):
    """One picture: where it came from, at which second of a film, and what it is for."""

    id: str
    origin: str
    time_s: float = 0.0
    split: SideSplit


class SidesHeader(_Frozen):
    """What a folder of two sides is. `titles` are the names of what was gathered, `warnings` sentences for people."""

    format: int = FORMAT
    kind: Literal["unpaired"] = "unpaired"
    titles: tuple[str, str]
    sides: dict[str, tuple[Entry, ...]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sides:
    """An opened folder of two sides. `rejected` holds "A/ID"; such pictures are in no split."""

    folder: Path
    header: SidesHeader
    rejected: frozenset[str]

    def split(self, side: Side, split: SideSplit) -> list[Entry]:
        """What is left of a side for learning or for testing, in order."""
        entries = self.header.sides[side]
        return [entry for entry in entries if entry.split == split and f"{side}/{entry.id}" not in self.rejected]

    def picture(self, side: Side, entry: Entry) -> Frame:
        return read_picture(self.path(side, entry))

    def path(self, side: Side, entry: Entry) -> Path:
        return self.folder / side / f"{entry.id}.png"


def open_sides(folder: Path | str) -> Sides:
    """The two sides in `folder`, less what was rejected; PairsError says what is missing or too little."""
    folder = Path(folder)
    path = folder / HEADER
    if not path.is_file():
        raise PairsError(f"{folder}: holds no {HEADER}; `understudy curate A B --out {folder}` makes one.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and int(found.get("format", 0)) > FORMAT:
            raise PairsError(
                f"{path}: format {found['format']} is newer than this program's {FORMAT}; update understudy."
            )
        header = SidesHeader.model_validate(found)
    except (OSError, ValueError, ValidationError) as error:
        raise PairsError(f"{path}: no header of two sides ({_first_line(error)}); curate them again.") from None
    sides = Sides(folder, header, read_rejected(folder / REJECTED, _known(header)))
    for side in SIDES:
        left = len(sides.split(side, "train"))
        if left < LEAST:
            raise PairsError(
                f"{folder}: side {side} has {left} picture{'' if left == 1 else 's'} left to learn from, at least "
                f"{LEAST} are needed and some hundreds are good; take lines out of {REJECTED} or add pictures."
            )
    return sides


def read_rejected(path: Path, known: frozenset[str]) -> frozenset[str]:
    """Which pictures a list rejects. PairsError names a line whose picture does not exist."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(f"{path}: cannot be read ({error}); save it as plain text.") from None
    found = set()
    for number, line in enumerate(lines, 1):
        told = line.split("#", 1)[0].split()
        if not told:
            continue
        name = told[0].removesuffix(".png")
        if name not in known:
            raise PairsError(f"{path}: line {number} rejects {told[0]!r}, and there is no such picture; mend the line.")
        found.add(name)
    return frozenset(found)


def _known(header: SidesHeader) -> frozenset[str]:
    return frozenset(f"{side}/{entry.id}" for side in SIDES for entry in header.sides[side])


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
