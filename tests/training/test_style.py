"""Style transfer: what its losses reward, that both methods learn in seconds, that bundles show what was trained."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import nn

import understudy
from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.errors import BadInput, ConfigError
from engines.images import Frame
from engines.performer import Performer
from engines.scene import Scene
from tests.training.test_loop import TINY, _lines
from training.checkpoints import TENSORS, checkpoints, latest_checkpoint
from training.config import TrainingConfig, config_from
from training.contrast import PatchHeads, drawn_places, patch_contrast
from training.loop import train
from training.methods import method
from training.methods.cyclegan import CycleGAN
from training.pairs.store import PairSet
from training.pool import ImagePool
from training.set_distance import discrepancy, distances, features
from training.steadiness import moved, small_motion, steadiness
from training.unpaired import gather
from training.unpaired.examples import UnpairedExamples
from training.unpaired.measuring import styled

CPU = torch.device("cpu")


def _warm(k: int) -> Frame:
    """A red room with a bright spot somewhere."""
    picture = np.full((64, 64, 3), (150, 60, 40), np.uint8)
    cv2.circle(picture, (12 + 9 * k % 40, 14 + 13 * k % 36), 8, (250, 220, 160), -1)
    return picture


def _cold(k: int) -> Frame:
    """Blue, with a dark square somewhere."""
    picture = np.full((64, 64, 3), (40, 80, 170), np.uint8)
    x, y = 6 + 11 * k % 44, 6 + 7 * k % 44
    cv2.rectangle(picture, (x, y), (x + 12, y + 12), (10, 20, 60), -1)
    return picture


def _mixed(one: Frame, other: Frame, share: float) -> Frame:
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8)


def _sides(folder: Path, count: int = 10) -> PairSet:
    for name, made in (("a", _warm), ("b", _cold)):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            cv2.imwrite(str(folder / name / f"{k:02d}.png"), cv2.cvtColor(made(k), cv2.COLOR_RGB2BGR))
    return gather(folder / "a", folder / "b", folder / "sides").pairs


def _config(name: str, **changes: object) -> TrainingConfig:
    judge = {"kind": "patch", "width": 8, "layers": 2, "norm": "instance", "start_step": 0, "learning_rate": 2e-4}
    given: dict[str, object] = {
        **TINY,
        "method": name,
        "output": "image",
        "discriminator": judge,
        "losses": {"form": "least_squares", "adversarial": 1},
    }
    if name == "cyclegan":
        given["generator"] = {"kind": "resnet", "width": 8, "blocks": 2, "norm": "instance"}
        given["style"] = {"student": {"kind": "light", "width": 8, "blocks": 1}, "pool": 4}
    for key, value in changes.items():
        before = given.get(key, {})
        given[key] = {**before, **value} if isinstance(value, dict) and isinstance(before, dict) else value
    return config_from(given, "test")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    return _sides(tmp_path_factory.mktemp("style"))


# Parts ---------------------------------------------------------------------------------------------------------------


def test_a_patch_that_is_where_it_was_costs_less_than_one_that_is_not() -> None:
    torch.manual_seed(0)
    heads, feature = PatchHeads([6]), torch.randn(2, 6, 8, 8)
    places = drawn_places([feature], 32)
    keys = heads([feature], places)
    elsewhere = heads([feature.roll(3, dims=3)], places)
    here, there = (float(patch_contrast(queries, keys, 0.07).detach()) for queries in (keys, elsewhere))
    assert here < 0.5 * there


def test_contrast_pulls_at_the_result_and_never_at_the_input() -> None:
    heads = PatchHeads([6])
    query, key = (torch.randn(1, 6, 4, 4, requires_grad=True) for _ in range(2))
    places = drawn_places([query], 9)
    patch_contrast(heads([query], places), heads([key], places), 0.07).backward()
    assert query.grad is not None
    assert query.grad.abs().sum() > 0
    assert key.grad is None or key.grad.abs().sum() == 0


def test_a_pool_gives_its_pictures_back_half_of_the_time_once_it_is_full() -> None:
    torch.manual_seed(0)
    pool = ImagePool(4, (2, 2))
    shown = [float(pool.shown(torch.full((1, 3, 2, 2), -1 + k / 50))[0, 0, 0, 0]) for k in range(100)]
    fresh = [abs(value - (-1 + k / 50)) < 1e-6 for k, value in enumerate(shown)]
    assert all(fresh[:4])
    assert 0.3 < np.mean(fresh[4:]) < 0.7
    assert int(pool.held) == 4


def test_a_pool_of_nothing_gives_back_what_it_is_given() -> None:
    fakes = torch.randn(2, 3, 2, 2)
    assert ImagePool(0, (2, 2)).shown(fakes) is fakes


def test_what_moves_with_its_input_is_steady() -> None:
    torch.manual_seed(0)
    looked_at = nn.functional.interpolate(torch.rand(2, 3, 8, 8), (64, 64), mode="bicubic")
    motion = small_motion(looked_at)
    assert float((moved(looked_at, motion) - looked_at).abs().mean()) > 0.001
    of_a_point = 1 - 2 * looked_at  # each pixel from itself alone
    stuck = of_a_point  # shows the same whatever moves
    assert float(steadiness(1 - 2 * moved(looked_at, motion), of_a_point, motion)) < 1e-5
    assert float(steadiness(stuck, of_a_point, motion)) > 0.01


def test_the_distance_of_two_sets_is_about_none_within_one_and_large_between_two() -> None:
    warm, cold = ([made(k) for k in range(24)] for made in (_warm, _cold))
    found = distances(cold[:12], warm[:12], cold[12:])
    assert abs(found.share) < 0.15
    assert distances(warm[12:], warm[:12], cold).share > 0.8
    near, far = discrepancy(features(warm[:12]), features(warm[12:])), discrepancy(features(warm), features(cold))
    assert near < 0.1 * far


def test_what_is_nearly_there_is_nearer_than_what_has_just_begun() -> None:
    warm, cold = ([made(k) for k in range(16)] for made in (_warm, _cold))
    ways = [[_mixed(w, c, way) for w, c in zip(warm, cold, strict=True)] for way in (0.2, 0.8, 1.0)]
    begun, nearly, there = (distances(shown, warm, cold).share for shown in ways)
    assert begun > 1.2 * nearly > 1.2 * there


def test_the_identity_and_a_constant_are_said_in_words() -> None:
    warm, cold = ([made(k) for k in range(8)] for made in (_warm, _cold))
    assert "learned the identity" in styled(warm, warm, cold).words
    assert "learned a constant" in styled([cold[0]] * 8, warm, cold).words
    assert "keeps them apart" in styled([255 - picture for picture in warm], warm, cold).words


# Learning ------------------------------------------------------------------------------------------------------------


def test_fastcut_learns_a_batch(pairs: PairSet) -> None:
    config = _config("fastcut", style={"flip_equivariance": False})
    learner = method(config, None, CPU)
    batch = UnpairedExamples(pairs, config).batch(0)
    losses = [float(learner.step(batch, step, 0.0)["contrast"]) for step in range(40)]
    assert np.mean(losses[-5:]) < losses[0] / 2


@pytest.mark.slow
def test_fastcut_takes_on_the_colors_of_the_other_side(pairs: PairSet) -> None:
    config = _config(
        "fastcut", style={"contrast": 1}, schedule={"learning_rate": 2e-3}, discriminator={"learning_rate": 1e-3}
    )
    examples, learner = UnpairedExamples(pairs, config), method(config, None, CPU)
    for step in range(150):
        torch.manual_seed(step)
        learner.step(examples.batch(step), step, 0.0)
    shown = learner.picture(learner.performer(examples), examples.plain([int(i) for i in examples.test]))
    red, _, blue = shown.mean(dim=(0, 2, 3)).tolist()
    assert blue > red + 0.1, (red, blue)


def test_cyclegan_learns_a_batch_and_its_students_follow(pairs: PairSet) -> None:
    config = _config("cyclegan", schedule={"learning_rate": 1e-3})
    learner = method(config, None, CPU)
    batch = UnpairedExamples(pairs, config).batch(0)
    said = [learner.step(batch, step, 0.0) for step in range(50)]
    assert float(said[-1]["cycle"]) < float(said[0]["cycle"]) / 2
    assert float(said[-1]["identity"]) < float(said[0]["identity"])
    assert float(said[-1]["student"]) < max(float(one["student"]) for one in said) / 2


@pytest.mark.parametrize("name", ["fastcut", "cyclegan"])
def test_with_every_option_it_goes_on(pairs: PairSet, name: str) -> None:
    style = (
        {"flow": 2, "contrast_identity": 1, "direction": "b_to_a"}
        if name == "fastcut"
        else {"flow": 2, "student": None}
    )
    config = _config(name, style=style)
    examples = UnpairedExamples(pairs, config, side="B" if name == "fastcut" else "A")
    learner = method(config, None, CPU)
    said = learner.step(examples.batch(0), 0, 0.0)
    assert "flow" in said
    assert all(np.isfinite(float(value)) for value in said.values())


@pytest.mark.parametrize("name", ["fastcut", "cyclegan"])
def test_a_resumed_run_ends_bit_equal_to_an_unbroken_one(pairs: PairSet, tmp_path: Path, name: str) -> None:
    config = _config(name, schedule={"decay_to": 1.0})  # how far a run is, and so its rate, depends on where it ends
    train(config, pairs.folder, tmp_path / "whole", steps=4, progress=False)
    train(config, pairs.folder, tmp_path / "broken", steps=2, progress=False)
    train(config, pairs.folder, tmp_path / "broken", steps=4, resume=True, progress=False)
    whole, broken = (load((latest_checkpoint(tmp_path / run) / TENSORS).read_bytes()) for run in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    assert [key for key in whole if not torch.equal(whole[key], broken[key])] == []
    assert name == "fastcut" or int(whole["pool/there.held"]) == 4


# Bundles -------------------------------------------------------------------------------------------------------------


def test_two_bundles_come_out_of_one_cyclegan_run(pairs: PairSet, tmp_path: Path) -> None:
    train(_config("cyclegan"), pairs.folder, tmp_path / "run", steps=3, progress=False)
    sheet = cv2.imread(str(next((tmp_path / "run" / "samples").glob("*.png"))))
    assert sheet is not None
    assert sheet.shape[1] == 3 * 64
    out = tmp_path / "world"
    assert understudy.main(["export", str(tmp_path / "run"), "--out", str(out), "--no-int8"]) == 0
    shown = []
    for name in ("world_a_to_b", "world_b_to_a"):
        bundle = open_bundle(tmp_path / name)
        assert (bundle.manifest.method, bundle.manifest.conditioning) == ("cyclegan", "frame")
        performer = Performer(bundle, open_engine(bundle, "openvino", "f32"))
        shown.append(performer.perform(Scene(frame=_warm(3))).image.copy())
        performer.close()
    assert np.abs(shown[0].astype(int) - shown[1]).max() > 2


def test_a_wide_stage_is_padded_and_not_stretched(pairs: PairSet, tmp_path: Path) -> None:
    train(_config("fastcut"), pairs.folder, tmp_path / "run", steps=3, progress=False)
    argv = ["export", str(tmp_path / "run"), "--out", str(tmp_path / "wide"), "--no-int8", "--size", "90x50"]
    assert understudy.main(argv) == 0  # it proves the graph against torch, padded by hand
    bundle = open_bundle(tmp_path / "wide")
    assert bundle.manifest.size == (50, 90)
    performer = Performer(bundle, open_engine(bundle, "openvino", "f32"))
    assert performer.perform(Scene(frame=np.asarray(cv2.resize(_warm(3), (90, 50)), np.uint8))).image.shape == (
        50,
        90,
        3,
    )
    performer.close()


def test_epochs_say_the_steps_and_when_a_state_is_kept(pairs: PairSet, tmp_path: Path) -> None:
    config = _config("fastcut", schedule={"epochs": 2}, run={"checkpoint_epochs": 1, "keep_checkpoints": 9})
    train(config, pairs.folder, tmp_path / "run", progress=False)
    learned = 8  # of ten pictures, in twos
    assert _lines(tmp_path / "run")[-1]["step"] == 2 * learned // 2
    assert [place.name for place in checkpoints(tmp_path / "run")] == ["step-0000004", "step-0000008"]


# What does not fit ---------------------------------------------------------------------------------------------------


def test_what_unpaired_pictures_cannot_be_learned_with_is_named(pairs: PairSet) -> None:
    with pytest.raises(ConfigError, match="unet"):
        method(_config("fastcut", generator={"kind": "unet", "downs": 5}), None, CPU)
    for name in ("fastcut", "cyclegan"):
        with pytest.raises(ConfigError, match="'patch'"):
            method(_config(name, discriminator={"kind": "none"}), None, CPU)
    with pytest.raises(ConfigError, match="smallest picture"):
        UnpairedExamples(pairs, _config("fastcut", size=128))


def test_pictures_of_any_shape_are_cut_out_and_not_stretched(tmp_path: Path) -> None:
    ring = np.zeros((80, 160, 3), np.uint8)
    cv2.circle(ring, (80, 40), 30, (255, 255, 255), 3)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(4):
            cv2.imwrite(str(tmp_path / name / f"{k}.png"), ring if k else ring[:, 40:120])
    (tmp_path / "sides").mkdir()
    (tmp_path / "sides" / "rejected.txt").write_text("")
    sides = gather(tmp_path / "a", tmp_path / "b", tmp_path / "sides").pairs
    examples = UnpairedExamples(sides, _config("fastcut"))
    for step in range(4):
        for picture in examples.batch(step).conditioning:
            rows, columns = (np.flatnonzero(picture[..., 0].max(axis=axis) > 128) for axis in (1, 0))
            if len(columns) and columns[0] > 1 and columns[-1] < 62:
                assert abs(np.ptp(rows) - np.ptp(columns)) <= 2


def test_a_student_is_what_a_cyclegan_performs_with(pairs: PairSet) -> None:
    config = _config("cyclegan")
    examples = UnpairedExamples(pairs, config)
    learner = CycleGAN(config, CPU)
    assert not [module for module in learner.performer(examples).modules() if isinstance(module, nn.InstanceNorm2d)]
    teacher = CycleGAN(_config("cyclegan", style={"student": None}), CPU)
    assert [module for module in teacher.performer(examples).modules() if isinstance(module, nn.InstanceNorm2d)]


@pytest.mark.parametrize("name", ["fastcut", "cyclegan"])
def test_the_bench_compares_it_with_a_plain_loop(pairs: PairSet, name: str) -> None:
    from training.bench import bench_train

    figures = bench_train(_config(name), pairs.folder, seconds=0.2)
    assert figures["ratio"] > 0
    with pytest.raises(BadInput, match="--pairs"):
        bench_train(_config(name))
