"""Opening a bundle on everything this machine has, and comparing what each draws with the float32 reference.

The reference is the float32 graph on ONNX Runtime's CPU, the backend with the fewest liberties; where it is missing,
OpenVINO's. Pictures are compared as the audience sees them, after the finish.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engines.backends import PRECISIONS, available_backends, open_engine
from engines.bundle.agreement import LEAST_INT8_DB, MEASURED, MOST_LEVELS, agrees, noted, objection
from engines.bundle.reading import Bundle
from engines.bundle.writing import write_bundle
from engines.errors import BundleError, EngineError
from engines.images import Frame
from engines.performer import Performer
from engines.scene import Scene

SCENES = 8
STRIDE_S = 2.7  # of the built-in dance, so that no two scenes look alike
RUNS = 30
IDENTICAL_DB = 99.0  # what is written for pictures without any difference, where the ratio is infinite


def check_bundle(
    bundle: Bundle, scenes: Sequence[Scene] | None = None, threads: int | None = None
) -> list[dict[str, Any]]:
    """One row for each backend and precision that runs here: how well it agrees, how long a run takes.

    A backend that is not here has one row, with the reason and an empty precision.

    Keys: backend, precision, available, reason, p999_levels, psnr_db, p50_ms (the engine's call alone), agrees.
    `scenes` are what to perform (default: the built-in dancer's). Raises `BundleError` when there is no graph.
    """
    if not bundle.manifest.graphs:
        raise BundleError(f"{bundle.label} holds no graph, so there is nothing to compare")
    scenes = list(scenes) if scenes is not None else built_in_scenes(bundle)
    reference = _reference(bundle, scenes, threads)
    rows = []
    for status in available_backends():
        if not status.available:
            rows.append({**_empty(status.name, ""), "reason": status.reason})
            continue
        rows += [_row(bundle, status.name, precision, scenes, reference, threads) for precision in PRECISIONS]
    return rows


def failings(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each precision that does not hold what is asked of it: how far off, and whether `auto` takes it."""
    lines = []
    for row in rows:
        if not row["available"] or row["agrees"]:
            continue
        off, asked = f"{row['p999_levels']:.3g} levels", f"{MOST_LEVELS:.0f} allowed"
        if row["precision"] == "int8":
            off, asked = f"{row['psnr_db']:.1f} dB", f"{LEAST_INT8_DB:.0f} asked"
        known = objection(bundle.manifest, row["precision"])
        taken = "auto does not take it" if known else "auto may take it, since the bundle does not say so: --note"
        lines.append(f"{row['backend']} {row['precision']} is {off} from the reference ({asked}); {taken}")
    return lines


def note(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> Bundle:
    """Write into the bundle's manifest what was measured of it here, the worst backend of each precision counting.

    Returns it opened anew. Raises `BundleError` where it lies in no folder, or cannot be written.
    """
    if bundle.path is None:
        raise BundleError(f"{bundle.label} lies in no folder, so nothing can be noted in it")
    measured = [row for row in rows if row["available"]]
    worst: dict[str, float] = {}
    for row in measured:
        if row["precision"] in MEASURED:
            worst[row["precision"]] = max(row["p999_levels"], worst.get(row["precision"], 0.0))
    least_db = min((row["psnr_db"] for row in measured if row["precision"] == "int8"), default=IDENTICAL_DB)
    graphs = [
        graph.model_copy(update={"psnr_db": round(min(least_db, graph.psnr_db or IDENTICAL_DB), 2)})
        if graph.precision == "int8"
        else graph
        for graph in bundle.manifest.graphs
    ]
    said = {"metrics": {**bundle.manifest.metrics, **noted(worst)}, "graphs": tuple(graphs)}
    manifest = bundle.manifest.model_copy(update=said)
    return write_bundle(bundle.path, manifest, {name: bundle.read(name) for name in manifest.files})


def built_in_scenes(bundle: Bundle, count: int = SCENES) -> list[Scene]:
    """The built-in dancer at `count` moments, in the bundle's square and, where it says them, in its proportions."""
    from engines.pose.puppet import BuiltInDancer
    from engines.pose.retarget import Retargeter

    manifest = bundle.manifest
    dancer = BuiltInDancer(size=manifest.size)
    fitted = Retargeter(manifest.proportions) if manifest.proportions else None
    scenes = []
    for number in range(count):
        time_s = STRIDE_S * number
        landmarks = dancer.landmarks_at(time_s)
        if fitted is not None:
            landmarks = fitted(landmarks, manifest.size, time_s)
        scenes.append(Scene(landmarks, 1.0, dancer.frame_at(time_s), time_s))
    return scenes


def difference(image: Frame, reference: Frame) -> tuple[float, float]:
    """How many levels 99.9 % of the values differ at most, and the PSNR in dB."""
    apart = np.abs(image.astype(np.int16) - reference)
    squared = float(np.mean(np.square(apart, dtype=np.float64)))
    decibels = 10 * np.log10(255**2 / squared) if squared else IDENTICAL_DB
    return float(np.quantile(apart, 0.999)), min(IDENTICAL_DB, float(decibels))


def _reference(bundle: Bundle, scenes: list[Scene], threads: int | None) -> list[Frame]:
    reasons = []
    for name in ("onnxruntime", "openvino"):
        try:
            return _performed(bundle, name, "f32", scenes, threads)[0]
        except EngineError as error:
            reasons.append(str(error))
    raise EngineError(f"{bundle.label}: the reference runs nowhere: {'; '.join(reasons)}")


def _row(
    bundle: Bundle, backend: str, precision: str, scenes: list[Scene], reference: list[Frame], threads: int | None
) -> dict[str, Any]:
    row = _empty(backend, precision)
    try:
        images, p50_ms, why = _performed(bundle, backend, precision, scenes, threads)
    except (EngineError, BundleError) as error:
        return row | {"reason": str(error)}
    levels, decibels = difference(np.stack(images), np.stack(reference))
    found = {"available": True, "reason": why, "p999_levels": levels, "psnr_db": decibels, "p50_ms": p50_ms}
    return row | found | {"agrees": agrees(precision, levels, decibels)}


def _empty(backend: str, precision: str) -> dict[str, Any]:
    told = {"backend": backend, "precision": precision, "available": False, "reason": ""}
    return {**told, **dict.fromkeys(("p999_levels", "psnr_db", "p50_ms", "agrees"))}


def _performed(
    bundle: Bundle, backend: str, precision: str, scenes: list[Scene], threads: int | None
) -> tuple[list[Frame], float, str]:
    """The pictures, the median time of the engine's call in ms, and what the engine says of itself."""
    performer = Performer(bundle, open_engine(bundle, backend, precision, threads))
    try:
        images = [performer.perform(scene).image for scene in scenes]
        engine = performer.engine
        inputs = {port.name: np.zeros(port.shape, port.dtype) for port in bundle.manifest.inputs}
        inputs.update(performer.conditioned(scenes[-1]))
        taken = []
        for _ in range(RUNS):
            started = time.perf_counter()
            engine(inputs)
            taken.append(time.perf_counter() - started)
        return images, 1e3 * float(np.median(taken)), engine.why
    finally:
        performer.close()
