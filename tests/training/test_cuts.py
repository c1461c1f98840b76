"""Learning from squares: what is in a square is what the whole picture shows there."""

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from engines.errors import ConfigError
from tests.fakes_training import written_pairs
from tests.training.test_datasets import _config
from training.batches import Made
from training.config import TrainingConfig
from training.cuts import crop_side, square_of
from training.datasets import Examples

WHOLE, SIDE = 64, 32


def cut_config(**changes: object) -> TrainingConfig:
    still = {"cut": SIDE, "move_share": 0, "jitter": 0, "limb_drop": 0, "line_width": (1.0, 1.0)}
    return _config(augmentation=still, **changes)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return Examples(written_pairs(tmp_path_factory.mktemp("pairs"), true_alpha=True), cut_config())


def where(square: np.ndarray, whole: np.ndarray) -> tuple[int, int] | None:
    """Row and column at which `square` is part of `whole`."""
    windows = sliding_window_view(whole, (SIDE, SIDE, whole.shape[2]))[:, :, 0]
    found = np.argwhere((windows == square).all(axis=(2, 3, 4)))
    return None if not len(found) else (int(found[0][0]), int(found[0][1]))


def test_a_square_is_part_of_a_pair(examples: Examples) -> None:
    batch = examples.batch(5)
    assert batch.figure is not None
    assert batch.plate is not None
    for b in range(len(batch.real)):
        places = [(i, where(batch.conditioning[b], examples.conditioning(examples.pairs.landmarks[i])))
                  for i in examples.train]  # fmt: skip
        (i, (top, left)), *_ = [(i, place) for i, place in places if place is not None]
        part = np.s_[top : top + SIDE, left : left + SIDE]
        whole = examples.plain([i])
        assert whole.figure is not None
        assert whole.plate is not None
        for name in ("real", "mask", "weight", "figure", "plate"):
            np.testing.assert_array_equal(getattr(batch, name)[b], getattr(whole, name)[0][part], err_msg=name)


def test_landmarks_stay_where_the_body_is(examples: Examples) -> None:
    whole = examples[2]
    made = Made(
        whole, examples.conditioning(whole.landmarks), np.ones((WHOLE, WHOLE), np.float32), np.empty((0, 2), np.int64)
    )
    cut = square_of(made, SIDE, np.random.default_rng(3))
    place = where(cut.conditioning, made.conditioning)
    assert place is not None
    expected = whole.landmarks[:, :2] * WHOLE - [place[1], place[0]]
    np.testing.assert_allclose(cut.example.landmarks[:, :2] * SIDE, expected, atol=1e-4)
    np.testing.assert_allclose(cut.example.landmarks[:, 2] * SIDE, whole.landmarks[:, 2] * WHOLE, atol=1e-4)


def test_squares_lie_around_the_body(examples: Examples) -> None:
    seen = [(batch.mask > 0).any(axis=(1, 2)).mean() for batch in map(examples.batch, range(12))]
    assert np.mean(seen) > 0.95


def test_what_is_judged_lies_in_the_square(examples: Examples) -> None:
    side = crop_side(examples.config)
    for step in range(6):
        crops = examples.batch(step).crops
        assert ((crops[:, 1:] >= 0) & (crops[:, 1:] <= SIDE - side)).all()


def test_held_out_pictures_are_whole(examples: Examples) -> None:
    assert examples.plain([0]).real.shape == (1, WHOLE, WHOLE, 3)
    assert (examples.plain([0]).crops[:, 1:] <= WHOLE - crop_side(examples.config)).all()


def test_norms_are_measured_on_squares_of_the_pairs(examples: Examples) -> None:
    squares = examples.plain_conditioning([3, 4])
    assert squares.shape == (2, SIDE, SIDE, 3)
    for square, i in zip(squares, (3, 4), strict=True):
        assert where(square, examples.conditioning(examples.pairs.landmarks[i])) is not None
    np.testing.assert_array_equal(squares, examples.plain_conditioning([3, 4]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 32, "augmentation": {"cut": 64}}, "augmentation.cut is 64, but pictures are 32"),
        ({"augmentation": {"cut": 32}, "discriminator": {"crop_share": 1}}, "set crop_share to 0.5 or less"),
        ({"augmentation": {"cut": 32}, "losses": {"temporal": 1}}, "losses.temporal needs whole pictures"),
        ({"augmentation": {"cut": 32}, "rollout": {"steps": 2}}, "rollout.steps needs whole pictures"),
    ],
    ids=["larger", "crops", "temporal", "rollout"],
)
def test_a_square_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Examples(written_pairs(tmp_path), _config(**changes))
