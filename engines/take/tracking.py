"""A clip, tracked: for every frame where the dancer is, what covers them, and how the picture looks at a glance."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.film.cutting import GLANCE_WIDTH, glance
from engines.images import Frame, Size
from engines.pose.landmarks import COUNT, Landmarks
from engines.take.clip import ClipFrame


class _Seen(Protocol):
    @property
    def landmarks(self) -> Landmarks | None: ...
    @property
    def mask(self) -> NDArray[np.uint8] | None: ...


class PoseTracker(Protocol):
    """What is asked of a tracker: `engines.pose.tracker.Tracker(masks=True)`, or anything alike."""

    def track(self, frame: Frame, time_s: float) -> _Seen: ...


@dataclass(frozen=True)
class Track:
    """T tracked frames of one clip, in order.

    `landmarks` (T, 33, 4) in 0..1 of the frame, NaN where nobody was found; `glances` (T, h, 96) uint8 are small gray
    pictures; `sharpness` (T,) is the mean gradient inside the person's box, in levels; `masks` are person masks as PNG,
    empty where there is none, because a minute of them as pixels would not fit into memory.
    """

    size: Size
    numbers: NDArray[np.int64]
    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    glances: NDArray[np.uint8]
    sharpness: NDArray[np.float32]
    masks: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(T,): somebody was found."""
        return ~np.isnan(self.landmarks[:, 0, 0])

    def mask(self, i: int) -> NDArray[np.uint8]:
        """(H, W), 0..255: the person in the i-th frame; zeros where nobody was found."""
        if not self.masks[i]:
            return np.zeros(self.size, np.uint8)
        return np.asarray(cv2.imdecode(np.frombuffer(self.masks[i], np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    def chosen(self, indices: NDArray[np.int64]) -> "Track":
        """Only these frames, in this order."""
        return Track(
            self.size,
            self.numbers[indices],
            self.times[indices],
            self.landmarks[indices],
            self.glances[indices],
            self.sharpness[indices],
            tuple(self.masks[i] for i in indices),
        )

    def save(self, path: Path) -> None:
        """One .npz without pickle, renamed into place so that a kill leaves a whole file or none."""
        names = [field.name for field in fields(self) if field.name != "masks"]
        arrays: dict[str, Any] = {name: np.asarray(getattr(self, name)) for name in names}
        packed = np.frombuffer(b"".join(self.masks), np.uint8)
        lengths = np.array([len(mask) for mask in self.masks], np.int64)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        with temporary.open("wb") as file:
            np.savez(file, **arrays | {"masks": packed, "mask_lengths": lengths})
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> "Track":
        with np.load(path, allow_pickle=False) as found:
            arrays = {field.name: found[field.name] for field in fields(cls) if field.name not in ("masks", "size")}
            packed = found["masks"].tobytes()
            ends = np.cumsum(found["mask_lengths"])
            masks = tuple(packed[end - length : end] for end, length in zip(ends, found["mask_lengths"], strict=True))
            height, width = (int(side) for side in found["size"])
        return cls(size=(height, width), masks=masks, **arrays)


def tracked(
    frames: Iterable[ClipFrame], tracker: PoseTracker, size: Size, *, each: Callable[[int], None] | None = None
) -> Track:
    """Every frame through the tracker, in order. `each` is told every frame's number once it is done."""
    rows = []
    for at in frames:
        seen = tracker.track(at.frame, at.time_s)
        rows.append((at.number, at.time_s, *_looked_at(at.frame, seen)))
        if each is not None:
            each(at.number)
    return _as_track(rows, size)


def joined(tracks: Sequence[Track]) -> Track:
    """Tracks of one clip, one after the other."""
    return Track(
        tracks[0].size,
        np.concatenate([track.numbers for track in tracks]),
        np.concatenate([track.times for track in tracks]),
        np.concatenate([track.landmarks for track in tracks]),
        np.concatenate([track.glances for track in tracks]),
        np.concatenate([track.sharpness for track in tracks]),
        tuple(mask for track in tracks for mask in track.masks),
    )


def _looked_at(frame: Frame, seen: _Seen) -> tuple[Landmarks, NDArray[np.uint8], float, bytes]:
    gray = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
    seen_small = glance(frame)
    if seen.landmarks is None:
        nobody = np.full((COUNT, 4), np.nan, np.float32)
        return nobody, seen_small, 0.0, b""
    mask = b""
    if seen.mask is not None:
        _, data = cv2.imencode(".png", seen.mask, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        mask = data.tobytes()
    return seen.landmarks, seen_small, _sharpness(gray, seen.landmarks), mask


def _sharpness(gray: NDArray[np.uint8], landmarks: Landmarks) -> float:
    """Mean gradient magnitude inside the box of the landmarks, in levels; falls when motion or focus blurs."""
    height, width = gray.shape
    corners = np.array([landmarks[:, :2].min(0), landmarks[:, :2].max(0)]) * (width, height)
    (left, top), (right, bottom) = np.clip(np.round(corners), 0, (width, height)).astype(int)
    inside = gray[top:bottom, left:right]
    if inside.size < 64:
        return 0.0
    across = cv2.Sobel(inside, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(inside, cv2.CV_32F, 0, 1)
    return float(np.mean(cv2.magnitude(across, down)))


def _as_track(rows: list[tuple[int, float, Landmarks, NDArray[np.uint8], float, bytes]], size: Size) -> Track:
    glance_height = max(1, round(GLANCE_WIDTH * size[0] / size[1]))
    return Track(
        size,
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.float32).reshape(-1, COUNT, 4),
        np.array([row[3] for row in rows], np.uint8).reshape(-1, glance_height, GLANCE_WIDTH),
        np.array([row[4] for row in rows], np.float32),
        tuple(row[5] for row in rows),
    )
