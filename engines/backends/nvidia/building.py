"""From a graph to a plan: parsed and compiled by TensorRT, with progress, a way to stop it, and reasons when it fails.

Networks are strongly typed: precision is what the graph says, no flag changes it. A plan differs from build to build of
the same graph, so nothing is ever keyed on its bytes.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from engines.backends.nvidia.editions import Edition, logger
from engines.errors import EngineError

Progress = Callable[[float], bool]
"""Called with the share that is done, 0..1 and never less than before; returns False to stop the build."""

_BUILDING = threading.Lock()  # one at a time: they would share one log, and fight for the same cores


class BuildStopped(EngineError):
    """A build that somebody stopped."""


def unwatched(_share: float) -> bool:
    """The progress of a caller who does not want to see any."""
    return True


def built_plan(
    edition: Edition, graph: bytes, label: str, capability: str = "", progress: Progress = unwatched
) -> bytes:
    """The plan for a graph.

    `capability` ("8.9") is what TensorRT-RTX compiles for, with or without a card; "" is the card in this machine, and
    all that TensorRT knows. Raises `EngineError` naming the node that is refused, `BuildStopped` when `progress` asks.
    """
    with _BUILDING:
        trt, (log, messages) = edition.trt, logger(edition)
        messages.forget()
        builder = trt.Builder(log)
        if builder is None:
            raise EngineError(f"{label}: {edition.title} makes no builder: {messages.told()}")
        # The flag is deprecated in 11, where it is the only way, and needed in 10.
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, log)
        if not parser.parse(graph):
            told = _refusals(parser) or [messages.told()]
            raise EngineError(f"{label}: {edition.title} cannot open the graph: {'; '.join(told)}")
        config = builder.create_builder_config()
        _configure(edition, trt, config, capability)
        watch = _watch(trt, progress)
        config.progress_monitor = watch
        plan = builder.build_serialized_network(network, config)
        if watch.error is not None:
            raise watch.error
        if watch.stopped:
            raise BuildStopped(f"{label}: the build was stopped")
        if plan is None:
            raise EngineError(f"{label}: {edition.title} cannot compile the graph: {messages.told()}")
        progress(1.0)
        return bytes(plan)


def be_modest() -> None:
    """Give the calling thread (and those it starts) a low priority: it builds while a show plays. Linux only."""
    if sys.platform.startswith("linux"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _configure(edition: Edition, trt: Any, config: Any, capability: str) -> None:
    config.clear_flag(trt.BuilderFlag.TF32)  # f32 means f32: who wants it faster asks for f16, which says so
    if not edition.is_rtx:
        return
    # What is allocated while it runs could not be captured in a CUDA graph.
    config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    if capability:
        config.num_compute_capabilities = 1
        config.set_compute_capability(_capability(edition, trt, capability), 0)


def _capability(edition: Edition, trt: Any, capability: str) -> Any:
    if capability not in edition.capabilities():
        known = ", ".join(edition.capabilities())
        raise EngineError(f"{edition.title} does not compile for compute capability {capability!r}; it knows {known}")
    return getattr(trt.ComputeCapability, f"SM{capability.replace('.', '')}")


def _refusals(parser: Any) -> list[str]:
    """What the parser says, each with the node it stumbled over."""
    told = []
    for number in range(parser.num_errors):
        error = parser.get_error(number)
        name, operator = error.node_name(), error.node_operator()
        where = f"{operator} {name!r}: " if name or operator else ""
        told.append(where + " ".join(error.desc().split())[:300])
    return told


def _watch(trt: Any, progress: Progress) -> Any:
    """A progress monitor of the library that is in use."""

    class Watch(trt.IProgressMonitor):  # type: ignore[name-defined, misc]  # the library is imported late
        """Phases nest: a phase's own steps divide what it is of its parent's next step. Called from any thread."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.stopped = False
            self.error: BaseException | None = None
            self._lock = threading.Lock()
            self._phases: dict[str, _Phase] = {}
            self._share = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            with self._lock:
                self._phases[phase_name] = _Phase(parent_phase or "", max(1, num_steps))

        def step_complete(self, phase_name: str, step: int) -> bool:
            with self._lock:
                if phase := self._phases.get(phase_name):
                    phase.done = max(phase.done, min(step + 1, phase.steps))
                return self._tell()

        def phase_finish(self, phase_name: str) -> None:
            with self._lock:
                if phase := self._phases.get(phase_name):
                    phase.done = phase.steps
                self._tell()
                self._phases.pop(phase_name, None)

        def _tell(self) -> bool:
            self._share = max(self._share, min(1.0, _share(self._phases)))
            if not self.stopped:
                try:
                    self.stopped = not progress(self._share)
                except BaseException as error:  # it may not pass through the library, not even Ctrl-C
                    self.stopped, self.error = True, error
            return not self.stopped

    return Watch()


class _Phase:
    def __init__(self, parent: str, steps: int) -> None:
        self.parent, self.steps, self.done = parent, steps, 0


def _share(phases: dict[str, _Phase], parent: str = "") -> float:
    """How much of `parent` is done: its finished steps, and the part of one that its inner phases have done."""
    inside: Sequence[float] = [
        min(1.0, (phase.done + (_share(phases, name) if phase.done < phase.steps else 0.0)) / phase.steps)
        for name, phase in phases.items()
        if phase.parent == parent
    ]
    return max(inside, default=0.0)
