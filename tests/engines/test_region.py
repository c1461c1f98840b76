"""A picture kept to the dancer, or to what is around, in the camera's picture."""

import numpy as np
import pytest

from engines.region import kept_to

PICTURE = np.full((64, 96, 3), (200, 30, 30), np.uint8)
FRAME = np.full((128, 192, 3), (20, 90, 160), np.uint8)
MASK = np.zeros((128, 192), np.uint8)
MASK[40:90, 60:120] = 255


def test_the_whole_is_the_picture_itself() -> None:
    assert kept_to(PICTURE, FRAME, MASK, "whole") is PICTURE


@pytest.mark.parametrize(("region", "on_dancer"), [("dancer", PICTURE), ("background", FRAME)])
def test_inside_and_outside_are_each_what_was_asked(region: str, on_dancer: np.ndarray) -> None:
    shown = kept_to(PICTURE, FRAME, MASK, region)
    around = FRAME if region == "dancer" else PICTURE
    assert tuple(shown[32, 45]) == tuple(on_dancer[0, 0])
    assert tuple(shown[4, 4]) == tuple(around[0, 0])


def test_the_border_is_a_slope() -> None:
    row = kept_to(PICTURE, FRAME, MASK, "dancer")[32, :45, 0].astype(int)
    assert len(np.unique(row)) >= 4
    assert (np.diff(row) >= 0).all()


def test_without_anybody_all_is_background() -> None:
    np.testing.assert_array_equal(kept_to(PICTURE, FRAME, None, "dancer"), FRAME[:64, :96])
    np.testing.assert_array_equal(kept_to(PICTURE, FRAME, None, "background"), PICTURE)
