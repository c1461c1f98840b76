"""A dancer in a painting, and a backdrop that lives without a camera."""

import time
from pathlib import Path

import numpy as np
import pytest

import understudy
from engines.backends import open_engine
from engines.bundle import Bundle, write_bundle
from engines.errors import BadInput
from engines.images import Frame
from engines.performer import Performer
from engines.pictures import read_picture
from engines.pose.follow import Follower
from engines.pose.tracker import Tracked
from live.config import LiveOptions
from live.control.parameters import Controls
from live.doors import Doors
from live.gauges import Gauges
from live.loop import play
from live.mailbox import Latest
from live.passing import Performed, Prepared, Seen
from live.pipeline import Drawing, Preparing, StandIn, TimedEngine
from live.rendering import render
from live.show import Show
from live.sinks.recorder import Movie
from live.sources import Captured
from live.staging import on_stage
from live.stills import render_stills
from tests.fakes import FakeSink, FakeTracker, fake_source, fake_stand_in, standing
from tests.fakes_engines import composite_bundle, figure_bundle, noise_bundle
from tests.fakes_singan import saved
from tests.live.test_rendering import _decoded


def _stand_in(bundle: Bundle) -> StandIn:
    engine = TimedEngine(open_engine(bundle, "onnxruntime", "f32"))
    return StandIn(Performer(bundle, engine), engine)


def _written(folder: Path, bundle: Bundle) -> Path:
    write_bundle(folder, bundle.manifest, {name: bundle.read(name) for name in bundle.manifest.files})
    return folder


def _preparing(act: StandIn, seen: Latest[Seen], out: Latest[Prepared], controls: Controls) -> Preparing:
    frames: Latest[Captured] = Latest()
    return Preparing(lambda: act, Follower(None), frames, seen, lambda: controls, out)


def _person() -> np.ndarray:
    mask = np.zeros((48, 64), np.uint8)
    mask[8:46, 20:32] = 255
    return mask


def test_a_dancer_is_cut_out_by_the_trackers_mask_and_stands_in_the_scene() -> None:
    act, seen, out = _stand_in(composite_bundle(64)), Latest[Seen](), Latest[Prepared]()
    red = np.full((48, 64, 3), (220, 10, 10), np.uint8)
    seen.put(Seen(Captured(red, 0.0), Tracked(standing(), _person(), 0.0)))
    _preparing(act, seen, out, Controls()).step()
    assert out.newest is not None
    prepared = out.newest.value
    image = act.performer.drawn(prepared.inputs, prepared.scene).image
    reds = (image[..., 0] > 200).sum()
    assert 60 < reds < 1200
    assert (image[:8] == 90).all()
    act.performer.close()


def test_a_dancer_who_was_put_outside_of_the_scene_is_no_broken_engine() -> None:
    act, seen, out = _stand_in(composite_bundle(64)), Latest[Seen](), Latest[Prepared]()
    seen.put(
        Seen(Captured(np.zeros((48, 64, 3), np.uint8), 0.0), Tracked(standing(), np.zeros((48, 64), np.uint8), 0.0))
    )
    preparing = _preparing(act, seen, out, Controls())
    performed: Latest[Performed] = Latest()
    drawing = Drawing(act, out, performed, Gauges())
    preparing.step()
    assert out.newest is not None
    for _ in range(20):
        out.put(out.newest.value)
        drawing.step()
    assert performed.count == 20
    drawing.close()


def test_a_backdrop_lives_without_a_camera() -> None:
    act, out = _stand_in(noise_bundle()), Latest[Prepared]()
    preparing = _preparing(act, Latest(), out, Controls(knobs={"walk": 4.0}))
    pictures: list[Frame] = []
    end_s = time.monotonic() + 5
    while len(pictures) < 3 and time.monotonic() < end_s:
        if preparing.step():
            assert out.newest is not None
            pictures.append(act.performer.drawn(out.newest.value.inputs, out.newest.value.scene).image.copy())
    assert len(pictures) == 3
    assert (pictures[0] != pictures[2]).any()
    act.performer.close()


class Counted(FakeTracker):
    """Finds somebody, and counts how often it was asked."""

    asked = 0

    def track(self, frame: Frame, time_s: float) -> Tracked:
        self.asked += 1
        return super().track(frame, time_s)


def test_nobody_is_looked_for_while_a_backdrop_plays_alone_and_at_once_when_a_performer_comes_on(
    tmp_path: Path,
) -> None:
    bundles = (_written(tmp_path / "sky", noise_bundle()), _written(tmp_path / "ember", figure_bundle(64)))
    tracker, sink = Counted(), FakeSink()

    def stand_in(path: Path, options: LiveOptions) -> StandIn:
        return _stand_in(noise_bundle()) if path.name == "sky" else fake_stand_in(path, options)

    options = LiveOptions(bundles=bundles, headless=True, osc=False, midi=False, source="dancer", seconds=15.0)
    doors = Doors(source=fake_source, tracker=lambda _options: tracker, stand_in=stand_in)
    asked: list[int] = []

    def turn(show: Show) -> bool:
        """A while of the backdrop alone, then the performer until it shows somebody, then the backdrop again."""
        pictures, act = show.gauges.pictures, show.repertoire.act
        if not asked and pictures > 8:
            asked.append(tracker.asked)
            assert not any(part == "tracker" for part, _ in show.counts(act))
            show.desk.set(bundle="ember", bundle_fade=0.0)
        elif len(asked) == 1 and act.path.name == "ember" and act.performed.count > 5:
            asked.append(tracker.asked)
            show.desk.set(bundle="sky")
        elif len(asked) == 2 and not show.looks_for_people():
            asked.append(tracker.asked)
        elif len(asked) == 3 and show.seen.newest is None:
            return True
        return False

    with on_stage(options, doors=doors, sinks=[sink]) as show:
        sink.stop, sink.until = show.stop.set, lambda _sink: turn(show)
        play(show)
        assert len(asked) == 3, show.faults.now
        assert show.faults.now == {}
    assert asked[0] == 0
    assert asked[1] > 3
    assert tracker.asked <= asked[2] + 1


