"""Pairs written to a folder, each file renamed into place, so that whoever is killed goes on where it was."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import PairsError
from engines.images import Frame
from engines.pose.landmarks import COUNT, Landmarks
from training.pairs.header import UNFINISHED, PairsHeader, Row
from training.pairs.store import PairSet, open_pairs

_FOLDERS = {"skeleton": ["frames", "masks", "plates"], "aligned": ["frames", "conditioning"]}


class PairsWriter:
    """Writes a folder of pairs. Opened again after it was stopped, it knows what is already there (`done`).

    Every picture is renamed into place, and a pair is noted only after its pictures are; `finish` writes the header
    last. One process writes the notes; pictures may come from several (`write_pictures`).
    """

    PART = UNFINISHED

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
