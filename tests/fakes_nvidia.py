"""A graphics card in host memory: streams, captured graphs and buffers that really copy, and a network that computes.

Only what exists is faked: every public name here must be a name of the real class (`tests/engines/test_execution.py`
checks it), enumerations are the real ones, and plans come from the real TensorRT-RTX compiler.
"""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from engines.backends.nvidia.editions import Edition
from engines.bundle import Manifest

Operation = Callable[[], None]
Compute = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


class FakeCudart:
    """`cuda.bindings.runtime` on a card of `capability`. `fails` names calls that give that error from now on."""

    def __init__(self, capability: tuple[int, int] = (8, 9)) -> None:
        from cuda.bindings import runtime

        self.cudaError_t, self.cudaMemcpyKind = runtime.cudaError_t, runtime.cudaMemcpyKind
        self.cudaStreamCaptureMode = runtime.cudaStreamCaptureMode
        self.cudaStreamNonBlocking, self.cudaHostAllocDefault = 1, 0
        self._capability = capability
        self._blocks: dict[int, Any] = {}
        self._streams: dict[int, list[Operation] | None] = {}  # a list while it is captured
        self._graphs: dict[int, list[Operation]] = {}
        self._numbers = iter(range(1, 1_000_000))
        self._fails: dict[str, Any] = {}
        self._calls: list[str] = []

    def cudaGetDeviceCount(self) -> tuple:
        return self._result("cudaGetDeviceCount", 1)

    def cudaGetDeviceProperties(self, _device: int) -> tuple:
        major, minor = self._capability
        return self._result(
            "cudaGetDeviceProperties",
            SimpleNamespace(
                name=b"Fake Card\0\0",
                major=major,
                minor=minor,
                multiProcessorCount=10,
                l2CacheSize=1 << 20,
                memoryBusWidth=192,
                totalGlobalMem=8 << 30,
                ECCEnabled=0,
            ),
        )

    def cudaGetErrorString(self, error: Any) -> tuple:
        return self.cudaError_t.cudaSuccess, str(error.name).encode()

    def cudaGetLastError(self) -> tuple:
        return (self.cudaError_t.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple:
        assert flags == self.cudaStreamNonBlocking
        return self._result("cudaStreamCreateWithFlags", self._new(self._streams, None))

    def cudaStreamDestroy(self, stream: int) -> tuple:
        del self._streams[stream]
        return self._result("cudaStreamDestroy")

    def cudaStreamSynchronize(self, stream: int) -> tuple:
        assert self._streams[stream] is None
        return self._result("cudaStreamSynchronize")

    def cudaMalloc(self, size: int) -> tuple:
        return self._allocated("cudaMalloc", size)

    def cudaHostAlloc(self, size: int, _flags: int) -> tuple:
        return self._allocated("cudaHostAlloc", size)

    def cudaFree(self, devPtr: int) -> tuple:
        del self._blocks[devPtr]
        return self._result("cudaFree")

    def cudaFreeHost(self, ptr: int) -> tuple:
        del self._blocks[ptr]
        return self._result("cudaFreeHost")

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, _kind: Any, stream: int) -> tuple:
        assert dst in self._blocks
        assert src in self._blocks
        self._put(stream, lambda: ctypes.memmove(dst, src, count))
        return self._result("cudaMemcpyAsync")

    def cudaStreamBeginCapture(self, stream: int, mode: Any) -> tuple:
        assert mode == self.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        result = self._result("cudaStreamBeginCapture")
        if result[0] == self.cudaError_t.cudaSuccess:
            self._streams[stream] = []
        return result

    def cudaStreamEndCapture(self, stream: int) -> tuple:
        captured, self._streams[stream] = self._streams[stream], None
        return self._result("cudaStreamEndCapture", self._new(self._graphs, captured))

    def cudaGraphInstantiate(self, graph: int, _flags: int) -> tuple:
        return self._result("cudaGraphInstantiate", self._new(self._graphs, self._graphs[graph]))

    def cudaGraphDestroy(self, graph: int) -> tuple:
        del self._graphs[graph]
        return self._result("cudaGraphDestroy")

    def cudaGraphExecDestroy(self, graphExec: int) -> tuple:
        del self._graphs[graphExec]
        return self._result("cudaGraphExecDestroy")

    def cudaGraphLaunch(self, graphExec: int, _stream: int) -> tuple:
        for operation in self._graphs[graphExec]:
            operation()
        return self._result("cudaGraphLaunch")

    def _allocated(self, call: str, size: int) -> tuple:
        block = ctypes.create_string_buffer(size)
        result = self._result(call, ctypes.addressof(block))
        if result[0] == self.cudaError_t.cudaSuccess:
            self._blocks[ctypes.addressof(block)] = block
        return result

    def _put(self, stream: int, operation: Operation) -> None:
        captured = self._streams[stream]
        if captured is None:
            operation()
        else:
            captured.append(operation)

    def _new(self, where: dict, what: Any) -> int:
        number = next(self._numbers)
        where[number] = what
        return number

    def _result(self, call: str, *values: Any) -> tuple:
        self._calls.append(call)
        if call in self._fails:
            return (self._fails[call], *(None for _ in values))
        return (self.cudaError_t.cudaSuccess, *values)


