"""Where frames come from: what is asked, what arrives, and what is said when nothing does."""

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import BadInput, SourceLost, Unavailable, VideoError
from engines.pose.motion import Motion
from engines.pose.puppet import BuiltInDancer
from engines.pose.tracker import Tracked, Tracker
from live.masking import Masking
from live.sinks.recorder import Movie
from live.sources import open_source, source_spec
from live.sources.camera import LOST_S, Camera, cameras
from live.sources.reels import MotionReel, Played, VideoReel
from live.sources.shared import METAL_BGRA, SpoutSource, SyphonSource
from tests.fakes import standing

MJPG = cv2.VideoWriter.fourcc(*"MJPG")


class HandClock:
    """Time that passes only by sleeping, or by what a fake camera takes for a frame."""

    def __init__(self) -> None:
        self.time_s = 50.0

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


class FakeCapture:
    """An OpenCV camera that gives `fps` frames a second of hand-made time; 0 gives none."""

    def __init__(self, clock: HandClock, fps: float, is_open: bool = True, parameters: Sequence[int] = ()) -> None:
        self._clock, self.fps, self._is_open = clock, fps, is_open
        self.parameters = tuple(parameters)
        self.is_released = False

    def isOpened(self) -> bool:
        return self._is_open

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        self._clock.time_s += 1 / self.fps if self.fps else 0.5
        if not self.fps:
            return False, None
        blue = np.zeros((48, 64, 3), np.uint8)
        blue[..., 0] = 255  # OpenCV's order is BGR
        return True, blue

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 64, cv2.CAP_PROP_FRAME_HEIGHT: 48, cv2.CAP_PROP_FPS: 999}.get(key, 0)

    def release(self) -> None:
        self.is_released = True


class Bench:
    """Opens fake cameras whose rate depends on the format asked for, and remembers them."""

    def __init__(self, mjpg_fps: float, raw_fps: float) -> None:
        self.clock = HandClock()
        self.opened: list[FakeCapture] = []
        self._fps = {True: mjpg_fps, False: raw_fps}

    def __call__(self, _target: int | str, _api: int, parameters: Sequence[int]) -> FakeCapture:
        fps = self._fps[MJPG in parameters]
        self.opened.append(FakeCapture(self.clock, fps, fps >= 0, parameters))
        return self.opened[-1]

    def camera(self, fps: float = 30) -> Camera:
        return Camera("0", (48, 64), fps, self, self.clock.now)


def test_mjpg_is_asked_for_when_the_camera_is_opened() -> None:
    bench = Bench(30, 5)
    bench.camera()
    first = bench.opened[0].parameters
    assert first[first.index(cv2.CAP_PROP_FOURCC) + 1] == MJPG


def test_a_camera_says_what_it_delivers_and_not_what_it_claims() -> None:
    assert "24 fps" in Bench(24, 5).camera().said


def test_a_camera_that_is_better_without_mjpg_is_used_without() -> None:
    bench = Bench(4, 30)
    assert "30 fps" in bench.camera().said
    assert MJPG not in bench.opened[-1].parameters


def test_of_ways_that_are_all_too_slow_the_fastest_is_taken() -> None:
    bench = Bench(12, 5)
    assert "12 fps" in bench.camera(60).said
    assert MJPG in bench.opened[-1].parameters
    assert all(capture.is_released for capture in bench.opened[:-1])


def test_a_camera_without_a_single_frame_is_not_there() -> None:
    with pytest.raises(Unavailable, match="camera 0 is not there"):
        Bench(0, 0).camera()


def test_frames_arrive_as_rgb() -> None:
    captured = Bench(30, 30).camera().read()
    assert tuple(captured.frame[0, 0]) == (0, 0, 255)


def test_a_camera_that_stops_is_lost_and_not_waited_for() -> None:
    bench = Bench(30, 30)
    camera = bench.camera()
    bench.opened[-1].fps = 0
    start_s = bench.clock.time_s
    with pytest.raises(SourceLost, match="camera 0 stopped"):
        camera.read()
    assert bench.clock.time_s - start_s < LOST_S + 1


