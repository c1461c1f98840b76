"""What was learned is what is exported is what is shown."""

from pathlib import Path

import numpy as np
import pytest

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.errors import ConfigError
from engines.performer import Performer
from engines.pose.puppet import BuiltInDancer
from engines.scene import Scene
from tests.fakes_singan import chain_config, learned_run, redraw_config, small_config
from training.singan.exporting import export_singan
from training.singan.forms import AnimationForm, CompositeForm
from training.singan.runs import open_learned

SIZE = (31, 40)


@pytest.fixture(scope="module")
def redraw_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learned_run(tmp_path_factory.mktemp("redraw"), redraw_config(networks={"width": 8, "layers": 1}))


@pytest.fixture(scope="module")
def samples_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learned_run(tmp_path_factory.mktemp("samples"), small_config())


@pytest.fixture(scope="module")
def composite(redraw_run: Path) -> Bundle:
    return export_singan(redraw_run, redraw_run.parent / "scene", progress=False)


@pytest.fixture(scope="module")
def animation(samples_run: Path) -> Bundle:
    return export_singan(samples_run, samples_run.parent / "backdrop", progress=False)


def _dancing(time_s: float) -> Scene:
    dancer = BuiltInDancer(SIZE)
    landmarks = dancer.landmarks_at(time_s)
    landmarks[:, 0] = (landmarks[:, 0] - 0.5) * SIZE[1] / SIZE[0] + 0.5
    return Scene(landmarks, 1.0, dancer.frame_at(time_s), time_s)


def test_a_composite_says_what_it_is(composite: Bundle) -> None:
    manifest = composite.manifest
    assert (manifest.conditioning, manifest.finish, manifest.method) == ("composite", "over_plate", "singan")
    assert manifest.size == SIZE
    assert [port.shape for port in (*manifest.inputs, *manifest.outputs)] == [(*SIZE, 4), (1,), (*SIZE, 4)]
    assert {knob.name for knob in manifest.knobs} == {"across", "row", "height", "horizon", "harmony"}
    assert [graph.precision for graph in manifest.graphs] == ["f32", "int8"]
    assert str(composite.path) not in str(manifest.made_by)


def test_a_composite_on_stage_is_what_was_learned(redraw_run: Path, composite: Bundle) -> None:
    form = CompositeForm(open_learned(redraw_run), None, {})
    engine = open_engine(composite, "openvino", "f32")
    for number in (1, 5):
        inputs = form.inputs(number)
        gap = np.abs(engine(dict(inputs))["figure"] - form.longhand(form.learned.generator, inputs)["figure"])
        assert gap.max() <= 1
    engine.close()


def test_a_composite_from_a_chain_begins_at_the_scale_that_was_chosen(tmp_path: Path) -> None:
    run = learned_run(tmp_path, chain_config())
    made = [
        export_singan(run, tmp_path / f"at{k}", kind="composite", start=k, int8=False, progress=False) for k in (1, 2)
    ]
    graphs = [bundle.read("generator.onnx") for bundle in made]
    assert len(graphs[1]) < len(graphs[0])  # a scale less is unrolled
    with pytest.raises(ConfigError, match="start scale 3 does not exist; choose 1 to 2"):
        export_singan(run, tmp_path / "none", kind="composite", start=3, progress=False)
    assert not (tmp_path / "none").exists()


def test_the_scene_around_the_figure_is_the_picture_itself(redraw_run: Path, composite: Bundle) -> None:
    performer = Performer(composite, open_engine(composite, "openvino", "f32"))
    drawn = performer.perform(_dancing(2.0))
    picture = open_learned(redraw_run).picture
    assert drawn.figure is not None
    away = drawn.figure[..., 3] == 0
    assert away.mean() > 0.2
    assert (drawn.image[away] == picture[away]).all()
    assert (drawn.image[~away] != picture[~away]).any()
    performer.close()


def test_who_leaves_a_scene_leaves_it_empty(redraw_run: Path, composite: Bundle) -> None:
    performer = Performer(composite, open_engine(composite, "openvino", "f32"))
    performer.perform(_dancing(2.0))
    assert (performer.perform(Scene()).image == open_learned(redraw_run).picture).all()
    performer.close()


def test_harmony_turns_from_the_film_to_the_manner_of_the_scene(composite: Bundle) -> None:
    performer = Performer(composite, open_engine(composite, "openvino", "f32"))
    scene = _dancing(2.0)
    pictures = []
    for harmony in (0.0, 1.0):
        turned = Scene(scene.landmarks, 1.0, scene.frame, scene.captured_s, knobs={"harmony": harmony})
        drawn = performer.perform(turned)
        assert drawn.conditioning is not None
        pictures.append(drawn.image)
    inside = performer.conditioned(scene)["conditioning"][..., 3] == 255
    assert (pictures[0][inside] == drawn.conditioning[inside]).all()
    assert (pictures[1][inside] != drawn.conditioning[inside]).any()
    performer.close()


def test_an_animation_says_what_it_is(animation: Bundle) -> None:
    manifest = animation.manifest
    assert (manifest.conditioning, manifest.finish) == ("none", "none")
    assert [port.name for port in manifest.inputs] == ["noise", "amplitude"]
    assert {knob.name for knob in manifest.knobs} == {"amplitude", "walk"}


def test_an_animation_on_stage_is_what_was_learned(samples_run: Path, animation: Bundle) -> None:
    form = AnimationForm(open_learned(samples_run), None, {})
    engine = open_engine(animation, "openvino", "f32")
    inputs = form.inputs(3)
    gap = np.abs(engine(dict(inputs))["image"] - form.longhand(form.learned.generator, inputs)["image"])
    assert gap.max() <= 1
    engine.close()


def test_an_animation_moves_by_itself_and_stands_still_when_its_walk_is_stopped(animation: Bundle) -> None:
    performer = Performer(animation, open_engine(animation, "openvino", "f32"))

    def at(time_s: float, walk: float) -> np.ndarray:
        return performer.perform(Scene(captured_s=time_s, knobs={"walk": walk, "amplitude": 1.0})).image.copy()

    first, moved = at(0.0, 2.0), at(0.9, 2.0)
    assert (first != moved).any()
    assert (at(1.8, 0.0) == moved).all()
    performer.close()


def test_a_knob_may_have_another_default_within_its_range(redraw_run: Path, tmp_path: Path) -> None:
    bundle = export_singan(redraw_run, tmp_path / "b", knobs={"row": 0.7}, int8=False, progress=False)
    assert next(knob.default for knob in open_bundle(tmp_path / "b").manifest.knobs if knob.name == "row") == 0.7
    assert bundle.plate is not None
    for knobs, told in (({"row": 7.0}, "out of range"), ({"rows": 0.5}, "no such knob")):
        with pytest.raises(ConfigError, match=told):
            export_singan(redraw_run, tmp_path / "c", knobs=knobs, progress=False)


def test_a_run_that_only_redraws_is_no_animation(redraw_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"singan\.toml for an animation"):
        export_singan(redraw_run, tmp_path / "b", kind="animation", progress=False)
