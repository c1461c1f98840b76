"""A training as it begins: anew, from a performer's weights, or exactly where a run stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engines.errors import BadInput, ConfigError
from training.checkpoints import checkpoints, latest_checkpoint, read_checkpoint, said_in
from training.config import TrainingConfig
from training.devices import training_device
from training.examples import open_examples
from training.methods import Method, method
from training.pairs.store import open_pairs
from training.runs import describe, forget_after, is_begun, run_config, run_facts
from training.sharing import rank, wait_for_all, world


@dataclass
class Run:
    """One training as it goes: `step` updates done in `trained_s` seconds of training.

    `rolled_back`: a loss was no longer a number once, and the learning rates are half of what the config asked for.
    """

    folder: Path
    config: TrainingConfig
    examples: Any
    method: Method
    step: int = 0
    trained_s: float = 0.0
    rolled_back: bool = False


def fresh_run(config: TrainingConfig, pairs: Path, folder: Path, start: Path | None) -> Run:
    """A new run in an empty folder, with the weights of the bundle `start` where one is given. Raises as `train`."""
    if checkpoints(folder):
        raise BadInput(f"{folder}: holds a training already; give --resume to go on with it, or another folder")
    run = _prepared(config, pairs, folder)
    if start is not None:
        from training.inheriting import inherit

        inherit(run.method, start, run.examples.plain_conditioning(run.examples.spread(run.examples.train, 32)))
    if rank() == 0:
        describe(folder, config, _facts(run, pairs))
        forget_after(folder, -1)
    return run


def resumed_run(config: TrainingConfig, pairs: Path, folder: Path, start: Path | None) -> Run:
    """The run in `folder` as its newest checkpoint has it; the config may change what is not the networks' shape."""
    if not checkpoints(folder) and is_begun(folder):
        return fresh_run(config, pairs, folder, start)  # killed before its first checkpoint
    place = latest_checkpoint(folder)
    before = run_config(folder)
    for section in ("method", "generator", "discriminator"):
        was, wanted = getattr(before, section), getattr(config, section)
        if section == "discriminator":
            was, wanted = (was.kind, was.width, was.layers), (wanted.kind, wanted.width, wanted.layers)
        if was != wanted:
            raise ConfigError(
                f"{folder}: was trained with {section} {was}, not {wanted}; that cannot change on the way"
            )
    if said_in(place).get("rolled_back"):
        config = at_half_rates(config)
    run = _prepared(config, pairs, folder)
    was_output = run_facts(folder)["output"]
    if run.examples.output != was_output:
        raise ConfigError(f"{folder}: was trained with output={was_output!r}; these pairs give {run.examples.output!r}")
    run.step, said = read_checkpoint(place, run.method.networks, run.method.optimizers)
    run.trained_s, run.rolled_back = float(said["trained_s"]), bool(said.get("rolled_back", False))
    wait_for_all()
    if rank() == 0:
        describe(folder, config, _facts(run, pairs))
        forget_after(folder, run.step)
    return run


def _prepared(config: TrainingConfig, pairs: Path, folder: Path) -> Run:
    if config.schedule.batch % world():
        raise ConfigError(
            f"schedule.batch is {config.schedule.batch}, which {world()} processes cannot share evenly; "
            f"set a multiple of {world()}"
        )
    examples = open_examples(open_pairs(pairs), config)
    torch.manual_seed(config.seed)
    device = training_device(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: a run cannot be written there ({error.strerror}); choose another folder") from None
    return Run(folder, config, examples, method(config, examples, device))


def _facts(run: Run, pairs: Path) -> dict[str, object]:
    return {
        "pairs": str(Path(pairs).resolve()),
        "output": run.examples.output,
        "learned_from": len(run.examples.train),
        "processes": world(),
    }


def at_half_rates(config: TrainingConfig) -> TrainingConfig:
    """The same with half the learning rates, of the generator and of the discriminator."""

    def halved(section: str) -> dict[str, object]:
        part = getattr(config, section)
        return {section: part.model_copy(update={"learning_rate": part.learning_rate / 2})}

    return config.model_copy(update={**halved("schedule"), **halved("discriminator")})
