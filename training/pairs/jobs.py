"""What a build hands to other processes: chunks of a clip to track, shots to steady, stretches to draw and write."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import PairsError
from engines.images import Frame
from engines.take.clip import VideoClip
from engines.take.framing import Matrix, Square
from engines.take.take import Made, ShotJob, cover, frames_of, make_shot, square_mask, square_picture
from engines.take.tracking import Track, tracked
from training.pairs.workers import Tick
from training.pairs.writing import write_pictures

CHUNK_S, WARM_UP_S = 5.0, 0.5


@dataclass(frozen=True)
class TrackJob:
    """Some chunks (file, first frame, frame after the last) of one clip to be tracked, each into its file."""

    clip: VideoClip
    chunks: tuple[tuple[Path, int, int | None], ...]
    tracker: Callable[[], Any]


@dataclass(frozen=True)
class WriteJob:
    """A stretch of one shot to be drawn into its square and written."""

    folder: Path
    clip: VideoClip
    track: Track  # of these frames only
    ids: tuple[str, ...]
    squares: tuple[Square, ...]
    matrices: NDArray[np.float64] | None
    plate: Frame | None
    lettering: NDArray[np.uint8]
    size: int


def chunks_of(folder: Path, clip: VideoClip) -> list[tuple[Path, int, int | None]]:
    """(file, start, stop) of every chunk; the last one goes on to wherever the pictures end."""
    folder.mkdir(parents=True, exist_ok=True)
    length = max(1, round(CHUNK_S * clip.fps))
    starts = list(range(0, max(1, clip.count - length // 2), length))
    stops: list[int | None] = [*starts[1:], None]
    return [(folder / f"{start:08d}.npz", start, stop) for start, stop in zip(starts, stops, strict=True)]


def track_chunks(job: TrackJob, tick: Tick) -> None:
    """Tracks the chunks of a job; each begins with a tracker that has seen half a second before it."""
    warm = round(WARM_UP_S * job.clip.fps)
    for file, start, stop in job.chunks:
        tracker = job.tracker()
        with ExitStack() as stack:
            if hasattr(tracker, "close"):
                stack.callback(tracker.close)
            frames = job.clip.frames(max(0, start - warm), stop)
            track = tracked(frames, tracker, job.clip.size, each=lambda n, start=start: tick(n >= start))  # type: ignore[misc]
        try:
            track.chosen(np.flatnonzero(track.numbers >= start)).save(file)
        except OSError as error:
            raise PairsError(f"{file}: cannot be written ({error.strerror}); free some space and run again.") from error


def write_stretch(job: WriteJob, tick: Tick) -> None:
    """Draws the frames of a job into their squares and writes them with their masks."""
    lettered = bool(job.lettering.any())
    for i, frame in enumerate(frames_of(job.clip, job.track.numbers)):
        matrix: Matrix | None = None if job.matrices is None else job.matrices[i]
        if matrix is not None and np.array_equal(matrix, np.eye(3)):
            matrix = None
        hidden = np.where(cover(job.track, i) > 0, 0, job.lettering) if lettered else None
        picture = square_picture(frame, job.squares[i], job.size, matrix, job.plate, hidden)
        mask = square_mask(job.track.mask(i), job.squares[i], job.size, matrix)
        write_pictures(job.folder, job.ids[i], picture, mask)
        tick(1)


def steady_shot(job: ShotJob, tick: Tick) -> Made:
    """The shot with its camera's movement, squares and plate found."""
    made = make_shot(job)
    tick(len(job.track))
    return made
