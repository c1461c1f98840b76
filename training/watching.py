"""What stands beside the steps of a training: losses noted, states kept, pictures shown, the best state chosen."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import UnderstudyError
from training.checkpoints import best_checkpoint, checkpoints, said_in, write_checkpoint
from training.meter import Meter
from training.records import Records
from training.runs import noted
from training.samples import sample_sheet
from training.standing import AnyStanding, Choice, Judge, Standing, judged_by_pose
from training.starting import Run


class LostError(UnderstudyError):
    """A loss is no longer a number, or a weight."""


class Watch:
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


def looks_for_poses(run: Run) -> bool:
    return run.config.run.judge_pose and judged_by_pose(run.examples)


def _judged_before(run: Run) -> tuple[list[float], float | None]:
    """The scores so far and the one to beat; none when the best was of another size, or judged by other figures."""
    place = best_checkpoint(run.folder)
    said = said_in(place) if place else {}
    if said.get("size") != run.config.size or said.get("judged_pose") != looks_for_poses(run):
        return [], None
    scores = [line["validation_score"] for line in noted(run.folder) if line.get("validation_score") is not None]
    return scores, float(said["score"])
