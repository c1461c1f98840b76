"""`bench engines`: every backend and precision that this machine has, against torch eager, measured in one run.

Generators have random weights: speed does not depend on what was learned, and agreement between precisions is then
pessimistic (trained bundles state their own, and `understudy check` measures it). Every time is from a picture in host
memory to a picture in host memory.
"""

import copy
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from engines.backends import PRECISIONS, Engine, available_backends, backend_precisions, open_engine
from engines.backends.buffers import sentence
from engines.bundle import Bundle
from engines.errors import BadInput, UnderstudyError
from engines.finish import over
from engines.images import Frame
from engines.machine import cores
from engines.measuring import measured_header, percentiles, table, write_json
from training import bench_generators
from training.bench_generators import Contender, contender
from training.config import GeneratorConfig, named_config
from training.macs import parameters
from training.ports import Ported
from training.quantization import psnr_db

WARM = 5
PATIENCE_S = 8.0  # a row of a generator that takes a second a picture is cut short after this
LEAST_RUNS = 8
LISTEN_S = 2.0

Call = Callable[[Frame], object]


def bench_engines(
    *,
    sizes: Sequence[int] = (256, 512),
    generators: Sequence[str] = ("light", "unet"),
    runs: int = 60,
    threads: int | None = None,
    json: Path | None = None,
) -> dict[str, Any]:
    """Measure, print a table, write `json`, and return what is in it: the keys of BENCH.md, and why rows are missing.

    `runs` calls a row; `threads` are the CPU's, for torch and engines alike (None: all). Nothing else heavy should run.
    A generator is known by name, or is that of a training config (`named_config`).
    Raises BadInput for a generator that is not known, ConfigError for a config that is none.
    """
    entrants = [_entrant(given) for given in generators]
    threads = threads or cores()
    torch.set_num_threads(threads)
    console = Console(stderr=True)
    load = {"load_before": _load(), "wanted_before": wanted_cores()}
    header = {**measured_header(), **load, "threads": threads}
    rows: list[dict[str, Any]] = []
    for name, config in entrants:
        for size in sizes:
            console.print(f"{name} at {size}: exporting", highlight=False)
            rows += _measured(
                contender(name, size, config), runs, threads, lambda what: console.print(f"  {what}", highlight=False)
            )
    figures = {**header, "load_after": _load(), "wanted_after": wanted_cores(), "engines": rows}
    table([_shown(row) for row in rows], title=f"bench engines, {threads} threads")
    if json:
        write_json(json, figures)
    return figures


def _entrant(given: str) -> tuple[str, GeneratorConfig]:
    known = bench_generators.GENERATORS
    if given in known:
        return given, known[given]
    if not given.partition("+")[0].endswith(".toml"):
        raise BadInput(f"no generator is called {given!r}; there are {', '.join(known)}, and those of FILE.toml")
    name, config = named_config(given)
    return name, config.generator


