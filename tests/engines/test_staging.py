"""The engine of a show: never waits, moves up between two frames, steps down when a card fails, and tells why."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.backends import BACKENDS, BackendStatus, open_engine
from engines.backends.nvidia.building import BuildStopped
from engines.backends.staging import StageEngine
from engines.bundle import Bundle, Manifest
from engines.errors import DeviceError, EngineError
from tests.fakes_engines import figure_bundle

SIZE = 64


class FakeCard:
    """A backend with a card: compiles when it is let, then paints everything in one level."""

    def __init__(self, name: str, level: int = 200, has_plan: bool = False) -> None:
        self.name, self.level, self.has_plan = name, level, has_plan
        self.may_build = threading.Event()
        self.build_error: Exception | None = None
        self.run_error: Exception | None = None
        self.builds = 0
        self.called_by: set[str] = set()
        self.opened_now: list[FakeCardEngine] = []

    def status(self) -> BackendStatus:
        return BackendStatus(self.name, True, "it is a test")

    def precisions(self) -> tuple[str, ...]:
        return ("f16", "f32")

    def is_ready(self, _graph: bytes, _precision: str) -> bool:
        return self.has_plan

    def compiled(
        self, _graph: bytes, label: str, _precision: str, progress: Callable[[float], bool], _capability: str = ""
    ) -> str:
        self.builds += 1
        while not self.may_build.wait(0.01):
            if not progress(0.4):
                raise BuildStopped(f"{label}: the build was stopped")
        if self.build_error is not None:
            raise self.build_error
        self.has_plan = True
        return ""

    def opened(self, _graph: bytes, manifest: Manifest, _label: str, precision: str, *_rest: Any) -> "FakeCardEngine":
        assert self.has_plan, "an engine was opened that would have had to wait for its plan"
        engine = FakeCardEngine(self, manifest, precision)
        self.opened_now.append(engine)
        return engine


class FakeCardEngine:
    device, why = "Fake Card", "a plan that is kept"

    def __init__(self, card: FakeCard, manifest: Manifest, precision: str) -> None:
        self.backend, self.precision, self._card = card.name, precision, card
        self._figure = np.full((*manifest.size, 4), card.level, np.uint8)

    def __call__(self, _inputs: object) -> dict[str, np.ndarray]:
        self._card.called_by.add(threading.current_thread().name)
        if self._card.run_error is not None:
            raise self._card.run_error
        return {"figure": self._figure}

    def close(self) -> None:
        self._card.opened_now.remove(self)


CARDS: dict[str, FakeCard] = {}


def __getattr__(name: str) -> FakeCard:
    """So that a backend may be named "tests.engines.test_staging:one"."""
    try:
        return CARDS[name]
    except KeyError:
        raise AttributeError(name) from None


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeCard]:
    """Two cards, "one" and "two", before the processor's backends."""
    CARDS.clear()
    CARDS.update(one=FakeCard("one", 201), two=FakeCard("two", 202))
    here = {name: BACKENDS[name] for name in ("openvino", "onnxruntime")}
    known = {**{name: f"tests.engines.test_staging:{name}" for name in CARDS}, **here}
    for name in list(BACKENDS):
        monkeypatch.delitem(BACKENDS, name)
    for name, where in known.items():
        monkeypatch.setitem(BACKENDS, name, where)
    return CARDS


@pytest.fixture
def bundle() -> Bundle:
    return figure_bundle(SIZE)


