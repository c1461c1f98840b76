"""Everything that turns controls from outside, put together: OSC in and out, echo, page, presets, MIDI, zeroconf."""

import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict

from engines.bundle import Manifest
from engines.errors import BadInput, ConfigError, UnderstudyError
from live.config import LiveOptions
from live.control import cues, presets
from live.control.coercion import knob_control
from live.control.cues import CueFile, CueList
from live.control.desk import Desk
from live.control.echo import Echo
from live.control.midi import FILE as MIDI_FILE
from live.control.midi import Midi, MidiFile
from live.control.osc import OscReceiver, networks
from live.control.oscquery import OscQuery
from live.control.page import Door, PageServer, Preview
from live.control.parameters import Control, Controls
from live.control.pose_in import PoseIn
from live.control.presets import PresetFile, Presets
from live.control.shelf import Shelf, default_folder
from live.control.telling import OscSender
from live.looks import LOOKS
from live.stages import Faults, Part, Stage
from live.telemetry import Telemetry

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Token(BaseModel):
    """token.json: so that a phone that was let in once comes in again after a restart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    token: str = ""


class Console:
    """The operator's side of a show. Made before the show begins; `start` opens ports, each in a stage of its own.

    A port that is taken is told as a fault and tried again; the show goes on without.
    """

    def __init__(self, options: LiveOptions, start: Controls) -> None:
        self._options = options
        self._allowed = networks(options.osc_allow)
        self.pose_in = PoseIn()
        self.preview = Preview()
        self.shelf = Shelf(_folder(options))
        self.notes: list[str] = []
        self._presets = Presets({**LOOKS, **self._read(presets.FILE, PresetFile).presets})
        self._cues = CueList(self._read(cues.FILE, CueFile).cues)
        self.desk = Desk(start, options.osc_prefix, self._presets, self._cues)
        self.desk.playback.kept = self._keep
        self.midi = Midi(self.desk, self._read(MIDI_FILE, MidiFile), lambda kept: self.shelf.keep(MIDI_FILE, kept))
        self.out = OscSender(options.osc_to, options.osc_out, _host(options.pose_to)) if options.osc else None
        self.receiver: OscReceiver | None = None
        self.page: PageServer | None = None
        self.door = self._door()

    def tell(self, part: str, sentence: str) -> None:
        """A fault, to whoever listens."""
        if self.out:
            self.out.send("/error", f"{part}: {sentence}")

    def start(self, stack: ExitStack, faults: Faults, performers: Callable[[], Sequence[str]], tells: "_Tells") -> None:
        """Open everything that the options ask for; `stack` closes it in the end."""

        def begin(name: str, opened: Callable[[], Part], hurries: bool = False) -> None:
            stack.callback(Stage(name, opened, faults, hurries).start().close)

        stack.callback(self.shelf.flush)
        begin("presets", lambda: self.shelf)
        for note in self.notes:
            faults.report("presets", BadInput(note))
        if self.out is None:
            return
        out = self.out
        stack.callback(out.close)
        begin("OSC", self._open_receiver, hurries=True)
        begin("echo", lambda: Echo(self.desk, out))
        telemetry = tells(out)
        begin("telemetry", lambda: telemetry)
        if self._options.page:
            query = OscQuery(
                self.desk, lambda: self.receiver.port if self.receiver else self._options.osc_in, performers
            )
            begin("page", lambda: self._open_page(query, out))
        if self._options.midi:
            begin("MIDI", lambda: self.midi)
        if self._options.zeroconf:
            from live.control.announcing import Announced

            begin(
                "zeroconf",
                lambda: Announced(self._port_of_page, self._options.osc_in, _reachable(self._options.page_host)),
            )

    def take_up(self, performer: object, manifest: Manifest) -> None:
        """The knobs of who is on stage; called by the main thread each tick, free while nobody changes."""
        self.desk.take_up(performer, lambda: knobs_of(manifest))

    def address(self) -> str:
        """Where the page is opened, token included; "" without one."""
        if not (self._options.page and self._options.osc):
            return ""
        port = self.page.port if self.page else self.door.port
        token = f"?token={self.door.token}" if self.door.token else ""
        return f"http://{_reachable(self.door.host)}:{port}/{token}"

    def code(self) -> str:
        """The address as a QR code, two rows a line, for the camera of a phone; "" when only this machine may come."""
        if self.door.host in LOOPBACK or not self.address():
            return ""
        dark = np.pad(cv2.QRCodeEncoder.create().encode(self.address()) < 128, ((1, 2), (1, 1)))
        blocks = np.array(list("█▀▄ "))  # light on a dark terminal
        rows = dark[: len(dark) // 2 * 2].reshape(-1, 2, dark.shape[1]).astype(int)
        return "\n" + "\n".join("".join(blocks[2 * row[0] + row[1]]) for row in rows)

    def _open_receiver(self) -> OscReceiver:
        options = self._options
        self.receiver = OscReceiver(
            self.desk, options.osc_host, options.osc_in, self.out, allowed=self._allowed, pose_in=self.pose_in
        )
        return self.receiver

    def _open_page(self, query: OscQuery, out: OscSender) -> PageServer:
        page = PageServer(self.desk, query, self.door, self.preview)
        if self.page:
            out.listeners.remove(self.page.listen)
        self.page = page
        out.listeners.append(page.listen)
        return page

    def _port_of_page(self) -> int:
        return self.page.port if self.page else 0

    def _door(self) -> Door:
        options = self._options
        if options.page_host in LOOPBACK:
            return Door(options.page_host, options.page_port)
        token = options.page_token or self._read("token.json", _Token).token
        if not token:
            token = secrets.token_urlsafe(9)
            self.shelf.keep("token.json", _Token(token=token))
        return Door(options.page_host, options.page_port, token)

    def _keep(self) -> None:
        self.shelf.keep(presets.FILE, self._presets.file)
        self.shelf.keep(cues.FILE, CueFile(cues=self._cues.cues))

    def _read(self, name: str, kind: type[M]) -> M:
        try:
            return self.shelf.read(name, kind)
        except UnderstudyError as error:
            self.notes.append(str(error))
            return kind()


_Tells = Callable[[OscSender], Telemetry]


def knobs_of(manifest: Manifest) -> list[Control]:
    """A control for each knob of a bundle."""
    return [
        knob_control(knob.name, knob.low, knob.high, knob.default, knob.help or knob.label) for knob in manifest.knobs
    ]


def _folder(options: LiveOptions) -> Path | None:
    return options.presets or default_folder()


def _host(text: str | None) -> tuple[str, int] | None:
    """HOST:PORT. Raises `ConfigError`."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"pose_to = {text!r} is no address: write HOST:PORT, for example 192.168.1.20:7400")
    return host, int(port)


def _reachable(host: str) -> str:
    """By what other machines call this one."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # sends nothing: only asks which way it would go
            return str(asked.getsockname()[0])
        except OSError:
            return socket.gethostname()
