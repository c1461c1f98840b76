"""Pairs on disk: a folder that says by itself what it holds, written so that a killed build loses nothing it finished.

    pairs.json       the header; written last, so a folder without it is unfinished
    index.jsonl      one line a pair, in time order
    landmarks.npy    (N, 33, 4) float32, in 0..1 of the square; pairs of a kind `skeleton` only, like what follows
    frames/ID.png    RGB (S, S); for rendered pairs the composite; of other kinds (H, W), each its own
    masks/ID.png     gray (S, S), 0..255: the pose model's person mask, or the true alpha of a rendered pair
    figures/ID.png   RGBA (S, S), straight alpha; rendered pairs only
    plates/SHOT.png  the clean room, whole frame, at the square's scale
    conditioning/ID.png   what a generator looks at, of kinds where that cannot be made from the frame

Skeletons are not stored: they are drawn from the landmarks when a pair is read, so style and augmentation always agree.
"""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from engines.errors import PairsError
from engines.images import Frame
from engines.pose.landmarks import COUNT
from training.pairs.header import FORMAT, SPLITS, UNFINISHED, PairsHeader, Row, Shot, Split

_NO_LANDMARKS = np.empty((0, COUNT, 4), np.float32)


@dataclass(frozen=True)
class PairSet:
    """An opened folder of pairs; pictures are read when asked for and are the caller's own."""

    folder: Path
    header: PairsHeader
    rows: tuple[Row, ...]
    landmarks: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        return tuple(row.id for row in self.rows)

    @cached_property
    def _shots(self) -> dict[str, Shot]:
        return {shot.id: shot for shot in self.header.shots}

    def split(self, name: Split) -> NDArray[np.int64]:
        """Indices of the pairs in one split, in time order."""
        if name not in SPLITS:
            raise PairsError(f"{self.folder}: no split is called {name!r}; there are {', '.join(SPLITS)}.")
        return np.array([i for i, row in enumerate(self.rows) if row.split == name], np.int64)

    def shot(self, i: int) -> Shot:
        """The shot that the i-th pair is from."""
        return self._shots[self.rows[i].shot]

    @property
    def main_shot(self) -> Shot:
        """The shot with the most pairs: its plate and its square are the performer's."""
        counts = Counter(row.shot for row in self.rows)
        return max(self.header.shots, key=lambda shot: counts[shot.id])

    def frame(self, i: int) -> Frame:
        return _rgb(_picture(self.folder / "frames" / f"{self.ids[i]}.png", cv2.IMREAD_COLOR))

    def conditioning(self, i: int) -> Frame:
        """What the generator looks at, where it was written: RGB (H, W, 3)."""
        return _rgb(_picture(self.folder / "conditioning" / f"{self.ids[i]}.png", cv2.IMREAD_COLOR))

    def mask(self, i: int) -> NDArray[np.uint8]:
        """(S, S), 0..255."""
        return _picture(self.folder / "masks" / f"{self.ids[i]}.png", cv2.IMREAD_GRAYSCALE)

    def figure(self, i: int) -> Frame | None:
        """(S, S, 4) RGBA with straight alpha, or None where no true alpha is known."""
        path = self.folder / "figures" / f"{self.ids[i]}.png"
        if not self.header.true_alpha and not path.exists():
            return None
        return np.asarray(cv2.cvtColor(_picture(path, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA), np.uint8)

    def plate(self, shot: str | Shot) -> Frame | None:
        """The whole clean room of a static shot, at the square's scale; None where the camera moved."""
        found = self._shots[shot] if isinstance(shot, str) else shot
        return None if found.plate is None else _rgb(_picture(self.folder / found.plate, cv2.IMREAD_COLOR))

    def plate_square(self, shot: str | Shot) -> Frame | None:
        """The part of the plate that lies behind the square, (S, S, 3)."""
        found = self._shots[shot] if isinstance(shot, str) else shot
        plate = self.plate(found)
        if plate is None:
            return None
        (y, x), (height, width) = found.plate_at, self.header.size
        return np.ascontiguousarray(plate[y : y + height, x : x + width])


def open_pairs(folder: Path | str) -> PairSet:
    """The pairs in `folder`; PairsError says what is missing, unfinished or newer."""
    folder = Path(folder)
    if not folder.is_dir():
        raise PairsError(
            f"{folder}: there is no such folder of pairs; `understudy pairs VIDEO --out {folder}` makes one."
        )
    header = _header(folder)
    try:
        lines = (folder / "index.jsonl").read_text().splitlines()
        rows = tuple(Row.model_validate_json(line) for line in lines)
        landmarks = _NO_LANDMARKS
        if header.kind == "skeleton":
            landmarks = np.load(folder / "landmarks.npy", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise PairsError(
            f"{folder}: the index cannot be read ({_first_line(error)}); build the pairs again."
        ) from error
    if header.kind == "skeleton" and landmarks.shape != (len(rows), COUNT, 4):
        raise PairsError(
            f"{folder}: landmarks.npy holds {landmarks.shape}, the index {len(rows)} pairs; build the pairs again."
        )
    return PairSet(folder, header, rows, landmarks.astype(np.float32, copy=False))


def _header(folder: Path) -> PairsHeader:
    path = folder / "pairs.json"
    if not path.exists():
        unfinished = " is unfinished: run the command that made it again and it goes on." if _begun(folder) else ""
        raise PairsError(f"{folder}{unfinished or ': holds no pairs.json, so it is no folder of pairs.'}")
    try:
        found = json.loads(path.read_text())
        if isinstance(found, dict) and int(found.get("format", 0)) > FORMAT:
            raise PairsError(
                f"{path}: format {found['format']} is newer than this program's {FORMAT}; update understudy."
            )
        return PairsHeader.model_validate(found)
    except (OSError, ValueError, ValidationError) as error:
        raise PairsError(f"{path}: not a header of pairs ({_first_line(error)}); build the pairs again.") from error


def _begun(folder: Path) -> bool:
    return (folder / UNFINISHED).exists() or (folder / "frames").exists()


def _picture(path: Path, flags: int) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    except (OSError, cv2.error) as error:
        raise PairsError(f"{path}: a picture of these pairs cannot be read ({_first_line(error)}).") from error
    if picture is None:
        raise PairsError(f"{path}: this picture is damaged; delete it and build the pairs again.")
    return np.asarray(picture, np.uint8)


def _rgb(picture: NDArray[np.uint8]) -> Frame:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
