"""Is a dreamed film alive? Its motion, contrast, spectrum and colors over time, beside those of the real film.

A generator that is fed its own pictures freezes, blows up, fades to gray or runs in a circle long before its losses
tell. Each of these is found here and said in words, with what to change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.film.motion import look
from engines.images import Frame

WINDOW = 100
"""Steps that are judged together."""
AIM = (0.5, 2.0)
"""Motion energy, as a multiple of the film's, that is aimed at. Farther out something is wrong:"""
FROZEN, WILD = 0.2, 4.0
TREMBLING = 0.2
"""Change over `APART` steps, tremble averaged away, likewise: noise on a picture that goes nowhere moves it enough from
step to step, and is no life."""
AVERAGED, APART = 5, 10
PALE, HARSH = 0.45, 2.2
"""Contrast and color deviation, as multiples of the film's."""
NOISY = 4.0
"""Energy of the finest band of the spectrum, likewise."""
OFF_COLOR = 40.0
"""Levels that the mean color may be off the film's, besides what the film itself varies."""
LOOP = 30
"""A circle of so many steps or fewer is a loop; a waterfall's own rhythm is longer, or not that exact."""
RETURNS = 0.25
"""Come back this near (as a share of how far the picture went meanwhile) is the same picture again."""
BANDS = 3


@dataclass(frozen=True)
class Look:
    """A window of a film. `energy`: mean change from picture to picture, levels; `bands`: fine to coarse, levels.

    `wander`: mean change over `APART` steps between averages of `AVERAGED` pictures; None where it is too short to say.
    """

    energy: float
    wander: float | None
    contrast: float
    colors: float
    mean: tuple[float, float, float]
    bands: tuple[float, ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong, from which step on, and what to change: `kind` is freeze, blow-up, fade, color or loop."""

    kind: str
    step: int
    sentence: str


@dataclass(frozen=True)
class Liveness:
    """A rollout beside the film. `windows` are `WINDOW` steps each, in order."""

    film: Look
    windows: tuple[Look, ...]
    faults: tuple[Fault, ...]
    steps: int

    @property
    def energies(self) -> tuple[float, ...]:
        """Motion energy of every window, as a multiple of the film's."""
        return tuple(window.energy / max(self.film.energy, 1e-6) for window in self.windows)

    @property
    def wanders(self) -> tuple[float, ...]:
        """The change over some steps of every window, tremble left out, as a multiple of the film's."""
        return tuple((window.wander or 0.0) / (self.film.wander or 1e-6) for window in self.windows)

    @property
    def is_alive(self) -> bool:
        return not self.faults

    @property
    def is_on_aim(self) -> bool:
        """Whether every window moves 0.5 to 2 times as much as the film, and not by trembling in place."""
        moving = all(AIM[0] <= energy <= AIM[1] for energy in self.energies)
        return moving and bool(self.windows) and min(self.wanders) >= TREMBLING

    @property
    def told(self) -> str:
        energies = " ".join(f"{energy:.2f}" for energy in self.energies)
        wanders = " ".join(f"{wander:.2f}" for wander in self.wanders)
        return (
            f"{self.steps} steps, motion in windows of {WINDOW} (1 is the film's): {energies}; over {APART} steps, "
            f"tremble left out: {wanders}"
        )

    def figures(self) -> dict[str, float]:
        """For a manifest and for JSON."""
        last = self.windows[-1]
        return {
            "alive_steps": float(self.steps),
            "motion_least": round(min(self.energies), 3),
            "motion_most": round(max(self.energies), 3),
            "wander_least": round(min(self.wanders), 3),
            "contrast_last": round(last.contrast / max(self.film.contrast, 1e-6), 3),
            "detail_last": round(last.bands[0] / max(self.film.bands[0], 1e-6), 3),
        }


class Watcher:
    """Takes a film picture by picture and remembers it small."""

    def __init__(self) -> None:
        self._looks: list[Frame] = []

    def add(self, picture: Frame) -> None:
        self._looks.append(look(picture))

    def __len__(self) -> int:
        return len(self._looks)

    @property
    def pictures(self) -> NDArray[np.uint8]:
        return np.stack(self._looks)


def watched(pictures: Iterable[Frame]) -> NDArray[np.uint8]:
    """(T, h, w, 3): a film, small, as `liveness` wants it."""
    watcher = Watcher()
    for picture in pictures:
        watcher.add(picture)
    return watcher.pictures


def liveness(film: Sequence[NDArray[np.uint8]], rollout: NDArray[np.uint8]) -> Liveness:
    """The rollout (T, h, w, 3) judged beside the film: shots of it (T, h, w, 3) a stride a step, of the same size."""
    usual = _joined([(look_at(shot), len(shot) - 1) for shot in film if len(shot) > 1])
    length = min(WINDOW, len(rollout) - 1)
    starts = [start for start in range(0, len(rollout) - 1, length) if len(rollout) - 1 - start >= length / 2]
    windows = tuple(look_at(rollout[start : start + length + 1]) for start in starts)
    span = max(float(np.ptp([shot.mean(axis=(1, 2, 3))])) for shot in film)
    faults = _faults(usual, windows, span, length)
    loop = loop_in(rollout[-max(4 * LOOP, length) :])
    if loop is not None and all((loop_in(shot) or LOOP + 1) > LOOP for shot in film):
        faults.append(_looping(loop, len(rollout)))
    return Liveness(usual, windows, tuple(faults), len(rollout))


def look_at(pictures: NDArray[np.uint8]) -> Look:
    """What a stretch of film looks like, on the average."""
    changes = [cv2.absdiff(a, b).mean() for a, b in zip(pictures[1:], pictures[:-1], strict=True)]
    chosen = pictures[np.linspace(0, len(pictures) - 1, min(12, len(pictures))).round().astype(int)]
    grays = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in chosen]
    bands = np.mean([_bands(gray) for gray in grays], axis=0)
    mean = chosen.mean(axis=(0, 1, 2))
    return Look(
        energy=float(np.mean(changes)),
        wander=_wander(pictures),
        contrast=float(np.mean([gray.std() for gray in grays])),
        colors=float(np.mean([_colors(picture) for picture in chosen])),
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        bands=tuple(float(band) for band in bands),
    )


