"""The posed figures of a training: an atlas cut from what is learned, laid onto each frame from keys far from it.

On stage no key shows the very frame that is wanted. A frame whose own key were among its layers would teach a generator
to trust whatever it sees.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.atlas.cutting import cut_atlas
from engines.atlas.keys import KEYS, Atlas, spread
from engines.atlas.learning import worth
from engines.atlas.posing import Poser
from engines.errors import PairsError
from engines.images import resized
from engines.pose.landmarks import Landmarks
from training.metrics import gradient_energy, person
from training.pairs.store import PairSet

APART = 6
"""Frames between a picture and the keys it is drawn from, at least."""


def pairs_atlas(pairs: PairSet, size: int | None = None, keys: int = KEYS) -> tuple[Atlas, list[int]]:
    """An atlas of the training split of the main shot of `pairs`, and which pairs its keys are.

    Drawn at (size, size), by default as large as the pairs. Raises PairsError.
    """
    shot, side = pairs.main_shot, size or pairs.header.size[0]
    learned = [int(i) for i in pairs.split("train") if pairs.rows[i].shot == shot.id]
    if not learned:
        raise PairsError(f"{pairs.folder}: the training split of its main shot holds no pairs; build them again.")
    landmarks = pairs.landmarks[learned]
    sharpness = [gradient_energy(pairs.frame(i), person(pairs.mask(i))) for i in learned]
    plate = pairs.plate_square(shot)
    behind = None if plate is None else resized(plate, (side, side))

    def source(k: int) -> Any:
        return resized(pairs.frame(learned[k]), (side, side)), resized(pairs.mask(learned[k]), (side, side)), behind

    chosen = spread(landmarks, worth(np.array(sharpness, np.float32)), keys)
    return cut_atlas(source, landmarks, chosen, side), [learned[k] for k in chosen]


class PosedFigures:
    """The atlas of `pairs` at (size, size), laid onto poses. For several threads."""

    def __init__(self, pairs: PairSet, size: int) -> None:
        self.atlas, of_pairs = pairs_atlas(pairs, size)
        self._pairs = pairs
        self._shot = pairs.main_shot.id
        self._frames = np.array([pairs.rows[i].frame for i in of_pairs])
        self._poser, self._turn = Poser(self.atlas), threading.Lock()

    @property
    def count(self) -> int:
        """Keys of the atlas."""
        return len(self.atlas.keys)

    def posed(
        self, landmarks: Landmarks, i: int | None = None, without: NDArray[np.bool_] | None = None
    ) -> NDArray[np.uint8]:
        """(S, S, 4) straight RGBA in the pose of `landmarks`; from keys `APART` frames from pair `i`, if it is learned.

        `without` (count,) bars more keys: on stage a limb keeps a key that another fits better than.
        """
        near = None
        if i is not None and self._pairs.rows[i].shot == self._shot and self._pairs.rows[i].split == "train":
            near = np.abs(self._frames - self._pairs.rows[i].frame) < APART
        if without is not None:
            near = without if near is None or (near | without).all() else near | without
        with self._turn:
            self._poser.reset()
            return self._poser.posed(landmarks, near)
