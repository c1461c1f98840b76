"""Key figures: which frames of a clip cover its poses, cut out of their room and into parts.

Source of the idea: Balakrishnan et al., Synthesizing Images of Humans in Unseen Poses, CVPR 2018 (arXiv 1804.07739).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.layers import DEPTH, HEAD_LIMB, LIMBS, PARTS, PARTS_OF, PELVIS, TORSO, body_units, closeness, places
from engines.atlas.matting import matted
from engines.atlas.warping import Cut, Figure, warped
from engines.images import Frame
from engines.pose.landmarks import Landmarks

KEYS = 64
TWINS = 0.15  # of a torso length: two poses nearer than this on the average show the same
_MARGIN = 0.5  # torso lengths around the landmarks that belong to the figure at most
_OWN = 0.9  # radii: what lies nearer to a part's bones than this should be the part, whoever hides it
MEASURED = 16  # keys on which the dancer is measured
COLORS, SURE_COLOR = 6, 24.0
FACE = 3.0  # a hand before the face is seen by everybody
_HELPERS = 3  # keys that are asked for what is hidden in one


@dataclass(frozen=True)
class Key:
    """One key figure: its landmarks (33, 4) in the square, its ten cuts, and what each limb of it is worth.

    `faults` (6,): how much of a limb is hidden by others, mixed with them or missing from the mask; 0 is a clean cut.
    """

    landmarks: Landmarks
    cuts: tuple[Cut | None, ...]
    faults: NDArray[np.float32]


@dataclass(frozen=True)
class Atlas:
    """Key figures of one dancer in a square of (size, size)."""

    size: int
    keys: tuple[Key, ...]


Source = Callable[[int], tuple[Frame, NDArray[np.uint8], Frame | None]]
"""The i-th frame (S, S, 3), its person mask (S, S), and the clean room behind it or None."""


def figure_of(landmarks: Landmarks, size: int) -> Figure:
    """The body that landmarks in the square describe, whatever they say: finite, and of a size that can be drawn."""
    safe = np.nan_to_num(landmarks[:, :3], nan=0.5, posinf=2, neginf=-1).clip(-1, 2)
    spots = places(safe) * np.float32(size)
    return Figure(spots, float(np.clip(body_units(spots), 0.01 * size, 0.6 * size)))


def cut_atlas(source: Source, landmarks: NDArray[np.float32], chosen: Sequence[int], size: int) -> Atlas:
    """An atlas of the `chosen` frames of a clip with landmarks (N, 33, 4) in the square."""
    first = [bared(*source(i), landmarks[i]) for i in chosen[:MEASURED]]
    dancer = measured(first)
    rest = (bared(*source(i), landmarks[i]) for i in chosen[MEASURED:])  # one at a time: they are large
    return completed([cut_key(bare, dancer) for bare in chain(first, rest)], size)


def spread(landmarks: NDArray[np.float32], worth: NDArray[np.float32], count: int = KEYS) -> list[int]:
    """Indices of at most `count` poses that cover all (N, 33, 4) of them, in the order in which they are needed.

    Farthest first; `worth` (N,) above 0 scales a pose's distance, so a blurred frame must be that much farther to be
    taken. Poses that differ by less than `TWINS` from a chosen one are not worth a key.
    """
    poses = _normalized(landmarks)
    chosen = [int(np.argmin(_apart(poses, np.median(poses, axis=0)) / worth))]
    nearest = _apart(poses, poses[chosen[0]])
    while len(chosen) < min(count, len(poses)):
        following = int(np.argmax(nearest * worth))
        if nearest[following] < TWINS / 4:
            break
        chosen.append(following)
        nearest = np.minimum(nearest, _apart(poses, poses[following]))
    return chosen


def _normalized(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 29, 3): places from the shoulders on about the pelvis, in torso lengths."""
    spots = places(landmarks[..., :3])
    centered = (spots - spots[:, PELVIS : PELVIS + 1]) / body_units(spots)[:, None, None]
    return np.asarray((centered * np.array([1, 1, DEPTH], np.float32))[:, 11:], np.float32)


def _apart(poses: NDArray[np.float32], pose: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.linalg.norm(poses - pose, axis=-1).mean(axis=-1), np.float32)


@dataclass(frozen=True)
class Bared:
    """A figure without its room: straight RGBA of a window of the square, and how far its pixels are from each part."""

    landmarks: Landmarks
    corner: tuple[int, int]
    figure: NDArray[np.uint8]
    near: NDArray[np.float32]

    @property
    def alpha(self) -> NDArray[np.float32]:
        return np.asarray(self.figure[..., 3], np.float32) / np.float32(255)


def bared(frame: Frame, mask: NDArray[np.uint8], plate: Frame | None, landmarks: Landmarks) -> Bared:
    """One frame's figure, before it is cut."""
    body = figure_of(landmarks, frame.shape[0])
    rows, columns = _around(body, frame.shape[0])
    room = None if plate is None else plate[rows, columns]
    figure = matted(np.ascontiguousarray(frame[rows, columns]), np.ascontiguousarray(mask[rows, columns]), room)
    corner = (columns.start, rows.start)
    return Bared(landmarks, corner, figure, closeness(corner, figure.shape[:2], body.spots, body.unit))


@dataclass(frozen=True)
class Dancer:
    """What is measured of one dancer before the cutting: how thick the parts are, and which colors they have.

    `girths` (10,) in radii of the bones: bare arms are thin, wide trousers are not. `palettes` (10, n, 3) RGB.
    """

    girths: NDArray[np.float32]
    palettes: tuple[NDArray[np.float32], ...]


