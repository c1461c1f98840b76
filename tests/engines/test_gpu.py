"""On a real NVIDIA card, whichever edition runs there: `make test-gpu`. Skips with the reason where there is none."""

import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from engines.backends import Engine, available_backends, backend_named, open_engine
from engines.bundle import Bundle, open_bundle
from engines.bundle.agreement import MOST_LEVELS
from engines.bundle.checking import built_in_scenes, difference
from engines.conditioning import conditioned
from engines.errors import EngineError
from tests.fakes_engines import figure_bundle

pytestmark = pytest.mark.gpu

CARDS = ("rtx", "tensorrt")
STATUSES = {status.name: status for status in available_backends() if status.name in (*CARDS, "cuda")}


def _here(*names: str) -> object:
    """One parameter for each backend, with the reason why it is not here."""
    return pytest.mark.parametrize(
        "backend",
        [
            pytest.param(
                name,
                marks=pytest.mark.skipif(not STATUSES[name].available, reason=f"{name}: {STATUSES[name].reason}"),
            )
            for name in names
        ],
    )


EVERY, PLANNED = _here(*CARDS, "cuda"), _here(*CARDS)
SIZE = 256
FIREBIRD = Path(__file__).parents[2] / "bundles" / "firebird"
MOST_OF_A_REPLAY = 1.15


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return figure_bundle(SIZE)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


def _pictures(bundle: Bundle, count: int = 16) -> list[np.ndarray]:
    found = [conditioned(scene, bundle.manifest) for scene in built_in_scenes(bundle, count)]
    return [inputs["conditioning"] for inputs in found if inputs is not None]


