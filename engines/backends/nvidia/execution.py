"""A plan that runs: pinned memory, one stream, fixed addresses, and one CUDA graph of copy, network and copy.

Everything is allocated once. A tick fills the pinned inputs, launches, waits for the stream, and hands out the pinned
outputs. Where the card refuses to capture, the same steps are put into the stream one by one, and `why` says so.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from engines.backends.buffers import Buffers
from engines.backends.nvidia.cuda import Card, Cuda
from engines.backends.nvidia.editions import Edition, logger
from engines.backends.nvidia.specialized import Specialized
from engines.bundle import Manifest, Port
from engines.errors import DeviceError, EngineError


class PlanRefused(EngineError):
    """A plan that this library or this card does not take: it is to be built again."""


class TensorRtEngine:
    """A generator on an NVIDIA card. One thread at a time; any thread.

    `specialized` keeps what TensorRT-RTX compiles for this card when a plan first runs. Raises `PlanRefused` for a plan
    that cannot be taken, `DeviceError` when the card fails, for instance because its memory is full.
    """

    def __init__(
        self,
        edition: Edition,
        cuda: Cuda,
        card: Card,
        plan: bytes,
        manifest: Manifest,
        label: str,
        precision: str,
        why: str,
        specialized: Specialized | None = None,
    ) -> None:
        self.backend, self.precision, self.device, self.why = edition.name, precision, card.name, why
        self._edition, self._cuda, self._label = edition, cuda, label
        self._graph: Any = None
        with ExitStack() as opened:
            self._context: Any = None
            self._context = self._opened_context(opened, plan, manifest, specialized)
            self._stream = cuda.stream()
            opened.callback(cuda.close_stream, self._stream)
            self._buffers = Buffers(manifest, label, cuda.pinned)
            arrays = {**self._buffers.inputs, **self._buffers.outputs}
            self._addresses = {name: self._on_card(opened, name, array) for name, array in arrays.items()}
            self._warm_up()
            self._capture(opened)
            if specialized is not None:
                specialized.keep()
            self._opened: ExitStack | None = opened.pop_all()

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run; the GIL is free meanwhile. The arrays returned hold until the next call."""
        if self._opened is None:
            raise EngineError(f"{self._label}: this engine was closed")
        self._buffers.fill(inputs)
        try:
            if self._graph is not None:
                self._cuda.launch(self._graph, self._stream)
            else:
                self._enqueue()
            self._cuda.wait(self._stream)
        except DeviceError as error:
            raise DeviceError(f"{self._label}: {self.device} could not run the graph: {error}") from error
        return dict(self._buffers.outputs)

    def close(self) -> None:
        """Give everything back, last taken first. Pictures that are still looked at stay readable."""
        opened, self._opened, self._graph = self._opened, None, None
        if opened is not None:
            opened.close()

    def _opened_context(
        self, opened: ExitStack, plan: bytes, manifest: Manifest, specialized: Specialized | None
    ) -> Any:
        """The plan, ready to run. It keeps its engine and its runtime alive."""
        trt, (log, messages) = self._edition.trt, logger(self._edition)
        messages.forget()
        runtime = trt.Runtime(log)
        engine = runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise PlanRefused(f"{self._label}: {self._edition.title} does not take the plan: {messages.told()}")
        if messages.foreign:
            raise PlanRefused(f"{self._label}: the plan was made for another card: {messages.foreign}")
        _check_ports(engine, trt, manifest, self._label)
        config = engine.create_runtime_config()
        if specialized is not None:
            specialized.give(config)
        context = engine.create_execution_context(config)
        if context is None:
            raise DeviceError(f"{self._label}: no room to run on the card: {messages.told()}")
        opened.callback(self._let_go, [context, config, engine, runtime])
        return context

    def _let_go(self, objects: list[Any]) -> None:
        """A context may not outlive its engine, nor an engine its runtime: dropped in this order."""
        self._context = None
        while objects:
            del objects[0]

    def _on_card(self, opened: ExitStack, name: str, array: np.ndarray) -> int:
        address = self._cuda.memory(array.nbytes)
        opened.callback(self._cuda.free, address)
        if not self._context.set_tensor_address(name, address):
            raise EngineError(f"{self._label}: the plan takes no memory for port {name!r}")
        return address

    def _warm_up(self) -> None:
        """Once without a graph: what the first run sets up must not be captured."""
        self._enqueue()
        self._cuda.wait(self._stream)

    def _enqueue(self) -> None:
        for name, array in self._buffers.inputs.items():
            self._cuda.to_card(self._addresses[name], array, self._stream)
        if not self._context.execute_async_v3(self._stream):
            raise DeviceError(f"{self._label}: the network could not be started: {logger(self._edition)[1].told()}")
        for name, array in self._buffers.outputs.items():
            self._cuda.from_card(array, self._addresses[name], self._stream)

    def _capture(self, opened: ExitStack) -> None:
        if self._edition.is_rtx and not self._context.is_stream_capturable(self._stream):
            self.why += "; without a CUDA graph, since TensorRT-RTX says that this plan cannot be captured"
            return
        try:
            self._cuda.begin_capture(self._stream)
            try:
                self._enqueue()
            except DeviceError:
                self._cuda.abandon_capture(self._stream)
                raise
            self._graph = self._cuda.end_capture(self._stream)
        except DeviceError as error:
            self.why += f"; without a CUDA graph: {error}"
            return
        opened.callback(self._cuda.close_graph, self._graph)
        self.why += "; as one CUDA graph"


def _check_ports(engine: Any, trt: Any, manifest: Manifest, label: str) -> None:
    """A plan whose ports are not the manifest's would read and write beyond the buffers."""
    found = {}
    for number in range(engine.num_io_tensors):
        name = engine.get_tensor_name(number)
        goes_in = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        found[name] = (goes_in, tuple(engine.get_tensor_shape(name)), engine.get_tensor_dtype(name))
    wanted = {port.name: (True, *_form(port, trt)) for port in manifest.inputs}
    wanted.update({port.name: (False, *_form(port, trt)) for port in manifest.outputs})
    if found != wanted:
        raise PlanRefused(f"{label}: the plan has ports {_told(found)}, expected {_told(wanted)}")


def _form(port: Port, trt: Any) -> tuple[tuple[int, ...], Any]:
    return port.shape, {"uint8": trt.DataType.UINT8, "float32": trt.DataType.FLOAT}[port.dtype]


def _told(ports: dict[str, tuple]) -> str:
    return ", ".join(f"{name} {shape} {getattr(dtype, 'name', dtype)}" for name, (_, shape, dtype) in ports.items())
