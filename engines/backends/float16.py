"""The float16 graph, derived from the float32 reference: TensorRT knows precision only as a property of the graph.

Only operators that are known to bear it are narrowed. What sums over many values or raises them (softmax, norms,
reductions), and the arithmetic at both ports, stays float32: it costs little, and levels of 255 need all ten bits.
Needs the onnx package, which the graphics extras bring along; nothing else on stage calls this.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import EngineError

if TYPE_CHECKING:
    import onnx

VERSION = "1"
"""Part of every key under which a derived graph or a plan of one is kept: raise it when this file changes its mind."""

LARGEST = 65504.0

_NARROWED = """
    Conv ConvTranspose BatchNormalization Gemm MatMul Add Sub Mul Div Neg Abs Min Max Relu LeakyRelu PRelu Elu Clip
    HardSigmoid HardSwish Sigmoid Tanh Concat Split Slice Pad Resize Reshape Transpose Squeeze Unsqueeze Flatten
    Identity DepthToSpace SpaceToDepth MaxPool AveragePool Expand Gather Where
"""
NARROWED = frozenset(_NARROWED.split())

# What may stand between a port and the first operator that does real work: it stays wide, as the port is.
_LIGHT = """
    Cast Add Sub Mul Div Neg Clip Round Tanh Sigmoid Concat Split Slice Reshape Transpose Squeeze Unsqueeze Flatten
    Identity
"""
LIGHT = frozenset(_LIGHT.split())

_WIDE_INPUTS = {"Resize": (1, 2)}  # region and scales are float32 whatever the picture is


def float16_graph(graph: bytes, label: str) -> bytes:
    """`graph` with its inner arithmetic in float16; ports, names and shapes are as before. Raises `EngineError`."""
    try:
        import onnx
    except ImportError as error:
        raise EngineError(f"{label}: deriving float16 needs onnx, which is missing; pip install onnx") from error

    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph), strict_mode=True, data_prop=True)
    except Exception as error:  # protobuf's and onnx's errors have no common base but Exception
        raise EngineError(f"{label}: no float16 graph can be derived ({' '.join(str(error).split())[:200]})") from error
    return _Narrowing(model, label).made().SerializeToString()


class _Narrowing:
    """A walk over the nodes that decides which are narrow, and puts a Cast wherever width changes."""

    def __init__(self, model: "onnx.ModelProto", label: str) -> None:
        import onnx

        self._onnx, self._model, self._graph, self._label = onnx, model, model.graph, label
        self._float, self._half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
        infos = (*self._graph.input, *self._graph.value_info, *self._graph.output)
        self._types = {info.name: info.type.tensor_type.elem_type for info in infos}
        self._weights = {tensor.name: tensor for tensor in self._graph.initializer}
        self._gather_constants()
        self._types.update({name: tensor.data_type for name, tensor in self._weights.items()})
        self._narrow: set[str] = set()  # tensors that are float16 now
        self._made: dict[str, str] = {}  # tensor -> the same in the other width
        self._new: list[onnx.NodeProto] = []
        self._wide = self._wide_nodes()

    def made(self) -> "onnx.ModelProto":
        kept = [node for node in self._graph.node if not self._is_constant(node)]
        for number, node in enumerate(kept):
            self._place(node, number not in self._wide and node.op_type in NARROWED)
        used = {name for node in self._new for name in node.input}
        tensors = [tensor for name, tensor in self._weights.items() if name in used]
        for field, content in ((self._graph.node, self._new), (self._graph.initializer, tensors)):
            del field[:]
            field.extend(content)
        del self._graph.value_info[:]  # it tells the widths of before
        return self._model

    def _place(self, node: "onnx.NodeProto", narrow: bool) -> None:
        fixed = _WIDE_INPUTS.get(node.op_type, ()) if narrow else ()
        for position, name in enumerate(node.input):
            if name and self._types.get(name) == self._float:
                node.input[position] = self._in_width(name, narrow and position not in fixed)
        self._new.append(node)
        if narrow:
            self._narrow.update(name for name in node.output if self._types.get(name) == self._float)

    def _in_width(self, name: str, narrow: bool) -> str:
        """`name`, or the name of the same values in the width asked for."""
        if (name in self._narrow) == narrow:
            return name
        if name in self._made:
            return self._made[name]
        other = self._made[name] = f"{name}__{'f16' if narrow else 'f32'}"
        if name in self._weights:
            self._weights[other] = self._narrowed(self._weights[name], other)
        else:
            to = self._half if narrow else self._float
            self._new.append(self._onnx.helper.make_node("Cast", [name], [other], name=f"Cast_{other}", to=to))
        return other

    def _narrowed(self, tensor: "onnx.TensorProto", name: str) -> "onnx.TensorProto":
        values = self._onnx.numpy_helper.to_array(tensor)
        if not np.isfinite(values).all() or np.abs(values).max(initial=0) > LARGEST:
            raise EngineError(f"{self._label}: {tensor.name!r} holds values beyond {LARGEST:g}; play it in f32")
        return self._onnx.numpy_helper.from_array(values.astype(np.float16), name)

    def _wide_nodes(self) -> set[int]:
        """What makes an output, and the light arithmetic between the ports and the operators that do real work."""
        nodes = [node for node in self._graph.node if not self._is_constant(node)]
        ports_in = {port.name for port in self._graph.input}
        ports_out = {port.name for port in self._graph.output}
        makers = {number for number, node in enumerate(nodes) if ports_out & set(node.output)}
        behind = self._stretch(nodes[::-1], ports_out, "output", "input", last=len(nodes) - 1)
        return makers | set(behind) | set(self._stretch(nodes, ports_in, "input", "output"))

    def _stretch(
        self, nodes: list["onnx.NodeProto"], reached: set[str], near: str, far: str, last: int | None = None
    ) -> Iterator[int]:
        """Numbers of the light nodes whose every tensor on the `near` side leads to a port over light nodes alone."""
        reached = set(reached)
        for number, node in enumerate(nodes):
            names = [name for name in getattr(node, near) if name and name not in self._weights]
            if node.op_type in LIGHT and names and all(name in reached for name in names):
                reached.update(name for name in getattr(node, far) if name)
                yield number if last is None else last - number

    def _is_constant(self, node: "onnx.NodeProto") -> bool:
        return node.op_type == "Constant" and node.output[0] in self._weights

    def _gather_constants(self) -> None:
        """Constants are weights by another name."""
        for node in self._graph.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    tensor = self._onnx.TensorProto()
                    tensor.CopyFrom(attribute.t)
                    tensor.name = node.output[0]
                    self._weights[tensor.name] = tensor
