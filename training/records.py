"""What a run keeps for people: notes, curves, samples, time-lapse, TensorBoard, and sentences about its health."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engines.images import Frame
from training.config import TrainingConfig
from training.curves import draw_curves
from training.film import write_timelapse
from training.health import Health
from training.runs import note, noted, writing
from training.samples import write_picture
from training.standing import AnyStanding, Standing

Say = Callable[[str], None]


class Records:
    """Of the one process that writes a run's folder. Raises UnderstudyError when the folder cannot be written."""

    def __init__(self, folder: Path, config: TrainingConfig, step: int, say: Say) -> None:
        self._folder, self._say = folder, say
        self._health = Health(config)
        self._health.catch_up(noted(folder))
        self._drawn = False
        self._board = _tensorboard(folder / "tensorboard", step, say) if config.run.tensorboard else None

    def losses(self, step: int, trained_s: float, said: Mapping[str, float]) -> None:
        note(self._folder, {"step": step, "trained_s": round(trained_s, 2), **said})
        self._drawn = False
        self._scalars("train", step, said)
        self._sentences(step, self._health.heard(step, said))

    def sampled(self, step: int, trained_s: float, sheet: Frame, standing: AnyStanding | None) -> Path:
        """Keep a sheet of samples and how the run stands; returns the sheet's file."""
        path = self._folder / "samples" / f"step-{step:07d}.png"
        figures = figures_of(standing)
        with writing(self._folder):
            write_picture(path, sheet)
        note(self._folder, {"step": step, "trained_s": round(trained_s, 2), **figures})
        self._scalars("held out", step, figures)
        if self._board is not None:
            with writing(self._folder):
                self._board.add_image("conditioning, generated, real", sheet, step, dataformats="HWC")
        if standing is not None:
            self._sentences(step, self._health.seen(step, standing))
        self._draw()
        return path

    def said(self, step: int, sentence: str) -> None:
        """Say a sentence aloud and keep it."""
        self._sentences(step, [sentence])

    def close(self) -> None:
        """Draw what is drawn at the end."""
        if not self._drawn:
            self._draw()
        with writing(self._folder):
            write_timelapse(self._folder)
        if self._board is not None:
            self._board.close()

    def _draw(self) -> None:
        with writing(self._folder):
            draw_curves(self._folder)
        self._drawn = True

    def _sentences(self, step: int, sentences: list[str]) -> None:
        for sentence in sentences:
            self._say(f"step {step}: {sentence}")
            note(self._folder, {"step": step, "said": sentence})
            if self._board is not None:
                self._board.add_text("health", sentence, step)

    def _scalars(self, group: str, step: int, figures: Mapping[str, Any]) -> None:
        if self._board is None:
            return
        with writing(self._folder):
            for name, value in figures.items():
                if value is not None:
                    self._board.add_scalar(f"{group}/{name}", value, step)


def figures_of(standing: AnyStanding | None) -> dict[str, float | None]:
    """How a line of metrics.jsonl says it."""
    if standing is None:
        return {"validation_figure_l1": None}
    learned, held_out = standing.recognized or (None, None)
    own = standing.figures if isinstance(standing, Standing) else {"error": standing.error, **standing.figures}
    figures: dict[str, float | None] = {
        **{f"validation_{name}": value for name, value in own.items()},
        "validation_moved": standing.moved,
        "validation_score": standing.score,
        "learned_recognized": learned,
        "validation_recognized": held_out,
    }
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def _tensorboard(folder: Path, step: int, say: Say) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        say("no TensorBoard events are written: pip install tensorboard, or set run.tensorboard=false")
        return None
    with writing(folder):
        return SummaryWriter(str(folder), purge_step=step + 1)
