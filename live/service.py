"""Running alone for months: a watchdog's pings, opening hours, a nightly restart, a log that does not fill the disk."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engines.errors import BadInput, ConfigError, SourceLost
from live.sources import Captured

PING_EVERY_S = 1.0
LOG_BYTES, LOG_FILES = 5_000_000, 5


@dataclass(frozen=True)
class Hours:
    """When the show is open, each day; over midnight where the end comes before the beginning, always where it is the
    same time."""

    opens: time
    closes: time

    def is_open(self, now: datetime) -> bool:
        moment = now.time()
        if self.opens < self.closes:
            return self.opens <= moment < self.closes
        return moment >= self.opens or moment < self.closes


def hours_of(text: str) -> Hours:
    """`10:00-18:30`, also `10:00-24:00`. Raises `ConfigError`."""
    opens, dash, closes = text.partition("-")
    if not dash:
        raise ConfigError(f"open_hours = {text!r}: write FROM-TO, for example 10:00-18:30")
    return Hours(clock_time(opens), time(0) if closes.strip() == "24:00" else clock_time(closes))


def clock_time(text: str) -> time:
    """`04:00`. Raises `ConfigError`."""
    try:
        hour, minute = (int(part) for part in text.strip().split(":"))
        return time(hour, minute)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time of day: write HH:MM, for example 04:00") from error


@dataclass
class Watchman:
    """Asked once a tick whether the show is open and whether it should end to be begun anew. Time is an argument."""

    hours: Hours | None = None
    restart: time | None = None
    clock: Callable[[], datetime] = datetime.now
    _next_s: float = float("-inf")
    _was: datetime | None = None
    is_open: bool = True
    restarts: bool = False
    notify: Callable[[str], None] = field(default_factory=lambda: notifier())

    def tick(self, now_s: float) -> None:
        """Look at the clock once a second, and tell the watchdog that pictures flow."""
        if now_s < self._next_s:
            return
        if self._was is None:
            self.notify("READY=1")
        self._next_s = now_s + PING_EVERY_S
        now = self.clock()
        self.is_open = self.hours is None or self.hours.is_open(now)
        if self.restart and self._was and self._was < datetime.combine(now.date(), self.restart) <= now:
            self.restarts = True
        self._was = now
        self.notify("WATCHDOG=1")


def notifier() -> Callable[[str], None]:
    """Tells systemd, where it listens (NOTIFY_SOCKET); else does nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return lambda _message: None
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    channel.setblocking(False)
    target = "\0" + address[1:] if address.startswith("@") else address

    def notify(message: str) -> None:
        try:
            channel.sendto(message.encode(), target)
        except OSError as error:  # a watchdog that hears nothing does what it is there for
            logging.getLogger(__name__).debug("the watchdog does not listen: %s", error)

    return notify


def log_to(path: Path) -> logging.Handler:
    """Everything that is logged, also into a file of which five of 5 MB are kept. Raises `BadInput`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another --log-file") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    if root.level > logging.INFO:
        root.setLevel(logging.INFO)
    return handler


class Absent:
    """In place of a source that could not be opened: it fails at once, and its stage tries to open it again."""

    is_mirror = True

    def __init__(self, why: Exception) -> None:
        self.said = str(why)

    def read(self) -> Captured:
        raise SourceLost(self.said)

    def close(self) -> None:
        """Nothing is open."""
