"""What a person reads when something is wrong: one sentence and a number, never a traceback."""

import argparse
from pathlib import Path

import pytest

import understudy
from engines.errors import BadInput, Unavailable


def _stopped_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail(_args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(understudy, "doctor", fail)
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
        understudy._size(text)


def test_a_size_is_read_as_width_by_height_and_kept_as_height_width() -> None:
    assert understudy._size("1280x720") == (720, 1280)


def test_a_bundle_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert understudy.main(["check", str(tmp_path / "nobody")]) == 2
    assert "nobody" in capsys.readouterr().err
