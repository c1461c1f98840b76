"""Pairs of a film with itself, from a file to a folder."""

from pathlib import Path

import numpy as np
import pytest

from engines.errors import BadInput, PairsError, VideoError
from engines.film.reading import evenly
from engines.take.clip import open_clip
from tests.fakes_film import drifting, written
from training.pairs.next_frames import build_next_pairs, summary
from understudy import main

SIZE = (96, 128)


def _film(folder: Path, count: int = 40, speed: float = 0.5) -> Path:
    return written(folder / "film.mp4", drifting(count, SIZE, speed))


def test_the_command_writes_every_frame_and_says_the_stride(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pairs"
    assert main(["pairs", "--kind", "next", str(_film(tmp_path)), "--out", str(out), "--size", "64"]) == 0
    said = capsys.readouterr().out
    assert "40 frames of 85 x 64" in said
    assert "proposed" in said


def test_a_slower_film_gets_a_longer_stride(tmp_path: Path) -> None:
    strides = []
    for speed in (2.0, 0.3):
        film = written(tmp_path / f"{speed}.mp4", drifting(40, SIZE, speed))
        strides.append(build_next_pairs([film], tmp_path / f"pairs-{speed}", size=64).header.stride)
    assert strides[0] == 1
    assert strides[1] > 1


def test_the_stride_that_is_given_counts(tmp_path: Path) -> None:
    assert build_next_pairs([_film(tmp_path)], tmp_path / "pairs", size=64, stride=5).header.stride == 5


def test_a_cut_begins_another_shot(tmp_path: Path) -> None:
    film = written(tmp_path / "cut.mp4", [*drifting(24, SIZE, 2.0), *drifting(24, SIZE, 2.0, seed=5)])
    pairs = build_next_pairs([film], tmp_path / "pairs", size=64)
    assert [row.shot for row in pairs.rows] == ["00"] * 24 + ["01"] * 24
    assert "2 shots" in summary(pairs)


def test_a_film_shorter_than_the_stride_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"longest shot is 12 frames, but a stride of 8 needs at least 17"):
        build_next_pairs([_film(tmp_path, 12)], tmp_path / "pairs", stride=8)
    assert not (tmp_path / "pairs").exists()


def test_a_still_sequence_is_refused(tmp_path: Path) -> None:
    for stride in (None, 3):
        with pytest.raises(VideoError, match="stands still"):
            build_next_pairs([_film(tmp_path, 30, speed=0)], tmp_path / "pairs", stride=stride)
    assert not (tmp_path / "pairs").exists()


def test_two_films_or_no_stride_at_all_are_refused(tmp_path: Path) -> None:
    film = _film(tmp_path)
    with pytest.raises(BadInput, match="2 videos were given"):
        build_next_pairs([film, film], tmp_path / "pairs")
    with pytest.raises(BadInput, match="stride of 0"):
        build_next_pairs([film], tmp_path / "pairs", stride=0)


def test_a_finished_folder_is_opened_and_one_of_other_settings_refused(tmp_path: Path) -> None:
    film = _film(tmp_path)
    first = build_next_pairs([film], tmp_path / "pairs", size=64)
    assert build_next_pairs([film], tmp_path / "pairs", size=64).ids == first.ids
    with pytest.raises(PairsError, match="other"):
        build_next_pairs([film], tmp_path / "pairs", size=80)


def test_a_varying_frame_rate_is_read_evenly(tmp_path: Path) -> None:
    frames = drifting(30, SIZE, 2.0)
    times = [0.1 * k if k < 10 else 1.0 + 0.2 * (k - 10) for k in range(30)]  # the rate halves after a second
    film = open_clip(written(tmp_path / "phone.mp4", frames, times=times))
    even = list(evenly(film))
    assert np.allclose(np.diff([moment.time_s for moment in even]), 1 / film.fps)
    assert abs(even[-1].time_s - times[-1]) < 0.2
    for moment in even[:: len(even) // 6]:
        nearest = int(np.argmin(np.abs(np.array(times) - moment.time_s)))
        errors = [np.abs(moment.frame.astype(int) - frame).mean() for frame in frames]
        assert abs(int(np.argmin(errors)) - nearest) <= 1


def test_of_an_even_film_every_frame_comes_once(tmp_path: Path) -> None:
    film = open_clip(_film(tmp_path))
    assert [m.number for m in evenly(film)] == [m.number for m in film.frames()]


def test_frames_that_only_repeat_are_left_out_and_the_film_keeps_its_tempo(tmp_path: Path) -> None:
    frames = [frame for frame in drifting(30, SIZE, 2.0) for _ in range(4)]
    pairs = build_next_pairs([written(tmp_path / "on_fours.mp4", frames, fps=20)], tmp_path / "pairs", size=64)
    assert [row.frame for row in pairs.rows] == list(range(0, 120, 4))
    assert pairs.header.stride == 1
    assert pairs.header.fps == pytest.approx(5)
    assert "90 of 120 frames only repeat" in summary(pairs)


def test_beside_held_pictures_a_large_movement_is_no_cut(tmp_path: Path) -> None:
    frames = [frame for frame in drifting(30, SIZE, 9.0) for _ in range(3)]
    assert len(build_next_pairs([written(tmp_path / "held.mp4", frames)], tmp_path / "pairs").header.shots) == 1
