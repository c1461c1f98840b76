"""From the generated picture to the shown one: mix, feedback, grade, flip, blackout. Frames in, frames out."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from live.control.parameters import Controls

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709."""

MIDDLE = 127.5

FEEDBACK_RATE_HZ = 30
"""A feedback of 0.9 keeps 0.9 of the picture 30 times a second, whatever the display rate: trails have one length."""


def blended(camera: Frame, generated: Frame, mix: float) -> Frame:
    """0 is the camera, 1 the generated picture; both of one size."""
    if mix >= 1:
        return generated
    if mix <= 0:
        return camera
    return np.asarray(cv2.addWeighted(camera, 1 - mix, generated, mix, 0), np.uint8)


def graded(picture: Frame, controls: Controls) -> Frame:
    """Brightness, contrast, saturation and hue in one linear step; the picture itself when all are neutral."""
    if (controls.brightness, controls.contrast, controls.saturation, controls.hue) == (0, 1, 1, 0):
        return picture
    return np.asarray(cv2.transform(picture, color_matrix(controls)), np.uint8)


def color_matrix(controls: Controls) -> NDArray[np.float64]:
    """(3, 4): hue and saturation about the gray axis, then contrast about middle gray, then exposure."""
    angle = np.radians(controls.hue)
    around = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)  # Rodrigues, about (1, 1, 1)
    hue = np.cos(angle) * np.eye(3) + np.sin(angle) * around + (1 - np.cos(angle)) / 3
    saturation = controls.saturation * np.eye(3) + (1 - controls.saturation) * np.tile(LUMA, (3, 1))
    linear = controls.contrast * saturation @ hue
    offset = np.full((3, 1), (1 - controls.contrast) * MIDDLE)
    return 2.0**controls.brightness * np.hstack([linear, offset])


def darkened(picture: Frame, blackout: float) -> Frame:
    """1 is black, 0 the picture itself."""
    if blackout <= 0:
        return picture
    if blackout >= 1:
        return np.zeros_like(picture)
    return np.asarray(cv2.convertScaleAbs(picture, alpha=1 - blackout), np.uint8)


class Feedback:
    """Mixes what was before into what comes next, in float: in eight bits a trail would never fade out."""

    def __init__(self) -> None:
        self._memory: NDArray[np.float32] | None = None

    def __call__(
        self, picture: Frame, amount: float, elapsed_s: float, zoom: float = 1.0, turn_degrees: float = 0.0
    ) -> Frame:
        """`amount` 0 lets the picture through and forgets; 1 would hold for ever, so it is held just below.

        `zoom` and `turn_degrees` are what the memory does about its middle 30 times a second. A new array.
        """
        if amount <= 0:
            self._memory = None
            return picture
        if self._memory is None or self._memory.shape != picture.shape:
            self._memory = picture.astype(np.float32)
        times = max(elapsed_s, 0.0) * FEEDBACK_RATE_HZ
        if zoom != 1 or turn_degrees != 0:
            self._memory = _moved(self._memory, zoom**times, turn_degrees * times)
        keep = min(amount, 0.995) ** times
        cv2.accumulateWeighted(picture, self._memory, 1 - keep)
        return np.asarray(cv2.convertScaleAbs(self._memory), np.uint8)

    def forget(self) -> None:
        """Begin anew: nothing was before."""
        self._memory = None


def _moved(memory: NDArray[np.float32], zoom: float, degrees: float) -> NDArray[np.float32]:
    height, width = memory.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, zoom)
    return np.asarray(cv2.warpAffine(memory, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.float32)


def finished(picture: Frame, controls: Controls) -> Frame:
    """What comes last and leaves no trace in the feedback: grade, flip, blackout."""
    picture = darkened(graded(picture, controls), controls.blackout)
    return flipped(picture) if controls.flip else picture


def flipped(picture: Frame) -> Frame:
    """Left to right."""
    return np.asarray(cv2.flip(picture, 1), np.uint8)
