"""The half of the NVIDIA backend that runs, on a card that is faked down to its memory: no name is used that does not
exist, every buffer is given back, and whatever the card refuses is told and survived.
"""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")

from engines.backends.kept import Kept
from engines.backends.nvidia.cuda import Cuda
from engines.backends.tensorrt import TensorRt
from engines.bundle import Bundle
from engines.errors import DeviceError, EngineError
from tests import fakes_nvidia
from tests.fakes_engines import figure_bundle
from tests.fakes_nvidia import FakeCudart, FakeEdition, negative

SIZE = 64


@pytest.fixture
def bundle() -> Bundle:
    return figure_bundle(SIZE)


class Stage:
    """A backend over a fake card, and the means to break it."""

    def __init__(self, bundle: Bundle, folder: Path, **knobs: Any) -> None:
        self.bundle, self.cudart, self.kept = bundle, FakeCudart(), Kept(folder)
        self.knobs = {"manifest": bundle.manifest, "compute": negative, "cudart": self.cudart, **knobs}
        self.edition = FakeEdition(knobs=self.knobs)
        self.backend = TensorRt(self.edition, self.kept, lambda: Cuda(self.cudart))

    def engine(self, precision: str = "f32") -> Any:
        graph = self.bundle.read("generator.onnx")
        return self.backend.opened(graph, self.bundle.manifest, "ember", precision, None, "it is a test")

    @property
    def taken(self) -> int:
        return len(self.cudart._blocks) + len(self.cudart._streams) + len(self.cudart._graphs)


def _picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        ("FakeRuntime", "Runtime"),
        ("FakeEngine", "ICudaEngine"),
        ("FakeContext", "IExecutionContext"),
        ("FakeRuntimeConfig", "IRuntimeConfig"),
        ("FakeRuntimeCache", "IRuntimeCache"),
    ],
)
def test_nothing_is_faked_that_does_not_exist(fake: str, real: str) -> None:
    import tensorrt_rtx

    names = {name for name in dir(getattr(fakes_nvidia, fake)) if not name.startswith("_")}
    assert names - set(dir(getattr(tensorrt_rtx, real))) == set()


def test_no_call_of_cuda_is_faked_that_does_not_exist() -> None:
    from cuda.bindings import runtime

    names = {name for name in dir(FakeCudart()) if not name.startswith("_")}
    assert names - set(dir(runtime)) == set()


def test_a_frame_goes_through_the_card_and_back(bundle: Bundle, tmp_path: Path) -> None:
    engine = Stage(bundle, tmp_path).engine()
    for seed in (1, 2, 1):
        picture = _picture(seed)
        np.testing.assert_array_equal(engine({"conditioning": picture})["figure"][..., :3], 255 - picture)
    assert (engine.backend, engine.precision, engine.device) == ("rtx", "f32", "Fake Card")
    assert engine.why == "it is a test; as one CUDA graph"


