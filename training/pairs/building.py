"""From videos to a folder of pairs: track, choose, register, write; killed at any point, it goes on where it was.

While a folder is being built its `.work` holds the tracked chunks of every clip and the request they were made for.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import VideoError
from engines.images import Frame
from engines.pose.proportions import Proportions, proportions_of
from engines.take.clip import VideoClip, open_clip
from engines.take.plate import at_scale
from engines.take.take import (
    CropKind,
    Take,
    TakeShot,
    assembled,
    selected,
)
from engines.take.tracking import PoseTracker, Track, joined
from training.pairs.aligned import write_aligned
from training.pairs.claims import WORK, claim, finished
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.holding import held_landmarks
from training.pairs.jobs import TrackJob, WriteJob, chunks_of, steady_shot, track_chunks, write_stretch
from training.pairs.report import shown_progress, summary, write_report
from training.pairs.request import check_request, request_of
from training.pairs.splits import Splits, novelty, read_splits
from training.pairs.store import PairSet
from training.pairs.workers import Progress, Workers
from training.pairs.writing import PairsWriter

MOST_FPS = 30.0
FEW_PAIRS = 500  # vid2vid#64, heisters/motion-transfer: a hundred pictures are not enough


def pose_tracker() -> PoseTracker:
    """The real one; made in the process that uses it."""
    from engines.pose.tracker import Tracker

    return Tracker(masks=True)


def build_pairs(
    videos: Sequence[Path | str],
    out: Path | str,
    *,
    size: int = 512,
    fps: float | None = None,
    crop: CropKind = "static",
    splits: str = "68/8/24",
    aligned: Path | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    tracker: Callable[[], Any] = pose_tracker,
) -> PairSet:
    """Finds the dancer in the videos and writes pairs into `out`, with report.html; a finished folder is only opened.

    `progress(stage, done, total)` is told how far it is; without it a bar and a summary are shown. `tracker` makes
    what looks for people, in each process. Raises VideoError, PairsError or BadInput, one sentence each.
    """
    out = Path(out)
    parts = read_splits(splits)
    check_request(size, fps, crop, workers, videos)
    clips = [open_clip(video) for video in videos]
    request = request_of(clips, size, fps, crop, splits)
    with ExitStack() as stack:
        told = progress or stack.enter_context(shown_progress())
        pairs = finished(out, request)
        if pairs is None:
            crew = stack.enter_context(Workers(workers, told))
            pairs = _Building(out, clips, size, fps or MOST_FPS, crop, parts, crew, workers, tracker).build(request)
            write_report(pairs)
            shutil.rmtree(out / WORK, ignore_errors=True)
        if aligned is not None:
            write_aligned(pairs, Path(aligned))
    if progress is None:
        print(summary(pairs))
    return pairs


class _Building:
    """One build and what its steps share."""

    def __init__(
        self,
        out: Path,
        clips: list[VideoClip],
        size: int,
        fps: float,
        crop: CropKind,
        splits: Splits,
        crew: Workers,
        workers: int,
        tracker: Callable[[], Any],
    ) -> None:
        self.out, self.clips, self.size, self.fps, self.crop = out, clips, size, fps, crop
        self.splits, self.crew, self.workers, self.tracker = splits, crew, workers, tracker

    def build(self, request: dict[str, str]) -> PairSet:
        fps = min(self.fps, max(clip.fps for clip in self.clips))
        header = PairsHeader(size=(self.size, self.size), fps=fps, splits=str(request["splits"]), made_by=request)
        writer = PairsWriter(self.out, header)
        claim(self.out, request)
        try:
            takes = self._taken(self._tracks())
        except VideoError:  # these videos give no pairs: the folder is free for others
            shutil.rmtree(self.out / WORK, ignore_errors=True)
            raise
        shots = self._written(takes, writer)
        rows = [row for row, _ in shots.pairs]
        found = np.array([found for _, found in shots.pairs], np.float32)
        landmarks = held_landmarks(self.out, rows, found, fps, self.crew, self.workers)
        novel = self._novelty(rows, landmarks)
        drops: Counter[str] = sum((take.drops for take in takes), Counter())
        whole = header.model_copy(
            update={
                "shots": tuple(shots.shots),
                "drops": dict(drops.most_common()),
                "proportions": self._proportions(rows, landmarks),
                "warnings": tuple(_warnings(rows, shots.shots, drops, takes)),
            }
        )
        for row, held in zip(rows, landmarks, strict=True):
            writer.add(row, held)
        return writer.finish(whole, novel)

    def _tracks(self) -> list[Track]:
        jobs: list[TrackJob] = []
        files: list[list[Path]] = []
        for k, clip in enumerate(self.clips):
            chunks = chunks_of(self.out / WORK / f"clip-{k:02d}", clip)
            files.append([file for file, _, _ in chunks])
            todo = [chunk for chunk in chunks if not chunk[0].exists()]
            share = -(-len(todo) // self.workers)
            for start in range(0, len(todo), max(1, share)):
                jobs.append(TrackJob(clip, tuple(todo[start : start + share]), self.tracker))
        total = sum((stop or job.clip.count) - start for job in jobs for _, start, stop in job.chunks)
        self.crew.run("finding the dancer", total, track_chunks, jobs)
        return [joined([Track.load(file) for file in of_clip]) for of_clip in files]

    def _taken(self, tracks: list[Track]) -> list[Take]:
        selections = [selected(clip, track, self.fps) for clip, track in zip(self.clips, tracks, strict=True)]
        jobs = [job for selection in selections for job in selection.jobs(self.crop)]
        made = iter(self.crew.run("steadying the camera", sum(len(job.track) for job in jobs), steady_shot, jobs))
        return [assembled(selection, [next(made) for _ in selection.stretches]) for selection in selections]

    def _written(self, takes: list[Take], writer: PairsWriter) -> "_Written":
        result, jobs = _Written([], []), []
        for k, take in enumerate(takes):
            for n, shot in enumerate(take.shots):
                id = f"{k:02d}-{n:02d}"
                described, plate = self._described(id, take, shot, writer)
                result.shots.append(described)
                rows = [self._row(k, id, take, shot, i) for i in range(len(shot.kept))]
                result.pairs.extend((row, take.landmarks(shot, i)) for i, row in enumerate(rows))
                jobs += self._write_jobs(take, shot, [row.id for row in rows], plate)
        self.crew.run("writing pairs", sum(len(job.ids) for job in jobs), write_stretch, jobs)
        return result

    def _described(self, id: str, take: Take, shot: TakeShot, writer: PairsWriter) -> tuple[Shot, Frame | None]:
        """The shot for the header, and the part of its plate behind the square; the plate is written."""
        square = shot.squares[0]
        described = Shot(
            id=id,
            source=take.clip.name,
            static=shot.static,
            frame_size=shot.size,
            crop=(square.x, square.y, square.side),
            sway=round(shot.camera.sway, 2),
            why_moving=shot.camera.why,
        )
        if shot.plate is None:
            return described, None
        plate, (y, x) = at_scale(shot.plate.image, square, self.size)
        name = writer.add_plate(id, plate)
        seen = {"plate": name, "plate_at": (y, x), "never_seen": round(shot.plate.share, 4)}
        return described.model_copy(update=seen), plate[y : y + self.size, x : x + self.size]

    def _row(self, clip: int, shot_id: str, take: Take, shot: TakeShot, i: int) -> Row:
        index, square = int(shot.kept[i]), shot.squares[i]
        number = int(take.track.numbers[index])
        return Row(
            id=f"{clip:02d}-{number:06d}",
            source=take.clip.name,
            frame=number,
            time_s=float(take.track.times[index]),
            shot=shot_id,
            split=self.splits.at((index + 0.5) / len(take.track)),
            crop=(square.x, square.y, square.side),
        )

    def _write_jobs(self, take: Take, shot: TakeShot, ids: list[str], plate: Frame | None) -> list[WriteJob]:
        todo = np.array([i for i, id in enumerate(ids) if not (self.out / "frames" / f"{id}.png").exists()], np.int64)
        return [
            WriteJob(
                self.out,
                take.clip,  # type: ignore[arg-type]
                take.track.chosen(shot.kept[part]),
                tuple(ids[i] for i in part),
                tuple(shot.squares[i] for i in part),
                None if shot.matrices is None else shot.matrices[part],
                plate,
                shot.camera.lettering,
                self.size,
            )
            for part in np.array_split(todo, self.workers)
            if len(part)
        ]

    def _novelty(self, rows: list[Row], landmarks: NDArray[np.float32]) -> dict[str, float]:
        test = np.array([i for i, row in enumerate(rows) if row.split == "test"], np.int64)
        train = np.array([i for i, row in enumerate(rows) if row.split == "train"], np.int64)
        if len(train) == 0:
            return {}
        distances = novelty(landmarks, (self.size, self.size), test, train)
        return {rows[i].id: round(float(far), 4) for i, far in zip(test, distances, strict=True)}

    def _proportions(self, rows: list[Row], landmarks: NDArray[np.float32]) -> Proportions | None:
        """Of the main shot, its test end left out."""
        main = Counter(row.shot for row in rows).most_common(1)[0][0]
        chosen = [i for i, row in enumerate(rows) if row.shot == main and row.split in ("train", "validation")]
        try:
            return proportions_of(landmarks[chosen or [i for i, row in enumerate(rows) if row.shot == main]], (1, 1))
        except ValueError:
            return None


@dataclass(frozen=True)
class _Written:
    shots: list[Shot]
    pairs: list[tuple[Row, NDArray[np.float32]]]


def _warnings(rows: list[Row], shots: list[Shot], drops: Counter[str], takes: list[Take]) -> list[str]:
    found = []
    learned = sum(row.split == "train" for row in rows)
    if learned < FEW_PAIRS:
        found.append(
            f"Only {learned} pairs to learn from; below {FEW_PAIRS} the performer stays soft. Film a minute more."
        )
    frames = sum(len(take.track) for take in takes)
    for reason, count in drops.most_common(2):
        if count > 0.2 * frames and reason != "above the frame rate":
            found.append(f"{count} of {frames} frames were dropped: {reason}.")
    for shot in shots:
        if not shot.static and shot.why_moving:
            found.append(
                f"Shot {shot.id}: the camera moved ({shot.why_moving}), so the room is learned with the dancer."
            )
        if shot.never_seen > 0.1:
            found.append(
                f"Shot {shot.id}: {shot.never_seen:.0%} of the room was never free of the dancer and is invented."
            )
    if len(shots) > 1:
        found.append(f"There are {len(shots)} shots with a square each; one long shot learns best.")
    return found
