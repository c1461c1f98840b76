"""Pairs of a film with itself: every frame, and how much later the one is that a generator should make of it.

All frames are written once; pair i is (frame i, frame i + stride) where both lie in one shot. The stride is chosen by
how much the film moves (engines.film.motion), since neighbors that are nearly the same teach to copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.errors import BadInput, PairsError, VideoError
from engines.film.cutting import Glance, glance, spans
from engines.film.motion import MOVES, Motion, look, measured_motion, motion_at, new_ones, proposed
from engines.film.reading import evenly
from engines.images import Frame, resized
from engines.measuring import table
from engines.progress import Progress, silent
from engines.take.clip import VideoClip, open_clip
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.request import SIZES
from training.pairs.splits import read_splits
from training.pairs.store import PairSet, open_pairs
from training.pairs.writing import PairsWriter

FEW = 40
"""With fewer pairs than this to learn from there is hardly a film to go on with."""


def build_next_pairs(
    videos: Sequence[Path | str],
    out: Path | str,
    *,
    size: int = 512,
    stride: int | None = None,
    splits: str = "68/8/24",
    progress: Progress = silent,
) -> PairSet:
    """Writes the frames of one film into `out`, at most `size` high, and proposes the stride unless it is given.

    Raises VideoError for a film that is too short for the stride, or that stands still, BadInput and PairsError.
    """
    if len(videos) != 1:
        raise BadInput(f"{len(videos)} videos were given, but a film goes on from one; name one")
    if not SIZES[0] <= size <= SIZES[-1]:
        raise BadInput(f"Size {size} cannot be used: choose from {SIZES[0]} to {SIZES[-1]} pixels of height")
    if stride is not None and stride < 1:
        raise BadInput(f"A stride of {stride} frames is none: choose 1 or more")
    parts, clip, out = read_splits(splits), open_clip(videos[0]), Path(out)
    request = {**_request(clip), "size": str(size), "stride": str(stride or "chosen"), "splits": splits}
    if (out / "pairs.json").exists():
        return _reopened(out, request)
    seen = _looked_through(clip, progress)
    shots = seen.shots
    chosen = _stride(clip, seen, stride)
    high = min(size, clip.size[0])
    fitted = (high, max(1, round(clip.size[1] * high / clip.size[0])))
    header = PairsHeader(
        kind="next",
        stride=chosen.stride,
        size=fitted,
        fps=seen.fps,
        splits=splits,
        shots=tuple(
            Shot(id=f"{n:02d}", source=clip.name, frame_size=clip.size, crop=(0, 0, clip.size[0]))
            for n in range(len(shots))
        ),
        warnings=(*seen.warnings, *_warnings(shots, chosen)),
        made_by=request,
    )
    writer, shot, place = PairsWriter(out, header), 0, 0
    for moment in evenly(clip):
        number = moment.number
        progress(seen.count + number + 1, 2 * seen.count)
        if place == len(seen.numbers) or number != seen.numbers[place]:
            continue
        while shot + 1 < len(shots) and place >= shots[shot][1]:
            shot += 1
        place += 1
        row = Row(
            id=f"{number:06d}",
            source=clip.name,
            frame=number,
            time_s=moment.time_s,
            shot=f"{shot:02d}",
            split=parts.at((number + 0.5) / seen.count),
        )
        writer.add(row, frame=resized(moment.frame, fitted))
    return writer.finish()


def summary(pairs: PairSet) -> str:
    """What was built, for people."""
    header = pairs.header
    lines = [
        f"{pairs.folder}: {len(pairs)} frames of {header.size[1]} x {header.size[0]}, {header.fps:g} a second, in "
        f"{len(header.shots)} shot{'s' if len(header.shots) > 1 else ''}; a next frame is {header.stride} later "
        f"({header.stride / header.fps:.2f} s)"
    ]
    return "\n".join([*lines, *(f"! {warning}" for warning in header.warnings)])


@dataclass(frozen=True)
class _Seen:
    """The pictures of a film that are no repetition: small, as frame `numbers` out of `count`, and their shots."""

    looks: list[Frame]
    numbers: list[int]
    shots: list[tuple[int, int]]
    count: int
    fps: float

    @property
    def warnings(self) -> tuple[str, ...]:
        held = self.count - len(self.numbers)
        if not held:
            return ()
        return (f"{held} of {self.count} frames only repeat the one before and are left out: {self.fps:.3g} a second.",)


def _looked_through(clip: VideoClip, progress: Progress) -> _Seen:
    looks: list[Frame] = []
    glances: list[Glance] = []
    for moment in evenly(clip):
        looks.append(look(moment.frame))
        glances.append(glance(moment.frame))
        progress(len(looks), 2 * max(clip.count, len(looks)))
    new = new_ones(looks, clip.fps)
    # Cuts are told by what is usual around them, and beside a picture that is held every movement is a cut.
    shots = spans(np.stack([glances[i] for i in new]))
    return _Seen([looks[i] for i in new], new, shots, len(looks), clip.fps * len(new) / len(looks))


def _stride(clip: VideoClip, seen: _Seen, asked: int | None) -> Motion:
    looks, shots = seen.looks, seen.shots
    longest = max(stop - start for start, stop in shots)
    if longest < 3 or (asked is not None and longest <= 2 * asked):
        needed = 2 * (asked or 1) + 1
        raise VideoError(
            f"{clip.path}: its longest shot is {longest} frames, but a stride of {asked or 1} needs at least {needed}; "
            "choose a longer film" + ("" if asked is None else " or a shorter --stride")
        )
    measured = measured_motion(looks, shots, seen.fps)
    found = proposed(measured) if asked is None else motion_at(looks, shots, asked)
    if found is None or found.is_still:
        most = max((*measured, *([found] if found else [])), key=lambda motion: motion.moves)
        raise VideoError(
            f"{clip.path}: the picture stands still: within {most.stride} frames its liveliest part moves "
            f"{most.moves:.2%} of the width, {MOVES:.1%} is wanted; a next frame can only be learned of what moves"
            + ("" if asked is None or found is None else ", so choose a longer --stride or another film")
        )
    table(
        [
            {
                "stride": motion.stride,
                "moves": f"{motion.moves:.2%} of the width",
                "changes": f"{motion.changes:.1f} levels",
                "": ("given" if asked else "proposed") if motion.stride == found.stride else "",
            }
            for motion in (*(one for one in measured if one.stride < found.stride), found)
        ],
        title="what changes between two frames",
    )
    return found


def _warnings(shots: list[tuple[int, int]], chosen: Motion) -> tuple[str, ...]:
    count = sum(max(0, stop - start - chosen.stride) for start, stop in shots)
    found = []
    if count < FEW:
        found.append(f"Only {count} pairs; below {FEW} the film that goes on repeats itself. Take a longer one.")
    if not chosen.is_enough:
        found.append(
            f"Even {chosen.stride} frames apart little moves ({chosen.moves:.2%} of the width); it will go on quietly."
        )
    if len(shots) > 1:
        found.append(f"There are {len(shots)} shots; the film goes on from the last, one long shot learns best.")
    return tuple(found)


def _request(clip: VideoClip) -> dict[str, str]:
    stat = clip.path.stat()
    return {"video": f"{clip.name} {stat.st_size} {stat.st_mtime_ns}"}


def _reopened(out: Path, request: dict[str, str]) -> PairSet:
    pairs = open_pairs(out)
    if pairs.header.made_by != request:
        raise PairsError(f"{out}: holds pairs of another video or settings; choose another folder or delete this one.")
    return pairs
