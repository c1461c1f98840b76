"""What leaves the show: alpha kept, snapshots, the last seconds, pinned corners, other programs."""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from engines.errors import BadInput, Unavailable
from engines.images import Frame, Size
from live.control.parameters import Controls
from live.outputs import Outputs
from live.pacing import Tick
from live.sinks.geometry import Pins, pinned, rotated
from live.sinks.keeper import Keeper
from live.sinks.recorder import Movie, Recorder
from live.sinks.sending import SENDERS, Sending, send_spec
from live.sources import open_source, source_spec
from live.sources.network import without_password
from live.sources.reels import ImagesReel
from live.stages import Faults


def _tick(number: int) -> Tick:
    return Tick(number, number / 30, 0.0, 0)


def _figure() -> Frame:
    figure = np.zeros((64, 96, 4), np.uint8)
    figure[10:50, 20:60] = (220, 60, 20, 255)
    figure[50:60, 20:60] = (220, 60, 20, 128)
    return figure


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_a_movie_keeps_the_figures_alpha(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"figure{suffix}"
    recorder = Recorder(path, waiting=100, cutout=_figure)
    for number in range(10):
        recorder.show(np.zeros((64, 96, 3), np.uint8), _tick(number))
    recorder.close()
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        if suffix == ".webm":  # FFmpeg's own VP9 decoder leaves the alpha out
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            frame = next(frame for packet in movie.demux(stream) if packet.size for frame in decoder.decode(packet))
        else:
            frame = next(movie.decode(video=0))
        seen = frame.to_ndarray(format="rgba").astype(int)
    assert np.abs(seen[30, 40] - (220, 60, 20, 255)).max() <= 8
    assert abs(seen[55, 40, 3] - 128) <= 6
    assert seen[2, 2, 3] <= 2


def test_a_disk_that_fills_up_ends_the_recording_and_is_told(tmp_path: Path) -> None:
    class Full(Movie):
        def write(self, _picture: Frame, _time_s: float) -> None:
            raise OSError(28, "No space left on device")

    recorder = Recorder(tmp_path / "out.mp4", made=Full)
    for number in range(20):
        recorder.show(np.zeros((64, 96, 3), np.uint8), _tick(number))
    recorder.close()
    assert recorder.fault is not None
    assert "No space left" in recorder.fault


def _until(done: object, longest_s: float = 10.0) -> None:
    end_s = time.monotonic() + longest_s
    while not done():  # type: ignore[operator]
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)


def test_a_snapshot_keeps_the_alpha_and_is_taken_once(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, 0.0, cutout=_figure)
    picture = np.zeros((64, 96, 3), np.uint8)
    for number, pressed in enumerate([0, 1, 1, 1]):
        keeper.heed(Controls(snapshot=pressed), picture, number / 60)
    keeper.close()
    (path,) = tmp_path.iterdir()
    kept = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    assert np.array_equal(kept, _figure())


