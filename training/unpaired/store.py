"""Two sides on disk: pairs of the kind `unpaired`, whose rows name their side, and a list of rejects for a person.

pairs.json, index.jsonl, frames/A_ID.png, frames/B_ID.png    as `training.pairs.store` says
rejected.txt     one picture a line, with a reason; a line taken out or begun with # keeps its picture
contact_A.jpg  contact_B.jpg   all pictures, the marked ones framed
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.errors import PairsError
from training.pairs.store import PairSet, open_pairs

Side = Literal["A", "B"]
SIDES: tuple[Side, ...] = ("A", "B")
SideSplit = Literal["train", "test"]
REJECTED = "rejected.txt"
LEAST = 2
"""Pictures that a side needs to learn from: one alone is no style, and nothing could be left to compare with."""


@dataclass(frozen=True)
class Sides:
    """An opened folder of two sides. `rejected` holds "A/ID"; such pictures are in no split."""

    pairs: PairSet
    rejected: frozenset[str]

    @property
    def folder(self) -> Path:
        return self.pairs.folder

    @property
    def titles(self) -> tuple[str, str]:
        """The names of what was gathered."""
        first, second = (shot.source for shot in self.pairs.header.shots)
        return first, second

    def indices(self, side: Side, split: SideSplit) -> NDArray[np.int64]:
        """Of the pairs that are left of a side for learning or for testing, in order."""
        rows = enumerate(self.pairs.rows)
        left = [i for i, row in rows if (row.shot, row.split) == (side, split) and named(row.id) not in self.rejected]
        return np.array(left, np.int64)

    def names(self, side: Side, split: SideSplit) -> list[str]:
        """The same by their names, without the side."""
        return [self.pairs.ids[i].partition("_")[2] for i in self.indices(side, split)]


def named(id: str) -> str:
    """The id of a pair as a reject list has it: A/ID."""
    side, _, name = id.partition("_")
    return f"{side}/{name}"


def open_sides(folder: Path | str | PairSet) -> Sides:
    """The two sides in `folder`, less what was rejected; PairsError says what is missing or too little."""
    pairs = folder if isinstance(folder, PairSet) else open_pairs(folder)
    if pairs.header.kind != "unpaired":
        raise PairsError(
            f"{pairs.folder}: holds pairs of kind {pairs.header.kind!r}, not two sides; `understudy curate A B` makes "
            "them."
        )
    rejected = read_rejected(pairs.folder / REJECTED, frozenset(named(id) for id in pairs.ids))
    sides = Sides(pairs, rejected)
    for side in SIDES:
        left = len(sides.indices(side, "train"))
        if left < LEAST:
            raise PairsError(
                f"{pairs.folder}: side {side} has {left} picture{'' if left == 1 else 's'} left to learn from, at "
                f"least {LEAST} are needed and some hundreds are good; take lines out of {REJECTED} or add pictures."
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
