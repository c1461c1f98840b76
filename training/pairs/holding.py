"""The landmarks of written pairs held to the flow of their frames (`engines.pose.tremble`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import PairsError
from engines.pose.tremble import Gray, shifts, without_tremble
from training.pairs.header import Row
from training.pairs.workers import Tick, Workers

NEIGHBORS = 1.5  # frames that two pairs lie apart at most to follow each other


@dataclass(frozen=True)
class FlowJob:
    """Some consecutive pairs of `folder` to be looked through for flow."""

    folder: Path
    ids: tuple[str, ...]
    landmarks: NDArray[np.float32]


def held_landmarks(
    folder: Path, rows: Sequence[Row], landmarks: NDArray[np.float32], fps: float, crew: Workers, parts: int
) -> NDArray[np.float32]:
    """`landmarks` (N, 33, 4) of the pairs `rows` without their tremble, each stretch without a gap by itself."""
    held = landmarks.copy()
    runs = [run for run in _runs(rows, fps) if len(run) > 1]
    jobs, whose = [], []
    for run in runs:
        for part in np.array_split(np.arange(1, len(run)), parts):
            if len(part):
                span = run[part[0] - 1 : part[-1] + 1]  # with the frame before
                jobs.append(FlowJob(folder, tuple(rows[i].id for i in span), landmarks[span]))
                whose.append(span[1:])
    moved = np.full((len(rows), landmarks.shape[1], 2), np.nan, np.float32)
    done = crew.run("steadying the dancer", sum(len(job.ids) for job in jobs), flow_of, jobs)
    for span, found in zip(whose, done, strict=True):
        moved[span] = found[1:]
    for run in runs:
        held[run] = without_tremble(landmarks[run], moved[run])
    return held


def flow_of(job: FlowJob, tick: Tick) -> NDArray[np.float32]:
    """What `engines.pose.tremble.shifts` finds in a job's frames."""

    def frames() -> Iterator[Gray]:
        for id in job.ids:
            yield _gray(job.folder / "frames" / f"{id}.png")
            tick(1)

    return shifts(frames(), job.landmarks)


def _gray(path: Path) -> Gray:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise PairsError(f"{path}: cannot be read as a picture; build the pairs again.")
    return np.asarray(picture, np.uint8)


def _runs(rows: Sequence[Row], fps: float) -> list[NDArray[np.int64]]:
    """Indices of pairs that follow each other in one shot without a frame left out."""
    breaks = [
        i
        for i in range(1, len(rows))
        if (rows[i].source, rows[i].shot) != (rows[i - 1].source, rows[i - 1].shot)
        or not 0 < (rows[i].time_s - rows[i - 1].time_s) * fps < NEIGHBORS
    ]
    return np.split(np.arange(len(rows)), breaks)
