"""What is kept on a key: this picture as a PNG, the last seconds as a movie. In a thread; the show never waits."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.images import Frame
from live.control.parameters import Controls
from live.pacing import Tick
from live.sinks.recorder import Movie

FPS = 15.0
QUALITY = 88
WAITING = 4
SHOWN_S = 4.0
REFUSED_S = 10.0
"""So long a refusal counts as a fault: a snapshot that failed must not stand over the picture all evening."""
HIDDEN = "not kept: this shows a visitor, whose pictures are theirs (keep_visitors in the config allows it)"


@dataclass(frozen=True)
class _Job:
    """What the thread is to do with a picture (or with all that it remembers)."""

    kind: Literal["remember", "snapshot", "movie"]
    picture: NDArray[np.uint8]
    time_s: float


class Keeper:
    """A sink that remembers the last `seconds` as JPEGs, and keeps things in `folder` when the controls say so.

    `cutout` gives the figures with their alpha, or None. While `is_private` no snapshot is taken. One that remembers
    `on_request` begins when its movie is asked for the first time.
    """

    name = "keeper"

    def __init__(
        self,
        folder: Path,
        seconds: float,
        cutout: Callable[[], NDArray[np.uint8] | None] = lambda: None,
        is_private: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.time,
        on_request: bool = False,
    ) -> None:
        self._folder, self._cutout, self._clock = folder, cutout, clock
        self._is_private = is_private
        self._seconds, self._longest_s = (0.0 if on_request else seconds), seconds
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._ring: deque[tuple[float, bytes]] = deque()
        self._asked: tuple[int, int] | None = None
        self._due_s = float("-inf")
        self._said, self._said_s = "", float("-inf")
        self._refused, self._refused_s = "", float("-inf")
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def heed(self, controls: Controls, picture: Frame, now_s: float) -> None:
        """Look whether something is to be kept; called once a tick with what is shown."""
        asked = controls.snapshot, controls.keep
        before, self._asked = self._asked or asked, asked
        if asked[0] != before[0] and self._is_private():
            self._say(HIDDEN)
        elif asked[0] != before[0]:
            cutout = self._cutout()
            self._put(_Job("snapshot", picture.copy() if cutout is None else cutout, now_s))
        if asked[1] != before[1] and self._seconds <= 0:
            self._remember()
        elif asked[1] != before[1]:
            self._put(_Job("movie", picture[:1, :1].copy(), now_s))

    def show(self, picture: Frame, tick: Tick) -> None:
        if self._seconds <= 0 or tick.time_s < self._due_s:
            return
        self._due_s = max(self._due_s + 1 / FPS, tick.time_s)
        self._put(_Job("remember", picture.copy(), tick.time_s))

    @property
    def fault(self) -> str | None:
        """What could not be kept a moment ago."""
        return self._refused if time.perf_counter() - self._refused_s < REFUSED_S else None

    def said(self, now_s: float) -> str:
        """What was just kept, for the overlay."""
        return self._said if now_s - self._said_s < SHOWN_S else ""

    def close(self) -> None:
        """Finish what is being written."""
        self._jobs.put(None)
        self._thread.join(20)

    def _remember(self) -> None:
        self._seconds = self._longest_s
        if self._seconds > 0:
            self._refuse(
                f"nothing was remembered yet; from now on the last {self._seconds:g} s are: ask again for them"
            )
        else:
            self._refuse("nothing is remembered here (keep_s = 0); keep_s = 30 in the settings keeps the last 30 s")

    def _refuse(self, sentence: str) -> None:
        self._refused, self._refused_s = sentence, time.perf_counter()

    def _put(self, job: _Job) -> None:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            self.dropped += 1
            if job.kind != "remember":
                self._refuse("what was to be kept came too fast; try again")

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._do(job)
            except Exception as error:  # the guard of this part: a full disk costs a snapshot and not the show
                self._refuse(f"{self._folder}: cannot be kept ({error})")

    def _do(self, job: _Job) -> None:
        if job.kind == "remember":
            encoded = cv2.imencode(".jpg", job.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            self._ring.append((job.time_s, encoded.tobytes()))
            while self._ring[0][0] < job.time_s - self._seconds:
                self._ring.popleft()
            return
        path = self._snapshot(job.picture) if job.kind == "snapshot" else self._movie()
        self._refused_s = float("-inf")
        self._say(f"kept {path}")

    def _say(self, sentence: str) -> None:
        self._said, self._said_s = sentence, time.perf_counter()

    def _path(self, suffix: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = time.strftime("%Y-%m-%d %H-%M-%S", time.localtime(self._clock()))
        names = (f"{stem}{'' if not number else f' {number}'}{suffix}" for number in range(1000))
        return next(path for path in map(self._folder.joinpath, names) if not path.exists())

    def _snapshot(self, picture: NDArray[np.uint8]) -> Path:
        path = self._path(".png")
        order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
        path.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, order))[1].tobytes())
        return path

    def _movie(self) -> Path:
        if not self._ring:
            raise BadInput("nothing was shown yet")
        path, start_s = self._path(".mp4"), self._ring[0][0]
        first = _decoded(self._ring[0][1])
        movie = Movie(path, (first.shape[0], first.shape[1]), FPS)
        try:
            for time_s, encoded in self._ring:
                movie.write(_decoded(encoded), time_s - start_s)
        finally:
            movie.close()
        return path


def _decoded(encoded: bytes) -> Frame:
    image = np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return image[..., ::-1]
