"""How a figure is freed of its room, cut into parts, and completed."""

from functools import cache

import numpy as np

from engines.atlas.completing import completed
from engines.atlas.cutting import cut_key
from engines.atlas.dancer import Bared, bared, measured, measured_girths
from engines.atlas.keys import Key
from engines.atlas.layers import PARTS, TORSO
from engines.atlas.matting import matted
from tests.fakes_atlas import SIZE, colored, dancing, room


@cache
def figures() -> tuple[Bared, ...]:
    return tuple(bared(*colored(pose), room(), pose) for pose in dancing(8))


@cache
def keys() -> tuple[Key, ...]:
    dancer = measured(figures())
    return tuple(cut_key(figure, dancer) for figure in figures())


def area(key: Key, number: int) -> float:
    cut = key.cuts[number]
    return 0.0 if cut is None else float(cut.pixels[..., 3].sum()) / 255


def test_what_a_limb_hides_is_painted_beneath_it() -> None:
    whole = completed(keys(), SIZE).keys
    torso = [area(after, TORSO) - area(before, TORSO) for before, after in zip(keys(), whole, strict=True)]
    assert max(torso) > 20
    for before, after in zip(keys(), whole, strict=True):
        assert all(area(after, number) > 0.97 * area(before, number) for number in range(len(PARTS)))


def test_only_what_is_hidden_is_painted() -> None:
    """A pixel beside the bones of every part stays what the frame showed: nothing grows out of the body."""
    for before, after in zip(keys(), completed(keys(), SIZE).keys, strict=True):
        was, now = painted(before), painted(after)
        grown = (now > 128) & (was < 20)
        assert grown.sum() < 0.06 * (was > 128).sum()


def painted(key: Key) -> np.ndarray:
    """How solid each pixel of the square is, of all parts together."""
    solid = np.zeros((SIZE, SIZE), np.uint8)
    for cut in key.cuts:
        if cut is not None:
            (x, y), (height, width) = cut.corner, cut.pixels.shape[:2]
            part = solid[y : y + height, x : x + width]
            np.maximum(part, cut.pixels[: part.shape[0], : part.shape[1], 3], out=part)
    return solid


def test_nothing_is_painted_beneath_where_no_other_key_shows_it() -> None:
    (alone,) = completed(keys()[:1], SIZE).keys
    for number in range(len(PARTS)):
        assert area(alone, number) <= 1.01 * area(keys()[0], number) + 2


def test_wide_trousers_are_measured_wider_than_thin_ones() -> None:
    def girth(share: float) -> float:
        thin = [Bared(f.landmarks, f.corner, worn(f, share), f.near) for f in figures()]
        legs = [number for number, part in enumerate(PARTS) if part.name.endswith("shin")]
        return float(measured_girths(thin)[legs].mean())

    assert girth(0.5) < 0.7 < 0.85 < girth(1.2)


def worn(figure: Bared, radii: float) -> np.ndarray:
    """The figure as wide as so many radii of its bones, whatever it was."""
    pixels = figure.figure.copy()
    pixels[..., 3] = 255 * (figure.near.min(axis=0) < radii)
    return pixels


def test_a_rim_that_is_half_wall_gives_the_body_its_own_color_back() -> None:
    wall, red = np.full((64, 64, 3), 90, np.uint8), np.array([200, 30, 30])
    alpha = np.zeros((64, 64))
    alpha[16:48, 20:44] = 1
    alpha[16:48, 19] = alpha[16:48, 44] = 0.5
    frame = np.rint(alpha[..., None] * red + (1 - alpha[..., None]) * wall).astype(np.uint8)
    figure = matted(frame, np.rint(255 * alpha).astype(np.uint8), wall)
    rim = figure[24:40, 19:21].reshape(-1, 4)
    seen = rim[rim[:, 3] > 20]
    assert len(seen) >= 16
    assert np.abs(seen[:, :3].astype(int) - red).max() < 25


def test_a_mask_that_is_too_wide_takes_no_wall_along() -> None:
    wall, mask = np.full((64, 64, 3), 90, np.uint8), np.zeros((64, 64), np.uint8)
    frame = wall.copy()
    frame[16:48, 24:40] = (200, 30, 30)
    mask[12:52, 18:46] = 150
    mask[16:48, 24:40] = 255
    figure = matted(frame, mask, wall)
    assert figure[32, 32, 3] == 255
    assert figure[20:44, 19:21, 3].max() < 20
