"""Several configs trained for equal minutes on the same pairs, exported, evaluated, and set side by side in a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.bundle import open_bundle, write_bundle
from engines.errors import BadInput
from engines.measuring import measured_header, shown, table, write_json
from engines.progress import silent
from training.checkpoints import SAID, checkpoints
from training.config import TrainingConfig, named_config
from training.evaluation import Found, evaluate
from training.export import export
from training.instant_bench import held_out_bundle
from training.loop import train
from training.pairs.store import open_pairs
from training.runs import run_facts

ATLAS = "atlas"
# A run that has this share of its minutes is not taken up again: it would learn for less than a step.
DONE = 0.998

COLUMNS: dict[str, tuple[str, ...]] = {
    "PCK@0.1": ("pck", "0.1"),
    "re-detected": ("redetected",),
    "sharpness": ("sharpness",),
    "flicker": ("flicker", "ratio"),
    "L1 figure": ("l1_figure",),
    "L1 face": ("l1_face",),
    "L1 hands": ("l1_hands",),
    "L1 outside": ("l1_outside",),
    "L1": ("l1",),
}
BASELINES = {"real": "the film itself (ceiling)", "nearest_pose": "nearest learned pose (floor)"}
MEANING = (
    "PCK@0.1: share of landmarks found again within 0.1 torso lengths; re-detected: share of pictures in which anybody "
    "is recognized; sharpness and flicker: over the film's own; L1: mean error in levels of 255, figure and outside "
    "being the person's mask grown by 2 % of the side, and the rest."
)


@dataclass(frozen=True)
class Entry:
    """One row to be: a config under the name it has in the table and as a folder."""

    name: str
    config: TrainingConfig


def compare(
    pairs: Path,
    configs: Sequence[Path | str],
    *,
    minutes: float | None = 8,
    out: Path,
    limit: int | None = None,
    progress: bool = True,
    found: Found | None = None,
) -> list[dict[str, Any]]:
    """Trains every config for `minutes` on `pairs`, one after the other, and writes OUT/table.md and OUT/table.json.

    Without `minutes` each makes its own `schedule.steps`: where other programs want the cores too, minutes are not
    equal work, and steps that were measured in quiet can be.
    A config is a file, or a file with overrides behind it: `dance.toml+losses.l1=10+schedule.batch=8`; `atlas` instead
    of one is the performer that is only cut from the learned part, at the size of the first config. A row's folder
    OUT/NAME holds run, bundle, evaluation.json and evaluation.html. Stopped at any point and called again, it goes on:
    finished rows are kept, a half-trained one is trained for what it lacks. The table is written after each row.
    Bundles are evaluated in float32 on the test split (`limit` and `found` as in `evaluate`), so that methods are
    compared and not their quantization. Returns the rows. Raises what train, export and evaluate raise, and BadInput
    when OUT holds rows of other pairs, minutes or configs.
    """
    header = measured_header()
    entries = _entries(configs)
    out, folder_of_pairs = Path(out), open_pairs(pairs).folder.resolve()
    for entry in entries:
        _claim(out / entry.name, entry, folder_of_pairs, minutes)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        place = out / entry.name
        if not (place / "evaluation.json").is_file():
            if entry.name == ATLAS:
                _write_atlas(place / "bundle", folder_of_pairs, entry.config.size)
            else:
                _trained(entry, folder_of_pairs, place / "run", minutes, progress, found)
                export(place / "run", place / "bundle", int8=False, progress=progress)
            _evaluated(place, folder_of_pairs, limit, progress, found)
        rows.append(_row(entry.name, place))
        _write_table(out, header, rows, minutes, folder_of_pairs)
    if progress:
        title = f"{_budget(minutes)} each on {folder_of_pairs}"
        table([_cells(row) for row in _with_baselines(rows)], title=title)
    return rows


def _entries(configs: Sequence[Path | str]) -> list[Entry]:
    entries = [Entry(*named_config(str(given))) for given in configs if str(given) != ATLAS]
    names = [entry.name for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise BadInput(f"{twice} is compared with itself; name each config once, or one file with different overrides")
    if not entries:
        raise BadInput(f"'{ATLAS}' alone is no comparison; name a config beside it")
    return [Entry(ATLAS, entries[0].config), *entries] if ATLAS in map(str, configs) else entries


def _claim(place: Path, entry: Entry, pairs: Path, minutes: float | None) -> None:
    """Notes in the row's folder what it is of; refuses to mix it with what was there before."""
    asked = {"pairs": str(pairs), "minutes": minutes, "config": entry.config.model_dump(mode="json")}
    file = place / "asked.json"
    if not file.is_file():
        write_json(file, asked)
        return
    before = _read(file)
    differing = [key for key in asked if before.get(key) != asked[key]]
    if differing:
        raise BadInput(
            f"{place}: was begun with another {' and another '.join(differing)}; choose another --out, or delete "
            "that folder"
        )


