from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import BadInput, ConfigError
from tests.fakes_singan import chain_config, learned_run, redraw_config, small_config, striped
from training.singan.measures import diversity, measured, patch_distance, psnr_db
from training.singan.modes import (
    animated,
    difference_mask,
    edited,
    enlarged,
    harmonized,
    painted,
    redrawn,
    sampled,
    with_colors_of,
)
from training.singan.runs import Learned, open_learned
from training.singan.tuning import tuned


@pytest.fixture(scope="module")
def samples_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learned_run(tmp_path_factory.mktemp("samples"), small_config())


@pytest.fixture(scope="module")
def redraw_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learned_run(tmp_path_factory.mktemp("redraw"), redraw_config())


@pytest.fixture(scope="module")
def chain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learned_run(tmp_path_factory.mktemp("chain"), chain_config())


@pytest.fixture(params=["samples_run", "chain_run"])
def sampler(request: pytest.FixtureRequest) -> Learned:
    return open_learned(request.getfixturevalue(request.param))


@pytest.fixture(params=["redraw_run", "chain_run"])
def redrawer(request: pytest.FixtureRequest) -> Learned:
    return open_learned(request.getfixturevalue(request.param))


def _pasted() -> tuple[np.ndarray, np.ndarray]:
    naive, mask = striped(), np.zeros((56, 72), np.uint8)
    cv2.circle(mask, (30, 28), 8, 255, -1)
    naive[mask > 0] = (250, 20, 20)
    return naive, mask


def test_samples_differ_and_come_again_by_their_seed(sampler: Learned) -> None:
    first, second = sampled(sampler, 2, seed=3)
    (again,) = sampled(sampler, 1, seed=3)
    assert (first == again).all()
    assert np.abs(first.astype(int) - second).max() > 0


@pytest.mark.parametrize("size", [(40, 100), (90, 52)])
def test_samples_have_any_size_and_aspect(sampler: Learned, size: tuple[int, int]) -> None:
    (one,) = sampled(sampler, 1, size)
    assert one.shape == (*size, 3)


def test_below_the_start_scale_the_picture_itself_stays(sampler: Learned) -> None:
    """A start beyond all noise but the last leaves less to chance than one at the first scale."""
    whole = np.stack(list(sampled(sampler, 6, start=0))).astype(float)
    finest = np.stack(list(sampled(sampler, 6, start=2))).astype(float)
    assert finest.std(axis=0).mean() < whole.std(axis=0).mean()


@pytest.mark.parametrize("start", [-1, 3, 99])
def test_a_start_scale_that_does_not_exist_is_named(sampler: Learned, start: int) -> None:
    with pytest.raises(ConfigError, match=f"start scale {start} does not exist; choose 0 to 2"):
        list(sampled(sampler, 1, start=start))


def test_a_chain_takes_pictures_at_any_scale_but_the_first(chain_run: Path) -> None:
    learned = open_learned(chain_run)
    assert redrawn(learned, striped(), 1).shape == (*learned.sizes[-1], 3)
    for start in (0, 3):
        with pytest.raises(ConfigError, match=f"start scale {start} does not exist; choose 1 to 2"):
            redrawn(learned, striped(), start)


def test_a_run_to_redraw_has_one_start_scale(redraw_run: Path) -> None:
    with pytest.raises(ConfigError, match="start scale 2 does not exist"):
        redrawn(open_learned(redraw_run), striped(), 2)


def test_what_was_not_trained_for_is_said_with_what_to_train(samples_run: Path, redraw_run: Path) -> None:
    with pytest.raises(ConfigError, match=r"singan_redraw\.toml"):
        redrawn(open_learned(samples_run), striped())
    with pytest.raises(ConfigError, match=r"configs/training/singan\.toml"):
        list(sampled(open_learned(redraw_run), 1))


