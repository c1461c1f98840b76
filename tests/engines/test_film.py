"""Motion, flow, statistics and life of a film."""

import numpy as np
import pytest

from engines.film.cutting import glance, spans
from engines.film.flow import Between, fetched, flow_between
from engines.film.liveness import LOOP, Liveness, liveness, loop_in, watched
from engines.film.motion import look, measured_motion, new_ones, proposed, strides_of
from engines.film.statistics import FilmLook, guarded, look_of
from engines.images import Frame
from tests.fakes_film import drifting

SIZE = (96, 128)


def _stride(frames: list[Frame], fps: float = 25) -> int | None:
    found = proposed(measured_motion([look(frame) for frame in frames], [(0, len(frames))], fps))
    return None if found is None else found.stride


def _alive(rollout: list[Frame], film: list[Frame] | None = None) -> Liveness:
    return liveness([watched(film or drifting(120, SIZE, 2.0))], watched(rollout))


def _kinds(found: Liveness) -> set[str]:
    return {fault.kind for fault in found.faults}


def test_the_faster_a_film_the_shorter_its_stride() -> None:
    strides = [_stride(drifting(80, SIZE, speed)) for speed in (2.0, 0.4, 0.2)]
    assert strides[0] == 1
    assert strides == sorted(set(strides))


def test_a_still_picture_has_no_stride_however_noisy_the_camera() -> None:
    rng = np.random.default_rng(0)
    still = drifting(1, (288, 384))[0]
    noisy = [np.clip(still + rng.normal(0, 3, still.shape), 0, 255).astype(np.uint8) for _ in range(40)]
    assert _stride(noisy) is None


def test_no_stride_is_longer_than_a_third_of_the_longest_shot_or_a_second() -> None:
    assert max(strides_of(25, 1000)) == 25
    assert max(strides_of(25, 12)) == 4
    assert strides_of(25, 1) == (1,)


def test_motion_is_not_measured_across_a_cut() -> None:
    one, other = drifting(30, SIZE, 0.0), drifting(30, SIZE, 0.0, seed=5)
    frames = [*one, *other]
    shots = spans(np.stack([glance(frame) for frame in frames]))
    assert shots == [(0, 30), (30, 60)]
    assert proposed(measured_motion([look(frame) for frame in frames], shots, 25)) is None


def test_a_picture_that_is_held_for_some_frames_is_new_once() -> None:
    on_threes = [frame for frame in drifting(20, SIZE, 2.0) for _ in range(3)]
    assert new_ones(on_threes, 25) == list(range(0, 60, 3))


def test_noise_on_what_is_held_makes_it_no_news() -> None:
    rng = np.random.default_rng(0)
    held = [
        np.clip(frame + rng.normal(0, 0.5, frame.shape), 0, 255).astype(np.uint8)
        for frame in drifting(20, SIZE, 3.0)
        for _ in range(3)
    ]
    assert new_ones(held, 25) == list(range(0, 60, 3))


def test_a_rest_of_the_film_is_no_repetition() -> None:
    moving = drifting(40, SIZE, 2.0)
    rested = [*moving[:20], *[moving[20]] * 30, *moving[20:]]
    assert new_ones(rested, 25) == list(range(len(rested)))


def test_a_film_that_goes_steadily_repeats_nothing() -> None:
    assert new_ones(drifting(40, SIZE, 0.5), 25) == list(range(40))


def test_a_short_wild_shot_counts_no_more_than_its_length() -> None:
    calm, wild = watched(drifting(121, SIZE, 1.0)), watched(drifting(11, SIZE, 8.0))
    rollout = watched(drifting(200, SIZE, 1.0))
    alone, joined = (liveness(shots, rollout).film.energy for shots in ([calm], [calm, wild]))
    assert joined < 1.5 * alone


def test_flow_says_where_a_pixel_went() -> None:
    first, second = drifting(2, SIZE, 3.0)
    inner = flow_between(first, second)[10:-10, 10:-10]
    assert np.median(inner[..., 0]) == pytest.approx(3, abs=0.3)
    assert np.median(inner[..., 1]) == pytest.approx(0, abs=0.3)


def test_flow_of_a_wide_picture_is_in_its_own_pixels() -> None:
    first, second = drifting(2, (480, 960), 6.0)
    assert np.median(flow_between(first, second)[40:-40, 40:-40, 0]) == pytest.approx(6, abs=0.6)


