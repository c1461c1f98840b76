"""What runs a bundle's graph. A backend is a module; an engine is a generator opened in one, ready to be called.

A backend module has `status()`, `precisions()` (what this machine runs well, best first) and `opened(...)`. It is
imported when it is asked for, so a machine without its library never notices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from engines.bundle import Bundle
from engines.errors import BundleError, EngineError

# Best first: this is the order in which `auto` tries them.
BACKENDS = {
    "openvino": "engines.backends.openvino",
    "onnxruntime": "engines.backends.onnxruntime",
}
PRECISIONS = ("f32", "bf16", "int8")


class Engine(Protocol):
    """A generator that is opened and ready. One thread at a time may call it.

    `why` says in words how it came to be this backend and precision, for the overlay and the log.
    """

    backend: str
    precision: str
    device: str
    why: str

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run. The arrays returned are the engine's own and hold until the next call. Raises `EngineError`."""
        ...

    def close(self) -> None:
        """Give memory and device back; it cannot be called any more."""
        ...


@dataclass(frozen=True)
class BackendStatus:
    """Whether a backend can be used on this machine, and in words why (not)."""

    name: str
    available: bool
    reason: str


def available_backends() -> list[BackendStatus]:
    """Every known backend, best first, and whether it works here."""
    return [_module(name).status() for name in BACKENDS]


def backend_precisions(backend: str) -> tuple[str, ...]:
    """The precisions that `backend` runs on this machine, fastest first."""
    return _module(backend).precisions()


def open_engine(bundle: Bundle, backend: str = "auto", precision: str = "auto", threads: int | None = None) -> Engine:
    """The bundle's generator, ready to be called.

    `auto` takes the best backend that opens it, and there int8 if the bundle holds such a graph, else bf16 if the CPU
    has it, else f32; `engine.why` tells which and what was passed over. `threads` is for the CPU; None leaves it to
    the runtime. Raises `EngineError` when it cannot be run here, `BundleError` when the bundle does not hold it.
    """
    if not bundle.manifest.graphs:
        raise BundleError(f"{bundle.label} holds no graph, so there is no engine to open")
    _check_known("backend", backend, ("auto", *BACKENDS))
    _check_known("precision", precision, ("auto", *PRECISIONS))
    if precision == "int8" and bundle.manifest.graph("int8") is None:
        raise BundleError(f"{bundle.label} holds no int8 graph; export it with one, or choose another precision")
    passed: list[str] = []
    for name in BACKENDS if backend == "auto" else (backend,):
        try:
            return _opened(bundle, name, precision, threads, passed)
        except EngineError as error:
            if backend != "auto":
                raise
            passed.append(str(error))
    raise EngineError(f"{bundle.label}: no backend runs it here: {'; '.join(passed)}")


def _opened(bundle: Bundle, backend: str, precision: str, threads: int | None, passed: list[str]) -> Engine:
    module = _module(backend)
    status = module.status()
    if not status.available:
        raise EngineError(f"{backend} cannot be used: {status.reason}")
    chosen, why = _chosen_precision(bundle, backend, precision, module.precisions())
    graph = bundle.manifest.graph(chosen if chosen == "int8" else "f32")
    assert graph is not None  # a manifest with graphs holds f32, and int8 was looked for
    why = "; ".join([why, *(f"passed over: {reason}" for reason in passed)])
    return module.opened(
        bundle.read(graph.file), bundle.manifest, f"{bundle.label}: {graph.file}", chosen, threads, why
    )


def _chosen_precision(bundle: Bundle, backend: str, asked: str, runs: tuple[str, ...]) -> tuple[str, str]:
    """The precision to open, and in words why."""
    if asked != "auto":
        if asked not in runs:
            raise EngineError(f"{backend} does not run {asked} on this machine; it runs {', '.join(runs)}")
        return asked, f"{asked} asked for"
    if "int8" in runs and bundle.manifest.graph("int8") is not None:
        return "int8", "int8 graph present"
    if "bf16" in runs:
        return "bf16", "no int8 graph; this CPU has bf16"
    return "f32", f"no int8 graph; no bf16 with {backend} here"


def _check_known(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise EngineError(f"{what} {given!r} is not known; one of {', '.join(known)}")


def _module(backend: str) -> Any:
    _check_known("backend", backend, tuple(BACKENDS))
    return import_module(BACKENDS[backend])
