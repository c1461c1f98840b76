"""What a shorter precision has to hold against the float32 reference, and what a bundle says of itself.

Said by export, or by `understudy check BUNDLE --note`, and gone by when nobody asked for a precision: one that is known
not to hold is not taken.
"""

from collections.abc import Mapping

from engines.bundle.manifest import Manifest

MOST_LEVELS = 3.0
"""Levels of 255 that 99.9 % of the values of a float precision may differ at most."""
LEAST_INT8_DB = 35.0
MEASURED = ("bf16", "f16")
"""The float precisions that are noted in a manifest; f32 is proved when the bundle is written, int8 says its PSNR."""
NONE_LEVELS = 255.0
"""What is noted of a precision in which the bundle cannot be had at all."""


def agrees(precision: str, p999_levels: float, psnr_db: float) -> bool:
    """Whether a precision that was measured holds what is asked of it."""
    return psnr_db >= LEAST_INT8_DB if precision == "int8" else p999_levels <= MOST_LEVELS


def noted(levels: Mapping[str, float]) -> dict[str, float]:
    """The manifest's metrics that say how far each precision is off (99.9 % of the values, in levels of 255)."""
    return {_key(precision): round(found, 2) for precision, found in levels.items() if precision in MEASURED}


def objection(manifest: Manifest, precision: str) -> str:
    """Why this precision is not for this bundle, in words; "" where it holds what is asked, or nobody measured it."""
    if precision == "f32":
        return ""
    if precision == "int8":
        graph = manifest.graph("int8")
        if graph is None or graph.psnr_db is None or graph.psnr_db >= LEAST_INT8_DB:
            return ""
        return f"int8 is {graph.psnr_db:.1f} dB from the reference ({LEAST_INT8_DB:.0f} asked)"
    if manifest.conditioning == "previous":
        return f"{precision} drifts in a picture that is fed back for minutes"
    levels = manifest.metrics.get(_key(precision))
    if levels is None or levels <= MOST_LEVELS:
        return ""
    return f"{precision} is {levels:.3g} levels off ({MOST_LEVELS:.0f} allowed)"


def _key(precision: str) -> str:
    return f"{precision}_p999_levels"
