"""One bundle, every backend: the same picture, named reasons, and sentences instead of tracebacks."""

import gc
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from engines.backends import BACKENDS, Engine, available_backends, backend_precisions, open_engine
from engines.backends.buffers import ALIGNED, aligned_zeros
from engines.bundle import Bundle, Graph, Port, made_bundle
from engines.errors import BundleError, EngineError
from tests.fakes_engines import (
    figure_bundle,
    figure_graph,
    head,
    image_bundle,
    knob_bundle,
    manifest,
    model,
    picture,
    png,
    recurrent_bundle,
    room,
    shared_weights,
    tail,
)

STATUSES = {status.name: status for status in available_backends()}
HERE = ("openvino", "onnxruntime")  # what every machine that runs these tests has; others are tested where they are


def _tested(name: str) -> object:
    """A backend that this machine lacks skips with its own reason; those on a card are for `make test-gpu`."""
    status = STATUSES[name]
    needs_card = (pytest.mark.gpu,) if name in ("rtx", "tensorrt", "cuda") else ()
    skip = pytest.mark.skipif(not status.available, reason=f"{name}: {status.reason}")
    return pytest.param(name, marks=(skip, *needs_card))


KNOWN = pytest.mark.parametrize("backend", [_tested(name) for name in BACKENDS])
EVERY = pytest.mark.parametrize("backend", [_tested(name) for name in BACKENDS if STATUSES[name].available])
SIZE = 64


def _picture(seed: int = 0, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, channels), dtype=np.uint8)


def _with_int8_graph() -> Bundle:
    """The int8 graph of these tests is a float graph of its own, so that it can be told which one was opened."""
    graphs = (
        Graph(file="generator.onnx", precision="f32"),
        Graph(file="generator.int8.onnx", precision="int8", psnr_db=40),
    )
    files = {"generator.onnx": figure_graph(seed=0), "generator.int8.onnx": figure_graph(seed=1)}
    return made_bundle(manifest(graphs=graphs), files)


def _longhand(graph_seed: int, conditioning: np.ndarray) -> np.ndarray:
    """What `figure_graph` computes, by sums over a padded array."""
    rng = np.random.default_rng(graph_seed)
    kernel = rng.normal(0, 0.25, (4, 3, 3, 3)).astype(np.float32)
    bias = rng.uniform(0.2, 0.6, 4).astype(np.float32)
    padded = np.pad(conditioning.astype(np.float64) / 255, ((1, 1), (1, 1), (0, 0)))
    height, width = conditioning.shape[:2]
    total = np.zeros((height, width, 4)) + bias
    for row in range(3):
        for column in range(3):
            window = padded[row : row + height, column : column + width]
            total += window @ kernel[:, :, row, column].T.astype(np.float64)
    return np.clip(np.round(total * 255), 0, 255)


@KNOWN
def test_a_backend_draws_what_the_graph_says(backend: str) -> None:
    engine = open_engine(figure_bundle(seed=5), backend, "f32", threads=1)
    conditioning = _picture()
    figure = engine({"conditioning": conditioning})["figure"]
    assert figure.dtype == np.uint8
    assert np.abs(figure - _longhand(5, conditioning)).max() <= 1


def test_openvino_and_onnxruntime_agree_within_a_level() -> None:
    for bundle in (figure_bundle(), image_bundle(), recurrent_bundle(output="figure"), knob_bundle()):
        inputs: dict[str, np.ndarray] = {}
        for seed, port in enumerate(bundle.manifest.inputs):
            inputs[port.name] = _picture(seed, port.shape[2]) if len(port.shape) == 3 else np.array([0.7], np.float32)
        one = open_engine(bundle, "openvino", "f32", threads=1)(inputs)
        two = open_engine(bundle, "onnxruntime", "f32", threads=1)(inputs)
        assert one.keys() == two.keys()
        for name in one:
            assert np.abs(one[name].astype(int) - two[name]).max() <= 1


