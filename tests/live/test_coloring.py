"""A film comes back in color with everything else as it was; what is interrupted goes on."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import understudy
from engines.bundle import open_bundle, write_bundle
from engines.color import gray
from engines.errors import BadInput, VideoError
from engines.images import Frame
from live import coloring
from live.coloring import render_color
from live.films import Film, FilmParts
from tests.fakes_engines import color_bundle, figure_graph, manifest
from tests.fakes_film import drifting, with_sound, written

TIMES = [0.0, 0.1, 0.17, 0.3, 0.34, 0.5, 0.61, 0.7, 0.8, 0.93, 1.0, 1.1]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = color_bundle()
    folder = tmp_path_factory.mktemp("bundles") / "colors"
    write_bundle(folder, made.manifest, {"generator.onnx": made.files["generator.onnx"]})
    return folder


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Twelve gray frames of 96 x 64 at a varying rate, with a tone."""
    frames = [np.repeat(gray(frame)[..., None], 3, axis=2) for frame in drifting(12, (64, 96))]
    return with_sound(tmp_path / "film.mp4", written(tmp_path / "mute.mp4", frames, times=TIMES), 1.2)


def _colored(bundle: Path, source: Path, out: Path, **more: object) -> coloring.Colored:
    return render_color(bundle, source, out, progress=lambda *_: None, say=lambda _: None, **more)  # type: ignore[arg-type]


def _times(path: Path) -> list[Fraction]:
    film = Film(path)
    return [shown.pts * film.time_base for shown in film.frames()]


def _pictures(path: Path) -> list[Frame]:
    return [shown.frame for shown in Film(path).frames()]


def _sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.dts is not None]


def test_a_film_keeps_its_times_its_size_and_its_sound(bundle: Path, film: Path, tmp_path: Path) -> None:
    made = _colored(bundle, film, tmp_path / "out.mp4")
    assert made.pictures == 12
    assert [float(t) for t in _times(tmp_path / "out.mp4")] == pytest.approx(TIMES, abs=1e-4)
    assert _sound(tmp_path / "out.mp4") == _sound(film)
    assert not (tmp_path / ".out.mp4.parts").exists()


def test_a_film_gets_color_and_keeps_its_light(bundle: Path, film: Path, tmp_path: Path) -> None:
    _colored(bundle, film, tmp_path / "out.mp4")
    for picture, source in zip(_pictures(tmp_path / "out.mp4"), _pictures(film), strict=True):
        assert np.abs(gray(picture).astype(int) - gray(source)).mean() < 2.5  # H.264 between them
        assert np.ptp(picture.astype(int), axis=2).mean() > 5
        assert np.ptp(source.astype(int), axis=2).mean() < 3


def test_a_tinted_film_is_taken_for_gray(bundle: Path, tmp_path: Path) -> None:
    frames = [gray(frame)[..., None] * np.array([1.0, 0.85, 0.6]) for frame in drifting(3, (64, 96))]
    sepia = written(tmp_path / "sepia.mp4", [frame.astype(np.uint8) for frame in frames])
    _colored(bundle, sepia, tmp_path / "out.mp4", knobs={"saturation": 0.0})
    assert np.ptp(_pictures(tmp_path / "out.mp4")[0].astype(int), axis=2).mean() < 3


def test_a_silent_film_stays_silent(bundle: Path, film: Path, tmp_path: Path) -> None:
    _colored(bundle, film.with_name("mute.mp4"), tmp_path / "out.mkv")
    assert not Film(tmp_path / "out.mkv").has_sound
    assert len(_pictures(tmp_path / "out.mkv")) == 12


def test_a_range_of_frames_keeps_its_part_of_the_sound(bundle: Path, film: Path, tmp_path: Path) -> None:
    made = _colored(bundle, film, tmp_path / "out.mp4", frames=(3, 8))
    assert made.pictures == 5
    assert [float(t) for t in _times(tmp_path / "out.mp4")] == pytest.approx([t - 0.3 for t in TIMES[3:8]], abs=1e-4)
    assert 0 < len(_sound(tmp_path / "out.mp4")) < len(_sound(film))