def _measured(contender: Contender, runs: int, threads: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """torch eager before and after all others: the ratio is to the mean of both, so a machine that slows is seen."""
    before = _timed(_torch_call(contender), contender.pictures, runs)
    tell(f"torch eager: {before['p50']:.1f} ms")
    reference = _reference(contender, threads)
    rows = [_row(contender, *one, reference, runs, threads) for one in _offered(contender.bundle)]
    rows += _on_card(contender, runs)
    after = _timed(_torch_call(contender), contender.pictures, runs)
    eager_ms = (before["p50"] + after["p50"]) / 2
    for row in rows:
        row["torch_eager_ms"] = eager_ms
        row["ratio"] = None if row["p50_ms"] is None else eager_ms / row["p50_ms"]
    eager = {"p50_ms": eager_ms, "p95_ms": max(before["p95"], after["p95"]), "images_per_s": 1e3 / eager_ms}
    first = {**_empty(contender, "torch eager", "f32"), **eager, "torch_eager_ms": eager_ms, "ratio": 1.0}
    return [first, *rows]


def _offered(bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    """(backend, precision, why it is left out or "") of everything that could be measured."""
    for status in available_backends():
        if not status.available:
            yield status.name, "", status.reason
            continue
        runs = backend_precisions(status.name)
        for precision in PRECISIONS:
            if precision in runs and (precision != "int8" or bundle.manifest.graph("int8")):
                yield status.name, precision, ""


def _row(
    contender: Contender, backend: str, precision: str, skipped: str, reference: list[Frame], runs: int, threads: int
) -> dict[str, Any]:
    row = _empty(contender, backend, precision)
    if skipped:
        return row | {"skipped": skipped}
    try:
        engine = open_engine(contender.bundle, backend, precision, threads)
    except UnderstudyError as error:
        return row | {"skipped": str(error)}
    try:
        found = _side_by_side(engine, _bare_call(contender, backend, precision, threads), contender.pictures, runs)
        drawn = [_seen(engine({"conditioning": picture})["figure"]) for picture in contender.pictures]
        return row | found | {"psnr_db": psnr_db(drawn, reference), "device": engine.device, "why": engine.why}
    except UnderstudyError as error:
        return row | {"skipped": str(error)}
    finally:
        engine.close()


def _empty(contender: Contender, backend: str, precision: str) -> dict[str, Any]:
    keys = ("p50_ms", "p95_ms", "images_per_s", "torch_eager_ms", "ratio", "psnr_db", "bare_p50_ms", "added")
    head = {"generator": contender.name, "size": contender.size, "backend": backend, "precision": precision}
    cost = {"parameters": parameters(contender.network), "gmacs": contender.gmacs}
    return {**head, **dict.fromkeys(keys), **cost, "skipped": ""}


def _side_by_side(engine: Engine, bare: Call | None, pictures: Sequence[Frame], runs: int) -> dict[str, Any]:
    """The engine's call, and in turns with it the bare runtime's own: what one costs beyond the other is ours."""
    ours: list[float] = []
    theirs: list[float] = []
    calls: list[tuple[Call, list[float]]] = [(lambda picture: engine({"conditioning": picture}), ours)]
    if bare is not None:
        calls.append((bare, theirs))
    for call, _ in calls:
        for picture in pictures[:WARM]:
            call(picture)
    began = time.perf_counter()
    while len(ours) < LEAST_RUNS or (len(ours) < runs and time.perf_counter() - began < PATIENCE_S):
        for call, taken in calls:
            picture = pictures[len(taken) % len(pictures)]
            started = time.perf_counter()
            call(picture)
            taken.append(1e3 * (time.perf_counter() - started))
    found = percentiles(ours)
    bare_ms = percentiles(theirs)["p50"] if theirs else None
    added = None if bare_ms is None else found["p50"] / bare_ms - 1
    timed = {"p50_ms": found["p50"], "p95_ms": found["p95"], "images_per_s": 1e3 / found["p50"]}
    return {**timed, "bare_p50_ms": bare_ms, "added": added}


def _timed(call: Call, pictures: Sequence[Frame], runs: int) -> dict[str, float]:
    """p50 and p95 of a call, in ms."""
    taken: list[float] = []
    for picture in pictures[:2]:
        call(picture)
    began = time.perf_counter()
    while len(taken) < LEAST_RUNS or (len(taken) < runs and time.perf_counter() - began < PATIENCE_S):
        started = time.perf_counter()
        call(pictures[len(taken) % len(pictures)])
        taken.append(1e3 * (time.perf_counter() - started))
    return percentiles(taken)


# What it is compared with ---------------------------------------------------------------------------------------------


def _torch_call(contender: Contender) -> Call:
    ported = Ported(contender.network).eval()

    def call(picture: Frame) -> object:
        with torch.inference_mode():
            return ported(torch.from_numpy(picture)).numpy()

    return call


def _reference(contender: Contender, threads: int) -> list[Frame]:
    engine = open_engine(contender.bundle, "onnxruntime", "f32", threads)
    try:
        return [_seen(engine({"conditioning": picture})["figure"]) for picture in contender.pictures]
    finally:
        engine.close()


def _seen(figure: np.ndarray) -> Frame:
    """The figure before a gray room, since that is what is compared: under no alpha every color is alike."""
    return over(figure, np.full((*figure.shape[:2], 3), 128, np.uint8))


def _bare_call(contender: Contender, backend: str, precision: str, threads: int) -> Call | None:
    """The runtime as its own documentation calls it, on the same graph; None where there is nothing simpler."""
    graph = contender.bundle.read("generator.int8.onnx" if precision == "int8" else "generator.onnx")
    if backend == "openvino":
        import openvino

        hint = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"}
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, **hint}
        core = openvino.Core()
        request = core.compile_model(core.read_model(graph), "CPU", settings).create_infer_request()
        return lambda picture: request.infer([picture], share_inputs=True, share_outputs=True)
    if backend == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return lambda picture: session.run(None, {"conditioning": picture})
    return None


def _on_card(contender: Contender, runs: int) -> list[dict[str, Any]]:
    """torch under a CUDA graph, in float32 and float16: what a card does without TensorRT."""
    if not torch.cuda.is_available():
        return [_empty(contender, "torch CUDA graph", "") | {"skipped": "torch finds no CUDA card here"}]
    rows = []
    for precision, dtype in (("f32", torch.float32), ("f16", torch.float16)):
        row = _empty(contender, "torch CUDA graph", precision)
        try:
            found = _timed(graphed(contender, dtype), contender.pictures, runs)
        except RuntimeError as error:  # the card's memory, or a capture that is refused: the other rows go on
            rows.append(row | {"skipped": sentence(error)})
            continue
        timed = {"p50_ms": found["p50"], "p95_ms": found["p95"], "images_per_s": 1e3 / found["p50"]}
        rows.append(row | timed | {"device": torch.cuda.get_device_name()})
    return rows


def graphed(contender: Contender, dtype: torch.dtype) -> Call:
    """Copy, network and copy as one CUDA graph over pinned memory: what the engine does too, without TensorRT.

    The tensor (H, W, 4) uint8 that a call returns is the same each time.
    """
    size = contender.size
    network = Ported(copy.deepcopy(contender.network)).eval().cuda()  # its own: the processor is measured again after
    shown = torch.zeros(size, size, 3, dtype=torch.uint8).pin_memory()
    drawn = torch.zeros(size, size, 4, dtype=torch.uint8).pin_memory()
    graph, on_card = torch.cuda.CUDAGraph(), torch.zeros(size, size, 3, dtype=torch.uint8, device="cuda")
    half = torch.autocast("cuda", dtype, enabled=dtype is not torch.float32, cache_enabled=False)
    side = torch.cuda.Stream()
    with torch.inference_mode(), half:
        with torch.cuda.stream(side):
            for _ in range(3):
                network(on_card)
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            on_card.copy_(shown, non_blocking=True)
            drawn.copy_(network(on_card), non_blocking=True)

    def call(picture: Frame) -> object:
        shown.copy_(torch.from_numpy(picture))
        graph.replay()
        torch.cuda.synchronize()
        return drawn

    return call


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """What fits on a line."""
    keys = (
        "generator",
        "size",
        "backend",
        "precision",
        "p50_ms",
        "p95_ms",
        "images_per_s",
        "ratio",
        "psnr_db",
        "added",
    )
    return {**{key: row[key] for key in keys}, "skipped": str(row["skipped"])[:60]}


def _load() -> float | None:
    """How many programs wanted a core, averaged over minutes: it tells of the past more than of this run."""
    with suppress(OSError, AttributeError):
        return round(os.getloadavg()[0], 2)
    return None


def wanted_cores(seconds: float = LISTEN_S, stat: Path = Path("/proc/stat")) -> float | None:
    """How many cores are at work now, while this process sleeps; None where the system does not say (not Linux)."""

    def used() -> tuple[int, int]:
        user, nice, system, idle, waiting, *rest = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
        return user + nice + system + sum(rest), idle + waiting

    with suppress(OSError, ValueError):
        busy, free = used()
        time.sleep(seconds)
        now_busy, now_free = used()
        passed = now_busy - busy + now_free - free
        return round((os.cpu_count() or 1) * (now_busy - busy) / max(1, passed), 2)
    return None
