"""How soon a clip performs without training, and how well: `understudy bench instant CLIP`.

The keys of what is judged come from the training split alone; what is timed learns from the whole clip, as on stage.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.atlas.keys import KEYS
from engines.atlas.learning import Room, bundled, learned_atlas, proportions
from engines.atlas.posing import Poser
from engines.backends import open_engine
from engines.bundle import Bundle, made_bundle
from engines.measuring import measured_header, table, write_json
from engines.performer import Performer
from engines.progress import bar
from engines.scene import Scene
from training.evaluation import evaluate
from training.forms import scaled_plate
from training.pairs import build_pairs
from training.pairs.store import PairSet, open_pairs
from training.posing import pairs_atlas


def bench_instant(
    clip: Path, *, pairs: Path | None = None, size: int = 512, limit: int | None = None, json: Path | None = None
) -> dict[str, Any]:
    """Prints, and writes to `json`, what BENCH.md says of `bench instant`, the real frames' own figures beside.

    `pairs` are the clip's, if they were built before; else they are built for this and thrown away. `limit` measures
    only about so many held-out frames. Raises VideoError, PairsError.
    """
    header = measured_header()
    started = time.perf_counter()
    tracked_s = 0.0

    def told(_done: int, _total: int) -> None:
        nonlocal tracked_s
        tracked_s = time.perf_counter() - started

    bundle = learned_atlas(clip, size=size, progress=told)
    performer = Performer(bundle, open_engine(bundle))
    assert bundle.atlas is not None
    performer.perform(Scene(bundle.atlas.keys[0].landmarks, 1.0))
    ready_s = time.perf_counter() - started
    performer.close()
    with tempfile.TemporaryDirectory() as folder:
        found = open_pairs(pairs) if pairs is not None else build_pairs([clip], Path(folder) / "pairs", size=size)
        held_out = held_out_bundle(found)
        posing = posing_ms(held_out, found)
        judged = evaluate(held_out, found, limit=limit, say=False)["splits"]["test"]
    figures = {
        "ready_s": ready_s,
        "tracked_s": tracked_s,
        "atlas_mib": sum(len(data) for name, data in bundle.files.items() if name.startswith("atlas/")) / (1 << 20),
        "posing_ms": posing,
        **_judged(judged),
        "real": _judged(judged["baselines"]["real"]),
    }
    rows = [
        {"what": key, "atlas": _said(value), "real": _said(figures["real"].get(key))} for key, value in figures.items()
    ]
    table([row for row in rows if row["what"] != "real"], title=f"bench instant {clip}")
    if json is not None:
        write_json(json, {**header, **figures})
    return figures


def held_out_bundle(pairs: PairSet, keys: int = KEYS, size: int | None = None, name: str = "held_out") -> Bundle:
    """An atlas bundle, in memory, of the training split of one shot of `pairs`, at (size, size) or as large as they."""
    atlas, learned = pairs_atlas(pairs, size, keys)
    shot = pairs.main_shot
    room = None if shot.plate is None else Room(*scaled_plate(pairs, shot, atlas.size))
    body = pairs.header.proportions or proportions(pairs.landmarks[learned])
    return made_bundle(*bundled(atlas, name=name, room=room, proportions=body, fps=pairs.header.fps))


def posing_ms(bundle: Bundle, pairs: PairSet) -> dict[str, float]:
    """Of one picture on one thread, over the held-out poses: the time this thread computes, whoever else does."""
    assert bundle.atlas is not None
    poser = Poser(bundle.atlas)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    taken = []
    with bar("posing") as progress:
        indices = pairs.split("test")
        for done, i in enumerate(indices):
            started = time.thread_time()
            poser.posed(pairs.landmarks[i])
            taken.append(1e3 * (time.thread_time() - started))
            progress(done + 1, len(indices))
    cv2.setNumThreads(threads)
    return {"p50": float(np.median(taken)), "p95": float(np.percentile(taken, 95))}


def _judged(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "pck": figures["pck"]["0.1"],
        "redetected": figures["redetected"],
        "sharpness": figures["sharpness"],
        "flicker": figures["flicker"]["ratio"],
        "l1_figure": figures["l1_figure"],
        "frames": figures["frames"],
    }


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {part:.1f}" for key, part in value.items())
    return f"{value:.3f}"
