"""Sources whose every frame is known beforehand: played at their own speed live, or as fast as possible offline."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engines.errors import BadInput
from engines.images import Frame, Size, covering
from engines.pictures import SUFFIXES, picture_files, read_picture
from engines.pose.landmarks import Landmarks
from engines.take.clip import VideoClip, open_clip
from live.pacing import Clock, Sleep
from live.sources import Captured, SourceSpec

if TYPE_CHECKING:
    from live.sources.puppets import Puppet

DANCER_FPS = 50.0
DANCER_SIZE = (480, 640)
MOTION_HEIGHT = 480
IMAGES_FPS = 25.0


@dataclass(frozen=True)
class Moment:
    """One frame to come: its time since the reel's start, its pose if that is known, and how to get its picture."""

    time_s: float
    drawn: Callable[[], Frame]
    landmarks: Landmarks | None = None


class Reel(Protocol):
    """Frames in order, from the start at each call. `count` is None for one that never ends."""

    @property
    def said(self) -> str: ...
    @property
    def fps(self) -> float: ...
    @property
    def size(self) -> Size: ...
    @property
    def count(self) -> int | None: ...
    def moments(self) -> Iterator[Moment]: ...


class VideoReel:
    """A video file, with its own times."""

    def __init__(self, path: Path) -> None:
        self._clip: VideoClip = open_clip(path)
        self.fps, self.size, self.count = self._clip.fps, self._clip.size, self._clip.count
        self.said = f"{path.name} {self.size[1]}x{self.size[0]} {self.fps:.4g} fps"

    def moments(self) -> Iterator[Moment]:
        for each in self._clip.frames():
            yield Moment(each.time_s, lambda frame=each.frame: frame)  # type: ignore[misc]


class ImagesReel:
    """The pictures of a folder in the order of their names, at a rate; a single picture stands for ever.

    What is drawn into a picture while it stands is seen: it is read again when its file has changed. One that cannot
    be read then, since it is being written, stays as it was. Pictures of another shape are cropped to the first one's.
    """

    def __init__(self, folder: Path, fps: float = IMAGES_FPS) -> None:
        self._paths = picture_files(folder) if folder.is_dir() else [folder]
        if not self._paths:
            raise BadInput(f"{folder}: there is no picture in this folder ({', '.join(SUFFIXES)})")
        self.fps = fps
        self.count: int | None = len(self._paths) if folder.is_dir() else None
        self._last: tuple[object, Frame] | None = None  # so that a picture that stands is read once
        first = self._drawn(self._paths[0])
        self.size: Size = (first.shape[0], first.shape[1])
        told = f"{self.count} pictures, {fps:.4g} a second" if self.count else "a picture"
        self.said = f"{folder.name}: {told}"

    def moments(self) -> Iterator[Moment]:
        paths = self._paths if self.count else itertools.repeat(self._paths[0])
        for number, path in enumerate(paths):
            yield Moment(number / self.fps, lambda path=path: self._shown(path))  # type: ignore[misc]

    def _shown(self, path: Path) -> Frame:
        frame = self._drawn(path)
        return frame if frame.shape[:2] == self.size else covering(frame, self.size)

    def _drawn(self, path: Path) -> Frame:
        seen = _state(path)
        if self._last is None or self._last[0] != seen:
            try:
                self._last = seen, read_picture(path)
            except BadInput:
                if self._last is None or self.count:
                    raise
        return self._last[1]


def _state(path: Path) -> object:
    """What changes when a file is written or replaced; None for one that is not there just now."""
    try:
        said = path.stat()
    except OSError:
        return path, None
    return path, said.st_mtime_ns, said.st_size, said.st_ino


