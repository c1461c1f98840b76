"""`understudy evaluate` for a film that goes on: one step beside copying the last frame, and whether it lives."""

from pathlib import Path
from typing import Any

import numpy as np

from engines.backends import open_engine
from engines.bundle import Manifest, open_bundle
from engines.errors import BadInput
from engines.film.dreaming import Dream, Touch
from engines.film.liveness import Liveness, Watcher, liveness
from engines.film.motion import look
from engines.film.statistics import FilmLook
from engines.images import Frame, covering
from engines.measuring import measured_header, table, write_json
from engines.progress import bar
from training import metrics
from training.film_examples import shots_of
from training.pairs.header import Split
from training.pairs.store import PairSet, open_pairs

LIVES_FOR = 600
MEASURED = 48


def evaluate_film(
    bundle: Path, pairs: Path, *, split: Split = "test", steps: int = LIVES_FOR, json: Path | None = None
) -> dict[str, Any]:
    """Print and return the figures: `l1` and `psnr` of the next frame, the same of copying the last under `baselines`.

    `motion` holds the motion energy of every hundred steps as multiples of the film's, `faults` what died, in words.
    Raises BadInput for a bundle that does not go on with a film.
    """
    opened, held = open_bundle(bundle), open_pairs(pairs)
    manifest = opened.manifest
    if manifest.conditioning != "previous":
        raise BadInput(
            f"{bundle}: looks at {manifest.conditioning!r}; pairs of kind 'next' measure a film that goes on"
        )
    frames = [covering(held.frame(i), manifest.size) for i in range(len(held))]
    engine = open_engine(opened)

    def step(picture: Frame, before: Frame) -> Frame:
        fed = {port.name: before if port.name == "before" else picture for port in manifest.inputs}
        return np.asarray(engine(fed)["image"].copy(), np.uint8)

    try:
        figures: dict[str, Any] = {**measured_header(), "bundle": bundle.name, "split": split}
        figures |= _one_step(frames, held, split, step)
        life = _lived(frames, held, manifest, step, steps)
    finally:
        engine.close()
    figures |= {"motion": [round(energy, 3) for energy in life.energies], "on_aim": life.is_on_aim}
    figures["wander"] = [round(wander, 3) for wander in life.wanders]
    figures |= {"faults": [fault.sentence for fault in life.faults], **life.figures()}
    copied = figures["baselines"]["copy_last"]
    table(
        [
            {"": "this bundle", "l1": figures["l1"], "psnr": figures["psnr"]},
            {"": "copy the last frame", "l1": copied["l1"], "psnr": copied["psnr"]},
        ],
        title=f"the next frame, {split}",
    )
    print(f"on its own: {life.told}{'' if life.is_on_aim else ' (0.5 to 2 is aimed at)'}")
    for fault in life.faults:
        print(f"! {fault.sentence}")
    if json:
        write_json(json, figures)
    return figures


def _one_step(frames: list[Frame], pairs: PairSet, split: Split, step: Any) -> dict[str, Any]:
    stride, rows = pairs.header.stride, pairs.rows
    places = [
        i
        for start, stop in shots_of(pairs)
        for i in range(start + stride, stop - stride)
        if rows[i + stride].split == split
    ]
    if not places:
        raise BadInput(
            f"{pairs.folder}: holds no two frames a stride apart in the split {split!r}; name another --split"
        )
    chosen = [places[k] for k in np.linspace(0, len(places) - 1, min(MEASURED, len(places))).round().astype(int)]
    made = [(step(frames[i], frames[i - stride]), frames[i + stride]) for i in chosen]
    copied = [(frames[i], frames[i + stride]) for i in chosen]
    return {**_errors(made), "pairs": len(chosen), "baselines": {"copy_last": _errors(copied)}}


def _errors(pictures: list[tuple[Frame, Frame]]) -> dict[str, float]:
    return {
        "l1": round(float(np.mean([metrics.l1(one, real) for one, real in pictures])), 3),
        "psnr": round(float(np.mean([min(99.0, metrics.psnr(one, real)) for one, real in pictures])), 2),
    }


def _lived(frames: list[Frame], pairs: PairSet, manifest: Manifest, step: Any, steps: int) -> Liveness:
    """As it performs: the bundle's own stir and guard, from the film's last frame."""
    shots, stride = shots_of(pairs), pairs.header.stride
    before = frames[max(shots[-1][0], len(frames) - 1 - stride)]
    touch = Touch.of({knob.name: knob.default for knob in manifest.knobs if knob.name in ("stir", "guard")}, None, None)
    dream = Dream(frames[-1], FilmLook.from_metrics(manifest.metrics), before, undying=True)
    watcher = Watcher()
    with bar("letting it live") as progress:
        for done in range(1, steps + 1):
            watcher.add(dream.step(step, touch))
            progress(done, steps)
    film = [np.stack([look(frame) for frame in frames[a:b:stride]]) for a, b in shots if b - a > stride]
    return liveness(film, watcher.pictures)
