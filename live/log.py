"""The log of a show: controls, poses and timing, enough to perform it again. No pictures, kilobytes a second.

Lines of JSON, in the order in which things happened:
{"show": ...}      the first line: format, engine threads, backdrop, whether the camera was recorded too
{"act": n, ...}    somebody came on: the bundle, and the backend and precision that it runs on
{"c": n, ...}      controls that changed, by field name; n is the number of this state of the desk
["k", time, place]                     where the camera's frame of that time lies in the film (live.film)
["p", act, time, [h, w], landmarks, idle, c, latency, mask]   a scene was prepared (landmarks: base64 of float32)
["d", act, time]                       its picture was made
["r", act]                             its engine was opened anew
["t", time, elapsed, act, shown, c, [[act, shown, share]...], crc, camera]   what a tick showed, and its checksum
["v", time]                            a tick with a visitor: nothing of them is kept
"""

import base64
import json
import queue
import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.images import Frame
from engines.pose.landmarks import Landmarks
from live.control.parameters import Controls
from live.film import Filming
from live.passing import Performed, Prepared
from live.sources import Captured

FORMAT = 1
WAITING = 20_000
"""Lines; some minutes of a disk that hangs. What is lost after that is counted, and such a log cannot be replayed."""

HIDDEN = "visitor"
"""In place of a frame's place: it shows a visitor who is being captured."""

FILMED = 64
"""Frames that are known to be kept: several acts look at one frame."""

Voiced = tuple[object, Performed | None, float]
"""Whose picture (its act), which one, and its share."""


