"""Two processes that share every batch take the very step that one takes alone."""

import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engines.errors import ConfigError
from tests.fakes_training import written_pairs
from tests.training.test_loop import _config, _lines, _state
from training.checkpoints import latest_checkpoint
from training.config import TrainingConfig
from training.datasets import Examples
from training.loop import train
from training.methods import method
from training.pairs.store import open_pairs
from training.sharing import SharedNorm, joined, rank, with_shared_norms, world

# Every loss that divides by a sum over the batch, and a discriminator that sees it as a whole. No dropout, f32.
SHARED = {
    "discriminator": {"width": 8, "crops": 8, "start_step": 0, "ramp_steps": 1},
    "losses": {"edges": 1, "temporal": 1, "consistency": 1},
    "schedule": {"batch": 4, "bn_batches": 2},
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_pairs(tmp_path_factory.mktemp("pairs")).folder


def _config_shared(**changes: dict[str, object]) -> TrainingConfig:
    return _config(**{**SHARED, **changes})


def _gradients(config: TrainingConfig, pairs: Path) -> dict[str, torch.Tensor]:
    """Gradients of the first step, of the generator and the discriminator, as this process has them."""
    torch.manual_seed(config.seed)
    examples = Examples(open_pairs(pairs), config)
    learner = method(config, examples, torch.device("cpu"))
    _blocks_that_do_something(learner.networks["generator"])
    learner.step(examples.batch(0, rank(), world()), 0, 0.0)
    return {
        f"{name}/{key}": parameter.grad.contiguous()
        for name in ("generator", "discriminator")
        for key, parameter in learner.networks[name].named_parameters()
        if parameter.grad is not None
    }


def _blocks_that_do_something(network: nn.Module) -> None:
    # Residual blocks begin as the identity, behind which no gradient could be wrong.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)


def _one_of(number: int, count: int, port: int, config: TrainingConfig, pairs: Path, folder: Path) -> None:
    os.environ |= {
        "RANK": str(number),
        "WORLD_SIZE": str(count),
        "LOCAL_RANK": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    with joined():
        save_file(_gradients(config, pairs), str(folder / f"{number}.safetensors"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["crops", "patch"])
def test_gradients_of_two_processes_are_those_of_one(pairs: Path, tmp_path: Path, kind: str) -> None:
    config = _config_shared(discriminator={**SHARED["discriminator"], "kind": kind})
    alone = _gradients(config, pairs)
    context, port = multiprocessing.get_context("spawn"), _free_port()
    children = [context.Process(target=_one_of, args=(n, 2, port, config, pairs, tmp_path)) for n in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    one, other = (load_file(str(tmp_path / f"{n}.safetensors")) for n in range(2))
    assert alone.keys() == one.keys()
    for key, gradient in alone.items():
        assert torch.equal(one[key], other[key]), key
        # Rounding decides some ReLUs and signs of L1 anew: single elements may differ, the direction may not.
        assert float((one[key] - gradient).norm()) <= 1e-3 * float(gradient.norm()) + 1e-6, key


@pytest.mark.slow
def test_train_devices_shares_one_run(pairs: Path, tmp_path: Path) -> None:
    """As a person types it: two processes, one folder, a checkpoint that a single process goes on from."""
    config = tmp_path / "tiny.toml"
    config.write_text(
        'size = 64\nprecision = "f32"\ngenerator = { width = 8, blocks = 1 }\n'
        "discriminator = { width = 8, crops = 8, start_step = 1, ramp_steps = 1 }\n"
        "schedule = { batch = 2, bn_batches = 2 }\n"
        "run = { sample_rows = 2, log_steps = 1, judge_pose = false, tensorboard = false }\n"
    )
    run = tmp_path / "run"
    command = ["train", str(config), "--pairs", str(pairs), "--out", str(run), "--steps", "3", "--devices", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-m", "understudy", *command], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert [line["step"] for line in _lines(run) if "total" in line] == [1, 2, 3]
    assert latest_checkpoint(run).name == "step-0000003"
    before = _state(run).keys()
    from training.config import load_config

    train(load_config(config), pairs, run, resume=True, steps=4, progress=False)
    assert _state(run).keys() == before


def test_the_shares_of_a_batch_are_the_batch(pairs: Path) -> None:
    examples = Examples(open_pairs(pairs), _config_shared())
    whole, shares = examples.batch(5), [examples.batch(5, n, 2) for n in range(2)]
    for name in ("conditioning", "real", "weight", "far", "plate"):
        joined_parts = torch.cat([torch.from_numpy(getattr(share, name)) for share in shares])
        assert torch.equal(joined_parts, torch.from_numpy(getattr(whole, name))), name
    corners = [torch.from_numpy(share.crops[:, 1:]) for share in shares]
    assert torch.equal(torch.cat(corners), torch.from_numpy(whole.crops[:, 1:]))


def test_a_batch_that_cannot_be_shared_evenly_is_refused(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.starting.world", lambda: 3)
    with pytest.raises(ConfigError, match=r"batch is 4.*multiple of 3"):
        train(_config_shared(), pairs, tmp_path / "run", steps=1, progress=False)


def test_alone_a_shared_norm_is_a_plain_one() -> None:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(4)
    shared = SharedNorm(4)
    x = torch.randn(3, 4, 5, 5)
    assert torch.equal(plain(x), shared(x))
    network = nn.Sequential(nn.BatchNorm2d(4))
    assert type(with_shared_norms(network)[0]) is nn.BatchNorm2d  # type: ignore[index]
