"""What `understudy learn` was asked, checked before minutes of tracking; loads no torch, so that a show can hold it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engines.atlas.growing import be_modest, grown_atlas
from engines.errors import BadInput
from engines.take.clip import open_clip
from training.config import TrainingConfig

SIZES = range(64, 2049, 32)


@dataclass(frozen=True)
class Lesson:
    """A clip to be learned for `minutes` of training at `size` pixels into the bundle `out`.

    By `config`, or by `moving` where the clip's camera moves.
    """

    clip: Path
    out: Path
    minutes: float
    size: int
    config: TrainingConfig
    moving: TrainingConfig

    @property
    def work(self) -> Path:
        """Where pairs and run are kept, to go on from."""
        return self.out.with_name(f"{self.out.name}.learning")

    @property
    def run(self) -> Path:
        return self.work / "run"

    @property
    def is_begun(self) -> bool:
        """Whether there is a training to go on with, whose networks stay as they are."""
        return (self.run / "config.json").is_file()


def lesson(
    clip: Path,
    out: Path,
    config: TrainingConfig,
    moving: TrainingConfig | None = None,
    *,
    minutes: float = 25.0,
    size: int | None = None,
) -> Lesson:
    """What was asked, if it can be done. Raises BadInput and VideoError."""
    size = config.size if size is None else size
    if not (math.isfinite(minutes) and minutes > 0):
        raise BadInput(f"--minutes {minutes:g}: nothing is learned in that time; 25 are usual")
    if size not in SIZES:
        raise BadInput(f"--size {size}: choose a multiple of 32 from {SIZES[0]} to {SIZES[-1]}; 256 learns soonest")
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: is a file; name a folder for the bundle with --out")
    open_clip(clip)
    asked = Lesson(Path(clip), out, minutes, size, config, moving or config)
    try:
        asked.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written there ({error.strerror}); choose another --out") from None
    return asked


def learn_beside(asked: Lesson, written: Callable[[], None]) -> None:
    """Learn for a stage that plays `asked.out` meanwhile, in a process of its own: one thread, low priority.

    The first version is an untrained performer cut from the clip; then the trained one, renewed about every minute, as
    soon as it does better. `written` is told of each. Raises what `training.learning.learn` raises.
    """
    import cv2

    cv2.setNumThreads(1)
    if not (asked.is_begun and (asked.out / "manifest.json").is_file()):
        grown_atlas(open_clip(asked.clip), asked.out, size=asked.size, written=lambda _bundle: _shown(written))
    else:
        _shown(written)
    import torch

    from training.learning import learn

    torch.set_num_threads(1)
    learn(
        asked.clip,
        asked.out,
        minutes=asked.minutes,
        size=asked.size,
        config=asked.config,
        moving=asked.moving,
        work=asked.work,
        refresh=written,
        workers=1,
        progress=False,
    )


def _shown(written: Callable[[], None]) -> None:
    be_modest()  # from now on somebody performs; the first version is waited for
    written()