def _wander(pictures: NDArray[np.uint8]) -> float | None:
    blocks = len(pictures) // AVERAGED
    if blocks <= APART // AVERAGED:
        return None
    means = pictures[: blocks * AVERAGED].reshape(blocks, AVERAGED, *pictures.shape[1:]).mean(axis=1)
    lag = APART // AVERAGED
    return float(np.abs(means[lag:] - means[:-lag]).mean())


def loop_in(pictures: NDArray[np.uint8]) -> int | None:
    """The number of steps after which the pictures (T, h, w, 3) come back, 2 to `LOOP`; None where they do not.

    What stands still does not loop: a loop goes away and comes back.
    """
    if len(pictures) < 3 * LOOP:
        return None
    levels = pictures.astype(np.int16)
    apart = [float(np.abs(levels[lag:] - levels[:-lag]).mean()) for lag in range(1, LOOP + 1)]
    if max(apart) < 0.3:
        return None
    near = [lag for lag in range(2, LOOP + 1) if apart[lag - 1] < RETURNS * max(apart[: lag - 1])]
    if not near:
        return None
    lag = near[0]
    while lag < LOOP and apart[lag] < apart[lag - 1]:
        lag += 1
    return lag


def _faults(film: Look, windows: Sequence[Look], span: float, length: int) -> list[Fault]:
    found: dict[str, Fault] = {}
    for k, window in enumerate(windows):
        for fault in _window_faults(film, window, span, k * length):
            found.setdefault(fault.kind, fault)
    return list(found.values())


