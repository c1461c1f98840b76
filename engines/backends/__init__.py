"""What runs a bundle's graph. A backend is an object; an engine is a generator opened in one, ready to be called.

A backend has `status()`, `precisions()` (what this machine runs well, best first) and `opened(...)`; one that compiles
first also has what `Compiles` says. Its module is imported when it is asked for, so a machine without its library never
notices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np

from engines.atlas.engine import AtlasEngine
from engines.bundle import Bundle, Manifest
from engines.bundle.agreement import objection
from engines.errors import BundleError, EngineError

# Best first: this is the order in which `auto` tries them. CoreML and Intel's graphics stand behind the CPU until
# somebody has measured that they are faster; they are taken when asked for by name.
BACKENDS = {
    "rtx": "engines.backends.tensorrt:RTX",
    "tensorrt": "engines.backends.tensorrt:TENSORRT",
    "cuda": "engines.backends.onnxruntime:CUDA",
    "directml": "engines.backends.onnxruntime:DIRECTML",
    "openvino": "engines.backends.openvino:CPU",
    "onnxruntime": "engines.backends.onnxruntime:CPU",
    "coreml": "engines.backends.onnxruntime:COREML",
    "openvino_gpu": "engines.backends.openvino:GPU",
}
PRECISIONS = ("f32", "bf16", "f16", "int8")


class Engine(Protocol):
    """A generator that is opened and ready. One thread at a time may call it.

    `why` says in words how it came to be this backend and precision, for the overlay and the log.
    """

    @property
    def backend(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def why(self) -> str: ...

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run. The arrays returned are the engine's own and hold until the next call. Raises `EngineError`."""
        ...

    def close(self) -> None:
        """Give memory and device back; it cannot be called any more."""
        ...


@dataclass(frozen=True)
class BackendStatus:
    """Whether a backend can be used on this machine, and in words why (not).

    `matters`: it is not available although its device or its library is there, which whoever plays should be told.
    """

    name: str
    available: bool
    reason: str
    matters: bool = False


class Backend(Protocol):
    """A way to run graphs on this machine."""

    def status(self) -> BackendStatus: ...
    def precisions(self) -> tuple[str, ...]: ...
    def opened(
        self, graph: bytes, manifest: Manifest, label: str, precision: str, threads: int | None, why: str
    ) -> Engine: ...


@runtime_checkable
class Compiles(Protocol):
    """A backend that compiles a graph before it runs it, and keeps what it made."""

    def is_ready(self, graph: bytes, precision: str) -> bool:
        """Whether opening takes a moment, and not a build."""
        ...

    def compiled(
        self, graph: bytes, label: str, precision: str, progress: Callable[[float], bool], capability: str = ""
    ) -> str:
        """Build and keep it; `progress` gets the share done and returns False to stop. "" or why it was not kept."""
        ...


def available_backends() -> list[BackendStatus]:
    """Every known backend, best first, and whether it works here."""
    return [backend_named(name).status() for name in BACKENDS]


def backend_precisions(backend: str) -> tuple[str, ...]:
    """The precisions that `backend` runs on this machine, fastest first."""
    return backend_named(backend).precisions()


def open_engine(
    bundle: Bundle,
    backend: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    avoid: Mapping[str, str] | None = None,
) -> Engine:
    """The bundle's generator, ready to be called.

    `auto` takes the best backend that opens it, and there int8 if the bundle holds such a graph and the backend runs
    it, else the shortest float that the device has, but none that the bundle is known not to bear; `engine.why` tells
    which, and what was passed over. `threads` is for the CPU; None leaves it to the runtime. `avoid` are backends that
    `auto` passes over, with the reason. An atlas without a graph performs by itself, whatever is asked for. Raises
    `EngineError` when it cannot be run here, `BundleError` when the bundle does not hold it.
    """
    if not bundle.manifest.graphs and bundle.atlas is not None:
        return AtlasEngine()
    _check_asked(bundle, backend, precision)
    passed: list[str] = []
    reasons: list[str] = []
    for name in BACKENDS if backend == "auto" else (backend,):
        if backend == "auto" and avoid and name in avoid:
            passed.append(f"{name}: {avoid[name]}")
            continue
        try:
            return _opened(bundle, name, precision, threads, passed)
        except NotHere as error:
            if backend != "auto":
                raise
            reasons.append(str(error))
            if error.matters:
                passed.append(str(error))
        except EngineError as error:
            if backend != "auto":
                raise
            passed.append(str(error))
    raise EngineError(f"{bundle.label}: no backend runs it here: {'; '.join(dict.fromkeys([*passed, *reasons]))}")