def measured(figures: Sequence[Bared]) -> Dancer:
    """A dancer from some of their figures."""
    girths = measured_girths(figures)
    return Dancer(girths, tuple(_palette(figures, girths, number) for number in range(len(PARTS))))


def _palette(figures: Sequence[Bared], girths: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """(n, 3): the colors of a part where no other limb is near."""
    pixels = []
    for bare in figures:
        near = bare.near / girths[:, None, None]
        others = np.stack([near[n] for n, part in enumerate(PARTS) if part.limb != PARTS[number].limb]).min(axis=0)
        clear = (near[number] < 0.8) & (others > 1.3) & (bare.figure[..., 3] > 250)
        pixels.append(bare.figure[clear][::7, :3])
    colors = np.concatenate(pixels).astype(np.float32)
    if len(colors) < 4 * COLORS:
        return np.zeros((0, 3), np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    cv2.setRNGSeed(1)
    return np.asarray(
        cv2.kmeans(colors[:4000], COLORS, np.zeros(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)[2], np.float32
    )


def _likeness(
    figure: NDArray[np.uint8], where: NDArray[np.bool_], palettes: Sequence[NDArray[np.float32]], number: int
) -> NDArray[np.float32]:
    """0..1 of each pixel `where` it is asked: 0 if its color is surely that of the trunk and not of this forearm.

    Sleeves have the trunk's color, so upper arms are not asked.
    """
    likeness = np.ones(figure.shape[:2], np.float32)
    others = [palettes[n] for n, part in enumerate(PARTS) if part.limb in (TORSO, HEAD_LIMB) and len(palettes[n])]
    if not len(palettes[number]) or not others or not PARTS[number].name.endswith("forearm"):
        return likeness
    soft = cv2.GaussianBlur(figure[..., :3], (3, 3), 0)[where].astype(np.float32)
    own, other = _color_distance(soft, palettes[number]), _color_distance(soft, np.concatenate(others))
    likeness[where] = np.clip((other - own) / SURE_COLOR + 1, 0, 1)
    return likeness


def _color_distance(picture: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.min([np.linalg.norm(picture - color, axis=-1) for color in palette], axis=0), np.float32)


def measured_girths(figures: Sequence[Bared]) -> NDArray[np.float32]:
    """(10,): how thick each part of this dancer is, in the radii of its bones: bare arms are thin, trousers wide.

    Half of the pixels at that distance from the bone, where no other limb is near, belong to the figure.
    """
    edges = np.arange(0.3, 2.05, 0.1)
    girths = np.ones(len(PARTS), np.float32)
    for number, part in enumerate(PARTS):
        if part.limb in (TORSO, HEAD_LIMB):
            continue
        covered, seen = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
        for bare in figures:
            others = np.stack([bare.near[n] for n in range(len(PARTS)) if n != number]).min(axis=0)
            free = (others > bare.near[number] + 0.6) & (bare.near[number] < edges[-1])
            covered += np.histogram(bare.near[number][free], edges, weights=bare.alpha[free])[0]
            seen += np.histogram(bare.near[number][free], edges)[0]
        ends = np.flatnonzero(covered < 0.5 * seen)
        if len(ends):
            girths[number] = np.clip(edges[ends[0]], 0.4, 1.5)
    return girths


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
        share *= 1 - contested * (1 - _likeness(bare.figure, asked, dancer.palettes, number))
        cuts.append(_trimmed(bare.figure, bare.alpha * share, bare.corner))
        faults[part.limb] += _faults(bare.alpha, near[number], others) / len(PARTS_OF[part.limb])
    faults[HEAD_LIMB] *= FACE
    return Key(bare.landmarks, tuple(cuts), faults)


def _around(body: Figure, size: int) -> tuple[slice, slice]:
    """Rows and columns of the square where the figure can be."""
    points = body.spots[:, :2]
    low = np.clip(points.min(axis=0) - _MARGIN * body.unit, 0, size - 16).astype(int)
    high = np.clip(points.max(axis=0) + _MARGIN * body.unit, low + 16, size).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


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


def _trimmed(figure: NDArray[np.uint8], alpha: NDArray[np.float32], corner: tuple[int, int]) -> Cut | None:
    x, y, width, height = cv2.boundingRect((alpha > 0.02).astype(np.uint8))
    if width * height < 16:
        return None
    top, left = max(0, y - 2), max(0, x - 2)
    bottom, right = y + height + 2, x + width + 2
    solid = alpha[top:bottom, left:right, None]
    pixels = np.dstack([figure[top:bottom, left:right, :3] * solid, solid * 255]).round().astype(np.uint8)
    return Cut(np.ascontiguousarray(pixels), (corner[0] + left, corner[1] + top))


def completed(keys: Sequence[Key], size: int) -> Atlas:
    """An atlas in which what one limb hides of another is painted beneath it, taken from the keys that show it."""
    figures = [figure_of(key.landmarks, size) for key in keys]
    distances = np.stack([_limb_distances(keys, i) for i in range(len(keys))])
    whole = []
    for i, key in enumerate(keys):
        rows, columns = _around(figures[i], size)
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
    poses = _normalized(np.stack([key.landmarks for key in keys]))
    apart = _apart(poses, poses[i])
    return np.asarray(apart[:, None] + np.stack([key.faults for key in keys]), np.float32)


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
