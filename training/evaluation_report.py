"""An evaluation for people: a table on the terminal, and a page with the best, the median and the worst frames."""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from engines.errors import BadInput
from engines.measuring import shown, table

SHOWN_EACH = 4

COLUMNS = ("generated", "real", "nearest_pose", "copy_last", "mean")
TITLES = {
    "generated": "performer",
    "real": "real (ceiling)",
    "nearest_pose": "nearest pose (floor)",
    "copy_last": "frame before",
    "mean": "mean frame",
}
# Figure, where it lies in the summary, and what it says.
FIGURES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("PCK@0.05", ("pck", "0.05"), "share of landmarks found again within 0.05 torso lengths of where they should be"),
    ("PCK@0.1", ("pck", "0.1"), "within 0.1"),
    ("PCK@0.2", ("pck", "0.2"), "within 0.2"),
    ("OKS", ("oks",), "COCO's likeness of poses, 0 to 1"),
    ("re-detected", ("redetected",), "share of pictures in which anybody is recognized"),
    ("sharpness", ("sharpness",), "gradient in the figure over the film's: 1 is as sharp as the film"),
    ("flicker", ("flicker", "ratio"), "unsteadiness in the person over the film's: 1 is as steady as the film"),
    ("tOF", ("tof",), "distance of its movement from the film's, in pixels a frame"),
    ("L1 figure", ("l1_figure",), "mean error in the person, in levels of 255"),
    ("L1 face", ("l1_face",), ""),
    ("L1 hands", ("l1_hands",), ""),
    ("L1 feet", ("l1_feet",), ""),
    ("L1 outside", ("l1_outside",), "mean error in the room"),
    ("L1", ("l1",), "mean error in the whole square"),
    ("PSNR", ("psnr",), "dB"),
    ("SSIM", ("ssim",), "of the luma, window 11 x 11, sigma 1.5"),
    ("MS-SSIM", ("ms_ssim",), "only above 160 pixels"),
)

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child, td:last-child { text-align: left; }
td:last-child { opacity: .7; }
figure { display: inline-block; margin: 0 1rem 1rem 0; }
figure img { height: 11rem; display: inline-block; }
figcaption { font-size: .85rem; opacity: .8; }
svg { width: 100%; height: 9rem; }
"""


@dataclass(frozen=True)
class Seen:
    """One measured frame for a page: JPEGs of what the generator looked at, made, and should have made."""

    id: str
    conditioning: bytes | None
    generated: bytes
    real: bytes


def print_figures(evaluation: Mapping[str, Any]) -> None:
    """The table and the verdict on stdout."""
    for split, figures in evaluation["splits"].items():
        rows = [{"": name, **dict(values)} for name, values, _ in _lines(figures)]
        table(rows, title=f"{evaluation['bundle']} on {figures['frames']} {split} frames of {evaluation['pairs']}")
    for sentence in evaluation["verdict"]:
        print(sentence)


def write_page(path: Path, evaluation: Mapping[str, Any], seen: Sequence[Seen]) -> None:
    """One HTML file that needs no other. Raises BadInput when it cannot be written."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(_page(evaluation, seen), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise BadInput(f"{path}: the page cannot be written there ({error.strerror}); choose another file.") from error


