"""The log of a show: controls, poses and timing, enough to perform it again. No pictures, kilobytes a second.

Lines of JSON, in the order in which things happened:
{"show": ...}      the first line: format, engine threads, and of each act (by number) its bundle
{"c": n, ...}      controls that changed, by field name; n is the number of this state of the desk
["p", act, time, [h, w], landmarks, idle, c, latency]   a pose was prepared (landmarks: base64 of (33, 4) float32)
["d", act, time]                                        its picture was made
["t", time, elapsed, act, shown, c, [[act, shown, share]...], crc]   what was shown in a tick, and its checksum
"""

import base64
import json
import queue
import threading
import zlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import BadInput
from engines.images import Frame
from engines.pose.landmarks import Landmarks
from live.control.parameters import Controls
from live.pipeline import Performed, Prepared

FORMAT = 1
WAITING = 20_000
"""Lines; some minutes of a disk that hangs. What is lost after that is counted, and such a log cannot be replayed."""

Voiced = tuple[object, Performed | None, float]
"""Whose picture (its act), which one, and its share."""


class ShowLog:
    """Written by a thread of its own; every call returns at once. Raises `BadInput` when the file cannot be made."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path, self.lost = path, 0
        self.fault: str | None = None
        self._lock = threading.Lock()
        self._acts: dict[int, int] = {}
        self._kept: list[object] = []  # so that no act's id is given to another one
        self._controls: dict[str, Any] = {}
        self._last: Controls | None = None
        self._state = 0
        self._picture: Frame | None = None
        self._crc = 0
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another file for --log") from error
        self._put({"show": {"format": FORMAT, **header}})
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def begin(self, act: object, bundle: Path) -> None:
        """An act has come on; its poses and pictures are told from now on."""
        with self._lock:
            self._acts[id(act)] = len(self._kept)
            self._kept.append(act)
            self._put({"act": len(self._kept) - 1, "bundle": str(bundle.resolve())})

    def prepared(self, act: object, prepared: Prepared) -> None:
        seen, controls = prepared.seen, prepared.controls
        if seen is None or controls is None:  # made from a frame: nothing that could be performed again
            with self._lock:
                self._put(["camera", self._acts[id(act)]])
            return
        size = seen.captured.frame.shape[:2]
        with self._lock:
            state = self._state_of(controls)
            landmarks = _text(seen.tracked.landmarks)
            time_s, latency_s = seen.captured.captured_s, prepared.latency_s
            self._put(["p", self._acts[id(act)], time_s, size, landmarks, seen.is_idle, state, latency_s])

    def performed(self, act: object, performed: Performed) -> None:
        with self._lock:
            self._put(["d", self._acts[id(act)], performed.drawn.captured_s])

    def shown(
        self, time_s: float, elapsed_s: float, voices: Sequence[Voiced], controls: Controls, picture: Frame
    ) -> None:
        """What a tick showed; the first voice is the act on stage."""
        if picture is not self._picture:
            self._picture, self._crc = picture, checksum(picture)
        with self._lock:
            rows = [(self._acts[id(act)], _time_of(performed), share) for act, performed, share in voices]
            (act, shown, _), others = rows[0], rows[1:]
            self._put(["t", time_s, elapsed_s, act, shown, self._state_of(controls), others, self._crc])

    def close(self) -> None:
        """Write all that waits."""
        self._put({"end": {"lost": self.lost}})
        self._lines.put(None)
        self._thread.join(20)
        self._file.close()

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
            self.fault = f"{self.path}: the disk is too slow, {self.lost} lines of the log are lost"

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._file.write(line + "\n")
            except OSError as error:
                self.lost += 1
                self.fault = f"{self.path}: the log ended ({error.strerror})"


def checksum(picture: Frame) -> int:
    return zlib.crc32(np.ascontiguousarray(picture).data)


def landmarks_of(text: str | None) -> Landmarks | None:
    """As they were logged."""
    return None if text is None else np.frombuffer(base64.b64decode(text), np.float32).reshape(33, 4).copy()


def _text(landmarks: Landmarks | None) -> str | None:
    return None if landmarks is None else base64.b64encode(landmarks.astype(np.float32).tobytes()).decode()


def _time_of(performed: Performed | None) -> float | None:
    return None if performed is None else performed.drawn.captured_s


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
