"""A motion comes back as it was saved, plays without a jump, and a file that is none says so."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import BadInput, Unavailable, VideoError
from engines.pose.model import pose_model
from engines.pose.motion import Motion, extracted_motion
from engines.pose.puppet import BuiltInDancer, studio
from engines.pose.tracker import Tracked, Tracker

SIZE = (240, 320)


@pytest.fixture
def motion() -> Motion:
    landmarks = np.random.default_rng(0).random((6, 33, 4)).astype(np.float32)
    return Motion(landmarks, np.array([1.0, 1.1, 1.2, 1.4, 1.5, 1.6]), (480, 640), "a recording")


def clip(path: Path, frames: list[np.ndarray], fps: float = 20) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (SIZE[1], SIZE[0]))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def test_a_motion_comes_back_as_it_was_saved(motion: Motion, tmp_path: Path) -> None:
    path = tmp_path / "new" / "move.npz"
    motion.save(path)
    again = Motion.load(path)
    np.testing.assert_array_equal(again.landmarks, motion.landmarks)
    np.testing.assert_array_equal(again.times, motion.times)
    assert (again.size, again.source) == (motion.size, motion.source)
    assert [p.name for p in path.parent.iterdir()] == ["move.npz"]


def test_at_a_frames_own_time_it_is_that_frame(motion: Motion) -> None:
    for i, time_s in enumerate(motion.times - motion.times[0]):
        np.testing.assert_allclose(motion.at(float(time_s)), motion.landmarks[i], atol=1e-5)


def test_between_two_frames_it_is_between_them(motion: Motion) -> None:
    np.testing.assert_allclose(motion.at(0.3), (motion.landmarks[2] + motion.landmarks[3]) / 2, atol=1e-5)


def test_a_loop_leads_from_the_last_frame_back_to_the_first(motion: Motion) -> None:
    assert motion.duration_s == pytest.approx(0.7)
    np.testing.assert_allclose(motion.at(0.65), (motion.landmarks[5] + motion.landmarks[0]) / 2, atol=1e-5)
    np.testing.assert_allclose(motion.at(0.7 * 3 + 0.1), motion.landmarks[1], atol=1e-5)
    np.testing.assert_allclose(motion.at(-0.6), motion.landmarks[1], atol=1e-5)


def test_without_a_loop_the_ends_are_held(motion: Motion) -> None:
    np.testing.assert_array_equal(motion.at(-1, loop=False), motion.landmarks[0])
    np.testing.assert_array_equal(motion.at(9, loop=False), motion.landmarks[-1])
    np.testing.assert_array_equal(motion.at(0.65, loop=False), motion.landmarks[-1])


def test_one_frame_is_a_motion(motion: Motion) -> None:
    single = Motion(motion.landmarks[:1], motion.times[:1], motion.size)
    np.testing.assert_array_equal(single.at(5.0), motion.landmarks[0])


def test_what_is_handed_out_is_the_callers_own(motion: Motion) -> None:
    kept = motion.landmarks.copy()
    for time_s, loop in ((0.0, True), (9.0, False), (0.05, True)):
        motion.at(time_s, loop)[:] = 7
    np.testing.assert_array_equal(motion.landmarks, kept)


@pytest.mark.parametrize(
    ("landmarks", "times", "word"),
    [
        (np.zeros((3, 33, 3), np.float32), np.arange(3.0), "float32"),
        (np.zeros((3, 33, 4)), np.arange(3.0), "float64"),
        (np.zeros((3, 33, 4), np.float32), np.arange(4.0), "times are"),
        (np.zeros((0, 33, 4), np.float32), np.zeros(0), "no frames"),
        (np.zeros((3, 33, 4), np.float32), np.array([0.0, 2.0, 1.0]), "do not rise"),
        (np.full((3, 33, 4), np.nan, np.float32), np.arange(3.0), "not numbers"),
    ],
)
def test_a_file_with_wrong_arrays_is_refused(
    landmarks: np.ndarray, times: np.ndarray, word: str, tmp_path: Path
) -> None:
    header = np.frombuffer(json.dumps({"format": 1, "size": [1, 1], "source": ""}).encode(), np.uint8)
    np.savez(tmp_path / "bad.npz", landmarks=landmarks, times=times, header=header)
    with pytest.raises(BadInput, match=word) as caught:
        Motion.load(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)


def test_a_motion_of_a_newer_format_asks_for_an_update(motion: Motion, tmp_path: Path) -> None:
    header = np.frombuffer(json.dumps({"format": 9, "size": [1, 1]}).encode(), np.uint8)
    np.savez(tmp_path / "new.npz", landmarks=motion.landmarks, times=motion.times, header=header)
    with pytest.raises(BadInput, match="format 9"):
        Motion.load(tmp_path / "new.npz")


def test_a_pickle_in_a_motion_is_not_opened(motion: Motion, tmp_path: Path) -> None:
    header = np.array([{"format": 1}], object)
    np.savez(tmp_path / "bad.npz", landmarks=motion.landmarks, times=motion.times, header=header)
    with pytest.raises(BadInput, match=r"bad\.npz"):
        Motion.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off", b"[1, 2]"])
def test_what_is_no_motion_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"file\.npz") as caught:
        Motion.load(tmp_path / "file.npz")
    assert "\n" not in str(caught.value)
    assert "pickle" not in str(caught.value)


def test_an_archive_without_a_header_names_what_is_missing(motion: Motion, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", landmarks=motion.landmarks, times=motion.times)
    with pytest.raises(BadInput, match="header"):
        Motion.load(tmp_path / "bad.npz")


def test_a_motion_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no motion at .*none\.npz"):
        Motion.load(tmp_path / "none.npz")


def test_a_place_that_cannot_be_written_is_one_sentence(motion: Motion, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadInput, match="cannot be written"):
        motion.save(tmp_path / "file" / "move.npz")


def test_a_clip_becomes_the_motion_that_was_danced_in_it(tmp_path: Path) -> None:
    _needs_model()
    dancer = BuiltInDancer(SIZE)
    times = 8.0 + np.arange(12) / 20
    video = clip(tmp_path / "clip.avi", [dancer.frame_at(float(t)) for t in times])
    seen: list[tuple[int, int]] = []
    motion = extracted_motion(video, lambda done, total: seen.append((done, total)))
    np.testing.assert_allclose(motion.times, np.arange(12) / 20, atol=1e-6)
    assert (motion.size, motion.source, seen[-1]) == (SIZE, "clip.avi", (12, 12))
    true = np.stack([dancer.landmarks_at(float(t)) for t in times])
    away = np.linalg.norm((motion.landmarks - true)[:, 11:, :2] * [SIZE[1], SIZE[0]], axis=-1)
    assert np.median(away) < 5


class EyesOnly(Tracker):
    """A tracker that keeps what it is shown and finds the same pose in all of it."""

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []

    def track(self, frame: np.ndarray, time_s: float) -> Tracked:
        self.shown.append(frame)
        return Tracked(np.zeros((33, 4), np.float32), None, time_s)


def test_a_clip_is_shown_to_the_tracker_in_its_true_colors(tmp_path: Path) -> None:
    frame = np.full((*SIZE, 3), (200, 60, 20), np.uint8)
    eyes = EyesOnly()
    extracted_motion(clip(tmp_path / "red.avi", [frame] * 3), tracker=eyes)
    np.testing.assert_allclose(np.stack(eyes.shown).mean(axis=(0, 1, 2)), (200, 60, 20), atol=6)


def test_a_clip_of_an_empty_room_says_that_nobody_was_found(tmp_path: Path) -> None:
    _needs_model()
    video = clip(tmp_path / "room.avi", [studio(BuiltInDancer(SIZE).camera)] * 4)
    with pytest.raises(VideoError, match=r"Nobody .*room\.avi"):
        extracted_motion(video)


def test_what_is_no_video_is_one_sentence(tmp_path: Path) -> None:
    _needs_model()
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(VideoError, match=r"text\.mp4"):
        extracted_motion(tmp_path / "text.mp4")
    with pytest.raises(VideoError, match=r"none\.mp4"):
        extracted_motion(tmp_path / "none.mp4")


def _needs_model() -> None:
    try:
        pose_model()
    except Unavailable as error:
        pytest.skip(str(error))
