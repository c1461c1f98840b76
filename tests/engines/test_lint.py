"""A graph that would not draw the same picture on every backend is refused when it is exported."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from engines.bundle.lint import check_graph_lint, graph_complaints
from engines.errors import BundleError
from tests.fakes_engines import figure_graph, head, model, picture, recurrent_graph, shared_weights, tail

SIZE = 8


def _graph(nodes: list, channels: int = 3, **weights: np.ndarray) -> bytes:
    shape = (SIZE, SIZE, channels)
    inputs, outputs = [picture("conditioning", shape)], [picture("image", shape)]
    return model(nodes, inputs, outputs, {**shared_weights(), **weights})


def _without(nodes: list, operator: str) -> list:
    """The nodes but one, with its input handed on."""
    gone = next(node for node in nodes if node.op_type == operator)
    kept = [node for node in nodes if node is not gone]
    for node in kept:
        node.input[:] = [gone.input[0] if name == gone.output[0] else name for name in node.input]
    return kept


@pytest.mark.parametrize("graph", [figure_graph(SIZE), figure_graph(SIZE, knob=True), recurrent_graph(SIZE)])
def test_the_form_that_every_backend_agrees_on_passes(graph: bytes) -> None:
    assert graph_complaints(graph) == []


def test_a_uint8_input_that_is_moved_before_it_is_cast_is_refused() -> None:
    nodes = [
        helper.make_node("Transpose", ["conditioning"], ["turned"], perm=[0, 1, 2], name="too_soon"),
        *tail("x", "image"),
    ]
    cast = [*head("turned", "x")]
    told = graph_complaints(_graph([nodes[0], *cast, *nodes[1:]]))
    assert told == [
        "Transpose 'too_soon' makes the uint8 tensor 'turned' inside the graph; cast at the ports only",
        "Transpose 'too_soon' takes the uint8 port 'conditioning'; Cast must come first",
    ]


@pytest.mark.parametrize("operator", ["Round", "Clip"])
def test_a_last_cast_without_round_or_clip_is_refused(operator: str) -> None:
    nodes = _without([*head("conditioning", "x"), *tail("x", "image")], operator)
    assert graph_complaints(_graph(nodes)) == [
        f"there is no {operator} before the Cast to 'image'; backends truncate and wrap differently"
    ]


def test_a_clip_to_other_levels_is_refused() -> None:
    nodes = [*head("conditioning", "x"), *tail("x", "image")]
    (complaint,) = graph_complaints(_graph(nodes, levels_top=np.float32(256)))
    assert "clips to (0.0, 256.0)" in complaint


def test_a_uint8_output_that_is_moved_after_its_cast_is_refused() -> None:
    nodes = [
        *head("conditioning", "x"),
        *tail("x", "early"),
        helper.make_node("Identity", ["early"], ["image"]),
    ]
    told = graph_complaints(_graph(nodes))
    assert "the uint8 output 'image' does not come out of a Cast" in told


def test_a_size_that_is_only_known_when_it_runs_is_refused() -> None:
    nodes = [
        *head("conditioning", "x"),
        helper.make_node("NonZero", ["x"], ["where"], name="data_dependent"),
        helper.make_node("Cast", ["where"], ["where_f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["where_f"], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["y"]),
        *tail("y", "image"),
    ]
    assert any("no fixed shape" in told for told in graph_complaints(_graph(nodes)))


def test_what_is_no_graph_is_said_in_a_sentence() -> None:
    with pytest.raises(BundleError, match=r"ember would not draw the same picture everywhere: it does not load"):
        check_graph_lint(b"\x08\x09nonsense", "ember")
