"""`understudy continue`, as a person types it: length, tempo, seams, sound, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from engines.bundle import write_bundle
from engines.film.reading import evenly
from engines.images import Frame
from engines.take.clip import open_clip
from live.continuing import _canvas
from live.soundtrack import RATE_HZ, Sound, going_on, read_sound
from tests.fakes_engines import image_bundle
from tests.fakes_film import drift_bundle, drifting, with_sound, written
from understudy import main

SIZE = (48, 64)
FILM = drifting(30, SIZE, 2.0)
Continued = Callable[..., list[Frame]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of three seconds, 10 frames a second, and a bundle that takes a step of one frame of it."""
    folder = tmp_path_factory.mktemp("film")
    written(folder / "film.mp4", FILM)
    with_sound(folder / "heard.mp4", folder / "film.mp4", 3.0)
    for name, fps, shift in (("drift", 10.0, 2), ("slow", 5.0, 4), ("wild", 10.0, 21)):
        bundle = drift_bundle(FILM, shift=shift, fps=fps)
        write_bundle(folder / name, bundle.manifest, {n: bundle.read(n) for n in ("generator.onnx", "plate.png")})
    return folder


@pytest.fixture
def continued(place: Path, tmp_path: Path) -> Continued:
    def run(*more: str, bundle: str = "drift", source: str = "film.mp4") -> list[Frame]:
        command = ["continue", "--bundle", str(place / bundle), "--source", str(place / source)]
        assert main([*command, "--out", str(tmp_path / "after.mp4"), "--backend", "onnxruntime", *more]) == 0
        return [moment.frame for moment in evenly(open_clip(tmp_path / "after.mp4"))]

    return run


def _apart(one: Frame, other: Frame) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_ninety_seconds_are_as_many_as_were_asked_for(continued: Continued) -> None:
    assert len(continued("--seconds", "7.5", "--silent")) == 75


def test_it_goes_on_where_the_film_ends_at_its_tempo(continued: Continued) -> None:
    shown = continued("--seconds", "3", "--fade", "1")
    # Begun a second before the end: what drifts on is what the film would have shown.
    wanted = drifting(60, SIZE, 2.0)
    for k in range(30):
        assert _apart(shown[k], wanted[20 + k]) < 12, k


def test_however_wild_it_goes_on_it_comes_out_of_the_real_film(continued: Continued) -> None:
    jumps = []
    for fade in ("0", "1"):
        shown = continued("--seconds", "2", "--from", "1", "--fade", fade, "--silent", bundle="wild")
        jumps.append([_apart(shown[k], FILM[11 + k]) for k in (0, 4, 12)])
    assert jumps[1][0] < 0.4 * jumps[0][0]
    assert jumps[1][0] < jumps[1][1]
    assert jumps[1][2] == pytest.approx(jumps[0][2], rel=0.2)


def test_steps_that_are_longer_than_a_frame_are_filled_in(continued: Continued) -> None:
    shown = continued("--seconds", "3", "--fade", "0", "--silent", bundle="slow")
    changes = [_apart(a, b) for a, b in zip(shown[1:], shown[:-1], strict=True)]
    assert min(changes) > 0.3 * max(changes)


def test_it_begins_anywhere(continued: Continued) -> None:
    shown = continued("--seconds", "1", "--from", "0.8", "--fade", "0.3")
    for k, frame in enumerate(shown):
        assert _apart(frame, FILM[9 + k]) < 12


