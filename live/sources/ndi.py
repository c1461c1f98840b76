"""NDI in: a stream of the network as a camera."""

import time
from typing import Any

import numpy as np

from engines.errors import SourceLost, Unavailable
from live.pacing import Clock, Rate
from live.sources import Captured
from live.sources.network import named_with_rate

FIND_S = 8.0
LOST_S = 3.0


class NdiSource:
    """The first stream whose name contains `name` (any, when that is empty). Raises `Unavailable`."""

    is_mirror = True

    def __init__(self, name: str, find_s: float = FIND_S, now: Clock = time.perf_counter) -> None:
        self._now, self._rate = now, Rate()
        try:
            from cyndilib.finder import Finder
            from cyndilib.receiver import Receiver
            from cyndilib.video_frame import VideoFrameSync
            from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat
        except ImportError as error:
            raise Unavailable("NDI needs the package cyndilib: pip install 'understudy[ndi]'") from error
        self._finder: Any = Finder()
        self._finder.open()
        found = self._found(name, find_s)
        self._receiver: Any = Receiver(color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest)
        self._video: Any = VideoFrameSync()
        self._receiver.frame_sync.set_video_frame(self._video)
        self._receiver.set_source(found)
        self._name = f"NDI {found.name}"
        self._last_timestamp = 0.0

    @property
    def said(self) -> str:
        return named_with_rate(self._name, self._rate.hz(self._now()))

    def read(self) -> Captured:
        start_s = self._now()
        while self._now() - start_s < LOST_S:
            if self._receiver.is_connected():
                self._receiver.frame_sync.capture_video()
                width, height = self._video.xres, self._video.yres
                stamp = self._video.get_timestamp_posix()
                if min(width, height) > 0 and stamp != self._last_timestamp:
                    self._last_timestamp = stamp
                    rgba = np.asarray(self._video.get_array(), np.uint8).reshape(height, -1, 4)[:, :width]
                    self._rate.count(captured_s := self._now())
                    return Captured(np.ascontiguousarray(rgba[..., :3]), captured_s)
            time.sleep(0.002)
        raise SourceLost(f"{self._name} stopped sending")

    def close(self) -> None:
        self._receiver.disconnect()
        self._finder.close()

    def _found(self, name: str, find_s: float) -> Any:
        start_s = self._now()
        while self._now() - start_s < find_s:
            self._finder.wait_for_sources(0.5)
            for each in self._finder.get_source_names():
                if name.lower() in each.lower():
                    return self._finder.get_source(each)
        there = ", ".join(self._finder.get_source_names()) or "none"
        self._finder.close()
        raise Unavailable(f"no NDI stream is called {name or 'anything'}; found {there}")
