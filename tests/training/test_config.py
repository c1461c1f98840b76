from pathlib import Path

import pytest

from engines.errors import ConfigError
from training.config import TrainingConfig, load_config, method_of
from training.networks import generator, needed_multiple

FOLDER = Path(__file__).parents[2] / "configs" / "training"
# Those that learn from one picture have a table of their own, and tests of their own.
CONFIGS = sorted(path for path in FOLDER.glob("*.toml") if method_of(path) != "singan")


def _written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_of_the_project_loads_and_says_how_it_is_run(path: Path) -> None:
    config = load_config(path)
    assert path.read_text().startswith(f"# understudy train configs/training/{path.name} ")
    assert config.size % needed_multiple(config.generator) == 0
    assert generator(config.generator, matte=config.output == "figure") is not None


def test_an_override_is_laid_over_the_file(tmp_path: Path) -> None:
    path = _written(tmp_path, "[losses]\nl1 = 7\n")
    config = load_config(path, ["losses.l1=30", "name=other", "augmentation.line_width=[1.0, 1.0]"])
    assert (config.losses.l1, config.name, config.augmentation.line_width) == (30, "other", (1.0, 1.0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sise = 256", ["mine.toml", "sise", "allowed here", "size"]),
        ("[losses]\nl2 = 1", ["mine.toml", "losses.l2", "allowed here", "l1"]),
        ("size = 250", ["mine.toml", "size", "250", "multiple of 32"]),
        ("[schedule]\nbatch = 0", ["mine.toml", "schedule.batch", "0", "greater than or equal to 1"]),
        ('method = "gan"', ["mine.toml", "method", "'gan'", "pix2pix"]),
        ("size = ", ["mine.toml", "is no TOML"]),
    ],
)
def test_a_bad_value_is_refused_with_file_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(_written(tmp_path, text))
    assert all(part in str(error.value) for part in told), str(error.value)


@pytest.mark.parametrize("override", ["losses.l1", "=3", "name.first=3", "losses.l3=1"])
def test_an_override_that_means_nothing_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError):
        load_config(_written(tmp_path, 'name = "mine"'), [override])


def test_a_config_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such config"):
        load_config(tmp_path / "nothing.toml")


def test_a_config_survives_being_written_into_a_run() -> None:
    config = TrainingConfig()
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config
