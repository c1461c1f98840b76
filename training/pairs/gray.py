"""Pairs of a picture and itself in gray, from folders of photos and from videos; no pose is looked for.

Only the color is stored: gray is made when a pair is read, from the light of the picture (`engines.color`), just as on
stage. A folder with `train`, `val` (or `validation`) and `test` in it is split so; any other folder and every video are
split by their order, so that no two neighbors are on different sides of the gap.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.color import MIDDLE, chroma
from engines.errors import BadInput, PairsError
from engines.images import Frame, resized
from engines.pictures import picture_files, read_picture
from engines.take.clip import VideoClip, kept_at, open_clip
from training.pairs.claims import WORK, claim, finished
from training.pairs.header import PairsHeader, Row, Split
from training.pairs.report import shown_progress, summary
from training.pairs.splits import read_splits
from training.pairs.store import PairSet
from training.pairs.workers import Progress
from training.pairs.writing import PairsWriter

SPLIT_FOLDERS: dict[str, Split] = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
LEAST_CHROMA = 1.5
"""Mean distance from gray in units of Lab's a and b below which a picture has no color to teach. Scanned
black-and-white film with its codec's tint has 0.5 to 1, a foggy photo 3."""
LEAST_HUES = 0.45
"""The same across the picture's mean hue: sepia and toned film have 0.3, a photo of nothing but leaves 0.6."""
FEW = 0.5
NO_COLOR = "no color"

Photos = list[tuple[Path, Split | None]]
Source = VideoClip | Photos
Sides = Callable[[float], Split]


@dataclass(frozen=True)
class _Item:
    """One picture to come: where it is from, when, and on which side."""

    row: Row
    picture: Frame


def build_gray(
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    size: int = 512,
    fps: float | None = None,
    splits: str = "68/8/24",
    progress: Progress | None = None,
) -> PairSet:
    """Writes pairs for `colorize` from folders of photos and from videos; a finished folder is only opened.

    `size` is the most that a picture's shorter side has; smaller ones stay as they are. `fps` thins videos. Pictures
    without color are left out and counted. Raises BadInput, VideoError, or PairsError when there is no color at all.
    """
    out, parts = Path(out), read_splits(splits)
    if not 64 <= size <= 4096:
        raise BadInput(f"Size {size} cannot be used: choose from 64 to 4096, such as 512.")
    opened = [_opened(Path(source)) for source in sources]
    request = _request(opened, size, fps, splits)
    pairs = finished(out, request)
    if pairs is None:
        header = PairsHeader(kind="gray", size=(size, size), fps=_rate(opened, fps), splits=splits, made_by=request)
        writer = PairsWriter(out, header)
        claim(out, request)
        drops: Counter[str] = Counter()
        with shown_progress() as bars:
            for k, source in enumerate(opened):
                _write(k, source, writer, size, fps, parts.at, drops, progress or bars)
        pairs = _whole(writer, header, drops)
        shutil.rmtree(out / WORK, ignore_errors=True)
    if progress is None:
        print(summary(pairs))
    return pairs


def _whole(writer: PairsWriter, header: PairsHeader, drops: Counter[str]) -> PairSet:
    kept, gray = len(writer.done), drops[NO_COLOR]
    if not kept:
        shutil.rmtree(writer.folder / WORK, ignore_errors=True)  # the folder is free for others
        raise PairsError(
            f"{writer.folder}: there is no color in the color set: all {gray} pictures are gray (or tinted evenly); "
            "name photos or film in color, the gray ones are what `understudy render` colors afterwards"
        )
    told = f"{gray} of {gray + kept} pictures have no color and were left out; is this the color set?"
    warnings = (told,) if gray > FEW * (gray + kept) else ()
    whole = writer.finish(header.model_copy(update={"drops": dict(drops), "warnings": warnings}))
    if not len(whole.split("train")):
        raise PairsError(f"{writer.folder}: no pictures to learn from; the folder 'train' is empty, or all are gray.")
    return whole


def _write(
    k: int,
    source: Source,
    writer: PairsWriter,
    size: int,
    fps: float | None,
    at: Sides,
    drops: Counter[str],
    progress: Progress,
) -> None:
    count = source.count if isinstance(source, VideoClip) else len(source)
    items = _frames(k, source, fps, at) if isinstance(source, VideoClip) else _photos(k, source, at)
    for done, item in enumerate(items):
        progress("reading color", done + 1, max(count, done + 1))
        if item.row.id in writer.done:
            continue
        picture = _small(item.picture, size)
        if has_color(picture):
            writer.add(item.row, frame=picture)
        else:
            drops[NO_COLOR] += 1


def has_color(picture: Frame) -> bool:
    """Whether anything can be learned from its color: a tint, which has one hue everywhere, is none."""
    color = chroma(resized(picture, (64, 64))).reshape(-1, 2) - MIDDLE
    hue = color.mean(axis=0) / max(float(np.linalg.norm(color.mean(axis=0))), 1e-6)
    beside = float(np.abs(color @ np.array([-hue[1], hue[0]])).mean())
    return float(np.linalg.norm(color, axis=1).mean()) > LEAST_CHROMA and beside > LEAST_HUES


def _frames(k: int, clip: VideoClip, fps: float | None, at: Sides) -> Iterator[_Item]:
    for frame in clip.frames():
        if fps is not None and not kept_at(frame.number, clip.fps, fps):
            continue
        split = at((frame.number + 0.5) / max(clip.count, frame.number + 1))
        yield _Item(_row(k, frame.number, clip.name, frame.time_s, split), frame.frame)


def _photos(k: int, photos: Photos, at: Sides) -> Iterator[_Item]:
    for number, (path, split) in enumerate(photos):
        side = split or at((number + 0.5) / len(photos))
        yield _Item(_row(k, number, path.name, float(number), side), read_picture(path))


def _row(k: int, number: int, source: str, time_s: float, split: Split) -> Row:
    return Row(id=f"{k:02d}-{number:06d}", source=source, frame=number, time_s=time_s, shot=f"{k:02d}", split=split)


def _small(picture: Frame, size: int) -> Frame:
    scale = size / min(picture.shape[:2])
    if scale >= 1:
        return picture
    return resized(picture, (round(picture.shape[0] * scale), round(picture.shape[1] * scale)))


def _opened(source: Path) -> Source:
    if not source.is_dir():
        return open_clip(source)
    named = {path.name: path for path in source.iterdir() if path.is_dir() and path.name in SPLIT_FOLDERS}
    found: list[tuple[Path, Split | None]] = []
    for name, folder in sorted(named.items()):
        found += [(path, SPLIT_FOLDERS[name]) for path in picture_files(folder)]
    if not named:
        found = [(path, None) for path in picture_files(source)]
    if not found:
        raise BadInput(f"{source}: there is no picture in this folder")
    return found


def _rate(opened: Sequence[Source], fps: float | None) -> float:
    rates = [source.fps for source in opened if isinstance(source, VideoClip)]
    return min(fps or 1000.0, max(rates)) if rates else 25.0


def _request(opened: Sequence[Source], size: int, fps: float | None, splits: str) -> dict[str, str]:
    files = [
        path
        for source in opened
        for path in ([source.path] if isinstance(source, VideoClip) else [p for p, _ in source])
    ]
    told = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    return {"kind": "gray", "sources": digest, "size": str(size), "fps": str(fps or "own"), "splits": splits}
