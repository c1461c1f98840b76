"""ONNX Runtime on an NVIDIA card: everything on the card at fixed addresses, replayed as one CUDA graph.

Never run on a card so far (docs/performance.md, "unproven").
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.backends.buffers import Buffers, sentence
from engines.backends.nvidia.cuda import cuda
from engines.bundle import Manifest
from engines.errors import DeviceError, EngineError

if TYPE_CHECKING:
    from engines.backends.onnxruntime import OnnxRuntime


class CudaSession:
    """A session whose ports stay on the card. One thread at a time."""

    backend = "cuda"

    def __init__(
        self, backend: "OnnxRuntime", graph: bytes, manifest: Manifest, label: str, precision: str, why: str
    ) -> None:
        import onnxruntime

        from engines.backends.onnxruntime import session_options

        self._cuda = cuda()
        self.device, self.precision = self._cuda.card().name, precision
        self.why = f"{why}; as one CUDA graph"
        options = session_options()
        # A node that runs on the CPU would end the CUDA graph, and cost two copies a frame that nobody is told of.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        self._session: Any = backend.session(graph, label, options)
        self._buffers = Buffers(manifest, label, self._cuda.pinned)
        values = onnxruntime.OrtValue
        self._stream = self._cuda.stream()
        try:
            self._binding: Any = self._session.io_binding()
            self._inputs = {
                name: values.ortvalue_from_numpy(array, "cuda", 0) for name, array in self._buffers.inputs.items()
            }
            self._outputs = {
                name: values.ortvalue_from_shape_and_type(array.shape, array.dtype, "cuda", 0)
                for name, array in self._buffers.outputs.items()
            }
            for name, value in self._inputs.items():
                self._binding.bind_ortvalue_input(name, value)
            for name, value in self._outputs.items():
                self._binding.bind_ortvalue_output(name, value)
            self._session.run_with_iobinding(self._binding)  # the first run captures the graph
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            self.close()
            raise EngineError(f"{label}: ONNX Runtime cannot open the graph: {sentence(error)}") from error

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run; the GIL is free meanwhile. The arrays returned hold until the next call."""
        if self._session is None:
            raise EngineError(f"{self._buffers.label}: this engine was closed")
        self._buffers.fill(inputs)
        try:
            for name, value in self._inputs.items():
                value.update_inplace(self._buffers.inputs[name])
            self._session.run_with_iobinding(self._binding)
            self._binding.synchronize_outputs()
            for name, array in self._buffers.outputs.items():
                self._cuda.from_card(array, self._outputs[name].data_ptr(), self._stream)
            self._cuda.wait(self._stream)
        except Exception as error:  # as above
            raise DeviceError(
                f"{self._buffers.label}: ONNX Runtime could not run the graph: {sentence(error)}"
            ) from error
        return dict(self._buffers.outputs)

    def close(self) -> None:
        """Let the session and its memory go. Pictures that are still looked at stay readable."""
        if self._session is not None:
            self._session = self._binding = None
            self._inputs = self._outputs = {}
            self._cuda.close_stream(self._stream)