def _window_faults(film: Look, window: Look, span: float, step: int) -> Iterable[Fault]:
    energy = window.energy / max(film.energy, 1e-6)
    contrast, colors = window.contrast / max(film.contrast, 1e-6), window.colors / max(film.colors, 1.0)
    fine = window.bands[0] / max(film.bands[0], 1e-6)
    off = max(abs(a - b) for a, b in zip(window.mean, film.mean, strict=True))
    if energy < FROZEN:
        yield Fault(
            "freeze",
            step,
            f"it freezes: from step {step} on it moves {energy:.2f} times as much as the film (0.5 to 2 is aimed at); "
            "train longer, or raise next_frame.motion or losses.adversarial, or build the pairs with a longer --stride",
        )
    elif film.wander and window.wander is not None and window.wander < TREMBLING * film.wander:
        yield Fault(
            "freeze",
            step,
            f"it only trembles in place: from step {step} on it changes {window.wander / film.wander:.2f} times as "
            f"much as the film over {APART} steps; train longer, or raise next_frame.motion or losses.adversarial",
        )
    if energy > WILD or contrast > HARSH or fine > NOISY:
        yield Fault(
            "blow-up",
            step,
            f"it blows up: from step {step} on it moves {energy:.1f} times as much as the film, with {contrast:.1f} "
            f"times its contrast and {fine:.1f} times its fine detail; lower losses.adversarial, or train more cycles "
            "(next_frame.cycles), so that it meets its own pictures",
        )
    if contrast < PALE or (colors < PALE and film.colors > 4):
        yield Fault(
            "fade",
            step,
            f"it fades to gray: from step {step} on it has {contrast:.2f} times the film's contrast and {colors:.2f} "
            "times its color; train more cycles (next_frame.cycles), or raise losses.adversarial, or turn the drift "
            "guard up",
        )
    if off > OFF_COLOR + span:
        yield Fault(
            "color",
            step,
            f"its colors drift: from step {step} on they are {off:.0f} levels off the film's on the average; train "
            "more cycles (next_frame.cycles), or turn the drift guard up",
        )


def _looping(steps: int, length: int) -> Fault:
    return Fault(
        "loop",
        max(0, length - 4 * LOOP),
        f"it runs in a circle of {steps} steps; raise next_frame.noise, or give it a longer clip or a shorter --stride",
    )


def _bands(gray: NDArray[np.float32]) -> list[float]:
    """Mean absolute value of each level of a Laplacian pyramid (Burt and Adelson 1983), fine to coarse."""
    found = []
    for _ in range(BANDS):
        smaller = cv2.pyrDown(gray)
        found.append(float(np.abs(gray - cv2.pyrUp(smaller, dstsize=gray.shape[::-1])).mean()))
        gray = np.asarray(smaller, np.float32)
    return found


def _colors(picture: Frame) -> float:
    """Deviation of chroma from gray, in levels."""
    ycc = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) - 128
    return float(np.sqrt(np.square(ycc).mean()))


def _joined(shots: Sequence[tuple[Look, int]]) -> Look:
    """The average of shots, each counted by its steps: a short wild one is not half of the film."""
    looks, steps = zip(*shots, strict=True)

    def mean(values: Iterable[float]) -> float:
        return float(np.average(list(values), weights=steps))

    wanders = [(one.wander, count) for one, count in shots if one.wander is not None]
    total = sum(count for _, count in wanders)
    return Look(
        mean(one.energy for one in looks),
        sum(wander * count for wander, count in wanders) / total if total else None,
        mean(one.contrast for one in looks),
        mean(one.colors for one in looks),
        (mean(one.mean[0] for one in looks), mean(one.mean[1] for one in looks), mean(one.mean[2] for one in looks)),
        tuple(mean(one.bands[k] for one in looks) for k in range(BANDS)),
    )
