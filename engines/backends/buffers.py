"""The arrays that an engine is bound to once: filled and read every tick, never allocated again."""

from collections.abc import Callable, Mapping

import numpy as np

from engines.bundle import Manifest
from engines.errors import EngineError

ALIGNED = 64  # bytes: a cache line, and what the runtimes' vector code likes best


class Buffers:
    """One array for each port of a manifest. Whoever binds their memory keeps this object alive.

    `made(shape, dtype)` is where the arrays come from: a graphics card wants its own kind of memory.
    """

    def __init__(
        self, manifest: Manifest, label: str, made: Callable[[tuple[int, ...], str], np.ndarray] | None = None
    ) -> None:
        made = made or aligned_zeros
        self.label = label
        self.inputs = {port.name: made(port.shape, port.dtype) for port in manifest.inputs}
        self.outputs = {port.name: made(port.shape, port.dtype) for port in manifest.outputs}

    def fill(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Copy one tick's inputs in. Raises `EngineError` for a port that is missing, unknown or of another form."""
        for name, buffer in self.inputs.items():
            given = inputs.get(name)
            if given is None:
                raise EngineError(f"{self.label}: input {name!r} is missing; it takes {self._told()}")
            if given.shape != buffer.shape or given.dtype != buffer.dtype:
                raise EngineError(
                    f"{self.label}: input {name!r} is {given.dtype} {given.shape}, "
                    f"expected {buffer.dtype} {buffer.shape}"
                )
            np.copyto(buffer, given)
        if len(inputs) != len(self.inputs):
            strange = min(set(inputs) - set(self.inputs))
            raise EngineError(f"{self.label}: there is no input {strange!r}; it takes {self._told()}")

    def _told(self) -> str:
        return ", ".join(self.inputs) or "no input"


def aligned_zeros(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Zeros whose memory starts at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + ALIGNED, np.uint8)
    start = -raw.ctypes.data % ALIGNED
    return raw[start : start + size].view(dtype).reshape(shape)


def sentence(error: Exception) -> str:
    """A runtime's complaint on one line, short enough for an overlay."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = " ".join(line for line in lines if not line.startswith("Exception from")) or type(error).__name__
    return told if len(told) <= 400 else told[:397] + "..."