def test_bf16_stays_within_three_levels_for_all_but_a_thousandth() -> None:
    if "bf16" not in backend_precisions("openvino"):
        pytest.skip("this CPU has no bf16")
    inputs = {"conditioning": _picture()}
    exact = open_engine(figure_bundle(), "openvino", "f32", threads=1)(inputs)["figure"].astype(int)
    short = open_engine(figure_bundle(), "openvino", "bf16", threads=1)(inputs)["figure"]
    assert np.quantile(np.abs(exact - short), 0.999) <= 3


def _canceling_bundle() -> Bundle:
    """Two convolutions; of the first, black sums up to hundreds, and the bias takes all but a little of it away."""
    rng = np.random.default_rng(7)
    first = np.round(rng.normal(4, 0.4, (8, 3, 3, 3)) * 32).astype(np.float32) / 32  # bf16 holds them all
    second = rng.normal(0, 0.02, (4, 8, 3, 3)).astype(np.float32)
    weights = {
        **shared_weights(),
        "two": np.float32(2),
        "one": np.float32(1),
        "first": first,
        "first_bias": first.sum(axis=(1, 2, 3)) + rng.uniform(0.5, 1, 8).astype(np.float32),
        "second": second,
        "second_bias": np.full(4, 0.5, np.float32),
    }
    nodes = [
        *head("conditioning", "share"),
        helper.make_node("Mul", ["share", "two"], ["doubled"]),
        helper.make_node("Sub", ["doubled", "one"], ["x"]),
        helper.make_node("Conv", ["x", "first", "first_bias"], ["sums"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["sums"], ["features"]),
        helper.make_node("Conv", ["features", "second", "second_bias"], ["color"], pads=[1, 1, 1, 1]),
        *tail("color", "figure"),
    ]
    ports = [picture("conditioning", (SIZE, SIZE, 3))], [picture("figure", (SIZE, SIZE, 4))]
    return made_bundle(manifest(), {"generator.onnx": model(nodes, *ports, weights)})


def test_what_a_bias_takes_away_again_costs_bf16_no_bits() -> None:
    if "bf16" not in backend_precisions("openvino"):
        pytest.skip("this CPU has no bf16")
    inputs = {"conditioning": np.zeros((SIZE, SIZE, 3), np.uint8)}
    drawn = {}
    for precision in ("f32", "bf16"):
        engine = open_engine(_canceling_bundle(), "openvino", precision, threads=1)
        drawn[precision] = engine(inputs)["figure"][2:-2, 2:-2].astype(int)
    assert drawn["f32"].std() > 0
    assert np.quantile(np.abs(drawn["f32"] - drawn["bf16"]), 0.999) <= 3


@EVERY
def test_each_call_sees_its_own_inputs(backend: str) -> None:
    engine = open_engine(figure_bundle(), backend, "f32", threads=1)
    first = engine({"conditioning": _picture(1)})["figure"].copy()
    second = engine({"conditioning": _picture(2)})["figure"].copy()
    again = engine({"conditioning": _picture(1)})["figure"]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


@EVERY
def test_outputs_are_the_engines_own_arrays_every_time(backend: str) -> None:
    engine = open_engine(figure_bundle(), backend, "f32", threads=1)
    first = engine({"conditioning": _picture(1)})["figure"]
    assert engine({"conditioning": _picture(2)})["figure"] is first


@EVERY
def test_a_view_that_is_not_contiguous_is_as_good_as_any(backend: str) -> None:
    engine = open_engine(figure_bundle(), backend, "f32", threads=1)
    large = _picture(channels=6)
    expected = engine({"conditioning": np.ascontiguousarray(large[::-1, :, 1:4])})["figure"].copy()
    assert np.array_equal(engine({"conditioning": large[::-1, :, 1:4]})["figure"], expected)


def test_what_an_engine_is_bound_to_starts_at_a_cache_line() -> None:
    for shape, dtype in (((1,), "float32"), ((7, 5, 3), "uint8"), ((64, 64, 4), "uint8")):
        array = aligned_zeros(shape, dtype)
        assert array.ctypes.data % ALIGNED == 0
        assert (array.shape, array.dtype, array.any()) == (shape, np.dtype(dtype), False)


# What is chosen, and what is said of it ------------------------------------------------------------------------------


def test_auto_plays_int8_where_the_bundle_has_it_and_says_so() -> None:
    engine = open_engine(_with_int8_graph(), threads=1)
    assert (engine.backend, engine.precision) == ("openvino", "int8")
    assert engine.why.startswith("int8 graph present")
    conditioning = _picture()
    assert np.abs(engine({"conditioning": conditioning})["figure"] - _longhand(1, conditioning)).max() <= 1


def test_auto_without_int8_plays_bf16_only_where_the_processor_has_it() -> None:
    engine = open_engine(figure_bundle(), threads=1)
    has = "bf16" in backend_precisions("openvino")
    assert engine.precision == ("bf16" if has else "f32")
    assert ("this CPU has bf16" if has else "no bf16") in engine.why
    assert open_engine(figure_bundle(), "onnxruntime").precision == "f32"


def test_auto_leaves_out_what_a_bundle_says_it_does_not_bear() -> None:
    off, fine = {"bf16_p999_levels": 4.0}, {"bf16_p999_levels": 3.0}
    graph = (Graph(file="generator.onnx", precision="f32"),)
    for metrics, bears in ((off, False), (fine, True)):
        bundle = made_bundle(manifest(graphs=graph, metrics=metrics), {"generator.onnx": figure_graph()})
        engine = open_engine(bundle, "openvino", threads=1)
        if "bf16" in backend_precisions("openvino"):
            assert engine.precision == ("bf16" if bears else "f32")
            assert ("bf16 is 4 levels off (3 allowed)" in engine.why) != bears
        assert open_engine(bundle, "onnxruntime").precision == "f32"


def test_auto_leaves_out_an_int8_graph_that_is_too_far_from_its_reference() -> None:
    bundle = _with_int8_graph()
    graphs = (bundle.manifest.graphs[0], bundle.manifest.graphs[1].model_copy(update={"psnr_db": 34.9}))
    far = made_bundle(bundle.manifest.model_copy(update={"graphs": graphs}), bundle.files)
    engine = open_engine(far, threads=1)
    assert engine.precision != "int8"
    assert "int8 is 34.9 dB from the reference (35 asked)" in engine.why
    assert open_engine(far, precision="int8", threads=1).precision == "int8"  # who asks, gets


def test_what_feeds_on_its_own_pictures_plays_in_the_arithmetic_it_was_proved_in() -> None:
    dreaming = image_bundle(conditioning="previous")
    assert open_engine(dreaming, "openvino").precision == "f32"
    assert open_engine(dreaming, "onnxruntime").precision == "f32"


def test_the_precision_asked_for_is_the_one_opened() -> None:
    engine = open_engine(_with_int8_graph(), precision="f32", threads=1)
    assert engine.precision == "f32"
    conditioning = _picture()
    assert np.abs(engine({"conditioning": conditioning})["figure"] - _longhand(0, conditioning)).max() <= 1


def test_every_known_backend_has_a_status_with_a_reason() -> None:
    statuses = available_backends()
    assert [status.name for status in statuses] == list(BACKENDS)
    assert all(status.reason for status in statuses)
    assert all(status.available for status in statuses if status.name in HERE)


def test_auto_steps_down_to_the_next_backend_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "openvino", "tests.fakes_backend")  # a backend that cannot open anything
    engine = open_engine(figure_bundle())
    assert engine.backend == "onnxruntime"
    assert "passed over: broken: out of memory" in engine.why


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"backend": "abacus"}, "backend 'abacus' is not known; one of auto, rtx, tensorrt, cuda"),
        ({"precision": "f64"}, "precision 'f64' is not known; one of auto, f32"),
        ({"precision": "int8"}, "holds no int8 graph"),
        (
            {"backend": "onnxruntime", "precision": "bf16"},
            "onnxruntime does not run bf16 on this machine; it runs int8",
        ),
    ],
)
def test_what_cannot_be_opened_is_said_in_a_sentence(arguments: dict, told: str) -> None:
    with pytest.raises((EngineError, BundleError), match=told):
        open_engine(figure_bundle(), **arguments)


