"""The loop that every method shares: batches, steps, samples, checkpoints, and a clean way out.

`runs` says what a run's folder holds. Of several processes that train together (`sharing`) the first one writes it,
looks at the clock and says when all of them stop.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engines.errors import BadInput
from training.checkpoints import checkpoints, read_checkpoint
from training.config import TrainingConfig
from training.devices import training_device
from training.examples import AnyExamples
from training.meter import Meter
from training.methods import method
from training.runs import forget_after
from training.sharing import joined, rank, told_by_first, wait_for_all, world
from training.standing import Found, Judge, pose_finder
from training.starting import Run, at_half_rates, fresh_run, resumed_run
from training.watching import LostError, Watch, looks_for_poses


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
        going = resumed_run(config, pairs, Path(run), start) if resume else fresh_run(config, pairs, Path(run), start)
        limits = _Limits.of(config, going, minutes, steps)
        if limits.reached(going):
            raise BadInput(f"{run}: has done its {going.step} steps already; give --steps or --minutes to go on")
        stop = stack.enter_context(_stop_asked())
        meter = stack.enter_context(Meter(going, limits.share, progress and rank() == 0))
        watch: Watch | None = None
        if rank() == 0:
            if found is None:
                found = stack.enter_context(pose_finder(looks_for_poses(going), meter.say))
            watch = Watch(going, meter, Judge(found), sampled)
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


def _go(run: Run, limits: _Limits, watch: Watch | None, stop: threading.Event, now: Callable[[], float]) -> None:
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


def _steps(run: Run, limits: _Limits, watch: Watch | None, stop: threading.Event, now: Callable[[], float]) -> None:
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
    run.config = at_half_rates(run.config)
    torch.manual_seed(run.config.seed)
    run.method = method(run.config, run.examples, training_device(run.config))
    kept = checkpoints(run.folder)
    run.step = read_checkpoint(kept[-1], run.method.networks, run.method.optimizers)[0] if kept else 0
    forget_after(run.folder, run.step)


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
