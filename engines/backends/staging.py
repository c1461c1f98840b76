"""An engine for the stage: plays at once on what is ready, moves up when something better is built, steps down when a
card fails. Every change happens between two frames, and `why` tells of it.
"""

import logging
import threading
from collections.abc import Collection, Mapping

import numpy as np

from engines.backends import BACKENDS, Compiles, Engine, backend_named, graph_for, open_engine
from engines.backends.around import Around
from engines.backends.buffers import sentence
from engines.backends.nvidia.building import BuildStopped, be_modest
from engines.bundle import Bundle
from engines.errors import DeviceError, EngineError

log = logging.getLogger(__name__)

_NOT_YET = "its plan is not built yet"

JOIN_S = 0.5  # a compiler stops at its next step; a show that ends does not wait for it


class StageEngine(Around):
    """The engine that `open_engine` would give, without the wait for its plan and without its last word.

    Called by one thread at a time; building happens in a thread of its own, at low priority. Raises `EngineError` as
    `open_engine` does when nothing can be opened at all.
    """

    def __init__(
        self, bundle: Bundle, backend: str = "auto", precision: str = "auto", threads: int | None = None
    ) -> None:
        self._bundle, self._backend, self._precision, self._threads = bundle, backend, precision, threads
        self._fallen: dict[str, str] = {}  # backends that are not to be tried again, with the reason
        self._better: Engine | None = None
        self._standby: Engine | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._share: float | None = None  # of the plan that is being built
        unbuilt = _unbuilt(bundle, backend, precision)
        self._engine = self._first(unbuilt)
        self._builder = threading.Thread(target=self._build, args=(unbuilt,), name="building a plan", daemon=True)
        if unbuilt:
            self._share = 0.0
            self._builder.start()

    @property
    def why(self) -> str:
        """Of the engine in use; and what is being built, and what failed."""
        share = self._share
        building = [f"a better one is being built: {share:.0%}"] if share is not None else []
        fallen = [f"stepped down from {name}: {reason}" for name, reason in self._fallen.items()]
        return "; ".join([self._engine.why, *building, *fallen])

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One run on the best engine there is by now. Raises `EngineError`."""
        if self._better is not None:
            self._move_up()
        try:
            return self._engine(inputs)
        except DeviceError as error:
            if self._closing.is_set():
                raise
            self._step_down(error)
        return self._engine(inputs)

    def close(self) -> None:
        """Stop building, and close what is open."""
        self._closing.set()
        if self._builder.is_alive():
            self._builder.join(JOIN_S)
        with self._lock:
            for engine in (self._engine, self._better, self._standby):
                if engine is not None:
                    engine.close()
            self._better = self._standby = None

    def _first(self, unbuilt: list[str]) -> Engine:
        """The best that opens in a moment; whoever asked for a backend by name gets it as soon as it is built."""
        if not unbuilt:
            return open_engine(self._bundle, self._backend, self._precision, self._threads)
        return self._opened_now(dict.fromkeys(unbuilt, _NOT_YET))

    def _opened_now(self, avoid: dict[str, str]) -> Engine:
        """The best engine but for those to `avoid` and whatever else would have to be waited for."""
        # A precision that was asked of one backend need not be known to another; int8 is a graph of the bundle.
        precision = self._precision if self._precision == "int8" else "auto"
        waits = dict.fromkeys(_unbuilt(self._bundle, "auto", precision, avoid), _NOT_YET)
        return open_engine(self._bundle, "auto", precision, self._threads, avoid={**waits, **avoid})

    def _build(self, names: list[str]) -> None:
        be_modest()
        for name in names:
            try:
                engine = self._built(name)
            except BuildStopped:
                break
            except Exception as error:  # whatever goes wrong while building, the show goes on as it is
                log.error("%s: %s is not used: %s", self._bundle.label, name, error, exc_info=error)
                self._fallen[name] = sentence(error)
                continue
            with self._lock:
                if self._closing.is_set():
                    engine.close()
                else:
                    self._better = engine
            break
        self._share = None

    def _built(self, name: str) -> Engine:
        """Compiled, opened and tried: what fails should fail here, not before an audience."""
        graph, label, chosen, _ = graph_for(self._bundle, name, self._precision)
        backend_named(name).compiled(graph, label, chosen, self._progress)
        engine = open_engine(self._bundle, name, chosen, self._threads)
        try:
            engine({port.name: np.zeros(port.shape, port.dtype) for port in self._bundle.manifest.inputs})
        except EngineError:
            engine.close()
            raise
        return engine

    def _progress(self, share: float) -> bool:
        self._share = share
        return not self._closing.is_set()

    def _move_up(self) -> None:
        """The old engine stays open: it is where the show goes on when the new one fails."""
        with self._lock:
            if self._better is not None:
                self._standby, self._engine, self._better = self._engine, self._better, None
                log.info("%s: from now on %s", self._bundle.label, self._engine.why)

    def _step_down(self, error: DeviceError) -> None:
        """Go on with the next best engine. Raises the error where there is none."""
        failed = self._engine
        log.error("%s: %s failed and is left: %s", self._bundle.label, failed.backend, error, exc_info=error)
        self._fallen[failed.backend] = str(error)
        standby, self._standby = self._standby, None
        try:
            self._engine = standby or self._opened_now(self._fallen)
        except EngineError:
            raise error from None
        failed.close()


def _unbuilt(bundle: Bundle, backend: str, precision: str, avoid: Collection[str] = ()) -> list[str]:
    """The backends that would be taken but for a plan that is not built yet, best first; none of `avoid`."""
    found = []
    for name in BACKENDS if backend == "auto" else (backend,):
        try:
            if name in avoid or name not in BACKENDS or not (one := backend_named(name)).status().available:
                continue
            if not isinstance(one, Compiles):
                break
            graph, _, chosen, _ = graph_for(bundle, name, precision)
            if one.is_ready(graph, chosen):
                break
        except EngineError:  # `open_engine` comes to the same, and tells
            continue
        found.append(name)
    return found
