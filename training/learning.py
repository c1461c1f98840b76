"""From a clip to a trained performer in one go: pairs, training, export. Stopped anywhere, it goes on from there."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from engines.bundle import Bundle
from engines.errors import UnderstudyError
from training.checkpoints import checkpoints, latest_checkpoint, said_in
from training.config import TrainingConfig
from training.export import export
from training.loop import train
from training.pairs import build_pairs
from training.pairs.building import pose_tracker
from training.standing import Found

GROWN_FROM = 256
SMALL_SHARE = 0.6
"""Share of the minutes that is spent at 256 pixels where a larger size is asked for: a step there costs a quarter."""
REFRESH_S = 60.0
# A run that lacks less than this share of its minutes is not taken up again.
ENOUGH = 0.998


def learn(
    clip: Path,
    out: Path,
    *,
    minutes: float = 25.0,
    size: int = 256,
    config: TrainingConfig | None = None,
    work: Path | None = None,
    refresh: bool = False,
    workers: int = 2,
    progress: bool = True,
    tracker: Callable[[], Any] | None = None,
    found: Found | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Bundle:
    """Learn the dancer of `clip` for `minutes` of training and write the bundle `out`, proved, with its int8 graph.

    `work` keeps pairs and run (default: OUT.learning beside the bundle) and is gone on with when it is there. Above 256
    pixels the net grows: the first part of the minutes is spent at 256. With `refresh` a float32 bundle is written
    about every minute meanwhile: a stage that plays `out` takes each over whole. `tracker` and `found` are those of
    `build_pairs` and `train`. Raises what those and `export` raise.
    """
    clip, out = Path(clip), Path(out)
    work = out.with_name(f"{out.name}.learning") if work is None else Path(work)
    run, wanted = work / "run", config or TrainingConfig()
    console = Console(stderr=True, quiet=not progress)
    told = None if progress else _silent
    looks = tracker or pose_tracker
    pairs = build_pairs([clip], work / "pairs", size=size, workers=workers, progress=told, tracker=looks).folder
    show = _Refresh(out, console, now) if refresh else None
    done = _minutes_done(run)
    for side, until in _stages(size, minutes):
        if done < until * ENOUGH:
            staged = _at(wanted, side, refresh)
            going_on = bool(checkpoints(run))
            train(
                staged,
                pairs,
                run,
                resume=going_on,
                minutes=until - done,
                progress=progress,
                found=found,
                sampled=show,
            )
            done = _minutes_done(run)
    return export(run, out, name=out.name, progress=progress)


def _stages(size: int, minutes: float) -> list[tuple[int, float]]:
    """Sizes to train at, each with the minute it ends at."""
    if size <= GROWN_FROM:
        return [(size, minutes)]
    return [(GROWN_FROM, minutes * SMALL_SHARE), (size, minutes)]


def _at(config: TrainingConfig, size: int, refresh: bool) -> TrainingConfig:
    often = {"sample_minutes": REFRESH_S / 60, "checkpoint_minutes": REFRESH_S / 60} if refresh else {}
    return config.model_copy(update={"size": size, "run": config.run.model_copy(update=often)})


def _minutes_done(run: Path) -> float:
    return float(said_in(latest_checkpoint(run))["trained_s"]) / 60 if checkpoints(run) else 0.0


def _silent(_stage: str, _done: int, _total: int) -> None:
    return None


class _Refresh:
    """Writes what a run has learned so far as a bundle, each time it has looked at its held-out pairs."""

    def __init__(self, out: Path, console: Console, now: Callable[[], float]) -> None:
        self._out, self._console, self._now = out, console, now

    def __call__(self, run: Path) -> None:
        if not checkpoints(run):
            return
        began = self._now()
        try:
            export(run, self._out, name=self._out.name, int8=False, progress=False)
        except UnderstudyError as error:  # a net that does not look yet; the next minute is another one
            self._console.print(f"not shown yet: {error}", highlight=False, soft_wrap=True, markup=False)
        else:
            self._console.print(f"{self._out}: renewed in {self._now() - began:.0f} s", highlight=False, soft_wrap=True)