def _trained(entry: Entry, pairs: Path, run: Path, minutes: float | None, progress: bool, found: Found | None) -> None:
    going_on, done = bool(checkpoints(run)), _progress_of(run)
    if minutes is None:
        left = None
        is_done = going_on and done["steps"] >= entry.config.steps_for(int(str(run_facts(run)["learned_from"])))
    else:
        left = minutes - done["minutes"]
        is_done = left <= minutes * (1 - DONE)
    if not is_done:
        train(entry.config, pairs, run, resume=going_on, minutes=left, progress=progress, found=found)


def _budget(minutes: float | None) -> str:
    return "their own steps" if minutes is None else f"{minutes:g} minutes"


def _write_atlas(bundle: Path, pairs: Path, size: int) -> None:
    cut = held_out_bundle(open_pairs(pairs), size=size)
    write_bundle(bundle, cut.manifest, cut.files)


def _evaluated(place: Path, pairs: Path, limit: int | None, progress: bool, found: Found | None) -> None:
    evaluate(
        open_bundle(place / "bundle"),
        pairs,
        limit=limit,
        json=place / "evaluation.json",
        html=place / "evaluation.html",
        progress=None if progress else silent,
        say=False,
        precision="f32",
        found=found,
    )


def _row(name: str, place: Path) -> dict[str, Any]:
    return {"name": name, **_progress_of(place / "run"), **_read(place / "evaluation.json")["splits"]["test"]}


def _progress_of(run: Path) -> dict[str, float]:
    """Steps and minutes of training in the newest checkpoint."""
    found = checkpoints(run)
    if not found:
        return {"steps": 0, "minutes": 0.0}
    said = _read(found[-1] / SAID)
    return {"steps": said["step"], "minutes": said["loop"]["trained_s"] / 60}


def _with_baselines(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows, and below them what all of them are measured between."""
    beside = rows[0]["baselines"]
    return [*map(dict, rows), *({"name": told, **beside[key]} for key, told in BASELINES.items() if key in beside)]


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {"config": row["name"], "steps": row.get("steps")}
    for title, keys in COLUMNS.items():
        value: Any = row
        for key in keys:
            value = value[key]
        cells[title] = value
    return cells


def _write_table(
    out: Path, header: Mapping[str, Any], rows: list[dict[str, Any]], minutes: float | None, pairs: Path
) -> None:
    write_json(out / "table.json", {**header, "pairs": str(pairs), "minutes": minutes, "rows": rows})
    try:
        (out / "table.md").write_text(_markdown(header, rows, minutes, pairs), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{out / 'table.md'}: cannot be written ({error.strerror}); choose another --out") from error


def _markdown(header: Mapping[str, Any], rows: list[dict[str, Any]], minutes: float | None, pairs: Path) -> str:
    lines = [_cells(row) for row in _with_baselines(rows)]
    machine = header["machine"]
    cards = ", ".join(gpu["name"] for gpu in machine["gpu"]) or "no GPU"
    told = f"{machine['cpu']}, {machine['cores']} cores, {cards}; commit {header['commit']}; {header['started']}"
    return "\n".join(
        [
            f"{_budget(minutes).capitalize()} of training each on `{pairs.name}`; {rows[0]['frames']} held-out frames. "
            + MEANING,
            "",
            "| " + " | ".join(lines[0]) + " |",
            "|---|" + "---:|" * (len(lines[0]) - 1),
            *("| " + " | ".join(shown(value) for value in line.values()) + " |" for line in lines),
            "",
            f"{told}.",
            "",
        ]
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read ({error}); delete {file.parent} and compare again") from error
