"""OSCQuery over HTTP and websocket, and on the same port the control page. One part, one thread, one event loop.

The page is an ordinary OSCQuery client: it reads the JSON, listens over the websocket and sends OSC through it.
"""

import asyncio
import errno
import hmac
import ipaddress
import json
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import cv2
import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from engines.devices import tcp_holder
from engines.errors import Unavailable
from engines.images import Frame
from live.control.datagrams import Malformed, messages
from live.control.desk import Desk, Message
from live.control.encoding import message
from live.control.oscquery import ATTRIBUTES, OscQuery
from live.pacing import Clock, Tick

log = logging.getLogger(__name__)

PAGE = Path(__file__).parents[1] / "page" / "index.html"
STEP_S = 0.1
CLIENTS = 32
LARGEST = 65536
PREVIEW_WIDTH = 480
EVERYTHING = "/"
SAFE = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; connect-src 'self' ws:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Preview:
    """A sink that remembers the last picture, for whoever asks on the page."""

    def __init__(self) -> None:
        self._picture: Frame | None = None

    def show(self, picture: Frame, _tick: Tick) -> None:
        self._picture = picture

    def close(self) -> None:
        """Nothing is open."""

    def jpeg(self) -> bytes | None:
        """Small enough for a phone; None before the first picture."""
        picture = self._picture
        if picture is None:
            return None
        height = max(1, round(picture.shape[0] * PREVIEW_WIDTH / picture.shape[1]))
        small = cv2.resize(picture, (PREVIEW_WIDTH, height), interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 70])
        return np.asarray(data).tobytes()


@dataclass(frozen=True)
class Door:
    """Where the page is and who comes in. `token` is asked of everybody but this machine; "" of nobody."""

    host: str = "127.0.0.1"
    port: int = 7480
    token: str = ""


class _Client:
    """One websocket: what it listens to, and what waits to be sent, the newest of each address."""

    def __init__(self, name: str, connection: ServerConnection) -> None:
        self.name = name
        self.connection = connection
        self.listens: set[str] = set()
        self._waiting: dict[str, Sequence[Any]] = {}
        self._wake = asyncio.Event()

    def tell(self, address: str, arguments: Sequence[Any]) -> None:
        if EVERYTHING in self.listens or address in self.listens:
            self._waiting[address] = arguments
            self._wake.set()

    async def send_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, {}
            for address, arguments in waiting.items():
                await self.connection.send(message(address, arguments))


