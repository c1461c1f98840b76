"""A film that goes on by itself, on stage: no camera is needed, and one that is there may disturb it."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.backends import open_engine
from engines.bundle import write_bundle
from engines.images import Frame, resized
from engines.performer import Performer
from engines.pose.tracker import Tracked
from live.control.encoding import message
from live.control.parameters import Controls
from live.loop import play
from live.mailbox import Latest
from live.masking import MASKED_KINDS
from live.passing import Prepared, Seen
from live.pipeline import FRESH_S, Preparing, StandIn, TimedEngine
from live.show import Show
from live.sources import Captured
from tests.fakes import FakeSink
from tests.fakes_film import drift_bundle, drifting
from tests.live.test_show import staged

FILM = drifting(12, (48, 64), 2.0)
CAMERA = np.full((60, 80, 3), (250, 0, 0), np.uint8)


class _Stage:
    """The conditioning part of a show with one dreamed film, and its mailboxes."""

    def __init__(self) -> None:
        bundle = drift_bundle(FILM)
        engine = TimedEngine(open_engine(bundle, "onnxruntime", "f32"))
        self.stand_in = StandIn(Performer(bundle, engine), engine)
        self.frames: Latest[Captured] = Latest()
        self.seen: Latest[Seen] = Latest()
        self.out: Latest[Prepared] = Latest()
        self.controls = Controls()
        self.part = Preparing(
            lambda: self.stand_in,
            None,  # type: ignore[arg-type]  # nobody is followed
            self.frames,
            self.seen,
            lambda: self.controls,
            self.out,
        )

    def prepared(self) -> Prepared:
        self.part.step()
        assert self.out.newest is not None
        return self.out.newest.value

    def shown(self) -> Frame:
        prepared = self.prepared()
        return self.stand_in.performer.drawn(prepared.inputs, prepared.scene).image


def test_it_dreams_on_without_any_camera() -> None:
    stage = _Stage()
    began_s, pictures = time.perf_counter(), [stage.shown() for _ in range(12)]
    assert 0.2 < time.perf_counter() - began_s < 3.0
    assert not np.array_equal(pictures[0], pictures[-1])


def test_the_camera_and_a_fresh_silhouette_reach_the_scene_and_an_old_one_does_not() -> None:
    stage, now_s = _Stage(), time.perf_counter()
    mask = np.zeros(CAMERA.shape[:2], np.uint8)
    mask[:, :20] = 255
    stage.frames.put(Captured(CAMERA, now_s))
    stage.seen.put(Seen(Captured(CAMERA, now_s), Tracked(None, mask, now_s)))
    scene = stage.prepared().scene
    assert np.array_equal(scene.frame, CAMERA)
    assert np.array_equal(scene.mask, mask)
    stage.controls = Controls(mirror=True)
    assert np.array_equal(stage.prepared().scene.mask, mask[:, ::-1])
    stage.seen.put(Seen(Captured(CAMERA, now_s - FRESH_S - 1), Tracked(None, mask, now_s)))
    assert stage.prepared().scene.mask is None


def test_the_reset_and_the_knob_of_the_stage_reach_the_film() -> None:
    stage = _Stage()
    for _ in range(8):
        moved = stage.shown()
    assert not np.array_equal(moved, FILM[-1])
    stage.controls = Controls(dream_reset=1)
    assert np.array_equal(stage.shown(), FILM[-1])
    stage.controls = Controls(dream_reset=1, knobs={"inject": 1.0})
    stage.frames.put(Captured(CAMERA, time.perf_counter()))
    for _ in range(10):
        red = stage.shown()
    assert np.abs(red.astype(int) - (250, 0, 0)).max() <= 2


def test_a_tracker_gives_silhouettes_while_a_film_dreams() -> None:
    assert "previous" in MASKED_KINDS


def _over_osc(show: Show) -> None:
    assert show.console.receiver
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(message("/dream/reset", [1.0]), ("127.0.0.1", show.console.receiver.port))


def _by_key(show: Show) -> None:
    show.desk.press("d")


@pytest.mark.parametrize("asked", [_over_osc, _by_key])
def test_in_a_running_show_a_reset_goes_back_to_where_the_real_film_ended(
    tmp_path: Path, asked: Callable[[Show], None]
) -> None:
    """Seen in what is shown: far from the film's last picture, then all at once that picture."""
    drift = drift_bundle(FILM)
    write_bundle(
        tmp_path / "drift", drift.manifest, {name: drift.files[name] for name in ("generator.onnx", "plate.png")}
    )
    sink, asked_at = FakeSink(), [0]
    options = {"osc": True, "osc_in": 0, "page": False, "midi": False, "seconds": 20.0}

    def opened(_path: Path, _options: object) -> StandIn:
        engine = TimedEngine(open_engine(drift, "onnxruntime", "f32"))
        return StandIn(Performer(drift, engine), engine)

    def gone(picture: Frame) -> float:
        return float(np.abs(resized(picture, FILM[-1].shape[:2]).astype(int) - FILM[-1]).mean())

    with staged((tmp_path / "drift",), sink, options, stand_in=opened) as show:

        def turn(sink: FakeSink) -> bool:
            if not asked_at[0] and gone(sink.pictures[-1]) > 15:
                asked_at[0] = len(sink.pictures)
                asked(show)
            return bool(asked_at[0]) and gone(sink.pictures[-1]) < 5

        sink.until = turn
        play(show)
        assert asked_at[0], "it never went on"
    assert gone(sink.pictures[asked_at[0] - 1]) > 15
    assert gone(sink.pictures[-1]) < 5
    # By itself it comes round after 32 steps of a tenth of a second; this was at once.
    assert sink.ticks[-1].time_s - sink.ticks[asked_at[0] - 1].time_s < 1.0
