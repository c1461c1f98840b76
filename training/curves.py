"""All that a run has noted, as one picture: losses, the discriminator's state, and what held-out pairs say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.losses import FORMS
from training.runs import noted, run_config

Line = dict[str, Any]

# Title, the names drawn in it (as noted), and whether the scale is logarithmic.
PANELS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("losses", (), True),  # all that has no panel of its own
    ("discriminator", ("discriminator", "adversarial"), False),
    ("discriminator: share judged rightly", ("real_right", "fake_right"), False),
    ("size of the gradients", ("generator_gradient", "discriminator_gradient"), True),
    ("held-out: error, levels of 255", ("validation_figure_l1", "validation_error"), False),
    ("held-out: what is looked at", ("validation_*",), False),
)
NOT_DRAWN = ("step", "trained_s", "total", "said", "validation_score", "validation_moved", "validation_recognized")


def draw_curves(run: Path) -> Path:
    """Write RUN/curves.png anew from RUN/metrics.jsonl."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = noted(run)
    figure = Figure(figsize=(12, 10), dpi=80)
    figure.suptitle(run.name)
    figure.subplots_adjust(left=0.05, right=0.98, bottom=0.06, top=0.93, hspace=0.35, wspace=0.12)
    for axes, (title, names, logarithmic) in zip(figure.subplots(3, 2).flat, PANELS, strict=True):
        drawn = names_in(lines, names)
        for name in drawn:
            steps, values = series(lines, name)
            if len(steps):
                many, color = len(steps) > 40, _color(drawn, name)
                axes.plot(steps, values, alpha=0.3 if many else 1.0, marker="" if many else ".", color=color)
                axes.plot(steps, _smoothed(values), label=name, color=color)
        if "discriminator" in names:
            axes.axhline(FORMS[run_config(run).losses.form].chance, color="gray", linestyle=":", label="chance")
        if logarithmic and axes.lines:
            axes.set_yscale("log")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step", fontsize=8)
        if axes.lines:
            axes.legend(fontsize=8)
    path = run / "curves.png"
    part = path.with_name(".curves.part.png")
    FigureCanvasAgg(figure).print_png(str(part))
    part.replace(path)
    return path


def series(lines: Sequence[Line], name: str) -> tuple[list[int], list[float]]:
    """Steps and values of one figure, in order."""
    held = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
    return [step for step, _ in held], [value for _, value in held]


def names_in(lines: Sequence[Line], names: Sequence[str]) -> list[str]:
    """The names of a panel; where it has a pattern or none, those that were noted and are in no other panel."""
    if names and not names[0].endswith("*"):
        return list(names)
    elsewhere = {name for _, listed, _ in PANELS for name in listed} | set(NOT_DRAWN)
    noted_names = list(dict.fromkeys(name for line in lines for name in line))
    is_held_out = bool(names)
    return [
        name
        for name in noted_names
        if name not in elsewhere and name.startswith("validation_") == is_held_out and name != "learned_recognized"
    ]


def _smoothed(values: Sequence[float], over: int = 15) -> list[float]:
    if len(values) <= 2 * over:
        return list(values)
    return [float(np.mean(values[max(0, k - over) : k + 1])) for k in range(len(values))]


def _color(names: Sequence[str], name: str) -> str:
    return f"C{names.index(name)}"