PICTURE = {"conditioning": np.zeros((SIZE, SIZE, 3), np.uint8)}


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_a_show_begins_before_its_plan_is_built(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    engine = StageEngine(bundle, threads=1)
    assert engine.backend == "openvino"
    _until(lambda: "a better one is being built: 40%" in engine.why)
    assert "passed over: one: its plan is not built yet" in engine.why
    engine(PICTURE)
    engine.close()
    assert cards["one"].builds == 1


def test_the_better_engine_comes_in_between_two_frames(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    engine = StageEngine(bundle, threads=1)
    before = engine(PICTURE)["figure"].copy()
    cards["one"].may_build.set()
    _until(lambda: "being built" not in engine.why)
    after = engine(PICTURE)["figure"]
    assert (after == 201).all()
    assert not (before == 201).all()
    assert (engine.backend, engine.precision, engine.device) == ("one", "f16", "Fake Card")
    engine.close()
    assert cards["one"].opened_now == []


def test_a_plan_that_lies_ready_is_taken_at_once(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    cards["one"].has_plan = True
    engine = StageEngine(bundle, threads=1)
    assert engine.backend == "one"
    assert cards["one"].builds == 0
    engine.close()


def test_who_asks_for_a_backend_plays_on_another_until_it_is_built(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    engine = StageEngine(bundle, "two", "f16", threads=1)
    assert engine.backend == "openvino"
    cards["two"].may_build.set()
    _until(lambda: engine(PICTURE) is not None and engine.backend == "two")
    assert cards["one"].builds == 0
    engine.close()


def test_what_cannot_be_built_is_told_and_the_next_is_tried(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    cards["one"].build_error = EngineError("one cannot open the graph: Conv 'the_odd_one'")
    for card in cards.values():
        card.may_build.set()
    engine = StageEngine(bundle, threads=1)
    _until(lambda: engine(PICTURE) is not None and engine.backend == "two")
    assert "stepped down from one: one cannot open the graph: Conv 'the_odd_one'" in engine.why
    engine.close()


def test_an_engine_that_fails_its_trial_never_comes_on_stage(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    cards["one"].run_error = DeviceError("out of memory")
    cards["one"].may_build.set()
    cards["two"].build_error = EngineError("nor this")
    cards["two"].may_build.set()
    engine = StageEngine(bundle, threads=1)
    _until(lambda: "being built" not in engine.why)
    engine(PICTURE)
    assert engine.backend == "openvino"
    assert "stepped down from one: out of memory" in engine.why
    assert cards["one"].called_by == {"building a plan"}
    assert cards["one"].opened_now == []
    engine.close()


def test_a_card_that_is_lost_costs_one_frame_at_most(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    cards["one"].may_build.set()
    engine = StageEngine(bundle, threads=1)
    expected = open_engine(bundle, "openvino", threads=1)(PICTURE)["figure"].copy()
    _until(lambda: engine(PICTURE) is not None and engine.backend == "one")
    cards["one"].run_error = DeviceError("the card fell off the bus")
    np.testing.assert_array_equal(engine(PICTURE)["figure"], expected)
    assert engine.backend == "openvino"
    assert "stepped down from one: the card fell off the bus" in engine.why
    assert cards["one"].opened_now == []
    engine.close()


def test_a_lost_card_without_a_standby_opens_what_needs_no_plan(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    cards["one"].has_plan = True
    engine = StageEngine(bundle, threads=1)
    cards["one"].run_error = DeviceError("the card fell off the bus")
    engine(PICTURE)
    assert engine.backend == "openvino"
    assert cards["two"].builds == 0
    engine.close()


def test_a_wrong_input_is_no_reason_to_leave_an_engine(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    cards["one"].has_plan = True
    engine = StageEngine(bundle, threads=1)
    cards["one"].run_error = EngineError("input 'conditioning' is missing")
    with pytest.raises(EngineError, match="is missing"):
        engine({})
    assert engine.backend == "one"
    engine.close()


def test_closing_stops_the_build(cards: dict[str, FakeCard], bundle: Bundle) -> None:
    engine = StageEngine(bundle, threads=1)
    _until(lambda: cards["one"].builds == 1)
    engine.close()
    _until(lambda: not any(thread.name == "building a plan" for thread in threading.enumerate()))
    assert not cards["one"].has_plan
    with pytest.raises(EngineError, match="was closed"):
        engine(PICTURE)


def test_without_a_card_it_is_the_engine_that_would_have_been_opened(bundle: Bundle) -> None:
    staged, plain = StageEngine(bundle, "onnxruntime", "f32", 1), open_engine(bundle, "onnxruntime", "f32", 1)
    assert (staged.backend, staged.precision, staged.why) == (plain.backend, plain.precision, plain.why)
    np.testing.assert_array_equal(staged(PICTURE)["figure"], plain(PICTURE)["figure"])
    assert not any(thread.name == "building a plan" for thread in threading.enumerate())


def test_the_real_compiler_builds_while_frames_are_drawn(bundle: Bundle, tmp_path: Path) -> None:
    """With the real TensorRT-RTX compiler, and a card that is faked below its runtime."""
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    from engines.backends.kept import Kept
    from engines.backends.nvidia.cuda import Cuda
    from engines.backends.tensorrt import TensorRt
    from tests.fakes_nvidia import FakeCudart, FakeEdition, negative

    cudart = FakeCudart()
    edition = FakeEdition(knobs={"manifest": bundle.manifest, "compute": negative, "cudart": cudart})
    CARDS["rtx"] = TensorRt(edition, Kept(tmp_path), lambda: Cuda(cudart))  # type: ignore[assignment]
    before = BACKENDS["rtx"]
    BACKENDS["rtx"] = "tests.engines.test_staging:rtx"
    try:
        engine = StageEngine(bundle, threads=1)
        assert engine.backend == "openvino"
        _until(lambda: engine(PICTURE) is not None and engine.backend == "rtx")
        assert engine.precision == "f16"
        assert (engine(PICTURE)["figure"] == 255).all()
        engine.close()
        again = StageEngine(bundle, threads=1)
        assert again.backend == "rtx"
        again.close()
    finally:
        BACKENDS["rtx"] = before
