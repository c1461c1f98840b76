"""`bench engines` measures what is here, says why the rest is not, and its page is what the file says."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import understudy
from engines.backends import BACKENDS
from engines.bundle.agreement import MOST_LEVELS
from engines.errors import BadInput
from training import bench_generators
from training.bench_generators import contender
from training.config import GeneratorConfig
from training.engine_bench import bench_engines, graphed, wanted_cores
from training.engine_page import BY_HAND, performance_page, write_page
from training.macs import parameters
from training.networks import generator
from training.ports import Ported

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A real run of a generator that is small enough for a test."""
    small = {"light": GeneratorConfig(width=4, blocks=1)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bench_generators, "GENERATORS", small)
        file = tmp_path_factory.mktemp("bench") / "engines.json"
        bench_engines(sizes=(64,), generators=("light",), runs=8, threads=1, json=file)
    return json.loads(file.read_text())


def test_every_backend_has_figures_or_a_reason(figures: dict[str, Any]) -> None:
    rows = figures["engines"]
    assert {row["backend"] for row in rows} >= {*BACKENDS, "torch eager", "torch CUDA graph"}
    for row in rows:
        assert (row["p50_ms"] is None) == bool(row["skipped"])
    measured = {(row["backend"], row["precision"]) for row in rows if row["p50_ms"]}
    assert {("openvino", "f32"), ("openvino", "int8"), ("onnxruntime", "f32")} <= measured


def test_a_row_is_what_bench_md_says(figures: dict[str, Any]) -> None:
    assert {"machine", "versions", "commit", "started", "threads", "load_before"} <= figures.keys()
    (row,) = [one for one in figures["engines"] if (one["backend"], one["precision"]) == ("openvino", "f32")]
    assert row["ratio"] == pytest.approx(row["torch_eager_ms"] / row["p50_ms"])
    assert row["images_per_s"] == pytest.approx(1000 / row["p50_ms"])
    assert row["added"] == pytest.approx(row["p50_ms"] / row["bare_p50_ms"] - 1)
    assert row["psnr_db"] > 60
    assert row["p95_ms"] >= row["p50_ms"]


def test_the_page_holds_every_figure_and_every_reason(figures: dict[str, Any]) -> None:
    page = performance_page(figures)
    for row in figures["engines"]:
        assert row["skipped"] in page if row["skipped"] else f"{row['p50_ms']:.3g}" in page
    assert "## Unproven" in page
    assert "not measured" in page  # there was no U-Net


def test_a_promise_that_is_not_kept_is_said(figures: dict[str, Any]) -> None:
    (row,) = [one for one in figures["engines"] if (one["backend"], one["precision"]) == ("openvino", "int8")]
    for took_ms, told in ((13.9, "yes"), (14.1, "**no**")):
        quiet = {"wanted_before": 0.0, "wanted_after": 0.0}
        changed = {**figures, **quiet, "engines": [{**row, "size": 512, "p50_ms": took_ms}]}
        (line,) = [line for line in performance_page(changed).splitlines() if "int8, p50" in line]
        assert line.endswith(f"| {told} |")


def test_a_busy_machine_is_told_of(figures: dict[str, Any]) -> None:
    machine = {**figures["machine"], "cores": 2}
    for key in ("wanted_before", "wanted_after", "load_before"):
        nothing = dict.fromkeys(("wanted_before", "wanted_after", "load_before"))
        quiet, busy = ({**figures, "machine": machine, **nothing, key: cores} for cores in (0.1, 1.5))
        assert "**It was busy**" in performance_page(busy)
        assert "**It was busy**" not in performance_page(quiet)
        assert "not judged" in performance_page(busy)
        assert "not judged" not in performance_page(quiet)


def test_a_load_that_is_over_makes_no_run_busy(figures: dict[str, Any]) -> None:
    assert "**It was busy**" not in performance_page(
        {**figures, "wanted_before": 0.02, "wanted_after": 0.05, "load_before": 9.0}
    )


