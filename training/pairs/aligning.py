"""Pairs out of pictures that already belong together, side by side or in two folders, and out of a film's outlines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engines.errors import BadInput, PairsError
from engines.images import Frame, resized
from engines.pictures import picture_files, read_picture
from engines.progress import Progress, silent
from engines.take.clip import kept_at, open_clip
from training.pairs.header import PairsHeader, Row, Shot, Split
from training.pairs.splits import read_splits
from training.pairs.store import PairSet
from training.pairs.writing import PairsWriter

InputHalf = Literal["left", "right"]
LEAST_SIDE_PX = 32
FILM_FPS = 25.0
NAMED: dict[str, Split] = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


@dataclass(frozen=True)
class Aligned:
    """One pair as it was found."""

    name: str
    conditioning: Frame
    frame: Frame
    split: Split | None


def align(
    source: Path,
    out: Path,
    *,
    conditioning: str = "frame",
    input_half: InputHalf = "left",
    size: int = 512,
    progress: Progress = silent,
) -> PairSet:
    """Pairs from the pictures in `source` into `out`.

    `source` holds pictures of input and result side by side, or folders A (input) and B (result) with the same names;
    each may be divided into train, val and test, else every tenth is for choosing and two in ten for testing.
    `conditioning` says what a stage feeds the result: its frame, edges or gray. Pictures are shrunk so that the shorter
    side is at most `size`. Raises BadInput, PairsError.
    """
    source, out = Path(source), Path(out)
    if conditioning not in ("frame", "edges", "gray"):
        raise BadInput(f"conditioning {conditioning!r} is none that a stage makes of its picture: frame, edges or gray")
    found = _found(source, input_half)
    shot = Shot(id="a", source=source.name, frame_size=(size, size), crop=(0, 0, size))
    header = PairsHeader(kind="aligned", conditioning=conditioning, size=(size, size), fps=FILM_FPS, shots=(shot,))
    writer = PairsWriter(out, header)
    has_test = (source / "test").is_dir() or (source / "A" / "test").is_dir()
    sizes: list[tuple[int, int]] = []
    given: list[Split | None] = []
    for number, one in enumerate(found):
        frame = _shrunk(one.frame, size)
        sizes.append(frame.shape[:2])
        given.append(one.split)
        split = _split(one.split, number, has_test)
        row = Row(id=f"{number:05d}", source=one.name, frame=number, time_s=number / FILM_FPS, shot="a", split=split)
        writer.add(row, frame=frame, conditioning=resized(one.conditioning, frame.shape[:2]))
        progress(number + 1, 0)
    if len(sizes) < 2:
        raise PairsError(f"{source}: holds {len(sizes)} pair{'' if len(sizes) == 1 else 's'}; at least 2 are needed.")
    largest = max(sizes, key=min)
    return writer.finish(header.model_copy(update={"size": largest, "warnings": tuple(_warnings(given))}))


def outline(
    videos: list[Path],
    out: Path,
    *,
    size: int = 512,
    fps: float | None = None,
    splits: str = "68/8/24",
    progress: Progress = silent,
) -> PairSet:
    """Pairs of a film's outlines and its frames. The outlines are not stored: training draws them as the stage does."""
    parts = read_splits(splits)
    clips = [open_clip(video) for video in videos]
    if not clips:
        raise BadInput("no video was given: name at least one")
    shots = tuple(
        Shot(id=f"{k}", source=clip.name, frame_size=clip.size, crop=(0, 0, min(clip.size)))
        for k, clip in enumerate(clips)
    )
    rate = fps or min(FILM_FPS, max(clip.fps for clip in clips))
    header = PairsHeader(kind="aligned", conditioning="edges", drawn=True, size=(size, size), fps=rate, shots=shots)
    writer, largest = PairsWriter(out, header), (0, 0)
    for shot, clip in zip(shots, clips, strict=True):
        for each in clip.frames():
            progress(each.number + 1, clip.count)
            if not kept_at(each.number, clip.fps, rate):
                continue
            frame = _shrunk(each.frame, size)
            largest = max(largest, (frame.shape[0], frame.shape[1]), key=min)
            row = Row(
                id=f"{shot.id}_{each.number:06d}",
                source=clip.name,
                frame=each.number,
                time_s=each.time_s,
                shot=shot.id,
                split=parts.at(min(0.9999, each.number / max(1, clip.count))),
            )
            writer.add(row, frame=frame)
    return writer.finish(header.model_copy(update={"size": largest, "splits": splits}))


def _found(source: Path, half: InputHalf) -> Iterator[Aligned]:
    if not source.is_dir():
        raise BadInput(f"{source}: there is no such folder of aligned pictures")
    if (source / "A").is_dir() or (source / "B").is_dir():
        yield from _of_two_folders(source / "A", source / "B")
        return
    divided = [(name, split) for name, split in NAMED.items() if (source / name).is_dir()]
    places = [(source / name, split) for name, split in divided] if divided else [(source, None)]
    count = 0
    for place, split in places:
        for path in picture_files(place):
            count += 1
            yield _halves(path, half, split)
    if not count:
        raise PairsError(f"{source}: holds no pictures side by side, nor folders A and B, nor train, val and test.")


def _of_two_folders(a: Path, b: Path) -> Iterator[Aligned]:
    for name, split in [("", None), *NAMED.items()]:
        if name and not (a / name).is_dir():
            continue
        results = {path.stem: path for path in picture_files(b / name)}
        for path in picture_files(a / name):
            if path.stem not in results:
                raise PairsError(f"{path}: has no partner of this name in {b / name}; add it or take this one away.")
            looked_at, frame = read_picture(path), read_picture(results[path.stem])
            if looked_at.shape != frame.shape:
                told = " and ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in (looked_at, frame))
                raise PairsError(f"{path}: this pair is {told}; both pictures of a pair have to be of one size.")
            yield Aligned(_checked(path, frame), looked_at, frame, split)


def _halves(path: Path, half: InputHalf, split: Split | None) -> Aligned:
    both = read_picture(path)
    width = both.shape[1]
    if width % 2 or width < both.shape[0]:
        raise PairsError(
            f"{path}: is {width}x{both.shape[0]}, which is not two pictures side by side; expected twice the width of "
            "one, or folders A and B."
        )
    left, right = (np.ascontiguousarray(part) for part in (both[:, : width // 2], both[:, width // 2 :]))
    looked_at, frame = (left, right) if half == "left" else (right, left)
    return Aligned(_checked(path, frame), looked_at, frame, split)


def _checked(path: Path, frame: Frame) -> str:
    if min(frame.shape[:2]) < LEAST_SIDE_PX:
        raise BadInput(f"{path}: shows {frame.shape[1]}x{frame.shape[0]} pixels; at least {LEAST_SIDE_PX} are needed")
    return path.name


def _split(given: Split | None, number: int, has_test: bool) -> Split:
    """As the folders say. Where there is val and no test, a fifth of it is to choose by, the rest to test on."""
    if given is None:
        return "validation" if number % 10 == 4 else ("test" if number % 10 in (7, 9) else "train")
    if given == "validation" and not has_test:
        return "validation" if number % 5 == 0 else "test"
    return given


def _warnings(given: list[Split | None]) -> list[str]:
    learned = sum(split in (None, "train") for split in given)
    return [f"Only {learned} pairs to learn from; some hundreds are good."] if learned < 100 else []


def _shrunk(frame: Frame, size: int) -> Frame:
    scale = size / min(frame.shape[:2])
    if scale >= 1:
        return frame
    return resized(frame, (max(1, round(frame.shape[0] * scale)), max(1, round(frame.shape[1] * scale))))