def test_an_interrupted_render_goes_on_as_if_it_had_not_been(
    bundle: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coloring, "PART_FRAMES", 4)
    whole = _colored(bundle, film, tmp_path / "whole.mp4")

    def stop(done: int, _total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_color(bundle, film, tmp_path / "out.mp4", progress=stop, say=lambda _: None)
    assert not (tmp_path / "out.mp4").exists()
    said: list[str] = []
    made = render_color(bundle, film, tmp_path / "out.mp4", progress=lambda *_: None, say=said.append)
    assert "goes on at frame 8" in said[0]
    assert made.flicker == whole.flicker
    for one, other in zip(_pictures(tmp_path / "out.mp4"), _pictures(tmp_path / "whole.mp4"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_parts_of_another_request_are_thrown_away(film: Path, tmp_path: Path) -> None:
    opened, out = Film(film), tmp_path / "out.mp4"
    FilmParts(out, opened, {"steady": 0.8}).write(opened.frames(0, 2), {})
    assert len(FilmParts(out, opened, {"steady": 0.8}).done()) == 1
    assert FilmParts(out, opened, {"steady": 0.2}).done() == []


def test_flicker_is_measured_and_told(bundle: Path, film: Path, tmp_path: Path) -> None:
    said: list[str] = []
    render_color(bundle, film, tmp_path / "out.mp4", steady=0.8, progress=lambda *_: None, say=said.append)
    assert any("flicker of color" in line and "before" in line and "after" in line for line in said)


def test_a_photo_and_a_folder_of_photos_keep_their_sizes(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    for name, shape in (("a.png", (50, 81)), ("b.jpg", (120, 90))):
        cv2.imwrite(str(folder / name), np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    assert _colored(bundle, folder, tmp_path / "new").pictures == 2
    assert cv2.imread(str(tmp_path / "new" / "a.png")).shape == (50, 81, 3)
    assert cv2.imread(str(tmp_path / "new" / "b.jpg")).shape == (120, 90, 3)
    _colored(bundle, folder / "a.png", tmp_path / "one.png")
    picture = cv2.imread(str(tmp_path / "one.png"))[..., ::-1]
    assert np.abs(gray(np.ascontiguousarray(picture)).astype(int) - cv2.imread(str(folder / "a.png"), 0)).max() <= 1


def test_an_interlaced_film_is_combed_out_on_request(bundle: Path, tmp_path: Path) -> None:
    """Odd rows are half a frame late: between them and their neighbors lies a comb."""
    moving = drifting(24, (64, 96), speed=4.0)
    woven = []
    for even, odd in zip(moving[::2], moving[1::2], strict=True):
        frame = even.copy()
        frame[1::2] = odd[1::2]
        woven.append(frame)
    source = written(tmp_path / "tv.mp4", woven)

    def comb(path: Path) -> float:
        frames = [gray(frame).astype(float) for frame in _pictures(path)[2:-2]]
        return float(np.mean([np.abs(f[1:-1:2] - (f[:-2:2] + f[2::2]) / 2).mean() for f in frames]))

    _colored(bundle, source, tmp_path / "as_is.mp4", steady=0.0)
    _colored(bundle, source, tmp_path / "out.mp4", steady=0.0, deinterlace=True)
    assert len(_pictures(tmp_path / "out.mp4")) == 12
    assert comb(tmp_path / "out.mp4") < 0.7 * comb(tmp_path / "as_is.mp4")


def test_bad_input_is_one_sentence(bundle: Path, film: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(VideoError, match="cannot be read as a film"):
        _colored(bundle, tmp_path / "text.mp4", tmp_path / "out.mp4")
    with pytest.raises(VideoError, match="no such film"):
        _colored(bundle, tmp_path / "nothing.mp4", tmp_path / "out.mp4")
    with pytest.raises(BadInput, match="source itself"):
        _colored(bundle, film, film)
    with pytest.raises(BadInput, match=r"written as \.mp4"):
        _colored(bundle, film, tmp_path / "out.avi")
    with pytest.raises(BadInput, match="has no frame 99"):
        _colored(bundle, film, tmp_path / "out.mp4", frames=(99, None))
    with pytest.raises(BadInput, match="no knob 'warmth'"):
        _colored(bundle, film, tmp_path / "out.mp4", knobs={"warmth": 1.0})
    with pytest.raises(BadInput, match="out of range"):
        _colored(bundle, film, tmp_path / "out.mp4", knobs={"saturation": 9.0})
    write_bundle(tmp_path / "ember", manifest(64), {"generator.onnx": figure_graph(64)})
    with pytest.raises(BadInput, match="does not color"):
        _colored(tmp_path / "ember", film, tmp_path / "out.mp4")


def test_a_sound_that_no_film_of_that_name_holds_is_said_before_the_work(bundle: Path, tmp_path: Path) -> None:
    mute = written(tmp_path / "mute.mp4", drifting(3, (64, 96)))
    with av.open(str(mute)) as source, av.open(str(tmp_path / "film.mkv"), "w") as file:
        video = file.add_stream_from_template(source.streams.video[0])
        audio = file.add_stream("wavpack", rate=8000)
        audio.layout = "mono"
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                file.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        file.mux(audio.encode(frame))
        file.mux(audio.encode())
    with pytest.raises(BadInput, match=r"name a film \.mkv"):
        _colored(bundle, tmp_path / "film.mkv", tmp_path / "out.mp4")
    _colored(bundle, tmp_path / "film.mkv", tmp_path / "out.mkv")
    assert Film(tmp_path / "out.mkv").has_sound


def test_render_colors_as_a_person_types_it(
    bundle: Path, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert open_bundle(bundle).manifest.finish == "join_chroma"
    words = ["render", "--bundle", str(bundle), "--source", str(film), "--out", str(tmp_path / "out.mp4")]
    assert understudy.main([*words, "--frames", "2:6", "--steady", "0.5", "--knob", "saturation=1.5"]) == 0
    said = capsys.readouterr().out
    assert "4 frames" in said
    assert "flicker" in said
    with pytest.raises(SystemExit):
        understudy.main([*words, "--frames", "6:2"])
    assert "holds no frame" in capsys.readouterr().err
