"""Offline, every frame is performed, in the size and shape that was asked for."""

import _thread
import itertools
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.bundle import write_bundle
from engines.errors import BadInput, Unavailable, VideoError
from engines.images import Frame
from engines.pose.motion import Motion
from engines.pose.tracker import Tracked
from live.motions import recorded_motion
from live.rendering import render
from live.sinks.gif import Gif
from live.sinks.recorder import Movie
from tests.fakes import FakeTracker, standing
from tests.fakes_engines import figure_graph, manifest, png, room


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """64 x 64 before a room of 80 x 96."""
    files = {"generator.onnx": figure_graph(64), "plate.png": png(room(64))}
    write_bundle(tmp_path / "ember", manifest(64, name="ember", plate_at=(8, 20)), files)
    return tmp_path / "ember"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Thirteen frames of 128 x 72 at 10 a second."""
    movie = Movie(tmp_path / "clip.mp4", (72, 128), 10)
    for number in range(13):
        movie.write(np.full((72, 128, 3), 10 * number, np.uint8), number / 10)
    movie.close()
    return movie.path


def _decoded(path: Path) -> list[Frame]:
    with av.open(str(path)) as movie:
        return [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]


def test_every_frame_of_a_clip_is_performed(bundle: Path, clip: Path, tmp_path: Path) -> None:
    made = render(bundle, str(clip), tmp_path / "out.mp4", opened_tracker=FakeTracker)
    frames = _decoded(tmp_path / "out.mp4")
    assert len(frames) == made.frames == 13
    assert frames[0].shape == (80, 96, 3)
    assert made.seconds == pytest.approx(1.3)


def test_the_room_is_shown_whole_and_unstretched_at_the_size_asked_for(
    bundle: Path, clip: Path, tmp_path: Path
) -> None:
    render(bundle, str(clip), tmp_path / "out.mp4", size=(80, 200), opened_tracker=FakeTracker)
    frame = _decoded(tmp_path / "out.mp4")[5]
    assert frame.shape == (80, 200, 3)
    assert frame[:, :48].max() < 24
    assert frame[:, 152:].max() < 24
    assert frame[:, 56:144].mean() > 60


def test_side_by_side_shows_source_and_skeleton_and_performer(bundle: Path, clip: Path, tmp_path: Path) -> None:
    render(bundle, str(clip), tmp_path / "out.mp4", side_by_side=True, opened_tracker=FakeTracker)
    frame = _decoded(tmp_path / "out.mp4")[12]
    source_wide = round(128 * 80 / 72)
    assert frame.shape[1] in (source_wide + 80 + 96, source_wide + 80 + 95)
    assert abs(frame[:, 4 : source_wide - 4].mean() - 120) < 4
    skeleton = frame[:, source_wide + 4 : source_wide + 76]
    assert 0 < (skeleton.max(axis=2) > 100).mean() < 0.4


def test_a_clip_with_nobody_in_it_shows_the_empty_room_and_says_so(bundle: Path, clip: Path, tmp_path: Path) -> None:
    class Nobody(FakeTracker):
        def track(self, _frame: Frame, time_s: float) -> Tracked:
            return Tracked(None, None, time_s)

    with pytest.raises(VideoError, match="nobody was found"):
        render(bundle, str(clip), tmp_path / "out.mp4", opened_tracker=Nobody)
    assert np.abs(_decoded(tmp_path / "out.mp4")[3].astype(int).mean() - room(64).mean()) < 3


class _Trembling(FakeTracker):
    """Finds somebody who stands still a little beside where they are, each time elsewhere."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(2)

    def track(self, _frame: Frame, time_s: float) -> Tracked:
        found = standing()
        found[:, :2] += self._random.normal(0, 0.006, (33, 2)).astype(np.float32)
        return Tracked(found, None, time_s)


def test_a_film_trembles_less_than_its_tracker_unless_that_is_asked_for(bundle: Path, tmp_path: Path) -> None:
    wall = np.random.default_rng(1).integers(0, 255, (72, 128, 3), np.uint8)
    movie = Movie(tmp_path / "wall.mp4", (72, 128), 10, quality=1)
    for number in range(24):
        movie.write(wall, number / 10)
    movie.close()
    trembled = []
    for steadied in (True, False):
        out = tmp_path / f"{steadied}.mp4"
        render(
            bundle,
            str(movie.path),
            out,
            smoothing=0,
            side_by_side=True,
            steadied=steadied,
            opened_tracker=_Trembling,
        )
        skeletons = [frame[:, 144:220].astype(int) for frame in _decoded(out)]
        trembled.append(np.mean([np.abs(b - a).mean() for a, b in itertools.pairwise(skeletons)]))
    assert trembled[0] < 0.5 * trembled[1]


