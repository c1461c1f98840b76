"""OSC over UDP: one receive loop of our own, and a sender for what the show tells the world.

The library's threading server starts a thread a packet and loses messages from 2,000 a second (MEASURED.md, E).
"""

import errno
import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engines.devices import udp_port
from engines.errors import ConfigError, Unavailable
from engines.pose.landmarks import Landmarks
from live.control.datagrams import Malformed, messages
from live.control.desk import Desk, Message
from live.control.encoding import bundles, landmark_bundle, message
from live.control.parameters import last_of, number_of
from live.control.pose_in import PREFIX, PoseIn
from live.pacing import Clock

log = logging.getLogger(__name__)

LARGEST = 65536
AT_ONCE = 64
"""Datagrams read before it is looked whether to stop; more would be only later."""

COMPLAIN_EVERY_S = 1.0
SUBSCRIBERS = 16

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Host = tuple[str, int]
Listener = Callable[[Sequence[Message], str], None]
"""Messages and the sender who knows them already."""


def networks(allowed: Iterable[str]) -> tuple[Network, ...]:
    """Addresses (192.168.1.20) and networks (192.168.1.0/24) that may send. Raises `ConfigError`."""
    found = []
    for each in allowed:
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError as error:
            raise ConfigError(
                f"osc_allow: {each!r} is no address; write for example 192.168.1.20 or 192.168.1.0/24"
            ) from error
    return tuple(found)


