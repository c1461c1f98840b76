"""How good is a colorizer? On pictures it never learned from, beside what needs no learning: gray, and one mean color.

Whole pictures at their own size, colored as `understudy render` colors them. Where the pairs are of a film, flicker is
measured too, beside that of the real color.
"""

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.color import MIDDLE, chroma, recolored
from engines.colorist import Colorist, colors
from engines.errors import BadInput, PairsError
from engines.images import Frame, resized
from engines.measuring import measured_header, table, write_json
from engines.progress import Progress, bar
from engines.steadying import SteadyColor
from training.color_metrics import averaged, evenly, figures
from training.pairs.header import Split
from training.pairs.store import PairSet, open_pairs

STEADY = 0.9
MEANS = 32


def evaluate_color(
    bundle: Path | Bundle,
    pairs: Path | PairSet,
    *,
    split: Split = "test",
    json: Path | None = None,
    progress: Progress | None = None,
    say: bool = True,
    backend: str = "auto",
    precision: str = "auto",
    saturation: float | None = None,
) -> dict[str, Any]:
    """Measures a bundle on one split, prints a table unless `say` is False; returns it, and writes it to `json`.

    rows      {what: generated | mean color | gray | real, error, colorfulness, psnr}; error is the mean distance in the
              plane of a and b, colorfulness Hasler and Suesstrunk's, psnr in dB over RGB
    flicker   {before, after, real, light}, or None where no two pictures are neighbors in a film
    verdict   sentences

    Raises PairsError, BundleError, EngineError, BadInput.
    """
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    pair_set = pairs if isinstance(pairs, PairSet) else open_pairs(pairs)
    if not colors(opened):
        raise BadInput(f"{opened.label} does not color; these pairs can only measure a bundle that does")
    indices = pair_set.split(split)
    if not len(indices):
        raise PairsError(f"{pair_set.folder}: the split '{split}' holds no pictures; measure another.")
    header, mean = measured_header(), _mean_color(pair_set)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ("generated", "mean color", "gray", "real")}
    knobs = {} if saturation is None else {"saturation": saturation}
    with ExitStack() as stack:
        colorist = Colorist(opened, open_engine(opened, backend, precision), knobs)
        stack.callback(colorist.close)
        told = progress or stack.enter_context(bar("evaluate"))
        for done, i in enumerate(indices):
            real = pair_set.frame(int(i))
            shown = {
                "generated": recolored(colorist.color(real)[1], real),
                "mean color": recolored(evenly(mean, real), real),
                "gray": recolored(evenly(np.full(2, MIDDLE), real), real),
                "real": real,
            }
            for name, picture in shown.items():
                rows[name].append(figures(picture, real))
            told(done + 1, len(indices))
        flicker = _flicker(colorist, pair_set, indices)
    means = [{"what": name, **averaged(some)} for name, some in rows.items()]
    made = {
        **header,
        "bundle": opened.manifest.name,
        "pairs": str(pair_set.folder),
        "split": split,
        "pictures": len(indices),
        "rows": means,
        "flicker": flicker,
        "verdict": verdict({str(row["what"]): row for row in means}, flicker),
    }
    if json is not None:
        write_json(json, made)
    if say:
        table(means, title=f"{opened.manifest.name} on {len(indices)} pictures of {pair_set.folder} ({split})")
        print("\n".join(made["verdict"]))
    return made


def verdict(rows: dict[str, dict[str, Any]], flicker: dict[str, float] | None) -> list[str]:
    """What the figures say in words, against what needs no learning."""
    own, mean, real = rows["generated"], rows["mean color"], rows["real"]
    colorful = own["colorfulness"] / max(real["colorfulness"], 1e-6)
    better = "better than" if own["error"] < mean["error"] else "no better than"
    said = [
        f"Color is {own['error']:.2f} off, {better} one mean color ({mean['error']:.2f}); it is {colorful:.0%} as "
        f"colorful as the real pictures, and {own['psnr'] - mean['psnr']:+.2f} dB from the mean color's PSNR."
    ]
    if flicker is not None:
        said.append(
            f"Its color flickers by {flicker['before']:.2f}, held along the flow by {flicker['after']:.2f}; the real "
            f"color by {flicker['real']:.2f} and the light by {flicker['light']:.2f}."
        )
    return said


def _flicker(colorist: Colorist, pairs: PairSet, indices: NDArray[np.int64]) -> dict[str, float] | None:
    rows = [pairs.rows[int(i)] for i in indices]
    step = min((b.frame - a.frame for a, b in pairwise(rows) if a.shot == b.shot), default=0)
    if pairs.header.fps <= 0 or step != 1 or not all(row.source == rows[0].source for row in rows):
        return None
    own, real = SteadyColor(STEADY), SteadyColor(0.0)
    for i in indices:
        frame = pairs.frame(int(i))
        seen, color = colorist.color(frame)
        own(seen, color)
        real(seen, _at(chroma(frame), seen))
    made = own.flicker
    return {"before": made.before, "after": made.after, "real": real.flicker.before, "light": made.light}


def _at(color: NDArray[np.float32], seen: Frame) -> NDArray[np.float32]:
    return np.asarray(resized(color, (seen.shape[0], seen.shape[1])), np.float32)  # type: ignore[arg-type]


def _mean_color(pairs: PairSet) -> NDArray[np.float64]:
    """(2,): a and b over all that is learned from."""
    learned = pairs.split("train")
    return np.mean([chroma(resized(pairs.frame(int(i)), (MEANS, MEANS))).mean(axis=(0, 1)) for i in learned], axis=0)
