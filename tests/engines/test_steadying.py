"""Color held along the flow: what flickers is calmed, what moves moves on, what is cut begins anew."""

import cv2
import numpy as np
import pytest

from engines.steadying import SteadyColor

SIDE = 96


def _scene(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(40, 215, (12, 12), np.uint8)
    return np.asarray(cv2.resize(small, (SIDE * 2, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def _film(count: int, seed: int = 0, speed: int = 1) -> list[np.ndarray]:
    """Gray pictures of a scene that a camera pans over."""
    scene = _scene(seed)
    return [np.ascontiguousarray(scene[:, speed * k : speed * k + SIDE]) for k in range(count)]


def _color(gray: np.ndarray, off: float = 0.0) -> np.ndarray:
    """Color that goes with the light, so that it moves with it."""
    a = gray.astype(np.float32) / 4 + 100 + np.float32(off)
    return np.dstack([a, 256 - a])


def test_flicker_is_calmed() -> None:
    rng, steady = np.random.default_rng(1), SteadyColor(0.8)
    shown = [steady(gray, _color(gray, rng.normal(0, 6))) for gray in _film(30)]
    flicker = steady.flicker
    assert flicker.after < 0.4 * flicker.before
    assert shown[-1].shape == (SIDE, SIDE, 2)


def test_color_moves_with_what_it_is_on() -> None:
    """A held color that stayed where it was would be off by the pan."""
    steady = SteadyColor(0.8)
    film = _film(20, speed=3)
    shown = [steady(gray, _color(gray)) for gray in film]
    inside = np.s_[8:-8, 8:-24]  # what has just come into view has no past
    assert np.abs(shown[-1] - _color(film[-1]))[inside].mean() < 0.5
    assert np.abs(_color(film[-2]) - _color(film[-1]))[inside].mean() > 1.5


def test_without_strength_color_is_let_through() -> None:
    steady, film = SteadyColor(0.0), _film(4)
    for k, gray in enumerate(film):
        np.testing.assert_array_equal(steady(gray, _color(gray, 5 * k)), _color(gray, 5 * k))
    assert steady.flicker.before == steady.flicker.after > 0


def test_a_cut_forgets() -> None:
    steady = SteadyColor(0.95)
    film = [*_film(8, 0), *_film(8, 5)]
    for k, gray in enumerate(film):
        shown = steady(gray, _color(gray, 0 if k < 8 else 40))
        if k == 8:
            np.testing.assert_array_equal(shown, _color(gray, 40))
    assert steady.flicker.cuts == (8,)
    assert steady.flicker.before < 0.5  # a cut is no flicker


@pytest.mark.parametrize("cut_at", [6, 10])
def test_its_memory_goes_on_bit_for_bit(cut_at: int) -> None:
    film = [*_film(cut_at), *_film(10 - cut_at, 5)]
    whole, first, second = SteadyColor(0.7), SteadyColor(0.7), SteadyColor(0.7)
    expected = [whole(gray, _color(gray, k % 3)) for k, gray in enumerate(film)]
    for k, gray in enumerate(film[:6]):
        first(gray, _color(gray, k % 3))
    second.remember({name: value.copy() for name, value in first.memory().items()})
    for k, gray in enumerate(film[6:], 6):
        np.testing.assert_array_equal(second(gray, _color(gray, k % 3)), expected[k])
    assert second.flicker == whole.flicker
    assert second.flicker.cuts == ((6,) if cut_at == 6 else ())


def test_one_frame_has_no_flicker() -> None:
    steady = SteadyColor()
    assert steady.memory() == {}
    steady(_film(1)[0], _color(_film(1)[0]))
    assert steady.flicker.before == 0
