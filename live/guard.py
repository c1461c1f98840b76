"""At most three flashes a second, for people whom flashes harm. It holds light back, and darkness never.

WCAG 2.2, success criterion 2.3.1 (https://www.w3.org/TR/WCAG22/#three-flashes-or-below-threshold): a flash is a pair of
opposing changes of relative luminance by 10 % of the maximum where the darker is below 0.80, or of saturated red, over
more than a quarter of what is seen; more than three in any second are unsafe.
"""

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame

GRID = 16
"""Cells along each axis. A flash smaller than a quarter of the picture is allowed, so this is fine enough."""
PROBES = 8
"""So many pixels along each axis of a cell are looked at, at least."""
CHANGE = 0.09
"""Of full luminance; a little under what counts, since cells are means."""
BRIGHT = 0.80
RED_CHANGE = 0.055
"""20 of 320 in (R - G - B): WCAG's working definition for saturated red, a little under it."""
AREA = 0.2
TURNS = 5
"""Opposing changes within a second that every cell may have: the sixth would complete the third flash."""
SECOND_S = 1.05
STEP = 0.5
"""A picture that would flash too often is shown this much nearer to the last one, again and again."""

_LINEAR = (np.arange(256) / 255.0) ** 2.2


class FlashGuard:
    """Lets pictures through as they are until they flash; then what is new comes in softened. Main thread only."""

    def __init__(self) -> None:
        self._shown: Frame | None = None
        self._extreme: NDArray[np.float64] | None = None  # (2, cells): where each was when it last turned
        self._rises = np.zeros((2, GRID * GRID), np.int8)  # its direction: 1, -1, or 0 before any
        self._turns: deque[tuple[float, NDArray[np.bool_]]] = deque()
        self.is_holding = False

    def __call__(self, picture: Frame, time_s: float, is_dark: bool = False) -> Frame:
        """The picture to show. `is_dark`: black was asked for, and is shown at once whatever it does."""
        if picture is self._shown:
            return picture
        if self._extreme is None or self._shown is None or self._shown.shape != picture.shape:
            self._extreme, self._shown = _features(picture), picture
            return picture
        while self._turns and self._turns[0][0] <= time_s - SECOND_S:
            self._turns.popleft()
        self.is_holding = False
        turned = self._turned(features := _features(picture))
        if not is_dark and self._flashes_too_often(turned):
            picture, features, turned = self._softened(picture)
            self.is_holding = True
        self._note(features, turned, time_s)
        self._shown = picture
        return picture

    def _softened(self, picture: Frame) -> tuple[Frame, NDArray[np.float64], NDArray[np.bool_]]:
        """As near to the new picture as the second allows; in the end the one that is shown."""
        assert self._shown is not None
        share = STEP
        while share > 1 / 64:
            mixed = np.asarray(cv2.addWeighted(picture, share, self._shown, 1 - share, 0), np.uint8)
            turned = self._turned(features := _features(mixed))
            if not self._flashes_too_often(turned):
                return mixed, features, turned
            share *= STEP
        return self._shown, _features(self._shown), np.zeros_like(self._rises, dtype=bool)

    def _turned(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(2, cells): which went so far against their last direction that it counts as one more change."""
        assert self._extreme is not None
        change = features - self._extreme
        darker = np.minimum(features[0], self._extreme[0])
        far = np.stack([(np.abs(change[0]) >= CHANGE) & (darker < BRIGHT), np.abs(change[1]) >= RED_CHANGE])
        return far & (np.sign(change) != self._rises)

    def _flashes_too_often(self, turned: NDArray[np.bool_]) -> bool:
        """Whether this change would be one too many, over too much of the picture."""
        if len(self._turns) < TURNS:
            return False
        counts = turned.astype(np.int16)
        for _, before in self._turns:
            counts += before
        return bool((((counts > TURNS) & turned).mean(axis=1) >= AREA).any())

    def _note(self, features: NDArray[np.float64], turned: NDArray[np.bool_], time_s: float) -> None:
        assert self._extreme is not None
        change = features - self._extreme
        # Going on in the same direction moves the extreme along; a turn begins a new one.
        goes_on = np.sign(change) == self._rises
        self._rises = np.where(turned, np.sign(change), self._rises).astype(np.int8)
        self._extreme = np.where(turned | goes_on, features, self._extreme)
        if turned.any():
            self._turns.append((time_s, turned))


def _features(picture: Frame) -> NDArray[np.float64]:
    """(2, cells): relative luminance, and how much saturated red."""
    # Of a picture of 512 rows every fourth pixel of every fourth row: all of them took 1.5 ms of the display's 16.
    step = max(1, min(picture.shape[:2]) // (GRID * PROBES))
    some = np.ascontiguousarray(picture[::step, ::step])
    small = cv2.resize(some, (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    red, green, blue = _LINEAR[small].T
    saturated = np.where(red >= 0.8 * np.maximum(red + green + blue, 1e-6), np.maximum(red - green - blue, 0), 0)
    return np.stack([0.2126 * red + 0.7152 * green + 0.0722 * blue, saturated])
