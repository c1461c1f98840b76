"""Where presets, cues and MIDI maps are kept: one JSON file each, read once, written whole by a thread of its own."""

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from engines.errors import BadInput

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)
PATIENCE_S = 0.1


def default_folder() -> Path:
    """Of this user: XDG_DATA_HOME/understudy/control."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "understudy" / "control"


class Shelf:
    """A folder of JSON files, or (`folder` None) a memory that ends with the show. A part that a stage steps.

    The display loop never waits for a disk: `keep` only notes what is to be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._waiting: dict[str, BaseModel] = {}
        self._broken: set[str] = set()
        self._wake = threading.Condition()

    def read(self, name: str, kind: type[M]) -> M:
        """What file `name` holds; `kind()` where there is none. Raises `BadInput` naming file, key and value."""
        path = self.folder / name if self.folder else None
        if path is None:
            return kind()
        self._broken.add(name)
        try:
            value = kind.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            value = kind()
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BadInput(
                f"{path}: {where} = {str(first['input'])[:40]!r}: {first['msg']}; repair it or move it away"
            ) from error
        except OSError as error:
            raise BadInput(f"{path}: cannot be read ({error.strerror})") from error
        self._broken.discard(name)
        return value

    def keep(self, name: str, value: BaseModel) -> None:
        """Write it soon; of several values under one name the last."""
        with self._wake:
            self._waiting[name] = value
            self._wake.notify_all()

    def step(self) -> bool:
        """Write what waits. Raises `BadInput` when the disk does not take it; it is then tried again."""
        with self._wake:
            self._wake.wait_for(lambda: bool(self._waiting), PATIENCE_S)
            if not self._waiting or self.folder is None:
                self._waiting.clear()
                return False
            name, value = next(iter(self._waiting.items()))
        self._write(self.folder / name, value)
        with self._wake:
            if self._waiting.get(name) is value:
                del self._waiting[name]
        return True

    def close(self) -> None:
        """Nothing is open. What still waits is written by `flush`, at the end of the show."""

    def flush(self) -> None:
        """Write all that waits; what the disk does not take is logged, since nobody is left to be told."""
        try:
            while self.step():
                pass
        except BadInput as error:
            log.error("%s", error)

    def _write(self, path: Path, value: BaseModel) -> None:
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("w", encoding="utf-8") as file:
                file.write(value.model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if path.name in self._broken and path.exists():
                os.replace(path, path.with_name(f"{path.name}.broken"))  # somebody may want to repair it
                self._broken.discard(path.name)
            os.replace(temporary, path)
        except OSError as error:
            with suppress(OSError):  # where the folder is a file, there is nothing to take away either
                temporary.unlink(missing_ok=True)
            raise BadInput(
                f"{path}: cannot be written ({error.strerror}); free some space, or name another folder with --presets"
            ) from error
