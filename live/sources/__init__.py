"""Where frames come from: a camera here or in the network, a video, pictures, a motion, the built-in dancer."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from engines.errors import BadInput
from engines.images import Frame, Size
from engines.pictures import SUFFIXES
from engines.pose.landmarks import Landmarks


@dataclass(frozen=True)
class Captured:
    """One frame and when it was there, in seconds of the show's clock. Never changed after it was made.

    `landmarks` only where the source knows the pose itself (a motion): then nobody needs to look for it.
    """

    frame: Frame
    captured_s: float
    landmarks: Landmarks | None = None


class Source(Protocol):
    """Live frames. `read` waits for the next one; None is the end. Raises `SourceLost` when it stops unasked."""

    @property
    def said(self) -> str:
        """What it is, for people: name, size, measured rate."""
        ...

    is_mirror: bool
    """Whether the person in front of it is the one who watches."""

    def read(self) -> Captured | None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class SourceSpec:
    """What somebody asked for, resolved as far as it can be without opening anything."""

    kind: str
    name: str
    loop: bool = False
    camera_size: Size = (720, 1280)
    camera_fps: float = 30.0
    camera_locked: bool = False


def source_spec(
    text: str,
    loop: bool = False,
    camera_size: Size = (720, 1280),
    camera_fps: float = 30.0,
    camera_locked: bool = False,
) -> SourceSpec:
    """Understands `auto`, `dancer`, `puppet:MOTION.npz`, a motion, a video file, a folder of pictures, a camera number,
    name or device path, an RTSP or HTTP address, `ndi`, `spout` or `syphon` (each with or without :NAME).

    Raises `BadInput` for a file that is not there.
    """
    kind, name = _kind_of(text)
    return SourceSpec(kind, name, loop, camera_size, camera_fps, camera_locked)


def open_source(spec: SourceSpec) -> Source:
    """Opened and ready to read; raises `Unavailable` or `VideoError`."""
    return _OPENERS[spec.kind](spec)


def is_reel(spec: SourceSpec) -> bool:
    """Whether every frame can be had offline, as fast as it can be made."""
    return spec.kind in ("video", "images", "motion", "puppet", "dancer")


def _kind_of(text: str) -> tuple[str, str]:
    if text in ("auto", "dancer"):
        return text, text
    if text.partition(":")[0] in ("ndi", "spout", "syphon"):
        kind, _, name = text.partition(":")
        return kind, name
    if re.match(r"(rtsp|rtsps|http|https|rtmp|udp|srt)://", text):
        return "network", text
    if Path(text).is_dir():
        return "images", text
    if text.startswith("puppet:"):
        return "puppet", _existing(text.removeprefix("puppet:"))
    if text.isdigit() or re.match(r"/dev/|\\\\", text):
        return "camera", text
    if text.endswith(".npz"):
        return "motion", _existing(text)
    if Path(text).suffix.lower() in SUFFIXES:
        return "images", _existing(text)
    if Path(text).exists() or Path(text).suffix or "/" in text:
        return "video", _existing(text)
    return "camera", text


def _existing(name: str) -> str:
    if not Path(name).is_file():
        raise BadInput(f"{name}: there is no such file; name a video, a motion .npz, a camera or dancer")
    return name


def _camera(spec: SourceSpec) -> Source:
    from live.sources.camera import Camera
    from live.sources.guarded import Guarded

    return Guarded(lambda: Camera(spec.name, spec.camera_size, spec.camera_fps, locked=spec.camera_locked))


def _network(spec: SourceSpec) -> Source:
    from live.sources.guarded import Guarded
    from live.sources.network import NetworkCamera

    return Guarded(lambda: NetworkCamera(spec.name))


def _ndi(spec: SourceSpec) -> Source:
    from live.sources.guarded import Guarded
    from live.sources.ndi import NdiSource

    return Guarded(lambda: NdiSource(spec.name), stuck_s=float("inf"))  # a still picture is a good stream


def _spout(spec: SourceSpec) -> Source:
    from live.sources.guarded import Guarded
    from live.sources.shared import SpoutSource

    return Guarded(lambda: SpoutSource(spec.name), stuck_s=float("inf"))


def _syphon(spec: SourceSpec) -> Source:
    from live.sources.guarded import Guarded
    from live.sources.shared import SyphonSource

    return Guarded(lambda: SyphonSource(spec.name), stuck_s=float("inf"))


def _reel(spec: SourceSpec) -> Source:
    from live.sources.reels import Played, open_reel

    return Played(open_reel(spec), loop=spec.loop)


def _auto(spec: SourceSpec) -> Source:
    from engines.errors import Unavailable

    try:
        return _camera(replace(spec, name="0"))
    except Unavailable:
        return _reel(SourceSpec("dancer", "dancer"))


_OPENERS: dict[str, Callable[[SourceSpec], Source]] = {
    "auto": _auto,
    "camera": _camera,
    "network": _network,
    "ndi": _ndi,
    "spout": _spout,
    "syphon": _syphon,
    "video": _reel,
    "images": _reel,
    "motion": _reel,
    "puppet": _reel,
    "dancer": _reel,
}
