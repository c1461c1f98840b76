"""How a generator stands on held-out pairs while it trains: what chooses the best checkpoint, never the losses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from torch import nn

from engines.errors import Unavailable
from engines.images import Frame, resized
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracker
from training import metrics
from training.datasets import Examples
from training.devices import picture_array
from training.methods import Method

Found = Callable[[Frame], Landmarks | None]
DETECTION_SIZE = (512, 512)
JUDGED = 16


@dataclass(frozen=True)
class Standing:
    """Figures over held-out pairs.

    `figure_l1`: mean error inside the person mask in levels of 255. `sharpness` and `pck` as `evaluate` defines them;
    PCK@0.1, None where no pose is looked for. `moved`: mean change of the pictures since the last time, in
    levels of 255. `recognized`: share of real crops the discriminator takes for real, (learned from, held out).
    """

    figure_l1: float
    sharpness: float
    pck: float | None = None
    moved: float | None = None
    recognized: tuple[float, float] | None = None

    @property
    def score(self) -> float:
        """Higher is better. L1 alone prefers a blur, PCK alone a stick figure, sharpness alone noise."""
        return (self.pck or 0.0) + 0.5 * min(1.0, self.sharpness) - self.figure_l1 / 100


class Judge:
    """Looks at the same held-out pairs each time, and remembers the last pictures."""

    def __init__(self, found: Found | None) -> None:
        self._found = found
        self._before: list[Frame] = []

    def standing(self, method: Method, performer: nn.Module, examples: Examples) -> Standing | None:
        """None where no pairs are held out."""
        indices = examples.spread(examples.validation, JUDGED)
        if not indices:
            return None
        pictures, errors, sharp, real_sharp, shares = [], [], [], [], []
        for i in indices:
            batch = examples.plain([i])
            picture, real, mask = picture_array(method.picture(performer, batch))[0], batch.real[0], batch.mask[0]
            pictures.append(picture)
            errors.append(metrics.l1(picture, real, metrics.person(mask)))
            where = metrics.figure(mask)
            sharp.append(metrics.gradient_energy(picture, where))
            real_sharp.append(metrics.gradient_energy(real, where))
            if self._found is not None:
                shares.append(
                    metrics.pck(self._found(resized(picture, DETECTION_SIZE)), examples.pairs.landmarks[i], 0.1)
                )
        moved = _change(self._before, pictures)
        self._before = pictures
        return Standing(
            figure_l1=_mean(errors),
            sharpness=_mean(sharp) / max(1e-6, _mean(real_sharp)),
            pck=_mean(shares) if shares else None,
            moved=moved,
            recognized=_recognized(method, examples),
        )


@contextmanager
def pose_finder(wanted: bool, say: Callable[[str], None]) -> Iterator[Found | None]:
    """Finds poses in 512 x 512 pictures; None, and a sentence, where there is no pose model."""
    if not wanted:
        yield None
        return
    try:
        tracker = Tracker(mode="image")
    except Unavailable as error:
        say(f"held-out pictures are judged without looking for their poses: {error}")
        yield None
        return
    with tracker:
        yield lambda picture: tracker.track(picture, 0.0).landmarks


def _recognized(method: Method, examples: Examples) -> tuple[float, float] | None:
    shares = [
        method.recognized(examples.plain(examples.spread(indices, JUDGED)))
        for indices in (examples.train, examples.validation)
    ]
    return None if shares[0] is None or shares[1] is None else (shares[0], shares[1])


def _change(before: list[Frame], after: list[Frame]) -> float | None:
    if len(before) != len(after) or before[0].shape != after[0].shape:
        return None
    return _mean([metrics.l1(a, b) for a, b in zip(before, after, strict=True)])


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else 0.0