def test_a_bundle_without_a_graph_has_no_engine() -> None:
    bundle = made_bundle(manifest(graphs=()), {"plate.png": png(room())})
    with pytest.raises(BundleError, match="holds no graph"):
        open_engine(bundle)


# Faults --------------------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({}, "input 'conditioning' is missing; it takes conditioning"),
        ({"conditioning": np.zeros((SIZE, SIZE), np.uint8)}, r"is uint8 \(64, 64\), expected uint8 \(64, 64, 3\)"),
        ({"conditioning": np.zeros((SIZE, SIZE, 3), np.float32)}, r"is float32 \(64, 64, 3\), expected uint8"),
        ({"conditioning": np.zeros((32, 32, 3), np.uint8)}, r"is uint8 \(32, 32, 3\), expected"),
        ({"conditioning": np.zeros((SIZE, SIZE, 3), np.uint8), "noise": np.zeros(1)}, "there is no input 'noise'"),
    ],
)
def test_inputs_of_another_form_are_refused_by_name(backend: str, inputs: dict, told: str) -> None:
    engine = open_engine(figure_bundle(), backend, "f32", threads=1)
    with pytest.raises(EngineError, match=told):
        engine(inputs)
    engine({"conditioning": _picture()})  # and the engine goes on


@EVERY
def test_a_closed_engine_says_that_it_is_closed(backend: str) -> None:
    engine = open_engine(figure_bundle(), backend, "f32", threads=1)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="was closed"):
        engine({"conditioning": _picture()})


