"""How a generator stands on held-out pairs while it trains: what chooses the best checkpoint, never the losses."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from engines.errors import Unavailable
from engines.images import Frame, resized
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracker
from training import metrics
from training.augmentation import moved_landmarks, random_change
from training.config import AugmentationConfig
from training.devices import picture_array
from training.examples import AnyExamples
from training.methods import Method
from training.pairs.store import PairSet

Found = Callable[[Frame], Landmarks | None]
DETECTION_SIZE = (512, 512)
JUDGED = 16
# How far the judged poses are moved to be judged once more: as far as training moves its own, and a little further.
ELSEWHERE = AugmentationConfig(move_share=1, shift=0.06, scale=0.1, rotation_degrees=8)
SMOOTHED = 3
# Two scores nearer than this are not told apart by a handful of held-out pairs: the later state is preferred.
SCORE_MARGIN = 0.005


@dataclass(frozen=True)
class Standing:
    """Figures over held-out pairs.

    `figure_l1`: mean error inside the person mask in levels of 255. `sharpness` and `pck` as `evaluate` defines them;
    PCK@0.1, None where no pose is looked for. `moved`: mean change of the pictures since the last time, in
    levels of 255. `recognized`: share of real crops the discriminator takes for real, (learned from, held out).
    `elsewhere`: PCK@0.1 of the same poses turned, scaled and shifted, which nobody filmed. `each`: PCK@0.1 of
    every picture, filmed poses and moved ones.
    """

    figure_l1: float
    sharpness: float
    pck: float | None = None
    elsewhere: float | None = None
    each: tuple[float, ...] = ()
    moved: float | None = None
    recognized: tuple[float, float] | None = None

    @property
    def score(self) -> float:
        """Higher is better. L1 alone prefers a blur, PCK alone a stick figure, sharpness alone noise.

        Few held-out frames are one short stretch of dance: whether their poses are found again says little alone.
        """
        return (self.poses or 0.0) + 0.5 * min(1.0, self.sharpness) - self.figure_l1 / 100

    @property
    def poses(self) -> float | None:
        """PCK@0.1 of filmed poses and of moved ones, None where no pose is looked for."""
        known = [share for share in (self.pck, self.elsewhere) if share is not None]
        return sum(known) / len(known) if known else None

    @property
    def doubt(self) -> float:
        """How much of the score is a matter of which frames were held out: the standard error of its poses."""
        return float(np.std(self.each) / np.sqrt(len(self.each))) if self.each else 0.0

    @property
    def error(self) -> float:
        """What should fall."""
        return self.figure_l1

    @property
    def told(self) -> str:
        pose = "" if self.pck is None else f", PCK@0.1 {self.pck:.2f}"
        return f"{self.figure_l1:.1f} levels off in the figure{pose}, sharpness {self.sharpness:.2f}"

    @property
    def figures(self) -> dict[str, float | None]:
        """As a line of metrics.jsonl has them, behind `validation_`."""
        figures = {"figure_l1": self.figure_l1, "sharpness": self.sharpness, "pck": self.pck}
        return figures | {"elsewhere": self.elsewhere}


@dataclass(frozen=True)
class Measured:
    """What a method that is not judged by a dancer's pose measures on its held-out pairs.

    `score` chooses the best checkpoint: higher is better, differences below 0.005 count as none. `error` is what should
    fall; `figures` are noted behind `validation_`, `told` is the sentence for people. The rest is as in `Standing`.
    """

    score: float
    error: float
    told: str
    figures: Mapping[str, float | None]
    moved: float | None = None
    recognized: tuple[float, float] | None = None
    doubt: float = 0.0


AnyStanding = Standing | Measured


class Judge:
    """Looks at the same held-out pairs each time, and remembers the last pictures."""

    def __init__(self, found: Found | None) -> None:
        self._found = found
        self._before: list[Frame] = []

    def standing(self, method: Method, performer: nn.Module, examples: AnyExamples) -> AnyStanding | None:
        """None where no pairs are held out."""
        indices = examples.spread(examples.validation, JUDGED)
        if not indices:
            return None
        if not judged_by_pose(examples):
            own = method.measured(performer, examples, indices)
            return replace(own, recognized=_recognized(method, examples))
        pictures = [picture_array(method.picture(performer, examples.plain([i])))[0] for i in indices]
        moved = _change(self._before, pictures)
        self._before = pictures
        stands = standing_of(pictures, examples.pairs, indices, self._found)

        def shown(i: int, pose: Landmarks) -> Frame:
            batch = replace(examples.plain([i]), conditioning=examples.conditioning(pose)[None])  # type: ignore[attr-defined]
            return picture_array(method.picture(performer, batch))[0]

        elsewhere = found_elsewhere(shown, examples.pairs, indices, self._found)
        recognized = _recognized(method, examples)
        return with_elsewhere(replace(stands, moved=moved, recognized=recognized), elsewhere)


class Choice:
    """Which state of a run is its best: by the mean of the last few scores, since each alone is a matter of luck.

    `before` are the scores of a resumed run so far, `best` what its best state had.
    """

    def __init__(self, before: Iterable[float] = (), best: float | None = None) -> None:
        self._last: deque[float] = deque(before, maxlen=SMOOTHED)
        self.best = best

    def falls_on(self, score: float, doubt: float = 0.0) -> bool:
        """Whether the state that has just scored this is the best so far.

        Of states that a handful of frames cannot tell apart the later one: it has learned longer, at a lower rate.
        """
        self._last.append(score)
        mean = sum(self._last) / len(self._last)
        if self.best is not None and mean <= self.best - max(SCORE_MARGIN, doubt):
            return False
        self.best = mean if self.best is None else max(mean, self.best)
        return True


def standing_of(pictures: Sequence[Frame], pairs: PairSet, indices: Sequence[int], found: Found | None) -> Standing:
    """How `pictures`, shown for the pairs `indices`, stand beside the real ones."""
    errors, sharp, real_sharp, shares = [], [], [], []
    for i, picture in zip(indices, pictures, strict=True):
        real, mask = resized(pairs.frame(i), picture.shape[:2]), resized(pairs.mask(i), picture.shape[:2])
        errors.append(metrics.l1(picture, real, metrics.person(mask)))
        where = metrics.figure(mask)
        sharp.append(metrics.gradient_energy(picture, where))
        real_sharp.append(metrics.gradient_energy(real, where))
        if found is not None:
            shares.append(metrics.pck(found(resized(picture, DETECTION_SIZE)), pairs.landmarks[i], 0.1))
    return Standing(
        figure_l1=_mean(errors),
        sharpness=_mean(sharp) / max(1e-6, _mean(real_sharp)),
        pck=_mean(shares) if shares else None,
        each=tuple(shares),
    )


def with_elsewhere(stands: Standing, shares: Sequence[float]) -> Standing:
    """The same, judged by moved poses too."""
    return replace(stands, elsewhere=_mean(list(shares)), each=(*stands.each, *shares)) if shares else stands


def found_elsewhere(
    shown: Callable[[int, Landmarks], Frame], pairs: PairSet, indices: Sequence[int], found: Found | None
) -> list[float]:
    """PCK@0.1 of what is `shown` for the poses of the pairs `indices`, each moved as nobody filmed it."""
    shares: list[float] = []
    if found is None:
        return shares
    for i in indices:
        change = random_change(ELSEWHERE, np.random.default_rng(i))
        assert change is not None
        pose = moved_landmarks(pairs.landmarks[i], change)
        shares.append(metrics.pck(found(resized(shown(i, pose), DETECTION_SIZE)), pose, 0.1))
    return shares


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


def judged_by_pose(examples: AnyExamples) -> bool:
    """Whether these pairs show a dancer whose pose is known."""
    return examples.pairs.header.kind == "skeleton"


def _recognized(method: Method, examples: AnyExamples) -> tuple[float, float] | None:
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
