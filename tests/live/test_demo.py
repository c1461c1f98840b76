"""The first command anybody types."""

from pathlib import Path

from live.demo import UNSEEN_MOVIE, UNSEEN_S, UNSEEN_SHEET, planned


def test_with_a_display_the_demo_opens_a_window_and_says_nothing() -> None:
    demo = planned(True, "", False, None, None, None)
    assert not demo.options.headless
    assert demo.options.seconds is None
    assert demo.notes == ()


def test_without_a_display_the_demo_says_so_and_leaves_a_movie_and_a_sheet() -> None:
    demo = planned(False, "", False, None, None, None)
    assert demo.options.headless
    assert (demo.options.seconds, demo.options.record, demo.options.sheet) == (UNSEEN_S, UNSEEN_MOVIE, UNSEEN_SHEET)
    assert len(demo.notes) == 1
    assert "no display" in demo.notes[0]


def test_what_was_asked_for_is_kept_where_there_is_no_display() -> None:
    demo = planned(False, "", False, 3.0, Path("mine.mp4"), "dancer")
    assert (demo.options.seconds, demo.options.record, demo.options.source) == (3.0, Path("mine.mp4"), "dancer")


def test_headless_on_request_needs_no_excuse() -> None:
    demo = planned(False, "", True, 10.0, Path("demo.mp4"), None)
    assert demo.options.headless
    assert demo.options.sheet is None
    assert demo.notes == ()


def test_a_busy_port_is_said_and_the_demo_goes_on_with_all_else() -> None:
    demo = planned(True, "Port 7400 is busy.", False, None, None, None)
    assert demo.options.osc
    assert demo.options.page
    assert "7400" in demo.notes[0]