class ShowLog:
    """Written by a thread of its own; every call returns at once. Raises `BadInput` when the file cannot be made.

    `films`: the camera's frames are kept too, beside the log, but never while a visitor is captured or on stage.
    """

    def __init__(self, path: Path, header: dict[str, Any], films: bool = False) -> None:
        self.path, self.lost = path, 0
        self._fault: str | None = None
        self._lock = threading.Lock()
        self._acts: dict[int, int] = {}
        self._kept: list[object] = []  # so that no act's id is given to another one
        self._controls: dict[str, Any] = {}
        self._last: Controls | None = None
        self._state = 0
        self._picture: Frame | None = None
        self._crc = 0
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING)
        self._filmed: OrderedDict[float, None] = OrderedDict()
        self.has_visitor = False
        """Set while a visitor is captured or on stage: what the camera sees is theirs."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another file for --log") from error
        self._filming = Filming(path) if films else None
        self._put({"show": {"format": FORMAT, **header, "film": films}})
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """What is being lost, for people."""
        return self._fault or (self._filming.fault if self._filming else None)

    def begin(self, act: object, bundle: Path, backend: str, precision: str) -> None:
        """An act has come on; its poses and pictures are told from now on."""
        with self._lock:
            self._acts[id(act)] = len(self._kept)
            self._kept.append(act)
            place = {"act": len(self._kept) - 1, "bundle": str(bundle.resolve())}
            self._put({**place, "backend": backend, "precision": precision})

    def reopened(self, act: object) -> None:
        """Its engine failed, and it goes on with a new one, which remembers nothing."""
        with self._lock:
            self._put(["r", self._acts[id(act)]])

    def prepared(self, act: object, prepared: Prepared) -> None:
        """A scene; without `seen` it was dreamt, and no camera is there."""
        seen, controls = prepared.seen, prepared.controls
        assert controls is not None
        size, landmarks, mask, is_idle = (0, 0), None, None, False
        with self._lock:
            if seen is not None:
                self._film(seen.captured)
                size, is_idle = seen.captured.frame.shape[:2], seen.is_idle
                landmarks, mask = _text(seen.tracked.landmarks), self._masked(seen.tracked.mask)
            state, time_s = self._state_of(controls), prepared.scene.captured_s
            self._put(["p", self._acts[id(act)], time_s, size, landmarks, is_idle, state, prepared.latency_s, mask])

    def _masked(self, mask: NDArray[np.uint8] | None) -> str | None:
        """A silhouette is a picture too: of it is only said that it was there, unless the camera is kept."""
        if mask is None:
            return None
        if self._filming is None or self.has_visitor:
            return ""
        return base64.b64encode(zlib.compress(mask.tobytes(), 1)).decode()

    def performed(self, act: object, performed: Performed) -> None:
        with self._lock:
            self._put(["d", self._acts[id(act)], performed.drawn.captured_s])

    def shown(
        self,
        time_s: float,
        elapsed_s: float,
        voices: Sequence[Voiced],
        controls: Controls,
        picture: Frame,
        captured: Captured | None = None,
    ) -> None:
        """What a tick showed; the first voice is the act on stage. `captured`: the newest frame of the camera."""
        if self.has_visitor or any(id(act) not in self._acts for act, _, _ in voices):
            with self._lock:
                self._put(["v", time_s])
            return
        if picture is not self._picture:
            self._picture, self._crc = picture, checksum(picture)
        with self._lock:
            camera = None
            if self._filming and captured and looks_at_newest(controls):
                self._film(captured)
                camera = captured.captured_s
            rows = [(self._acts[id(act)], _time_of(performed), share) for act, performed, share in voices]
            (act, shown, _), others = rows[0], rows[1:]
            state = self._state_of(controls)
            self._put(["t", time_s, elapsed_s, act, shown, state, others, self._crc, camera])

    def close(self) -> None:
        """Write all that waits."""
        if self._filming:
            self._filming.close()
        self._put({"end": {"lost": self.lost}})
        self._lines.put(None)
        self._thread.join(20)
        self._file.close()

    def _film(self, captured: Captured) -> None:
        """Keep this frame once."""
        time_s = captured.captured_s
        if self._filming is None or time_s in self._filmed:
            return
        place = HIDDEN if self.has_visitor else self._filming.keep(captured.frame)
        self._filmed[time_s] = None
        if len(self._filmed) > FILMED:
            self._filmed.popitem(last=False)
        if place is None:
            self._fault = f"{self.path}: the disk is too slow, {self._filming.lost} frames of the camera are lost"
        self._put(["k", time_s, place])

    def _state_of(self, controls: Controls) -> int:
        if controls is not self._last:
            values = {each.name: _plain(getattr(controls, each.name)) for each in fields(controls)}
            changed = {name: value for name, value in values.items() if self._controls.get(name, _plain) != value}
            self._last, self._controls = controls, values
            if changed:
                self._state += 1
                self._put({"c": self._state, **changed})
        return self._state

    def _put(self, line: Any) -> None:
        try:
            self._lines.put_nowait(json.dumps(line, separators=(",", ":")))
        except queue.Full:
            self.lost += 1
            self._fault = f"{self.path}: the disk is too slow, {self.lost} lines of the log are lost"

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._file.write(line + "\n")
            except OSError as error:
                self.lost += 1
                self._fault = f"{self.path}: the log ended ({error.strerror})"


def looks_at_newest(controls: Controls) -> bool:
    """Whether a tick shows the newest frame of the camera, and not the one that was performed to."""
    return controls.mix <= 0 or controls.passthrough or controls.inset == "camera"


def checksum(picture: Frame) -> int:
    return zlib.crc32(np.ascontiguousarray(picture).data)


def mask_of(text: str | None, size: Sequence[int]) -> NDArray[np.uint8] | None:
    """As it was logged, (H, W)."""
    if not text:
        return None
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(size[0], size[1])


def landmarks_of(text: str | None) -> Landmarks | None:
    """As they were logged."""
    return None if text is None else np.frombuffer(base64.b64decode(text), np.float32).reshape(33, 4).copy()


def _text(landmarks: Landmarks | None) -> str | None:
    return None if landmarks is None else base64.b64encode(landmarks.astype(np.float32).tobytes()).decode()


def _time_of(performed: Performed | None) -> float | None:
    return None if performed is None else performed.drawn.captured_s


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
