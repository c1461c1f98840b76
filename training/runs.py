"""A run's folder: what it was asked, where it ran, and what it said on the way.

config.json      the config as resolved
run.json         pairs, git state, versions, machine
metrics.jsonl    a line each time losses are logged or held-out pairs are judged
samples/         skeleton | generated | real
checkpoints/     the newest states; best/ holds the one that did best on held-out pairs
curves.png       losses and held-out figures
timelapse.mp4    the samples as a film
tensorboard/     the same for TensorBoard
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from engines.errors import BadInput, UnderstudyError
from engines.measuring import measured_header
from training.config import TrainingConfig, config_from
from training.config_files import Section

Line = dict[str, Any]


def describe(folder: Path, config: Section, facts: Mapping[str, Any]) -> None:
    """Write config.json and run.json. `facts` are the run's own: pairs, output, learned_from."""
    header = measured_header()
    said = {**facts, "torch": torch.__version__, **header}
    with writing(folder):
        (folder / "config.json").write_text(config.model_dump_json(indent=1) + "\n")
        (folder / "run.json").write_text(json.dumps(said, indent=1) + "\n")


def run_config(folder: Path) -> TrainingConfig:
    """The config a run was (last) trained with. Raises BadInput or ConfigError."""
    path = folder / "config.json"
    try:
        return config_from(json.loads(path.read_text()), str(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); is {folder} the folder of a training?") from None


def run_facts(folder: Path) -> dict[str, Any]:
    """What a run learned from and where: pairs, output, learned_from, torch, machine, versions, commit."""
    path = folder / "run.json"
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); is {folder} the folder of a training?") from None


def is_begun(folder: Path) -> bool:
    """Whether a training was begun there, even if it was killed before its first checkpoint."""
    return (folder / "config.json").is_file() and (folder / "run.json").is_file()


def noted(folder: Path) -> list[Line]:
    """The lines of metrics.jsonl; one that was cut off in the middle is left out."""
    path = folder / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def note(folder: Path, line: Mapping[str, Any]) -> None:
    with writing(folder), (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(dict(line)) + "\n")


def forget_after(folder: Path, step: int) -> None:
    """Drop what was noted of steps that will be done again."""
    kept = [line for line in noted(folder) if line["step"] <= step]
    with writing(folder):
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns a failed write into a sentence. The last checkpoint is whole all the same: it was renamed into place."""
    try:
        yield
    except OSError as error:
        raise UnderstudyError(
            f"{folder}: cannot be written any more ({error.strerror or error}); the last checkpoint is whole: "
            "free some space and resume"
        ) from error
