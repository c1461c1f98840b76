"""Where the picture goes: recordings that play and cost nothing, windows that never stretch."""

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.errors import BadInput, Unavailable
from engines.images import Frame
from live.pacing import Tick
from live.sinks.recorder import Movie, Recorder
from live.sinks.sheet import Sheet, contact_sheet
from live.sinks.window import Window, display_available, fitted_to


def _tick(number: int, rate_hz: float = 60) -> Tick:
    return Tick(number, 100 + number / rate_hz, 0.0, 0)


def _color(value: tuple[int, int, int], size: tuple[int, int] = (64, 96)) -> Frame:
    return np.full((*size, 3), value, np.uint8)


def _decoded(path: Path) -> list[tuple[float, Frame]]:
    with av.open(str(path)) as movie:
        assert movie.streams.video[0].codec_context.name == "h264"
        return [(frame.time or 0.0, frame.to_ndarray(format="rgb24")) for frame in movie.decode(video=0)]


def test_a_recording_plays_and_keeps_the_times_of_the_show(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", fps=30, waiting=100)
    for number in range(60):
        recorder.show(_color((number * 4, 0, 0)), _tick(number))
    recorder.close()
    frames = _decoded(tmp_path / "out.mp4")
    assert len(frames) == recorder.recorded == 30
    assert recorder.dropped == 0
    assert frames[-1][0] == pytest.approx(58 / 60, abs=0.01)


@pytest.mark.parametrize("color", [(220, 30, 40), (20, 200, 60), (30, 40, 220), (128, 128, 128)], ids=str)
def test_a_recording_keeps_its_colors(tmp_path: Path, color: tuple[int, int, int]) -> None:
    movie = Movie(tmp_path / "out.mp4", (720, 1280), 30)
    movie.write(_color(color, (720, 1280)), 0.0)
    movie.close()
    capture = cv2.VideoCapture(str(movie.path))
    _, seen = capture.read()
    capture.release()
    assert np.abs(seen[300, 600, ::-1].astype(int) - color).max() <= 4


def test_a_picture_of_odd_size_is_recorded(tmp_path: Path) -> None:
    movie = Movie(tmp_path / "out.mp4", (65, 97), 30)
    movie.write(_color((9, 9, 9), (65, 97)), 0.0)
    movie.close()
    assert _decoded(movie.path)[0][1].shape == (64, 96, 3)


def test_a_slow_encoder_costs_recorded_pictures_and_never_waits(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", fps=60, waiting=2)
    recorder._thread = threading.Thread(target=lambda: None)  # an encoder that never gets round to anything
    for number in range(50):
        recorder.show(_color((0, 0, 0)), _tick(number))
    assert recorder.dropped == 48


def test_a_recorder_keeps_a_copy_of_what_it_is_shown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", waiting=100)
    picture = _color((250, 250, 250))
    recorder.show(picture, _tick(0))
    picture[:] = 0
    recorder.close()
    assert _decoded(tmp_path / "out.mp4")[0][1].mean() > 200


def test_an_encoder_that_fails_ends_the_recording_and_not_the_show(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4")
    (tmp_path / "out.mp4").unlink()
    (tmp_path / "out.mp4").mkdir()
    for number in range(60):
        recorder.show(_color((0, 0, 0)), _tick(number))
    recorder.close()
    assert recorder.fault is not None
    assert "out.mp4" in recorder.fault


def test_a_recording_into_nowhere_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        Recorder(tmp_path / "file" / "out.mp4")


def test_a_sheet_holds_evenly_spaced_stills_of_a_show_of_any_length(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "sheet.png")
    for number in range(3000):
        sheet.show(_color((number // 12, 0, 0), (90, 160)), Tick(number, number / 30, 0.0, 0))
    sheet.close()
    written = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert written.shape == (3 * 180, 4 * 320, 3)
    reds = [int(written[row * 180 + 90, column * 320 + 160, 0]) for row in range(3) for column in range(4)]
    steps = np.diff(reds)
    assert reds[0] < 10
    assert reds[-1] > 220
    assert steps.min() > 0
    assert steps.max() <= 2 * steps.min() + 2


def test_a_show_of_one_picture_has_a_sheet_too(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path / "sheet.png")
    sheet.show(_color((1, 2, 3)), _tick(0))
    sheet.close()
    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_a_sheet_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    sheet = Sheet(tmp_path)
    sheet.show(_color((1, 2, 3)), _tick(0))
    with pytest.raises(BadInput, match="sheet"):
        sheet.close()


def test_a_contact_sheet_is_black_where_there_is_no_picture() -> None:
    sheet = contact_sheet([_color((255, 255, 255))] * 5)
    assert sheet.shape == (128, 384, 3)
    assert not sheet[64:, 96:].any()


@pytest.mark.parametrize("window", [(100, 300), (300, 100), (64, 96), (31, 77)], ids=str)
def test_a_picture_is_never_stretched_and_all_of_it_is_shown(window: tuple[int, int]) -> None:
    fitted, (top, left) = fitted_to(_color((5, 5, 5)), window, "whole")
    height, width = fitted.shape[:2]
    assert abs(height / width - 64 / 96) < 0.03
    assert (height, width) == window or top == 0 or left == 0
    assert top + height <= window[0]
    assert left + width <= window[1]


@pytest.mark.parametrize("window", [(100, 300), (300, 100)], ids=str)
def test_a_covered_window_has_no_bars(window: tuple[int, int]) -> None:
    fitted, corner = fitted_to(_color((5, 5, 5)), window, "cover")
    assert fitted.shape[:2] == window
    assert corner == (0, 0)


def test_a_headless_window_shows_what_it_is_given() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    window = Window((60, 80), headless=True)
    window.show(picture, _tick(0))
    shown = window._pygame.surfarray.array3d(window._screen).swapaxes(0, 1)
    assert window.driver == "dummy"
    assert np.array_equal(shown, picture)
    window.close()


def test_black_that_is_asked_for_at_the_last_moment_is_flipped() -> None:
    asked = iter((False, True, False))
    window = Window((60, 80), headless=True, darkens=lambda: next(asked), lines=lambda: ("words",))
    lit = []
    for number in range(3):
        window.show(np.full((60, 80, 3), 200, np.uint8), _tick(number))
        lit.append(bool(window._pygame.surfarray.array3d(window._screen).any()))
    assert lit == [True, False, True]
    window.close()


def test_lines_are_drawn_over_the_picture_and_fit_into_it() -> None:
    window = Window((120, 160), headless=True, lines=lambda: ("a line much longer than this small window is wide" * 2,))
    window.show(_color((0, 0, 0), (120, 160)), _tick(0))
    assert window._pygame.surfarray.array3d(window._screen).max() > 100
    assert window._text[1][0].get_width() <= 160
    window.close()


def test_lines_stand_under_each_other() -> None:
    window = Window((120, 160), headless=True, lines=lambda: ("one", "two", "three"))
    window.show(_color((200, 0, 0), (120, 160)), _tick(0))
    changed = window._pygame.surfarray.array3d(window._screen).swapaxes(0, 1)[..., 0] != 200
    starts = [int(np.argmax(row)) for row in changed if row.any()]
    assert len(set(starts)) == 1
    window.close()


def test_a_window_of_another_size_than_asked_is_filled_all_the_same() -> None:
    """SDL's dummy driver gives 1024 x 768 in full screen, whatever is asked; a projector may do as it likes too."""
    window = Window((60, 80), fullscreen=True, headless=True)
    window.show(_color((90, 90, 90), (60, 80)), _tick(0))
    shown = window._pygame.surfarray.array3d(window._screen).swapaxes(0, 1)
    assert shown.shape[:2] == window.size
    assert (shown == 90).mean() > 0.95
    window.toggle_fullscreen()
    window.show(_color((90, 90, 90), (60, 80)), _tick(1))
    window.close()


def test_a_display_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(Unavailable, match=r"no display 7.*choose one of 0"):
        Window((60, 80), display=7, headless=True)


def test_a_machine_without_a_display_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert not display_available()
    with pytest.raises(Unavailable, match="--headless"):
        Window((60, 80))