def _bundle_of(nodes: list) -> Bundle:
    """A bundle around these nodes, which no runtime was asked about."""
    shape = (SIZE, SIZE, 3)
    sound = model(
        [*head("conditioning", "x"), *tail("x", "image")],
        [picture("conditioning", shape)],
        [picture("image", shape)],
        shared_weights(),
    )
    graph = onnx.load_from_string(sound)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    outputs = (Port(name="image", shape=shape, dtype="uint8"),)
    return made_bundle(manifest(outputs=outputs, finish="none"), {"generator.onnx": graph.SerializeToString()})


@EVERY
def test_an_operator_that_the_backend_lacks_is_named(backend: str) -> None:
    unknown = helper.make_node("Frobnicate", ["x"], ["y"], name="the_odd_one")
    with pytest.raises(EngineError, match=r"generator\.onnx: .* cannot open the graph: .*Frobnicate"):
        open_engine(_bundle_of([*head("conditioning", "x"), unknown, *tail("y", "image")]), backend, "f32")


@EVERY
def test_a_graph_that_does_not_hold_together_is_refused(backend: str) -> None:
    with pytest.raises(EngineError, match="cannot open the graph"):
        open_engine(_bundle_of([*head("nowhere", "x"), *tail("x", "image")]), backend, "f32")


@EVERY
def test_a_graph_whose_shapes_contradict_its_ports_is_refused(backend: str) -> None:
    smaller = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    with pytest.raises(EngineError, match=r"generator\.onnx: .*(cannot open|could not run) the graph"):
        open_engine(_bundle_of([*head("conditioning", "x"), smaller, *tail("y", "image")]), backend, "f32")(
            {"conditioning": _picture()}
        )


