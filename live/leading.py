"""What a visitor sees while they are captured: themselves, who leads, and what is missing."""

import cv2
import numpy as np

from engines.images import Frame, resized
from engines.pose.lesson import lesson
from engines.pose.puppet import BuiltInDancer
from live.coverage import draw_ring
from live.look import flipped
from live.visitor import Visit

COUNTDOWN_S = 3.0


class Leading:
    """What a visitor sees: themselves as in a mirror, the built-in dancer who leads, and what is still missing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._dancer = BuiltInDancer((360, 300), dance=lesson(seconds))

    def picture(self, mirror: Frame, visit: Visit, at_s: float) -> Frame:
        """`at_s` seconds into the moves; before 0 it counts down."""
        picture = mirror.copy()
        height, width = picture.shape[:2]
        high = height * 2 // 5
        leader = resized(flipped(self._dancer.frame_at(max(at_s, 0.0))), (high, high * 5 // 6))
        picture[:high, width - leader.shape[1] :] = leader
        radius = max(8, height // 9)
        center = (radius * 3 // 2, radius * 3 // 2)
        draw_ring(visit.coverage, picture, center, radius)
        number = np.ceil(-at_s) if at_s < 0 else np.ceil(self._seconds - at_s)
        _write(picture, f"{number:.0f}", center, height / 300)
        missing = visit.coverage.missing
        if at_s > self._seconds / 2 and missing:
            _write(picture, missing[0], (width // 2, height - height // 12), height / 500)
        return picture


def _write(picture: Frame, text: str, center: tuple[int, int], scale: float) -> None:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    at = (center[0] - width // 2, center[1] + height // 2)
    for color, thick in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, color, thick, cv2.LINE_AA)