def test_a_motion_is_rendered_without_a_tracker(bundle: Path, tmp_path: Path) -> None:
    Motion(np.stack([standing()] * 6), np.arange(6) / 10, (360, 640), "test").save(tmp_path / "m.npz")

    def none_needed() -> FakeTracker:
        raise AssertionError("a motion knows its poses")

    made = render(bundle, str(tmp_path / "m.npz"), tmp_path / "out.mp4", opened_tracker=none_needed)
    assert made.frames == 6


def test_a_camera_cannot_be_rendered(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="camera"):
        render(bundle, "0", tmp_path / "out.mp4")


def test_the_source_is_never_overwritten(bundle: Path, clip: Path) -> None:
    with pytest.raises(BadInput, match="the source itself"):
        render(bundle, str(clip), clip)


def test_a_place_that_cannot_be_written_is_a_sentence(bundle: Path, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        render(bundle, str(clip), tmp_path / "file" / "out.mp4", opened_tracker=FakeTracker)


def test_what_fails_in_the_trackers_thread_is_said(bundle: Path, clip: Path, tmp_path: Path) -> None:
    def trouble() -> None:
        raise Unavailable("the pose model is gone")

    with pytest.raises(Unavailable, match="the pose model is gone"):
        render(bundle, str(clip), tmp_path / "out.mp4", opened_tracker=lambda: FakeTracker(trouble), steadied=False)


def test_what_was_rendered_before_ctrl_c_is_a_movie_that_plays(bundle: Path, clip: Path, tmp_path: Path) -> None:
    frames = itertools.count()

    def trouble() -> None:  # in the tracker's thread; Ctrl-C is heard in the main one
        if next(frames) == 9:
            _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt):
        render(bundle, str(clip), tmp_path / "out.mp4", opened_tracker=lambda: FakeTracker(trouble), steadied=False)
    assert 0 < len(_decoded(tmp_path / "out.mp4")) <= 13


def test_a_motion_is_recorded_from_a_source(clip: Path, tmp_path: Path) -> None:
    motion = recorded_motion(str(clip), tmp_path / "m.npz", opened_tracker=FakeTracker)
    assert len(motion.times) >= 10
    assert np.allclose(Motion.load(tmp_path / "m.npz").landmarks, motion.landmarks)
    assert motion.times[-1] == pytest.approx(1.2, abs=0.2)