def test_cores_at_work_are_counted_while_the_bench_sleeps(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 50 50 800 0 0 0 0 0 0\ncpu0 1 2 3\n")
    later = threading.Timer(0.05, stat.write_text, ["cpu  130 60 60 850 0 0 0 0 0 0\ncpu0 1 2 3\n"])
    later.start()
    assert wanted_cores(0.3, stat) == pytest.approx(0.5 * (os.cpu_count() or 1))
    assert wanted_cores(0, tmp_path / "nothing") is None


def test_the_page_in_docs_is_the_one_of_the_figures_in_docs() -> None:
    figures = json.loads((DOCS / "performance.json").read_text())
    assert (DOCS / "performance.md").read_text().partition(f"\n{BY_HAND}")[0] == performance_page(figures)


def test_a_page_is_written_by_the_command(figures: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "engines.json").write_text(json.dumps(figures))
    page = tmp_path / "page.md"
    command = ["bench", "engines", "--page-of", str(tmp_path / "engines.json"), "--page", str(page)]
    assert understudy.main(command) == 0
    assert page.read_text().startswith("# Performance")


def test_what_is_no_measurement_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(BadInput, match="is not what `bench engines --json` writes"):
        write_page(tmp_path / "other.json", tmp_path / "page.md")
    with pytest.raises(BadInput, match="cannot be read"):
        write_page(tmp_path / "nothing.json", tmp_path / "page.md")


def test_a_generator_that_is_not_known_is_named() -> None:
    with pytest.raises(BadInput, match="'abacus'; there are light, unet, resnet"):
        bench_engines(generators=("abacus",))


class _Ops(TorchDispatchMode):
    """Notes every operator that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["light", "unet", "resnet"])
def test_a_generator_that_is_warm_takes_no_numbers_from_the_host(kind: Any) -> None:
    """A copy from pageable memory cannot be captured as a CUDA graph, and no card is needed to see one."""
    ported = Ported(generator(GeneratorConfig(kind=kind, width=4, blocks=1, downs=5), matte=True)).eval()
    picture = torch.zeros(64, 64, 3, dtype=torch.uint8)
    with torch.inference_mode():
        ported(picture)
        with _Ops() as ops:
            ported(picture)
    assert ops.seen
    assert not [name for name in ops.seen if "lift_fresh" in name]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA card here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["light", "unet"])
def test_torch_as_a_cuda_graph_draws_what_the_processor_draws(name: str, dtype: torch.dtype) -> None:
    one = contender(name, 256)
    with torch.inference_mode():
        expected = [Ported(one.network)(torch.from_numpy(picture)).numpy().astype(int) for picture in one.pictures]
    call = graphed(one, dtype)
    for _ in range(2):  # in turns, so that a picture of before would be seen
        for picture, wanted in zip(one.pictures, expected, strict=True):
            assert np.quantile(np.abs(call(picture).numpy() - wanted), 0.999) <= MOST_LEVELS  # type: ignore[attr-defined]
    taken = []
    for _ in range(300):
        started = time.perf_counter()
        call(one.pictures[0])
        taken.append(1e3 * (time.perf_counter() - started))
    p50, p99 = np.percentile(taken[50:], [50, 99])
    print(f"{name} at 256, {dtype}, torch as a CUDA graph: p50 {p50:.3f} ms, p99 {p99:.3f} ms")
    assert next(one.network.parameters()).device.type == "cpu"  # it is measured there again


def test_the_generator_of_a_config_is_measured_under_its_name(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text("generator.blocks = 1\n")
    figures = bench_engines(sizes=(64,), generators=(f"{file}+generator.width=4",), runs=1, threads=1)
    small = parameters(generator(GeneratorConfig(width=4, blocks=1), matte=True))
    assert {row["generator"] for row in figures["engines"]} == {"tiny+generator.width=4"}
    assert {row["parameters"] for row in figures["engines"]} == {small}


def test_what_was_written_by_hand_stays_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for _ in range(2):
        write_page(DOCS / "performance.json", page)
        if BY_HAND not in page.read_text():
            page.write_text(f"{page.read_text()}\n{BY_HAND}\n\n## The show\n")
    assert page.read_text().endswith("## The show\n")
    assert page.read_text().count("## Unproven") == 1
