"""What a run keeps, what it says, and that no accident costs more than the steps since the last checkpoint."""

import json
import multiprocessing
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines.errors import UnderstudyError
from engines.images import Frame
from engines.pose.landmarks import Landmarks
from tests.fakes_training import written_pairs
from tests.training.test_loop import _config, _lines, _poison, _state
from training.checkpoints import best_checkpoint, checkpoints, latest_checkpoint, read_checkpoint, said_in
from training.config import TrainingConfig
from training.export import chosen_checkpoint
from training.film import read_film, write_film
from training.loop import train
from training.runs import run_facts

SMALL = {"size": 32, "run": {"checkpoint_minutes": 1e-6, "sample_minutes": 1000}, "discriminator": {"start_step": 4}}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_pairs(tmp_path_factory.mktemp("pairs")).folder


@pytest.fixture(scope="module")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sampled at every step, judged by a pose that is found where it should be."""
    folder = tmp_path_factory.mktemp("runs") / "kept"
    config = _config(run={"sample_minutes": 1, "judge_pose": True, "tensorboard": True})
    seconds = iter(range(0, 100000, 100))
    train(config, pairs, folder, steps=4, progress=False, now=lambda: float(next(seconds)), found=_nobody)
    return folder


def _nobody(_picture: Frame) -> Landmarks | None:
    return None


def test_a_run_says_where_it_ran_and_what_it_learned_from(run: Path, pairs: Path) -> None:
    facts = run_facts(run)
    assert facts["pairs"] == str(pairs)
    assert facts["torch"] == torch.__version__
    assert facts["versions"]["python"]
    assert facts["machine"]["cores"] >= 1
    assert "commit" in facts


def test_the_curves_are_one_picture_that_is_not_empty(run: Path) -> None:
    picture = cv2.imread(str(run / "curves.png"))
    assert picture is not None
    saturated = picture.max(axis=2).astype(int) - picture.min(axis=2) > 80
    assert saturated.sum() > 500  # colored lines in gray frames


def test_the_samples_become_a_film_whose_end_is_held(run: Path) -> None:
    frames = list(read_film(run / "timelapse.mp4"))
    sheets = sorted((run / "samples").glob("*.png"))
    assert len(frames) == len(sheets) + 4
    last = cv2.cvtColor(np.asarray(cv2.imread(str(sheets[-1]))), cv2.COLOR_BGR2RGB)
    assert np.abs(frames[-1].astype(int) - last[: frames[-1].shape[0], : frames[-1].shape[1]]).mean() < 6


def test_tensorboard_finds_losses_and_held_out_figures(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert {"train/l1", "held out/validation_figure_l1"} <= set(events.Tags()["scalars"])
    noted = [line["l1"] for line in _lines(run) if "l1" in line]
    assert [event.value for event in events.Scalars("train/l1")] == pytest.approx(noted)
    assert events.Tags()["images"]


def test_the_best_state_is_the_last_one_whose_mean_of_three_scores_is_not_below_the_highest(run: Path) -> None:
    looks = [(line["step"], line["validation_score"]) for line in _lines(run) if "validation_score" in line]
    means = [np.mean([score for _, score in looks[max(0, k - 2) : k + 1]]) for k in range(len(looks))]
    expected = max(k for k in range(len(looks)) if k == 0 or means[k] > max(means[:k]) - 0.005)
    best = best_checkpoint(run)
    assert best is not None
    assert best.name == f"step-{looks[expected][0]:07d}"
    assert said_in(best)["score"] == pytest.approx(max(means[: expected + 1]), abs=1e-3)
    assert chosen_checkpoint(run) == (best, chosen_checkpoint(run)[1])
    assert chosen_checkpoint(run, "newest")[0] == latest_checkpoint(run)


def test_a_worse_state_does_not_become_the_best(pairs: Path, tmp_path: Path) -> None:
    config = _config(run={"sample_minutes": 1, "judge_pose": True})
    seconds = iter(range(0, 100000, 100))
    looks = iter(range(1000))

    def found_at_first(_picture: Frame) -> Landmarks | None:
        from tests.fakes_training import swinging

        # Three held-out pairs a look: in the first two looks somebody is found (how well does not matter), then nobody.
        return swinging(14 * 0.7) if next(looks) < 6 else None

    train(config, pairs, tmp_path, steps=5, progress=False, now=lambda: float(next(seconds)), found=found_at_first)
    best = best_checkpoint(tmp_path)
    assert best is not None
    assert best.name in ("step-0000001", "step-0000002")
    assert latest_checkpoint(tmp_path).name == "step-0000005"


def test_the_best_at_another_size_is_not_shown(pairs: Path, tmp_path: Path) -> None:
    train(_config(size=32), pairs, tmp_path, steps=1, progress=False)
    before = best_checkpoint(tmp_path)
    train(_config(size=64), pairs, tmp_path, resume=True, steps=2, progress=False)
    after = best_checkpoint(tmp_path)
    assert before != after
    assert after is not None
    assert said_in(after)["size"] == 64


def test_a_number_that_is_lost_is_rolled_back_once_at_half_the_rate(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(schedule={"decay_from": 1.0}, run={"sample_minutes": 1000})
    train(config, pairs, tmp_path, steps=2, progress=False)
    readings = 0

    def now() -> float:
        # Two readings a step: at the third, while the poisoned state is in memory, the disk has the good one again.
        nonlocal readings
        readings += 1
        if readings == 1:
            _poison(latest_checkpoint(tmp_path), 0.0)
        return 0.0

    _poison(latest_checkpoint(tmp_path))
    train(config, pairs, tmp_path, resume=True, steps=4, progress=True, now=now)
    said = [line["said"] for line in _lines(tmp_path) if "said" in line]
    assert len(said) == 1
    assert "half the learning rate" in said[0]
    assert "half the learning rate" in capsys.readouterr().err.replace("\n", " ")
    assert said_in(latest_checkpoint(tmp_path))["rolled_back"]
    groups = json.loads((latest_checkpoint(tmp_path) / "state.json").read_text())["groups"]
    assert groups["generator"][0]["lr"] == pytest.approx(config.schedule.learning_rate / 2)
    assert all(torch.isfinite(value).all() for value in _state(tmp_path).values())


def test_a_full_disk_is_a_sentence_and_the_last_checkpoint_is_whole(pairs: Path, tmp_path: Path) -> None:
    train(_config(), pairs, tmp_path, steps=2, progress=False)
    before = _state(tmp_path)
    with _files_no_larger_than(20_000), pytest.raises(UnderstudyError, match=r"free some space and resume"):
        train(_config(), pairs, tmp_path, resume=True, steps=4, progress=False)
    assert latest_checkpoint(tmp_path).name == "step-0000002"
    after = _state(tmp_path)
    assert all(torch.equal(before[key], after[key]) for key in before)
    train(_config(), pairs, tmp_path, resume=True, steps=4, progress=False)


@contextmanager
def _files_no_larger_than(count: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_film_gives_back_what_was_put_in(tmp_path: Path) -> None:
    y, x = np.mgrid[0:48, 0:64]
    frames = [np.stack([x * 3, y * 4, np.full_like(x, 20 * k)], axis=-1).astype(np.uint8) for k in range(5)]
    assert write_film(tmp_path / "a.mp4", frames, fps=10, quality=10, full_color=True) == 5
    back = list(read_film(tmp_path / "a.mp4"))
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(frames, back, strict=True)) < 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


# Killed at any byte --------------------------------------------------------------------------------------------------


def _killed_at_random(config: TrainingConfig, pairs: Path, folder: Path, times: int, steps: int) -> None:
    # Children of the fork server have torch loaded: a kill costs a fraction of a second instead of an import.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.loop", "training.methods.pix2pix", "training.networks.light"])
    rng = random.Random(1)
    for attempt in range(times):
        child = context.Process(target=_train_in_child, args=(config, pairs, folder, steps))
        child.start()
        wait_until = time.monotonic() + 60
        begun = len(_steps_done(folder))
        while child.is_alive() and time.monotonic() < wait_until and len(_steps_done(folder)) == begun:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.15))
        if child.is_alive():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        if checkpoints(folder):
            assert _is_whole(latest_checkpoint(folder)), f"attempt {attempt}"


def _steps_done(folder: Path) -> list[str]:
    path = folder / "metrics.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def _is_whole(place: Path) -> bool:
    read_checkpoint(place, {})
    return True


def _train_in_child(config: TrainingConfig, pairs: Path, folder: Path, steps: int) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    train(config, pairs, folder, resume=(folder / "config.json").exists(), steps=steps, progress=False)


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_ends_bit_equal_to_an_unbroken_one(pairs: Path, tmp_path: Path, times: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        config, steps = _config(**SMALL), 6 * times
        train(config, pairs, tmp_path / "unbroken", steps=steps, progress=False)
        _killed_at_random(config, pairs, tmp_path / "killed", times, steps)
        if not checkpoints(tmp_path / "killed") or latest_checkpoint(tmp_path / "killed").name != f"step-{steps:07d}":
            train(config, pairs, tmp_path / "killed", resume=True, steps=steps, progress=False)
    finally:
        torch.set_num_threads(threads)
    one, other = _state(tmp_path / "unbroken"), _state(tmp_path / "killed")
    assert not [key for key in one if not torch.equal(one[key], other[key])]
    noted = [line["step"] for line in _lines(tmp_path / "killed") if "total" in line]
    assert noted == list(range(1, steps + 1))
