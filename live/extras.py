"""Packages that only some machines have, each told in one sentence where it cannot be used."""

import importlib
import sys
from typing import Any

from engines.errors import Unavailable


def imported(module: str, extra: str, what: str) -> Any:
    """The module, imported now. Raises `Unavailable` with the extra that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(f"{what} needs the package {module}: pip install 'understudy[{extra}]'") from error


def only_on(platform: str, what: str, system: str) -> None:
    """Raises `Unavailable` on another system."""
    if sys.platform != platform:
        raise Unavailable(f"{what} exists on {system} only: use ndi here")
