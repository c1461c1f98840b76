"""Opening a bundle on everything this machine has, and comparing what each draws with the float32 reference.

The reference is the float32 graph on ONNX Runtime's CPU, the backend with the fewest liberties; where it is missing,
OpenVINO's. Pictures are compared as the audience sees them, after the finish.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.backends import PRECISIONS, available_backends, open_engine
from engines.bundle.reading import Bundle
from engines.errors import BundleError, EngineError
from engines.images import Frame
from engines.performer import Performer
from engines.scene import Scene

SCENES = 8
STRIDE_S = 2.7  # of the built-in dance, so that no two scenes look alike
RUNS = 30
IDENTICAL_DB = 99.0  # what is written for pictures without any difference, where the ratio is infinite

# What must hold between backends (docs/performance.md): levels for 99.9 % of the values, or decibels for int8.
MOST_LEVELS = 3.0
LEAST_INT8_DB = 35.0


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
    agrees = decibels >= LEAST_INT8_DB if precision == "int8" else levels <= MOST_LEVELS
    found = {"available": True, "reason": why, "p999_levels": levels, "psnr_db": decibels, "p50_ms": p50_ms}
    return row | found | {"agrees": agrees}


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
