"""What every measuring command shares: where a figure was taken, percentiles, a table for people, JSON for machines."""

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import BadInput
from engines.machine import cores, cpu_flags, cpu_model, gpus, version_of

PACKAGES = (
    "understudy",
    "numpy",
    "opencv-contrib-python",
    "mediapipe",
    "openvino",
    "onnxruntime",
    "pygame",
    "python-osc",
    "av",
    "onnx",
    "torch",
    "nncf",
    "tensorrt",
    "tensorrt-rtx",
)
ROOT = Path(__file__).parents[1]


def measured_header() -> dict[str, Any]:
    """The block that every JSON of a measurement carries: `machine`, `versions`, `commit`, `started` (UTC, ISO 8601).

    Call it when the measurement starts. `commit` is None outside a git checkout and ends in "+changes" when tracked
    files differ from it.
    """
    return {
        "machine": {
            "system": platform.platform(),
            "cpu": cpu_model(),
            "cores": cores(),
            "flags": list(cpu_flags()),
            "gpu": [{"name": gpu.name, "driver": gpu.driver, "memory_mib": gpu.memory_mib} for gpu in gpus()],
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version for name in PACKAGES if (version := version_of(name))},
        },
        "commit": _commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """{"p50", "p95", "p99"} of `values`, interpolated linearly; NaN (null in JSON) when there are none."""
    numbers = np.fromiter(values, np.float64)
    if numbers.size == 0:
        return dict.fromkeys(("p50", "p95", "p99"), math.nan)
    return {f"p{share}": float(np.percentile(numbers, share)) for share in (50, 95, 99)}


def write_json(path: Path | str, figures: Mapping[str, Any]) -> None:
    """Writes `figures` whole or not at all. numpy values are understood; NaN and infinity become null.

    Raises BadInput when the file cannot be written.
    """
    path = Path(path)
    text = json.dumps(_plain(figures), indent=1, allow_nan=False) + "\n"
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise BadInput(
            f"{path}: the figures cannot be written there ({error.strerror}); choose another file."
        ) from error


def table(rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Prints `rows` on stdout, one column for every key in the order they are first met. Missing values stay empty."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(key for row in rows for key in row))
    drawn = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        numeric = any(isinstance(row.get(column), int | float | np.number) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(shown(row.get(column)) for column in columns))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:  # in a file or a pipe there is no width to keep to
        console.width = 200
    console.print(drawn)


def shown(value: Any) -> str:
    """A value as a person reads it in a table: few digits are enough, and nothing is shown as nothing."""
    if isinstance(value, float | np.floating):
        return _number(float(value))
    if isinstance(value, Mapping):
        return " ".join(f"{key} {shown(part)}" for key, part in value.items())
    return "" if value is None else str(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 1 else f"{value:.3g}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _commit() -> str | None:
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, timeout=5, check=True)
    return done.stdout.strip()
