"""What was made on this machine and takes time to make again: plans, derived graphs. Kept under all they depend on.

A plan is executable code. So the folder belongs to this user alone, nothing is ever put into it from elsewhere, and
what is read back must be a plain file of this user's with the right key and checksum; anything odd is made again.
The checksum finds corruption, not an attacker who may already write as this user.
"""

import hashlib
import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from engines.errors import EngineError

log = logging.getLogger(__name__)

MAGIC = b"understudy kept 1\n"
KEEP = 64  # files; the oldest go when there are more, so that years of retrained performers do not fill a disk
POLL_S = 0.1


def cache_folder() -> Path:
    """Where plans lie: the user's cache directory (XDG_CACHE_HOME, on Windows LOCALAPPDATA)."""
    root = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(root or Path.home() / ".cache") / "understudy" / "plans"


def key_of(*parts: str) -> str:
    """The name of what depends on all of `parts` and on nothing else."""
    return hashlib.sha256("\0".join((MAGIC.decode(), *parts)).encode()).hexdigest()


class Kept:
    """A folder of things under keys. It never raises for a folder that does not work: it then keeps nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder()

    def read(self, key: str) -> bytes | None:
        """What is kept under `key`, or None where there is nothing or nothing that can be trusted."""
        path = self._path(key)
        try:
            with open(path, "rb", opener=_opened_plainly) as file:
                _check_owner(os.fstat(file.fileno()), path)
                data = file.read()
            with suppress(OSError):
                os.utime(path)  # for `_tidy`: it is still wanted
            return _unwrapped(data, key, path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("%s is made again: %s", path, error)
            return None

    def holds(self, key: str) -> bool:
        """Whether `read` may well find it: quick, and not a promise."""
        return self._path(key).is_file()

    def write(self, key: str, data: bytes) -> str:
        """Keep it, whole or not at all. Returns "", or why it could not be kept."""
        path = self._path(key)
        partial = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._make_folder()
            partial.unlink(missing_ok=True)  # of a process of the same number that died
            with open(partial, "xb", opener=_created_privately) as file:
                file.write(_wrapped(data, key))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except (OSError, ValueError) as error:
            with suppress(OSError):
                partial.unlink()
            told = f"it cannot be kept in {self.folder} ({getattr(error, 'strerror', None) or error})"
            log.warning("%s: %s", key[:12], told)
            return told
        self._tidy()
        return ""

    def made(
        self, key: str, make: Callable[[], bytes], goes_on: Callable[[], bool] = lambda: True
    ) -> tuple[bytes, str]:
        """What is kept under `key`, made if need be; of two processes one makes it and the other waits.

        Also returns why it could not be kept, or "". `goes_on` is asked while waiting; raises `EngineError` when it
        says no.
        """
        if (found := self.read(key)) is not None:
            return found, ""
        with self._locked(key, goes_on):
            if (found := self.read(key)) is not None:  # the other process made it
                return found, ""
            data = make()
            return data, self.write(key, data)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.kept"

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sys.platform != "win32":
            found = self.folder.stat()
            if found.st_uid != os.getuid():
                raise ValueError("the folder belongs to another user")
            if found.st_mode & 0o077:
                self.folder.chmod(0o700)

    @contextmanager
    def _locked(self, key: str, goes_on: Callable[[], bool]) -> Iterator[None]:
        """Hold `key` against other processes; the system lets go of it when this one dies."""
        try:
            self._make_folder()
            file = (self.folder / f"{key}.lock").open("a+b")
        except (OSError, ValueError):
            yield  # where nothing can be kept, there is nobody to wait for either
            return
        with file:
            while not _taken(file):
                if not goes_on():
                    raise EngineError("waiting for the other process that builds this plan was stopped")
                time.sleep(POLL_S)
            yield  # closing the file unlocks it

    def _tidy(self) -> None:
        with suppress(OSError):
            files = sorted(self.folder.glob("*.kept"), key=lambda path: path.stat().st_mtime)
            for path in files[:-KEEP]:
                path.unlink(missing_ok=True)
                path.with_suffix(".lock").unlink(missing_ok=True)


def _wrapped(data: bytes, key: str) -> bytes:
    return MAGIC + bytes.fromhex(key) + hashlib.sha256(data).digest() + data


def _unwrapped(data: bytes, key: str, path: Path) -> bytes:
    start = len(MAGIC) + 32
    if not data.startswith(MAGIC) or data[len(MAGIC) : start] != bytes.fromhex(key):
        raise ValueError(f"{path.name} is not what was kept under its name")
    if hashlib.sha256(body := data[start + 32 :]).digest() != data[start : start + 32]:
        raise ValueError(f"{path.name} is damaged")
    return body


def _opened_plainly(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _created_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _check_owner(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path.name} is not a plain file")
    if sys.platform != "win32" and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise ValueError(f"{path.name} could have been written by others")


def _taken(file: IO[bytes]) -> bool:
    """Whether the lock is ours now; never waits."""
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
