"""From a clip to a performer in one go: pairs, training, export. Stopped anywhere, it goes on from there.

What is exported is what stands better on held-out pairs: the trained performer, or the one that is only cut from the
clip. A repair that loses poses is no repair.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle, write_bundle
from engines.bundle.reading import MANIFEST
from engines.errors import PairsError, UnderstudyError, VideoError
from engines.images import resized
from engines.performer import Performer
from training.checkpoints import best_checkpoint, checkpoints, latest_checkpoint, said_in
from training.config import TrainingConfig
from training.contenders import Generated
from training.export import export
from training.instant_bench import held_out_bundle
from training.loop import train
from training.pairs import build_pairs
from training.pairs.building import pose_tracker
from training.pairs.store import PairSet
from training.runs import run_config
from training.standing import (
    JUDGED,
    SCORE_MARGIN,
    Found,
    Standing,
    found_elsewhere,
    pose_finder,
    standing_of,
    with_elsewhere,
)

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
    moving: TrainingConfig | None = None,
    work: Path | None = None,
    refresh: Callable[[], None] | None = None,
    workers: int = 2,
    progress: bool = True,
    tracker: Callable[[], Any] | None = None,
    found: Found | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Bundle:
    """Learn the dancer of `clip` for `minutes` of training and write the bundle `out`, proved, with its int8 graph.

    Where a performer that is only cut from what was learned stands better on the held-out pairs, `out` is that one.
    `moving` instead of `config` where the camera moves and no clean room is known. `work` keeps pairs and run (default:
    OUT.learning beside the bundle) and is gone on with when it is there. Above 256
    pixels the net grows: the first part of the minutes is spent at 256. With `refresh` a float32 bundle is written
    about every minute meanwhile, once it stands better than an untrained performer, and `refresh` is called: a stage
    that plays `out` takes each over whole. Without it Ctrl-C writes what was learned so far before it goes on its way.
    `tracker` and `found` are those of `build_pairs` and `train`. Raises what those and `export` raise.
    """
    clip, out = Path(clip), Path(out)
    work = out.with_name(f"{out.name}.learning") if work is None else Path(work)
    run = work / "run"
    console = Console(stderr=True, quiet=not progress and refresh is None)
    told = None if progress else _silent
    looks = tracker or pose_tracker
    pairs = build_pairs([clip], work / "pairs", size=size, workers=workers, progress=told, tracker=looks)
    wanted = (config if moving is None or _has_room(pairs) else moving) or TrainingConfig()
    show = _Refresh(out, pairs, found, console, now, refresh or _unheard)
    try:
        _train(wanted, pairs, run, size, minutes, sampled=show if refresh else None, progress=progress, found=found)
    except KeyboardInterrupt:
        if refresh is None and checkpoints(run):
            _written(run, out, pairs, show, int8=False, progress=progress)
            console.print(f"the same command goes on from {_minutes_done(run):.1f} minutes", highlight=False)
        raise
    if refresh is not None and (out / MANIFEST).is_file() and not show.is_better(run):
        return open_bundle(out)  # what is on stage stands better than what was learned
    return _written(run, out, pairs, show, progress=progress)


def _written(run: Path, out: Path, pairs: PairSet, show: "_Refresh", *, progress: bool, int8: bool = True) -> Bundle:
    """`out` as what stands better: the trained performer of `run`, or the untrained one it was judged against."""
    if show.is_better(run):
        return export(run, out, name=out.name, int8=int8, progress=progress)
    untrained = held_out_bundle(pairs, size=run_config(run).size, name=out.name)
    made_by = {**untrained.manifest.made_by, "by": "understudy learn", "kept": "untrained, it stands better"}
    show.say(
        f"{out}: the performer that is only cut from the clip, since it stands better; learn longer, or write the "
        f"trained one with: understudy export {run} --out {out}"
    )
    return write_bundle(out, untrained.manifest.model_copy(update={"made_by": made_by}), untrained.files)


def _train(
    wanted: TrainingConfig, pairs: PairSet, run: Path, size: int, minutes: float, sampled: "_Refresh | None", **how: Any
) -> None:
    done = _minutes_done(run)
    for side, until in _stages(size, minutes):
        if done < until * ENOUGH:
            staged, going_on = _at(wanted, side, often=sampled is not None), bool(checkpoints(run))
            train(staged, pairs.folder, run, resume=going_on, minutes=until - done, sampled=sampled, **how)
            done = _minutes_done(run)


def _has_room(pairs: PairSet) -> bool:
    return all(shot.static and shot.plate is not None for shot in pairs.header.shots)


def _stages(size: int, minutes: float) -> list[tuple[int, float]]:
    """Sizes to train at, each with the minute it ends at."""
    if size <= GROWN_FROM:
        return [(size, minutes)]
    return [(GROWN_FROM, minutes * SMALL_SHARE), (size, minutes)]


def _at(config: TrainingConfig, size: int, often: bool) -> TrainingConfig:
    each = {"sample_minutes": REFRESH_S / 60, "checkpoint_minutes": REFRESH_S / 60} if often else {}
    return config.model_copy(update={"size": size, "run": config.run.model_copy(update=each)})


def _minutes_done(run: Path) -> float:
    return float(said_in(latest_checkpoint(run))["trained_s"]) / 60 if checkpoints(run) else 0.0


def _unheard() -> None:
    return None


def _silent(_stage: str, _done: int, _total: int) -> None:
    return None


class _Refresh:
    """Writes what a run has learned so far as a bundle, each time it has looked at its held-out pairs.

    Not before it stands better there than a performer that is only cut from the clip: that one may be on stage.
    """

    def __init__(
        self,
        out: Path,
        pairs: PairSet,
        found: Found | None,
        console: Console,
        now: Callable[[], float],
        written: Callable[[], None],
    ) -> None:
        self._out, self._pairs, self._found, self._console = out, pairs, found, console
        self._now, self._written = now, written
        self._floors: dict[int, Standing | None] = {}

    def __call__(self, run: Path) -> None:
        if best_checkpoint(run) is None:
            return
        began = self._now()
        try:
            if not self.is_better(run):
                return
            export(run, self._out, name=self._out.name, int8=False, progress=False)
        except UnderstudyError as error:  # a net that does not look yet; the next minute is another one
            self.say(f"not shown yet: {error}")
        else:
            self.say(f"{self._out}: renewed in {self._now() - began:.0f} s")
            self._written()

    def is_better(self, run: Path) -> bool:
        """Whether the best of what was learned stands better than what is only cut from the clip; says both.

        Poses first: who is found again less often is not better, however the rest of the score may be.
        """
        best = best_checkpoint(run)
        if best is None:
            return True  # nothing was held out to judge by
        said, config = said_in(best), run_config(run)
        if config.size not in self._floors:
            self._floors[config.size] = untrained_standing(self._pairs, config, self._found)
        floor = self._floors[config.size]
        if floor is None:
            return True  # nothing can be cut from this clip
        score, poses = float(said["score"]), said.get("poses")
        self.say(f"held out: {_told(poses, score)}; only cut from the clip {_told(floor.poses, floor.score)}")
        if poses is not None and floor.poses is not None and poses < floor.poses - SCORE_MARGIN:
            return False
        return score > floor.score

    def say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, soft_wrap=True, markup=False)


def _told(poses: float | None, score: float) -> str:
    return f"score {score:.2f}" if poses is None else f"PCK@0.1 {poses:.2f}, score {score:.2f}"


def untrained_standing(pairs: PairSet, config: TrainingConfig, found: Found | None = None) -> Standing | None:
    """How a performer cut from the learned part of `pairs` stands where a run is judged; None if none can be cut."""
    held_out = pairs.split("validation")
    try:
        bundle = held_out_bundle(pairs, size=config.size)
    except (PairsError, VideoError):
        return None
    if not len(held_out):
        return None
    indices = [int(i) for i in held_out[np.unique(np.linspace(0, len(held_out) - 1, JUDGED).astype(int))]]
    with ExitStack() as stack:
        performer = Performer(bundle, open_engine(bundle))
        stack.callback(performer.close)
        if found is None:
            found = stack.enter_context(pose_finder(config.run.judge_pose, lambda _said: None))
        shown = Generated(performer, pairs)
        pictures = [resized(shown(i)[0], (config.size, config.size)) for i in indices]
        elsewhere = found_elsewhere(lambda i, pose: shown.posed(i, pose)[0], pairs, indices, found)
        return with_elsewhere(standing_of(pictures, pairs, indices, found), elsewhere)