def test_the_real_film_stands_beside_while_there_is_one(
    continued: Continued, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = continued("--compare", "--from", "1", "--seconds", "60")
    assert len(shown) == 19
    assert shown[0].shape == (48, 128, 3)
    for k, frame in enumerate(shown):
        assert _apart(frame[:, :64], FILM[11 + k]) < 12
        assert _apart(frame[:, 64:], FILM[11 + k]) < 12
    assert "a last frame that stands" in capsys.readouterr().out


def test_one_step_is_every_frame_once(continued: Continued) -> None:
    shown = continued("--one-step")
    assert len(shown) == 30
    for k in range(2, 30):
        assert _apart(shown[k], np.roll(FILM[k], 2, axis=1)) < 12


def test_a_loop_ends_where_it_began(continued: Continued) -> None:
    seams = []
    for more in ((), ("--loop",)):
        shown = continued("--seconds", "2.5", "--from", "1.5", "--fade", "0.5", *more, bundle="wild")
        seams.append([_apart(shown[-1], FILM[15]), _apart(shown[-2], FILM[14])])  # the first shown is frame 16
    assert seams[1][0] < 0.4 * seams[0][0]
    assert seams[1][1] < 0.7 * seams[0][1]


def test_another_seed_goes_on_another_way(continued: Continued) -> None:
    ends = [continued("--seconds", "2", "--stir", "0.1", "--seed", seed)[-1] for seed in ("1", "1", "2")]
    assert np.array_equal(ends[0], ends[1])
    assert _apart(ends[0], ends[2]) > 1


def test_a_movie_is_as_large_as_asked_for_and_never_stretched(continued: Continued) -> None:
    shown = continued("--seconds", "0.5", "--size", "160x90", "--silent")
    assert shown[0].shape == (90, 160, 3)
    assert shown[0][:, :15].max() < 20  # 4:3 in 16:9 stands in bars
    assert _canvas((1080, 1920), (160, 288)) == (1066, 1920)
    assert _canvas((2160, 3840), (160, 288)) == (1066, 1920)


# Sound


def test_the_sound_goes_on_as_long_as_the_picture(continued: Continued, tmp_path: Path) -> None:
    continued("--seconds", "8", source="heard.mp4")
    sound = read_sound(tmp_path / "after.mp4")
    assert sound is not None
    assert sound.seconds == pytest.approx(8, abs=0.1)
    loud = [np.abs(part).max() for part in np.array_split(sound.samples[:, RATE_HZ // 4 : -RATE_HZ // 4], 40, axis=1)]
    assert min(loud) > 0.05
    with av.open(str(tmp_path / "after.mp4")) as file:
        assert file.streams.video[0].frames == 80


def test_a_film_without_a_sound_track_goes_on_silently(
    continued: Continued, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    continued("--seconds", "1")
    assert "silent as the film is" in capsys.readouterr().out
    assert read_sound(tmp_path / "after.mp4") is None


def test_a_sound_that_begins_again_does_not_click() -> None:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 110 * time_s + 1.0).astype(np.float32)
    made = going_on(Sound(np.stack([tone, tone])), from_s=1.0, seconds=6.0).samples
    assert made.shape == (2, 6 * RATE_HZ)
    steepest = 2 * np.pi * 110 / RATE_HZ
    assert np.abs(np.diff(made[0])).max() < 3 * steepest
    assert np.abs(made).max() < 1.5
    assert np.array_equal(made[0, : RATE_HZ // 4], tone[RATE_HZ:][: RATE_HZ // 4])


# What it refuses


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ((), "Give --seconds"),
        (("--seconds", "0"), "more than 0"),
        (("--seconds", "1", "--from", "99"), "is over after"),
        (("--seconds", "1", "--from", "-1"), "before the film"),
        (("--seconds", "1", "--fade", "-1"), "choose 0 to 60 seconds"),
        (("--seconds", "1", "--from", "0"), "only 1 frames before"),
        (("--compare", "--from", "2.9"), "nothing of the film is left"),
        (("--one-step", "--loop"), "neither loops nor compares"),
        (("--seconds", "1", "--size", "3840x2160"), "at most 1920x1080"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], sentence: str
) -> None:
    out = tmp_path / "after.mp4"
    command = ["continue", "--bundle", str(place / "drift"), "--source", str(place / "film.mp4"), "--out", str(out)]
    assert main([*command, "--backend", "onnxruntime", *more]) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


def test_another_kind_of_bundle_or_no_film_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dancer = image_bundle()
    write_bundle(tmp_path / "dancer", dancer.manifest, {"generator.onnx": dancer.read("generator.onnx")})
    for bundle, source, sentence in (
        (tmp_path / "dancer", place / "film.mp4", "goes on with no film"),
        (place / "drift", tmp_path / "none.mp4", "no such video file"),
    ):
        command = ["continue", "--bundle", str(bundle), "--source", str(source), "--seconds", "1"]
        assert main([*command, "--out", str(tmp_path / "after.mp4"), "--backend", "onnxruntime"]) == 2
        assert sentence in capsys.readouterr().err
