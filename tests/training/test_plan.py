"""A dry run tells what a training would be, and leaves nothing behind."""

from pathlib import Path

import pytest

import understudy
from tests.fakes_training import written_pairs
from tests.training.test_loop import _config
from training.macs import parameters
from training.networks import generator
from training.plan import planned


def _ticking(step_s: float):  # type: ignore[no-untyped-def]
    readings = iter(range(100000))
    return lambda: next(readings) * step_s


def test_a_plan_counts_networks_memory_and_time() -> None:
    config = _config(discriminator={"start_step": 10}, schedule={"batch": 2})
    plan = planned(config, steps=30, now=_ticking(0.5))
    rows = {row["network"]: row for row in plan["networks"]}
    assert rows["generator"]["parameters"] == parameters(generator(config.generator, matte=True))
    assert rows["discriminator"]["sees"] == "3 x 3 x 16 x 16"
    assert plan["memory_mb"]["activations"] > 0
    assert plan["minutes"] == pytest.approx(30 * 0.5 / 60)
    assert plan["images_per_s"] == pytest.approx(4)


def test_a_plan_counts_the_squares_that_are_learned_from_and_not_whole_pictures() -> None:
    whole, cut = (planned(_config(**more), steps=5, now=_ticking(0.5)) for more in ({}, {"augmentation": {"cut": 32}}))
    seen = [plan["networks"][0]["sees"] for plan in (whole, cut)]
    assert seen == ["1 x 3 x 64 x 64", "1 x 3 x 32 x 32"]
    assert cut["networks"][0]["gmacs_per_picture"] < 0.3 * whole["networks"][0]["gmacs_per_picture"]


def test_given_minutes_a_plan_says_how_many_steps_they_hold() -> None:
    plan = planned(_config(discriminator={"start_step": 10}), minutes=1, now=_ticking(0.5))
    assert plan["steps"] == 120


def test_a_plan_on_pairs_knows_how_many_there_are(tmp_path: Path) -> None:
    plan = planned(_config(), written_pairs(tmp_path).folder, steps=5)
    assert plan["pairs"]["train"] == 14
    assert plan["step_s"]["preparing a batch"] > 0


def test_train_dry_run_prints_a_plan_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Path("configs/training/dance.toml").absolute()
    monkeypatch.chdir(tmp_path)
    sets = ["--set", "size=32", "--set", "generator.width=8", "--set", "discriminator.width=8"]
    assert understudy.main(["train", str(config), "--dry-run", "--steps", "10", *sets]) == 0
    said = capsys.readouterr().out
    assert "losses.l1" in said
    assert "10 steps on random pictures" in said
    assert list(tmp_path.iterdir()) == []


def test_training_without_pairs_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert understudy.main(["train", "configs/training/dance.toml"]) == 2
    assert "--pairs" in capsys.readouterr().err
