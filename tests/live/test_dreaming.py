"""A film that goes on by itself, on stage: no camera is needed, and one that is there may disturb it."""

import time

import numpy as np

from engines.backends import open_engine
from engines.images import Frame
from engines.performer import Performer
from engines.pose.tracker import Tracked
from live.control.parameters import Controls
from live.mailbox import Latest
from live.masking import MASKED_KINDS
from live.passing import Prepared, Seen
from live.pipeline import FRESH_S, Preparing, StandIn, TimedEngine
from live.sources import Captured
from tests.fakes_film import drift_bundle, drifting

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
