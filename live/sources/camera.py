"""Cameras, negotiated by evidence: what was asked for is tried, what arrives is measured, and that is what is said."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import SourceLost, Unavailable
from engines.images import Size
from live.pacing import Clock, Rate
from live.sources import Captured

PROBE_FRAMES = 12
PROBE_S = 2.5
"""A camera may take a second to give its first frame; one that gives none in this time gives none."""
LOST_S = 1.5
SETTLE_S = 3.0
"""A camera finds its exposure in this time; then it may be locked."""
GOOD_ENOUGH = 0.75


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool: ...
    def read(self) -> tuple[bool, NDArray[np.uint8] | None]: ...
    def get(self, key: int) -> float: ...
    def set(self, key: int, value: float) -> bool: ...
    def release(self) -> None: ...


Opened = Callable[[int | str, int, Sequence[int]], Capture]


def _opened(target: int | str, api: int, parameters: Sequence[int]) -> Capture:
    with quiet():
        capture: Any = cv2.VideoCapture(target, api, list(parameters))
    return capture  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Attempt:
    """One way to open a camera."""

    api: int
    parameters: tuple[int, ...]


@dataclass(frozen=True)
class FoundCamera:
    """A camera of this machine: `number` is what OpenCV calls it."""

    number: int
    name: str
    path: str


def cameras(root: Path = Path("/sys/class/video4linux")) -> list[FoundCamera]:
    """The cameras that the system names. Only Linux tells without opening them; elsewhere the list is empty."""
    found = []
    for folder in sorted(root.glob("video*"), key=lambda folder: int(re.sub(r"\D", "", folder.name) or 0)):
        number = int(re.sub(r"\D", "", folder.name) or 0)
        # A USB camera has a second node for metadata only; its index is not 0.
        if _text(folder / "index") in ("0", ""):
            found.append(FoundCamera(number, _text(folder / "name") or folder.name, f"/dev/{folder.name}"))
    return found


class Camera:
    """A camera by number, device path, or part of its name. Raises `Unavailable` when it is not there.

    MJPG is asked for at opening: some drivers lock the format then, and raw 1080p comes at 5 frames a second.
    """

    is_mirror = True

    def __init__(
        self,
        name: str,
        size: Size,
        fps: float,
        opened: Opened = _opened,
        now: Clock = time.perf_counter,
        locked: bool = False,
    ) -> None:
        self._now, self._name = now, name
        self._rate = Rate()
        target = _target(name)
        self._capture, self.said = self._negotiated(target, size, fps, opened)
        self._lock_at_s = now() + SETTLE_S if locked else float("inf")

    def read(self) -> Captured:
        """The next frame; `SourceLost` when none came for a while."""
        since_s = self._now()
        while True:
            there, image = self._capture.read()
            now_s = self._now()
            if there and image is not None:
                if now_s >= self._lock_at_s:
                    self._lock()
                return Captured(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), now_s)
            if now_s - since_s > LOST_S:
                raise SourceLost(f"camera {self._name} stopped giving frames: is it still plugged in?")
            time.sleep(0.01)

    def _lock(self) -> None:
        """Exposure and white balance stay as the camera has found them, so that nothing pumps when somebody moves."""
        self._lock_at_s = float("inf")
        by_hand = 0.25 if sys.platform == "win32" else 1.0  # DirectShow and V4L2 count differently
        taken = [
            self._capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, by_hand),
            self._capture.set(cv2.CAP_PROP_AUTO_WB, 0),
        ]
        self.said += ", locked" if all(taken) else ", cannot be locked by this driver"

    def close(self) -> None:
        self._capture.release()

    def _negotiated(self, target: int | str, size: Size, fps: float, opened: Opened) -> tuple[Capture, str]:
        """The first way that delivers what was asked, else the one that delivered most."""
        best: tuple[float, Attempt] | None = None
        for attempt in _attempts(size, fps):
            capture = opened(target, attempt.api, attempt.parameters)
            measured = self._measured_fps(capture) if capture.isOpened() else 0.0
            if measured >= GOOD_ENOUGH * fps:
                return capture, self._described(capture, measured)
            capture.release()
            if measured > (best[0] if best else 0.0):
                best = (measured, attempt)
        if best is None:
            raise Unavailable(_absent(self._name))
        capture = opened(target, best[1].api, best[1].parameters)
        return capture, self._described(capture, best[0])

    def _measured_fps(self, capture: Capture) -> float:
        """Frames a second after the first; CAP_PROP_FPS says what was asked for, not what comes."""
        start_s = self._now()
        times: list[float] = []
        while len(times) < PROBE_FRAMES and self._now() - start_s < PROBE_S:
            there, image = capture.read()
            if there and image is not None:
                times.append(self._now())
            else:
                time.sleep(0.01)
        return (len(times) - 1) / max(times[-1] - times[0], 1e-6) if len(times) > 1 else 0.0

    def _described(self, capture: Capture, measured_fps: float) -> str:
        width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        code = int(capture.get(cv2.CAP_PROP_FOURCC))
        letters = "".join(chr(code >> 8 * place & 0xFF) for place in range(4)) if code > 0 else ""
        format_ = letters if letters.isalnum() else ""
        return f"camera {self._name} {width}x{height} {format_} {measured_fps:.0f} fps".replace("  ", " ")


def _attempts(size: Size, fps: float) -> Iterator[Attempt]:
    height, width = size
    wanted = (cv2.CAP_PROP_FRAME_WIDTH, width, cv2.CAP_PROP_FRAME_HEIGHT, height, cv2.CAP_PROP_FPS, round(fps))
    mjpg = (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for api in _apis():
        yield Attempt(api, (*mjpg, *wanted))
        yield Attempt(api, wanted)
        yield Attempt(api, ())


def _apis() -> list[int]:
    if sys.platform.startswith("linux"):
        return [cv2.CAP_V4L2]
    if sys.platform == "win32":
        return [cv2.CAP_DSHOW, cv2.CAP_MSMF]
    return [cv2.CAP_ANY]


def _target(name: str) -> int | str:
    if name.isdigit():
        return int(name)
    if Path(name).is_absolute():
        return str(Path(name).resolve())
    matching = [camera for camera in cameras() if name.lower() in camera.name.lower()]
    if not matching:
        raise Unavailable(_absent(name))
    return matching[0].path


def _absent(name: str) -> str:
    there = cameras()
    known = ", ".join(f"{camera.number} ({camera.name})" for camera in there)
    return f"camera {name} is not there or in use by another program; " + (
        f"found {known}" if known else "no camera was found: plug one in, or perform with --source dancer"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class quiet:
    """OpenCV prints warnings of its own for every camera that is not there; ours is one sentence."""

    def __enter__(self) -> None:
        self._level: Any = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def __exit__(self, *_: object) -> None:
        cv2.utils.logging.setLogLevel(self._level)
