"""The int8 variant of a graph, calibrated on the run's own conditioning images (nncf, ONNX in and out)."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

CALIBRATION_IMAGES = 48
"""Some 8 are enough for the ranges of a BatchNorm net; more of them cover rare poses and cost a second."""


def int8_graph(
    graph: bytes, inputs: Sequence[Mapping[str, np.ndarray]], float_head: int = 0, float_tail: int = 0
) -> bytes:
    """`graph` with its convolutions in int8.

    The first `float_head` and the last `float_tail` of them stay in float32, with all that comes after the latter.

    `inputs` are what its ports are fed, to calibrate on.
    """
    import onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from engines.backends.openvino import silent_openvino

        silent_openvino()  # before nncf, which would load it with its telemetry
        import nncf

        logging.getLogger("nncf").setLevel(logging.ERROR)
        model = onnx.load_model_from_string(graph)
        convolutions = [node.name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")]
        kept = convolutions[:float_head]
        if float_tail:
            nodes = [node.name for node in model.graph.node if node.op_type != "Constant"]
            after = nodes[nodes.index(convolutions[-1]) + 1 :]
            kept += [*convolutions[len(convolutions) - float_tail :], *after]
        with contextlib.redirect_stdout(io.StringIO()):
            quantized = nncf.quantize(
                model,
                nncf.Dataset(list(inputs), dict),
                subset_size=len(inputs),
                preset=nncf.QuantizationPreset.MIXED,
                ignored_scope=nncf.IgnoredScope(names=kept) if kept else None,
            )
    return bytes(quantized.SerializeToString())


def psnr_db(pictures: Sequence[NDArray[np.uint8]], references: Sequence[NDArray[np.uint8]]) -> float:
    """Over all pixels of all pictures, in levels of 255; 99 where they are equal."""
    gaps = [np.square(a.astype(np.float64) - b).mean() for a, b in zip(pictures, references, strict=True)]
    error = float(np.mean(gaps))
    return 99.0 if error == 0 else min(99.0, float(10 * np.log10(255**2 / error)))
