"""OSC messages and bundles as bytes. Numbers leave as float32, the only kind that an OSC In CHOP takes without warning.

Written by hand: at camera rate the library's builder would cost 3 % of a core for the landmarks alone.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from engines.pose.landmarks import Joint, Landmarks
from live.control.datagrams import BUNDLE

IMMEDIATELY = struct.pack(">Q", 1)
LARGEST_BUNDLE = 8192
"""Some receivers read no more than this of a datagram."""


def message(address: str, arguments: Sequence[Any] = ()) -> bytes:
    """One message; text stays text, everything else is a float."""
    tags, data = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags, data = tags + "s", data + padded(argument)
        else:
            tags, data = tags + "f", data + struct.pack(">f", float(argument))
    return padded(address) + padded(tags) + data


def bundles(messages: Iterable[tuple[str, Sequence[Any]]]) -> list[bytes]:
    """All messages in as few bundles as they fit into."""
    made, size = [], LARGEST_BUNDLE + 1
    for address, arguments in messages:
        element = message(address, arguments)
        if size + len(element) + 4 > LARGEST_BUNDLE:
            made.append([BUNDLE, IMMEDIATELY])
            size = 16
        made[-1] += [struct.pack(">i", len(element)), element]
        size += len(element) + 4
    return [b"".join(parts) for parts in made]


def padded(text: str) -> bytes:
    data = text.replace("\0", "").encode()
    return data + b"\0" * (4 - len(data) % 4)


def _heads(prefix: str) -> list[bytes]:
    return [padded(f"{prefix}{joint.name.lower()}") + padded(",ffff") for joint in Joint]


_OUT, _IN = _heads("/pose/"), _heads("/pose/in/")


def landmark_bundle(landmarks: Landmarks, is_for_show: bool = False) -> bytes:
    """(33, 4) as one bundle, an address a landmark; `is_for_show` at those that another understudy dances to."""
    rows = np.asarray(landmarks).astype(">f4")
    elements = (head + row.tobytes() for head, row in zip(_IN if is_for_show else _OUT, rows, strict=True))
    return BUNDLE + IMMEDIATELY + b"".join(struct.pack(">i", len(element)) + element for element in elements)
