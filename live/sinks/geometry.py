"""Onto a wall that is not straight: quarter turns, and four corners pinned by mouse."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size

Corners = NDArray[np.float32]
"""(4, 2): x, y in 0..1 of the window; top left, top right, bottom right, bottom left."""

STRAIGHT: Corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
GRIP = 0.15
"""A corner is taken by a press so near to it, in shares of the window."""
QUARTERS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def rotated(picture: Frame, degrees: int) -> Frame:
    """Clockwise, by quarter turns."""
    return np.asarray(cv2.rotate(picture, QUARTERS[degrees]), np.uint8) if degrees else picture


def pinned(window: Frame, corners: Corners) -> Frame:
    """All of the window's picture with its corners elsewhere, black beside it."""
    height, width = window.shape[:2]
    scale = np.array([width, height], np.float32)
    matrix = cv2.getPerspectiveTransform(STRAIGHT * scale, corners.astype(np.float32) * scale)
    return np.asarray(cv2.warpPerspective(window, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


class Pins:
    """The four corners, kept in a file; moved with the mouse while `is_open`."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.corners = _read(path) if path else STRAIGHT.copy()
        self.is_open = False
        self._held: int | None = None

    @property
    def is_straight(self) -> bool:
        return bool(np.array_equal(self.corners, STRAIGHT))

    def press(self, place: tuple[int, int], window: Size) -> None:
        """Take the nearest corner, if one is near."""
        point = _share(place, window)
        away = np.linalg.norm(self.corners - point, axis=1)
        self._held = int(away.argmin()) if self.is_open and away.min() < GRIP else None

    def move(self, place: tuple[int, int], window: Size) -> None:
        if self._held is None:
            return
        moved = self.corners.copy()
        moved[self._held] = _share(place, window)
        if _is_convex(moved):  # a folded picture cannot be projected
            self.corners = moved

    def release(self) -> None:
        if self._held is not None and self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".part")
            temporary.write_text(json.dumps({"format": 1, "corners": self.corners.round(5).tolist()}) + "\n")
            os.replace(temporary, self._path)
        self._held = None

    def straighten(self) -> None:
        self.corners, self._held = STRAIGHT.copy(), 0
        self.release()


def _share(place: tuple[int, int], window: Size) -> NDArray[np.float32]:
    return np.clip(np.array(place, np.float32) / (window[1], window[0]), 0, 1).astype(np.float32)


def _is_convex(corners: Corners) -> bool:
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    return bool((edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > 1e-3).all())


def _read(path: Path) -> Corners:
    """As kept; straight when nothing usable was."""
    try:
        corners = np.array(json.loads(path.read_text())["corners"], np.float32)
    except (OSError, ValueError, KeyError, TypeError):
        return STRAIGHT.copy()
    usable = corners.shape == (4, 2) and np.isfinite(corners).all() and _is_convex(corners)
    return corners if usable else STRAIGHT.copy()