@pytest.mark.parametrize("steadied", [True, False])
def test_a_recorded_motion_trembles_only_as_tracked(tmp_path: Path, steadied: bool) -> None:
    noise = np.random.default_rng(3)
    rough = cv2.resize(noise.integers(0, 256, (24, 32, 3), np.uint8), (320, 240), interpolation=cv2.INTER_CUBIC)
    writer = cv2.VideoWriter(str(tmp_path / "still.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for _ in range(16):
        writer.write(rough)
    writer.release()

    class Trembling(FakeTracker):
        def track(self, frame: Frame, time_s: float) -> Tracked:
            landmarks = standing()
            landmarks[:, :2] += noise.normal(0, 0.004, (33, 2))
            return replace(super().track(frame, time_s), landmarks=landmarks)

    clip = str(tmp_path / "still.avi")
    motion = recorded_motion(clip, tmp_path / "m.npz", steadied=steadied, opened_tracker=Trembling)
    trembled = np.abs(np.diff(motion.landmarks[:, 11:, :2], axis=0)).mean()
    assert (trembled < 0.0018) if steadied else (trembled > 0.003)


def test_a_recording_in_which_nobody_was_seen_is_refused(clip: Path, tmp_path: Path) -> None:
    class Nobody(FakeTracker):
        def track(self, _frame: Frame, time_s: float) -> Tracked:
            return Tracked(None, None, time_s)

    with pytest.raises(Unavailable, match="nobody was seen"):
        recorded_motion(str(clip), tmp_path / "m.npz", opened_tracker=Nobody)
    assert not (tmp_path / "m.npz").exists()


def test_a_name_that_is_none_of_a_movie_is_refused_before_anything_is_done(
    bundle: Path, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"\.mp4, \.mov, \.webm"):
        render(bundle, str(clip), tmp_path / "out.avi")
    assert not (tmp_path / "out.avi").exists()


def test_an_odd_size_is_refused_with_the_next_even_one(bundle: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="640x480"):
        render(bundle, str(clip), tmp_path / "out.mp4", size=(481, 641))


def test_a_motion_that_is_interrupted_is_written_and_said_to_be(clip: Path, tmp_path: Path) -> None:
    class Interrupted(FakeTracker):
        def track(self, frame: Frame, time_s: float) -> Tracked:
            if frame.mean() > 60:
                raise KeyboardInterrupt
            return super().track(frame, time_s)

    with pytest.raises(KeyboardInterrupt):
        recorded_motion(str(clip), tmp_path / "dance.npz", opened_tracker=Interrupted)
    assert len(Motion.load(tmp_path / "dance.npz").times) >= 2


def test_a_part_of_a_clip_is_a_film_of_its_own(bundle: Path, clip: Path, tmp_path: Path) -> None:
    made = render(
        bundle, str(clip), tmp_path / "out.mp4", part=(0.3, 0.9), side_by_side=True, opened_tracker=FakeTracker
    )
    frames = _decoded(tmp_path / "out.mp4")
    assert len(frames) == made.frames == 6
    assert made.seconds == pytest.approx(0.6)
    assert abs(frames[0][:, 4:136].mean() - 30) < 4, "it begins with the fourth frame"


def test_a_gif_loops_at_a_rate_that_pages_play(bundle: Path, clip: Path, tmp_path: Path) -> None:
    render(bundle, str(clip), tmp_path / "out.gif", side_by_side=True, opened_tracker=FakeTracker)
    with av.open(str(tmp_path / "out.gif")) as movie:
        frames = list(movie.decode(video=0))
    assert [round(float(frame.time or 0), 2) for frame in frames[:3]] == [0, 0.08, 0.16]
    shown = [frame.to_ndarray(format="rgb24")[4:-4, 4:136].mean() for frame in frames]
    assert shown == pytest.approx([10 * number for number in range(13)], abs=5)
    assert b"NETSCAPE2.0" in (tmp_path / "out.gif").read_bytes()


def test_a_gif_leaves_out_what_comes_too_soon(tmp_path: Path) -> None:
    gif = Gif(tmp_path / "quick.gif", (20, 30))
    for number in range(50):
        gif.write(np.full((20, 30, 3), 5 * number, np.uint8), number / 50)
    gif.close()
    assert [round(frame.mean() / 5) for frame in _decoded(gif.path)] == pytest.approx(list(range(0, 50, 4)), abs=1)


def test_moments_stand_side_by_side_in_one_picture(bundle: Path, clip: Path, tmp_path: Path) -> None:
    render(bundle, str(clip), tmp_path / "out.png", at=[0.9, 0.2], side_by_side=True, opened_tracker=FakeTracker)
    sheet = cv2.imread(str(tmp_path / "out.png"))
    assert sheet is not None
    both = np.split(sheet, 2, axis=1)
    assert [half[4:-4, 4:136].mean() for half in both] == pytest.approx([20, 90], abs=3)


def test_a_moment_after_the_end_is_named(bundle: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--at 7\.5: the source ends before"):
        render(bundle, str(clip), tmp_path / "out.png", at=[0.2, 7.5], opened_tracker=FakeTracker)


def test_moments_are_no_film(bundle: Path, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"ends in \.png"):
        render(bundle, str(clip), tmp_path / "out.mp4", at=[0.2])


def test_a_look_lies_over_the_film(bundle: Path, clip: Path, tmp_path: Path) -> None:
    render(bundle, str(clip), tmp_path / "out.mp4", looks=["two"], opened_tracker=FakeTracker)
    for looked, plain in zip(_decoded(tmp_path / "out.mp4"), _performed_plainly(bundle, clip, tmp_path), strict=True):
        assert np.abs(looked.astype(int) - looked[:, ::-1]).mean() < 6, "two halves in a mirror"
        assert np.abs(plain.astype(int) - plain[:, ::-1]).mean() > 20


def _performed_plainly(bundle: Path, clip: Path, tmp_path: Path) -> list[Frame]:
    render(bundle, str(clip), tmp_path / "plain.mp4", opened_tracker=FakeTracker)
    return _decoded(tmp_path / "plain.mp4")
