"""Pose in: landmarks from the network take the place of the tracker. A second camera, a Kinect, another understudy.

Addresses are those of the landmarks that go out, under `/pose/in/`: `/pose/in/left_wrist x y z visibility`, or one
float each as an OSC Out CHOP sends them, `/pose/in/left_wrist1` to `4` (as an OSC In CHOP names its channels) or
`/pose/in/left_wrist/x`, `/y`, `/z`, `/visibility`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from engines.images import Frame, Size
from engines.pose.landmarks import COUNT, Joint, Landmarks
from engines.pose.tracker import Tracked
from live.control.coercion import last_of, number_of
from live.pacing import Clock

PREFIX = "/pose/in/"
STALE_S = 1.0
"""After this long without a message the tracker takes over again, and a joint that is not sent any more fades out."""

FARTHEST = 10.0
PARTS = ("x", "y", "z", "visibility")


class TracksPeople(Protocol):
    def track(self, frame: Frame, time_s: float) -> Tracked: ...
    def close(self) -> None: ...


class Nobody:
    """Said by the network: there is nobody in view."""


NOBODY = Nobody()


class PoseIn:
    """The newest pose of the network. Written by the receiver's thread, read by the tracker's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._landmarks = np.zeros((COUNT, 4), np.float32)
        self._told_s = np.full(COUNT, -np.inf)
        self._heard_s = -np.inf
        self._somebody = True
        self._aspect: float | None = None

    def receive(self, messages: Sequence[tuple[str, Sequence[Any]]], now_s: float) -> list[str]:
        """Take messages under `PREFIX` as one. Returns a sentence for each that meant nothing."""
        with self._lock:
            return [
                f"{address[:60]}: no such landmark, or no number"
                for address, arguments in messages
                if not self._take(address.removeprefix(PREFIX), arguments, now_s)
            ]

    def newest(self, now_s: float, size: Size) -> Landmarks | Nobody | None:
        """The pose in 0..1 of a frame of `size`; `NOBODY`; or None when the network is silent."""
        with self._lock:
            if now_s - self._heard_s > STALE_S:
                return None
            is_fresh = now_s - self._told_s <= STALE_S
            if not self._somebody or not is_fresh.any():
                return NOBODY
            landmarks = self._landmarks.copy()
            if self._aspect:
                landmarks[:, 0] = 0.5 + (landmarks[:, 0] - 0.5) * self._aspect * size[0] / size[1]
        landmarks[~is_fresh, 3] = 0
        landmarks[~is_fresh, :2] = landmarks[is_fresh, :2].mean(axis=0)
        return landmarks

    def _take(self, name: str, arguments: Sequence[Any], now_s: float) -> bool:
        if name in ("presence", "aspect"):
            return self._take_word(name, number_of(last_of(arguments)), now_s)
        joint, part = _place(name)
        numbers = [number_of(argument) for argument in arguments]
        if joint is None or not numbers or None in numbers:
            return False
        row = np.clip(np.array(numbers, np.float64), -FARTHEST, FARTHEST)
        if part is not None:
            self._landmarks[joint, part] = row[-1]
            if part < 3 and now_s - self._told_s[joint] > STALE_S:
                self._landmarks[joint, 3] = 1  # until a visibility is sent
        elif 2 <= len(row) <= 4:
            self._landmarks[joint] = (*row, *(0.0, 1.0)[len(row) - 2 :])
        else:
            return False
        self._landmarks[joint, 3] = np.clip(self._landmarks[joint, 3], 0, 1)
        self._told_s[joint] = self._heard_s = now_s
        return True

    def _take_word(self, name: str, number: float | None, now_s: float) -> bool:
        if number is None:
            return False
        if name == "aspect":
            self._aspect = number if 0.1 <= number <= 10 else None
        else:
            self._somebody, self._heard_s = number >= 0.5, now_s
        return True


class PosedFromOutside:
    """A tracker that believes the network as long as it speaks, and opens its eyes only when it is silent."""

    def __init__(self, opened: Callable[[], TracksPeople], pose_in: PoseIn, now: Clock = time.perf_counter) -> None:
        self._opened, self._pose_in, self._now = opened, pose_in, now
        self._eyes: TracksPeople | None = None

    def track(self, frame: Frame, time_s: float) -> Tracked:
        told = self._pose_in.newest(self._now(), (frame.shape[0], frame.shape[1]))
        if isinstance(told, Nobody):
            return Tracked(None, None, time_s)
        if told is not None:
            return Tracked(told, None, time_s)
        if self._eyes is None:
            self._eyes = self._opened()
        return self._eyes.track(frame, time_s)

    def close(self) -> None:
        if self._eyes:
            self._eyes.close()


_JOINTS = {joint.name.lower(): int(joint) for joint in Joint}


def _place(name: str) -> tuple[int | None, int | None]:
    """Joint and part (None for all of it) of `left_wrist`, `left_wrist3`, `left_wrist/z`."""
    if name in _JOINTS:
        return _JOINTS[name], None
    if name[-1:] in "1234" and name[:-1] in _JOINTS:
        return _JOINTS[name[:-1]], int(name[-1]) - 1
    joint, _, part = name.partition("/")
    return (_JOINTS.get(joint), PARTS.index(part)) if part in PARTS else (None, None)
