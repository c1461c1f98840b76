"""The camera's frames beside a log, without loss, so that a show that looked at them can be performed again.

H.264 without loss and in RGB: the quickest that PyAV brings (at 640x480 and one thread 1.1 ms a frame that is drawn,
5.0 ms and 0.6 MB with a camera's noise; FFV1 takes 11 ms, PNG 17 ms). Matroska plays though its end is missing.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from engines.errors import BadInput
from engines.images import Frame, Size

log = logging.getLogger(__name__)

CODEC, PIXELS = "libx264rgb", "rgb24"
OPTIONS = {"preset": "ultrafast", "qp": "0"}
WAITING = 24
"""Frames that may wait for the encoder; they are the show's own and cost nothing until then."""
KEPT = 96
"""Frames that a reader remembers: what is asked for comes nearly in order."""

Place = tuple[int, int]
"""Which roll of a film, and which frame of it."""


def film_of(log_path: Path, roll: int = 0) -> Path:
    """Where the camera of a log lies: SHOW.camera.mkv, and a further roll each time its frames change their size."""
    return log_path.with_name(f"{log_path.stem}.camera{f'-{roll}' if roll else ''}.mkv")


class Filming:
    """Writes frames in a thread of its own; `keep` returns at once. Raises `BadInput` when there can be no file."""

    def __init__(self, log_path: Path, write: "Callable[[Path, Size], _Roll] | None" = None) -> None:
        self._log_path, self._opened = log_path, write or _Roll
        self._size: Size | None = None
        self._roll, self._number = -1, 0
        self._last: tuple[Frame, Place] | None = None
        self.lost = 0
        self.fault: str | None = None
        self._frames: queue.Queue[tuple[Frame, int] | None] = queue.Queue(WAITING)
        try:
            film_of(log_path).open("wb").close()
        except OSError as error:
            raise BadInput(
                f"{film_of(log_path)}: cannot be written ({error.strerror}); choose another --log"
            ) from error
        self._thread = threading.Thread(target=self._run, name="film", daemon=True)
        self._thread.start()

    def keep(self, frame: Frame) -> Place | None:
        """Where this frame will lie in the film; None when it is lost: the encoder is too slow, or its disk full."""
        if self._last and self._last[0] is frame:
            return self._last[1]
        size = frame.shape[0], frame.shape[1]
        roll, number = (self._roll, self._number) if size == self._size else (self._roll + 1, 0)
        try:
            if self.fault:
                raise queue.Full
            self._frames.put_nowait((frame, roll))
        except queue.Full:
            self.lost += 1
            return None
        self._size, self._roll, self._number = size, roll, number + 1
        self._last = frame, (roll, number)
        return roll, number

    def close(self) -> None:
        """Write all that waits."""
        self._frames.put(None)
        self._thread.join(20)

    def _run(self) -> None:
        rolls: list[_Roll] = []
        try:
            while (item := self._frames.get()) is not None:
                frame, roll = item
                if self.fault:
                    continue
                try:
                    if roll == len(rolls):
                        rolls.append(self._opened(film_of(self._log_path, roll), (frame.shape[0], frame.shape[1])))
                    rolls[roll].write(frame)
                except Exception as error:  # the guard of this part: the show goes on without its film
                    self.fault = f"{film_of(self._log_path, roll)}: the film of the camera ended ({error})"
                    log.exception(self.fault)
        finally:
            for each in rolls:
                each.close()


class _Roll:
    """One file, all frames of one size."""

    def __init__(self, path: Path, size: Size) -> None:
        self._file = av.open(str(path), "w", format="matroska")
        stream: Any = self._file.add_stream(CODEC, rate=Fraction(30))
        stream.height, stream.width, stream.pix_fmt = *size, PIXELS
        stream.options = OPTIONS
        stream.codec_context.thread_count = 1
        self._stream, self._count = stream, 0

    def write(self, frame: Frame) -> None:
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=PIXELS)
        picture.pts, self._count = self._count, self._count + 1
        self._file.mux(self._stream.encode(picture))

    def close(self) -> None:
        self._file.mux(self._stream.encode())
        self._file.close()


class Film:
    """Reads what `Filming` wrote beside `log_path`; frames are asked for nearly in order."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._rolls: dict[int, Iterator[Frame]] = {}
        self._kept: dict[Place, Frame] = {}
        self._next: dict[int, int] = {}

    def frame(self, place: Place) -> Frame:
        """The frame there. Raises `BadInput` when the film does not hold it."""
        roll, number = place
        while place not in self._kept:
            if self._next.get(roll, 0) > number:
                self._rewind(roll)
            frame = next(self._roll(roll), None)
            if frame is None:
                raise BadInput(
                    f"{film_of(self._log_path, roll)}: has no frame {number}: it is cut off, or another film"
                )
            at = self._next.get(roll, 0)
            self._next[roll] = at + 1
            self._kept[roll, at] = frame
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[place]

    def _rewind(self, roll: int) -> None:
        self._rolls.pop(roll, None)
        self._next[roll] = 0

    def _roll(self, roll: int) -> Iterator[Frame]:
        if roll not in self._rolls:
            self._rolls[roll] = self._read(film_of(self._log_path, roll))
        return self._rolls[roll]

    @staticmethod
    def _read(path: Path) -> Iterator[Frame]:
        try:
            with av.open(str(path)) as file:
                file.streams.video[0].thread_count = 1
                for picture in file.decode(video=0):
                    frame = np.asarray(picture.to_ndarray(format=PIXELS), np.uint8)
                    frame.flags.writeable = False
                    yield frame
        except (OSError, av.FFmpegError, IndexError) as error:
            raise BadInput(f"{path}: the film of the camera cannot be read ({error})") from error