def _drawn(engine: Engine, pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([engine({"conditioning": picture})["figure"].copy() for picture in pictures])


@EVERY
@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_it_draws_what_the_processor_draws(bundle: Bundle, backend: str, precision: str) -> None:
    pictures = _pictures(bundle)
    engine = open_engine(bundle, backend, precision)
    levels, decibels = difference(_drawn(engine, pictures), _drawn(open_engine(bundle, "openvino", "f32"), pictures))
    engine.close()
    assert levels <= MOST_LEVELS
    assert decibels >= 45


@PLANNED
def test_a_replayed_graph_is_the_plain_run_bit_for_bit(bundle: Bundle, backend: str) -> None:
    pictures = _pictures(bundle)
    engine = open_engine(bundle, backend, "f32")
    assert "as one CUDA graph" in engine.why
    replayed = _drawn(engine, pictures)
    engine._graph = None  # type: ignore[attr-defined]
    np.testing.assert_array_equal(_drawn(engine, pictures), replayed)
    engine.close()


@EVERY
def test_alternating_frames_never_show_the_one_before(bundle: Bundle, backend: str) -> None:
    one, two = _pictures(bundle, 2)
    engine = open_engine(bundle, backend)
    first, second = _drawn(engine, [one]), _drawn(engine, [two])
    assert not np.array_equal(first, second)
    for _ in range(50):
        np.testing.assert_array_equal(_drawn(engine, [one]), first)
        np.testing.assert_array_equal(_drawn(engine, [two]), second)
    engine.close()


def _free_bytes() -> int:
    from cuda.bindings import runtime

    _, free, _ = runtime.cudaMemGetInfo()
    return int(free)


@EVERY
def test_a_thousand_frames_leave_no_growth_on_the_card(bundle: Bundle, backend: str) -> None:
    engine, inputs = open_engine(bundle, backend), {"conditioning": _pictures(bundle, 1)[0]}
    for _ in range(50):
        engine(inputs)
    before = _free_bytes()
    for _ in range(1000):
        engine(inputs)
    assert _free_bytes() >= before - (1 << 20)
    engine.close()


@EVERY
def test_opening_and_closing_gives_the_card_back(bundle: Bundle, backend: str) -> None:
    for _ in range(3):
        open_engine(bundle, backend).close()
    gc.collect()
    before = _free_bytes()
    for _ in range(20):
        open_engine(bundle, backend).close()
    gc.collect()
    assert _free_bytes() >= before - (16 << 20)


@EVERY
def test_the_time_of_a_frame_is_told(bundle: Bundle, backend: str) -> None:
    engine, inputs = open_engine(bundle, backend), {"conditioning": _pictures(bundle, 1)[0]}
    taken = []
    for _ in range(550):
        started = time.perf_counter()
        engine(inputs)
        taken.append(1e3 * (time.perf_counter() - started))
    p50, p99 = np.percentile(taken[50:], [50, 99])
    engine.close()
    print(f"{backend} on {engine.device}: p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    assert p50 < 50  # of a graph of one convolution: only something gravely wrong takes so long


@PLANNED
def test_a_second_open_builds_nothing_and_takes_under_two_seconds(bundle: Bundle, backend: str) -> None:
    open_engine(bundle, backend, "f16").close()
    assert backend_named(backend).is_ready(bundle.read("generator.onnx"), "f16")
    started = time.perf_counter()
    open_engine(bundle, backend, "f16").close()
    assert time.perf_counter() - started < 2


OPENS = """
import sys
from engines.backends import open_engine
from tests.fakes_engines import figure_bundle
import numpy as np
engine = open_engine(figure_bundle(256), sys.argv[1], "f32")
print(engine({"conditioning": np.zeros((256, 256, 3), np.uint8)})["figure"].mean())
"""


@PLANNED
@pytest.mark.parametrize("harm", ["flipped", "truncated", "empty", "foreign"])
def test_a_plan_that_is_damaged_or_foreign_is_built_again_in_a_process_that_lives(
    backend: str, harm: str, tmp_path: Path
) -> None:
    """In a process of its own, since what goes wrong here ends in a segmentation fault."""

    def opened() -> str:
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        command = [sys.executable, "-c", OPENS, backend]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = opened()
    for path in tmp_path.rglob("*.kept"):
        data = path.read_bytes()
        changed = {
            "flipped": data[:-9] + bytes([data[-9] ^ 255]) + data[-8:],
            "truncated": data[: len(data) // 2],
            "empty": b"",
            "foreign": data[:50] + bytes(32) + b"a plan from elsewhere",
        }
        path.write_bytes(changed[harm])
    assert opened() == first


@PLANNED
def test_a_capture_beside_other_threads_succeeds(bundle: Bundle, backend: str) -> None:
    busy, stop = open_engine(bundle, backend, "f32"), threading.Event()
    inputs, failed = {"conditioning": _pictures(bundle, 1)[0]}, []

    def work() -> None:
        try:
            while not stop.is_set():
                busy(inputs)
        except EngineError as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            engine = open_engine(bundle, backend, "f32")
            assert "as one CUDA graph" in engine.why
            engine.close()
    finally:
        stop.set()
        thread.join()
    busy.close()
    assert failed == []


@PLANNED
def test_a_call_takes_little_longer_than_the_replay_on_the_card(backend: str) -> None:
    """Of the performer that is shipped. The replay, copies included, is measured with events around the launch."""
    from cuda.bindings import runtime

    bundle = open_bundle(FIREBIRD)
    engine, inputs = open_engine(bundle, backend, "f16"), {"conditioning": _pictures(bundle, 1)[0]}
    assert "as one CUDA graph" in engine.why
    (_, begin), (_, end) = runtime.cudaEventCreate(), runtime.cudaEventCreate()
    on_card, whole = [], []
    for _ in range(300):
        started = time.perf_counter()
        engine(inputs)
        whole.append(1e3 * (time.perf_counter() - started))
        runtime.cudaEventRecord(begin, engine._stream)  # type: ignore[attr-defined]
        runtime.cudaGraphLaunch(engine._graph, engine._stream)  # type: ignore[attr-defined]
        runtime.cudaEventRecord(end, engine._stream)  # type: ignore[attr-defined]
        runtime.cudaEventSynchronize(end)
        on_card.append(float(runtime.cudaEventElapsedTime(begin, end)[1]))
    engine.close()
    call, replay = float(np.median(whole[50:])), float(np.median(on_card[50:]))
    print(f"{backend}: call {call:.3f} ms, replay {replay:.3f} ms")
    assert call <= MOST_OF_A_REPLAY * replay


@EVERY
def test_a_full_card_is_a_sentence_and_the_card_is_whole_again_after(bundle: Bundle, backend: str) -> None:
    from cuda.bindings import runtime

    open_engine(bundle, backend, "f32").close()  # its plan lies ready, so that only running needs memory
    taken, size = [], 1 << 30
    while size >= 1 << 16:
        error, address = runtime.cudaMalloc(size)
        if error == runtime.cudaError_t.cudaSuccess:
            taken.append(address)
        else:
            runtime.cudaGetLastError()
            size //= 2
    try:
        with pytest.raises(EngineError):
            open_engine(figure_bundle(2048), backend, "f32")
    finally:
        for address in taken:
            runtime.cudaFree(address)
    engine = open_engine(bundle, backend, "f32")
    _drawn(engine, _pictures(bundle, 1))
    engine.close()
