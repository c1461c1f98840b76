"""What an ONNX file declares, read by a walk over its bytes: no ONNX package on stage, and no runtime yet involved.

Only what must be known before a stranger's graph is handed to a runtime: its ports, how many nodes of which operators
and domains, and whether it reaches for files outside. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from engines.bundle.manifest import Manifest, Port
from engines.errors import BundleError

NODE_LIMIT = 20_000
NESTING_LIMIT = 8
DOMAINS = ("", "ai.onnx")

# Operators that could run for ever, or that reach out of the graph. A generator is a straight line of arithmetic.
REFUSED_OPERATORS = ("If", "Loop", "Scan", "SequenceMap", "ImageDecoder", "StringNormalizer", "RegexFullMatch")

_DTYPES = {1: "float32", 2: "uint8"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass
class Outline:
    """What a graph declares: ports as (name, dtype, shape), where an axis without a fixed size is 0."""

    inputs: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)
    outputs: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)
    weights: set[str] = field(default_factory=set)
    operators: Counter[str] = field(default_factory=Counter)
    domains: set[str] = field(default_factory=set)
    external: bool = False
    functions: bool = False


def check_graph(data: bytes, manifest: Manifest, label: str) -> None:
    """Refuse a graph that is not plain arithmetic with exactly the manifest's ports. Raises `BundleError`."""
    graph = outlined(data, label)
    if graph.external:
        raise BundleError(f"{label} keeps its weights in another file; export it with the weights inside")
    if graph.functions or not graph.domains <= set(DOMAINS):
        strange = ", ".join(sorted(graph.domains - set(DOMAINS))) or "functions of its own"
        raise BundleError(f"{label} needs operators from elsewhere ({strange}); only ONNX's own are run")
    if refused := set(graph.operators) & set(REFUSED_OPERATORS):
        raise BundleError(f"{label} uses {min(refused)}, which a generator has no use for; it is not run")
    if (count := graph.operators.total()) > NODE_LIMIT:
        raise BundleError(f"{label} has {count} nodes; at most {NODE_LIMIT} are run")
    inputs = [port for port in graph.inputs if port[0] not in graph.weights]
    _check_ports("input", inputs, manifest.inputs, label)
    _check_ports("output", graph.outputs, manifest.outputs, label)


def outlined(data: bytes, label: str) -> Outline:
    """The outline of an ONNX model. Raises `BundleError` when the bytes are none."""
    outline = Outline()
    try:
        graphs = 0
        for number, value in _fields(memoryview(data)):
            if number == 7:
                graphs += 1
                _walk_graph(_bytes(value), outline, 0)
            elif number == 8:
                outline.domains.add(_texts(_bytes(value)).get(1, ""))
            elif number in (20, 25):
                outline.functions = True
    except (ValueError, UnicodeDecodeError) as error:
        raise BundleError(f"{label} is no ONNX graph ({error}); export the bundle again") from error
    if graphs != 1:
        raise BundleError(f"{label} is no ONNX graph (it holds {graphs} graphs); export the bundle again")
    return outline


def _check_ports(side: str, found: list[tuple[str, str, tuple[int, ...]]], ports: tuple[Port, ...], label: str) -> None:
    graph = {name: f"{dtype} {shape}" for name, dtype, shape in found}
    told = {port.name: f"{port.dtype} {port.shape}" for port in ports}
    for name in sorted(set(graph) | set(told)):
        if graph.get(name) != told.get(name):
            raise BundleError(
                f"{label}: {side} {name!r} is {graph.get(name, 'absent')} in the graph and {told.get(name, 'absent')} "
                "in the manifest; export the bundle again"
            )


def _walk_graph(data: memoryview, outline: Outline, depth: int) -> None:
    if depth > NESTING_LIMIT:
        raise ValueError("graphs nested too deep")
    for number, value in _fields(data):
        if number == 1:
            _walk_node(_bytes(value), outline, depth)
        elif number == 5:
            name = _walk_tensor(_bytes(value), outline)
            if depth == 0:
                outline.weights.add(name)
        elif number == 15:
            raise ValueError("sparse weights")
        elif number in (11, 12) and depth == 0:
            (outline.inputs if number == 11 else outline.outputs).append(_port(_bytes(value)))


def _walk_node(data: memoryview, outline: Outline, depth: int) -> None:
    operator, domain = "", ""
    for number, value in _fields(data):
        if number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            _walk_attribute(_bytes(value), outline, depth)
    outline.operators[operator] += 1
    outline.domains.add(domain)


def _walk_attribute(data: memoryview, outline: Outline, depth: int) -> None:
    for number, value in _fields(data):
        if number in (5, 10):
            _walk_tensor(_bytes(value), outline)
        elif number in (6, 11):
            _walk_graph(_bytes(value), outline, depth + 1)


def _walk_tensor(data: memoryview, outline: Outline) -> str:
    name = ""
    for number, value in _fields(data):
        if number == 8:
            name = _text(value)
        elif number == 13 or (number == 14 and value != 0):
            outline.external = True
    return name


def _port(data: memoryview) -> tuple[str, str, tuple[int, ...]]:
    name, dtype = "", "of no type"
    shape: tuple[int, ...] = ()
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for kind, tensor in _fields(_bytes(value)):
                if kind == 1:
                    dtype, shape = _tensor_type(_bytes(tensor))
    return name, dtype, shape


def _tensor_type(data: memoryview) -> tuple[str, tuple[int, ...]]:
    dtype, shape = "of no type", []
    for number, value in _fields(data):
        if number == 1:
            dtype = _DTYPES.get(int(value) if isinstance(value, int) else 0, f"of ONNX type {value}")
        elif number == 2:
            for axis, dimension in _fields(_bytes(value)):
                if axis == 1:
                    sizes = [size for which, size in _fields(_bytes(dimension)) if which == 1]
                    shape.append(sizes[0] if sizes and isinstance(sizes[0], int) else 0)
    return dtype, tuple(shape)


def _texts(data: memoryview) -> dict[int, str]:
    return {number: _text(value) for number, value in _fields(data) if not isinstance(value, int)}


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode()


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The (field number, value) pairs of one protobuf message; packed and fixed-size fields come as bytes."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        if at + size > end:
            raise ValueError(f"it ends in the middle of a field, {at + size - end} bytes short")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("it ends in the middle of a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number without end at byte {at}")