class DancerReel:
    """The built-in dancer, for ever."""

    def __init__(self, fps: float = DANCER_FPS, size: Size = DANCER_SIZE) -> None:
        from engines.pose.puppet import BuiltInDancer

        self._dancer = BuiltInDancer(size)
        self.fps, self.size, self.count = fps, size, None
        self.said = f"built-in dancer {size[1]}x{size[0]} {fps:.4g} fps"

    def moments(self) -> Iterator[Moment]:
        number = 0
        while True:
            time_s = number / self.fps
            yield Moment(time_s, lambda time_s=time_s: self._dancer.frame_at(time_s))  # type: ignore[misc]
            number += 1


class MotionReel:
    """A recorded motion: as landmarks that need no tracker, or (`tracked`) as a puppet for the tracker to find."""

    def __init__(self, path: Path, tracked: bool = False) -> None:
        from engines.pose.motion import Motion

        self._motion = Motion.load(path)
        times = self._motion.times
        if len(times) < 2:
            raise BadInput(f"{path}: a motion of {len(times)} poses cannot be played; record one of some seconds")
        self.fps = float(1 / np.median(np.diff(times)))
        aspect = self._motion.size[1] / self._motion.size[0]
        self.size = (MOTION_HEIGHT, round(MOTION_HEIGHT * aspect))
        self.count = int((times[-1] - times[0]) * self.fps) + 1
        self.said = f"{path.name} {self.fps:.4g} fps" + (" as a puppet" if tracked else "")
        self._puppet = self._as_puppet() if tracked else None

    def moments(self) -> Iterator[Moment]:
        for number in range(self.count):
            time_s = number / self.fps
            landmarks = self._motion.at(time_s, loop=False)
            yield Moment(time_s, self._drawing(landmarks), None if self._puppet else landmarks)

    def _drawing(self, landmarks: Landmarks) -> Callable[[], Frame]:
        if puppet := self._puppet:
            return lambda: puppet.drawn(landmarks)
        from engines.pose.skeleton import drawn_skeleton

        return lambda: drawn_skeleton(landmarks, self.size)

    def _as_puppet(self) -> "Puppet":
        from live.sources.puppets import Puppet

        return Puppet(self._motion.landmarks, self.size)


def open_reel(spec: SourceSpec) -> Reel:
    """The reel that a spec names. Raises `BadInput` for a camera, `VideoError` for a file that does not open."""
    if spec.kind == "video":
        return VideoReel(Path(spec.name))
    if spec.kind == "images":
        return ImagesReel(Path(spec.name))
    if spec.kind in ("motion", "puppet"):
        return MotionReel(Path(spec.name), tracked=spec.kind == "puppet")
    if spec.kind == "dancer":
        return DancerReel()
    raise BadInput(f"{spec.name} is a camera and has no end: name a video, a motion .npz or dancer")


class Played:
    """A reel at its own speed. Frames whose time has passed are left out, so a slow machine keeps the tempo."""

    is_mirror = False

    def __init__(
        self, reel: Reel, loop: bool = False, now: Clock = time.perf_counter, sleep: Sleep = time.sleep
    ) -> None:
        self._reel, self._loop, self._now, self._sleep = reel, loop, now, sleep
        self._moments = reel.moments()
        self._start_s: float | None = None
        self.said = reel.said

    def read(self) -> Captured | None:
        """The frame whose time has come; waits for it. None after the last, unless it loops."""
        while True:
            moment = next(self._moments, None)
            if moment is None and not self._loop:
                return None
            if moment is None:
                self._moments, self._start_s = self._reel.moments(), None
                continue
            if self._start_s is None:
                self._start_s = self._now() - moment.time_s
            due_s = self._start_s + moment.time_s
            behind_s = self._now() - due_s
            if behind_s > 1.0:  # a stall is paid once: go on from here instead of hurrying after
                self._start_s += behind_s
            elif behind_s > 1 / self._reel.fps:
                continue
            elif behind_s < 0:
                self._sleep(-behind_s)
            return Captured(moment.drawn(), self._now(), moment.landmarks)

    def close(self) -> None:
        """Nothing is held open between frames."""
