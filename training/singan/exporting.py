"""A run from one picture as a bundle, written and proved like any other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from engines.bundle import Bundle
from training.export import made_by, said_of, write_proved
from training.forms import Form
from training.singan.forms import AnimationForm, CompositeForm
from training.singan.runs import Learned, open_learned

Kind = Literal["composite", "animation"]

JUDGED, CALIBRATED_ON = 8, 24


@dataclass(frozen=True)
class _Exported:
    learned: Learned
    form: Form

    @property
    def generator(self) -> nn.Module:
        return self.learned.generator

    @property
    def judged(self) -> list[int]:
        return list(range(JUDGED))

    @property
    def calibrated_on(self) -> list[int]:
        return list(range(JUDGED, JUDGED + CALIBRATED_ON))

    @property
    def told(self) -> str:
        return f"{self.learned.folder} after {len(self.learned.sizes)} scales"

    def described(self, name: str) -> dict[str, Any]:
        learned = self.learned
        return {
            **said_of(learned.config, name),
            "size": learned.sizes[-1],
            "made_by": {**made_by(learned.config, learned.steps, learned.trained_s), "learned_from": "one picture"},
        }


def export_singan(
    run: Path,
    bundle: Path,
    *,
    kind: Kind | None = None,
    start: int | None = None,
    knobs: dict[str, float] | None = None,
    name: str | None = None,
    int8: bool = True,
    progress: bool = True,
) -> Bundle:
    """Write a run as a bundle: `composite` (default where the run takes pictures in) or `animation`.

    `start` is the scale at which the figure is put in, or from which on noise wanders; `knobs` are other defaults.
    Raises BadInput, ConfigError, and UnderstudyError when the proof fails.
    """
    learned = open_learned(run)
    kind = kind or ("composite" if learned.takes_pictures else "animation")
    made = CompositeForm if kind == "composite" else AnimationForm
    form: Form = made(learned, start, dict(knobs or {}))
    return write_proved(_Exported(learned, form), Path(bundle), name=name, int8=int8, progress=progress)
