"""How good are whole pictures? Aligned pairs are compared with their truth, unpaired sides as sets of pictures."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.errors import BadInput, PairsError
from engines.images import Frame, Size, covering
from engines.measuring import measured_header, table, write_json
from engines.performer import Performer
from engines.scene import Scene
from engines.take.clip import open_clip
from training import metrics
from training.labels import accuracy, palette
from training.pairs.header import Split
from training.pairs.store import PairSet, open_pairs
from training.picture_baselines import baselines, input_of
from training.set_distance import distances
from training.unpaired.measuring import LEAST, styled
from training.unpaired.store import Side, open_sides

FILM_FRAMES = 48
PALETTE_FROM = 40
Shows = Callable[[Frame, float], Frame]
"""A frame and its time to the picture that a bundle shows for it."""


def evaluate_pictures(
    bundle: Path | Bundle,
    pairs: Path | PairSet,
    *,
    split: Split = "test",
    labels: bool = False,
    back: Path | Bundle | None = None,
    film: Path | None = None,
    json: Path | None = None,
    say: bool = True,
) -> dict[str, Any]:
    """Measures a bundle that looks at pictures, and prints a table unless `say` is False.

    Of aligned pairs: l1, psnr, ssim, sharpness, the same `beside` of what needs no learning (`picture_baselines`), and
    set_distance {distance, floor, ceiling, share}; with `labels` the true pictures are label maps and the shares of
    right pixels are told too. Of unpaired sides: changed, variety, distance
    and the words that go with them; with the bundle that leads `back` also cycle_l1. With a `film`: flicker
    {warp_error, real, ratio} over its first two seconds. Raises BadInput, PairsError, BundleError, EngineError.
    """
    header = measured_header()
    opened = _opened(bundle)
    pair_set = pairs if isinstance(pairs, PairSet) else open_pairs(pairs)
    with ExitStack() as stack:
        shows, size, engine = _shows(opened, stack)
        figures: dict[str, Any]
        if pair_set.header.kind == "unpaired":
            side: Side = "B" if opened.manifest.made_by.get("side") == "B" else "A"
            figures = _of_sides(shows, size, pair_set, side, split)
            if back is not None:
                leads_back, _, _ = _shows(_opened(back), stack)
                figures["cycle_l1"] = _cycle(shows, leads_back, size, _looked_at(pair_set, side, split))
        elif pair_set.header.kind == "aligned":
            figures = _of_pairs(shows, size, pair_set, split, labels)
        else:
            raise BadInput(f"{pair_set.folder}: pairs of kind {pair_set.header.kind!r} are not compared as pictures")
        if film is not None:
            figures["flicker"] = flicker(shows, film, size)
    found = {**header, "bundle": opened.manifest.name, "pairs": pair_set.folder.name, "engine": engine, **figures}
    if json is not None:
        write_json(json, found)
    if say:
        table([{"what": name, "figure": value} for name, value in _flat(figures)], title=f"evaluate {found['bundle']}")
    return found


def flicker(shows: Shows, film: Path, size: Size) -> dict[str, float]:
    """Unsteadiness as `evaluate` has it: what a picture is off the one before moved along the film's own flow."""
    before: tuple[Frame, Frame] | None = None
    errors, real_errors = [], []
    for each in open_clip(film).frames(0, FILM_FRAMES):
        real, shown = covering(each.frame, size), shows(each.frame, each.time_s).copy()
        if before is not None:
            flow, everywhere = metrics.backward_flow(real, before[0]), np.ones(size, bool)
            errors.append(metrics.warp_error(shown, before[1], flow, everywhere))
            real_errors.append(metrics.warp_error(real, before[0], flow, everywhere))
        before = real, shown
    if not errors:
        raise BadInput(f"{film}: shows fewer than two frames, so nothing can flicker; name a longer film")
    error, real_error = float(np.mean(errors)), float(np.mean(real_errors))
    return {"warp_error": error, "real": real_error, "ratio": error / real_error if real_error else float("nan")}


