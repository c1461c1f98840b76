"""What was made of the videos, for people: a summary to print, a page to look at, a bar while they wait."""

import base64
import html
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, resized
from engines.pose.skeleton import DEFAULT_STYLE, drawn_skeleton
from engines.progress import bar
from training.pairs.header import SPLITS, PairsHeader
from training.pairs.splits import body_normalized
from training.pairs.store import PairSet
from training.pairs.workers import Progress
from training.pairs.writing import write_text

THUMB, SHEET = 224, 24
COLORS = {"train": "#4f7cff", "validation": "#7ad0c0", "gap": "#999", "test": "#ff7a45"}


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A bar on the terminal for every stage, one after the other."""
    with ExitStack() as stack:
        shown: dict[str, Callable[[int, int], None]] = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in shown:
                stack.close()  # the bar before
                shown[stage] = stack.enter_context(bar(stage))
            shown[stage](done, total)

        yield told


def summary(pairs: PairSet) -> str:
    """Some lines: how many pairs, what was dropped, what the cameras did, what to beware of."""
    header, splits = pairs.header, Counter(row.split for row in pairs.rows)
    lines = [f"{len(pairs)} pairs of {header.size[1]}x{header.size[0]} in {pairs.folder}"]
    lines.append("  " + ", ".join(f"{name} {splits[name]}" for name in SPLITS if splits[name]))
    if header.drops:
        lines.append("  dropped: " + ", ".join(f"{reason} {count}" for reason, count in header.drops.items()))
    if header.kind == "skeleton":
        lines += [f"  shot {shot.id} of {shot.source}: {camera_words(pairs, shot.id)}" for shot in header.shots]
    lines += [f"  ! {warning}" for warning in header.warnings]
    if (pairs.folder / "report.html").exists():
        lines.append(f"  look at {pairs.folder / 'report.html'}")
    return "\n".join(lines)


def camera_words(pairs: PairSet, shot_id: str) -> str:
    """What the camera of a shot did, and what that means."""
    shot = next(shot for shot in pairs.header.shots if shot.id == shot_id)
    if not shot.static:
        why = f" ({shot.why_moving})" if shot.why_moving else ""
        return f"moving camera{why}, whole pictures are learned"
    how = f"a sway of up to {shot.sway:.0f} px taken out" if shot.sway else "locked camera"
    return f"{how}, clean plate with {shot.never_seen:.1%} invented"


def write_report(pairs: PairSet) -> None:
    """report.html in the folder of pairs; one file, pictures inside."""
    body = [
        f"<p class=lead>{html.escape(_headline(pairs))}</p>",
        *(f"<p class=warn>{html.escape(warning)}</p>" for warning in pairs.header.warnings),
        "<h2>What was kept</h2>",
        _sheet(pairs),
        "<h2>What was dropped, and why</h2>",
        _drops(pairs.header),
        "<h2>Rooms</h2>",
        *(_room(pairs, shot.id) for shot in pairs.header.shots),
        "<h2>Poses</h2>",
        _coverage(pairs),
    ]
    page = _PAGE.replace("{title}", html.escape(pairs.folder.name)).replace("{body}", "\n".join(body))
    write_text(pairs.folder / "report.html", page)


def _headline(pairs: PairSet) -> str:
    splits = Counter(row.split for row in pairs.rows)
    seconds = len(pairs) / pairs.header.fps
    parts = ", ".join(f"{splits[name]} {name}" for name in SPLITS if splits[name])
    return f"{len(pairs)} pairs, {seconds:.1f} s at {pairs.header.fps:g} a second: {parts}."


def _sheet(pairs: PairSet) -> str:
    chosen = np.unique(np.linspace(0, len(pairs) - 1, SHEET).round().astype(int))
    return "<div class=sheet>" + "".join(_thumb(pairs, int(i)) for i in chosen) + "</div>"


def _thumb(pairs: PairSet, i: int) -> str:
    frame = resized(pairs.frame(i), (THUMB, THUMB)).copy()
    mask = resized(pairs.mask(i), (THUMB, THUMB))
    skeleton = drawn_skeleton(pairs.landmarks[i], (THUMB, THUMB), pairs.header.skeleton or DEFAULT_STYLE)
    drawn = skeleton.max(axis=2, keepdims=True) > 0
    picture = np.where(drawn, skeleton // 4 * 3 + frame // 4, frame).astype(np.uint8)
    edges, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, edges, -1, (255, 255, 255), 1)
    row = pairs.rows[i]
    words = f"<figcaption style='color:{COLORS[row.split]}'>{row.time_s:.2f} s {row.split}</figcaption>"
    return f"<figure>{_image(picture)}{words}</figure>"


def _drops(header: PairsHeader) -> str:
    if not header.drops:
        return "<p>Nothing.</p>"
    most = max(header.drops.values())
    rows = (
        f"<tr><td>{html.escape(reason)}<td>{count}<td><div class=bar style='width:{300 * count / most:.0f}px'></div>"
        for reason, count in header.drops.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _room(pairs: PairSet, shot_id: str) -> str:
    shot = next(shot for shot in pairs.header.shots if shot.id == shot_id)
    words = f"<p>Shot {shot.id} of {html.escape(shot.source)}: {html.escape(camera_words(pairs, shot.id))}.</p>"
    plate = pairs.plate(shot)
    if plate is None:
        return words
    (y, x), (height, width) = shot.plate_at, pairs.header.size
    shown = plate.copy()
    cv2.rectangle(shown, (x, y), (x + width - 1, y + height - 1), (255, 220, 0), 2)
    scale = min(1.0, 640 / max(shown.shape[:2]))
    small = resized(shown, (round(shown.shape[0] * scale), round(shown.shape[1] * scale)))
    return words + _image(small)


def _coverage(pairs: PairSet) -> str:
    """Every pose as a point, on the two directions in which poses differ most, and how new the test poses are."""
    poses = body_normalized(pairs.landmarks, pairs.header.size).reshape(len(pairs), -1)
    centered = poses - poses.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    flat = centered @ axes[:2].T if len(axes) >= 2 else np.zeros((len(pairs), 2))
    flat = 20 + 440 * (flat - flat.min(0)) / np.maximum(np.ptp(flat, axis=0), 1e-6)
    dots = "".join(
        f"<circle cx={x:.0f} cy={y:.0f} r=3 fill='{COLORS[row.split]}' opacity=.7 />"
        for (x, y), row in zip(flat, pairs.rows, strict=True)
    )
    keys = " ".join(f"<b style='color:{color}'>{name}</b>" for name, color in COLORS.items())
    words = f"<p>{keys}: poses far apart on the page are unlike. {_novelty_words(pairs)}</p>"
    return f"{words}<svg width=480 height=480>{dots}</svg>"


def _novelty_words(pairs: PairSet) -> str:
    far = np.array([row.novelty for row in pairs.rows if row.novelty is not None])
    if len(far) == 0:
        return ""
    return (
        f"A test pose is {np.median(far):.2f} torso lengths a landmark from the nearest training pose "
        f"(median; {far.min():.2f} to {far.max():.2f})."
    )


def _image(picture: Frame | NDArray[np.uint8]) -> str:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])
    return f"<img src='data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}'>"


_PAGE = """<!doctype html><meta charset=utf-8><title>{title}: pairs</title>
<style>
body{background:#15161a;color:#ddd;font:15px/1.5 system-ui,sans-serif;max-width:1160px;margin:2em auto;padding:0 1em}
h1,h2{font-weight:500} .lead{font-size:1.15em} .warn{color:#ffc24b}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:8px}
figure{margin:0} figure img{width:100%;display:block} figcaption{font-size:12px}
td{padding:2px 12px 2px 0} .bar{background:#ff7a45;height:12px} svg{background:#1d1f25}
</style><h1>{title}</h1>
{body}
"""
