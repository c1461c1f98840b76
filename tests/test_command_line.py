"""What a person reads when something is wrong: one sentence and a number, never a traceback."""

import argparse
from pathlib import Path

import pytest

import live.upkeep
import understudy
from engines import arguments
from engines.errors import BadInput, Unavailable


def _stopped_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail(_args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(live.upkeep, "doctor", fail)
    return understudy.main(["doctor"])


@pytest.mark.parametrize(
    ("error", "code"), [(BadInput("bad."), 2), (Unavailable("gone."), 3), (KeyboardInterrupt(), 130)], ids=str
)
def test_every_expected_failure_is_a_sentence_and_an_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _stopped_with(error, monkeypatch) == code
    said = capsys.readouterr().err
    assert said.startswith("understudy: ")
    assert said.count("\n") == 1


def test_a_bug_is_not_dressed_up_as_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        _stopped_with(ZeroDivisionError(), monkeypatch)


@pytest.mark.parametrize("text", ["1280", "x720", "wide", "1280x", "12.5x3"])
def test_a_size_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="1280x720"):
        arguments.size(text)


def test_a_size_is_read_as_width_by_height_and_kept_as_height_width() -> None:
    assert arguments.size("1280x720") == (720, 1280)


def test_a_bundle_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert understudy.main(["check", str(tmp_path / "nobody")]) == 2
    assert "nobody" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0x0", "0x720", "1280x8", "99999x99999"])
def test_a_size_out_of_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="16 to 8192"):
        arguments.size(text)


@pytest.mark.parametrize("text", ["5", "-0.1", "nan", "much"])
def test_a_share_out_of_range_is_refused_and_not_clamped(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 1"):
        arguments.share(text)


def test_a_folder_of_bundles_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert understudy.main(["bundles", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_where_a_motion_goes_is_asked_before_the_tracking(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    absent = tmp_path / "absent.mp4"  # would be the complaint if tracking had begun
    assert understudy.main(["motion", "extract", str(absent), "--out", str(tmp_path / "file" / "m.npz")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "learn clip.mp4 --size 0",
        "learn clip.mp4 --minutes nan",
        "train c.toml --pairs P --out R --minutes -1",
        "train c.toml --pairs P --out R --steps 0",
        "train c.toml --pairs P --out R --devices 0",
        "compare c.toml --pairs P --out R --minutes 0",
        "pack R --out F --limit-mb 0",
        "costume render F --count 0",
        "bench osc --rate 0",
        "bench live --seconds -3",
        "bench engines --runs 0",
        "bench engines --sizes 256 -1",
    ],
)
def test_a_number_that_means_nothing_is_refused_before_anything_begins(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        understudy.main(line.split())
    assert stopped.value.code == 2
    assert "write a " in capsys.readouterr().err
