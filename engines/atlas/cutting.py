"""Key figures cut out of their frames and into parts."""

from collections.abc import Callable, Sequence
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.completing import completed
from engines.atlas.dancer import Bared, Dancer, bared, likeness, measured
from engines.atlas.keys import Atlas, Key
from engines.atlas.layers import FOREARMS, HEAD_LIMB, LIMBS, PARTS, PARTS_OF
from engines.atlas.warping import Cut
from engines.images import Frame

MEASURED = 16  # keys on which the dancer is measured
FACE = 3.0  # a head that is mixed with the rest is seen by everybody
HIDDEN, BARRED = 0.08, 9.0
"""Share of a face that a hand or forearm may cover; with more its key is only taken where no other is left, for the
hand stays before the face wherever the arm goes."""

Source = Callable[[int], tuple[Frame, NDArray[np.uint8], Frame | None]]
"""The i-th frame (S, S, 3), its person mask (S, S), and the clean room behind it or None."""


def cut_atlas(source: Source, landmarks: NDArray[np.float32], chosen: Sequence[int], size: int) -> Atlas:
    """An atlas of the `chosen` frames of a clip with landmarks (N, 33, 4) in the square."""
    first = [bared(*source(i), landmarks[i]) for i in chosen[:MEASURED]]
    dancer = measured(first)
    rest = (bared(*source(i), landmarks[i]) for i in chosen[MEASURED:])  # one at a time: they are large
    return completed([cut_key(bare, dancer) for bare in chain(first, rest)], size)


def cut_key(bare: Bared, dancer: Dancer) -> Key:
    """One figure cut into its parts."""
    near = bare.near / dancer.girths[:, None, None]
    limbs = np.stack([near[parts].min(axis=0) for parts in PARTS_OF])
    cuts, faults = [], np.zeros(len(LIMBS), np.float32)
    for number, part in enumerate(PARTS):
        others = np.delete(limbs, part.limb, axis=0).min(axis=0)
        share = _share(near[number], others, limbs[part.limb])
        contested = np.clip((1.2 - others) * 6, 0, 1)
        asked = (contested > 0) & (share > 0) & (bare.alpha > 0)
        share *= 1 - contested * (1 - likeness(bare.figure, asked, dancer.palettes, number))
        cuts.append(_trimmed(bare.figure, bare.alpha * share, bare.corner))
        faults[part.limb] += _faults(bare.alpha, near[number], others) / len(PARTS_OF[part.limb])
    faults[HEAD_LIMB] *= FACE
    if _face_hidden(near) > HIDDEN:
        faults[HEAD_LIMB] += BARRED
    return Key(bare.landmarks, tuple(cuts), faults)


def _share(near: NDArray[np.float32], others: NDArray[np.float32], limb: NDArray[np.float32]) -> NDArray[np.float32]:
    """0..1 of each pixel: nearer than other limbs are, feathered into them, and with much overlap within the limb."""
    mine = np.clip((others - near) * 5 + 1.5, 0, 1)
    of_limb = np.clip((limb - near) * 2 + 1.6, 0, 1)
    return mine * of_limb * np.clip((2.2 - near) * 2, 0, 1)


def _faults(alpha: NDArray[np.float32], near: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    core = near < 0.7
    if not core.any():
        return 1.0
    return float((core & (others < 0.9)).sum() / core.sum() + 2 * (1 - alpha[core].mean()))


def _face_hidden(near: NDArray[np.float32]) -> float:
    """The share of the face that forearms and hands lie over, or behind: depths are not known so well."""
    face = near[PARTS_OF[HEAD_LIMB][0]] < 0.7
    forearms = np.minimum.reduce([near[number] for number in FOREARMS])
    return float((face & (forearms < 1)).sum() / max(1, face.sum()))


def _trimmed(figure: NDArray[np.uint8], alpha: NDArray[np.float32], corner: tuple[int, int]) -> Cut | None:
    x, y, width, height = cv2.boundingRect((alpha > 0.02).astype(np.uint8))
    if width * height < 16:
        return None
    top, left = max(0, y - 2), max(0, x - 2)
    bottom, right = y + height + 2, x + width + 2
    solid = alpha[top:bottom, left:right, None]
    pixels = np.dstack([figure[top:bottom, left:right, :3] * solid, solid * 255]).round().astype(np.uint8)
    return Cut(np.ascontiguousarray(pixels), (corner[0] + left, corner[1] + top))
