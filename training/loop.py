"""The loop that every method shares: batches, steps, samples, checkpoints, and a clean way out.

A run is a folder: config.json (as resolved), run.json (what it learned from), metrics.jsonl, samples/, checkpoints/.
"""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import BadInput, ConfigError, UnderstudyError
from training.checkpoints import checkpoints, latest_checkpoint, read_checkpoint, write_checkpoint
from training.config import TrainingConfig, config_from
from training.datasets import Batch, Examples
from training.devices import training_device
from training.meter import Meter
from training.methods import Method, method
from training.pairs.store import open_pairs
from training.samples import sample_sheet, validation_error, write_picture


@dataclass
class Run:
    """One training as it goes: `step` updates done in `trained_s` seconds of training."""

    folder: Path
    config: TrainingConfig
    examples: Examples
    method: Method
    step: int = 0
    trained_s: float = 0.0


def train(
    config: TrainingConfig,
    pairs: Path,
    run: Path,
    *,
    resume: bool = False,
    minutes: float | None = None,
    steps: int | None = None,
    progress: bool = True,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Train on the folder `pairs` into the folder `run`, until `steps` in all or `minutes` from now have passed.

    Without limits the config's own `schedule.steps` ends it. Ctrl-C ends the step, writes a checkpoint and raises
    KeyboardInterrupt; `resume` goes on exactly there. Raises ConfigError, PairsError, BadInput, and UnderstudyError
    when a loss is no longer a number.
    """
    going = _resumed(config, pairs, Path(run)) if resume else _fresh(config, pairs, Path(run))
    limits = _Limits.of(config, going, minutes, steps)
    if limits.reached(going):
        raise BadInput(f"{run}: has done its {going.step} steps already; give --steps or --minutes to go on")
    with _stop_asked() as stop, Meter(going, limits.share, progress) as meter:
        _go(going, limits, meter, stop, now)
        if stop.is_set():
            raise KeyboardInterrupt


@dataclass(frozen=True)
class _Limits:
    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, config: TrainingConfig, run: Run, minutes: float | None, steps: int | None) -> "_Limits":
        steps = config.schedule.steps if steps is None and minutes is None else steps
        return cls(steps, None if minutes is None else run.trained_s + minutes * 60)

    def share(self, run: Run) -> float:
        """How much of the run is done, 0..1."""
        by_steps = run.step / self.steps if self.steps else 0.0
        by_time = run.trained_s / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_steps, by_time))

    def reached(self, run: Run) -> bool:
        return self.share(run) >= 1


def _go(run: Run, limits: _Limits, meter: Meter, stop: threading.Event, now: Callable[[], float]) -> None:
    config = run.config.run
    sampled_s = saved_s = run.trained_s
    sampled_step = run.step
    with _prefetched(run.examples, run.step) as batches:
        while not (limits.reached(run) or stop.is_set()):
            began = now()
            # Dropout and the like: as with batches, randomness is a function of seed and step.
            torch.manual_seed(run.config.seed * 1_000_003 + run.step)
            losses = run.method.step(next(batches), run.step, limits.share(run))
            run.step += 1
            if run.step % config.log_steps == 0 or run.step == 1:
                _note(run, meter, losses)
            run.trained_s += now() - began
            if run.trained_s - saved_s >= config.checkpoint_minutes * 60:
                saved_s = run.trained_s
                _checkpoint(run, losses)
            if run.trained_s - sampled_s >= config.sample_minutes * 60:
                sampled_s, sampled_step = run.trained_s, run.step
                _sample(run, meter)
    _checkpoint(run, losses)
    if not (stop.is_set() or sampled_step == run.step):
        _sample(run, meter)


def _note(run: Run, meter: Meter, losses: dict[str, Tensor]) -> None:
    said = _numbers(run, losses)
    _append(run, {"step": run.step, "trained_s": round(run.trained_s, 2), **said})
    meter.losses(said)


def _numbers(run: Run, losses: dict[str, Tensor]) -> dict[str, float]:
    said = {name: round(float(loss), 5) for name, loss in losses.items()}
    lost = [name for name, value in said.items() if not math.isfinite(value)]
    if lost:
        kept = checkpoints(run.folder)
        back = f"the last good state is {kept[-1]}; resume" if kept else "nothing was kept; start again"
        raise UnderstudyError(
            f"step {run.step}: the loss {lost[0]!r} is no longer a number; {back} with a lower schedule.learning_rate "
            f"than {run.config.schedule.learning_rate:g}"
        )
    return said


def _checkpoint(run: Run, losses: dict[str, Tensor]) -> None:
    _numbers(run, losses)
    said = {"trained_s": run.trained_s}
    keep = run.config.run.keep_checkpoints
    write_checkpoint(run.folder, run.step, run.method.networks, run.method.optimizers, said, keep)


def _sample(run: Run, meter: Meter) -> None:
    performer = run.method.performer(run.examples)
    path = run.folder / "samples" / f"step-{run.step:07d}.png"
    write_picture(path, sample_sheet(run.method, performer, run.examples, run.config.run.sample_rows))
    error = validation_error(run.method, performer, run.examples)
    _append(run, {"step": run.step, "trained_s": round(run.trained_s, 2), "validation_figure_l1": error})
    meter.sampled(path, error)


def _append(run: Run, line: dict[str, object]) -> None:
    with (run.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


# Beginnings ----------------------------------------------------------------------------------------------------------


def _fresh(config: TrainingConfig, pairs: Path, folder: Path) -> Run:
    if checkpoints(folder):
        raise BadInput(f"{folder}: holds a training already; give --resume to go on with it, or another folder")
    run = _prepared(config, pairs, folder)
    _describe(run, pairs)
    (folder / "metrics.jsonl").write_text("")
    return run


def _resumed(config: TrainingConfig, pairs: Path, folder: Path) -> Run:
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
    run = _prepared(config, pairs, folder)
    was_output = run_facts(folder)["output"]
    if run.examples.output != was_output:
        raise ConfigError(f"{folder}: was trained with output={was_output!r}; these pairs give {run.examples.output!r}")
    run.step, said = read_checkpoint(place, run.method.networks, run.method.optimizers)
    run.trained_s = float(said["trained_s"])
    _describe(run, pairs)
    _forget_after(folder / "metrics.jsonl", run.step)
    return run


def _prepared(config: TrainingConfig, pairs: Path, folder: Path) -> Run:
    examples = Examples(open_pairs(pairs), config)
    torch.manual_seed(config.seed)
    device = training_device(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: a run cannot be written there ({error.strerror}); choose another folder") from None
    return Run(folder, config, examples, method(config, examples, device))


def _describe(run: Run, pairs: Path) -> None:
    facts = {
        "pairs": str(Path(pairs).resolve()),
        "output": run.examples.output,
        "learned_from": len(run.examples.train),
        "torch": torch.__version__,
    }
    (run.folder / "config.json").write_text(run.config.model_dump_json(indent=1) + "\n")
    (run.folder / "run.json").write_text(json.dumps(facts, indent=1) + "\n")


def run_config(folder: Path) -> TrainingConfig:
    """The config a run was (last) trained with. Raises BadInput or ConfigError."""
    path = folder / "config.json"
    try:
        return config_from(json.loads(path.read_text()), str(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); is {folder} the folder of a training?") from None


def run_facts(folder: Path) -> dict[str, str]:
    """What a run learned from: pairs, output, learned_from, torch."""
    try:
        return dict(json.loads((folder / "run.json").read_text()))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{folder / 'run.json'}: cannot be read ({error}); is {folder} the folder of a training?"
        ) from None


def _forget_after(path: Path, step: int) -> None:
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    path.write_text("".join(line + "\n" for line in kept))


@contextmanager
def _prefetched(examples: Examples, first: int, ahead: int = 2) -> Iterator[Iterator[Batch]]:
    """Batches from step `first` on, prepared in a thread while the step before them runs."""
    with ThreadPoolExecutor(1, "batches") as thread:

        def batches() -> Iterator[Batch]:
            waiting: list[Future[Batch]] = [thread.submit(examples.batch, first + k) for k in range(ahead)]
            step = first + ahead
            while True:
                yield waiting.pop(0).result()
                waiting.append(thread.submit(examples.batch, step))
                step += 1

        yield batches()


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C (or SIGTERM); a second one interrupts at once. Elsewhere than the main thread, never."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