def test_the_last_seconds_are_kept_on_a_key_and_no_more_of_them(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, 2.0)
    for number in range(300):
        level = np.full((64, 96, 3), number * 255 // 300, np.uint8)
        _until(lambda: keeper._jobs.empty())
        keeper.show(level, _tick(number))
    keeper.heed(Controls(), level, 10.0)
    keeper.heed(Controls(keep=1), level, 10.1)
    keeper.close()
    (path,) = tmp_path.iterdir()
    with av.open(str(path)) as movie:
        levels = [float(frame.to_ndarray(format="rgb24").mean()) for frame in movie.decode(video=0)]
    assert len(levels) == pytest.approx(31, abs=2)
    assert levels[0] == pytest.approx(240 * 255 / 300, abs=6)


def test_a_folder_that_cannot_be_written_costs_a_snapshot_and_not_the_show(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keeper = Keeper(tmp_path / "file" / "kept", 0.0)
    keeper.heed(Controls(), np.zeros((4, 4, 3), np.uint8), 0.0)
    keeper.heed(Controls(snapshot=1), np.zeros((4, 4, 3), np.uint8), 0.1)
    keeper.close()
    assert keeper.fault is not None


def test_where_nothing_is_remembered_the_key_says_so(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, 0.0)
    keeper.heed(Controls(), np.zeros((4, 4, 3), np.uint8), 0.0)
    keeper.heed(Controls(keep=1), np.zeros((4, 4, 3), np.uint8), 0.1)
    keeper.close()
    assert "keep_s = 30" in (keeper.fault or "")
    assert not list(tmp_path.iterdir())


def test_one_that_waits_remembers_from_the_first_press_on_and_keeps_at_the_second(tmp_path: Path) -> None:
    keeper, picture = Keeper(tmp_path, 2.0, on_request=True), np.full((64, 96, 3), 90, np.uint8)
    keeper.heed(Controls(), picture, 0.0)
    keeper.show(picture, _tick(0))
    keeper.heed(Controls(keep=1), picture, 0.1)
    assert "ask again" in (keeper.fault or "")
    for number in range(6, 66, 6):
        _until(lambda: keeper._jobs.empty())
        keeper.show(picture, _tick(number))
    keeper.heed(Controls(keep=2), picture, 1.2)
    keeper.close()
    assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]


def test_a_refusal_does_not_stand_over_the_picture_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.sinks.keeper.REFUSED_S", 0.05)
    keeper = Keeper(tmp_path, 0.0)
    keeper.heed(Controls(), np.zeros((4, 4, 3), np.uint8), 0.0)
    keeper.heed(Controls(keep=1), np.zeros((4, 4, 3), np.uint8), 0.1)
    faults = Faults()
    outputs = Outputs([keeper], faults)
    outputs.show(np.zeros((4, 4, 3), np.uint8), _tick(0))
    assert "keeper" in faults.now
    _until(lambda: keeper.fault is None)
    outputs.show(np.zeros((4, 4, 3), np.uint8), _tick(1))
    keeper.close()
    assert not faults.now


# The wall ------------------------------------------------------------------------------------------------------------


def test_a_dragged_corner_moves_that_corner_of_the_picture_and_is_kept(tmp_path: Path) -> None:
    pins = Pins(tmp_path / "corners.json")
    pins.is_open = True
    window = (100, 200)
    pins.press((2, 2), window)
    pins.move((40, 20), window)
    pins.release()
    made = pinned(np.full((*window, 3), 255, np.uint8), pins.corners)
    assert not made[5, 10].any()
    assert made[95, 195].all()
    assert np.allclose(Pins(tmp_path / "corners.json").corners[0], (0.2, 0.2))


def test_corners_that_would_fold_the_picture_are_not_taken() -> None:
    pins = Pins()
    pins.is_open = True
    pins.press((0, 0), (100, 100))
    pins.move((99, 99), (100, 100))
    assert pins.is_straight


def test_corners_are_not_moved_by_accident() -> None:
    pins = Pins()
    pins.press((0, 0), (100, 100))
    pins.move((30, 30), (100, 100))
    assert pins.is_straight


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"corners": [[0, 0], [1, 1], [0, 1], [1, 0]]}), "[1"])
def test_damaged_corners_are_straight(tmp_path: Path, text: str) -> None:
    (tmp_path / "corners.json").write_text(text)
    assert Pins(tmp_path / "corners.json").is_straight


def test_quarter_turns_go_clockwise() -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 0] = 255
    assert rotated(picture, 90)[0, 1].all()
    assert rotated(picture, 180)[1, 2].all()
    assert rotated(picture, 270)[2, 0].all()


# Other programs ------------------------------------------------------------------------------------------------------


class _Heard:
    def __init__(self, size: Size) -> None:
        self.size = size
        self.pictures: list[Frame] = []

    def send(self, picture: Frame) -> None:
        self.pictures.append(picture)

    def close(self) -> None:
        """Nothing is open."""