@dataclass
class FakeRuntime:
    """What opens plans; only `sound` ones, if that is given."""

    _world: "FakeEdition"

    def deserialize_cuda_engine(self, plan: bytes) -> "FakeEngine | None":
        self._world.opened_plans.append(plan)
        if self._world.refuses(plan):
            return None
        return FakeEngine(self._world)


@dataclass
class FakeEngine:
    """A plan with the ports of the manifest."""

    _world: "FakeEdition"

    @property
    def num_io_tensors(self) -> int:
        return len(self._ports)

    def get_tensor_name(self, index: int) -> str:
        return self._ports[index].name

    def get_tensor_mode(self, name: str) -> Any:
        modes = self._world.trt.TensorIOMode
        return modes.INPUT if self._world.manifest.input(name) else modes.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._port(name).shape

    def get_tensor_dtype(self, name: str) -> Any:
        types = self._world.trt.DataType
        return {"uint8": types.UINT8, "float32": types.FLOAT}[self._port(name).dtype]

    def create_runtime_config(self) -> "FakeRuntimeConfig":
        return FakeRuntimeConfig()

    def create_execution_context(self, _config: Any) -> "FakeContext | None":
        return None if self._world.is_full else FakeContext(self._world)

    @property
    def _ports(self) -> tuple:
        return (*self._world.manifest.inputs, *self._world.manifest.outputs)

    def _port(self, name: str) -> Any:
        (port,) = [port for port in self._ports if port.name == name]
        return port


class FakeRuntimeConfig:
    def create_runtime_cache(self) -> "FakeRuntimeCache":
        return FakeRuntimeCache()

    def set_runtime_cache(self, cache: Any) -> bool:
        return isinstance(cache, FakeRuntimeCache)


class FakeRuntimeCache:
    def __init__(self) -> None:
        self._blob = b""

    def deserialize(self, blob: bytes) -> bool:
        self._blob = blob
        return True

    def serialize(self) -> bytes:
        return self._blob or b"compiled just now"


class FakeContext:
    """Reads and writes the card's memory at the addresses that it was given."""

    def __init__(self, world: "FakeEdition") -> None:
        self._world = world
        self._addresses: dict[str, int] = {}

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def is_stream_capturable(self, _stream: int) -> bool:
        return self._world.is_capturable

    def execute_async_v3(self, stream_handle: int) -> bool:
        if self._world.cudart._streams[stream_handle] is not None and self._world.spoils_capture:
            return False
        self._world.cudart._put(stream_handle, self._compute)
        return not self._world.fails_to_start

    def _compute(self) -> None:
        manifest = self._world.manifest
        inputs = {port.name: self._array(port) for port in manifest.inputs}
        for name, value in self._world.compute(inputs).items():
            (port,) = [port for port in manifest.outputs if port.name == name]
            self._array(port)[...] = value

    def _array(self, port: Any) -> np.ndarray:
        size = int(np.prod(port.shape)) * np.dtype(port.dtype).itemsize
        raw = (ctypes.c_ubyte * size).from_address(self._addresses[port.name])
        return np.frombuffer(raw, port.dtype).reshape(port.shape)


@dataclass(frozen=True)
class FakeEdition(Edition):
    """TensorRT-RTX with its real compiler, and a runtime for a card that is not there."""

    name: str = "rtx"
    module: str = "tensorrt_rtx"
    package: str = "tensorrt-rtx"
    extra: str = "rtx"
    title: str = "TensorRT-RTX"
    knobs: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)

    @cached_property
    def _module(self) -> Any:
        import tensorrt_rtx

        names = {name: getattr(tensorrt_rtx, name) for name in dir(tensorrt_rtx) if not name.startswith("_")}

        def builder(logger: Any) -> Any:
            self.builds.append(1)
            return tensorrt_rtx.Builder(logger)

        return SimpleNamespace(**{**names, "Builder": builder, "Runtime": lambda _logger: FakeRuntime(self)})

    @property
    def trt(self) -> Any:
        return self._module

    @property
    def manifest(self) -> Manifest:
        return self.knobs["manifest"]

    @property
    def compute(self) -> Compute:
        return self.knobs["compute"]

    @property
    def cudart(self) -> FakeCudart:
        return self.knobs["cudart"]

    @property
    def opened_plans(self) -> list[bytes]:
        return self.knobs.setdefault("opened_plans", [])

    @property
    def builds(self) -> list[int]:
        return self.knobs.setdefault("builds", [])

    @property
    def is_full(self) -> bool:
        return self.knobs.get("is_full", False)

    @property
    def is_capturable(self) -> bool:
        return self.knobs.get("is_capturable", True)

    @property
    def spoils_capture(self) -> bool:
        return self.knobs.get("spoils_capture", False)

    @property
    def fails_to_start(self) -> bool:
        return self.knobs.get("fails_to_start", False)

    def refuses(self, plan: bytes) -> bool:
        return self.knobs.get("refuses", lambda _plan: False)(plan)


def negative(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A network that turns the conditioning into its negative, opaque."""
    picture = 255 - inputs["conditioning"]
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    return {"figure": np.concatenate([picture, opaque], axis=2)}