def test_the_picture_between_is_where_the_motion_is_half_done() -> None:
    first, half, second = drifting(3, SIZE, 3.0)
    made = Between(first, second).at(0.5)
    inner = (slice(8, -8), slice(8, -8))
    error = np.abs(made[inner].astype(int) - half[inner]).mean()
    mixed = np.abs((first[inner].astype(int) + second[inner]) // 2 - half[inner]).mean()
    assert error < 0.4 * mixed
    assert Between(first, second).at(0) is first
    assert Between(first, second).at(1) is second


def test_fetching_along_no_flow_changes_nothing() -> None:
    picture = drifting(1, SIZE)[0]
    assert np.array_equal(fetched(picture, np.zeros((*SIZE, 2), np.float32)), picture)


def test_a_film_that_goes_on_as_it_was_is_alive_and_on_aim() -> None:
    found = _alive(drifting(300, SIZE, 1.7, seed=0))
    assert found.is_alive, found.faults
    assert found.is_on_aim


def test_a_film_that_stops_is_frozen_and_says_from_where() -> None:
    moving = drifting(150, SIZE, 2.0)
    found = _alive([*moving, *[moving[-1]] * 200])
    (fault,) = found.faults
    assert fault.kind == "freeze"
    assert fault.step == 200
    assert "it freezes" in fault.sentence


def test_a_picture_that_only_trembles_is_no_film_however_much_it_does() -> None:
    rng, still = np.random.default_rng(0), drifting(1, SIZE)[0]
    film = drifting(120, SIZE, 2.0)
    frames = [np.clip(still + rng.normal(0, 12, still.shape), 0, 255).astype(np.uint8) for _ in range(220)]
    found = _alive(frames, film)
    assert min(found.energies) > 0.5
    (fault,) = [fault for fault in found.faults if fault.kind == "freeze"]
    assert "trembles in place" in fault.sentence
    assert not found.is_on_aim


def test_noise_that_grows_is_a_blow_up() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(220)]
    assert "blow-up" in _kinds(_alive(frames))


def test_a_film_that_loses_its_contrast_fades_to_gray() -> None:
    frames = drifting(300, SIZE, 6.0)
    gray = [
        ((frame.astype(float) - 128) * max(0.1, 1 - k / 200) + 128).astype(np.uint8) for k, frame in enumerate(frames)
    ]
    assert "fade" in _kinds(_alive(gray))


def test_a_film_that_loses_its_colors_fades_too() -> None:
    frames = [
        np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8) for frame in drifting(220, SIZE, 2.0)
    ]
    assert _kinds(_alive(frames)) == {"fade"}


def test_a_film_that_turns_red_drifts_off_its_colors() -> None:
    frames = [
        np.clip(frame.astype(int) // 2 + [125, 0, 0], 0, 255).astype(np.uint8) for frame in drifting(220, SIZE, 3.0)
    ]
    assert "color" in _kinds(_alive(frames))


@pytest.mark.parametrize("period", [2, 7, 30])
def test_a_circle_of_up_to_thirty_steps_is_a_loop(period: int) -> None:
    circle = drifting(period, SIZE, 2.0)
    frames = [circle[k % period] for k in range(300)]
    assert loop_in(watched(frames)) == period
    assert "loop" in _kinds(_alive(frames, film=drifting(60, SIZE, 2.0)))


def test_a_film_that_circles_itself_may_be_continued_in_circles() -> None:
    circle = drifting(8, SIZE, 16.0)
    frames = [circle[k % 8] for k in range(300)]
    assert "loop" not in _kinds(_alive(frames, film=frames))


def test_motion_that_never_returns_is_no_loop() -> None:
    assert loop_in(watched(drifting(4 * LOOP, SIZE, 0.5))) is None


def test_the_guard_leaves_what_is_within_the_films_own_range() -> None:
    picture = drifting(1, SIZE)[0]
    frames = [np.clip(picture * gain + 20, 0, 255).astype(np.uint8) for gain in np.linspace(0.3, 0.8, 21)]
    film = FilmLook.of(frames, 5.0)
    for frame in frames[2:-2]:
        assert np.abs(guarded(frame, film, 1.0).astype(int) - frame).max() <= 1


def test_the_guard_brings_a_faded_picture_back_by_its_strength() -> None:
    frames = drifting(40, SIZE, 2.0)
    film = FilmLook.of(frames, 5.0)
    faded = (frames[7] * 0.5 + 30).astype(np.uint8)
    gaps = []
    for strength in (0.0, 0.5, 1.0):
        seen = look_of(guarded(faded, film, strength))
        gaps.append(abs(seen.contrast - look_of(frames[7]).contrast))
    assert gaps[0] > gaps[1] > gaps[2]
    assert np.array_equal(guarded(faded, film, 0.0), faded)


def test_a_films_look_survives_a_manifest() -> None:
    film = FilmLook.of(drifting(20, SIZE, 2.0), 5.0)
    again = FilmLook.from_metrics(film.metrics())
    assert again is not None
    assert again.mean_low == pytest.approx(film.mean_low, abs=1e-3)
    assert again.deviation_high == pytest.approx(film.deviation_high, abs=1e-3)
    assert FilmLook.from_metrics({}) is None
