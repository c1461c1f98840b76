"""Pictures that another program on this machine shares: Spout (Windows), Syphon (macOS). Unproven: nobody has run them
with this program yet.
"""

import time
from typing import Any

import numpy as np

from engines.errors import SourceLost, Unavailable
from live.extras import imported, only_on
from live.pacing import Clock, Sleep
from live.sources import Captured

FIND_S = 8.0
LOST_S = 3.0
LOOK_S = 0.002
GL_RGBA = 0x1908
METAL_BGRA = 80
"""MTLPixelFormatBGRA8Unorm."""


class SpoutSource:
    """The sender of that name, or the active one. Raises `Unavailable` where there is none."""

    is_mirror = True

    def __init__(self, name: str, now: Clock = time.perf_counter, sleep: Sleep = time.sleep) -> None:
        only_on("win32", "Spout", "Windows")
        self._now, self._sleep = now, sleep
        self._native: Any = imported("SpoutGL", "spout", "Spout").SpoutReceiver()
        if name:
            self._native.setReceiverName(name)
        self._pixels = np.zeros((1, 1, 4), np.uint8)
        self.said = f"Spout {name or 'of the active sender'}"
        try:
            self._next(FIND_S)
        except SourceLost as error:
            self.close()
            raise Unavailable(f"{self.said}: nothing is sent under that name; start the sender first") from error

    def read(self) -> Captured:
        return self._next(LOST_S)

    def close(self) -> None:
        self._native.releaseReceiver()

    def _next(self, patience_s: float) -> Captured:
        end_s = self._now() + patience_s
        while self._now() < end_s:
            is_there = self._native.receiveImage(self._pixels, GL_RGBA, False, 0)
            if self._native.isUpdated():  # a sender, or another size: room for it, and receive again
                size = self._native.getSenderHeight(), self._native.getSenderWidth()
                self._pixels = np.zeros((*size, 4), np.uint8)
            elif is_there and self._native.isFrameNew() and self._pixels.size > 4:
                return Captured(np.ascontiguousarray(self._pixels[..., :3]), self._now())
            self._sleep(LOOK_S)
        raise SourceLost(f"{self.said} stopped sending")


class SyphonSource:
    """The first server whose name or program contains `name`. Raises `Unavailable` where there is none."""

    is_mirror = True

    def __init__(self, name: str, now: Clock = time.perf_counter, sleep: Sleep = time.sleep) -> None:
        only_on("darwin", "Syphon", "macOS")
        self._now, self._sleep = now, sleep
        syphon = imported("syphon", "syphon", "Syphon")
        self._copied = imported("syphon.utils.numpy", "syphon", "Syphon").copy_mtl_texture_to_image
        servers = {f"{each.app_name} {each.name}".strip(): each for each in syphon.SyphonServerDirectory().servers}
        chosen = next((called for called in servers if name.lower() in called.lower()), None)
        if chosen is None:
            there = ", ".join(servers) or "none"
            raise Unavailable(f"no Syphon server is called {name or 'anything'}; found {there}")
        self._native: Any = syphon.SyphonMetalClient(servers[chosen])
        self.said = f"Syphon {chosen}"

    def read(self) -> Captured:
        end_s = self._now() + LOST_S
        while self._now() < end_s:
            if self._native.has_new_frame:
                texture = self._native.new_frame_image
                pixels = np.asarray(self._copied(texture), np.uint8)
                order = [2, 1, 0] if texture.pixelFormat() == METAL_BGRA else [0, 1, 2]
                return Captured(np.ascontiguousarray(pixels[..., order]), self._now())
            self._sleep(LOOK_S)
        raise SourceLost(f"{self.said} stopped sending")

    def close(self) -> None:
        self._native.stop()
