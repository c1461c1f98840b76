"""What a person sees while it trains: step, images a second, losses, time left, the newest sample sheet."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from training.standing import AnyStanding

if TYPE_CHECKING:
    from training.starting import Run

LEFT_OUT = ("total", "real_right", "fake_right", "generator_gradient", "discriminator_gradient")


class Meter:
    """A progress bar on stderr; where that is no terminal, a line per sample sheet."""

    def __init__(self, run: "Run", share: "Callable[[Run], float]", shown: bool) -> None:
        self._run, self._share = run, share
        self._console = Console(stderr=True, quiet=not shown)
        columns = (TextColumn("{task.description}"), BarColumn(None), TimeRemainingColumn())
        self._bars = Progress(*columns, console=self._console, disable=not (shown and self._console.is_terminal))
        self._task = self._bars.add_task("training", total=1.0)
        self._counted = (time.monotonic(), run.step)
        self._stands = ""

    def losses(self, said: dict[str, float]) -> None:
        then, step = self._counted
        self._counted = (time.monotonic(), self._run.step)
        rate = (self._run.step - step) * self._run.config.schedule.batch / max(1e-9, self._counted[0] - then)
        figures = "  ".join(f"{name} {value:.3f}" for name, value in said.items() if name not in LEFT_OUT)
        text = f"step {self._run.step}  {rate:.1f} images/s  {figures}{self._stands}"
        self._bars.update(self._task, completed=self._share(self._run), description=text)

    def sampled(self, path: Path, standing: AnyStanding | None) -> None:
        held_out = "" if standing is None else f", held out: {standing.told}"
        self._stands = "" if standing is None else f"  held out {standing.error:.1f} levels off"
        self.say(f"step {self._run.step} after {self._run.trained_s / 60:.1f} min{held_out}: {path}")

    def say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, soft_wrap=True, markup=False)

    def __enter__(self) -> "Meter":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