class PageServer:
    """A part that a stage steps. Raises `Unavailable` when the port is taken."""

    def __init__(
        self,
        desk: Desk,
        query: OscQuery,
        door: Door,
        preview: Preview | None = None,
        now: Clock = time.perf_counter,
    ) -> None:
        self._desk, self._query, self._door, self._preview, self._now = desk, query, door, preview, now
        self._clients: set[_Client] = set()
        self._named = 0
        self._addresses = desk.addresses
        self._loop = asyncio.new_event_loop()
        try:
            self._server = self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._loop.close()
            raise Unavailable(_why_not(error, door)) from error
        self.port: int = next(iter(self._server.sockets)).getsockname()[1]

    def step(self) -> bool:
        """Serve everybody for a moment."""
        self._loop.run_until_complete(asyncio.sleep(STEP_S))
        if self._desk.addresses is not self._addresses:
            self._addresses = self._desk.addresses
            self._loop.run_until_complete(self._tell_of_other_knobs())
        return bool(self._clients)

    def close(self) -> None:
        self._server.close()
        self._loop.run_until_complete(self._server.wait_closed())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def listen(self, found: Sequence[Message], known_to: str) -> None:
        """What the show tells, from any thread; `known_to` is the client that moved it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, list(found), known_to)

    def _deliver(self, found: Sequence[Message], known_to: str) -> None:
        for address, arguments in found:
            self._query.heard[address] = arguments
            for client in self._clients:
                if client.name != known_to:
                    for told, value in _as_told(self._query, address, arguments):
                        client.tell(told, value)

    async def _serve(self) -> Any:
        return await serve(
            self._talk,
            self._door.host,
            self._door.port,
            process_request=self._answer,
            max_size=LARGEST,
            max_queue=64,
            compression=None,
            open_timeout=5,
            close_timeout=1,
            ping_interval=10,
            ping_timeout=20,
            server_header=None,
        )

    # Websocket --------------------------------------------------------------------------------------------------------

    async def _talk(self, connection: ServerConnection) -> None:
        self._named += 1
        client = _Client(f"page {self._named}", connection)
        self._clients.add(client)
        sending = asyncio.ensure_future(client.send_for_ever())
        try:
            async for data in connection:
                if isinstance(data, bytes):
                    await self._take(client, data)
                else:
                    self._command(client, data)
        except ConnectionClosed:
            log.debug("%s left", client.name)
        finally:
            sending.cancel()
            self._clients.discard(client)

    async def _take(self, client: _Client, datagram: bytes) -> None:
        try:
            found = messages(datagram)
        except Malformed as error:
            await client.connection.send(message("/error", [f"page: {error}"]))
            return
        if any(address == "/dump" for address, _ in found):
            self._desk.said.append(("/dump", ()))
        rest = [each for each in found if each[0] != "/dump"]
        for refused in self._desk.receive(rest, self._now(), client.name):
            await client.connection.send(message("/error", [f"page: {refused}"]))

    def _command(self, client: _Client, text: str) -> None:
        """LISTEN and IGNORE of the OSCQuery proposal; `/` is everything, which is an extension of ours."""
        try:
            asked = json.loads(text)
            command, path = asked["COMMAND"], asked["DATA"]
        except (ValueError, TypeError, KeyError):
            return
        if command == "LISTEN" and isinstance(path, str) and len(client.listens) < 1000:
            client.listens.add(path)
        elif command == "IGNORE":
            client.listens.discard(path)

    async def _tell_of_other_knobs(self) -> None:
        text = json.dumps({"COMMAND": "PATH_CHANGED", "DATA": "/knob"})
        for client in list(self._clients):
            try:
                await client.connection.send(text)
            except ConnectionClosed:
                log.debug("%s left", client.name)

    # HTTP -------------------------------------------------------------------------------------------------------------

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a GET; None lets a websocket begin."""
        parts = urlsplit(request.path)
        asked = parse_qs(parts.query, keep_blank_values=True)
        refused = self._refused(connection, request.headers, asked)
        if refused:
            return _response(HTTPStatus.FORBIDDEN, refused)
        if "upgrade" in request.headers.get("Connection", "").lower():
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, "full") if len(self._clients) >= CLIENTS else None
        path = unquote(parts.path)
        if path == "/preview.jpg":
            return await self._previewed()
        asked.pop("token", None)
        if path in ("/", "/page") and not asked and "text/html" in request.headers.get("Accept", ""):
            return _response(HTTPStatus.OK, PAGE.read_bytes(), "text/html; charset=utf-8")
        return self._told(path, list(asked), connection)

    def _told(self, path: str, asked: list[str], connection: ServerConnection) -> Response:
        if "HOST_INFO" in asked:
            return _json(self._query.host_info(connection.local_address[0], self.port))
        node = self._query.node(path)
        if node is None:
            return _response(HTTPStatus.NOT_FOUND, f"nothing is at {path[:100]}")
        if not asked:
            return _json(node)
        if asked[0] not in ATTRIBUTES:
            return _response(HTTPStatus.BAD_REQUEST, f"no attribute {asked[0][:40]}; there are {', '.join(ATTRIBUTES)}")
        if asked[0] not in node:
            return _response(HTTPStatus.NO_CONTENT, b"")
        return _json({asked[0]: node[asked[0]]})

    async def _previewed(self) -> Response:
        found = await self._loop.run_in_executor(None, self._preview.jpeg) if self._preview else None
        if found is None:
            return _response(HTTPStatus.NO_CONTENT, b"")
        return _response(HTTPStatus.OK, found, "image/jpeg")

    def _refused(self, connection: ServerConnection, headers: Headers, asked: Mapping[str, list[str]]) -> str:
        """Why somebody does not come in; "" when they do."""
        if not _is_own_name(headers.get("Host", "")):
            return "this page is opened by its number, not by a name"  # a foreign name that leads here is a trick
        origin = headers.get("Origin")
        if origin and urlsplit(origin).netloc != headers.get("Host"):
            return "another page may not turn our controls"
        if not self._door.token or ipaddress.ip_address(connection.remote_address[0].partition("%")[0]).is_loopback:
            return ""
        given = asked.get("token", [""])[0]
        return "" if hmac.compare_digest(given.encode(), self._door.token.encode()) else "the token is missing or wrong"


def _as_told(query: OscQuery, address: str, arguments: Sequence[Any]) -> list[tuple[str, Sequence[Any]]]:
    """Over OSCQuery a choice is told by its name, at its own address, as its TYPE says."""
    stem = address.removesuffix("/name")
    control = query.desk.addresses.control(stem)
    if control is None or control.kind not in ("choice", "name"):
        return [(address, arguments)]
    return [(stem, arguments)] if stem != address else []


def _is_own_name(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name in ("localhost", socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _json(value: object) -> Response:
    return _response(HTTPStatus.OK, json.dumps(value).encode(), "application/json")


def _response(status: HTTPStatus, body: bytes | str, kind: str = "text/plain; charset=utf-8") -> Response:
    data = body.encode() if isinstance(body, str) else body
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(data)), "Connection": "close", **SAFE})
    return Response(status.value, status.phrase, headers, data)


def _why_not(error: OSError, door: Door) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = tcp_holder(door.port)
        return f"page port {door.port} on {door.host} is taken by {holder}: choose another with --page-port"
    return (
        f"the page cannot be served on {door.host}:{door.port} ({error.strerror or error}): choose another --page-port"
    )
