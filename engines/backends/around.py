"""An engine around another one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.backends import Engine


class Around:
    """Goes by what the engine inside says, asked anew each time: that one may be replaced between two frames."""

    _engine: "Engine"

    @property
    def backend(self) -> str:
        return self._engine.backend

    @property
    def precision(self) -> str:
        return self._engine.precision

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def why(self) -> str:
        return self._engine.why
