"""OpenVINO: the CPU's default (f32, bf16 where the CPU has it, int8), and Intel's graphics where there are some.

No compiled-model cache: opening takes 0.1 s for a live net and 0.7 s for 54 M parameters without one, and OpenVINO does
not check what it reads back (measured: 4,000 flipped bytes in a cached blob opened without a word and drew garbage).
"""

import math
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from engines.backends import BackendStatus
from engines.backends.buffers import Buffers, sentence
from engines.bundle import Manifest
from engines.errors import BundleError, DeviceError, EngineError
from engines.machine import version_of

TENSOR_LIMIT = 1 << 28  # values: a gibibyte in f32, sixteen times 64 channels at 512 x 512


class OpenVinoEngine:
    """A compiled model and its one inference request, bound to fixed arrays. One thread at a time."""

    def __init__(
        self,
        backend: "OpenVino",
        graph: bytes,
        manifest: Manifest,
        label: str,
        precision: str,
        threads: int | None,
        why: str,
    ) -> None:
        openvino = silent_openvino()
        self.backend, self.device, self.precision, self.why = backend.name, backend.device, precision, why
        self._buffers = Buffers(manifest, label)
        try:
            model = _core().read_model(graph)
            _check_tensors(model, label)
            if precision == "bf16":
                _keep_first_sums_wide(model)
            compiled = _core().compile_model(model, backend.device, _settings(backend.device, precision, threads))
            self._request: Any = compiled.create_infer_request()
            # A shared tensor does not keep its array alive: self._buffers does.
            for name, array in (*self._buffers.inputs.items(), *self._buffers.outputs.items()):
                self._request.set_tensor(name, openvino.Tensor(array, shared_memory=True))
        except RuntimeError as error:
            raise EngineError(f"{label}: OpenVINO cannot open the graph: {sentence(error)}") from error

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run; the GIL is free meanwhile. The arrays returned hold until the next call."""
        if self._request is None:
            raise EngineError(f"{self._buffers.label}: this engine was closed")
        self._buffers.fill(inputs)
        try:
            # Not infer(): that gathers the outputs into a new dictionary of copies each time.
            self._request.start_async()
            self._request.wait()
        except RuntimeError as error:
            told = f"{self._buffers.label}: OpenVINO could not run the graph: {sentence(error)}"
            raise (EngineError if self.device == "CPU" else DeviceError)(told) from error
        return dict(self._buffers.outputs)

    def close(self) -> None:
        """Let the compiled model go."""
        self._request = None


@dataclass(frozen=True)
class OpenVino:
    """One device of OpenVINO as a backend; `device` is OpenVINO's name for it."""

    name: str
    device: str

    def status(self) -> BackendStatus:
        """Whether OpenVINO is installed and finds the device."""
        installed = version_of("openvino")
        if installed is None:
            return BackendStatus(self.name, False, "openvino is not installed")
        try:
            devices = _core().available_devices
            if not any(device.split(".")[0] == self.device for device in devices):
                return BackendStatus(self.name, False, f"openvino {installed} finds no Intel {self.device}")
            called = str(_core().get_property(self.device, "FULL_DEVICE_NAME")).strip()
        except (ImportError, OSError, RuntimeError) as error:
            return BackendStatus(self.name, False, f"openvino does not start: {sentence(error)}", matters=True)
        return BackendStatus(self.name, True, f"openvino {installed} on {called}, {', '.join(self.precisions())}")

    def precisions(self) -> tuple[str, ...]:
        """What the device runs, fastest first."""
        try:
            return _precisions(self.device)
        except RuntimeError:  # there is no such device
            return ()

    def opened(
        self, graph: bytes, manifest: Manifest, label: str, precision: str, threads: int | None, why: str
    ) -> OpenVinoEngine:
        """The graph compiled for the device. Raises `EngineError`."""
        return OpenVinoEngine(self, graph, manifest, label, precision, threads, why)


CPU = OpenVino("openvino", "CPU")
GPU = OpenVino("openvino_gpu", "GPU")


@cache
def _precisions(device: str) -> tuple[str, ...]:
    """bf16 only where it is native: emulated it is slower than f32."""
    capabilities = _core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    if device == "CPU":
        return ("int8", "bf16", "f32") if "BF16" in capabilities else ("int8", "f32")
    return (*(name for name, key in (("int8", "INT8"), ("f16", "FP16")) if key in capabilities), "f32")