@EVERY
def test_a_small_graph_that_asks_for_terabytes_is_refused_before_it_is_compiled(backend: str) -> None:
    shape = onnx.numpy_helper.from_array(np.array([1, 3 << 20, 1024, 1024], np.int64))
    nodes = [
        *head("conditioning", "x"),
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("ReduceMin", ["x"], ["one"]),
        helper.make_node("Expand", ["one", "shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["y"]),
        *tail("y", "image"),
    ]
    with pytest.raises(BundleError, match="at most 256 Mi values are run"):
        open_engine(_bundle_of(nodes), backend)


@EVERY
def test_a_graph_whose_sizes_depend_on_the_picture_is_refused(backend: str) -> None:
    nodes = [
        *head("conditioning", "x"),
        helper.make_node("NonZero", ["x"], ["where"]),
        helper.make_node("Cast", ["where"], ["where_f"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["where_f"], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["y"]),
        *tail("y", "image"),
    ]
    with pytest.raises(BundleError, match="has no fixed shape"):
        open_engine(_bundle_of(nodes), backend)


# Threads and memory --------------------------------------------------------------------------------------------------


def _heavy_bundle() -> Bundle:
    """A second or so of work in one call."""
    rng = np.random.default_rng(0)
    weights = {**shared_weights(), "first": rng.normal(0, 0.2, (96, 3, 3, 3)).astype(np.float32)}
    nodes = [*head("conditioning", "x"), helper.make_node("Conv", ["x", "first"], ["c0"], pads=[1] * 4)]
    for number in range(24):
        weights[f"k{number}"] = rng.normal(0, 0.03, (96, 96, 3, 3)).astype(np.float32)
        nodes.append(helper.make_node("Conv", [f"c{number}", f"k{number}"], [f"c{number + 1}"], pads=[1] * 4))
    weights["last"] = rng.normal(0, 0.03, (4, 96, 1, 1)).astype(np.float32)
    nodes += [helper.make_node("Conv", ["c24", "last"], ["y"]), *tail("y", "figure")]
    size = 128
    graph = model(nodes, [picture("conditioning", (size, size, 3))], [picture("figure", (size, size, 4))], weights)
    return made_bundle(manifest(size), {"generator.onnx": graph})


@EVERY
def test_other_threads_go_on_while_an_engine_runs(backend: str) -> None:
    engine = open_engine(_heavy_bundle(), backend, "f32", threads=1)
    conditioning = np.zeros((128, 128, 3), np.uint8)
    running = threading.Thread(target=engine, args=({"conditioning": conditioning},))
    turns = 0
    running.start()
    while running.is_alive():
        turns += 1
    # With the GIL held there would be a handful of turns before and after the run.
    assert turns > 10_000


@EVERY
def test_two_engines_in_two_threads_keep_their_pictures_apart(backend: str) -> None:
    engines = [open_engine(figure_bundle(seed=seed), backend, "f32", threads=1) for seed in (1, 2)]
    conditioning = _picture()
    expected = [engine({"conditioning": conditioning})["figure"].copy() for engine in engines]
    wrong: list[int] = []

    def perform(number: int) -> None:
        for _ in range(50):
            drawn = engines[number]({"conditioning": conditioning})["figure"]
            if not np.array_equal(drawn, expected[number]):
                wrong.append(number)

    threads = [threading.Thread(target=perform, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _resident_mib() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
@EVERY
def test_opening_and_closing_fifty_engines_leaves_no_growth(backend: str) -> None:
    bundle = figure_bundle(256)
    conditioning = np.zeros((256, 256, 3), np.uint8)

    def turn() -> None:
        engine: Engine = open_engine(bundle, backend, "f32", threads=1)
        engine({"conditioning": conditioning})
        engine.close()

    for _ in range(10):  # allocators and thread pools settle first
        turn()
    gc.collect()
    before = _resident_mib()
    for _ in range(50):
        turn()
    gc.collect()
    assert _resident_mib() <= before * 1.05


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
@EVERY
def test_a_thousand_frames_leave_no_growth(backend: str) -> None:
    engine = open_engine(figure_bundle(), backend, "f32", threads=1)
    inputs = {"conditioning": _picture()}
    for _ in range(100):
        engine(inputs)
    before = _resident_mib()
    for _ in range(1000):
        engine(inputs)
    assert _resident_mib() <= before * 1.02


@EVERY
def test_a_frame_allocates_no_picture(backend: str) -> None:
    """numpy tells tracemalloc of every array; here only small change (views, dicts) is made."""
    engine, inputs = open_engine(figure_bundle(), backend, "f32", threads=1), {"conditioning": _picture()}
    engine(inputs)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            engine(inputs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 2 * SIZE * SIZE  # the smallest picture has three of these


def test_openvino_is_loaded_without_its_telemetry() -> None:
    code = (
        "import sys\n"
        "from engines.backends.openvino import silent_openvino\n"
        "silent_openvino()\n"
        "print(sys.modules['openvino_telemetry'], any(name.startswith('openvino_telemetry.') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["None", "False"], done.stderr
