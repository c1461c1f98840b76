"""Who is measured: the generator, and four ways to do without one.

A contender is a function from the index of a pair to the picture it shows for it, and a key under which a pose found in
that picture may be remembered; None where it has nothing to show.
"""

from collections.abc import Callable, Hashable
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from engines.finish import over
from engines.images import Frame, resized
from engines.performer import Performer
from engines.pose.landmarks import Landmarks
from engines.scene import Drawn, Scene
from training.pairs.splits import body_normalized
from training.pairs.store import PairSet
from training.tallies import are_neighbors

Shown = tuple[Frame, Hashable]
Contender = Callable[[int], Shown | None]

MEAN_FRAMES = 300  # more of them do not change a mean that anybody could see


def baselines(pairs: PairSet, side: int, learned: NDArray[np.int64]) -> dict[str, Contender]:
    """`real` is the ceiling, `nearest_pose` the floor; `learned` are the pairs that baselines may take from.

    nearest_pose  the learned frame whose pose is nearest, wherever the dancer stands in it
    copy_last     the real frame just before this one
    mean          the mean of the shot's learned frames
    """

    @lru_cache(maxsize=4)
    def picture(i: int) -> Frame:
        return resized(pairs.frame(i), (side, side))

    def real(i: int) -> Shown | None:
        return picture(i), ("real", i)

    def copy_last(i: int) -> Shown | None:
        if i == 0 or pairs.rows[i - 1].shot != pairs.rows[i].shot:
            return None
        return picture(i - 1), ("real", i - 1)

    contenders: dict[str, Contender] = {"real": real, "copy_last": copy_last}
    if not len(learned):
        return contenders
    poses = body_normalized(pairs.landmarks, pairs.header.size)

    def nearest(i: int) -> Shown | None:
        distances = np.linalg.norm(poses[learned] - poses[i], axis=-1).mean(axis=1)  # as the pairs' novelty has them
        j = int(learned[distances.argmin()])
        return picture(j), ("real", j)

    @cache
    def mean_of(shot: str) -> Frame:
        of_shot = [j for j in learned if pairs.rows[j].shot == shot] or list(learned)
        chosen = [of_shot[k] for k in np.unique(np.linspace(0, len(of_shot) - 1, MEAN_FRAMES).astype(int))]
        total = np.zeros((side, side, 3))
        for j in chosen:
            total += resized(pairs.frame(int(j)), (side, side))
        return np.round(total / len(chosen)).astype(np.uint8)

    def mean(i: int) -> Shown | None:
        shot = pairs.rows[i].shot
        return mean_of(shot), ("mean", shot)

    return {"real": real, "nearest_pose": nearest, "copy_last": copy_last, "mean": mean}


class Generated:
    """The generator as a contender: its performer fed with the pairs' own landmarks, which are in its square already.

    The picture is the square of its canvas. Where pairs come from several shots, a figure is laid over its own shot's
    plate, since a bundle carries only one room. A generator that looks at its last picture begins anew where the clip
    does. `drawn` is what was drawn last.
    """

    def __init__(self, performer: Performer, pairs: PairSet) -> None:
        self._performer, self._pairs = performer, pairs
        self._plate = lru_cache(maxsize=8)(self._plate_of)
        self._before: int | None = None
        self.drawn: Drawn | None = None

    def __call__(self, i: int) -> Shown:
        if self._before is not None and not are_neighbors(self._pairs, self._before, i):
            self._performer.perform(Scene())
        self._before = i
        return self.posed(i, self._pairs.landmarks[i])

    def posed(self, i: int, landmarks: Landmarks) -> Shown:
        """What is shown at pair `i` for `landmarks` instead of its own."""
        row = self._pairs.rows[i]
        self.drawn = self._performer.perform(
            Scene(
                landmarks=landmarks,
                presence=1.0,
                frame=self._pairs.frame(i),
                captured_s=row.time_s,
                mask=self._pairs.mask(i),
            )
        )
        return self._square(self.drawn, row.shot), ("generated", i)

    def _square(self, drawn: Drawn, shot: str) -> Frame:
        manifest = self._performer.manifest
        plate = self._plate(shot) if len(self._pairs.header.shots) > 1 else None
        if drawn.figure is not None and plate is not None:
            return over(drawn.figure, plate)
        (top, left), (height, width) = manifest.plate_at, manifest.size
        return drawn.image[top : top + height, left : left + width].copy()

    def _plate_of(self, shot: str) -> Frame | None:
        plate = self._pairs.plate_square(shot)
        return None if plate is None else resized(plate, self._performer.manifest.size)