def is_allowed(host: str, allowed: Sequence[Network]) -> bool:
    """This machine always is."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or any(address in network for network in allowed)


@dataclass(frozen=True)
class OscCounts:
    """What came in since the start."""

    datagrams: int = 0
    messages: int = 0
    malformed: int = 0
    ignored: int = 0
    foreign: int = 0
    """From senders that are not allowed."""


class OscReceiver:
    """Reads datagrams into the desk; a part that a guarded stage steps. Raises `Unavailable` when the port is taken.

    What is not understood is counted, and at most once a second logged and answered on `/error`.
    """

    def __init__(
        self,
        desk: Desk,
        host: str,
        port: int,
        out: "OscSender | None" = None,
        now: Clock = time.perf_counter,
        allowed: Sequence[Network] = (),
        pose_in: PoseIn | None = None,
    ) -> None:
        self._desk, self._out, self._now, self._allowed = desk, out, now, allowed
        self._pose_in = pose_in or PoseIn()
        self._prefix = desk.prefix
        self._complained_s = float("-inf")
        self._known: dict[str, bool] = {}
        self._counts = dict.fromkeys(("datagrams", "messages", "malformed", "ignored", "foreign"), 0)
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._asked = {
            "/subscribe": self._subscribe,
            "/unsubscribe": self._unsubscribe,
            "/ping": self._ping,
            "/dump": self._dump,
        }

    @property
    def counts(self) -> OscCounts:
        return OscCounts(**self._counts)

    def step(self, timeout_s: float = 0.1) -> bool:
        """Take what is there, waiting at most `timeout_s`; False when nothing came."""
        self._socket.settimeout(timeout_s)
        for taken in range(AT_ONCE):
            try:
                datagram, sender = self._socket.recvfrom(LARGEST)
            except (TimeoutError, BlockingIOError, ConnectionError):  # Windows tells that nobody heard an answer
                return taken > 0
            self.receive(datagram, sender)
            if taken == 0:
                self._socket.settimeout(0)
        return True

    def receive(self, datagram: bytes, sender: Any) -> None:
        """One datagram of `sender`, (host, port)."""
        counts, host = self._counts, (str(sender[0]), int(sender[1]))
        counts["datagrams"] += 1
        if not self._may_send(host[0]):
            counts["foreign"] += 1
            self._complain(f"{host[0]} is not allowed to send; start with --osc-allow {host[0]} to let it in", None)
            return
        try:
            found = messages(datagram)
        except Malformed as error:
            counts["malformed"] += 1
            self._complain(f"{host[0]}:{host[1]}: a datagram of {len(datagram)} bytes: {error}", host)
            return
        if self._prefix:
            found = [(address.removeprefix(self._prefix), arguments) for address, arguments in found]
        refused = self._take(found, host)
        counts["messages"] += len(found)
        if refused:
            counts["ignored"] += len(refused)
            self._complain(f"{host[0]}:{host[1]}: {refused[0]}", host)

    def _take(self, found: Sequence[Message], sender: Host) -> list[str]:
        now_s = self._now()
        if len(found) == 1 and not found[0][0].startswith("/pose/in/") and found[0][0] not in self._asked:
            return self._desk.receive(found, now_s, f"{sender[0]}:{sender[1]}")
        asked = [each for each in found if each[0] in self._asked]
        poses = [each for each in found if each[0].startswith(PREFIX)]
        others = [each for each in found if each[0] not in self._asked and not each[0].startswith(PREFIX)]
        refused = [why for address, arguments in asked if (why := self._asked[address](arguments, sender))]
        if poses:
            refused += self._pose_in.receive(poses, now_s)
        if others:
            refused += self._desk.receive(others, now_s, f"{sender[0]}:{sender[1]}")
        return refused

    def _may_send(self, host: str) -> bool:
        known = self._known.get(host)
        if known is None:
            if len(self._known) > 1024:
                self._known.clear()
            known = self._known[host] = is_allowed(host, self._allowed)
        return known

    def _subscribe(self, arguments: Sequence[Any], sender: Host) -> str | None:
        port = _port(arguments)
        if port is None or self._out is None:
            return f"/subscribe {last_of(arguments)}: name the UDP port at which you listen, 1 to 65535"
        self._out.subscribe((sender[0], port), f"{sender[0]}:{sender[1]}")
        self._desk.said.append(("/dump", ()))
        return None

    def _unsubscribe(self, arguments: Sequence[Any], sender: Host) -> str | None:
        if self._out:
            self._out.unsubscribe(sender[0], _port(arguments))
        return None

    def _ping(self, arguments: Sequence[Any], sender: Host) -> str | None:
        plain = [each if isinstance(each, str) else number_of(each) for each in arguments[:8]]
        pong = message("/pong", [each for each in plain if each is not None])
        self._answer(pong, sender)
        if self._out:
            self._out.tell_host(sender[0], pong)
        return None

    def _dump(self, _arguments: Sequence[Any], _sender: Host) -> str | None:
        self._desk.said.append(("/dump", ()))
        return None

    def _answer(self, datagram: bytes, to: Host) -> None:
        try:
            self._socket.sendto(datagram, to)
        except OSError as error:
            log.debug("OSC answer to %s: %s", to, error)

    def _complain(self, sentence: str, sender: Host | None) -> None:
        now_s = self._now()
        if now_s - self._complained_s < COMPLAIN_EVERY_S:
            return
        self._complained_s = now_s
        log.warning("OSC: %s", sentence)
        if self._out:
            self._out.send("/error", f"osc: {sentence}")
        if sender:
            self._answer(message("/error", [f"osc: {sentence}"]), sender)

    def close(self) -> None:
        self._socket.close()


class OscSender:
    """Tells what the show does. Never blocks and never fails: nobody listening is no fault of the show.

    Everything goes to one address, to those who subscribed, and to `listeners` in this process; numbers as float32.
    """

    def __init__(self, host: str, port: int, pose_to: Host | None = None) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._to, self._pose_to = (host, port), pose_to
        self._subscribers: dict[Host, str] = {}
        self.listeners: list[Listener] = []

    @property
    def subscribers(self) -> list[Host]:
        return list(self._subscribers)

    def subscribe(self, host: Host, control: str = "") -> None:
        """`control` is the socket from which this listener turns controls; of too many the oldest leaves."""
        others = {each: name for each, name in self._subscribers.items() if each != host}
        self._subscribers = dict([*others.items(), (host, control)][-SUBSCRIBERS:])

    def unsubscribe(self, host: str, port: int | None) -> None:
        """This port of a host, or all of them."""
        self._subscribers = {
            each: name for each, name in self._subscribers.items() if each[0] != host or port not in (None, each[1])
        }

    def send(self, address: str, *arguments: float | str) -> None:
        self.send_many([(address, arguments)])

    def send_many(self, found: Sequence[Message], known_to: str = "") -> None:
        """Messages as one bundle (one alone as itself), to all but the sender who knows them already."""
        if not found:
            return
        datagrams = [message(*found[0])] if len(found) == 1 else bundles(found)
        for to, control in [(self._to, ""), *self._subscribers.items()]:
            if not known_to or control != known_to:
                for datagram in datagrams:
                    self._send(datagram, to)
        for listener in self.listeners:
            listener(found, known_to)

    def send_landmarks(self, landmarks: Landmarks) -> None:
        """One bundle, one address a landmark: `/pose/left_wrist x y z visibility`."""
        datagram = landmark_bundle(landmarks)
        for to in (self._to, *self._subscribers):
            self._send(datagram, to)
        if self._pose_to:
            self._send(landmark_bundle(landmarks, is_for_show=True), self._pose_to)

    def tell_host(self, host: str, datagram: bytes) -> None:
        """Whoever listens at this host."""
        for to in (self._to, *self._subscribers):
            if to[0] == host:
                self._send(datagram, to)

    def _send(self, datagram: bytes, to: Host) -> None:
        try:
            self._socket.sendto(datagram, to)
        except OSError as error:
            log.debug("OSC out to %s: %s", to, error)

    def close(self) -> None:
        self._socket.close()


def _port(arguments: Sequence[Any]) -> int | None:
    number = number_of(last_of(arguments))
    return round(number) if number is not None and 1 <= number <= 65535 else None


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
        holder = udp_port(port, host).holder or "another program"
        return f"OSC port {port} on {host} is taken by {holder}: close it, or choose another port with --osc-in"
    if isinstance(error, PermissionError):
        return f"OSC port {port} may not be opened by this user: choose one above 1023 with --osc-in"
    return f"OSC cannot listen on {host}:{port} ({error.strerror or error}): choose an address of this machine"
