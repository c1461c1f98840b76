"""What is plugged into this computer: cameras, displays, UDP ports. Asked without taking hold of any of it.

What a library might do to the process that asks (open a window, hang on a broken driver, crash) is done in a process of
its own, which is given up after some seconds.
"""

import errno
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# SDL's drivers that draw where nobody sees it.
BLIND_DRIVERS = ("dummy", "offscreen")

_ASK_DISPLAYS = """
import pygame
try:
    pygame.display.init()
    print(pygame.display.get_driver(), *(f"{w}x{h}" for w, h in pygame.display.get_desktop_sizes()))
except pygame.error as error:
    print("none", error)
"""

_ASK_CAMERAS = """
import cv2
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
for number in range(3):
    capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        break
    width, height = (int(capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    print(f"{number}: {width}x{height}", flush=True)
    capture.release()
"""


@dataclass(frozen=True)
class Device:
    """Something that was found; `problem` says why it could not be used all the same, "" when it can."""

    name: str
    problem: str = ""


def cameras(
    sysfs: Path = Path("/sys/class/video4linux"), dev: Path = Path("/dev"), timeout_s: float = 4.0
) -> list[Device]:
    """The cameras. On Linux they are listed, not opened; elsewhere the first three numbers are tried."""
    if not sys.platform.startswith("linux"):
        return [Device(line) for line in _asked(_ASK_CAMERAS, timeout_s).splitlines()]
    nodes = [path for path in dev.glob("video*") if re.fullmatch(r"video\d+", path.name)]
    nodes.sort(key=lambda path: int(path.name[5:]))
    # A USB camera has a second node, for metadata, whose index is not 0.
    pictures = [node for node in nodes if _text(sysfs / node.name / "index") in ("0", "")]
    return [_camera(node, _text(sysfs / node.name / "name")) for node in pictures]


def _camera(node: Path, name: str) -> Device:
    called = f"{node.name[5:]}: {name or node}"
    if os.access(node, os.R_OK | os.W_OK):
        return Device(called)
    return Device(called, f"{node} may not be opened by this user; add yourself to the group 'video' and log in again")


def displays(timeout_s: float = 4.0) -> list[Device]:
    """The screens, as SIZE on DRIVER; none on a server. No window is opened."""
    lines = _asked(_ASK_DISPLAYS, timeout_s).splitlines()
    driver, *sizes = lines[-1].split() if lines else ["none"]
    if driver in ("none", *BLIND_DRIVERS):
        return []
    return [Device(f"{number}: {size} ({driver})") for number, size in enumerate(sizes)]


@dataclass(frozen=True)
class Port:
    """A UDP port; `holder` names the program that has it, where the system says so."""

    number: int
    is_free: bool
    holder: str = ""


def udp_port(number: int, host: str = "127.0.0.1") -> Port:
    """Whether a program could listen there now, and who does if not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.bind((host, number))
        except OSError as error:
            return Port(number, False, _holder(number) if error.errno == errno.EADDRINUSE else str(error.strerror))
    return Port(number, True)


def tcp_holder(number: int) -> str:
    """Who listens at a TCP port; "another program" where the system does not say."""
    return _holder(number, ("tcp", "tcp6"))


def _holder(number: int, tables: tuple[str, ...] = ("udp", "udp6")) -> str:
    """Linux tells of one's own processes (of all, to root)."""
    inodes = {
        f"socket:[{fields[9]}]"
        for table in tables
        for line in _text(Path("/proc/net") / table).splitlines()[1:]
        if int((fields := line.split())[1].rpartition(":")[2], 16) == number
    }
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                return f"{_text(link.parents[1] / 'comm')} (process {link.parents[1].name})"
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return "another program"


def _asked(script: str, timeout_s: float) -> str:
    environment = {**os.environ, "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    try:
        done = subprocess.run(
            (sys.executable, "-c", script), capture_output=True, text=True, timeout=timeout_s, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        said = getattr(error, "stdout", None) or b""
        return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    return done.stdout


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