def test_a_tick_is_one_launch_and_one_wait(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    engine = stage.engine()
    stage.cudart._calls.clear()
    for _ in range(3):
        engine({"conditioning": _picture()})
    assert stage.cudart._calls == ["cudaGraphLaunch", "cudaStreamSynchronize"] * 3


@pytest.mark.parametrize(
    ("knobs", "told"),
    [({"is_capturable": False}, "cannot be captured"), ({"spoils_capture": True}, "could not be started")],
)
def test_a_card_that_refuses_to_capture_runs_plainly_and_says_so(
    bundle: Bundle, tmp_path: Path, knobs: dict, told: str
) -> None:
    stage = Stage(bundle, tmp_path, **knobs)
    engine = stage.engine()
    assert "without a CUDA graph" in engine.why
    assert told in engine.why
    picture = _picture()
    np.testing.assert_array_equal(engine({"conditioning": picture})["figure"][..., :3], 255 - picture)
    assert "cudaGraphLaunch" not in stage.cudart._calls


@pytest.mark.parametrize("call", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate"])
def test_a_capture_that_fails_in_any_call_leaves_an_engine_that_runs(bundle: Bundle, tmp_path: Path, call: str) -> None:
    stage = Stage(bundle, tmp_path)
    stage.cudart._fails[call] = stage.cudart.cudaError_t.cudaErrorStreamCaptureInvalidated
    engine = stage.engine()
    assert "without a CUDA graph: CUDA says" in engine.why
    picture = _picture()
    np.testing.assert_array_equal(engine({"conditioning": picture})["figure"][..., :3], 255 - picture)


def test_closing_gives_everything_back(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    engine = stage.engine()
    assert stage.taken > 0
    engine.close()
    engine.close()
    del engine
    gc.collect()
    assert stage.taken == 0


def test_a_picture_outlives_its_engine(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    engine = stage.engine()
    picture = _picture()
    figure = engine({"conditioning": picture})["figure"]
    engine.close()
    del engine
    gc.collect()
    assert len(stage.cudart._blocks) == 1
    np.testing.assert_array_equal(figure[..., :3], 255 - picture)
    del figure
    gc.collect()
    assert stage.taken == 0


@pytest.mark.parametrize("call", ["cudaMalloc", "cudaHostAlloc"])
def test_a_full_card_is_one_sentence_and_keeps_nothing(bundle: Bundle, tmp_path: Path, call: str) -> None:
    stage = Stage(bundle, tmp_path)
    stage.cudart._fails[call] = stage.cudart.cudaError_t.cudaErrorMemoryAllocation
    with pytest.raises(DeviceError, match="memory is full; close other programs"):
        stage.engine()
    gc.collect()
    assert stage.taken == 0


def test_a_context_without_room_is_one_sentence(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no room to run on the card"):
        Stage(bundle, tmp_path, is_full=True).engine()


def test_a_card_that_is_lost_while_it_runs_is_told(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    engine = stage.engine()
    stage.cudart._fails["cudaGraphLaunch"] = stage.cudart.cudaError_t.cudaErrorDevicesUnavailable
    with pytest.raises(DeviceError, match=r"ember: Fake Card could not run the graph: .*cudaErrorDevicesUnavailable"):
        engine({"conditioning": _picture()})


@pytest.mark.parametrize(
    ("error", "told"),
    [("cudaErrorInsufficientDriver", "driver is not installed"), ("cudaErrorNoDevice", "there is no NVIDIA card")],
)
def test_a_missing_driver_is_a_status_and_no_crash(bundle: Bundle, tmp_path: Path, error: str, told: str) -> None:
    stage = Stage(bundle, tmp_path)
    stage.cudart._fails["cudaGetDeviceCount"] = getattr(stage.cudart.cudaError_t, error)
    status = stage.backend.status()
    assert (status.available, status.matters) == (False, True)
    assert told in status.reason


def test_a_card_that_rtx_leaves_out_is_sent_to_tensorrt(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    stage.cudart._capability = (9, 0)
    assert "compute capability 9.0" in stage.backend.status().reason
    assert "use TensorRT for it" in stage.backend.status().reason


# Plans ---------------------------------------------------------------------------------------------------------------


def test_a_second_open_builds_nothing(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    stage.engine("f16").close()
    assert stage.backend.is_ready(bundle.read("generator.onnx"), "f16")
    again = Stage(bundle, tmp_path)
    again.engine("f16").close()
    assert (stage.edition.builds, again.edition.builds) == ([1], [])
    assert again.edition.opened_plans == stage.edition.opened_plans


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[: len(data) // 2],
        lambda _data: b"",
        lambda data: data.replace(data[18:50], bytes(32), 1),
    ],
    ids=["flipped", "truncated", "empty", "of another key"],
)
def test_a_plan_that_is_not_what_was_kept_is_built_again(
    bundle: Bundle, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    Stage(bundle, tmp_path).engine().close()
    for path in tmp_path.glob("*.kept"):
        path.write_bytes(spoil(path.read_bytes()))
    stage = Stage(bundle, tmp_path)
    stage.engine().close()
    assert stage.edition.builds == [1]
    (plan,) = stage.edition.opened_plans
    assert len(plan) > 1000
    again = Stage(bundle, tmp_path)
    again.engine().close()
    assert (again.edition.builds, again.edition.opened_plans) == ([], [plan])


def test_a_plan_that_the_library_refuses_is_built_again_once(bundle: Bundle, tmp_path: Path) -> None:
    Stage(bundle, tmp_path).engine().close()
    refused: list[bytes] = []
    stage = Stage(bundle, tmp_path, refuses=lambda plan: not refused and not refused.append(plan))
    stage.engine().close()
    assert (stage.edition.builds, len(stage.edition.opened_plans)) == ([1], 2)
    always = Stage(bundle, tmp_path, refuses=lambda _plan: True)
    with pytest.raises(EngineError, match="does not take the plan"):
        always.engine()


def test_a_plan_with_other_ports_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    stage.knobs["manifest"] = figure_bundle(32).manifest
    graph = bundle.read("generator.onnx")
    with pytest.raises(EngineError, match=r"has ports conditioning \(32, 32, 3\) UINT8.*expected .*\(64, 64, 3\)"):
        stage.backend.opened(graph, bundle.manifest, "ember", "f32", None, "")


def test_every_ingredient_changes_the_key(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    graph = bundle.read("generator.onnx")
    made_for = (("f32", "8.9"), ("f16", "8.9"), ("int8", "8.9"), ("f32", "8.6"))
    keys = {stage.backend._key(graph, *one) for one in made_for}
    other = FakeEdition(name="tensorrt", package="openvino", knobs=stage.knobs)
    keys.add(TensorRt(other, stage.kept)._key(graph, "f32", "8.9"))
    keys.add(stage.backend._key(graph + b" ", "f32", "8.9"))
    assert len(keys) == 6
    card = Cuda(stage.cudart).card()
    assert TensorRt(other, stage.kept)._target(card) == "Fake Card (8, 9) 10 1048576 192 8589934592 False"


def test_what_rtx_compiles_at_the_first_run_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    stage = Stage(bundle, tmp_path)
    stage.engine().close()
    count = len(list(tmp_path.glob("*.kept")))
    assert count == 2
    assert any(b"compiled just now" in path.read_bytes() for path in tmp_path.glob("*.kept"))
