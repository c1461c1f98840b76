"""A camera of the network: RTSP, or HTTP as phones and IP cameras send it."""

import time

import cv2
import numpy as np

from engines.errors import SourceLost, Unavailable
from live.pacing import Clock, Rate
from live.sources import Captured
from live.sources.camera import quiet

OPEN_MS, READ_MS = 8000, 4000


class NetworkCamera:
    """A stream by its URL; only its newest frame counts. Raises `Unavailable` when nothing answers."""

    is_mirror = True

    def __init__(self, url: str, now: Clock = time.perf_counter) -> None:
        self._now = now
        waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        with quiet():
            self._capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, waits)
        if not self._capture.isOpened():
            raise Unavailable(f"{without_password(url)}: no stream answers there; try it in VLC")
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self._name, self._rate = f"{without_password(url)} {width}x{height}", Rate()

    @property
    def said(self) -> str:
        """With the rate at which frames really arrive: what the stream says of itself is seldom true."""
        return named_with_rate(self._name, self._rate.hz(self._now()))

    def read(self) -> Captured:
        there, image = self._capture.read()
        if not there:
            raise SourceLost(f"{self._name} stopped sending")
        captured_s = self._now()
        self._rate.count(captured_s)
        return Captured(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), captured_s)

    def close(self) -> None:
        self._capture.release()


def named_with_rate(name: str, hz: float) -> str:
    """A source and its measured rate, if frames come."""
    return f"{name} {hz:.0f} fps" if hz else name


def without_password(url: str) -> str:
    """As it may be shown: without user and password."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