def _of_pairs(shows: Shows, size: Size, pairs: PairSet, split: Split, labels: bool) -> dict[str, Any]:
    indices = [int(i) for i in pairs.split(split)]
    if not indices:
        raise PairsError(f"{pairs.folder}: the split {split!r} holds no pairs; measure another.")
    inputs = [input_of(pairs, i) for i in indices]
    real = [covering(pairs.frame(i), size) for i in indices]
    shown = [shows(frame, pairs.rows[i].time_s).copy() for frame, i in zip(inputs, indices, strict=True)]
    figures: dict[str, Any] = {"frames": len(indices), **_compared(shown, real)}
    beside = baselines(pairs, indices, size)
    figures["beside"] = {name: _compared(made, real) for name, made in beside.items()}
    if len(indices) >= LEAST:
        found = distances(shown, beside["input"], real)
        figures["set_distance"] = {**asdict(found), "share": found.share}
    if labels:
        learned = pairs.split("train")[:PALETTE_FROM]
        colors = palette(pairs.frame(int(i)) for i in (learned if len(learned) else indices))
        figures["label_accuracy"] = asdict(accuracy(shown, real, colors))
    return figures


def _compared(shown: Sequence[Frame], real: Sequence[Frame]) -> dict[str, float]:
    both = list(zip(shown, real, strict=True))
    everywhere = np.ones(real[0].shape[:2], bool)
    sharp = [
        metrics.gradient_energy(a, everywhere) / max(1e-6, metrics.gradient_energy(b, everywhere)) for a, b in both
    ]
    return {
        "l1": float(np.mean([metrics.l1(a, b) for a, b in both])),
        "psnr": float(np.mean([metrics.psnr(a, b) for a, b in both])),
        "ssim": float(np.mean([metrics.ssim(a, b) for a, b in both])),
        "sharpness": float(np.median(sharp)),
    }


def _of_sides(shows: Shows, size: Size, pairs: PairSet, side: Side, split: Split) -> dict[str, Any]:
    looked_at = _looked_at(pairs, side, split)
    real = [covering(frame, size) for frame in _looked_at(pairs, "B" if side == "A" else "A", split)]
    shown = [shows(frame, k / 25).copy() for k, frame in enumerate(looked_at)]
    found = styled(shown, [covering(frame, size) for frame in looked_at], real)
    return {"frames": len(shown), "side": side, **asdict(found), "words": found.words}


def _cycle(there: Shows, back: Shows, size: Size, looked_at: Sequence[Frame]) -> float:
    lost = []
    for k, frame in enumerate(looked_at):
        again = back(there(frame, k / 25).copy(), k / 25)
        lost.append(metrics.l1(covering(again, size), covering(frame, size)))
    return float(np.mean(lost))


def _looked_at(pairs: PairSet, side: Side, split: Split) -> list[Frame]:
    indices = open_sides(pairs).indices(side, "train" if split == "train" else "test")
    if not len(indices):
        raise PairsError(f"{pairs.folder}: side {side} holds no pictures to test on; measure the split train.")
    return [pairs.frame(int(i)) for i in indices]


def _shows(bundle: Bundle, stack: ExitStack) -> tuple[Shows, Size, dict[str, str]]:
    engine = open_engine(bundle, "auto", "auto")
    performer = Performer(bundle, engine)
    stack.callback(performer.close)

    def shows(frame: Frame, time_s: float) -> Frame:
        return performer.perform(Scene(presence=1.0, frame=frame, captured_s=time_s)).image

    told = {"backend": engine.backend, "precision": engine.precision, "why": engine.why}
    return shows, bundle.manifest.size, told


def _opened(bundle: Path | Bundle) -> Bundle:
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    if opened.manifest.conditioning not in ("frame", "edges", "gray"):
        raise BadInput(
            f"{opened.label}: looks at its {opened.manifest.conditioning}, not at pictures; measure it on its own pairs"
        )
    return opened


def _flat(values: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        rows += _flat(value, f"{above}{name} ") if isinstance(value, dict) else [(above + name, value)]
    return rows