def test_cameras_are_named_and_their_second_nodes_left_out(tmp_path: Path) -> None:
    for number, index in ((0, 0), (1, 1), (10, 0)):
        folder = tmp_path / f"video{number}"
        folder.mkdir()
        (folder / "name").write_text(f"Stage Cam {number}\n")
        (folder / "index").write_text(f"{index}\n")
    assert [(camera.number, camera.name) for camera in cameras(tmp_path)] == [(0, "Stage Cam 0"), (10, "Stage Cam 10")]


@pytest.mark.parametrize("name", ["No Such Cam", "/dev/video97", "97"])
def test_a_camera_that_is_absent_is_one_sentence(name: str) -> None:
    with pytest.raises(Unavailable, match="is not there"):
        open_source(source_spec(name))


@pytest.mark.parametrize(
    ("text", "kind"),
    [("0", "camera"), ("/dev/video2", "camera"), ("Logitech Brio", "camera"), ("dancer", "dancer"), ("auto", "auto")],
)
def test_what_a_source_is_called_says_what_it_is(text: str, kind: str) -> None:
    assert source_spec(text).kind == kind


@pytest.mark.parametrize("text", ["gone.mp4", "gone.npz", "puppet:gone.npz", "./gone"])
def test_a_file_that_is_not_there_is_named(text: str) -> None:
    with pytest.raises(BadInput, match="gone"):
        source_spec(text)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Eight frames at 10 a second, brighter and brighter."""
    movie = Movie(tmp_path / "clip.mp4", (48, 64), 10)
    for number in range(8):
        movie.write(np.full((48, 64, 3), 30 * number, np.uint8), number / 10)
    movie.close()
    return movie.path


def _brightness(frame: NDArray[np.uint8]) -> int:
    return round(float(frame.mean()) / 30)


def test_a_video_is_played_at_its_own_speed(video: Path) -> None:
    clock = HandClock()
    played = Played(VideoReel(video), now=clock.now, sleep=clock.sleep)
    frames = []
    while captured := played.read():
        frames.append((_brightness(captured.frame), round(captured.captured_s - 50, 3)))
    assert frames == [(number, number / 10) for number in range(8)]


def test_a_slow_machine_keeps_the_tempo_and_leaves_frames_out(video: Path) -> None:
    clock = HandClock()
    played = Played(VideoReel(video), now=clock.now, sleep=clock.sleep)
    seen = []
    while captured := played.read():
        seen.append(_brightness(captured.frame))
        clock.time_s += 0.25
    assert seen[0] == 0
    assert len(seen) <= 4
    assert all(later > earlier for earlier, later in itertools.pairwise(seen))


def test_a_long_stall_is_not_hurried_after(video: Path) -> None:
    clock = HandClock()
    played = Played(VideoReel(video), now=clock.now, sleep=clock.sleep)
    played.read()
    clock.time_s += 30
    seen = [_brightness(captured.frame) for _ in range(7) if (captured := played.read())]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_a_video_is_looped_on_request(video: Path) -> None:
    clock = HandClock()
    played = Played(VideoReel(video), loop=True, now=clock.now, sleep=clock.sleep)
    seen = [_brightness(captured.frame) for _ in range(12) if (captured := played.read())]
    assert seen == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not a video")
    with pytest.raises(VideoError, match=r"clip\.mp4"):
        open_source(source_spec(str(path)))


@pytest.fixture
def motion(tmp_path: Path) -> Path:
    """Somebody stepping sideways for a second, at 20 poses a second."""
    poses = np.stack([standing(0.4 + 0.01 * number) for number in range(21)])
    Motion(poses, np.arange(21) / 20, (360, 640), "test").save(tmp_path / "step.npz")
    return tmp_path / "step.npz"


def test_a_motion_gives_its_landmarks_past_the_tracker(motion: Path) -> None:
    moments = list(MotionReel(motion).moments())
    assert len(moments) == 21
    assert moments[-1].landmarks is not None
    assert np.allclose(moments[-1].landmarks, standing(0.6), atol=1e-5)


def test_a_motion_drawn_as_the_puppet_is_found_by_the_tracker(tmp_path: Path) -> None:
    poses = np.stack([BuiltInDancer((360, 640)).landmarks_at(number / 10) for number in range(5)])
    Motion(poses, np.arange(5) / 10, (360, 640), "dancer").save(tmp_path / "dance.npz")
    moment = next(iter(MotionReel(tmp_path / "dance.npz", tracked=True).moments()))
    assert moment.landmarks is None
    try:
        tracker = Tracker(mode="image")
    except Unavailable as reason:
        pytest.skip(str(reason))
    with tracker:
        found = tracker.track(moment.drawn(), 0.0).landmarks
    assert found is not None
    body = slice(11, 29)
    assert np.abs(found[body, :2] - poses[0][body, :2]).mean() < 0.02


def test_the_built_in_dancer_never_ends_and_moves() -> None:
    source = open_source(source_spec("dancer"))
    first = source.read()
    time.sleep(0.05)
    second = source.read()
    assert first is not None
    assert second is not None
    assert np.abs(first.frame.astype(int) - second.frame).max() > 0


@pytest.mark.parametrize(("text", "sentence"), [("spout", "Windows only"), ("syphon:Resolume", "macOS only")])
def test_what_another_system_has_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Unavailable, match=sentence):
        open_source(source_spec(text))


class _Spout:
    """As SpoutGL's receiver behaves by its examples: it says when its size changed, and then fills what it is given."""

    SENT = np.arange(4 * 6 * 4, dtype=np.uint8).reshape(4, 6, 4)

    def __init__(self) -> None:
        self.calls = 0

    def setReceiverName(self, _name: str) -> None: ...
    def getSenderWidth(self) -> int:
        return 6

    def getSenderHeight(self) -> int:
        return 4

    def receiveImage(self, pixels: NDArray[np.uint8], *_: object) -> bool:
        self.calls += 1
        if pixels.shape == self.SENT.shape:
            pixels[:] = self.SENT
        return True

    def isUpdated(self) -> bool:
        return self.calls == 1

    def isFrameNew(self) -> bool:
        return True

    def releaseReceiver(self) -> None: ...


