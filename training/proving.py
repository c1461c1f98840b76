"""The proof that what is written is what was trained, and how far its shorter precisions are from it.

The graph is opened on OpenVINO at float32 and compared, picture by picture, with the torch network computed longhand;
int8, bf16 and f16 are compared with the graph at float32, as finished pictures.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engines.backends import backend_precisions, open_engine
from engines.backends.float16 import float16_graph
from engines.bundle import Bundle, Graph, Manifest, made_bundle
from engines.bundle.agreement import LEAST_INT8_DB, NONE_LEVELS
from engines.bundle.checking import difference
from engines.bundle.lint import check_graph_lint
from engines.errors import EngineError, UnderstudyError
from engines.images import Frame
from training.forms import Form, Plays
from training.ports import Inputs, Outputs
from training.quantization import int8_graph, psnr_db

PROVED_ON = 8
MOVES_LEVELS = 2
"""Outputs that change less than this anywhere, whatever is looked at, are those of a generator that does not look."""
FLOAT_ENDS = ((0, 0), (0, 1), (1, 1), (1, 3))
"""How many of the first and of the last convolutions stay in float32, tried in turn until int8 is near enough.

Photos' colors with all in int8: 28.3 dB at 4.5 ms; without the last one 28.2; without the first 35.2 at 4.8; without
both 42.0 at 5.5; in float32 11.1 ms (21 Nov 2026). A colorizer first takes apart 16 gray
pixels of nearly one level.
"""


class Exportable(Protocol):
    """What can be written as a bundle: a generator as it performs, its form, and inputs to judge it by, by number."""

    @property
    def form(self) -> Form: ...
    @property
    def generator(self) -> nn.Module: ...
    @property
    def judged(self) -> list[int]: ...
    @property
    def calibrated_on(self) -> list[int]: ...
    @property
    def told(self) -> str: ...

    def described(self, name: str) -> dict[str, Any]:
        """Fields of the manifest beside name, graphs and what the form says."""
        ...


def prove(bundle: Bundle, trained: Exportable) -> None:
    """Raises UnderstudyError where the graph draws something else than torch, or the same whatever it is shown."""
    inputs = [trained.form.inputs(i) for i in trained.judged[:PROVED_ON]]
    played = _played(bundle, "f32", inputs)
    for index, (fed, outputs) in enumerate(zip(inputs, played, strict=True)):
        gap = _gap(outputs, trained.form.longhand(trained.generator, fed))
        if gap > 1:
            raise UnderstudyError(
                f"the exported graph is {gap} levels of 255 off what was trained, on pair {index}; nothing was written"
            )
    if "previous" in inputs[0]:  # what only repeats its last picture does not look either
        played = _played(bundle, "f32", [{**fed, "previous": inputs[0]["previous"]} for fed in inputs])
    moves = max((_gap(other, played[0]) for other in played[1:]), default=255)
    if moves < MOVES_LEVELS:
        raise UnderstudyError(
            f"the generator shows the same picture whatever the pose (it changes by {moves} levels of 255); nothing "
            "was written: train it longer, and look at RUN/curves.png"
        )


def _gap(outputs: Outputs, others: Outputs) -> int:
    return max(int(np.abs(outputs[name].astype(int) - others[name]).max()) for name in outputs)


def int8_of(trained: Exportable, manifest: Manifest, files: dict[str, bytes]) -> tuple[bytes, float]:
    """The int8 graph with as many float layers at its ends as it takes to be near the reference, and its PSNR."""
    form = trained.form
    calibration = [form.inputs(i) for i in trained.calibrated_on]
    inputs = [form.inputs(i) for i in trained.judged]
    reference = _seen(trained, _played(made_bundle(manifest, files), "f32", inputs))
    tried = []
    for head, tail in FLOAT_ENDS:
        graph = int8_graph(files["generator.onnx"], calibration, head, tail)
        one = manifest.model_copy(
            update={"graphs": (*manifest.graphs, Graph(file="generator.int8.onnx", precision="int8"))}
        )
        played = _played(made_bundle(one, {**files, "generator.int8.onnx": graph}), "int8", inputs)
        tried.append((psnr_db(_seen(trained, played), reference), graph))
        if tried[-1][0] >= LEAST_INT8_DB:
            break
    psnr, graph = max(tried, key=lambda pair: pair[0])
    check_graph_lint(graph, "generator.int8.onnx")
    return graph, psnr


def agreement(trained: Exportable, manifest: Manifest, files: dict[str, bytes]) -> dict[str, float]:
    """How far the shorter floats are off, in levels for 99.9 % of the values.

    bf16 where this processor has it; f16, which is for cards, as ONNX Runtime rounds it without one.
    """
    chosen = trained.judged[:PROVED_ON]
    inputs = [trained.form.inputs(i) for i in chosen]

    def seen(bundle: Bundle, backend: str, precision: str) -> NDArray[np.uint8]:
        played = zip(_played(bundle, precision, inputs, backend), chosen, strict=True)
        return np.concatenate([trained.form.seen(outputs, i).ravel() for outputs, i in played])  # sizes may differ

    reference_only = manifest.model_copy(update={"graphs": manifest.graphs[:1]})
    plain = {name: data for name, data in files.items() if name != "generator.int8.onnx"}
    whole = made_bundle(reference_only, plain)
    reference, found = seen(whole, "openvino", "f32"), {}
    if "bf16" in backend_precisions("openvino"):
        found["bf16"] = difference(seen(whole, "openvino", "bf16"), reference)[0]
    try:
        half = float16_graph(files["generator.onnx"], manifest.name)
        narrow = made_bundle(reference_only, {**plain, "generator.onnx": half})
        found["f16"] = difference(seen(narrow, "onnxruntime", "f32"), reference)[0]
    except EngineError:
        found["f16"] = NONE_LEVELS
    return found


@contextmanager
def playing(bundle: Bundle, precision: str = "f32", backend: str = "openvino") -> Iterator[Plays]:
    """The engine of a graph at `precision`, closed afterwards."""
    engine = open_engine(bundle, backend, precision)
    try:
        yield lambda inputs: engine(dict(inputs))
    finally:
        engine.close()


def _played(
    bundle: Bundle, precision: str, inputs: Sequence[Inputs], backend: str = "openvino"
) -> list[dict[str, np.ndarray]]:
    with playing(bundle, precision, backend) as plays:
        return [{name: value.copy() for name, value in plays(fed).items()} for fed in inputs]


def _seen(trained: Exportable, played: Sequence[Outputs]) -> list[Frame]:
    """Finished pictures: precisions are compared as they are seen."""
    return [trained.form.seen(outputs, i) for outputs, i in zip(played, trained.judged, strict=True)]
