import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from engines.errors import BadInput, ConfigError, UnderstudyError
from tests.fakes_training import written_pairs
from training.checkpoints import TENSORS, checkpoints, latest_checkpoint
from training.config import TrainingConfig, config_from
from training.datasets import Examples
from training.loop import train
from training.methods import method

TINY = {
    "size": 64,
    "precision": "f32",
    "generator": {"width": 8, "blocks": 1},
    "discriminator": {"width": 8, "crops": 6, "start_step": 2, "ramp_steps": 2},
    "schedule": {"batch": 2, "bn_batches": 2, "steps": 6},
    "run": {"sample_rows": 3, "log_steps": 1, "judge_pose": False, "tensorboard": False},
}


def _config(**changes: dict[str, object] | object) -> TrainingConfig:
    merged = dict(TINY)
    for key, value in changes.items():
        merged[key] = {**TINY.get(key, {}), **value} if isinstance(value, dict) else value  # type: ignore[dict-item]
    return config_from(merged, "test")


def _state(run: Path) -> dict[str, torch.Tensor]:
    return load((latest_checkpoint(run) / TENSORS).read_bytes())


def _lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_pairs(tmp_path_factory.mktemp("pairs")).folder


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"discriminator": {"kind": "patch"}},
        {"rollout": {"steps": 2}},
        {"discriminator": {"kind": "none"}, "generator": {"kind": "unet", "downs": 5, "dropout": True}},
    ],
    ids=["crops", "patch", "recurrent", "dropout"],
)
def test_a_resumed_run_ends_bit_equal_to_an_unbroken_one(
    pairs: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    config = _config(**changes)
    train(config, pairs, tmp_path / "unbroken", steps=6, progress=False)
    # The schedule looks at the run's length, so both are told the same one.
    broken = tmp_path / "broken"
    _train_until(config, pairs, broken, step=3)
    train(config, pairs, broken, resume=True, steps=6, progress=False)
    one, other = _state(tmp_path / "unbroken"), _state(broken)
    assert one.keys() == other.keys()
    assert not [key for key in one if not torch.equal(one[key], other[key])]
    assert [line["step"] for line in _lines(broken) if "total" in line] == [1, 2, 3, 4, 5, 6]


def _train_until(config: TrainingConfig, pairs: Path, run: Path, step: int) -> None:
    """Train as if for six steps, stopped after `step` of them the way Ctrl-C stops it."""
    asked = 0

    def now() -> float:
        nonlocal asked
        asked += 1
        if asked == 2 * step:  # twice a step
            os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        train(config, pairs, run, steps=6, progress=False, now=now)


def test_ctrl_c_leaves_a_checkpoint_of_the_step_it_ended(pairs: Path, tmp_path: Path) -> None:
    _train_until(_config(), pairs, tmp_path, step=2)
    assert [place.name for place in checkpoints(tmp_path)] == ["step-0000002"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_ends_when_its_minutes_are_over(pairs: Path, tmp_path: Path) -> None:
    seconds = iter(range(1000))
    train(_config(), pairs, tmp_path, minutes=4 / 60, progress=False, now=lambda: float(next(seconds)))
    assert json.loads((latest_checkpoint(tmp_path) / "state.json").read_text())["step"] == 4


def test_only_the_newest_checkpoints_are_kept(pairs: Path, tmp_path: Path) -> None:
    seconds = iter(range(0, 100000, 100))
    config = _config(run={"checkpoint_minutes": 1, "keep_checkpoints": 2, "sample_minutes": 1000})
    train(config, pairs, tmp_path, steps=5, progress=False, now=lambda: float(next(seconds)))
    assert [place.name for place in checkpoints(tmp_path)] == ["step-0000004", "step-0000005"]


def test_an_unfinished_checkpoint_is_passed_over(pairs: Path, tmp_path: Path) -> None:
    train(_config(), pairs, tmp_path, steps=2, progress=False)
    (tmp_path / "checkpoints" / ".step-0000009.part").mkdir()
    (tmp_path / "checkpoints" / "step-0000009").mkdir()
    train(_config(), pairs, tmp_path, resume=True, steps=3, progress=False)
    assert latest_checkpoint(tmp_path).name == "step-0000003"


def test_a_sample_sheet_shows_skeleton_generated_and_real(pairs: Path, tmp_path: Path) -> None:
    import cv2

    train(_config(), pairs, tmp_path, steps=2, progress=False)
    (path,) = (tmp_path / "samples").glob("*.png")
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (3 * 64, 3 * 64, 3)
    assert (picture[:, :64] == 0).mean() > 0.5
    assert any("validation_figure_l1" in line for line in _lines(tmp_path))


@pytest.mark.parametrize("true_alpha", [False, True])
def test_pix2pix_halves_its_loss_on_one_batch(tmp_path: Path, true_alpha: bool) -> None:
    config = _config(discriminator={"kind": "none"}, augmentation={"move_share": 0})
    examples = Examples(written_pairs(tmp_path, true_alpha=true_alpha), config)
    learner = method(config, examples, torch.device("cpu"))
    batch = examples.batch(0)
    losses = [float(learner.step(batch, step, 0.0)["l1"]) for step in range(30)]
    assert losses[-1] < losses[0] / 2


def test_a_discriminator_of_crops_leaves_chance_at_once(tmp_path: Path) -> None:
    config = _config(discriminator={"start_step": 0, "crops": 16}, schedule={"learning_rate": 1e-6})
    examples = Examples(written_pairs(tmp_path), config)
    learner = method(config, examples, torch.device("cpu"))
    said = [float(learner.step(examples.batch(step), step, 0.0)["discriminator"]) for step in range(30)]
    assert np.mean(said[-5:]) < 1.5  # chance is 2


def test_samples_are_drawn_by_a_copy_in_eval_mode(tmp_path: Path) -> None:
    config = _config()
    examples = Examples(written_pairs(tmp_path), config)
    learner = method(config, examples, torch.device("cpu"))
    learner.step(examples.batch(0), 0, 0.0)
    before = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in learner.networks.items()}
    performer = learner.performer(examples)
    assert not performer.training
    assert performer is not learner.networks["average"]
    for name, net in learner.networks.items():
        assert all(torch.equal(before[name][key], value) for key, value in net.state_dict().items())


def test_a_net_learned_at_one_size_goes_on_at_another(pairs: Path, tmp_path: Path) -> None:
    train(_config(size=32), pairs, tmp_path, steps=2, progress=False)
    train(_config(size=64), pairs, tmp_path, resume=True, steps=3, progress=False)
    assert json.loads((tmp_path / "config.json").read_text())["size"] == 64


def test_a_loss_that_is_no_number_stops_with_a_sentence(pairs: Path, tmp_path: Path) -> None:
    config = _config()
    train(config, pairs, tmp_path, steps=1, progress=False)
    _poison(latest_checkpoint(tmp_path))
    with pytest.raises(UnderstudyError, match=r"no longer a number.*lower schedule.learning_rate"):
        train(config, pairs, tmp_path, resume=True, steps=4, progress=False)
    assert latest_checkpoint(tmp_path).name == "step-0000001"


def _poison(place: Path, value: float = float("nan")) -> None:
    from safetensors.torch import save

    tensors = load((place / TENSORS).read_bytes())
    tensors["generator/head.bias"][0] = value
    (place / TENSORS).write_bytes(save(tensors))


def test_a_run_that_is_there_is_not_trained_over(pairs: Path, tmp_path: Path) -> None:
    train(_config(), pairs, tmp_path, steps=1, progress=False)
    with pytest.raises(BadInput, match="--resume"):
        train(_config(), pairs, tmp_path, steps=1, progress=False)


def test_nothing_to_resume_is_one_sentence(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no checkpoint"):
        train(_config(), pairs, tmp_path, resume=True, progress=False)


def test_networks_cannot_change_on_the_way(pairs: Path, tmp_path: Path) -> None:
    train(_config(), pairs, tmp_path, steps=1, progress=False)
    with pytest.raises(ConfigError, match="generator"):
        train(_config(generator={"width": 16}), pairs, tmp_path, resume=True, steps=2, progress=False)


def test_a_finished_run_says_how_to_go_on(pairs: Path, tmp_path: Path) -> None:
    train(_config(), pairs, tmp_path, steps=1, progress=False)
    with pytest.raises(BadInput, match="--minutes"):
        train(_config(), pairs, tmp_path, resume=True, steps=1, progress=False)


def test_a_damaged_checkpoint_is_one_sentence(pairs: Path, tmp_path: Path) -> None:
    train(_config(), pairs, tmp_path, steps=1, progress=False)
    (latest_checkpoint(tmp_path) / TENSORS).write_bytes(b"nothing")
    with pytest.raises(BadInput, match="damaged"):
        train(_config(), pairs, tmp_path, resume=True, steps=2, progress=False)


def test_a_run_can_be_trained_from_another_thread(pairs: Path, tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: train(_config(), pairs, tmp_path, steps=1, progress=False))
    began = time.monotonic()
    thread.start()
    thread.join(30)
    assert time.monotonic() - began < 30
    assert checkpoints(tmp_path)
