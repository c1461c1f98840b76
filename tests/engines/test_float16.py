"""The float16 graph: near its reference, wide where it must be, and true to the rules of the seam."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from engines.backends.float16 import float16_graph
from engines.bundle.lint import graph_complaints
from engines.errors import EngineError
from tests.fakes_engines import figure_graph, head, model, picture, recurrent_graph, shared_weights, tail

SIZE = 32


def _ran(graph: bytes, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options)
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, inputs), strict=True))


def _types(graph: bytes) -> dict[str, list[int]]:
    """For each operator the types of what its nodes make."""
    made = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph), strict_mode=True)
    infos = {info.name: info.type.tensor_type.elem_type for info in (*made.graph.value_info, *made.graph.output)}
    found: dict[str, list[int]] = {}
    for node in made.graph.node:
        found.setdefault(node.op_type, []).append(infos[node.output[0]])
    return found


@pytest.mark.parametrize("graph", [figure_graph(SIZE), figure_graph(SIZE, knob=True), recurrent_graph(SIZE)])
def test_a_float16_graph_draws_what_its_reference_draws(graph: bytes) -> None:
    rng = np.random.default_rng(0)
    inputs = {
        port.name: rng.integers(0, 256, [axis.dim_value for axis in port.type.tensor_type.shape.dim], dtype=np.uint8)
        if port.type.tensor_type.elem_type == TensorProto.UINT8
        else np.array([0.7], np.float32)
        for port in onnx.load_from_string(graph).graph.input
    }
    wide, narrow = _ran(graph, inputs), _ran(float16_graph(graph, "ember"), inputs)
    for name in wide:
        assert np.quantile(np.abs(wide[name].astype(int) - narrow[name]), 0.999) <= 1


def test_the_work_is_narrow_and_the_ports_stay_as_they_were() -> None:
    graph = float16_graph(figure_graph(SIZE), "ember")
    types = _types(graph)
    assert types["Conv"] == [TensorProto.FLOAT16]
    assert types["Round"] == types["Clip"] == types["Div"] == [TensorProto.FLOAT]
    assert graph_complaints(graph) == []
    before, after = onnx.load_from_string(figure_graph(SIZE)).graph, onnx.load_from_string(graph).graph
    assert list(before.input) == list(after.input)
    assert list(before.output) == list(after.output)


def _graph_around(nodes: list, **weights: np.ndarray) -> bytes:
    shape = (SIZE, SIZE, 3)
    kernel = np.eye(3, dtype=np.float32)[:, :, None, None]
    inside = [
        helper.make_node("Conv", ["x", "kernel"], ["y"]),
        *nodes,
        helper.make_node("Conv", ["z", "kernel"], ["w"]),
    ]
    every = {**shared_weights(), "kernel": kernel, **weights}
    ports = [picture("conditioning", shape)], [picture("image", shape)]
    return model([*head("conditioning", "x"), *inside, *tail("w", "image")], *ports, every)


@pytest.mark.parametrize(
    ("operator", "inputs"),
    [("Softmax", ["y"]), ("InstanceNormalization", ["y", "ones", "zeros"]), ("Exp", ["y"])],
)
def test_what_sums_or_raises_stays_wide_amid_narrow_work(operator: str, inputs: list[str]) -> None:
    nodes = [helper.make_node(operator, inputs, ["z"])]
    weights = {"ones": np.ones(3, np.float32), "zeros": np.zeros(3, np.float32)} if len(inputs) > 1 else {}
    graph = float16_graph(_graph_around(nodes, **weights), "ember")
    types = _types(graph)
    assert types[operator] == [TensorProto.FLOAT]
    assert types["Conv"] == [TensorProto.FLOAT16] * 2
    _ran(graph, {"conditioning": np.zeros((SIZE, SIZE, 3), np.uint8)})


def test_the_scales_of_a_resize_stay_wide() -> None:
    nodes = [
        helper.make_node("Resize", ["y", "", "up"], ["tall"], mode="nearest"),
        helper.make_node("MaxPool", ["tall"], ["z"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    graph = float16_graph(_graph_around(nodes, up=np.array([1, 1, 2, 2], np.float32)), "ember")
    assert _types(graph)["Resize"] == [TensorProto.FLOAT16]
    _ran(graph, {"conditioning": np.zeros((SIZE, SIZE, 3), np.uint8)})


def test_a_float_port_that_a_convolution_feeds_stays_float32() -> None:
    kernel = np.eye(3, dtype=np.float32)[:, :, None, None]
    out = helper.make_tensor_value_info("displacement", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    nodes = [*head("conditioning", "x"), helper.make_node("Conv", ["x", "kernel"], ["displacement"])]
    graph = model(nodes, [picture("conditioning", (SIZE, SIZE, 3))], [out], {**shared_weights(), "kernel": kernel})
    given = {"conditioning": np.full((SIZE, SIZE, 3), 100, np.uint8)}
    np.testing.assert_allclose(_ran(float16_graph(graph, "ember"), given)["displacement"], 100 / 255, atol=1e-3)


def test_weights_that_do_not_fit_are_named() -> None:
    nodes = [helper.make_node("Mul", ["y", "enormous"], ["z"])]
    with pytest.raises(EngineError, match=r"ember: 'enormous' holds values beyond 65504; play it in f32"):
        float16_graph(_graph_around(nodes, enormous=np.float32(1e6)), "ember")


def test_what_is_no_graph_is_one_sentence() -> None:
    with pytest.raises(EngineError, match="ember: no float16 graph can be derived"):
        float16_graph(b"\x08\x09nonsense", "ember")
