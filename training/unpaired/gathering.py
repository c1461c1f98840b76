"""From two folders or films to two sides, ready for a person to look through and for a method to learn from."""

import itertools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.errors import BadInput, PairsError
from engines.images import Frame, resized
from engines.pictures import picture_files, read_picture
from engines.progress import Progress, silent
from engines.take.clip import open_clip
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.writing import PairsWriter, write_pictures, write_text
from training.unpaired.curation import Glance, balance_warnings, duplicates
from training.unpaired.sheets import contact_sheet, shown_of, tile
from training.unpaired.store import LEAST, REJECTED, SIDES, Side, Sides, SideSplit, open_sides

LEAST_SIDE_PX = 32
EVERY_S = 0.5
FPS = 25.0
_NOTHING = np.empty((0, 0, 3), np.uint8)
TEST_SHARE = 0.2
SPLIT_NAMES: dict[SideSplit, tuple[str, ...]] = {"train": ("train",), "test": ("test", "val")}


@dataclass(frozen=True)
class Found:
    """One picture on its way in; `split` where its folder already says what it is for."""

    origin: str
    frame: Frame
    time_s: float = 0.0
    split: SideSplit | None = None


def gather(
    a: Path,
    b: Path | None,
    out: Path,
    *,
    size: int = 512,
    every: int | None = None,
    progress: Progress = silent,
) -> Sides:
    """Write the two sides into `out` with contact sheets and a reject list, and open them.

    `a` and `b` are folders of pictures or films; `a` alone is a folder with A and B (or trainA, trainB, testA, testB)
    inside. Pictures are shrunk so that their shorter side is at most `size` pixels; of a film every `every`-th frame is
    taken (default: two a second). Folders called train and test say the split; otherwise it is 4:1, the last fifth of a
    film or every fifth picture of a folder. A reject list that is there already is somebody's work and stays. Raises
    BadInput, VideoError, PairsError.
    """
    out = Path(out)
    if every is not None and every < 1:
        raise BadInput(f"every {every}-th frame cannot be taken: choose 1 or more")
    if size < LEAST_SIDE_PX:
        raise BadInput(f"size {size} is too small: pictures of {LEAST_SIDE_PX} pixels or more can be learned from")
    wanted = dict(zip(SIDES, ((Path(a),), (Path(b),)) if b is not None else _inside(Path(a)), strict=True))
    for places in wanted.values():
        if out.exists() and any(place.resolve() == out.resolve() for place in places):
            raise BadInput(f"{out}: is one of the sides itself; name another folder with --out")
    titles = (_title(wanted["A"][0]), _title(wanted["B"][0]))
    shots = tuple(
        Shot(id=side, source=title, frame_size=(size, size), crop=(0, 0, size))
        for side, title in zip(SIDES, titles, strict=True)
    )
    shutil.rmtree(out / "frames", ignore_errors=True)
    (out / PairsWriter.PART).unlink(missing_ok=True)
    writer = PairsWriter(out, PairsHeader(kind="unpaired", size=(size, size), fps=FPS, shots=shots))
    gathered = [_side(side, wanted[side], writer, size, every, progress) for side in SIDES]
    _write_rejects(out / REJECTED, gathered[0].marks + gathered[1].marks)
    warnings = balance_warnings((gathered[0].learned, gathered[1].learned), titles)
    smallest = min(gathered[0].smallest, gathered[1].smallest)
    header = writer.header.model_copy(update={"size": (smallest, smallest), "warnings": tuple(warnings)})
    return open_sides(writer.finish(header))


def summary(sides: Sides) -> str:
    """Some lines for the terminal."""
    lines = []
    for side, title in zip(SIDES, sides.titles, strict=True):
        learned, held = len(sides.indices(side, "train")), len(sides.indices(side, "test"))
        rejected = sum(name.startswith(f"{side}/") for name in sides.rejected)
        lines.append(f"side {side} ({title}): {learned} to learn from, {held} to test on, {rejected} rejected")
    lines += [f"  ! {warning}" for warning in sides.pairs.header.warnings]
    look = f"look at contact_A.jpg and contact_B.jpg in {sides.folder}, then edit {REJECTED}: a line taken out is kept"
    return "\n".join([*lines, f"  {look}"])


