"""What one limb hides of another in a key, painted beneath it from the keys that show it."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.keys import Atlas, Key, apart, around, figure_of, normalized
from engines.atlas.layers import PARTS, PARTS_OF, closeness
from engines.atlas.warping import Cut, Figure, warped

_OWN = 0.9  # radii: what lies nearer to a part's bones than this should be the part, whoever hides it
_HELPERS = 3  # keys that are asked for what is hidden in one


def completed(keys: Sequence[Key], size: int) -> Atlas:
    """An atlas in which what one limb hides of another is painted beneath it, taken from the keys that show it."""
    figures = [figure_of(key.landmarks, size) for key in keys]
    distances = np.stack([_limb_distances(keys, i) for i in range(len(keys))])
    whole = []
    for i, key in enumerate(keys):
        rows, columns = around(figures[i], size)
        window = (rows.stop - rows.start, columns.stop - columns.start)
        near = closeness((columns.start, rows.start), window, figures[i].spots, figures[i].unit)
        limbs = np.stack([near[parts].min(axis=0) for parts in PARTS_OF])
        cuts = list(key.cuts)
        for number, part in enumerate(PARTS):
            others = np.delete(limbs, part.limb, axis=0).min(axis=0)
            hidden = np.zeros((size, size), np.float32)
            wanted = np.clip((1.15 * _OWN - near[number]) * 8, 0, 1) * (others < near[number] + 0.3)
            hidden[rows, columns] = wanted
            if wanted.sum() > 0.05 * figures[i].unit ** 2:
                helpers = [int(j) for j in np.argsort(distances[i, :, part.limb])[:_HELPERS] if j != i]
                beneath = [(keys[j].cuts[number], figures[j]) for j in helpers]
                cuts[number] = _underlaid(
                    cuts[number], part_number=number, beneath=beneath, at=figures[i], hidden=hidden
                )
        whole.append(replace(key, cuts=tuple(cuts)))
    return Atlas(size, tuple(whole))


def _limb_distances(keys: Sequence[Key], i: int) -> NDArray[np.float32]:
    """(K, 6): how ill each key could lend its limbs to the i-th: other poses, other light, faults of its own."""
    poses = normalized(np.stack([key.landmarks for key in keys]))
    away = apart(poses, poses[i])
    return np.asarray(away[:, None] + np.stack([key.faults for key in keys]), np.float32)


def _underlaid(
    cut: Cut | None,
    part_number: int,
    beneath: Sequence[tuple[Cut | None, Figure]],
    at: Figure,
    hidden: NDArray[np.float32],
) -> Cut | None:
    """A cut over other keys' cuts of the same part, each brought into its pose, where the part is hidden."""
    size = hidden.shape[0]
    canvas = np.zeros((size, size, 4), np.float32)
    if cut is not None:
        (x, y), (height, width) = cut.corner, cut.pixels.shape[:2]
        canvas[y : y + height, x : x + width] = cut.pixels[: size - y, : size - x]
    for other, figure in beneath:
        lent = None if other is None else warped(other, PARTS[part_number], figure, at, size)
        if lent is not None:
            rows, columns, pixels = lent
            room = (1 - canvas[rows, columns, 3:] / 255) * hidden[rows, columns, None]
            canvas[rows, columns] += pixels * room
    x, y, width, height = cv2.boundingRect((canvas[..., 3] > 5).astype(np.uint8))
    if width * height < 16:
        return None
    pixels = canvas[y : y + height, x : x + width].round().astype(np.uint8)
    return Cut(np.ascontiguousarray(pixels), (x, y))
