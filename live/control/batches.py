"""Many datagrams with one call to the system, where that can be done (Linux: recvmmsg).

Each call gives Python's lock away, and beside a busy thread it takes up to the switch interval to have it back: on two
full cores, one call a message heard 6,000 of 10,000 a second.
"""

import ctypes
import mmap
import socket
import sys
from typing import Any

LARGEST = 65536
MOST = 256
DONT_WAIT = 0x40
"""MSG_DONTWAIT of Linux."""

Datagram = tuple[bytes, tuple[str, int]]
"""And who sent it: host and port."""


class Batches:
    """Reads from one IPv4 socket. Not for several threads."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._call = _call() if opened.family == socket.AF_INET else None
        self._senders: dict[bytes, tuple[str, int]] = {}
        if self._call:
            self._prepare()

    def waiting(self, timeout_s: float) -> list[Datagram]:
        """All that is there, at most about `MOST`; the first is waited for, and none came in time when it is empty."""
        try:
            self._socket.settimeout(timeout_s)
            first = self._socket.recvfrom(LARGEST)
            return [first, *(self._rest() if self._call else self._one_by_one())]
        except (TimeoutError, BlockingIOError, ConnectionError):  # Windows tells that nobody heard an answer
            return []

    def _rest(self) -> list[Datagram]:
        assert self._call is not None
        count = self._call(self._socket.fileno(), self._headers, MOST, DONT_WAIT, None)
        if count <= 0:
            return []
        headers, view, names = self._headers, self._view, self._names.raw
        return [
            (bytes(view[at * LARGEST : at * LARGEST + headers[at].length]), self._sender(names[at * 16 : at * 16 + 8]))
            for at in range(count)
        ]

    def _one_by_one(self) -> list[Datagram]:
        found: list[Datagram] = []
        self._socket.settimeout(0)
        try:
            while len(found) < MOST:
                found.append(self._socket.recvfrom(LARGEST))
        except (BlockingIOError, ConnectionError):
            pass
        return found

    def _sender(self, name: bytes) -> tuple[str, int]:
        """From a sockaddr_in: family, port, address."""
        known = self._senders.get(name)
        if known is None:
            if len(self._senders) > 1024:
                self._senders.clear()
            known = socket.inet_ntoa(name[4:8]), int.from_bytes(name[2:4], "big")
            self._senders[name] = known
        return known

    def _prepare(self) -> None:
        self._room = mmap.mmap(-1, MOST * LARGEST)  # pages that nobody writes to cost nothing
        self._view = memoryview(self._room)
        self._names = ctypes.create_string_buffer(MOST * 16)
        begin = ctypes.addressof(ctypes.c_char.from_buffer(self._room))
        self._parts = (_Part * MOST)(*(_Part(begin + at * LARGEST, LARGEST) for at in range(MOST)))
        name = ctypes.addressof(self._names)
        self._headers = (_Header * MOST)()
        for at, header in enumerate(self._headers):
            header.message.name, header.message.name_length = name + at * 16, 16
            header.message.parts = ctypes.addressof(self._parts) + at * ctypes.sizeof(_Part)
            header.message.part_count = 1


class _Part(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("parts", ctypes.c_void_p),
        ("part_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("message", _Message), ("length", ctypes.c_uint32))


def _call() -> Any:
    """recvmmsg; None where the system has none."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "recvmmsg", None)
