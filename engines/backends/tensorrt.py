"""TensorRT in both editions: one plan for a graph, a precision and a card, built once on this machine and kept.

f32 and f16. No int8: whether it is faster for these generators was never measured, and nothing is claimed unmeasured.
"""

import hashlib
import platform
from functools import cache
from typing import Any

from engines.backends import BackendStatus
from engines.backends.float16 import VERSION as FLOAT16_VERSION
from engines.backends.float16 import float16_graph
from engines.backends.kept import Kept, key_of
from engines.backends.nvidia.building import Progress, built_plan, unwatched
from engines.backends.nvidia.cuda import Card, Cuda, cuda
from engines.backends.nvidia.editions import RTX as RTX_EDITION
from engines.backends.nvidia.editions import TENSORRT as TENSORRT_EDITION
from engines.backends.nvidia.editions import Edition
from engines.backends.nvidia.execution import PlanRefused, TensorRtEngine
from engines.backends.nvidia.specialized import Specialized
from engines.bundle import Manifest
from engines.errors import EngineError
from engines.machine import gpus


class TensorRt:
    """One edition as a backend. Plans are kept in `kept`; `cuda` opens the CUDA runtime."""

    def __init__(self, edition: Edition, kept: Kept | None = None, cuda: Any = cuda) -> None:
        self.edition, self._kept_in, self._cuda = edition, kept, cuda

    def status(self) -> BackendStatus:
        """Whether the library loads and there is a card that it runs on. Takes nothing of the card."""
        name, edition = self.edition.name, self.edition
        if not edition.is_installed:
            there = _cards_told()
            told = f'{edition.package} is not installed; pip install -e ".[{edition.extra}]"'
            return BackendStatus(name, False, f"{told} for {there}" if there else told, matters=bool(there))
        try:
            card = self._card(self._cuda())
            _ = edition.trt
        except EngineError as error:
            return BackendStatus(name, False, str(error), matters=True)
        told = f"{edition.title} {edition.version} on {card.name}, {', '.join(self.precisions())}"
        return BackendStatus(name, True, told)

    def precisions(self) -> tuple[str, ...]:
        return ("f16", "f32")

    def is_ready(self, graph: bytes, precision: str) -> bool:
        """Whether the plan lies ready, so that opening takes a moment and not a build."""
        return self._kept.holds(self._key(graph, precision, self._target(self._card(self._cuda()))))

    def compiled(
        self, graph: bytes, label: str, precision: str, progress: Progress = unwatched, capability: str = ""
    ) -> str:
        """Build and keep the plan for the card in this machine, or (TensorRT-RTX) for any card of a `capability`.

        Returns "" or why it could not be kept. Raises `EngineError`.
        """
        if capability and not self.edition.is_rtx:
            raise EngineError(f"{label}: only TensorRT-RTX compiles for a card that is not there; use --backend rtx")
        if not capability:
            capability = self._target(self._card(self._cuda()))
        return self._plan(graph, label, precision, capability, progress)[1]

    def opened(
        self,
        graph: bytes,
        manifest: Manifest,
        label: str,
        precision: str,
        threads: int | None,  # noqa: ARG002  it is for CPUs
        why: str,
    ) -> TensorRtEngine:
        """The graph on the card, its plan built if there is none. Raises `EngineError`."""
        cuda, edition = self._cuda(), self.edition
        card = self._card(cuda)
        target = self._target(card)
        plan, unkept = self._plan(graph, label, precision, target)
        said = "; ".join([why, *([f"its plan is built at every start, since {unkept}"] if unkept else [])])
        key = self._key(graph, precision, target)
        specialized = Specialized(self._kept, key_of("specialized", key, card.identity)) if edition.is_rtx else None
        try:
            return TensorRtEngine(edition, cuda, card, plan, manifest, label, precision, said, specialized)
        except PlanRefused:
            plan = built_plan(edition, self._graph(graph, label, precision), label, self._for(target))
            self._kept.write(key, plan)
            return TensorRtEngine(edition, cuda, card, plan, manifest, label, precision, said, specialized)

    def _plan(
        self, graph: bytes, label: str, precision: str, target: str, progress: Progress = unwatched
    ) -> tuple[bytes, str]:
        def build() -> bytes:
            return built_plan(self.edition, self._graph(graph, label, precision), label, self._for(target), progress)

        return self._kept.made(self._key(graph, precision, target), build, lambda: progress(0.0))

    def _graph(self, graph: bytes, label: str, precision: str) -> bytes:
        """What is compiled: the reference, or the float16 graph derived from it, which is kept beside the plan."""
        if precision != "f16":
            return graph
        return derived_float16(graph, label, self._kept)

    def _card(self, cuda: Cuda) -> Card:
        card = cuda.card()
        known = self.edition.capabilities() if self.edition.is_rtx else ()
        if known and "{}.{}".format(*card.capability) not in known:
            told = f"{card.name} has compute capability {'{}.{}'.format(*card.capability)}"
            raise EngineError(f"{told}, and {self.edition.title} compiles for {', '.join(known)}; use TensorRT for it")
        return card

    def _target(self, card: Card) -> str:
        """What a plan is made for: with TensorRT-RTX every card of a capability, with TensorRT this very card."""
        return "{}.{}".format(*card.capability) if self.edition.is_rtx else card.identity

    def _for(self, target: str) -> str:
        return target if self.edition.is_rtx else ""

    def _key(self, graph: bytes, precision: str, target: str) -> str:
        edition = self.edition
        derived = FLOAT16_VERSION if precision == "f16" else ""
        machine = f"{platform.system()} {platform.machine()}"
        made_by = (edition.name, edition.version or "", edition.cuda_flavor, machine)
        return key_of("plan", hashlib.sha256(graph).hexdigest(), *made_by, target, precision, derived)

    @property
    def _kept(self) -> Kept:
        return self._kept_in or Kept()  # found when it is asked for: the environment may name another folder by then


def derived_float16(graph: bytes, label: str, kept: Kept | None = None) -> bytes:
    """The float16 graph of a reference, derived once and kept. Raises `EngineError`."""
    key = key_of("float16", hashlib.sha256(graph).hexdigest(), FLOAT16_VERSION)
    return (kept or Kept()).made(key, lambda: float16_graph(graph, label))[0]


@cache
def _cards_told() -> str:
    """What the driver's own tool says, which takes a moment and needs none of our libraries."""
    return ", ".join(gpu.name for gpu in gpus())


RTX = TensorRt(RTX_EDITION)
TENSORRT = TensorRt(TENSORRT_EDITION)
