"""OSC out, over UDP: what the show tells the world."""

import logging
import socket
from collections.abc import Callable, Sequence

from engines.pose.landmarks import Landmarks
from live.control.desk import Message
from live.control.encoding import bundles, landmark_bundle, message

log = logging.getLogger(__name__)

SUBSCRIBERS = 16

Host = tuple[str, int]
Listener = Callable[[Sequence[Message], str], None]
"""Messages and the sender who knows them already."""


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
        self.greeted = 0
        """How often somebody began to listen, who knows nothing yet."""

    @property
    def subscribers(self) -> list[Host]:
        return list(self._subscribers)

    def subscribe(self, host: Host, control: str = "") -> None:
        """`control` is the socket from which this listener turns controls; of too many the oldest leaves."""
        others = {each: name for each, name in self._subscribers.items() if each != host}
        self._subscribers = dict([*others.items(), (host, control)][-SUBSCRIBERS:])
        self.greeted += 1

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
