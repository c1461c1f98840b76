"""Pairs that the program renders itself: a costume on thousands of poses, with the true figure and matte of each."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.finish import over
from engines.images import Frame
from engines.pose.landmarks import Landmarks
from engines.pose.proportions import proportions_of
from engines.progress import Progress, silent
from training.costumes.costume import Costume, load_costume
from training.costumes.motions import random_landmarks, standing_everywhere
from training.costumes.rendering import rendered
from training.costumes.stage import Stage, plate_of
from training.pairs.header import PairsHeader, Row, Shot, Split
from training.pairs.store import PairSet
from training.pairs.writing import PairsWriter, write_pictures

FPS = 25.0  # rendered pairs are single poses; a rate only so that their times are told apart
HELD_OUT = 0.08  # of the pairs, poses of another seed: half validation, half test


@dataclass(frozen=True)
class Job:
    """One pair to render: everything a worker process needs."""

    folder: Path
    costume: Costume
    row: Row
    seed: int
    size: int


def render_pairs(
    costume: Costume | Path | str,
    out: Path | str,
    count: int,
    size: int = 512,
    seed: int = 0,
    workers: int = 2,
    progress: Progress | None = None,
) -> PairSet:
    """`count` pairs of random poses in a costume (its TOML file), written into the folder `out`; resumable.

    The same arguments give the same pairs, whatever the number of workers. Raises ConfigError for a bad costume and
    PairsError for a folder that cannot be written.
    """
    worn = costume if isinstance(costume, Costume) else load_costume(costume)
    show = progress or silent
    writer = PairsWriter(out, _header(worn, size))
    _write_plates(writer, worn, size)
    rows = [_row(number, count, worn) for number in range(count)]
    jobs = [Job(Path(out), worn, row, seed, size) for row in rows if row.id not in writer.done]
    show(count - len(jobs), count)
    for number, (job, landmarks) in enumerate(_worked_off(jobs, workers), 1):
        writer.add(job.row, landmarks)
        show(count - len(jobs) + number, count)
    return writer.finish()


def pose_of(row: Row, seed: int, size: int) -> Landmarks:
    """The landmarks of one pair. Held-out poses come from other seeds than those learned from."""
    return random_landmarks(np.random.default_rng([seed, int(row.split != "train"), row.frame]), (size, size))


def _worked_off(jobs: list[Job], workers: int) -> Iterator[tuple[Job, Landmarks]]:
    if workers <= 1 or len(jobs) < 16:
        yield from ((job, _rendered_pair(job)) for job in jobs)
        return
    # Spawned, because a forked child inherits the locks of threads it has not got.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_settle) as pool:
        yield from zip(jobs, pool.map(_rendered_pair, jobs, chunksize=4), strict=True)


def _settle() -> None:
    """A worker is one thread and gives way to whoever works at the machine."""
    cv2.setNumThreads(1)
    if hasattr(os, "nice"):
        os.nice(10)


def _rendered_pair(job: Job) -> Landmarks:
    landmarks = pose_of(job.row, job.seed, job.size)
    figure = rendered(landmarks, job.costume, job.size)
    frame = over(figure, _room(job.costume.stages[0], job.size)[:, _wing(job.size) :][:, : job.size].copy())
    write_pictures(job.folder, job.row.id, frame, np.ascontiguousarray(figure[..., 3]), figure)
    return landmarks


def _row(number: int, count: int, costume: Costume) -> Row:
    held_out = number - (count - round(count * HELD_OUT))
    split: Split = "train"
    if held_out >= 0:
        split = "validation" if held_out % 2 == 0 else "test"
    shot, time_s = costume.stages[0].name, number / FPS
    return Row(id=f"{number:06d}", source=costume.name, frame=number, time_s=time_s, shot=shot, split=split)


def _header(costume: Costume, size: int) -> PairsHeader:
    name = costume.stages[0].name
    shot = Shot(
        id=name, source=costume.name, static=True, frame_size=(size, size + 2 * _wing(size)),
        crop=(_wing(size), 0, size), plate=f"plates/{name}.png", plate_at=(0, _wing(size)),
    )  # fmt: skip
    return PairsHeader(
        size=(size, size), fps=FPS, shots=(shot,),
        proportions=proportions_of(standing_everywhere(), (size, size)),
        skeleton=costume.style, true_alpha=True,
        splits=f"the last {HELD_OUT:.0%} are poses of another seed, validation and test in turn",
        made_by={"costume": costume.name, "title": costume.title, "credits": costume.credits},
    )  # fmt: skip


def _write_plates(writer: PairsWriter, costume: Costume, size: int) -> None:
    """The room of the pairs, and the costume's other rooms beside it: the matte sits on any of them."""
    for stage in costume.stages:
        writer.add_plate(stage.name, _room(stage, size))


def _wing(size: int) -> int:
    """How much of the room is seen on either side of the square: enough for a screen of 16 to 9."""
    return round(size * 7 / 18)


def _room(stage: Stage, size: int) -> Frame:
    return plate_of(stage, (size, size + 2 * _wing(size)))
