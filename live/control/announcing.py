"""Zeroconf: the page and OSC announced as `_oscjson._tcp` and `_osc._udp`, so that others find them by themselves."""

import socket
import time
from collections.abc import Callable
from typing import Any

from engines.errors import Unavailable

STEP_S = 0.2
NAME = "understudy"


class Announced:
    """A part that a stage steps; announces once the page has its port. Raises `Unavailable` without the library."""

    def __init__(self, page_port: Callable[[], int], osc_port: int, host: str, name: str = NAME) -> None:
        try:
            import zeroconf
        except ImportError as error:
            raise Unavailable("zeroconf is not installed: pip install 'understudy[zeroconf]'") from error
        self._page_port, self._osc_port, self._host, self._name = page_port, osc_port, host, name
        self._library: Any = zeroconf
        self._zeroconf: Any = None

    def step(self) -> bool:
        if self._zeroconf is None and self._page_port():
            self._announce()
            return True
        time.sleep(STEP_S)
        return False

    def close(self) -> None:
        if self._zeroconf is not None:
            self._zeroconf.close()

    def _announce(self) -> None:
        address = socket.inet_aton(self._host)
        interfaces = [self._host]
        self._zeroconf = self._library.Zeroconf(interfaces=interfaces)
        for kind, port in (("_oscjson._tcp.local.", self._page_port()), ("_osc._udp.local.", self._osc_port)):
            info = self._library.ServiceInfo(
                kind, f"{self._name}.{kind}", port, addresses=[address], server=f"{self._name}.local."
            )
            self._zeroconf.register_service(info, allow_name_change=True)
