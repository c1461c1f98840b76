"""`understudy singan ...`: what can be asked of a run from one picture, from files into files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.images import Frame, Size
from engines.pictures import read_picture
from training.film import write_film
from training.runs import writing
from training.samples import write_picture
from training.singan.modes import animated, edited, enlarged, harmonized, painted, sampled, start_of
from training.singan.pictures import read_mask
from training.singan.runs import open_learned
from training.singan.tuning import tuned


def sample(run: Path, out: Path, *, count: int, size: Size | None, start: int, seed: int) -> None:
    """`count` random pictures into the folder `out`."""
    learned = open_learned(run)
    for number, picture in enumerate(sampled(learned, count, size, start, seed)):
        _write(out / f"sample-{number:03d}.png", picture)
    print(f"{out}: {count} samples")


def harmonize(run: Path, picture: Path, mask: Path | None, out: Path, *, start: int | None, tune: int) -> None:
    """A figure that was pasted into the picture, blended into it; without a mask the person in it is looked for."""
    _check_ending(out, ".png", "a picture")
    learned, naive = open_learned(run), read_picture(picture)
    start = start_of(learned, start)  # before a person is looked for in vain
    size: Size = (naive.shape[0], naive.shape[1])
    where = read_mask(mask, size, str(picture)) if mask else person_mask(naive, picture)
    if tune:
        learned = tuned(learned, naive, tune)
    _said(out, harmonized(learned, naive, where, start))


def edit(run: Path, picture: Path, mask: Path | None, out: Path, *, start: int | None) -> None:
    """A picture that was cut and moved about by hand, made whole."""
    _check_ending(out, ".png", "a picture")
    learned, changed = open_learned(run), read_picture(picture)
    where = read_mask(mask, (changed.shape[0], changed.shape[1]), str(picture)) if mask else None
    _said(out, edited(learned, changed, where, start))


def paint(run: Path, picture: Path, out: Path, *, start: int | None, colors: int) -> None:
    """A painting as a picture of the learned kind."""
    _check_ending(out, ".png", "a picture")
    _said(out, painted(open_learned(run), read_picture(picture), start, colors))


def upscale(run: Path, picture: Path | None, out: Path, *, factor: float) -> None:
    """A picture (default: the learned one) enlarged with the structure that was learned."""
    _check_ending(out, ".png", "a picture")
    learned = open_learned(run)
    _said(out, enlarged(learned, read_picture(picture) if picture else learned.picture, factor))


def animate(
    run: Path, out: Path, *, seconds: float, fps: float, walk: float, amplitude: float, start: int, seed: int
) -> None:
    """A film of the picture as it changes, which ends as it begins."""
    _check_ending(out, ".mp4", "a film")
    learned = open_learned(run)
    count = max(2, round(seconds * fps))
    frames = animated(learned, count, walk, amplitude, start, seed)
    with writing(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        written = write_film(out, frames, fps)
    print(f"{out}: {written} frames, {written / fps:.1f} s, a loop")


def measure(run: Path, *, samples: int) -> dict[str, float]:
    """How well a run has its picture, and how varied and true its samples are, as a table."""
    from engines.measuring import table
    from training.singan.measures import measured

    figures = measured(open_learned(run), samples)
    table([{"run": run.name, **{name: round(value, 3) for name, value in figures.items()}}], title="singan")
    return figures


def person_mask(picture: Frame, path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8, where the pose model sees a person. Raises BadInput when it sees none."""
    from engines.pose.tracker import Tracker

    with Tracker(masks=True, mode="image") as tracker:
        found = tracker.track(picture, 0.0)
    if found.mask is None or not (found.mask > 127).any():
        raise BadInput(f"{path}: nobody was found in it; name what was pasted with --mask MASK.png, white on black")
    return found.mask


def _check_ending(out: Path, ending: str, what: str) -> None:
    if out.suffix.lower() != ending:
        raise BadInput(f"{out}: {what} ends in {ending}; choose another name")


def _said(out: Path, picture: Frame) -> None:
    _write(out, picture)
    print(f"{out}: {picture.shape[1]} x {picture.shape[0]}")


def _write(path: Path, picture: Frame) -> None:
    with writing(path.parent):
        write_picture(path, picture)
