"""From the bytes of a UDP datagram to OSC messages, checked before python-osc parses them.

python-osc 1.10.2 loops for ever on a bundle element of size -4, recurses on nested bundles until Python gives up,
sleeps until a bundle's time tag, and reads missing arguments as zeros. So every datagram is walked here first: sizes
positive, multiples of four and inside the packet, depth and count bounded, every argument present. Time tags are
ignored.
OSC 1.0: https://opensoundcontrol.stanford.edu/spec-1_0.html
"""

import struct
from collections.abc import Iterator
from typing import Any

from pythonosc.osc_message import OscMessage, ParseError

BUNDLE = b"#bundle\0"
DEPTH = 8
COUNT = 4096
_SIZES = {"i": 4, "f": 4, "r": 4, "m": 4, "c": 4, "h": 8, "d": 8, "t": 8} | dict.fromkeys("TFNI[]", 0)
# Tags that python-osc does not know or mistreats, as the nearest one with the same bytes.
_NEAREST = str.maketrans({"c": "i", "S": "s", "I": "T", "t": "h"})


class Malformed(ValueError):
    """A datagram that is no OSC packet; the text says what is wrong with it."""


def messages(datagram: bytes) -> list[tuple[str, list[Any]]]:
    """Address and arguments of every message of a datagram, in order. Raises `Malformed`; then none of it counts."""
    found = []
    for packet in _packets(datagram, DEPTH):
        found.append(_message(packet))
        if len(found) > COUNT:
            raise Malformed(f"more than {COUNT} messages in one datagram")
    return found


def _packets(packet: bytes, depth: int) -> Iterator[bytes]:
    if not packet.startswith(BUNDLE):
        yield packet
        return
    if depth == 0:
        raise Malformed(f"bundles nested deeper than {DEPTH}")
    at = len(BUNDLE) + 8
    if len(packet) < at:
        raise Malformed("a bundle without its time tag")
    while at < len(packet):
        if len(packet) < at + 4:
            raise Malformed("a bundle that ends within the size of an element")
        (size,) = struct.unpack_from(">i", packet, at)
        at += 4
        if size <= 0 or size % 4 or at + size > len(packet):
            raise Malformed(f"a bundle element of size {size} where {len(packet) - at} bytes are left")
        yield from _packets(packet[at : at + size], depth - 1)
        at += size


def _message(packet: bytes) -> tuple[str, list[Any]]:
    if not packet.startswith(b"/"):
        raise Malformed("an address that does not start with /")
    at = _after_string(packet, 0)
    address = packet[:at].rstrip(b"\0")
    if at == len(packet):
        return _text(address), []
    end = _after_string(packet, at)
    tags = _text(packet[at:end].rstrip(b"\0"))
    if not tags.startswith(","):
        raise Malformed("type tags that do not start with a comma")
    _check_arguments(packet, end, tags[1:])
    nearest = tags.translate(_NEAREST).encode()
    try:
        parsed = OscMessage(packet[:at] + nearest.ljust(end - at, b"\0") + packet[end:])
    except (ParseError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from error
    return parsed.address, parsed.params


def _check_arguments(packet: bytes, at: int, tags: str) -> None:
    for tag in tags:
        if tag in "sS":
            at = _after_string(packet, at)
        elif tag == "b":
            at = _after_blob(packet, at)
        elif tag in _SIZES:
            at += _SIZES[tag]
        else:
            raise Malformed(f"the unknown type tag {tag!r}")
        if at > len(packet):
            raise Malformed(f"an argument {tag!r} that is cut off")


def _after_string(packet: bytes, at: int) -> int:
    end = packet.find(b"\0", at)
    if end < 0:
        raise Malformed("a string without its end")
    after = (end // 4 + 1) * 4
    if after > len(packet):
        raise Malformed("a string that is not padded to four bytes")
    return after


def _after_blob(packet: bytes, at: int) -> int:
    if at + 4 > len(packet):
        raise Malformed("a blob without its size")
    (size,) = struct.unpack_from(">i", packet, at)
    if size < 0:
        raise Malformed(f"a blob of size {size}")
    return at + 4 + (size + 3) // 4 * 4


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("text that is not UTF-8") from error