def ranked(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Best first: by pose, since pixels hardly tell a blur from a person, then by the error in the figure."""

    def worth(row: Mapping[str, Any]) -> tuple[float, float]:
        error = row["l1_figure"]
        return row["pck 0.1"], -error if error == error else 0.0

    return sorted(rows, key=worth, reverse=True)


def _lines(figures: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Any]], str]]:
    summaries = {"generated": figures, **figures["baselines"]}
    lines = []
    for name, keys, meaning in FIGURES:
        values = [(TITLES[column], _value(summaries[column], keys)) for column in COLUMNS if column in summaries]
        lines.append((name, values, meaning))
    if figures["pck_novel"] == figures["pck_novel"]:  # known, where the pairs know how new their poses are
        novel = [(TITLES["generated"], figures["pck_novel"])]
        lines.insert(3, ("PCK@0.1, new poses", novel, "the half of the frames farthest from any learned pose"))
    gain = figures.get("jitter_gain")
    if gain is not None and gain == gain:
        lines.append(
            ("jitter gain", [(TITLES["generated"], gain)], "levels in the person per thousandth of trembling landmarks")
        )
    return lines


def _value(summary: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    value: Any = summary
    for key in keys:
        value = value[key]
    return value


def _page(evaluation: Mapping[str, Any], seen: Sequence[Seen]) -> str:
    title = escape(f"{evaluation['bundle']}: how good is it?")
    pictures = {one.id: one for one in seen}
    parts = [
        f"<h1>{title}</h1>",
        *(f"<p><strong>{escape(sentence)}</strong></p>" for sentence in evaluation["verdict"]),
        *(_figures_table(split, figures) for split, figures in evaluation["splits"].items()),
        _curve(evaluation["rows"]),
        *_galleries(ranked(evaluation["rows"]), pictures),
        _facts(evaluation),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</html>\n"
    )


def _figures_table(split: str, figures: Mapping[str, Any]) -> str:
    lines = _lines(figures)
    head = "".join(f"<th>{escape(title)}</th>" for title, _ in lines[0][1])
    body = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{shown(dict(values).get(title))}</td>" for title, _ in lines[0][1])
        + f"<td>{escape(meaning)}</td></tr>\n"
        for name, values, meaning in lines
    )
    return (
        f"<h2>{figures['frames']} frames of the split {escape(split)}</h2>"
        f"<table><tr><th></th>{head}<th></th></tr>\n{body}</table>"
    )


def _curve(rows: Sequence[Mapping[str, Any]]) -> str:
    """PCK@0.1 over the frames measured, as an SVG line."""
    if len(rows) < 2:
        return ""
    step = 1000 / (len(rows) - 1)
    points = " ".join(f"{k * step:.1f},{100 - 100 * row['pck 0.1']:.1f}" for k, row in enumerate(rows))
    return (
        "<h2>Pose along the clip (PCK@0.1, 0 to 1)</h2>"
        '<svg viewBox="0 -2 1000 104" preserveAspectRatio="none" role="img" aria-label="PCK@0.1 of each frame">'
        '<path d="M0 0H1000M0 50H1000M0 100H1000" stroke="#8884" vector-effect="non-scaling-stroke"/>'
        f'<polyline points="{points}" fill="none" stroke="#c33" stroke-width="1.5" vector-effect="non-scaling-stroke"/>'
        "</svg>"
    )


def _galleries(rows: Sequence[Mapping[str, Any]], pictures: Mapping[str, Seen]) -> list[str]:
    count = min(SHOWN_EACH, len(rows))
    start = (len(rows) - count) // 2
    chosen = {"Best": rows[:count], "Median": rows[start : start + count], "Worst": rows[len(rows) - count :]}
    head = "<p>What the generator looked at, what it made, and the real frame.</p>"
    return [head, *(_gallery(title, some, pictures) for title, some in chosen.items())]


def _gallery(title: str, rows: Sequence[Mapping[str, Any]], pictures: Mapping[str, Seen]) -> str:
    shown_rows = "".join(_shown(row, pictures[row["id"]]) for row in rows if row["id"] in pictures)
    return f"<h2>{title}</h2>\n{shown_rows}"


def _shown(row: Mapping[str, Any], one: Seen) -> str:
    images = [data for data in (one.conditioning, one.generated, one.real) if data is not None]
    tags = "".join(f'<img alt="" src="data:image/jpeg;base64,{b64encode(data).decode()}">' for data in images)
    told = f"{row['id']}, {row['time_s']:.2f} s: PCK@0.1 {row['pck 0.1']:.2f}, L1 figure {shown(row['l1_figure'])}"
    if row["novelty"] is not None:
        told += f", {row['novelty']:.2f} torso lengths from any learned pose"
    return f"<figure>{tags}<figcaption>{escape(told)}</figcaption></figure>\n"


def _facts(evaluation: Mapping[str, Any]) -> str:
    machine, engine = evaluation["machine"], evaluation["engine"]
    told = (
        f"{evaluation['pairs']}, {evaluation['started']}, {machine['cpu']} ({machine['cores']} cores), "
        f"{engine['backend']} {engine['precision']} ({engine['why']}), commit {evaluation['commit'] or 'unknown'}"
    )
    return f"<p>{escape(told)}</p>"
