"""A motion: landmarks with their times, recorded, extracted from a clip, replayed and saved in one form."""

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput, VideoError
from engines.images import Frame, Size
from engines.pose.holding import Recording
from engines.pose.landmarks import COUNT, Landmarks
from engines.pose.quiet import native_logs_silenced
from engines.pose.tracker import Tracker
from engines.progress import Progress, silent

FORMAT = 1


@dataclass(frozen=True)
class Motion:
    """`landmarks` (T, 33, 4) float32 of frames of `size` at `times` (T,) float64 seconds, which rise; T >= 1."""

    landmarks: NDArray[np.float32]
    times: NDArray[np.float64]
    size: Size
    source: str = ""

    def __post_init__(self) -> None:
        if reason := _fault(self.landmarks, self.times):
            raise BadInput(f"A motion cannot be made of this: {reason}.")

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last, which lasts as long as most do."""
        steps = np.diff(self.times)
        return float(self.times[-1] - self.times[0] + (np.median(steps) if len(steps) else 0.0))

    def at(self, time_s: float, loop: bool = True) -> Landmarks:
        """The pose `time_s` after the beginning, between two frames if need be; (33, 4).

        A loop leads from the last frame back to the first; else the ends are held.
        """
        if len(self.times) == 1:
            return self.landmarks[0].copy()
        times = np.append(self.times - self.times[0], self.duration_s)
        time_s = time_s % self.duration_s if loop else min(max(time_s, 0.0), float(times[-2]))
        before = min(int(np.searchsorted(times, time_s, side="right")) - 1, len(self.times) - 1)
        after = (before + 1) % len(self.times)
        part = np.float32((time_s - times[before]) / (times[before + 1] - times[before]))
        if not loop and after == 0:
            return self.landmarks[before].copy()
        return self.landmarks[before] + part * (self.landmarks[after] - self.landmarks[before])

    def save(self, path: Path) -> None:
        """Write it as .npz, whole or not at all. Raises BadInput when the place cannot be written."""
        header = {"format": FORMAT, "source": self.source, "size": list(self.size)}
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                text = np.frombuffer(json.dumps(header).encode(), np.uint8)
                np.savez_compressed(file, landmarks=self.landmarks, times=self.times, header=text)
            partial.replace(path)
        except OSError as error:
            raise BadInput(f"The motion cannot be written to {path} ({error.strerror or error}).") from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "Motion":
        """Read what `save` wrote; nothing in the file is executed. Raises BadInput."""
        if not path.is_file():
            raise BadInput(f"There is no motion at {path}.")
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("landmarks", "times", "header")}
            header = json.loads(arrays["header"].tobytes())
            size = (int(header["size"][0]), int(header["size"][1]))
            version, source = int(header["format"]), str(header.get("source", ""))
        except KeyError as error:
            raise BadInput(f"{path} is not a motion: it has no {error.args[0]!s}.") from error
        # np.load says ValueError for pickles and for what is no archive at all.
        except (ValueError, TypeError, AttributeError, IndexError, EOFError, OSError, zipfile.BadZipFile) as error:
            # NumPy takes whatever is no archive for a pickle, and advises to load it unsafely.
            why = "it is no .npz archive" if "pickle" in str(error) else str(error).splitlines()[0]
            raise BadInput(f"{path} is not a motion that can be read ({why}).") from error
        if version > FORMAT:
            raise BadInput(f"{path} is a motion of format {version}, but this version reads up to {FORMAT}: update.")
        landmarks, times = arrays["landmarks"], arrays["times"]
        if reason := _fault(landmarks, times):
            raise BadInput(f"{path} is not a usable motion: {reason}.")
        return cls(landmarks, times, size, source)


def _fault(landmarks: NDArray[Any], times: NDArray[Any]) -> str:
    if landmarks.ndim != 3 or landmarks.shape[1:] != (COUNT, 4) or landmarks.dtype != np.float32:
        return f"landmarks are {landmarks.shape} {landmarks.dtype}, expected (frames, {COUNT}, 4) float32"
    if times.shape != landmarks.shape[:1] or times.dtype != np.float64:
        return f"times are {times.shape} {times.dtype}, expected {landmarks.shape[:1]} float64"
    if len(times) == 0:
        return "it has no frames"
    if not (np.isfinite(landmarks).all() and np.isfinite(times).all()):
        return "it has values that are not numbers"
    if not (np.diff(times) > 0).all():
        return "its times do not rise"
    return ""


def writable(path: Path) -> None:
    """Whether a motion can be written to `path`, asked before the dance. Raises BadInput when it cannot."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise BadInput(f"The motion cannot be written to {path} ({error.strerror or error}).") from error


def extracted_motion(
    video: Path, progress: Progress = silent, tracker: Tracker | None = None, steadied: bool = True
) -> Motion:
    """The motion of the one person followed in `video`, at the clip's own rate, `steadied` by the clip's own flow.

    Frames in which nobody is found are left out; replaying bridges them. Raises VideoError when the clip does not open
    or shows nobody, Unavailable when there is no tracker to be had.
    """
    if not video.is_file():
        raise VideoError(f"There is no video at {video}.")
    own = tracker or Tracker()
    try:
        recording, times, size = Recording(steadied), [], (0, 0)
        for frame, time_s, done, total in _frames(video):
            tracked = own.track(frame, time_s)
            recording.add(frame, tracked.landmarks)
            if tracked.landmarks is not None:
                times.append(time_s)
            size = (frame.shape[0], frame.shape[1])
            progress(done, total)
    finally:
        if tracker is None:
            own.close()
    if not times:
        raise VideoError(f"Nobody was found in any frame of {video}: is a whole person in view?")
    return Motion(np.stack(recording.landmarks()), np.array(times, np.float64), size, video.name)


def _frames(video: Path) -> Iterator[tuple[Frame, float, int, int]]:
    """RGB frames with their time, their number from 1 and how many there are said to be."""
    with native_logs_silenced():
        capture = cv2.VideoCapture(str(video))
    try:
        fps = capture.get(cv2.CAP_PROP_FPS)
        if not capture.isOpened() or not fps > 0:
            raise VideoError(f"{video} does not open as a video: convert it to H.264 in .mp4 and try again.")
        total = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        number = 0
        while (read := capture.read())[0]:
            number += 1
            # Counted, not asked for: time stamps of clips are often missing or step backwards.
            frame = np.asarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB), np.uint8)
            yield frame, (number - 1) / fps, number, max(total, number)
        if number == 0:
            raise VideoError(f"{video} opens but holds no frame that can be read: convert it to H.264 in .mp4.")
    finally:
        capture.release()
