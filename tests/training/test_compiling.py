"""Every generator that can be exported, through the real TensorRT-RTX parser and compiler. That needs no card."""

import io
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast, get_args

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torch import nn

from engines.backends.float16 import float16_graph
from engines.backends.kept import Kept
from engines.backends.nvidia.building import BuildStopped, built_plan
from engines.backends.nvidia.editions import RTX
from engines.backends.tensorrt import TensorRt
from engines.bundle import open_bundle
from engines.bundle.lint import graph_complaints
from engines.errors import EngineError
from tests.fakes_engines import figure_graph, head, model, picture, recurrent_graph, shared_weights, tail
from training.coloring import PortedColor
from training.config import GeneratorConfig
from training.film_form import TwoPorted
from training.networks import generator
from training.networks.refiner import Refiner
from training.ports import OPSET, PortedRefiner, Recurrent, onnx_graph, ported

if not RTX.is_installed:
    pytest.skip("tensorrt-rtx is not installed, so there is no compiler to ask", allow_module_level=True)

CAPABILITY = "8.9"
LIGHT, UNET, RESNET = (
    GeneratorConfig(kind="light", width=8),
    GeneratorConfig(kind="unet", width=8, downs=8),
    GeneratorConfig(kind="resnet", width=8, blocks=2),
)
EXPORTED = [
    (LIGHT, 256, True),
    (LIGHT, 512, True),
    (LIGHT, 256, False),
    (UNET, 256, True),
    (UNET, 256, False),
    (GeneratorConfig(kind="unet", width=8, downs=9), 512, False),
    (RESNET, 128, True),
    (RESNET, 128, False),
]


@cache
def _exported(config: GeneratorConfig, size: int, matte: bool) -> bytes:
    torch.manual_seed(0)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ported(generator(config, matte=matte).eval()).eval(),
            (torch.zeros(size, size, 3, dtype=torch.uint8),),
            file,  # type: ignore[arg-type]
            input_names=["conditioning"],
            output_names=["figure" if matte else "image"],
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize(
    ("config", "size", "matte"),
    EXPORTED,
    ids=[f"{config.kind}{size}{'-matte' if matte else ''}" for config, size, matte in EXPORTED],
)
def test_every_generator_that_is_exported_compiles(
    config: GeneratorConfig, size: int, matte: bool, precision: str
) -> None:
    graph = _exported(config, size, matte)
    graph = float16_graph(graph, "ember") if precision == "f16" else graph
    assert graph_complaints(graph) == []
    shares: list[float] = []
    plan = built_plan(RTX, graph, "ember", CAPABILITY, lambda share: shares.append(share) is None)
    assert len(plan) > 10_000
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 20


def _frames(*channels: int) -> list[np.ndarray]:
    return [np.zeros((128, 128, count), np.uint8) for count in channels]


REFINER, FLOWING, HUES = (
    GeneratorConfig(kind="refiner", width=8, blocks=1),
    GeneratorConfig(kind="flowing", width=8, blocks=1, memory=4),
    GeneratorConfig(kind="hues", width=8, blocks=1),
)
SINGLE = np.ones(1, np.float32)
# How a network stands between its ports, what those are fed, and the ports it gives.
ARRANGED: dict[str, tuple[Callable[[], nn.Module], dict[str, np.ndarray], list[str]]] = {
    "recurrent": (
        lambda: Recurrent(generator(LIGHT, channels_in=7, matte=True)),
        dict(zip(("conditioning", "previous"), _frames(3, 4), strict=True)),
        ["figure"],
    ),
    "refiner": (
        lambda: PortedRefiner(cast(Refiner, generator(REFINER, channels_in=7)), 0.05),
        {"conditioning": _frames(7)[0]},
        ["displacement", "gate", "paint", "matte"],
    ),
    "flowing": (
        lambda: TwoPorted(generator(FLOWING, channels_in=6, shape=(128, 128))),
        dict(zip(("conditioning", "before"), _frames(3, 3), strict=True)),
        ["image"],
    ),
    "color": (
        lambda: PortedColor(generator(LIGHT, channels_in=1, channels_out=2)),
        {"conditioning": _frames(1)[0], "saturation": SINGLE, "hue": SINGLE},
        ["chroma"],
    ),
    "hues": (
        lambda: PortedColor(generator(HUES, channels_in=1, channels_out=2)),
        {"conditioning": _frames(1)[0], "saturation": SINGLE, "hue": SINGLE},
        ["chroma"],
    ),
}


@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("name", ARRANGED)
def test_every_arrangement_of_ports_compiles(name: str, precision: str) -> None:
    torch.manual_seed(0)
    make, inputs, outputs = ARRANGED[name]
    graph = onnx_graph(make().eval(), inputs, outputs)
    graph = float16_graph(graph, "ember") if precision == "f16" else graph
    assert graph_complaints(graph) == []
    assert built_plan(RTX, graph, "ember", CAPABILITY)