class _Texture:
    def pixelFormat(self) -> int:
        return METAL_BGRA


def test_a_shared_picture_comes_in_as_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SpoutGL", SimpleNamespace(SpoutReceiver=_Spout))
    monkeypatch.setattr(sys, "platform", "win32")
    assert np.array_equal(SpoutSource("").read().frame, _Spout.SENT[..., :3])
    server = SimpleNamespace(app_name="Resolume", name="Main")
    client = SimpleNamespace(has_new_frame=True, new_frame_image=_Texture())
    names = {
        "SyphonServerDirectory": lambda: SimpleNamespace(servers=[server]),
        "SyphonMetalClient": lambda _server: client,
    }
    monkeypatch.setitem(sys.modules, "syphon", SimpleNamespace(**names))
    copied = SimpleNamespace(copy_mtl_texture_to_image=lambda _texture: _Spout.SENT)
    monkeypatch.setitem(sys.modules, "syphon.utils.numpy", copied)
    monkeypatch.setattr(sys, "platform", "darwin")
    source = SyphonSource("resolume")
    assert source.said == "Syphon Resolume Main"
    assert np.array_equal(source.read().frame, _Spout.SENT[..., [2, 1, 0]])
    with pytest.raises(Unavailable, match="found Resolume Main"):
        SyphonSource("MadMapper")


class _Eyes:
    def __init__(self, masks: bool, log: list[str]) -> None:
        self._name, self._log, self._masks = "masks" if masks else "plain", log, masks
        log.append(f"open {self._name}")

    def track(self, frame: NDArray[np.uint8], time_s: float) -> Tracked:
        return Tracked(standing(), np.zeros(frame.shape[:2], np.uint8) if self._masks else None, time_s)

    def close(self) -> None:
        self._log.append(f"close {self._name}")


def test_masks_are_given_while_somebody_wants_them_and_cost_nothing_else() -> None:
    log: list[str] = []
    wanted = [False]
    masking = Masking(lambda: _Eyes(False, log), lambda: _Eyes(True, log), lambda: wanted[0])
    frame = np.zeros((6, 8, 3), np.uint8)
    assert masking.track(frame, 0.0).mask is None
    wanted[0] = True
    mask = masking.track(frame, 0.1).mask
    assert mask is not None
    assert mask.shape == (6, 8)
    wanted[0] = False
    assert masking.track(frame, 0.2).mask is None
    masking.close()
    assert log == ["open plain", "close plain", "open masks", "close masks", "open plain", "close plain"]
