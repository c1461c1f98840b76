"""Input normalization written into a TFLite file, without a TFLite library.

A TFLite file is one flatbuffer: tables whose offsets only ever point forward. So nothing of the old file has to be
parsed or moved: a new root table is put in front of it, which points into the untouched old bytes for everything but
the two vectors that grow. Layout: https://flatbuffers.dev/internals/ ; tables: tensorflow/lite/schema/schema.fbs and
metadata_schema.fbs of TFLite support, whose field numbers are named below.
"""

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

# Tensor data is aligned to 16 bytes in these files; a front of whole cache lines keeps it so.
ALIGNMENT = 64


@dataclass(frozen=True)
class Table:
    """Fields by number; a field is a scalar (int) or something that stands elsewhere."""

    fields: dict[int, "int | Target"]


@dataclass(frozen=True)
class Vector:
    """Offsets to tables."""

    items: Sequence["Target"]


@dataclass(frozen=True)
class Raw:
    """A vector of plain values: `count` elements, packed; a flatbuffer string is one with a closing zero."""

    count: int
    data: bytes


@dataclass(frozen=True)
class Old:
    """A place in the bytes that follow the front."""

    position: int


Target = Table | Vector | Raw | Old


def floats(*values: float) -> Raw:
    return Raw(len(values), struct.pack(f"<{len(values)}f", *values))


def text(value: str) -> Raw:
    return Raw(len(value.encode()), value.encode() + b"\0")


def flatbuffer(root: Table, identifier: bytes, old: bytes = b"") -> bytes:
    """A whole flatbuffer: `root` and what hangs on it, then `old`, which `Old` targets point into."""
    data = bytearray(4) + identifier
    waiting: deque[tuple[int, Target]] = deque([(0, root)])
    into_old: list[tuple[int, Old]] = []
    while waiting:
        at, target = waiting.popleft()
        if isinstance(target, Old):
            into_old.append((at, target))
            continue
        data += bytes(-len(data) % 16)  # raw bytes too: the metadata is itself a flatbuffer
        position = _append(data, target, waiting)
        struct.pack_into("<I", data, at, position - at)
    data += bytes(-len(data) % ALIGNMENT)
    for at, place in into_old:
        struct.pack_into("<I", data, at, len(data) + place.position - at)
    return bytes(data) + old


def _append(data: bytearray, target: Table | Vector | Raw, waiting: deque[tuple[int, Target]]) -> int:
    """Write `target` without what hangs on it, which joins `waiting`; returns where it begins."""
    if isinstance(target, Raw):
        # The length stands before the values, and the values are what must be aligned.
        data += bytes(12) + struct.pack("<I", target.count) + target.data
        return len(data) - len(target.data) - 4
    if isinstance(target, Vector):
        position = len(data)
        data += struct.pack(f"<{len(target.items) + 1}I", len(target.items), *[0] * len(target.items))
        waiting.extend((position + 4 * (i + 1), item) for i, item in enumerate(target.items))
        return position
    slots = max(target.fields) + 1
    places = [4 * (1 + list(target.fields).index(slot)) if slot in target.fields else 0 for slot in range(slots)]
    vtable = struct.pack(f"<{2 + slots}H", 4 + 2 * slots, 4 + 4 * len(target.fields), *places)
    vtable += bytes(-len(vtable) % 4)
    position = len(data) + len(vtable)
    data += vtable + struct.pack("<i", len(vtable))
    for value in target.fields.values():
        if not isinstance(value, int):
            waiting.append((len(data), value))
        # Little-endian: the low byte of four is also where a one-byte scalar is read.
        data += struct.pack("<I", value if isinstance(value, int) else 0)
    return position


def with_normalization(model: bytes, mean: float, std: float, outputs: int) -> bytes:
    """`model` with the metadata MediaPipe Tasks asks for: its one RGB input is scaled to (x - mean) / std.

    `outputs` is the number of output tensors, each of which gets an entry.
    """
    metadata = flatbuffer(_metadata(mean, std, outputs), b"M001")
    root = _Reader(model)
    buffers: list[Target] = [*root.vector(4), Table({0: Raw(len(metadata), metadata)})]
    entry = Table({0: text("TFLITE_METADATA"), 1: len(buffers) - 1})
    kept = {slot: root.target(slot) for slot in (1, 2, 3, 7) if root.has(slot)}
    fields: dict[int, int | Target] = {0: root.number(0), **kept}
    fields |= {4: Vector(buffers), 6: Vector([*root.vector(6), entry])}
    return flatbuffer(Table(fields), b"TFL3", model)


def _metadata(mean: float, std: float, outputs: int) -> Table:
    image_rgb = Table({0: 2, 1: Table({0: 1})})  # Content: ImageProperties, color space RGB
    normalization = Table({0: 1, 1: Table({0: floats(mean), 1: floats(std)})})  # ProcessUnit: NormalizationOptions
    image = Table({0: text("image"), 3: image_rgb, 4: Vector([normalization])})
    tensors = [Table({0: text(f"output_{number}")}) for number in range(outputs)]
    subgraph = Table({2: Vector([image]), 3: Vector(tensors)})
    return Table({0: text("pose landmarks"), 3: Vector([subgraph])})


class _Reader:
    """The fields of a flatbuffer's root table."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.table = self._u32(0)
        self.vtable = self.table - struct.unpack_from("<i", data, self.table)[0]
        self.slots = (struct.unpack_from("<H", data, self.vtable)[0] - 4) // 2

    def has(self, slot: int) -> bool:
        return self._field(slot) != 0

    def number(self, slot: int) -> int:
        at = self._field(slot)
        return self._u32(at) if at else 0

    def target(self, slot: int) -> Old:
        at = self._field(slot)
        return Old(at + self._u32(at))

    def vector(self, slot: int) -> list[Old]:
        if not self.has(slot):
            return []
        start = self.target(slot).position
        elements = range(start + 4, start + 4 + 4 * self._u32(start), 4)
        return [Old(at + self._u32(at)) for at in elements]

    def _field(self, slot: int) -> int:
        if slot >= self.slots:
            return 0
        place = struct.unpack_from("<H", self.data, self.vtable + 4 + 2 * slot)[0]
        return self.table + place if place else 0

    def _u32(self, at: int) -> int:
        return struct.unpack_from("<I", self.data, at)[0]
