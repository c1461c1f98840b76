"""What every method and every kind of pairs has to bring, and what is said where they do not fit."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from engines.errors import ConfigError
from tests.training.test_loop import _config
from training.config import TrainingConfig
from training.examples import LEARNS_FROM, open_examples, spread
from training.health import PATIENCE, Health
from training.pairs.header import PairsHeader, Row
from training.pairs.store import open_pairs
from training.pairs.writing import PairsWriter
from training.records import figures_of
from training.standing import Measured


def _pictures(folder: Path, kind: str) -> Path:
    writer = PairsWriter(folder, PairsHeader(kind=kind, size=(8, 12), fps=10))  # type: ignore[arg-type]
    for i in range(3):
        row = Row(id=f"{i:03d}", source="film", frame=i, time_s=i / 10, shot="a", split="train")
        picture = np.full((8, 12, 3), 40 * i, np.uint8)
        writer.add(row, frame=picture, conditioning=255 - picture if kind == "aligned" else None)
    return writer.finish().folder


def test_every_method_of_a_config_says_what_it_learns_from() -> None:
    method = TrainingConfig.model_fields["method"].annotation
    assert set(get_args(method)) == set(LEARNS_FROM)


def test_pairs_without_a_pose_need_no_landmarks(tmp_path: Path) -> None:
    pairs = open_pairs(_pictures(tmp_path, "aligned"))
    assert pairs.header.kind == "aligned"
    assert pairs.frame(1).shape == (8, 12, 3)
    np.testing.assert_array_equal(pairs.conditioning(1), 255 - pairs.frame(1))
    assert not (tmp_path / "masks").exists()


def test_a_method_refuses_pairs_that_are_for_another(tmp_path: Path) -> None:
    pairs = open_pairs(_pictures(tmp_path, "unpaired"))
    with pytest.raises(ConfigError, match=r"method is 'pix2pix', but the pairs in .* are of kind 'unpaired'"):
        open_examples(pairs, _config())


def test_a_dancer_is_learned_in_a_square(tmp_path: Path) -> None:
    from tests.fakes_training import written_pairs

    with pytest.raises(ConfigError, match="wide is 96"):
        open_examples(written_pairs(tmp_path), _config(wide=96))


def test_what_a_method_measures_is_noted_under_its_own_names() -> None:
    noted = figures_of(Measured(score=1.25, error=4.5, told="", figures={"colorfulness": 0.9}))
    assert (noted["validation_error"], noted["validation_colorfulness"], noted["validation_score"]) == (4.5, 0.9, 1.25)


def test_a_method_with_its_own_figures_is_told_when_its_error_stops_falling() -> None:
    health = Health(_config())
    said = [health.seen(step, Measured(1, 5.0 + step, "", {})) for step in range(PATIENCE + 1)]
    assert "stopped improving" in said[-1][0]


def test_the_resumed_run_remembers_its_own_figures() -> None:
    health = Health(_config())
    health.catch_up({"step": step, "validation_error": 5.0 + step} for step in range(PATIENCE))
    assert "best at step 0" in health.seen(PATIENCE, Measured(1, 20.0, "", {}))[0]


def test_a_spread_keeps_both_ends() -> None:
    assert spread(np.arange(10, 20), 3) == [10, 14, 19]
    assert spread(np.arange(2), 3) == [0, 1]
