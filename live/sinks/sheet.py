"""A sheet of stills from a show, for machines on which nobody could look."""

from pathlib import Path

import cv2
import numpy as np

from engines.errors import BadInput
from engines.images import Frame, resized
from live.pacing import Tick

STILLS = 12
COLUMNS = 4
WIDTH = 320


class Sheet:
    """Keeps evenly spaced stills of a show of unknown length, and writes them as one PNG when it closes."""

    def __init__(self, path: Path, every_s: float = 0.5) -> None:
        self._path = path
        self._every_s = every_s
        self._stills: list[Frame] = []
        self._due_s = float("-inf")

    def show(self, picture: Frame, tick: Tick) -> None:
        if tick.time_s < self._due_s:
            return
        height, width = picture.shape[:2]
        self._stills.append(resized(picture, (max(1, round(height * WIDTH / width)), WIDTH)).copy())
        if len(self._stills) > 4 * STILLS:  # half as often from here on: the stills stay evenly spaced
            self._stills = self._stills[::2]
            self._every_s *= 2
        self._due_s = tick.time_s + self._every_s

    def close(self) -> None:
        """Write the sheet, if anything was shown. Raises `BadInput` when it cannot be written."""
        if not self._stills:
            return
        chosen = np.linspace(0, len(self._stills) - 1, min(STILLS, len(self._stills))).round().astype(int)
        sheet = contact_sheet([self._stills[index] for index in chosen])
        if not _written(self._path, sheet):
            raise BadInput(f"{self._path}: the sheet of stills cannot be written there; choose another file")


def contact_sheet(pictures: list[Frame], columns: int = COLUMNS) -> Frame:
    """Pictures side by side in rows, on black; each at the size of the first."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.zeros((rows * height, min(columns, len(pictures)) * width, 3), np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = resized(picture, (height, width))
    return sheet


def _written(path: Path, image: Frame) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())
    except OSError:
        return False
    return True
