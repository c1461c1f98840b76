"""The two editions of TensorRT, which share one Python API: one source serves both.

TensorRT-RTX comes from the package index, compiles in a moment, and needs no card for that. TensorRT is for the cards
that RTX leaves out (data centers); its libraries come from NVIDIA's own index.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from engines.errors import EngineError
from engines.machine import version_of

KEPT_MESSAGES = 32


@dataclass(frozen=True)
class Edition:
    """`name` is the backend's, `module` what is imported, `package` what pip calls it, `extra` the project's."""

    name: str
    module: str
    package: str
    extra: str
    title: str

    @property
    def is_rtx(self) -> bool:
        return self.name == "rtx"

    @property
    def is_installed(self) -> bool:
        return self.version is not None

    @property
    def version(self) -> str | None:
        return version_of(self.package)

    @property
    def trt(self) -> Any:
        """The library's module, imported now. Raises `EngineError` in one sentence."""
        try:
            return import_module(self.module)
        except (ImportError, OSError, RuntimeError) as error:
            if not self.is_installed:
                told = f'{self.package} is not installed; pip install -e ".[{self.extra}]"'
                raise EngineError(told) from error
            raise EngineError(f"{self.package} {self.version} does not load: {error}") from error

    @property
    def cuda_flavor(self) -> str:
        """cu12 and cu13 builds carry one version number, and cannot read each other's plans."""
        return next((cuda for cuda in ("cu13", "cu12") if version_of(f"{self.package}-{cuda}")), "cu")

    def capabilities(self) -> tuple[str, ...]:
        """The compute capabilities that TensorRT-RTX can compile for, as "8.6"; () where only the card decides."""
        known = getattr(self.trt, "ComputeCapability", None)
        names = sorted((name for name in dir(known) if name.startswith("SM")), key=lambda name: int(name[2:]))
        return tuple(f"{name[2:-1]}.{name[-1]}" for name in names)


RTX = Edition("rtx", "tensorrt_rtx", "tensorrt-rtx", "rtx", "TensorRT-RTX")
TENSORRT = Edition("tensorrt", "tensorrt", "tensorrt", "tensorrt", "TensorRT")


class Messages:
    """What TensorRT said last: it returns None where others raise, and the reason is only in its log."""

    def __init__(self) -> None:
        self.kept: deque[str] = deque(maxlen=KEPT_MESSAGES)
        self.foreign = ""
        """Its warning that a plan was made for another card, on which it may be slow or wrong; else ""."""

    def forget(self) -> None:
        self.kept.clear()
        self.foreign = ""

    def hear(self, message: str, is_error: bool) -> None:
        message = " ".join(message.split())
        if is_error:
            self.kept.append(message)
        elif "different models of devices" in message:
            self.foreign = message

    def told(self, before: Iterable[str] = ()) -> str:
        """The reasons, newest last, without the file names and numbers that help nobody on a stage."""
        return "; ".join([*before, *dict.fromkeys(self.kept)]) or "it gave no reason"


@cache
def logger(edition: Edition) -> tuple[Any, Messages]:
    """The one logger of this process: TensorRT ignores every further one, and it must outlive all else."""
    trt, messages = edition.trt, Messages()

    class Logger(trt.ILogger):  # type: ignore[name-defined, misc]  # the library is imported late
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            kinds = trt.ILogger.Severity
            messages.hear(msg, severity in (kinds.ERROR, kinds.INTERNAL_ERROR))

    return Logger(), messages
