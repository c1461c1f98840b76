"""Which convolutions of a graph become int8."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.quantization import int8_graph

NAMES = ("first", "second", "third", "last")


def _chain() -> bytes:
    """Four convolutions one after the other, and a product at the end."""
    rng = np.random.default_rng(0)
    nodes, weights, seen = [], [], "x"
    for name in NAMES:
        weight = helper.make_tensor(f"{name}_w", TensorProto.FLOAT, (4, 4, 3, 3), rng.normal(size=144) * 0.2)
        weights.append(weight)
        nodes.append(helper.make_node("Conv", [seen, weight.name], [f"{name}_y"], name, pads=[1, 1, 1, 1]))
        seen = f"{name}_y"
    weights.append(helper.make_tensor("twice", TensorProto.FLOAT, (1,), [2.0]))
    nodes.append(helper.make_node("Mul", [seen, "twice"], ["y"], "product"))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4, 16, 16)) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", ports[:1], ports[1:], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(made.SerializeToString())


def _in_int8(graph: bytes) -> set[str]:
    nodes = onnx.load_model_from_string(graph).graph.node
    rounded = {name for node in nodes if node.op_type == "DequantizeLinear" for name in node.output}
    return {node.name for node in nodes if node.op_type in ("Conv", "Mul") and rounded & set(node.input)}


def test_the_ends_that_stay_in_float_are_the_first_and_the_last_with_what_comes_after() -> None:
    fed = [{"x": np.random.default_rng(k).normal(size=(1, 4, 16, 16)).astype(np.float32)} for k in range(4)]
    assert set(NAMES) <= _in_int8(int8_graph(_chain(), fed))
    assert _in_int8(int8_graph(_chain(), fed, 1, 1)) == {"second", "third"}
