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
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from engines.errors import PairsError
from engines.images import Frame, Size
from engines.pose.landmarks import COUNT, Landmarks
from engines.pose.proportions import Proportions
from engines.pose.skeleton import SkeletonStyle

FORMAT = 1
Split = Literal["train", "validation", "gap", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "gap", "test")
Kind = Literal["skeleton", "gray", "aligned", "next", "unpaired"]
Crop = tuple[float, float, float]


_FOLDERS = {"skeleton": ["frames", "masks", "plates"], "aligned": ["frames", "conditioning"]}
_NO_LANDMARKS = np.empty((0, COUNT, 4), np.float32)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shot(_Frozen):
    """A stretch of a video without a cut. `crop`: (x, y, side) of the square in source pixels; it may leave the frame.

    A static shot has a plate, in which the square lies with its top left corner at `plate_at` (y, x); `never_seen` is
    the share of it that had to be invented. Where a sway was taken out (`sway`, in pixels), `frame_size` and `crop`
    are those of the steadied room. `why_moving` says what spoke against a static camera.
    """

    id: str
    source: str
    static: bool = False
    frame_size: Size
    crop: Crop
    plate: str | None = None
    plate_at: tuple[int, int] = (0, 0)
    never_seen: float = 0.0
    sway: float = 0.0
    why_moving: str = ""


class PairsHeader(_Frozen):
    """What a folder of pairs is. `size` is (S, S), or the (H, W) of the largest frame of other kinds than `skeleton`.

    `kind` says what is paired with a frame: its skeleton; itself in gray; another picture (`aligned`, which stage
    conditioning it stands for is `conditioning`; where it is `drawn`, it is made of the frames when they are read); the
    frame `stride` later (`next`); nothing (`unpaired`: a row's `shot` names its side). `drops` counts the frames left
    out, by reason.

    `proportions` are the dancer's in the square of the main shot; `skeleton` is the style to draw with, None for the
    default; `warnings` are sentences for whoever trains on this.
    """

    format: int = FORMAT
    kind: Kind = "skeleton"
    conditioning: str = ""
    stride: int = 1
    drawn: bool = False
    size: Size
    fps: float
    shots: tuple[Shot, ...] = ()
    proportions: Proportions | None = None
    skeleton: SkeletonStyle | None = None
    drops: dict[str, int] = {}
    true_alpha: bool = False
    splits: str = ""
    warnings: tuple[str, ...] = ()
    made_by: dict[str, str] = {}


class Row(_Frozen):
    """One pair of the index. `novelty`: distance to the nearest training pose in torso lengths, for test frames."""

    id: str
    source: str
    frame: int
    time_s: float
    shot: str
    split: Split
    novelty: float | None = None
    crop: Crop | None = None


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
    return (folder / PairsWriter.PART).exists() or (folder / "frames").exists()


class PairsWriter:
    """Writes a folder of pairs. Opened again after it was stopped, it knows what is already there (`done`).

    Every picture is renamed into place, and a pair is noted only after its pictures are; `finish` writes the header
    last. One process writes the notes; pictures may come from several (`write_pictures`).
    """

    PART = "index.part.jsonl"

    def __init__(self, folder: Path | str, header: PairsHeader) -> None:
        self.folder, self.header = Path(folder), header
        names = ["frames"] if header.drawn else _FOLDERS.get(header.kind, ["frames"])
        names = names + (["figures"] if header.true_alpha else [])
        try:
            for name in names:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self._notes = self._reopened()
            self._part = (self.folder / self.PART).open("a")
        except OSError as error:
            raise PairsError(
                f"{self.folder}: pairs cannot be written there ({error.strerror}); choose another."
            ) from error

    @property
    def done(self) -> frozenset[str]:
        """Ids of the pairs that are completely written."""
        return frozenset(self._notes)

    def add(
        self,
        row: Row,
        landmarks: Landmarks | None = None,
        frame: Frame | None = None,
        mask: NDArray[np.uint8] | None = None,
        figure: Frame | None = None,
        conditioning: Frame | None = None,
    ) -> None:
        """Keeps one pair; a pair of this id that is already done is left as it is. Without pictures, they are there."""
        if row.id in self._notes:
            return
        write_pictures(self.folder, row.id, frame, mask, figure, conditioning)
        note: dict[str, Any] = {"row": row.model_dump()}
        if landmarks is not None:
            note["landmarks"] = np.asarray(landmarks, np.float64).tolist()
        self._part.write(json.dumps(note) + "\n")
        self._part.flush()
        self._notes[row.id] = note

    def add_plate(self, name: str, plate: Frame) -> str:
        """Writes a plate and returns its path inside the folder, for `Shot.plate`."""
        _write_png(self.folder / "plates" / f"{name}.png", plate)
        return f"plates/{name}.png"

    def finish(self, header: PairsHeader | None = None, novelty: Mapping[str, float] | None = None) -> PairSet:
        """Writes index, landmarks and header, and opens the result. `header` replaces the one given at the start."""
        notes = [self._notes[id] for id in sorted(self._notes)]
        if not notes:
            raise PairsError(f"{self.folder}: no pair was written, so there is nothing to finish.")
        rows = [Row.model_validate(note["row"]) for note in notes]
        rows = [row.model_copy(update={"novelty": (novelty or {}).get(row.id, row.novelty)}) for row in rows]
        self._part.close()
        if self.header.kind == "skeleton":
            temporary = self.folder / "landmarks.part.npy"
            np.save(temporary, np.array([note["landmarks"] for note in notes], np.float32).reshape(-1, COUNT, 4))
            os.replace(temporary, self.folder / "landmarks.npy")
        write_text(self.folder / "index.jsonl", "".join(row.model_dump_json() + "\n" for row in rows))
        write_text(self.folder / "pairs.json", (header or self.header).model_dump_json(indent=1) + "\n")
        (self.folder / self.PART).unlink()
        return open_pairs(self.folder)

    def _reopened(self) -> dict[str, dict[str, Any]]:
        path = self.folder / self.PART
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # killed in the middle of a line
            write_text(path, whole)
        notes = [json.loads(line) for line in whole.splitlines()]
        return {note["row"]["id"]: note for note in notes}


def write_pictures(
    folder: Path,
    id: str,
    frame: Frame | None = None,
    mask: NDArray[np.uint8] | None = None,
    figure: Frame | None = None,
    conditioning: Frame | None = None,
) -> None:
    """The pictures of one pair, each renamed into place; usable from any process."""
    pictures: Iterable[tuple[str, Any]] = (
        ("masks", mask),
        ("figures", figure),
        ("conditioning", conditioning),
        ("frames", frame),
    )
    for kind, picture in pictures:
        if picture is not None:
            _write_png(folder / kind / f"{id}.png", picture)


def _write_png(path: Path, picture: Frame) -> None:
    if picture.ndim == 3:
        order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
        picture = np.asarray(cv2.cvtColor(picture, order), np.uint8)
    # Level 1: PNG at its default level would take longer than everything else that happens to a frame.
    ok, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert ok
    _write_bytes(path, data.tobytes())


def write_text(path: Path, text: str) -> None:
    _write_bytes(path, text.encode())


def _write_bytes(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        raise PairsError(f"{path}: cannot be written ({error.strerror}); free some space or choose another.") from error


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