@cache
def _core() -> Any:
    """One for the process: each holds the device plug-ins loaded."""
    return silent_openvino().Core()


def silent_openvino() -> Any:
    """The library without its telemetry, which would send an event over the network at each import, mid-show.

    Without the telemetry package it uses a stub of its own (openvino/tools/ovc/telemetry_utils.py).
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


def check_sizes(graph: bytes, label: str) -> None:
    """Refuse, for backends that do not tell shapes before they fill memory, what this one would refuse.

    What OpenVINO cannot read it cannot judge: then the backend's own words are waited for. Raises `BundleError`.
    """
    try:
        model = _core().read_model(graph)
    except (ImportError, OSError, RuntimeError):
        return
    _check_tensors(model, label)


def _check_tensors(model: Any, label: str) -> None:
    """Refuse what would fill the memory while it is compiled: a few bytes of graph can ask for any size inside."""
    for operation in model.get_ops():
        for output in operation.outputs():
            shape = output.get_partial_shape()
            if shape.is_dynamic:
                raise BundleError(
                    f"{label}: {operation.get_friendly_name()} has no fixed shape ({shape}); export it with fixed sizes"
                )
            if math.prod(int(axis.get_length()) for axis in shape) > TENSOR_LIMIT:
                raise BundleError(
                    f"{label}: {operation.get_friendly_name()} makes a tensor of {shape}; "
                    f"at most {TENSOR_LIMIT >> 20} Mi values are run"
                )


def _keep_first_sums_wide(model: Any) -> None:
    """In bf16, have the convolutions that look at a port write float32.

    OpenVINO rounds what a convolution sums up before it adds the bias. A picture is mostly -1 (black), so those sums
    are large and the bias takes most of them away again: of eight bits few are left (the Firebird was 6 levels off,
    with this 1; 2026-11-21, no slower). No setting changes it, and rt_info does not; but what an output of the model
    needs is kept in float32 as far as the last convolution before it. So one value of each becomes an output that
    nobody reads.
    """
    from openvino import opset8

    behind: dict[str, bool] = {}  # what depends on a port, and whether on a convolution of it
    first = []
    for operation in model.get_ordered_ops():
        kind, name = operation.get_type_name(), operation.get_friendly_name()
        looked_at = [behind[source] for source in _sources(operation) if source in behind]
        if kind == "Parameter":
            behind[name] = False
        elif looked_at and kind != "ShapeOf":
            is_convolution = kind in ("Convolution", "GroupConvolution")
            if is_convolution and not any(looked_at):
                first.append(operation)
            behind[name] = is_convolution or any(looked_at)
    for convolution in first:
        last = _with_bias(convolution, behind)
        rank = len(last.get_output_partial_shape(0))
        value = opset8.slice(last.output(0), [0] * rank, [1] * rank, [1] * rank)
        model.add_results([opset8.result(value)])


def _with_bias(convolution: Any, varying: Collection[str]) -> Any:
    """The last operation that is computed together with a convolution: its bias, and a ReLU."""
    last = convolution
    while True:
        readers = [value.get_node() for value in last.output(0).get_target_inputs()]
        readers = [reader for reader in readers if reader.get_type_name() != "ShapeOf"]
        if len(readers) != 1 or readers[0].get_type_name() not in ("Add", "Relu", "PRelu"):
            return last
        if sum(source in varying for source in _sources(readers[0])) > 1:  # an Add of two features is no bias
            return last
        last = readers[0]


def _sources(operation: Any) -> list[str]:
    return [value.get_source_output().get_node().get_friendly_name() for value in operation.inputs()]


def _settings(device: str, precision: str, threads: int | None) -> dict[str, Any]:
    # With no hint OpenVINO takes bf16 by itself where the CPU has it, so f32 must be said. An int8 graph runs its
    # few unquantized layers in f32: no slower (MEASURED: int8 with the bf16 hint is the same), and steadier.
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision if precision in ("bf16", "f16") else "f32",
    }
    if threads is not None and device == "CPU":
        settings["INFERENCE_NUM_THREADS"] = threads
    return settings
