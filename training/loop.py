"""The loop that every method shares: batches, steps, samples, checkpoints, and a clean way out.

`runs` says what a run's folder holds. Of several processes that train together (`sharing`) the first one writes it,
looks at the clock and says when all of them stop.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.errors import BadInput, ConfigError, UnderstudyError
from training.checkpoints import (
    best_checkpoint,
    checkpoints,
    latest_checkpoint,
    read_checkpoint,
    said_in,
    write_checkpoint,
)
from training.config import TrainingConfig
from training.devices import training_device
from training.examples import AnyExamples, open_examples
from training.meter import Meter
from training.methods import Method, method
from training.pairs.store import open_pairs
from training.records import Records
from training.runs import describe, forget_after, is_begun, noted, run_config, run_facts
from training.samples import sample_sheet
from training.sharing import joined, rank, told_by_first, wait_for_all, world
from training.standing import AnyStanding, Choice, Found, Judge, Standing, judged_by_pose, pose_finder


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


class LostError(UnderstudyError):
    """A loss is no longer a number, or a weight."""


def train(
    config: TrainingConfig,
    pairs: Path,
    run: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    progress: bool = True,
    now: Callable[[], float] = time.monotonic,
    found: Found | None = None,
    sampled: Callable[[Path], None] | None = None,
) -> None:
    """Train on the folder `pairs` into the folder `run`, until `steps` in all or `minutes` from now have passed.

    Without limits the config's own `schedule.steps` ends it. Ctrl-C ends the step, writes a checkpoint and raises
    KeyboardInterrupt; `resume` goes on exactly there. A new run begins with the weights of the bundle `start`, if one
    is given. `found` finds poses in held-out pictures (default: the pose
    model); `sampled` is called with the run after each look at them, its best state being on disk by then. Raises
    ConfigError, PairsError, BadInput, and UnderstudyError when a loss is no longer a number even with half the learning
    rate, or when the folder cannot be written any more.
    """
    with joined(), ExitStack() as stack:
        going = _resumed(config, pairs, Path(run), start) if resume else _fresh(config, pairs, Path(run), start)
        limits = _Limits.of(config, going, minutes, steps)
        if limits.reached(going):
            raise BadInput(f"{run}: has done its {going.step} steps already; give --steps or --minutes to go on")
        stop = stack.enter_context(_stop_asked())
        meter = stack.enter_context(Meter(going, limits.share, progress and rank() == 0))
        watch: _Watch | None = None
        if rank() == 0:
            if found is None:
                found = stack.enter_context(pose_finder(_looks_for_poses(going), meter.say))
            watch = _Watch(going, meter, Judge(found), sampled)
        _go(going, limits, watch, stop, now)
        if stop.is_set():
            raise KeyboardInterrupt


@dataclass(frozen=True)
class _Limits:
    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, config: TrainingConfig, run: Run, minutes: float | None, steps: int | None) -> "_Limits":
        whole = config.steps_for(len(run.examples.train))
        steps = whole if steps is None and minutes is None else steps
        return cls(steps, None if minutes is None else run.trained_s + minutes * 60)

    def share(self, run: Run) -> float:
        """How much of the run is done, 0..1."""
        by_steps = run.step / self.steps if self.steps else 0.0
        by_time = run.trained_s / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_steps, by_time))

    def reached(self, run: Run) -> bool:
        return self.share(run) >= 1


def _go(run: Run, limits: _Limits, watch: "_Watch | None", stop: threading.Event, now: Callable[[], float]) -> None:
    while True:
        try:
            _steps(run, limits, watch, stop, now)
        except LostError as lost:
            if run.rolled_back or world() > 1 or watch is None:
                raise
            _roll_back(run)
            watch.rolled_back(lost)
        else:
            return


def _steps(run: Run, limits: _Limits, watch: "_Watch | None", stop: threading.Event, now: Callable[[], float]) -> None:
    losses: dict[str, Tensor] = {}
    with prefetched(run.examples, run.step) as batches:
        while True:
            done, stopping = told_by_first((limits.share(run), float(stop.is_set())))
            if done >= 1 or stopping:
                break
            began = now()
            # Dropout and the like: as with batches, randomness is a function of seed and step.
            torch.manual_seed(run.config.seed * 1_000_003 + run.step)
            losses = run.method.step(next(batches), run.step, done)
            run.step += 1
            if watch is not None and (run.step % run.config.run.log_steps == 0 or run.step == 1):
                watch.note(losses)
            run.trained_s += now() - began
            if watch is not None:
                watch.after_step(losses)
    if watch is not None:
        watch.at_end(losses, sample=not stopping)
    wait_for_all()


def _roll_back(run: Run) -> None:
    """The newest whole state (or the beginning) with half the learning rates."""
    run.rolled_back = True
    run.config = _at_half_rates(run.config)
    torch.manual_seed(run.config.seed)
    run.method = method(run.config, run.examples, training_device(run.config))
    kept = checkpoints(run.folder)
    run.step = read_checkpoint(kept[-1], run.method.networks, run.method.optimizers)[0] if kept else 0
    forget_after(run.folder, run.step)


def _at_half_rates(config: TrainingConfig) -> TrainingConfig:
    def halved(section: str) -> dict[str, object]:
        part = getattr(config, section)
        return {section: part.model_copy(update={"learning_rate": part.learning_rate / 2})}

    return config.model_copy(update={**halved("schedule"), **halved("discriminator")})


class _Watch:
    """What the first process does beside training: notes, checkpoints, samples, and the choice of the best state."""

    def __init__(self, run: Run, meter: Meter, judge: Judge, sampled: Callable[[Path], None] | None) -> None:
        self._run, self._meter, self._judge, self._told = run, meter, judge, sampled
        self._records = Records(run.folder, run.config, run.step, meter.say)
        self._sampled_s = self._saved_s = run.trained_s
        self._sampled_step = run.step
        self._choice = Choice(*_judged_before(run))

    def note(self, losses: dict[str, Tensor]) -> None:
        said = _numbers(self._run, losses)
        self._records.losses(self._run.step, self._run.trained_s, said)
        self._meter.losses(said)

    def after_step(self, losses: dict[str, Tensor]) -> None:
        run, every = self._run, self._run.config.run
        epochs = every.checkpoint_epochs
        is_due = epochs is not None and run.step % (epochs * run.config.epoch_steps(len(run.examples.train))) == 0
        if is_due or run.trained_s - self._saved_s >= every.checkpoint_minutes * 60:
            self._saved_s = run.trained_s
            _checkpoint(run, losses)
        if run.trained_s - self._sampled_s >= every.sample_minutes * 60:
            self._sampled_s = run.trained_s
            self._sample(losses)

    def at_end(self, losses: dict[str, Tensor], sample: bool) -> None:
        _checkpoint(self._run, losses)
        if sample and self._sampled_step != self._run.step:
            self._sample(losses)
        self._records.close()

    def rolled_back(self, lost: LostError) -> None:
        run = self._run
        rate = run.config.schedule.learning_rate
        self._records.said(run.step, f"{lost}; went back to step {run.step} with half the learning rate ({rate:g})")

    def _sample(self, losses: dict[str, Tensor]) -> None:
        run = self._run
        _check_whole(run, losses)
        self._sampled_step = run.step
        performer = run.method.performer(run.examples)
        sheet = sample_sheet(run.method, performer, run.examples, run.config.run.sample_rows)
        standing = self._judge.standing(run.method, performer, run.examples)
        path = self._records.sampled(run.step, run.trained_s, sheet, standing)
        if standing is not None and self._choice.falls_on(standing.score, standing.doubt):
            _keep_best(run, standing, self._choice.best)
        self._meter.sampled(path, standing)
        if self._told is not None:
            self._told(run.folder)


def _numbers(run: Run, losses: dict[str, Tensor]) -> dict[str, float]:
    said = {name: round(float(loss), 5) for name, loss in losses.items()}
    lost = [name for name, value in said.items() if not math.isfinite(value)]
    if lost:
        raise _lost(run, f"the loss {lost[0]!r}")
    return said


def _check_whole(run: Run, losses: dict[str, Tensor]) -> None:
    """A state is only kept when the losses and all weights are numbers: what is rolled back to has to be good."""
    _numbers(run, losses)
    for name, network in run.method.networks.items():
        if not all(bool(torch.isfinite(weight).all()) for weight in network.state_dict().values()):
            raise _lost(run, f"a weight of the {name}")


def _lost(run: Run, what: str) -> LostError:
    kept = checkpoints(run.folder)
    back = f"the last good state is {kept[-1]}; resume" if kept else "nothing was kept; start again"
    return LostError(
        f"step {run.step}: {what} is no longer a number; {back} with a lower schedule.learning_rate "
        f"than {run.config.schedule.learning_rate:g}"
    )


def _checkpoint(run: Run, losses: dict[str, Tensor]) -> None:
    _check_whole(run, losses)
    _write(run, {}, run.config.run.keep_checkpoints)


def _keep_best(run: Run, standing: AnyStanding, score: float | None) -> None:
    poses = standing.poses if isinstance(standing, Standing) else None
    said = {"score": score, "judged_pose": poses is not None, "poses": poses, "size": run.config.size}
    _write(run, said, keep=1, best=True)


def _write(run: Run, more: Mapping[str, object], keep: int, best: bool = False) -> None:
    said = {"trained_s": run.trained_s, "rolled_back": run.rolled_back, **more}
    write_checkpoint(run.folder, run.step, run.method.networks, run.method.optimizers, said, keep, best)


def _looks_for_poses(run: Run) -> bool:
    return run.config.run.judge_pose and judged_by_pose(run.examples)


def _judged_before(run: Run) -> tuple[list[float], float | None]:
    """The scores so far and the one to beat; none when the best was of another size, or judged by other figures."""
    place = best_checkpoint(run.folder)
    said = said_in(place) if place else {}
    if said.get("size") != run.config.size or said.get("judged_pose") != _looks_for_poses(run):
        return [], None
    scores = [line["validation_score"] for line in noted(run.folder) if line.get("validation_score") is not None]
    return scores, float(said["score"])


# Beginnings ----------------------------------------------------------------------------------------------------------


def _fresh(config: TrainingConfig, pairs: Path, folder: Path, start: Path | None) -> Run:
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


def _resumed(config: TrainingConfig, pairs: Path, folder: Path, start: Path | None) -> Run:
    if not checkpoints(folder) and is_begun(folder):
        return _fresh(config, pairs, folder, start)  # killed before its first checkpoint
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
        config = _at_half_rates(config)
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


@contextmanager
def prefetched(examples: AnyExamples, first: int, ahead: int = 2) -> Iterator[Iterator[Any]]:
    """This process's share of the batches from step `first` on, prepared in a thread while the step before runs."""

    def share(step: int) -> Any:
        return examples.batch(step, rank(), world())

    with ThreadPoolExecutor(1, "batches") as thread:

        def batches() -> Iterator[Any]:
            waiting: list[Future[Any]] = [thread.submit(share, first + k) for k in range(ahead)]
            step = first + ahead
            while True:
                yield waiting.pop(0).result()
                waiting.append(thread.submit(share, step))
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