class Masking:
    """Finds the same person in every frame, with a mask."""

    def track(self, _frame: Frame, time_s: float) -> Tracked:
        return Tracked(standing(), _person(), time_s)

    def close(self) -> None:
        """Nothing is open."""


class Blind(Masking):
    """Finds nobody."""

    def track(self, _frame: Frame, time_s: float) -> Tracked:
        return Tracked(None, None, time_s)


def _film(path: Path, colors: list[tuple[int, int, int]]) -> Path:
    movie = Movie(path, (48, 64), 10)
    for number, color in enumerate(colors):
        movie.write(np.full((48, 64, 3), color, np.uint8), number / 10)
    movie.close()
    return movie.path


def test_a_dancer_steps_into_every_frame_of_a_film_which_begins_again_when_it_is_over(tmp_path: Path) -> None:
    clip = _film(tmp_path / "clip.mp4", [(220, 10, 10)] * 5)
    film = _film(tmp_path / "film.mp4", [(10, 10, 200), (10, 200, 10)])
    bundle = _written(tmp_path / "scene", composite_bundle(64))
    render(bundle, str(clip), tmp_path / "out.mp4", behind=str(film), opened_tracker=Masking)
    frames = _decoded(tmp_path / "out.mp4")
    assert ["bg"[int(frame[:8].mean(axis=(0, 1)).argmax() == 1)] for frame in frames] == ["b", "g", "b", "g", "b"]
    assert all(((frame[..., 0] > 150) & (frame[..., 2] < 120)).sum() > 30 for frame in frames)


def test_knobs_place_the_dancer_of_a_rendered_clip(tmp_path: Path) -> None:
    clip = _film(tmp_path / "clip.mp4", [(220, 10, 10)] * 2)
    bundle = _written(tmp_path / "scene", composite_bundle(64))
    middles = []
    for across in (0.3, 0.7):
        render(bundle, str(clip), tmp_path / "out.mp4", knobs={"across": across}, opened_tracker=Masking)
        middles.append(np.flatnonzero((_decoded(tmp_path / "out.mp4")[1][..., 0] > 150).any(axis=0)).mean())
    assert middles[1] - middles[0] == pytest.approx(0.4 * 64, abs=3)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_clip_is_performed_inside_a_scene(tmp_path: Path, mirror: bool) -> None:
    clip = _film(tmp_path / "clip.mp4", [(220, 10, 10)] * 4)
    bundle = _written(tmp_path / "scene", composite_bundle(64))
    render(bundle, str(clip), tmp_path / "out.mp4", mirror=mirror, opened_tracker=Masking)
    frames = _decoded(tmp_path / "out.mp4")
    assert len(frames) == 4
    reds = [np.flatnonzero((frame[..., 0] > 150).any(axis=0)) for frame in frames]
    assert all(len(columns) > 3 for columns in reds)
    assert all(abs(float(columns.mean()) - float(reds[0].mean())) < 1 for columns in reds)


def test_who_is_in_a_picture_is_laid_into_the_scene(tmp_path: Path) -> None:
    bundle, red = _written(tmp_path / "scene", composite_bundle(64)), np.full((48, 64, 3), (220, 10, 10), np.uint8)
    photo, middles = saved(tmp_path / "photo.png", red), []
    for across in (0.3, 0.7):
        made = render_stills(bundle, photo, tmp_path / "out.png", knobs={"across": across}, opened_tracker=Masking)
        image = read_picture(made[0])
        assert image.shape == (64, 64, 3)
        assert (image[:8] == 90).all()
        middles.append(np.flatnonzero((image[..., 0] > 200).any(axis=0)).mean())
    assert middles[1] - middles[0] == pytest.approx(0.4 * 64, abs=3)


def test_behind_who_is_in_a_picture_may_be_another_picture(tmp_path: Path) -> None:
    bundle, red = _written(tmp_path / "scene", composite_bundle(64)), np.full((48, 64, 3), (220, 10, 10), np.uint8)
    photo = saved(tmp_path / "photo.png", red)
    blue = saved(tmp_path / "blue.png", np.full((32, 32, 3), (10, 10, 200), np.uint8))
    made = render_stills(bundle, photo, tmp_path / "out.png", behind=str(blue), opened_tracker=Masking)
    assert np.abs(read_picture(made[0])[2, 2].astype(int) - (10, 10, 200)).max() <= 2


def test_a_picture_of_nobody_is_refused(tmp_path: Path) -> None:
    bundle, gray = _written(tmp_path / "scene", composite_bundle(64)), np.full((48, 64, 3), 90, np.uint8)
    photo = saved(tmp_path / "photo.png", gray)
    with pytest.raises(BadInput, match=r"photo\.png: nobody was found"):
        render_stills(bundle, photo, tmp_path / "out.png", opened_tracker=Blind)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.slow
def test_the_command_finds_nobody_in_a_gray_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, gray = _written(tmp_path / "scene", composite_bundle(64)), np.full((96, 128, 3), 90, np.uint8)
    photo = saved(tmp_path / "photo.png", gray)
    asked = ["render", "--bundle", str(bundle), "--source", str(photo), "--out", str(tmp_path / "out.png")]
    assert understudy.main(asked) != 0
    assert "nobody was found" in capsys.readouterr().err