def test_what_is_sent_has_alpha_and_is_opaque_where_there_was_none() -> None:
    heard: list[_Heard] = []

    def opened(size: Size) -> _Heard:
        heard.append(_Heard(size))
        return heard[-1]

    sink = Sending("ndi", opened, lambda picture: picture)
    sink.show(np.full((8, 9, 3), 7, np.uint8), _tick(0))
    _until(lambda: heard and heard[0].pictures)
    sink.show(_figure(), _tick(1))
    _until(lambda: len(heard) == 2 and heard[1].pictures)
    sink.close()
    assert heard[0].size == (8, 9)
    assert heard[0].pictures[0][0, 0].tolist() == [7, 7, 7, 255]
    assert np.array_equal(heard[1].pictures[0], _figure())


def test_what_does_not_change_is_sent_again_only_now_and_then() -> None:
    heard = _Heard((8, 9))
    sink = Sending("ndi", lambda _size: heard, lambda picture: picture)
    still, other = np.zeros((8, 9, 3), np.uint8), np.ones((8, 9, 3), np.uint8)
    for number in range(30):
        sink.show(other if number == 20 else still, Tick(number, number / 60, 0.0, 0))
        _until(lambda: sink._slot.count == sink.sent)
    sink.close()
    # At 0 and from 0.2 s on (12 of 60), the other one, and the first again.
    assert [int(picture[0, 0, 0]) for picture in heard.pictures] == [0, 0, 1, 0]


def test_a_receiver_that_hangs_never_holds_up_the_show() -> None:
    release = threading.Event()

    class Hanging(_Heard):
        def send(self, _picture: Frame) -> None:
            release.wait()

    sink = Sending("ndi", Hanging, lambda picture: picture)
    start_s = time.monotonic()
    for number in range(100):
        sink.show(np.zeros((8, 8, 3), np.uint8), _tick(number))
    assert time.monotonic() - start_s < 2
    release.set()
    sink.close()


def test_a_program_that_cannot_be_reached_is_told_in_a_sentence() -> None:
    def opened(_size: Size) -> _Heard:
        raise Unavailable("Spout exists on Windows only: use ndi here")

    sink = Sending("spout", opened, lambda picture: picture)
    sink.show(np.zeros((8, 8, 3), np.uint8), _tick(0))
    _until(lambda: sink.fault)
    assert sink.fault == "Spout exists on Windows only: use ndi here"
    sink.close()


def test_what_is_tried_again_in_vain_stays_one_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.sinks.sending.RETRY_S", 0.02)
    tries, works = [], threading.Event()

    def opened(size: Size) -> _Heard:
        tries.append(1)
        if not works.is_set():
            raise Unavailable("not now")
        return _Heard(size)

    told: list[str] = []
    sink = Sending("ndi", opened, lambda picture: picture)
    faults = Faults(lambda _part, sentence: told.append(sentence))
    outputs = Outputs([sink], faults)

    def shown() -> None:
        outputs.show(np.zeros((8, 8, 3), np.uint8), _tick(0))

    _until(lambda: shown() or len(tries) > 5)
    assert told == ["not now"]
    works.set()
    _until(lambda: shown() or (sink.sent and not faults.now))
    sink.close()


@pytest.mark.parametrize("kind", ["spout", "syphon"])
def test_what_exists_on_another_system_only_says_so(kind: str) -> None:
    with pytest.raises(Unavailable, match=r"only|needs the package"):
        SENDERS[kind]((8, 8), "understudy")


@pytest.mark.parametrize("text", ["ndi:nonsense", "telepathy", ":figure"])
def test_a_way_out_that_is_none_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(BadInput, match="virtual-camera"):
        send_spec(text)


NDI_SENDER = """
import sys, time
import numpy as np
from live.sinks.sending import NdiSender
sender, picture = NdiSender((48, 64), "understudy test"), np.zeros((48, 64, 4), np.uint8)
picture[...] = (200, 40, 20, 128)
end_s = time.monotonic() + 30
while time.monotonic() < end_s:
    sender.send(picture)
    time.sleep(1 / 30)
"""


