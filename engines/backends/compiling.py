"""`understudy compile`: plans built ahead of the show, so that nothing is compiled while people wait."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from engines.backends import BACKENDS, Compiles, backend_named, graph_for
from engines.backends.nvidia.building import Progress, unwatched
from engines.bundle import Bundle
from engines.errors import EngineError


@dataclass(frozen=True)
class Compiled:
    """One plan: for which backend, precision and compute capability ("" is the card here); `kept` "" or why not."""

    backend: str
    precision: str
    capability: str
    took_s: float
    kept: str


def compile_bundle(
    bundle: Bundle,
    backend: str = "auto",
    precision: str = "auto",
    capabilities: Sequence[str] = (),
    progress: Progress = unwatched,
) -> list[Compiled]:
    """Build and keep what `backend` needs to open `bundle` at once.

    `capabilities` ("8.9", ...) are compiled for by TensorRT-RTX without a card; none means the card in this machine.
    `auto` is the first backend that compiles and is there. Raises `EngineError` naming the node that is refused.
    """
    name = _chosen(backend, bool(capabilities))
    graph, label, chosen, _ = graph_for(bundle, name, precision)
    wanted = list(capabilities) or [""]
    done = []
    for number, capability in enumerate(wanted):
        started = time.perf_counter()
        # Of several plans each has its part of the bar.
        kept = backend_named(name).compiled(
            graph, label, chosen, lambda share, number=number: progress((number + share) / len(wanted)), capability
        )
        done.append(Compiled(name, chosen, capability, time.perf_counter() - started, kept))
    progress(1.0)
    return done


def _chosen(backend: str, without_card: bool) -> str:
    compiling = [name for name in BACKENDS if isinstance(backend_named(name), Compiles)]
    if backend != "auto":
        if backend in BACKENDS and backend not in compiling:
            raise EngineError(f"{backend} compiles when it opens a bundle; {' and '.join(compiling)} build ahead")
        return backend
    if without_card:
        return "rtx"
    reasons = []
    for name in compiling:
        status = backend_named(name).status()
        if status.available:
            return name
        reasons.append(f"{name}: {status.reason}")
    raise EngineError(f"nothing here needs a plan ({'; '.join(reasons)}); with --for 8.9 one is built for another card")
