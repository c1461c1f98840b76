"""Looks on a film: each for its share of the time, faded into one another."""

import numpy as np
import pytest

from engines.errors import BadInput
from engines.scene import Scene
from live.control.parameters import Controls
from live.dressing import FADE_S, Dressing
from tests.fakes import standing

ROOM = np.zeros((8, 8, 3), np.uint8)


def test_looks_share_the_time() -> None:
    film = Dressing(["plain", "two", "gold"], 30.0, ROOM)
    assert film.controls(0.0) == Controls()
    assert (film.controls(12.0).kaleidoscope, film.controls(12.0).bloom) == (2, 0.5)
    assert (film.controls(29.9).kaleidoscope, film.controls(29.9).bloom) == (1, 0.7)
    assert film.controls(40.0) == film.controls(29.9), "a clip may be longer than it says"


def test_a_look_fades_into_the_next() -> None:
    film = Dressing(["plain", "two"], 20.0, ROOM)
    assert film.controls(10 - FADE_S - 0.01).kaleidoscope == 1
    assert film.controls(10 - FADE_S / 2).kaleidoscope == pytest.approx(1.5)
    assert film.controls(10.0).kaleidoscope == 2


def test_a_look_that_moves_the_pose_moves_it() -> None:
    scene = Scene(landmarks=standing(), presence=1.0)
    for look, shift in (("plain", 0.0), ("two", -0.3)):
        moved = Dressing([look], 5.0, ROOM).posed(scene, 1.0)
        assert moved.landmarks is not None
        assert scene.landmarks is not None
        np.testing.assert_allclose(moved.landmarks[:, 0] - scene.landmarks[:, 0], shift, atol=1e-5)


def test_a_look_that_there_is_not_is_named() -> None:
    with pytest.raises(BadInput, match="no look is called 'golden'; there are plain, gold"):
        Dressing(["golden"], 5.0, ROOM)