def test_far_from_what_was_pasted_nothing_changes(redrawer: Learned) -> None:
    naive, mask = _pasted()
    made = harmonized(redrawer, naive, mask, reach=1)
    same = cv2.resize(naive, redrawer.sizes[-1][::-1], interpolation=cv2.INTER_AREA)
    assert (made[:, -6:] == same[:, -6:]).all()
    height, width = redrawer.sizes[-1]
    spot = (slice(height // 2 - 2, height // 2 + 2), slice(width * 30 // 72 - 2, width * 30 // 72 + 2))
    assert (made[spot] != same[spot]).any()


def test_a_mask_of_another_size_is_refused(redrawer: Learned) -> None:
    with pytest.raises(BadInput, match=r"mask is 30 x 20.*72 x 56"):
        harmonized(redrawer, striped(), np.zeros((20, 30), np.uint8))


def test_an_empty_mask_is_refused(redrawer: Learned) -> None:
    with pytest.raises(BadInput, match="mask is empty"):
        harmonized(redrawer, striped(), np.zeros((56, 72), np.uint8))


def test_an_edit_is_found_by_itself(redrawer: Learned) -> None:
    picture = redrawer.picture
    changed = picture.copy()
    changed[5:12, 5:12] = 255 - changed[5:12, 5:12]
    mask = difference_mask(changed, picture)
    assert mask[8, 8] == 255
    assert not mask[20:].any()
    assert edited(redrawer, changed).shape == picture.shape
    with pytest.raises(BadInput, match="differs nowhere"):
        edited(redrawer, picture)


def test_a_painting_takes_the_colors_of_the_picture(redrawer: Learned) -> None:
    flat = np.full((56, 72, 3), (250, 0, 250), np.uint8)
    quantized = with_colors_of(flat, redrawer.picture, 4)
    apart = np.abs(redrawer.picture.reshape(-1, 3).astype(int) - quantized[0, 0]).sum(axis=1).min()
    assert apart < 80
    assert painted(redrawer, flat, colors=4).shape == redrawer.picture.shape


def test_a_painting_of_another_shape_is_not_stretched(redrawer: Learned) -> None:
    for height, width in ((96, 48), (48, 96)):
        drawn = redrawn(redrawer, np.zeros((height, width, 3), np.uint8))
        assert drawn.shape[0] / drawn.shape[1] == pytest.approx(height / width, rel=0.03)
        assert drawn.shape[0] * drawn.shape[1] == pytest.approx(np.prod(redrawer.sizes[-1]), rel=0.05)


def test_a_picture_of_the_learned_shape_has_the_learned_size(redrawer: Learned) -> None:
    height, width = redrawer.sizes[-1]
    assert redrawn(redrawer, np.zeros((10 * height + 4, 10 * width, 3), np.uint8)).shape == (height, width, 3)


def test_an_edit_of_another_shape_needs_a_mask(redrawer: Learned) -> None:
    broad, mask = np.zeros((40, 100, 3), np.uint8), np.full((40, 100), 255, np.uint8)
    with pytest.raises(BadInput, match="of another shape than the learned"):
        edited(redrawer, broad)
    assert edited(redrawer, broad, mask).shape[1] > 2 * edited(redrawer, broad, mask).shape[0]


@pytest.mark.parametrize("factor", [1.5, 4.0])
def test_an_enlarged_picture_has_the_size_that_was_asked_for(redrawer: Learned, factor: float) -> None:
    picture = redrawer.picture
    made = enlarged(redrawer, picture, factor)
    assert made.shape == (round(picture.shape[0] * factor), round(picture.shape[1] * factor), 3)


def test_an_animation_is_a_loop_without_a_jump(sampler: Learned) -> None:
    frames = [frame.astype(float) for frame in animated(sampler, 24, walk=1, amplitude=0.8)]
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert steps[-1] <= 2 * max(steps[:-1])
    assert max(steps) > 0


def test_without_amplitude_an_animation_is_the_picture_itself(sampler: Learned) -> None:
    frames = list(animated(sampler, 3, walk=1, amplitude=0.0))
    assert all((frame == sampler.reconstruction()).all() for frame in frames)


def test_a_run_can_be_tuned_on_what_was_pasted_and_stays_as_it_was(redraw_run: Path, samples_run: Path) -> None:
    naive, _ = _pasted()
    learned = open_learned(redraw_run)
    before = redrawn(learned, naive)
    better = tuned(learned, naive, 3)
    assert (redrawn(learned, naive) == before).all()
    assert (redrawn(better, naive) != before).any()
    with pytest.raises(ConfigError, match="purpose = 'redraw'"):
        tuned(open_learned(samples_run), naive, 3)


def test_what_is_measured_is_what_the_paper_defines(sampler: Learned) -> None:
    figures = measured(sampler, samples=4)
    assert set(figures) == {"psnr_db", "diversity", "patch_distance"}
    assert all(np.isfinite(value) for value in figures.values())


def test_diversity_of_equal_samples_is_none_and_of_the_pictures_own_contrast_one() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = 200
    assert diversity([picture, picture], picture) == 0
    assert diversity([picture, 200 - picture], picture) == pytest.approx(1.0)


def test_patches_of_a_moved_picture_are_its_own_and_those_of_noise_are_not() -> None:
    picture = striped(64, 64)
    moved = np.roll(picture, 8, axis=1)
    noise = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    assert patch_distance(picture, picture) == 0
    assert patch_distance(moved, picture) < 0.2 * patch_distance(noise, picture)


def test_psnr_is_that_of_the_definition() -> None:
    black, gray = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 16, np.uint8)
    assert psnr_db(gray, black) == pytest.approx(20 * np.log10(255 / 16))
