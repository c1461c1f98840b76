"""ONNX Runtime: an independent opinion on what a graph computes (CPU), and the way onto cards that have no other.

Which providers there are is decided by which of its packages is installed: onnxruntime brings CPU (on a Mac CoreML),
onnxruntime-gpu CUDA, onnxruntime-directml DirectML. They share one folder: only one of them may be installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.backends import BackendStatus, Engine
from engines.backends.buffers import Buffers, sentence
from engines.bundle import Manifest
from engines.errors import DeviceError, EngineError
from engines.machine import version_of

SILENT = 4  # severity: only fatal messages; what goes wrong is raised, and a warning on stderr tears the display


@dataclass(frozen=True)
class OnnxRuntime:
    """One provider of ONNX Runtime as a backend."""

    name: str
    provider: str
    device: str
    package: str
    runs: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)

    def status(self) -> BackendStatus:
        """Whether the provider is part of what is installed. That its device works is only known when it is opened."""
        installed = version_of(self.package) or version_of("onnxruntime")
        if installed is None:
            return BackendStatus(self.name, False, f"{self.package} is not installed")
        try:
            import onnxruntime

            has = onnxruntime.get_available_providers()
        except (ImportError, OSError, AttributeError) as error:  # two packages in one folder leave it without names
            return BackendStatus(self.name, False, f"onnxruntime does not start: {sentence(error)}", matters=True)
        if self.provider not in has:
            return self._missing(installed)
        return BackendStatus(self.name, True, f"onnxruntime {installed} on {self.device}, {', '.join(self.runs)}")

    def _missing(self, installed: str) -> BackendStatus:
        """Where the provider's package is there and its provider is not, plain onnxruntime was installed over it."""
        told = f"onnxruntime {installed} has no {self.provider}"
        if self.package == "onnxruntime":
            return BackendStatus(self.name, False, told)
        if version_of(self.package) is None:
            return BackendStatus(self.name, False, f"{told}; {self.package} brings it")
        do = f"pip uninstall -y onnxruntime {self.package}, then pip install {self.package}"
        return BackendStatus(self.name, False, f"{told}, since onnxruntime was installed over it; {do}", matters=True)

    def precisions(self) -> tuple[str, ...]:
        """It has no bf16 convolutions on a CPU; on a card f16 is a graph of its own."""
        return self.runs

    def opened(
        self, graph: bytes, manifest: Manifest, label: str, precision: str, threads: int | None, why: str
    ) -> Engine:
        """The graph in a session of its own. Raises `EngineError`."""
        if precision == "f16":
            from engines.backends.tensorrt import derived_float16

            graph = derived_float16(graph, label)
        if self.name == "cuda":
            from engines.backends.onnxruntime_cuda import CudaSession

            return CudaSession(self, graph, manifest, label, precision, why)
        return OnnxRuntimeEngine(self, graph, manifest, label, precision, threads, why)

    def session(self, graph: bytes, label: str, options: Any) -> Any:
        """Raises `EngineError`, also where the provider would silently have been replaced by the CPU."""
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(graph, options, providers=[(self.provider, dict(self.settings))])
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise EngineError(f"{label}: ONNX Runtime cannot open the graph: {sentence(error)}") from error
        if session.get_providers()[0] != self.provider:
            raise EngineError(f"{label}: ONNX Runtime's {self.provider} does not start on this machine")
        return session


class OnnxRuntimeEngine:
    """A session whose inputs and outputs are bound to fixed arrays in host memory. One thread at a time."""

    def __init__(
        self,
        backend: OnnxRuntime,
        graph: bytes,
        manifest: Manifest,
        label: str,
        precision: str,
        threads: int | None,
        why: str,
    ) -> None:
        self.backend, self.device, self.precision, self.why = backend.name, backend.device, precision, why
        self._buffers = Buffers(manifest, label)
        self._session = backend.session(graph, label, session_options(threads))
        try:
            self._binding = self._session.io_binding()
            for name, array in self._buffers.inputs.items():
                self._binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            for name, array in self._buffers.outputs.items():
                self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        except Exception as error:  # as in `session`
            raise EngineError(f"{label}: ONNX Runtime cannot open the graph: {sentence(error)}") from error

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run; the GIL is free meanwhile. The arrays returned hold until the next call."""
        if self._session is None:
            raise EngineError(f"{self._buffers.label}: this engine was closed")
        self._buffers.fill(inputs)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # as in `session`
            told = f"{self._buffers.label}: ONNX Runtime could not run the graph: {sentence(error)}"
            raise (EngineError if self.device == "CPU" else DeviceError)(told) from error
        return dict(self._buffers.outputs)

    def close(self) -> None:
        """Let the session go."""
        self._session = self._binding = None


def session_options(threads: int | None = None) -> Any:
    """Quiet, and no worker that spins between two frames on a core that the tracker needs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    if threads is not None:
        options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


CPU = OnnxRuntime("onnxruntime", "CPUExecutionProvider", "CPU", "onnxruntime", ("int8", "f32"))
CUDA = OnnxRuntime(
    "cuda",
    "CUDAExecutionProvider",
    "NVIDIA card",
    "onnxruntime-gpu",
    ("f16", "f32"),
    {"device_id": "0", "enable_cuda_graph": "1", "use_tf32": "0"},
)
DIRECTML = OnnxRuntime("directml", "DmlExecutionProvider", "DirectX card", "onnxruntime-directml", ("f16", "f32"))
COREML = OnnxRuntime(
    "coreml", "CoreMLExecutionProvider", "Apple GPU", "onnxruntime", ("f32",), {"ModelFormat": "MLProgram"}
)
