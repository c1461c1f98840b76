"""OSC in, over UDP: one receive loop of our own.

The library's threading server starts a thread a packet and loses messages from 2,000 a second (MEASURED.md, E).
"""

import errno
import ipaddress
import logging
import math
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engines.devices import udp_port
from engines.errors import ConfigError, Unavailable
from live.control.batches import Batches, Datagram
from live.control.coercion import last_of, number_of
from live.control.datagrams import Malformed, messages
from live.control.desk import Desk, Message
from live.control.encoding import message
from live.control.pose_in import PREFIX, PoseIn
from live.control.telling import Host, OscSender
from live.pacing import Clock, Sleep

log = logging.getLogger(__name__)

FLOOD, REST_S = 8, 0.005
"""When so many datagrams wait at once, it is a flood: a short rest gathers more of them, of which most are outdone by
the next. Waking up for each costs ten times its parsing."""

COMPLAIN_EVERY_S = 1.0
LONGEST_QUIET_S = 60.0
"""What goes on being wrong is logged ever less often, down to this."""

MOST_HEADS = 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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

    What is not understood is counted, answered on `/error` at most once a second, and logged ever less often. Of the
    values of one slider that wait together, only the last is parsed.
    """

    def __init__(
        self,
        desk: Desk,
        host: str,
        port: int,
        out: OscSender | None = None,
        now: Clock = time.perf_counter,
        allowed: Sequence[Network] = (),
        pose_in: PoseIn | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._desk, self._out, self._now, self._sleep, self._allowed = desk, out, now, sleep, allowed
        self._pose_in = pose_in or PoseIn()
        self._prefix = desk.prefix
        self._complained_s = self._logged_s = float("-inf")
        self._quiet_s, self._unlogged = COMPLAIN_EVERY_S, 0
        self._plain: dict[bytes, str] = {}
        """The bytes before the value -> address, of sliders that were sent one float."""
        self._known: dict[str, bool] = {}
        self._counts = dict.fromkeys(("datagrams", "messages", "malformed", "ignored", "foreign"), 0)
        self._socket = _bound(host, port)
        self._batches = Batches(self._socket)
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
        waiting = self._batches.waiting(timeout_s)
        self.receive_all(waiting)
        if len(waiting) >= FLOOD:
            self._sleep(REST_S)
        return bool(waiting)

    def receive_all(self, datagrams: Iterable[Datagram]) -> None:
        """Datagrams in their order, as if one by one; a value that the next one replaces is only counted."""
        newest: dict[tuple[bytes, Any], Datagram] = {}
        for each in datagrams:
            datagram, sender = each
            head = datagram[:-4]
            if head in self._plain and self._may_send(sender[0]) and math.isfinite(_value(datagram)):
                outdone = newest.get((head, sender))
                if outdone and outdone[0] == datagram:  # said again, it may mean something: live.control.repeats
                    self._receive_values(newest)
                    newest = {}
                elif outdone:
                    del newest[head, sender]
                    self._counts["datagrams"] += 1
                    self._counts["messages"] += 1
                newest[head, sender] = each
                continue
            self._receive_values(newest)  # what is no value keeps its place among the values
            newest = {}
            self.receive(datagram, sender)
        self._receive_values(newest)

    def _receive_values(self, newest: dict[tuple[bytes, Any], Datagram]) -> None:
        for datagram, sender in newest.values():
            self.receive(datagram, sender)

    def receive(self, datagram: bytes, sender: Any) -> None:
        """One datagram of `sender`, (host, port)."""
        counts, host = self._counts, (str(sender[0]), int(sender[1]))
        counts["datagrams"] += 1
        if not self._may_send(host[0]):
            counts["foreign"] += 1
            self._complain(f"{host[0]} is not allowed to send; start with --osc-allow {host[0]} to let it in", None)
            return
        address = self._plain.get(datagram[:-4])
        try:
            found = [(address, [_value(datagram)])] if address else messages(datagram)
        except Malformed as error:
            counts["malformed"] += 1
            self._complain(f"{host[0]}:{host[1]}: a datagram of {len(datagram)} bytes: {error}", host)
            return
        if self._prefix and not address:
            found = [(each.removeprefix(self._prefix), arguments) for each, arguments in found]
        if not address and len(found) == 1 and datagram[-8:-4] == b",f\0\0":
            self._learn_head(datagram[:-4], found[0][0])
        refused = self._take(found, host)
        counts["messages"] += len(found)
        if refused:
            counts["ignored"] += len(refused)
            self._complain(f"{host[0]}:{host[1]}: {refused[0]}", host)

    def _learn_head(self, head: bytes, address: str) -> None:
        """From now on known by its first bytes, if it is the value of a slider."""
        control = self._desk.addresses.control(address)
        if control is not None and control.kind == "slider":
            if len(self._plain) >= MOST_HEADS:
                self._plain.clear()
            self._plain[head] = address

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

    def _log(self, sentence: str, now_s: float) -> None:
        """Each line says how many it stands for; after silence it begins anew."""
        waited_s = now_s - self._logged_s
        if waited_s < self._quiet_s:
            return
        again = waited_s < 2 * self._quiet_s
        self._quiet_s = min(2 * self._quiet_s, LONGEST_QUIET_S) if again else COMPLAIN_EVERY_S
        more = f" (and {self._unlogged} more since the last line)" if again and self._unlogged else ""
        log.warning("OSC: %s%s", sentence, more)
        self._logged_s, self._unlogged = now_s, 0

    def _complain(self, sentence: str, sender: Host | None) -> None:
        now_s = self._now()
        self._unlogged += 1
        if now_s - self._complained_s < COMPLAIN_EVERY_S:
            return
        self._complained_s = now_s
        self._log(sentence, now_s)
        if self._out:
            self._out.send("/error", f"osc: {sentence}")
        if sender:
            self._answer(message("/error", [f"osc: {sentence}"]), sender)

    def close(self) -> None:
        self._socket.close()


def _value(datagram: bytes) -> float:
    """The float at its end."""
    return float(struct.unpack_from(">f", datagram, len(datagram) - 4)[0])


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
