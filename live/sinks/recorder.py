"""Movies, written by a thread of their own: the show never waits for the encoder.

.mp4 is H.264; .mov is ProRes 4444 and .webm VP9, both of the figure alone with its alpha.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.images import Frame, Size, letterboxed
from live.pacing import Tick

log = logging.getLogger(__name__)

CLOCK = 90_000
"""Ticks a second of a picture's time: a recording keeps the times of the show, so a dropped picture bends nothing."""


@dataclass(frozen=True)
class _Kind:
    """How a movie of one kind is written."""

    format: str
    codec: str
    pixels: str
    options: Mapping[str, str] = field(default_factory=dict)


KINDS: Mapping[str, _Kind] = {
    ".mp4": _Kind("mp4", "libx264", "yuv420p"),
    ".mov": _Kind("mov", "prores_ks", "yuva444p10le", {"profile": "4", "alpha_bits": "16", "quant_mat": "auto"}),
    ".webm": _Kind(
        "webm",
        "libvpx-vp9",
        "yuva420p",
        {"deadline": "realtime", "cpu-used": "8", "crf": "24", "b": "0", "row-mt": "1"},
    ),
}


def kind_of(path: Path) -> _Kind:
    """How a movie of this name is written. Raises `BadInput` for a suffix that is none of a movie."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadInput(f"{path}: a movie ends in {', '.join(KINDS)}; choose another name")
    return kind


def has_alpha(path: Path) -> bool:
    """Whether a movie of this name keeps the figure's alpha."""
    return path.suffix.lower() in (".mov", ".webm")


class Movie:
    """A movie being written. `write` takes pictures with rising times. Raises `BadInput` when it cannot be made."""

    def __init__(self, path: Path, size: Size, fps: float, preset: str = "veryfast", quality: int = 20) -> None:
        self.path = path
        self.size = size[0] // 2 * 2, size[1] // 2 * 2  # 4:2:0 has half as many colors along each axis
        self._kind = kind_of(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            options = {"movflags": "+faststart"} if self._kind.format == "mp4" else {}
            self._file = av.open(str(path), "w", format=self._kind.format, options=options)
        except OSError as error:
            raise BadInput(f"{path}: cannot be written ({error.strerror or error}); choose another file") from error
        stream: Any = self._file.add_stream(self._kind.codec, rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = self.size
        stream.pix_fmt = self._kind.pixels
        h264 = {"preset": preset, "crf": str(quality)}
        stream.options = dict(self._kind.options) if has_alpha(path) else h264
        stream.codec_context.time_base = Fraction(1, CLOCK)
        stream.codec_context.thread_count = 1  # the other cores are the show's
        # Said and done: BT.709, limited range. Players guess by size when nothing is said, and shift the colors.
        for name, value in (("colorspace", 1), ("color_primaries", 1), ("color_trc", 1), ("color_range", 1)):
            setattr(stream.codec_context, name, value)
        self._stream = stream
        self._last = -1

    def write(self, picture: Frame, time_s: float) -> None:
        """Encode one picture, RGB or RGBA as the movie is, in bars where its shape is another than the movie's."""
        given = "rgba" if picture.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(letterboxed(picture, self.size)), format=given)
        frame = frame.reformat(format=self._kind.pixels, dst_colorspace="ITU709", dst_color_range="MPEG")
        self._last = max(self._last + 1, round(time_s * CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file; without this it does not play."""
        if self._last >= 0:
            self._file.mux(self._stream.encode())
        self._file.close()


class Recorder:
    """A sink that records what is shown at up to `fps`, and counts what it had to leave out.

    The size is that of the first picture. `cutout` gives the figures with alpha, for movies that keep it. An encoder
    that fails (a full disk) ends the recording, never the show.
    """

    name = "recorder"

    def __init__(
        self,
        path: Path,
        fps: float = 30.0,
        waiting: int = 8,
        made: "Callable[..., Movie] | None" = None,
        cutout: Callable[[], NDArray[np.uint8] | None] = lambda: None,
    ) -> None:
        self._path, self._fps, self._cutout = path, fps, cutout
        self._made = made or Movie
        self._queue: queue.Queue[tuple[Frame, float] | None] = queue.Queue(waiting)
        self._thread: threading.Thread | None = None
        self._start_s = self._due_s = 0.0
        self.recorded = self.dropped = 0
        self.fault: str | None = None
        kind_of(path)
        _check_writable(path)

    def show(self, picture: Frame, tick: Tick) -> None:
        if self._thread is None:
            self._start_s = self._due_s = tick.time_s
            self._thread = threading.Thread(target=self._run, args=(picture.shape[:2],), name="recorder", daemon=True)
            self._thread.start()
        # Half a tick of grace: a 30 Hz recording of a 60 Hz show takes every second picture, early or late.
        if self.fault or tick.time_s < self._due_s - 0.25 / self._fps:
            return
        self._due_s = max(self._due_s + 1 / self._fps, tick.time_s)
        try:
            self._queue.put_nowait((self._kept(picture), tick.time_s - self._start_s))
        except queue.Full:
            self.dropped += 1

    def _kept(self, picture: Frame) -> NDArray[np.uint8]:
        """A copy; for a movie with alpha the figure alone, or the whole picture where there is no matte."""
        if not has_alpha(self._path):
            return picture.copy()
        cutout = self._cutout()
        opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
        return np.concatenate([picture, opaque], axis=2) if cutout is None else cutout

    def close(self) -> None:
        """Wait for the encoder and finish the file."""
        if self._thread:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self, size: Size) -> None:
        movie: Movie | None = None
        is_over = False
        try:
            movie = self._made(self._path, size, self._fps)
            while (item := self._queue.get()) is not None:
                movie.write(*item)
                self.recorded += 1
            is_over = True
        except Exception as error:  # the guard of this part: the show goes on without its recording
            self.fault = f"recording {self._path} ended: {error}"
            log.exception(self.fault)
        finally:
            if movie:
                self._finish(movie)
            while not is_over and self._queue.get() is not None:
                self.dropped += 1

    def _finish(self, movie: Movie) -> None:
        try:
            movie.close()
        except Exception as error:
            self.fault = self.fault or f"recording {self._path} could not be finished: {error}"
            log.exception(self.fault)


def _check_writable(path: Path) -> None:
    """Say it at the start of the show, not at its end."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another file") from error
