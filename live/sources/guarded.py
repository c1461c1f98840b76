"""A device behind a thread that may be abandoned: drivers block for ever, and give one frame for ever."""

import threading
import time
from collections.abc import Callable

import numpy as np

from engines.errors import SourceLost
from live.mailbox import Latest
from live.pacing import Clock
from live.sources import Captured, Source

OPEN_S = 20.0
"""A driver may take its time to open; what takes longer never comes back (opencv#4468)."""
SILENT_S = 3.0
STUCK_S = 6.0
"""Cameras are noisy: not one pixel changed for so long is the same frame again and again (opencv#5221)."""
LEAVES_S = 1.0
"""Long enough for a device that answers. A thread that is inside FFmpeg when Python ends aborts the process."""
EVERY = 8
"""Every so many pixels along each axis are compared; noise is everywhere."""


class Guarded:
    """Reads a source in a thread of its own. `SourceLost` when it blocks, or gives nothing new, for too long.

    The thread that hangs is left behind, and the device with it: whoever opens the source again gets a new one.
    """

    is_mirror: bool

    def __init__(
        self,
        opened: Callable[[], Source],
        open_s: float = OPEN_S,
        silent_s: float = SILENT_S,
        stuck_s: float = STUCK_S,
        now: Clock = time.perf_counter,
    ) -> None:
        self._silent_s, self._stuck_s, self._now = silent_s, stuck_s, now
        self._frames: Latest[Captured] = Latest()
        self._halt, self._ready = threading.Event(), threading.Event()
        self._source: Source | None = None
        self._error: Exception | None = None
        self._is_over = False
        self._taken = 0
        self._novel_s = 0.0
        self._last: np.ndarray | None = None
        self._thread = threading.Thread(target=self._run, args=(opened,), name="device", daemon=True)
        self._thread.start()
        if not self._ready.wait(open_s):
            self._halt.set()
            raise SourceLost(f"the camera did not open within {open_s:.0f} s: unplug it and plug it in again")
        if self._source is None:
            raise self._error or SourceLost("the camera did not open")
        self._device: Source = self._source
        self.is_mirror = self._source.is_mirror
        self._novel_s = now()

    @property
    def said(self) -> str:
        return self._device.said

    def read(self) -> Captured | None:
        """The newest frame after the last one; those in between are lost, which is what live means."""
        post = self._frames.after(self._taken, self._silent_s)
        if post is None:
            if self._is_over:
                return None
            self._halt.set()
            raise self._error or SourceLost(f"{self.said} blocks: nothing came for {self._silent_s:.0f} s")
        self._taken = post.number
        self._check_novelty(post.value)
        return post.value

    def close(self) -> None:
        """The device is closed by its own thread: waits a moment for that, and leaves one that hangs."""
        self._halt.set()
        self._thread.join(LEAVES_S)

    def _check_novelty(self, captured: Captured) -> None:
        thumb = captured.frame[::EVERY, ::EVERY]
        now_s = self._now()
        if self._last is None or thumb.shape != self._last.shape or not np.array_equal(thumb, self._last):
            self._last, self._novel_s = thumb.copy(), now_s
        elif now_s - self._novel_s > self._stuck_s:
            self._halt.set()
            raise SourceLost(f"{self.said} is stuck: the same frame for {self._stuck_s:.0f} s")

    def _run(self, opened: Callable[[], Source]) -> None:
        source: Source | None = None
        try:
            source = self._source = opened()
            self._ready.set()
            while not self._halt.is_set():
                captured = source.read()
                if captured is None:
                    self._is_over = True
                    return
                self._frames.put(captured)
        except Exception as error:  # told to whoever reads
            self._error = error
        finally:
            self._ready.set()
            if source:
                source.close()