def _side(
    side: Side, places: tuple[Path, ...], writer: PairsWriter, size: int, every: int | None, progress: Progress
) -> "_Gathered":
    """Writes the pictures of one side and its contact sheet."""
    found: list[Found] = []
    names: list[str] = []
    glances, tiles_of = [], []
    smallest = size
    for number, one in enumerate(_all_found(places, every)):
        small = _shrunk(one.frame, size)
        smallest = min(smallest, *small.shape[:2])
        if smallest < LEAST_SIDE_PX:
            raise BadInput(
                f"{one.origin}: is {small.shape[1]}x{small.shape[0]} pixels; at least {LEAST_SIDE_PX} are needed"
            )
        name = _unused(_name(one.origin), names)
        write_pictures(writer.folder, f"{side}_{name}", small)
        names.append(name)
        found.append(Found(one.origin, _NOTHING, one.time_s, one.split))
        glances.append(Glance.of(small))
        tiles_of.append(resized(small, _within(small, 128)))
        progress(number + 1, 0)
    if len(found) < LEAST:
        raise PairsError(
            f"{places[0]}: holds {len(found)} picture{'' if len(found) == 1 else 's'} for side {side}; at least "
            f"{LEAST} are needed and some hundreds are good."
        )
    again = duplicates(glances)
    reasons = [
        f"near-duplicate of {names[again[i]]}" if i in again else ", ".join(glance.reasons)
        for i, glance in enumerate(glances)
    ]
    shown = shown_of([bool(reason) for reason in reasons])
    _write_jpeg(
        writer.folder / f"contact_{side}.jpg", contact_sheet([tile(tiles_of[i], names[i], reasons[i]) for i in shown])
    )
    marks = [(f"{side}/{name}", reason) for name, reason in zip(names, reasons, strict=True) if reason]
    splits = _splits(found)
    for number, (name, one, split) in enumerate(zip(names, found, splits, strict=True)):
        row = Row(id=f"{side}_{name}", source=one.origin, frame=number, time_s=one.time_s, shot=side, split=split)
        writer.add(row)
    learned = sum(split == "train" and not reason for split, reason in zip(splits, reasons, strict=True))
    return _Gathered(marks, learned, smallest)


@dataclass(frozen=True)
class _Gathered:
    """What was found of one side: its marks ("A/ID", reason), how many are left to learn from, the shortest side."""

    marks: list[tuple[str, str]]
    learned: int
    smallest: int


def _name(origin: str) -> str:
    """A picture keeps its name, so that a reject list still means the same pictures when others were added."""
    place, _, number = origin.partition("@")
    stem = str(Path(place).with_suffix(""))
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem) + (f"_{int(number):06d}" if number else "")


def _unused(name: str, names: list[str]) -> str:
    if name not in names:
        return name
    return next(f"{name}_{k}" for k in itertools.count(2) if f"{name}_{k}" not in names)


def _splits(found: list[Found]) -> list[SideSplit]:
    """As given where folders say it; of a film its last fifth, of pictures every fifth."""
    if any(one.split for one in found):
        return [one.split or "train" for one in found]
    films: dict[str, list[int]] = {}
    for i, one in enumerate(found):
        films.setdefault(one.origin.partition("@")[0] if "@" in one.origin else "", []).append(i)
    splits: list[SideSplit] = ["train"] * len(found)
    for film, indices in films.items():
        for place, i in enumerate(indices):
            held = place >= len(indices) * (1 - TEST_SHARE) if film else place % 5 == 4
            splits[i] = "test" if held else "train"
    return splits


def _all_found(places: tuple[Path, ...], every: int | None) -> Iterator[Found]:
    for place in places:
        if place.is_file():
            yield from _of_film(place, every)
            continue
        for split, names in SPLIT_NAMES.items():
            for name in names:
                if (place / name).is_dir():
                    for path in picture_files(place / name):
                        yield Found(f"{name}/{path.name}", read_picture(path), split=split)
        stem = place.name.lower()
        given: SideSplit | None = next((s for s, names in SPLIT_NAMES.items() if _is_sided(stem, names)), None)
        for path in picture_files(place):
            yield Found(path.name, read_picture(path), split=given)


def _of_film(path: Path, every: int | None) -> Iterator[Found]:
    clip = open_clip(path)
    step = every or max(1, round(clip.fps * EVERY_S))
    for each in clip.frames():
        if each.number % step == 0:
            yield Found(f"{path.name}@{each.number}", each.frame, each.time_s)


def _inside(root: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The two sides in one folder: A and B, or trainA, trainB, testA, testB."""
    found = []
    for side in SIDES:
        places = [
            place for name in (side, f"train{side}", f"test{side}", f"val{side}") if (place := root / name).is_dir()
        ]
        if not places:
            raise BadInput(
                f"{root}: holds no folder {side} nor train{side}; name two folders or films, or one with both inside"
            )
        found.append(tuple(places))
    return found[0], found[1]


def _is_sided(stem: str, names: tuple[str, ...]) -> bool:
    return any(stem in (f"{name}a", f"{name}b") for name in names)


def _title(place: Path) -> str:
    return place.stem if place.is_file() else place.name


def _shrunk(frame: Frame, size: int) -> Frame:
    scale = size / min(frame.shape[:2])
    if scale >= 1:
        return frame
    return resized(frame, (max(1, round(frame.shape[0] * scale)), max(1, round(frame.shape[1] * scale))))


def _within(frame: Frame, side: int) -> tuple[int, int]:
    scale = min(1.0, side / max(frame.shape[:2]))
    return max(1, round(frame.shape[0] * scale)), max(1, round(frame.shape[1] * scale))


def _write_jpeg(path: Path, frame: Frame) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert done
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise PairsError(f"{path}: cannot be written ({error.strerror}); free some space.") from error


def _write_rejects(path: Path, marks: list[tuple[str, str]]) -> None:
    if path.exists():
        return
    lines = [
        "# Pictures that are left out. Take a line out, or begin it with #, to keep its picture; add A/ID or B/ID."
    ]
    lines += [f"{name:<10}  # {reason}" for name, reason in marks]
    write_text(path, "\n".join(lines) + "\n")
