"""The CUDA runtime in the few calls that an engine needs, each of them checked; and the card that it finds.

Asked through cuda-bindings before anything of TensorRT is touched: its `Runtime` without a driver ends the process with
a segmentation fault at the first use.
"""

import weakref
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from engines.errors import DeviceError, EngineError

_TOLD = {
    "cudaErrorInsufficientDriver": "NVIDIA's driver is not installed, or too old for this CUDA runtime",
    "cudaErrorNoDevice": "there is no NVIDIA card",
    "cudaErrorMemoryAllocation": "the graphics card's memory is full; close other programs, or play a smaller one",
}


@dataclass(frozen=True)
class Card:
    """A graphics card with all that decides whether a plan made on one runs on the other.

    TensorRT compares more than the name when it opens a plan (TENSORRT.md, 3.4), so all of it is part of a plan's key.
    """

    name: str
    capability: tuple[int, int]
    processors: int
    l2_bytes: int
    bus_bits: int
    memory_bytes: int
    has_ecc: bool

    @property
    def identity(self) -> str:
        return " ".join(map(str, astuple(self)))


class Cuda:
    """Checked calls of `cuda.bindings.runtime`. Raises `DeviceError`; streams, graphs and addresses are plain ints."""

    def __init__(self, cudart: Any) -> None:
        self.cudart = cudart

    def card(self) -> Card:
        """The first card. Raises `EngineError` when there is no driver or no card."""
        cudart = self.cudart
        try:
            if not self._done(cudart.cudaGetDeviceCount()):
                raise EngineError("there is no NVIDIA card")
            found = self._done(cudart.cudaGetDeviceProperties(0))
        except RuntimeError as error:  # cuda-bindings' DynamicLibNotFoundError is one: no driver at all
            raise EngineError(f"NVIDIA's driver does not load: {error}") from error
        name = found.name.decode() if isinstance(found.name, bytes) else str(found.name)
        return Card(
            name.rstrip("\0"),
            (int(found.major), int(found.minor)),
            int(found.multiProcessorCount),
            int(found.l2CacheSize),
            int(found.memoryBusWidth),
            int(found.totalGlobalMem),
            bool(found.ECCEnabled),
        )

    def stream(self) -> int:
        """A stream that waits for no other: not even for the default stream of another library."""
        return int(self._done(self.cudart.cudaStreamCreateWithFlags(self.cudart.cudaStreamNonBlocking)))

    def memory(self, size: int) -> int:
        """`size` bytes on the card."""
        return int(self._done(self.cudart.cudaMalloc(size)))

    def pinned(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array in page-locked memory, which the card copies from and to by itself. Its memory lives as it does."""
        return np.asarray(_Pinned(self, shape, np.dtype(dtype)))

    def page_locked(self, size: int) -> int:
        return int(self._done(self.cudart.cudaHostAlloc(size, self.cudart.cudaHostAllocDefault)))

    def to_card(self, address: int, array: np.ndarray, stream: int) -> None:
        kind = self.cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._done(self.cudart.cudaMemcpyAsync(address, array.ctypes.data, array.nbytes, kind, stream))

    def from_card(self, array: np.ndarray, address: int, stream: int) -> None:
        kind = self.cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._done(self.cudart.cudaMemcpyAsync(array.ctypes.data, address, array.nbytes, kind, stream))

    def wait(self, stream: int) -> None:
        """Until all that was put into the stream is done."""
        self._done(self.cudart.cudaStreamSynchronize(stream))

    def begin_capture(self, stream: int) -> None:
        """Thread-local: in global mode any CUDA call of any other thread would spoil the capture, or fail."""
        mode = self.cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._done(self.cudart.cudaStreamBeginCapture(stream, mode))

    def end_capture(self, stream: int) -> Any:
        """What was captured, ready to be launched. Raises `DeviceError` when the capture was spoilt."""
        graph = self._done(self.cudart.cudaStreamEndCapture(stream))
        try:
            return self._done(self.cudart.cudaGraphInstantiate(graph, 0))
        finally:
            self.cudart.cudaGraphDestroy(graph)

    def abandon_capture(self, stream: int) -> None:
        """End a capture that went wrong, and forget the error that it left behind."""
        error, *graph = self.cudart.cudaStreamEndCapture(stream)
        if error == self.cudart.cudaError_t.cudaSuccess:
            self.cudart.cudaGraphDestroy(graph[0])
        self.cudart.cudaGetLastError()

    def launch(self, graph: Any, stream: int) -> None:
        self._done(self.cudart.cudaGraphLaunch(graph, stream))

    # Giving back never raises: after a lost device all of these fail, and the show has other things to do.

    def free(self, address: int) -> None:
        self.cudart.cudaFree(address)

    def free_page_locked(self, address: int) -> None:
        self.cudart.cudaFreeHost(address)

    def close_stream(self, stream: int) -> None:
        self.cudart.cudaStreamDestroy(stream)

    def close_graph(self, graph: Any) -> None:
        self.cudart.cudaGraphExecDestroy(graph)

    def _done(self, result: tuple[Any, ...]) -> Any:
        """The value of a call, which cuda-bindings returns behind its error."""
        error, *values = result
        if error != self.cudart.cudaError_t.cudaSuccess:
            self.cudart.cudaGetLastError()  # the next call would be blamed for it
            name = getattr(error, "name", str(error))
            _, text = self.cudart.cudaGetErrorString(error)
            said = text.decode() if isinstance(text, bytes) else str(text)
            raise DeviceError(_TOLD.get(name, f"CUDA says {said!r} ({name})"))
        return values[0] if values else None


class _Pinned:
    """Page-locked memory as numpy takes it over: given back when the last array that looks at it is gone.

    Pictures leave the engine and may outlive it by a frame; freed memory under them would end the show.
    """

    def __init__(self, cuda: Cuda, shape: tuple[int, ...], dtype: np.dtype) -> None:
        address = cuda.page_locked(int(np.prod(shape)) * dtype.itemsize)
        self.__array_interface__ = {"shape": shape, "typestr": dtype.str, "data": (address, False), "version": 3}
        weakref.finalize(self, cuda.free_page_locked, address).atexit = False


def cuda() -> Cuda:
    """The CUDA runtime of this machine. Raises `EngineError` where cuda-bindings is not installed."""
    try:
        from cuda.bindings import runtime
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(f"cuda-bindings does not load ({error}); pip install cuda-bindings") from error
    return Cuda(runtime)
