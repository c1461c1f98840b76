"""Clips: moving pictures that can be read again from any frame on, from a file or from memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from engines.errors import VideoError
from engines.images import Frame, Size
from engines.pose.quiet import native_logs_silenced


@dataclass(frozen=True)
class ClipFrame:
    """One frame, RGB, with its number from 0 and its time in seconds since the clip's start."""

    number: int
    time_s: float
    frame: Frame


class Clip(Protocol):
    """What a take is made of. `count` is what the container claims; `frames` ends where the pictures end."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> Size: ...
    @property
    def fps(self) -> float: ...
    @property
    def count(self) -> int: ...
    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[ClipFrame]: ...


@dataclass(frozen=True)
class VideoClip:
    """A video file. Each call of `frames` opens it anew, so several threads or processes may read at once."""

    path: Path
    size: Size
    fps: float
    count: int

    @property
    def name(self) -> str:
        return self.path.name

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[ClipFrame]:
        """Frames from `start` up to before `stop`. Skips by decoding: seeking is not exact in every container."""
        capture = cv2.VideoCapture(str(self.path))
        try:
            last = -1.0
            number = 0
            while (stop is None or number < stop) and capture.grab():
                # Phones write a varying rate: the container's own times, unless they stand still or run backward.
                time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                last = time_s if time_s > last else last + 1 / self.fps
                if number >= start:
                    ok, frame = capture.retrieve()
                    if not ok:
                        return
                    yield ClipFrame(number, last, np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))
                number += 1
        finally:
            capture.release()


@dataclass(frozen=True)
class MemoryClip:
    """Frames already in memory, such as a visitor's half minute at the camera. They are not copied."""

    pictures: Sequence[Frame]
    fps: float
    name: str = "memory"

    @property
    def size(self) -> Size:
        height, width = self.pictures[0].shape[:2]
        return height, width

    @property
    def count(self) -> int:
        return len(self.pictures)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[ClipFrame]:
        for number in range(start, min(self.count, self.count if stop is None else stop)):
            yield ClipFrame(number, number / self.fps, self.pictures[number])


def open_clip(path: Path | str) -> VideoClip:
    """A video file that opens and gives a first frame; VideoError says why not."""
    path = Path(path)
    if not path.is_file():
        raise VideoError(f"{path}: there is no such video file.")
    with native_logs_silenced():  # FFmpeg has its own words for what is told below
        capture = cv2.VideoCapture(str(path))
        ok, frame = capture.read() if capture.isOpened() else (False, None)
    try:
        if not ok or frame is None:
            raise VideoError(
                f"{path}: no picture can be read from it; is it a video? Try to convert it to H.264 in .mp4."
            )
        fps = capture.get(cv2.CAP_PROP_FPS)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    # Some containers state no rate, or a time base of thousands; 30 is what most cameras do.
    return VideoClip(path, frame.shape[:2], fps if 0 < fps <= 480 else 30.0, max(1, count))


def kept_at(number: int, clip_fps: float, fps: float) -> bool:
    """Whether frame `number` stays when a clip is thinned to `fps` frames a second, evenly and by number alone."""
    rate = min(1.0, fps / clip_fps)
    return int(number * rate + 1e-6) != int((number - 1) * rate + 1e-6) or number == 0
