"""A bundle that performs: what it looks at, what it shows, and what it does when nobody is there."""

import threading
from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from engines.backends import open_engine
from engines.bundle import Bundle, Port, made_bundle
from engines.conditioning import BLIND, KINDS, edges, gray
from engines.errors import BundleError
from engines.finish import over
from engines.images import covering
from engines.performer import Performer
from engines.pose.landmarks import Landmarks
from engines.pose.skeleton import drawn_skeleton
from engines.pose.stance import STANDING
from engines.scene import Drawn, Scene
from tests.fakes_engines import (
    figure_bundle,
    figure_graph,
    image_bundle,
    knob_bundle,
    manifest,
    png,
    recurrent_bundle,
    room,
)

SIZE = 64


def _pose(x: float = 0.5) -> Landmarks:
    landmarks = np.ones((33, 4), np.float32)
    landmarks[:, :3] = STANDING * np.float32(0.22) + np.array([x, 0.45, 0], np.float32)
    return landmarks


def _frame(seed: int = 7, height: int = 48, width: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class CountingEngine:
    """An engine around an engine that keeps what it was given."""

    backend, precision, device, why = "counting", "f32", "CPU", "a test"

    def __init__(self, bundle: Bundle) -> None:
        self._inner = open_engine(bundle, "openvino", "f32", threads=1)
        self.given: list[dict[str, np.ndarray]] = []
        self.closed = False

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.given.append({name: array.copy() for name, array in inputs.items()})
        return self._inner(inputs)

    def close(self) -> None:
        self._inner.close()
        self.closed = True


def _performer(bundle: Bundle) -> tuple[Performer, CountingEngine]:
    engine = CountingEngine(bundle)
    return Performer(bundle, engine), engine


# Somebody ------------------------------------------------------------------------------------------------------------


def test_a_generator_sees_the_skeleton_of_the_scene_in_the_bundles_own_style() -> None:
    bundle = figure_bundle()
    performer, engine = _performer(bundle)
    drawn = performer.perform(Scene(_pose(), presence=1.0, captured_s=12.5))
    expected = drawn_skeleton(_pose(), (SIZE, SIZE), bundle.manifest.skeleton)
    assert np.array_equal(engine.given[0]["conditioning"], expected)
    assert np.array_equal(drawn.conditioning, expected)
    assert drawn.captured_s == 12.5


def test_the_picture_is_the_figure_over_the_plate_at_its_place() -> None:
    bundle = figure_bundle()
    performer, engine = _performer(bundle)
    drawn = performer.perform(Scene(_pose(), presence=1.0))
    figure = engine._inner({"conditioning": drawn.conditioning})["figure"]
    assert performer.canvas == drawn.image.shape[:2] == room().shape[:2]
    assert drawn.figure is not None
    inside = np.s_[:, 4:-4]
    assert np.array_equal(drawn.figure[inside], figure[inside])
    assert not drawn.figure[:, [0, -1], 3].any()  # it runs out where the room goes on beside it
    assert np.array_equal(drawn.image, over(drawn.figure, room(), bundle.manifest.plate_at))


def test_without_a_plate_the_canvas_is_the_square() -> None:
    performer, _ = _performer(figure_bundle(plate=False))
    assert performer.canvas == (SIZE, SIZE)
    assert performer.perform(Scene(_pose(), presence=1.0)).image.shape == (SIZE, SIZE, 3)


def test_a_picture_that_was_given_out_never_changes_afterwards() -> None:
    for bundle in (figure_bundle(), image_bundle(), recurrent_bundle(output="figure")):
        performer, _ = _performer(bundle)
        first = performer.perform(Scene(_pose(0.4), presence=1.0))
        kept = [None if part is None else part.copy() for part in (first.image, first.figure, first.conditioning)]
        performer.perform(Scene(_pose(0.6), presence=1.0))
        for part, copy in zip((first.image, first.figure, first.conditioning), kept, strict=True):
            assert (part is None and copy is None) or np.array_equal(part, copy)


def test_two_threads_draw_what_one_would() -> None:
    scenes = [Scene(_pose(0.3 + 0.02 * number), presence=1.0, captured_s=number) for number in range(20)]
    performer, _ = _performer(figure_bundle())
    alone = [performer.perform(scene).image for scene in scenes]
    pipeline, _ = _performer(figure_bundle())
    prepared: list[dict[str, np.ndarray]] = []
    ready = threading.Semaphore(0)
    drawn: list[Drawn] = []

    def condition() -> None:
        for scene in scenes:
            prepared.append(pipeline.conditioned(scene))
            ready.release()

    def draw() -> None:
        for number, scene in enumerate(scenes):
            ready.acquire()
            drawn.append(pipeline.drawn(prepared[number], scene))

    threads = [threading.Thread(target=condition), threading.Thread(target=draw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one.image, two) for one, two in zip(drawn, alone, strict=True))


def test_closing_a_performer_closes_its_engine() -> None:
    performer, engine = _performer(figure_bundle())
    performer.close()
    assert engine.closed


# Nobody --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", [Scene(), Scene(landmarks=_pose(), presence=0.0), Scene(presence=0.4)])
def test_nobody_leaves_the_room_and_the_engine_is_never_fed(scene: Scene) -> None:
    performer, engine = _performer(figure_bundle())
    drawn = performer.perform(scene)
    assert np.array_equal(drawn.image, room())
    assert drawn.figure is not None
    assert not drawn.figure.any()
    assert engine.given == []


def test_who_leaves_keeps_the_last_pose_and_fades() -> None:
    performer, engine = _performer(figure_bundle())
    seen = performer.perform(Scene(_pose(), presence=1.0))
    fading = performer.perform(Scene(None, presence=0.5))
    assert np.array_equal(engine.given[1]["conditioning"], engine.given[0]["conditioning"])
    assert np.abs(fading.figure[..., 3] - seen.figure[..., 3] * 0.5).max() <= 0.5
    gone = performer.perform(Scene(None, presence=0.0))
    assert np.array_equal(gone.image, room())
    assert len(engine.given) == 2


def test_whole_pictures_stay_when_nobody_is_there() -> None:
    performer, engine = _performer(image_bundle())
    seen = performer.perform(Scene(_pose(), presence=1.0))
    gone = performer.perform(Scene(None, presence=0.0))
    assert gone.image is seen.image
    assert len(engine.given) == 1


def test_whole_pictures_begin_with_the_preview_and_never_with_black() -> None:
    preview = np.concatenate([_frame(n, SIZE, SIZE) for n in (1, 2, 3)], axis=1)
    files = {"generator.onnx": figure_graph(output="image"), "preview.png": png(preview)}
    outputs = (Port(name="image", shape=(SIZE, SIZE, 3), dtype="uint8"),)
    performer, _ = _performer(made_bundle(manifest(outputs=outputs, finish="none"), files))
    assert np.array_equal(performer.perform(Scene()).image, _frame(2, SIZE, SIZE))
    without, _ = _performer(image_bundle())
    assert (without.perform(Scene()).image == 128).all()


# Looking at frames ---------------------------------------------------------------------------------------------------


def _looking(kind: str) -> Bundle:
    outputs = (Port(name="image", shape=(SIZE, SIZE, 3), dtype="uint8"),)
    described = manifest(conditioning=kind, outputs=outputs, finish="none", skeleton=None, skeleton_hash="")
    return made_bundle(described, {"generator.onnx": figure_graph(output="image")})


@pytest.mark.parametrize("kind", ["frame", "gray", "edges"])
def test_who_looks_at_frames_needs_nobody_in_them(kind: str) -> None:
    performer, engine = _performer(_looking(kind))
    assert engine.given == []
    drawn = performer.perform(Scene(frame=_frame(), presence=0.0))
    assert len(engine.given) == 1
    assert drawn.image.shape == (SIZE, SIZE, 3)
    given = engine.given[0]["conditioning"]
    middle = covering(_frame(), (SIZE, SIZE))
    expected = {"frame": middle, "gray": gray(_frame(), (SIZE, SIZE)), "edges": edges(_frame(), (SIZE, SIZE))}[kind]
    assert np.array_equal(given, np.broadcast_to(expected, given.shape))


def test_gray_is_the_luminance_and_edges_are_outlines() -> None:
    frame = np.zeros((SIZE, SIZE, 3), np.uint8)
    frame[16:48, 16:48] = (200, 100, 50)
    # 0.2126, 0.7152 and 0.0722 of the light of these codes (0.578, 0.127, 0.032), as a code again.
    assert gray(frame, (SIZE, SIZE))[32, 32, 0] == 128
    found = edges(frame, (SIZE, SIZE))[..., 0]
    assert set(np.unique(found)) == {0, 255}
    contour = np.zeros((SIZE, SIZE), np.uint8)
    cv2.rectangle(contour, (16, 16), (47, 47), 255, 5)
    assert not found[contour == 0].any()
    assert found.any(axis=0).sum() >= 30


def test_without_a_frame_who_looks_at_frames_waits() -> None:
    performer, engine = _performer(_looking("frame"))
    performer.perform(Scene(_pose(), presence=1.0))
    assert engine.given == []


def test_every_kind_of_the_table_gives_a_picture_of_the_size_asked_for() -> None:
    scene = Scene(_pose(), 1.0, _frame())
    for kind, (draw, channels) in KINDS.items():
        picture = draw(scene, manifest(conditioning=kind), (40, 24))
        assert picture is not None
        assert (picture.shape, picture.dtype) == ((40, 24, channels), np.uint8)
        assert draw(Scene(), manifest(), (40, 24)) is None
    assert not set(KINDS) & set(BLIND)


# Feeding back --------------------------------------------------------------------------------------------------------


def test_a_recurrent_generator_sees_its_own_last_picture() -> None:
    performer, engine = _performer(recurrent_bundle())
    first = performer.perform(Scene(_pose(0.4), presence=1.0))
    second = performer.perform(Scene(_pose(0.6), presence=1.0))
    assert np.array_equal(engine.given[1]["previous"], first.image)
    halves = (engine.given[1]["conditioning"].astype(float) + first.image) / 2
    assert np.abs(second.image - halves).max() <= 1


def test_a_recurrent_figure_begins_as_nobody_and_is_fed_back_unfaded() -> None:
    performer, engine = _performer(recurrent_bundle(output="figure"))
    performer.perform(Scene(_pose(), presence=0.5))
    performer.perform(Scene(_pose(), presence=0.5))
    assert not engine.given[0]["previous"].any()
    expected = engine._inner(engine.given[0])["figure"]
    assert np.array_equal(engine.given[1]["previous"], expected)


def test_somebody_new_begins_afresh() -> None:
    performer, engine = _performer(recurrent_bundle(output="figure"))
    performer.perform(Scene(_pose(), presence=1.0))
    performer.perform(Scene(None, presence=0.0))
    performer.perform(Scene(_pose(), presence=1.0))
    assert not engine.given[1]["previous"].any()


def test_a_picture_given_to_feed_back_takes_the_place_of_the_own_one() -> None:
    performer, engine = _performer(recurrent_bundle())
    other = _frame(4, SIZE, SIZE)
    performer.perform(Scene(_pose(), presence=1.0, previous=other))
    assert np.array_equal(engine.given[0]["previous"], other)


# Knobs and refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turned", "heard"),
    [({}, 1.0), ({"strength": 0.25}, 0.25), ({"strength": 7.0}, 1.0), ({"strength": float("nan")}, 1.0)],
)
def test_a_knob_reaches_the_graph_within_its_range(turned: dict[str, float], heard: float) -> None:
    performer, engine = _performer(knob_bundle())
    performer.perform(Scene(_pose(), presence=1.0, knobs=turned))
    assert engine.given[0]["strength"] == np.float32(heard)


def test_what_no_understudy_can_fill_is_refused_before_the_show() -> None:
    figure = manifest(conditioning="figure", graphs=())
    bundle = made_bundle(figure, {"plate.png": png(room())})
    with pytest.raises(BundleError, match="conditioned on 'figure'"):
        Performer(bundle, CountingEngine(figure_bundle()))
    noise = (*manifest().inputs, Port(name="loudness", shape=(8,), dtype="float32"))
    bundle = made_bundle(manifest(inputs=noise, graphs=()), {})
    with pytest.raises(BundleError, match="has an input 'loudness'"):
        Performer(bundle, CountingEngine(figure_bundle()))
