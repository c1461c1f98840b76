from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import ConfigError
from tests.fakes_training import painted, room, swinging, written_pairs
from training.augmentation import Change, moved_landmarks, warped
from training.config import TrainingConfig, config_from
from training.cuts import crop_side
from training.datasets import Examples
from training.regions import face_box, hand_boxes


def _config(**changes: object) -> TrainingConfig:
    return config_from({"size": 64, **changes}, "test")


def test_a_batch_is_a_function_of_seed_and_step(tmp_path: Path) -> None:
    pairs = written_pairs(tmp_path)
    one, other = Examples(pairs, _config()), Examples(pairs, _config(), hold=False)
    for name, value in vars(one.batch(7)).items():
        np.testing.assert_array_equal(value, vars(other.batch(7))[name], err_msg=name)
    assert not np.array_equal(one.batch(7).conditioning, one.batch(8).conditioning)


def test_every_pair_is_seen_once_an_epoch(tmp_path: Path) -> None:
    examples = Examples(written_pairs(tmp_path), _config(schedule={"batch": 2}))
    seen = [examples._nth(position) for position in range(len(examples.train))]
    assert sorted(seen) == sorted(examples.train)


@pytest.mark.parametrize("flip", [False, True])
def test_landmarks_and_picture_are_moved_alike(flip: bool) -> None:
    landmarks = swinging(1.0)
    change = Change(scale=1.1, degrees=8, shift=(0.03, 0.13), flip=flip)
    side = 256
    x, y = (landmarks[15, :2] * side - 0.5).round().astype(int)
    landmarks[15, :2] = (np.array([x, y]) + 0.5) / side
    spot = np.zeros((side, side), np.uint8)
    cv2.circle(spot, (int(x), int(y)), 5, 255, -1)
    rows, columns = np.nonzero(warped(spot, change, cv2.BORDER_CONSTANT) > 127)
    expected = moved_landmarks(landmarks, change)[16 if flip else 15, :2] * side - 0.5
    assert [columns.mean(), rows.mean()] == pytest.approx(list(expected), abs=0.2)


def test_a_moved_figure_leaves_the_room_where_it_is(tmp_path: Path) -> None:
    moving = {"move_share": 1, "shift": 0.1, "scale": 0.2, "rotation_degrees": 10}
    batch = Examples(written_pairs(tmp_path), _config(augmentation=moving)).batch(0)
    assert batch.plate is not None
    still = (batch.far == 1) & (batch.weight > 0)
    assert still.mean() > 0.3
    assert np.abs(batch.real.astype(int) - batch.plate)[still].max() <= 1
    assert np.abs(batch.real.astype(int) - batch.plate)[batch.mask > 200].mean() > 20


def test_without_a_plate_the_whole_frame_moves(tmp_path: Path) -> None:
    examples = Examples(written_pairs(tmp_path, static=False), _config(augmentation={"move_share": 1}))
    assert examples.output == "image"
    assert examples.batch(0).plate is None


def test_a_true_figure_laid_over_its_room_is_the_picture(tmp_path: Path) -> None:
    examples = Examples(written_pairs(tmp_path, true_alpha=True), _config(augmentation={"move_share": 1}))
    batch = examples.batch(0)
    assert batch.figure is not None
    assert batch.plate is not None
    alpha = batch.figure[..., 3:] / 255
    laid = batch.figure[..., :3] * alpha + batch.plate * (1 - alpha)
    assert np.abs(laid - batch.real).max() <= 2.5


def test_face_and_hands_count_more_than_the_room(tmp_path: Path) -> None:
    examples = Examples(written_pairs(tmp_path), _config(augmentation={"move_share": 0}))
    index = examples.train[0]
    weight = examples.plain([index]).weight[0]
    landmarks = examples.pairs.landmarks[index]
    for top, left, bottom, right in (face_box(landmarks, 64), *hand_boxes(landmarks, 64)):
        assert bottom > top
        assert weight[top:bottom, left:right].min() >= 5
    assert weight[0, 0] == 1


def test_crops_lie_inside_the_picture_and_on_the_figure(tmp_path: Path) -> None:
    config = _config(augmentation={"move_share": 0})
    batch = Examples(written_pairs(tmp_path), config).batch(3)
    side = crop_side(config)
    assert ((batch.crops[:, 1:] >= 0) & (batch.crops[:, 1:] <= 64 - side)).all()
    hit = [batch.mask[b, y : y + side, x : x + side].any() for b, y, x in batch.crops]
    assert np.mean(hit) > 0.9


def test_pairs_smaller_than_the_size_asked_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="64 pixels"):
        Examples(written_pairs(tmp_path), _config(size=128))


def test_a_figure_is_not_learned_without_a_plate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="output='image'"):
        Examples(written_pairs(tmp_path, static=False), _config(output="figure"))


def test_the_room_is_seen_at_training_size(tmp_path: Path) -> None:
    examples = Examples(written_pairs(tmp_path), _config(size=32))
    plate = examples.plain([0]).plate
    assert plate is not None
    assert plate.shape == (1, 32, 32, 3)
    expected = cv2.resize(room(64), (32, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(plate[0], expected)
    assert painted(swinging(0), 64).any()
