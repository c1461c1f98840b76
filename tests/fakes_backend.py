"""A backend that is there and cannot open anything: what a stage meets when a device's memory is full."""

from typing import NoReturn

from engines.backends import BackendStatus
from engines.errors import EngineError


def status() -> BackendStatus:
    return BackendStatus("broken", True, "there, but full")


def precisions() -> tuple[str, ...]:
    return ("f32",)


def opened(*_arguments: object) -> NoReturn:
    raise EngineError("broken: out of memory")
