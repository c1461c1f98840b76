"""What a generator looks at: one function a kind, used on stage, by `render` and by training alike.

A kind turns a scene into a picture of the size and channels that the port asks for, or into None when there is nothing
to look at. No generator is ever fed black for want of anything better.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from engines import color
from engines.bundle import Manifest, Port
from engines.bundle.manifest import STAGE_KNOBS
from engines.errors import BundleError
from engines.images import Frame, Size, covering
from engines.noise import Wandering
from engines.outlines import Outlines, outlined
from engines.pose.landmarks import Landmarks
from engines.pose.skeleton import drawn_skeleton
from engines.scene import Scene

Posed = Callable[[Landmarks], np.ndarray]
"""Landmarks to the atlas's figure in that pose, (S, S, 4) straight RGBA; it remembers what it showed last."""

Composited = Callable[[Scene, Mapping[str, float]], np.ndarray | None]
"""A moment and the knobs to (H, W, 4): the scene with who is there before it, and where they are; None for nobody."""

Kind = Callable[[Scene, Manifest, Size], np.ndarray | None]


def gray(frame: Frame, size: Size) -> np.ndarray:
    """(H, W, 1): the middle of the frame, as black-and-white film would have it."""
    return color.gray(covering(frame, size))[..., None]


def edges(frame: Frame, size: Size) -> np.ndarray:
    """(H, W, 1): its outlines, white on black, as if no frame had been before it."""
    return outlined(frame, size)


def _skeleton(scene: Scene, manifest: Manifest, size: Size) -> np.ndarray | None:
    if scene.landmarks is None or manifest.skeleton is None:
        return None
    return drawn_skeleton(scene.landmarks, size, manifest.skeleton)


def _frame(scene: Scene, _manifest: Manifest, size: Size) -> np.ndarray | None:
    return None if scene.frame is None else covering(scene.frame, size)


def _gray(scene: Scene, _manifest: Manifest, size: Size) -> np.ndarray | None:
    return None if scene.frame is None else gray(scene.frame, size)


def _edges(scene: Scene, _manifest: Manifest, size: Size) -> np.ndarray | None:
    return None if scene.frame is None else edges(scene.frame, size)


# Kind: how it is made, and the channels it has; one channel is repeated for a port that asks for three.
KINDS: dict[str, tuple[Kind, int]] = {
    "skeleton": (_skeleton, 3),
    "frame": (_frame, 3),
    "gray": (_gray, 1),
    "edges": (_edges, 1),
}

# The posed figure comes alone, or behind the skeleton for a generator that refines it.
FIGURE_CHANNELS = (4, 7)

# The scene with somebody in it, and where they are.
COMPOSITE_CHANNELS = (4,)

# These look at nothing but themselves.
BLIND = ("previous", "none")


def conditioned(
    scene: Scene,
    manifest: Manifest,
    posed: Posed | None = None,
    outlines: Outlines | None = None,
    composited: Composited | None = None,
    wandering: Wandering | None = None,
) -> dict[str, np.ndarray] | None:
    """The inputs of one tick but for what is fed back, or None when there is nothing to look at.

    `posed` lays the bundle's atlas onto a pose, for the kind `figure`; `outlines` remembers the frame before, for
    `edges`; `composited` lays who is there into the scene, for the kind `composite`; `wandering` is the noise of a port
    of that name.
    """
    staged = STAGE_KNOBS.get(manifest.conditioning, ())
    turned = knob_values(scene.knobs, manifest)
    inputs = {name: np.array([value], np.float32) for name, value in turned.items() if name not in staged}
    if wandering is not None:
        inputs["noise"] = wandering(scene.captured_s, turned.get("walk", 1.0))
    port = manifest.input("conditioning")
    if port is None or manifest.conditioning in BLIND:
        return inputs
    height, width, channels = port.shape
    if manifest.conditioning == "figure":
        picture = _figure(scene, manifest, channels, posed)
    elif manifest.conditioning == "edges" and outlines is not None and scene.frame is not None:
        picture = outlines.drawn(scene.frame, (height, width), scene.captured_s)
    elif manifest.conditioning == "composite":
        picture = None if composited is None else composited(scene, turned)
    else:
        picture = KINDS[manifest.conditioning][0](scene, manifest, (height, width))
    if picture is None:
        return None
    inputs["conditioning"] = picture if picture.shape[2] == channels else np.repeat(picture, channels, axis=2)
    return inputs


def _figure(scene: Scene, manifest: Manifest, channels: int, posed: Posed | None) -> np.ndarray | None:
    if scene.landmarks is None or posed is None:
        return None
    figure = posed(scene.landmarks)
    skeleton = _skeleton(scene, manifest, manifest.size) if channels == FIGURE_CHANNELS[1] else None
    return figure if skeleton is None else np.concatenate([skeleton, figure], axis=2)


def fed_back(manifest: Manifest) -> tuple[Port, ...]:
    """The input ports that take the generator's own last picture, or the one before (`before`)."""
    names = ("previous", "conditioning", "before") if manifest.conditioning == "previous" else ("previous",)
    return tuple(port for port in manifest.inputs if port.name in names)


def check_inputs(manifest: Manifest, label: str) -> None:
    """Refuse a bundle with an input that nothing here can fill. Raises `BundleError`."""
    kind = manifest.conditioning
    if kind not in (*KINDS, *BLIND, "figure", "composite"):
        raise BundleError(f"{label} is conditioned on {kind!r}, which this understudy cannot draw; update it")
    filled = {port.name for port in fed_back(manifest)} | {knob.name for knob in manifest.knobs}
    for port in manifest.inputs:
        if port.name in filled or (port.name == "noise" and port.dtype == "float32" and len(port.shape) == 1):
            continue
        if port.name != "conditioning" or kind in BLIND:
            raise BundleError(f"{label} has an input {port.name!r}, which this understudy cannot fill; update it")
        drawn = {"figure": FIGURE_CHANNELS, "composite": COMPOSITE_CHANNELS}
        channels = drawn[kind] if kind in drawn else (KINDS[kind][1], 3)
        if port.dtype != "uint8" or len(port.shape) != 3 or port.shape[2] not in channels:
            raise BundleError(
                f"{label}: input 'conditioning' is {port.dtype} {port.shape}; "
                f"{kind!r} gives uint8 (height, width, {channels[0]}); export the bundle again"
            )
        if kind in drawn and port.shape[:2] != manifest.size:
            raise BundleError(f"{label}: a {kind} is made at {manifest.size}; input 'conditioning' is {port.shape}")
    if kind == "composite" and (missing := set(STAGE_KNOBS[kind]) - {knob.name for knob in manifest.knobs}):
        raise BundleError(f"{label} is a composite without the knob {min(missing)!r}; export it again")


def knob_values(turned: Mapping[str, float], manifest: Manifest) -> dict[str, float]:
    """Every knob's value, within its range; what is no number counts as not turned."""
    values = {}
    for knob in manifest.knobs:
        value = turned.get(knob.name, knob.default)
        value = value if math.isfinite(value) else knob.default
        values[knob.name] = min(max(value, knob.low), knob.high)
    return values
