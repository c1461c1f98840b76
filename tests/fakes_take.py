"""A filmed dancer of whom everything is known: the room, the camera's sway, the landmarks, the person's mask.

`Film` draws the frame at any time; `film_tracker` finds in it what was drawn. Both are plain data and functions, so
that worker processes can have them too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Landmarks
from engines.take.clip import MemoryClip

# x and y from the hips in torso lengths, in the order of MediaPipe's landmarks.
BODY = np.array(
    [[0, -1.5]]
    + [[x, -1.6] for x in (0.05, 0.08, 0.1, -0.05, -0.08, -0.1)]
    + [[0.14, -1.5], [-0.14, -1.5], [0.05, -1.4], [-0.05, -1.4]]
    + [[0.4, -1], [-0.4, -1], [0.65, -0.5], [-0.65, -0.5], [0.75, 0], [-0.75, 0]]
    + [[0.8, 0.15], [-0.8, 0.15], [0.78, 0.18], [-0.78, 0.18], [0.7, 0.12], [-0.7, 0.12]]
    + [[0.22, 0], [-0.22, 0], [0.26, 0.85], [-0.26, 0.85], [0.28, 1.7], [-0.28, 1.7]]
    + [[0.26, 1.8], [-0.26, 1.8], [0.42, 1.82], [-0.42, 1.82]],
    np.float64,
)
ARMS = {11: [13, 15, 17, 19, 21], 12: [14, 16, 18, 20, 22]}
LIMBS = [(11, 13), (13, 15), (12, 14), (14, 16), (11, 12), (11, 23), (12, 24), (23, 24)]
LIMBS += [(23, 25), (25, 27), (24, 26), (26, 28), (29, 31), (30, 32), (15, 19), (16, 20)]


@dataclass(frozen=True)
class Film:
    """`sway` is how far the camera shifts to and fro in pixels, `pan` how many pixels it travels a second."""

    size: tuple[int, int] = (200, 260)
    fps: float = 20.0
    sway: float = 0.0
    pan: float = 0.0
    nobody: bool = False
    logo: bool = False
    torso: float = 36.0

    def camera(self, time_s: float) -> NDArray[np.float64]:
        """(3, 3): from the room to the frame."""
        shift_x = self.sway * np.sin(2.1 * time_s) + self.pan * time_s
        shift_y = 0.5 * self.sway * np.sin(3.3 * time_s + 1) - 0.5 * self.sway * np.sin(1)
        zoom = 1 + 0.0008 * self.sway * np.sin(1.3 * time_s)
        return np.array([[zoom, 0, -60 - shift_x], [0, zoom, -40 - shift_y], [0, 0, 1.0]])

    def in_room(self, time_s: float) -> NDArray[np.float64]:
        """(33, 2): landmarks in pixels of the room, pixel centers."""
        body = BODY.copy()
        for shoulder, arm in ARMS.items():
            side = 1 if shoulder == 11 else -1
            angle = side * (-0.9 + 1.1 * np.sin(2.6 * time_s + 0.5 * side))
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            body[arm] = (body[arm] - body[shoulder]) @ turn.T + body[shoulder]
        hips = [190 + 62 * np.sin(0.9 * time_s) + self.pan * time_s, 150 + 3 * np.sin(5 * time_s)]
        return body * self.torso + hips

    def landmarks(self, time_s: float) -> Landmarks:
        height, width = self.size
        in_frame = cv2.perspectiveTransform(self.in_room(time_s)[:, None], self.camera(time_s))[:, 0] + 0.5
        found = np.zeros((33, 4), np.float32)
        found[:, :2] = in_frame / (width, height)
        found[:, 3] = 0.99
        return found

    def mask(self, time_s: float) -> NDArray[np.uint8]:
        height, width = self.size
        return cv2.warpPerspective(self._figure(time_s), self.camera(time_s), (width, height))

    def frame(self, time_s: float) -> NDArray[np.uint8]:
        picture = room()
        if not self.nobody:
            picture[self._figure(time_s) > 0] = (235, 200, 30)
        height, width = self.size
        drawn = cv2.warpPerspective(picture, self.camera(time_s), (width, height), flags=cv2.INTER_CUBIC)
        if self.logo:
            cv2.putText(drawn, "LOGO", (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2)
        return np.asarray(drawn, np.uint8)

    def clip(self, seconds: float) -> MemoryClip:
        frames = [self.frame(i / self.fps) for i in range(round(seconds * self.fps))]
        return MemoryClip(frames, self.fps)

    def write(self, path: Path, seconds: float) -> Path:
        """As a video file, nearly without loss."""
        height, width = self.size
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), self.fps, (width, height))
        writer.set(cv2.VIDEOWRITER_PROP_QUALITY, 98)
        for at in self.clip(seconds).frames():
            writer.write(cv2.cvtColor(at.frame, cv2.COLOR_RGB2BGR))
        writer.release()
        return path

    def _figure(self, time_s: float) -> NDArray[np.uint8]:
        mask = np.zeros(room().shape[:2], np.uint8)
        points = np.round(self.in_room(time_s)).astype(int)
        for start, end in LIMBS:
            cv2.line(mask, points[start].tolist(), points[end].tolist(), 255, max(3, round(self.torso / 5)))
        cv2.fillConvexPoly(mask, points[[11, 12, 24, 23]], 255)
        cv2.circle(mask, points[0].tolist(), round(self.torso / 4), 255, -1)
        return mask


def room() -> NDArray[np.uint8]:
    """A wall with windows, pictures and a floor of tiles; (420, 900, 3), always the same."""
    chance = np.random.default_rng(4)
    picture = np.full((420, 900, 3), (120, 130, 150), np.uint8)
    picture[300:] = (90, 80, 70)
    for x in range(0, 900, 36):
        cv2.line(picture, (x, 300), (2 * x - 450, 420), (60, 50, 45), 1)
    for _ in range(170):
        x, y = chance.integers(0, 880), chance.integers(0, 285)
        width, height = chance.integers(4, 26, 2)
        color = tuple(int(v) for v in chance.integers(30, 220, 3))
        cv2.rectangle(picture, (int(x), int(y)), (int(x + width), int(y + height)), color, -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), np.uint8)


@dataclass(frozen=True)
class Found:
    landmarks: Landmarks | None
    mask: NDArray[np.uint8] | None


@dataclass(frozen=True)
class FilmTracker:
    """Knows the film by heart; `slow_s` is how long it takes for a frame."""

    film: Film
    slow_s: float = 0.0

    def __call__(self) -> "FilmTracker":
        return self

    def track(self, frame: NDArray[np.uint8], time_s: float) -> Found:  # noqa: ARG002 - it is a tracker
        if self.slow_s:
            import time

            time.sleep(self.slow_s)
        if self.film.nobody:
            return Found(None, None)
        return Found(self.film.landmarks(time_s), self.film.mask(time_s))


def film_tracker(film: Film) -> Callable[[], FilmTracker]:
    return FilmTracker(film)
