"""The rules that a graph must keep so that every backend draws the same picture from it, TensorRT included.

TensorRT takes uint8 only at the edges of a graph, and its conversion to uint8 truncates and is undefined outside
0..255; ONNX Runtime's wraps around (256.2 becomes 0). So: cast first, cast last, round and clip before the last cast.
Needs the onnx package, which is a part of training; nothing on stage calls this.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engines.errors import BundleError

if TYPE_CHECKING:
    import onnx

LEVELS = (0.0, 255.0)

# What may stand between Clip and the last Cast, or between Round and Clip: it moves values, and changes none.
_MOVES = ("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Identity", "Slice", "Concat", "Split", "Flatten")
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def check_graph_lint(graph: bytes, label: str) -> None:
    """Raise `BundleError` with every complaint of `graph_complaints` in one sentence."""
    if complaints := graph_complaints(graph):
        raise BundleError(f"{label} would not draw the same picture everywhere: {'; '.join(complaints)}")


def graph_complaints(graph: bytes) -> list[str]:
    """What is wrong with an ONNX graph, each naming its node or tensor; empty when every backend can be trusted."""
    import onnx

    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph), strict_mode=True, data_prop=True)
    except Exception as error:  # protobuf's and onnx's errors have no common base but Exception
        return [f"it does not load ({' '.join(str(error).split())[:300]})"]
    walk = _Walk(model)
    return [*walk.shapes(), *walk.types(), *walk.first_casts(), *walk.last_casts()]


class _Walk:
    """A graph with its tensors' types and the node that makes each."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        import onnx

        self._graph, self._onnx = model.graph, onnx
        weights = {tensor.name for tensor in self._graph.initializer}
        self._inputs = [port for port in self._graph.input if port.name not in weights]
        self._tensors = {info.name: info for info in (*self._inputs, *self._graph.value_info, *self._graph.output)}
        self._maker = {name: node for node in self._graph.node for name in node.output}
        self._weights = {tensor.name: tensor for tensor in self._graph.initializer}
        for node in self._graph.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    self._weights[node.output[0]] = attribute.t

    def shapes(self) -> Iterator[str]:
        """Every tensor has a size known in advance."""
        for name in sorted({name for node in self._graph.node for name in node.output if name}):
            info = self._tensors.get(name)
            known = info is not None and info.type.tensor_type.HasField("shape")
            sizes = [axis.dim_value for axis in info.type.tensor_type.shape.dim] if info and known else []
            if not known or any(size <= 0 for size in sizes):
                yield f"{name!r} has no fixed shape; export with fixed sizes"
                return  # one unknown size makes all behind it unknown

    def types(self) -> Iterator[str]:
        """No uint8 but at the ports. Between a quantizing and a dequantizing node it is no picture."""
        ports = {port.name for port in (*self._inputs, *self._graph.output)}
        for node in self._graph.node:
            for name in node.output:
                if name in ports or node.op_type in _QUANTIZERS or node.op_type == "Constant":
                    continue
                if name in self._tensors and self._is_uint8(name):
                    yield f"{_called(node)} makes the uint8 tensor {name!r} inside the graph; cast at the ports only"

    def first_casts(self) -> Iterator[str]:
        """A uint8 port goes into Cast and nowhere else."""
        for port in (*self._inputs, *self._graph.output):
            if not self._is_uint8(port.name):
                continue
            for node in self._graph.node:
                if port.name in node.input and node.op_type != "Cast":
                    yield f"{_called(node)} takes the uint8 port {port.name!r}; Cast must come first"

    def last_casts(self) -> Iterator[str]:
        """A uint8 output comes out of Cast, behind Round and Clip to 0..255."""
        for port in self._graph.output:
            if not self._is_uint8(port.name):
                continue
            cast = self._maker.get(port.name)
            if cast is None or cast.op_type != "Cast":
                yield f"the uint8 output {port.name!r} does not come out of a Cast"
                continue
            yield from self._before_last_cast(cast, port.name)

    def _before_last_cast(self, cast: "onnx.NodeProto", port: str) -> Iterator[str]:
        """Round and Clip, in either order, since both ends are whole numbers."""
        found = []
        node = self._maker.get(cast.input[0])
        while node is not None and node.op_type in ("Round", "Clip", *_MOVES):
            found.append(node.op_type)
            if node.op_type == "Clip" and self._limits(node) != LEVELS:
                yield f"{_called(node)} before {port!r} clips to {self._limits(node)}, expected {LEVELS}"
            node = self._maker.get(node.input[0])
        for wanted in ("Round", "Clip"):
            if wanted not in found:
                yield f"there is no {wanted} before the Cast to {port!r}; backends truncate and wrap differently"

    def _limits(self, clip: "onnx.NodeProto") -> tuple[float, ...]:
        names = [*clip.input[1:3]]
        made = [self._weights.get(name) for name in names]
        return tuple(float(self._onnx.numpy_helper.to_array(limit)) for limit in made if limit is not None)

    def _is_uint8(self, name: str) -> bool:
        return self._tensors[name].type.tensor_type.elem_type == self._onnx.TensorProto.UINT8


def _called(node: "onnx.NodeProto") -> str:
    return f"{node.op_type} {node.name!r}" if node.name else node.op_type
