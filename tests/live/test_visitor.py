"""A visitor becomes a performer, in memory only, and is forgotten."""

from pathlib import Path

import numpy as np
import pytest

from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.errors import BadInput, VideoError
from engines.performer import Performer
from engines.pose.lesson import lesson
from engines.pose.moves import ENOUGH, MOVES, Coverage
from engines.pose.puppet import BuiltInDancer
from engines.pose.tracker import Tracked
from engines.scene import Scene
from live.config import LiveOptions
from live.coverage import draw_ring
from live.leading import COUNTDOWN_S, Leading
from live.sources import Captured
from live.visiting import captured
from live.visitor import FORGET_S, FPS, Remembered, Visit
from tests.fakes_atlas import SIZE, PaintedTracker, dancing, painted_clip


def visited(poses: np.ndarray) -> Visit:
    visit, tracker = Visit(), PaintedTracker(poses, FPS)
    for at in painted_clip(poses, FPS).frames():
        visit.see(at.frame, tracker.track(at.frame, at.time_s))
    return visit


def test_the_moves_that_are_led_cover_all_that_is_asked_for() -> None:
    dancer, coverage = BuiltInDancer((360, 640), dance=lesson(30)), Coverage()
    for number in range(int(30 * FPS)):
        coverage.see(dancer.landmarks_at(number / FPS), dancer.size)
    assert coverage.missing == ()


def test_who_only_stands_is_told_what_is_missing() -> None:
    coverage = Coverage()
    for _ in range(3 * ENOUGH):
        coverage.see(BuiltInDancer((360, 640), dance=lesson(30)).landmarks_at(0.0), (360, 640))
    assert coverage.missing == tuple(move.name for move in MOVES)


def test_the_ring_fills() -> None:
    empty, full = np.zeros((90, 90, 3), np.uint8), np.zeros((90, 90, 3), np.uint8)
    draw_ring(Coverage(), empty, (45, 45), 30)
    draw_ring(Coverage([ENOUGH] * len(MOVES)), full, (45, 45), 30)
    assert full.sum() > 2 * empty.sum() > 0


def test_remembered_frames_are_nearly_what_was_seen() -> None:
    frames, frame = Remembered(), next(painted_clip(dancing(1)).frames()).frame
    frames.append(frame)
    assert np.abs(frames[0].astype(int) - frame).mean() < 3
    assert repr(frames) == "<1 frames>"


def test_a_visitor_performs_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    poses = dancing(60, 1 / FPS)
    visit = visited(poses)
    bundle = visit.learn(0.0, size=128)
    drawn = Performer(bundle, open_engine(bundle)).perform(Scene(bundle.atlas.keys[0].landmarks, 1.0))  # type: ignore[union-attr]
    assert drawn.figure is not None
    assert drawn.figure.any()
    assert bundle.path is None
    assert not list(tmp_path.rglob("*"))


def test_a_visitor_is_kept_only_when_that_is_asked_for(tmp_path: Path) -> None:
    visited(dancing(60, 1 / FPS)).learn(0.0, size=128, keep=tmp_path / "kept")
    assert open_bundle(tmp_path / "kept").atlas is not None


def test_a_visitor_is_forgotten_in_time() -> None:
    visit = visited(dancing(60, 1 / FPS))
    visit.learn(100.0, size=96)
    assert visit.bundle(100.0 + FORGET_S - 1).atlas is not None
    with pytest.raises(BadInput, match="forgotten"):
        visit.bundle(100.0 + FORGET_S)
    with pytest.raises(BadInput, match="forgotten"):
        visit.bundle(100.0)


def test_a_visitor_is_forgotten_at_once_on_request() -> None:
    visit = visited(dancing(60, 1 / FPS))
    visit.learn(0.0, size=96)
    visit.forget()
    with pytest.raises(BadInput, match="forgotten"):
        visit.bundle(1.0)


def test_the_frames_are_gone_when_the_performer_is_made() -> None:
    visit = visited(dancing(60, 1 / FPS))
    visit.learn(0.0, size=96)
    assert repr(visit._frames) == "<0 frames>"
    assert not visit._tracks


def test_nobody_in_view_is_one_sentence_with_the_missing_moves() -> None:
    visit = Visit()
    for at in painted_clip(dancing(20, 1 / FPS), FPS).frames():
        visit.see(at.frame, Tracked(None, None, at.time_s))
    with pytest.raises(VideoError, match=r"nobody was found.*missing: raise your left arm"):
        visit.learn(0.0)


def test_a_camera_that_changes_its_size_is_refused() -> None:
    visit = visited(dancing(2))
    with pytest.raises(BadInput, match="changed from"):
        visit.see(np.zeros((20, 30, 3), np.uint8), Tracked(None, None, 0.0))


def test_the_leader_and_the_ring_are_seen_while_a_visitor_is_captured() -> None:
    mirror = np.zeros((360, 640, 3), np.uint8)
    leading = Leading(30.0)
    assert leading.picture(mirror, Visit(), -2.0).any()
    assert not np.array_equal(leading.picture(mirror, Visit(), 1.0), leading.picture(mirror, Visit(), 5.0))
    assert not mirror.any()


class Filmed:
    """A camera with a clock of its own: every frame is a thirtieth of a second later."""

    said, is_mirror = "filmed", True

    def __init__(self, poses: np.ndarray) -> None:
        self._frames = [at.frame for at in painted_clip(poses).frames()]
        self.time_s = 0.0

    def read(self) -> Captured | None:
        self.time_s += 1 / 30
        return Captured(self._frames[int(self.time_s * 30) % len(self._frames)], self.time_s)

    def close(self) -> None: ...


class SeesTheFirst(PaintedTracker):
    def track(self, frame: np.ndarray, _time_s: float) -> Tracked:
        return super().track(frame, 0.0)

    def close(self) -> None: ...


def test_half_a_minute_is_captured_after_the_countdown() -> None:
    poses, visit = dancing(4), Visit()
    camera = Filmed(poses)
    tracker = SeesTheFirst(poses, FPS)
    captured(visit, camera, 2.0, LiveOptions(headless=True), tracker=tracker, now=lambda: camera.time_s)
    assert camera.time_s == pytest.approx(COUNTDOWN_S + 2.0, abs=0.1)
    assert 2.0 * FPS - 2 <= len(visit._frames) <= 2.0 * FPS + 1
    assert visit._frames[0].shape == (SIZE, SIZE, 3)
