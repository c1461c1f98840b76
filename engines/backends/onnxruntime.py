"""ONNX Runtime on the CPU: the second choice, and an independent opinion on what a graph computes. f32 and int8."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engines.backends import BackendStatus
from engines.backends.buffers import Buffers, sentence
from engines.bundle import Manifest
from engines.errors import EngineError
from engines.machine import version_of

_SILENT = 4  # severity: only fatal messages; what goes wrong is raised, and a warning on stderr tears the display


class OnnxRuntimeEngine:
    """A session whose inputs and outputs are bound to fixed arrays. One thread at a time."""

    backend = "onnxruntime"
    device = "CPU"

    def __init__(
        self, graph: bytes, manifest: Manifest, label: str, precision: str, threads: int | None, why: str
    ) -> None:
        import onnxruntime

        self.precision, self.why = precision, why
        self._buffers = Buffers(manifest, label)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                graph, _options(threads), providers=["CPUExecutionProvider"]
            )
            self._binding = self._session.io_binding()
            for name, array in self._buffers.inputs.items():
                self._binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
            for name, array in self._buffers.outputs.items():
                self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise EngineError(f"{label}: ONNX Runtime cannot open the graph: {sentence(error)}") from error

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run; the GIL is free meanwhile. The arrays returned hold until the next call."""
        if self._session is None:
            raise EngineError(f"{self._buffers.label}: this engine was closed")
        self._buffers.fill(inputs)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # as above
            raise EngineError(
                f"{self._buffers.label}: ONNX Runtime could not run the graph: {sentence(error)}"
            ) from error
        return dict(self._buffers.outputs)

    def close(self) -> None:
        """Let the session go."""
        self._session = self._binding = None


def opened(
    graph: bytes, manifest: Manifest, label: str, precision: str, threads: int | None, why: str
) -> OnnxRuntimeEngine:
    """The graph in a session of its own. Raises `EngineError`."""
    return OnnxRuntimeEngine(graph, manifest, label, precision, threads, why)


def status() -> BackendStatus:
    """Whether ONNX Runtime is installed."""
    installed = version_of("onnxruntime")
    if installed is None:
        return BackendStatus("onnxruntime", False, "onnxruntime is not installed")
    try:
        import onnxruntime  # noqa: F401  an installed package may still not load
    except (ImportError, OSError) as error:
        return BackendStatus("onnxruntime", False, f"onnxruntime does not start: {sentence(error)}")
    return BackendStatus("onnxruntime", True, f"onnxruntime {installed} on the CPU, {', '.join(precisions())}")


def precisions() -> tuple[str, ...]:
    """It has no bf16 convolutions on a CPU."""
    return ("int8", "f32")


def _options(threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    if threads is not None:
        options.intra_op_num_threads = threads
    # Its workers otherwise spin between two frames, on cores that the tracker needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
