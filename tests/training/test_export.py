import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from engines.backends import backend_precisions, open_engine
from engines.bundle import open_bundle
from engines.errors import BadInput, PairsError, UnderstudyError
from engines.pose.skeleton import drawn_skeleton, style_hash
from tests.fakes_training import room, swinging, written_pairs
from tests.training.test_loop import _config
from training.checkpoints import TENSORS, best_checkpoint, latest_checkpoint
from training.export import export
from training.loop import train
from training.ports import longhand
from training.quantization import psnr_db


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    pairs = written_pairs(folder / "pairs", side=96).folder
    train(_config(title="The doll", credits="nobody"), pairs, folder / "run", steps=4, progress=False)
    return folder / "run"


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    export(run, run.parent / "doll", progress=False)
    return run.parent / "doll"


def test_a_bundle_says_what_it_is(exported: Path) -> None:
    manifest = open_bundle(exported).manifest
    assert (manifest.name, manifest.title, manifest.credits) == ("doll", "The doll", "nobody")
    assert (manifest.conditioning, manifest.finish, manifest.size) == ("skeleton", "over_plate", (64, 64))
    assert [port.shape for port in (*manifest.inputs, *manifest.outputs)] == [(64, 64, 3), (64, 64, 4)]
    assert manifest.skeleton is not None
    assert manifest.skeleton_hash == style_hash(manifest.skeleton)
    assert manifest.made_by["trained"].startswith("4 steps")
    assert str(exported.parent) not in json.dumps(manifest.made_by)


def test_what_is_shown_is_what_was_trained(run: Path, exported: Path) -> None:
    from training.export import _trained

    generator = _trained(run).generator
    with_engine = open_engine(open_bundle(exported), "openvino", "f32")
    for phase in (0.3, 1.7):
        drawn = drawn_skeleton(swinging(phase), (64, 64))
        gap = np.abs(with_engine({"conditioning": drawn})["figure"] - longhand(generator, drawn))
        assert gap.max() <= 1
    with_engine.close()


def test_the_int8_graph_states_a_distance_that_was_measured(exported: Path) -> None:
    bundle = open_bundle(exported)
    graph = bundle.manifest.graph("int8")
    assert graph is not None
    assert graph.psnr_db is not None
    engine = open_engine(bundle, "openvino", "int8")
    drawn = drawn_skeleton(swinging(0.3), (64, 64))
    assert engine({"conditioning": drawn})["figure"].shape == (64, 64, 4)
    engine.close()
    assert 20 < graph.psnr_db < 99


def test_a_bundle_says_how_far_its_shorter_floats_are_off(exported: Path) -> None:
    said = open_bundle(exported).manifest.metrics
    assert 0 <= said["f16_p999_levels"] <= 3
    assert ("bf16_p999_levels" in said) == ("bf16" in backend_precisions("openvino"))


def test_the_room_in_the_bundle_is_the_room_of_the_pairs(exported: Path) -> None:
    bundle = open_bundle(exported)
    y, x = bundle.manifest.plate_at
    assert (y, x) == (round(2 * 64 / 96), round(6 * 64 / 96))
    assert bundle.plate is not None
    from engines.images import resized

    np.testing.assert_array_equal(bundle.plate[y : y + 64, x : x + 64], resized(room(96), (64, 64)))


def test_an_export_without_int8_holds_one_graph(run: Path, tmp_path: Path) -> None:
    bundle = export(run, tmp_path / "plain", name="other", int8=False, progress=False)
    assert bundle.manifest.name == "other"
    assert [graph.precision for graph in bundle.manifest.graphs] == ["f32"]


def test_a_whole_frame_performer_has_no_plate(tmp_path: Path) -> None:
    pairs = written_pairs(tmp_path / "pairs", static=False).folder
    train(_config(), pairs, tmp_path / "run", steps=2, progress=False)
    bundle = export(tmp_path / "run", tmp_path / "bundle", int8=False, progress=False)
    assert (bundle.manifest.finish, bundle.plate) == ("none", None)


def test_a_run_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="folder of a training"):
        export(tmp_path, tmp_path / "bundle", progress=False)


def test_pairs_that_were_moved_are_one_sentence(tmp_path: Path) -> None:
    pairs = written_pairs(tmp_path / "pairs").folder
    train(_config(), pairs, tmp_path / "run", steps=1, progress=False)
    pairs.rename(tmp_path / "elsewhere")
    with pytest.raises(PairsError):
        export(tmp_path / "run", tmp_path / "bundle", progress=False)
    assert not (tmp_path / "bundle").exists()


def test_psnr_is_that_of_the_definition() -> None:
    black, gray = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 16, np.uint8)
    assert psnr_db([gray], [black]) == pytest.approx(20 * np.log10(255 / 16))
    assert psnr_db([gray], [gray]) == 99


def test_longhand_rounds_and_clips() -> None:
    def overshooting(pictures: torch.Tensor) -> torch.Tensor:
        return torch.full((1, 4, *pictures.shape[2:]), 1.2)

    assert (longhand(overshooting, np.zeros((4, 4, 3), np.uint8)) == 255).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("recurrent", [False, True])
def test_a_generator_that_does_not_look_is_not_exported(tmp_path: Path, recurrent: bool) -> None:
    pairs = written_pairs(tmp_path / "pairs", side=64).folder
    train(_config(rollout={"steps": int(recurrent)}), pairs, tmp_path / "run", steps=1, progress=False)
    _blind(best_checkpoint(tmp_path / "run") or latest_checkpoint(tmp_path / "run"))
    with pytest.raises(UnderstudyError, match="same picture whatever the pose"):
        export(tmp_path / "run", tmp_path / "out", int8=False, progress=False)
    assert not (tmp_path / "out").exists()


def _blind(place: Path) -> None:
    """Cut what the first layer sees of the skeleton; what it sees of its last picture stays."""
    tensors = load((place / TENSORS).read_bytes())
    tensors["average/stem.0.0.weight"][:, :48] = 0  # 3 channels, unshuffled by 4
    (place / TENSORS).write_bytes(save(tensors))