@pytest.mark.slow
def test_ndi_arrives_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    pytest.importorskip("cyndilib", reason="NDI needs the package cyndilib")
    config = {"ndi": {"networks": {"ips": "127.0.0.1"}, "machinename": "understudytest"}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(config))
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))
    sender = subprocess.Popen([sys.executable, "-c", NDI_SENDER], cwd=Path(__file__).parents[2])
    try:
        source = open_source(source_spec("ndi:understudy test"))
        captured = source.read()
        source.close()
    finally:
        sender.kill()
        sender.wait()
    assert captured is not None
    assert np.abs(captured.frame[20, 30].astype(int) - (200, 40, 20)).max() <= 8  # NDI compresses


# In ------------------------------------------------------------------------------------------------------------------


def test_a_folder_of_pictures_is_a_source(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((20, 30, 3), 50 * number, np.uint8))
    spec = source_spec(str(tmp_path))
    assert spec.kind == "images"
    moments = list(ImagesReel(tmp_path).moments())
    assert [int(moment.drawn().mean()) for moment in moments] == [0, 50, 100]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no picture"):
        ImagesReel(tmp_path)


def _saved(path: Path, level: int, size: tuple[int, int] = (40, 60)) -> None:

    cv2.imwrite(str(path), np.full((*size, 3), level, np.uint8))


def test_what_is_drawn_into_a_picture_that_stands_is_seen(tmp_path: Path) -> None:
    """Replaced as drawing programs do; while it is half written, or away, it stays as it was."""
    path, new = tmp_path / "label.png", tmp_path / "new.png"
    _saved(path, 10)
    moments = ImagesReel(path).moments()
    assert next(moments).drawn().max() == 10
    _saved(new, 200)
    whole = new.read_bytes()
    path.write_bytes(whole[:20])
    assert next(moments).drawn().max() == 10
    path.unlink()
    assert next(moments).drawn().max() == 10
    new.rename(path)
    assert next(moments).drawn().min() == 200


def test_a_picture_that_stands_is_read_once(tmp_path: Path) -> None:
    _saved(tmp_path / "label.png", 10)
    moments = ImagesReel(tmp_path / "label.png").moments()
    assert next(moments).drawn() is next(moments).drawn()


def test_pictures_of_another_shape_are_cropped_and_not_stretched(tmp_path: Path) -> None:
    _saved(tmp_path / "a.png", 10)

    ring = np.zeros((60, 40, 3), np.uint8)
    cv2.circle(ring, (20, 30), 10, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "b.png"), ring)
    _, second = (moment.drawn() for moment in ImagesReel(tmp_path).moments())
    assert second.shape == (40, 60, 3)
    rows, columns = np.nonzero(second[..., 0] > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)


def test_a_network_camera_is_asked_for_by_its_address_and_never_shown_with_its_password() -> None:
    assert source_spec("rtsp://user:secret@10.0.0.9/stream").kind == "network"
    assert without_password("rtsp://user:secret@10.0.0.9/a@b") == "rtsp://10.0.0.9/a@b"


class _Phone(BaseHTTPRequestHandler):
    """Sends MJPEG as phones do, at 20 pictures a second."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with suppress(OSError):
            for number in range(200):
                picture = cv2.imencode(".jpg", np.full((48, 64, 3), number % 200, np.uint8))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
                time.sleep(0.05)

    def log_message(self, *_args: object) -> None:
        """Quiet."""


def test_a_phone_is_a_camera_and_its_measured_rate_is_said() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Phone)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = open_source(source_spec(f"http://user:secret@127.0.0.1:{server.server_port}/video.mjpg"))
    try:
        for _ in range(40):
            captured = source.read()
        said = source.said
    finally:
        source.close()
        server.shutdown()
    assert captured is not None
    assert captured.frame.shape == (48, 64, 3)
    assert "secret" not in said
    name, _, rate = said.removesuffix(" fps").rpartition(" ")
    assert name.endswith("64x48")
    assert 5 <= int(rate) <= 21


def test_a_network_camera_that_does_not_answer_is_said_and_nothing_besides(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unavailable, match="no stream answers"):
        open_source(source_spec("http://127.0.0.1:9/nothing.mjpg"))
    assert capfd.readouterr().err == ""
