"""OSC over UDP: one receive loop of our own, and a sender for what the show tells the world.

The library's threading server starts a thread a packet and loses messages from 2,000 a second (MEASURED.md, E).
"""

import errno
import logging
import socket
import struct
import time
from dataclasses import dataclass

from pythonosc.osc_message_builder import OscMessageBuilder

from engines.errors import Unavailable
from engines.pose.landmarks import Joint, Landmarks
from live.control.datagrams import BUNDLE, Malformed, messages
from live.control.desk import Desk
from live.pacing import Clock

log = logging.getLogger(__name__)

LARGEST = 65536
COMPLAIN_EVERY_S = 1.0


@dataclass(frozen=True)
class OscCounts:
    """What came in since the start."""

    datagrams: int = 0
    malformed: int = 0
    ignored: int = 0


class OscReceiver:
    """Reads datagrams into the desk; a part that a guarded stage steps. Raises `Unavailable` when the port is taken.

    What is not understood is counted, and at most once a second logged and answered on `/error`.
    """

    def __init__(
        self, desk: Desk, host: str, port: int, out: "OscSender | None" = None, now: Clock = time.monotonic
    ) -> None:
        self._desk, self._out, self._now = desk, out, now
        self._complained_s = float("-inf")
        self.counts = OscCounts()
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]

    def step(self, timeout_s: float = 0.1) -> bool:
        """Take one datagram, waiting at most `timeout_s`; False when none came."""
        self._socket.settimeout(timeout_s)
        try:
            datagram, sender = self._socket.recvfrom(LARGEST)
        except (TimeoutError, ConnectionError):  # Windows tells a receiver that nobody heard its last answer
            return False
        self.receive(datagram, f"{sender[0]}:{sender[1]}")
        return True

    def receive(self, datagram: bytes, sender: str) -> None:
        counts = self.counts
        try:
            refused = self._desk.receive(messages(datagram), self._now())
            malformed = 0
        except Malformed as error:
            refused, malformed = [f"a datagram of {len(datagram)} bytes: {error}"], 1
        ignored = 0 if malformed else len(refused)
        self.counts = OscCounts(counts.datagrams + 1, counts.malformed + malformed, counts.ignored + ignored)
        if refused:
            self._complain(f"{sender}: {refused[0]}")

    def _complain(self, sentence: str) -> None:
        now_s = self._now()
        if now_s - self._complained_s < COMPLAIN_EVERY_S:
            return
        self._complained_s = now_s
        log.info("OSC: %s", sentence)
        if self._out:
            self._out.send("/error", f"osc: {sentence}")

    def close(self) -> None:
        self._socket.close()


class OscSender:
    """Tells one address what the show does. Never blocks and never fails: nobody listening is no fault of the show."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._to = (host, port)

    def send(self, address: str, *arguments: float | str) -> None:
        """Numbers leave as float32, the only kind that an OSC In CHOP takes without warning."""
        message = OscMessageBuilder(address)
        for argument in arguments:
            message.add_arg(argument if isinstance(argument, str) else float(argument))
        self._send(message.build().dgram)

    def send_landmarks(self, landmarks: Landmarks) -> None:
        """One bundle, one address a landmark: `/pose/left_wrist x y z visibility`."""
        self._send(landmark_bundle(landmarks))

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.sendto(datagram, self._to)
        except OSError as error:
            log.debug("OSC out to %s: %s", self._to, error)

    def close(self) -> None:
        self._socket.close()


def _padded(text: str) -> bytes:
    data = text.encode()
    return data + b"\0" * (4 - len(data) % 4)


_HEADS = [_padded(f"/pose/{joint.name.lower()}") + _padded(",ffff") for joint in Joint]
_IMMEDIATELY = struct.pack(">Q", 1)


def landmark_bundle(landmarks: Landmarks) -> bytes:
    """(33, 4) as one OSC bundle. Written by hand: at camera rate the library's builder would cost a core 3 %."""
    rows = landmarks.astype(">f4")
    elements = (head + row.tobytes() for head, row in zip(_HEADS, rows, strict=True))
    return BUNDLE + _IMMEDIATELY + b"".join(struct.pack(">i", len(element)) + element for element in elements)


def _bound(host: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise Unavailable(_why_not(error, host, port)) from error
    return opened


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"OSC port {port} on {host} is taken by another program (perhaps another understudy): "
            "close it, or choose another port with --osc-in"
        )
    if isinstance(error, PermissionError):
        return f"OSC port {port} may not be opened by this user: choose one above 1023 with --osc-in"
    return f"OSC cannot listen on {host}:{port} ({error.strerror or error}): choose an address of this machine"