def test_no_kind_of_generator_is_left_out() -> None:
    tried = {config.kind for config, _, _ in EXPORTED} | {REFINER.kind, FLOWING.kind, HUES.kind}
    assert tried == set(get_args(GeneratorConfig.model_fields["kind"].annotation))


SHIPPED = [path.parent for path in sorted((Path(__file__).parents[2] / "bundles").glob("*/manifest.json"))]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_every_bundle_that_is_shipped_compiles(folder: Path, precision: str) -> None:
    bundle = open_bundle(folder)
    reference = bundle.manifest.graph("f32")
    if reference is None:
        pytest.skip(f"{folder.name} performs without a graph")
    graph = bundle.read(reference.file)
    assert built_plan(RTX, float16_graph(graph, "ember") if precision == "f16" else graph, "ember", CAPABILITY)


@pytest.mark.parametrize("make", [figure_graph, recurrent_graph])
def test_every_capability_that_rtx_knows_can_be_compiled_for(make: object) -> None:
    assert {"7.5", "8.6", "8.9", "12.0"} <= set(RTX.capabilities())
    for capability in RTX.capabilities():
        assert built_plan(RTX, make(64), "ember", capability)  # type: ignore[operator]


def test_float16_of_a_generator_stays_within_three_levels() -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    given = {"conditioning": np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)}
    for config in (LIGHT, UNET):
        graph = _exported(config, 256, True)
        wide, narrow = (
            onnxruntime.InferenceSession(one, options).run(None, given)[0].astype(int)
            for one in (graph, float16_graph(graph, "ember"))
        )
        assert np.quantile(np.abs(wide - narrow), 0.999) <= 3


def test_a_build_stops_when_it_is_told_to() -> None:
    asked: list[float] = []

    def enough(share: float) -> bool:
        asked.append(share)
        return share < 0.2

    with pytest.raises(BuildStopped, match="ember: the build was stopped"):
        built_plan(RTX, _exported(LIGHT, 256, True), "ember", CAPABILITY, enough)
    assert max(asked) < 1
    assert built_plan(RTX, figure_graph(64), "ember", CAPABILITY)  # and the next one builds


def test_an_interrupted_build_hands_the_interruption_on() -> None:
    def interrupted(_share: float) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built_plan(RTX, figure_graph(64), "ember", CAPABILITY, interrupted)


def test_a_refused_graph_names_its_node() -> None:
    made = onnx.load_from_string(figure_graph(64))
    (node,) = [node for node in made.graph.node if node.op_type == "Conv"]
    node.op_type, node.name = "Frobnicate", "the_odd_one"
    del node.attribute[:]
    with pytest.raises(EngineError, match="ember: TensorRT-RTX cannot open the graph: Frobnicate 'the_odd_one'"):
        built_plan(RTX, made.SerializeToString(), "ember", CAPABILITY)


def test_a_picture_that_is_moved_before_it_is_cast_is_refused_by_name() -> None:
    shape = (64, 64, 3)
    nodes = [
        helper.make_node("Transpose", ["conditioning"], ["turned"], perm=[1, 0, 2], name="too_soon"),
        *head("turned", "x"),
        *tail("x", "image"),
    ]
    graph = model(nodes, [picture("conditioning", shape)], [picture("image", shape)], shared_weights())
    with pytest.raises(EngineError, match="Transpose 'too_soon'"):
        built_plan(RTX, graph, "ember", CAPABILITY)


def test_what_is_no_graph_is_one_sentence() -> None:
    with pytest.raises(EngineError, match=r"ember: TensorRT-RTX cannot open the graph: .*[Ff]ailed to parse"):
        built_plan(RTX, b"nonsense", "ember", CAPABILITY)


def test_a_capability_that_is_not_known_is_told_with_those_that_are() -> None:
    with pytest.raises(EngineError, match=r"compute capability '9.0'; it knows 7.5, .*12.0"):
        built_plan(RTX, figure_graph(64), "ember", "9.0")


def test_other_threads_go_on_while_a_plan_is_built() -> None:
    graph = _exported(UNET, 256, True)
    done = threading.Event()
    turns = 0

    def build() -> None:
        built_plan(RTX, graph, "ember", CAPABILITY)
        done.set()

    threading.Thread(target=build).start()
    while not done.is_set():
        turns += 1
    assert turns > 10_000  # with the GIL held there would be a handful


def test_a_plan_is_compiled_ahead_without_a_card_and_then_lies_ready(tmp_path: Path) -> None:
    backend, graph = TensorRt(RTX, Kept(tmp_path)), figure_graph(64)
    assert backend.compiled(graph, "ember", "f16", capability=CAPABILITY) == ""
    key = backend._key(graph, "f16", CAPABILITY)
    assert backend._kept.holds(key)
    assert not backend._kept.holds(backend._key(graph, "f32", CAPABILITY))