def graph_for(bundle: Bundle, backend: str, precision: str = "auto") -> tuple[bytes, str, str, str]:
    """What `backend` would open: the graph's bytes, how to call it, its precision, and why that one.

    Raises `EngineError` or `BundleError` as `open_engine` does.
    """
    _check_asked(bundle, backend, precision)
    chosen, why = _chosen_precision(bundle, backend, precision, backend_precisions(backend))
    graph = bundle.manifest.graph(chosen if chosen == "int8" else "f32")
    assert graph is not None  # a manifest with graphs holds f32, and int8 was looked for
    data, label = bundle.read(graph.file), f"{bundle.label}: {graph.file}"
    if not backend.startswith("openvino"):  # which looks at what it reads anyway
        from engines.backends.openvino import check_sizes

        check_sizes(data, label)
    return data, label, chosen, why


def backend_named(backend: str) -> Any:
    """The `Backend` of that name, its module imported now."""
    _check_known("backend", backend, tuple(BACKENDS))
    module, _, name = BACKENDS[backend].partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


class NotHere(EngineError):
    """A backend that this machine does not have."""

    def __init__(self, status: BackendStatus) -> None:
        super().__init__(f"{status.name} cannot be used: {status.reason}")
        self.matters = status.matters


def _opened(bundle: Bundle, backend: str, precision: str, threads: int | None, passed: list[str]) -> Engine:
    found = backend_named(backend)
    status = found.status()
    if not status.available:
        raise NotHere(status)
    graph, label, chosen, why = graph_for(bundle, backend, precision)
    why = "; ".join([why, *(f"passed over: {reason}" for reason in passed)])
    return found.opened(graph, bundle.manifest, label, chosen, threads, why)


def _chosen_precision(bundle: Bundle, backend: str, asked: str, runs: tuple[str, ...]) -> tuple[str, str]:
    """The precision to open, and in words why."""
    if asked != "auto":
        if asked not in runs:
            raise EngineError(f"{backend} does not run {asked} on this machine; it runs {', '.join(runs) or 'nothing'}")
        return asked, f"{asked} asked for"
    has_int8 = bundle.manifest.graph("int8") is not None
    objections = []
    for precision, why in (
        ("int8", "int8 graph present"),
        ("f16", "f16 derived from the f32 graph"),
        ("bf16", "this CPU has bf16" if has_int8 else "no int8 graph; this CPU has bf16"),
    ):
        if precision not in runs or (precision == "int8" and not has_int8):
            continue
        if told := objection(bundle.manifest, precision):
            objections.append(told)
            continue
        return precision, "; ".join([why, *objections])
    return "f32", "; ".join(objections) or f"no int8 graph; no bf16 with {backend} here"


def _check_asked(bundle: Bundle, backend: str, precision: str) -> None:
    if not bundle.manifest.graphs:
        raise BundleError(f"{bundle.label} holds no graph, so there is no engine to open")
    _check_known("backend", backend, ("auto", *BACKENDS))
    _check_known("precision", precision, ("auto", *PRECISIONS))
    if precision == "int8" and bundle.manifest.graph("int8") is None:
        raise BundleError(f"{bundle.label} holds no int8 graph; export it with one, or choose another precision")


def _check_known(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise EngineError(f"{what} {given!r} is not known; one of {', '.join(known)}")
