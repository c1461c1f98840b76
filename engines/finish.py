"""How a generator's outputs become the picture: the closed set that a bundle's `finish` names.

Alpha is straight everywhere: the color of a figure is not multiplied by it. Cheap on purpose, since this runs after
every engine call on the same cores.
"""

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.bundle import Manifest
from engines.color import recolored
from engines.images import Frame, Size, covering
from engines.scene import Drawn

Figure = NDArray[np.uint8]

RUNS_OUT = 24
"""A side runs out over this part of the square's width."""


def over(figure: Figure, background: Frame, at: tuple[int, int] = (0, 0), out: Frame | None = None) -> Frame:
    """`figure` (h, w, 4) laid over `background` (H, W, 3) with its top left corner at `at` (y, x).

    The result is correctly rounded (at most half a level from the exact value). `out` may be `background` itself; what
    of the figure lies outside is cut off. About 0.4 ms for a full 512 x 512 on one core, less for a smaller figure.
    """
    if out is None:
        out = background.copy()
    elif out is not background:
        np.copyto(out, background)
    top, left = max(0, -at[0]), max(0, -at[1])
    bottom, right = out.shape[0] - at[0], out.shape[1] - at[1]
    seen = figure[top : max(top, bottom), left : max(left, right)]
    if not seen.size:
        return out
    x, y, width, height = cv2.boundingRect(cv2.extractChannel(seen, 3))
    if not width:
        return out
    seen = seen[y : y + height, x : x + width]
    y, x = at[0] + top + y, at[1] + left + x
    under = out[y : y + height, x : x + width]
    np.copyto(under, _blended(seen, under))
    return out


def composed(drawn: Drawn, manifest: Manifest, background: Frame) -> Frame:
    """The figure over another background of the canvas' size (camera, black, a picture).

    A performer that has no figure of its own, only whole pictures, is returned as it is.
    """
    if background.shape != drawn.image.shape:
        raise ValueError(f"background is {background.shape}, expected the canvas {drawn.image.shape}")
    return drawn.image if drawn.figure is None else over(drawn.figure, background, manifest.plate_at)


def faded(figure: Figure, presence: float) -> Figure:
    """A copy of `figure` with its alpha multiplied by `presence` (0..1)."""
    copy = figure.copy()
    if presence < 1:
        cv2.insertChannel(cv2.convertScaleAbs(cv2.extractChannel(figure, 3), alpha=max(0.0, presence)), copy, 3)
    return copy


def soft_sided(figure: Figure, left: bool, right: bool) -> None:
    """Let `figure` run out towards a side beyond which the canvas goes on, in place: what reaches out of the square
    that was learned is cut there, and a straight cut through a wing looks like a fault."""
    if left or right:
        ramp = _ramp(figure.shape[0], max(1, figure.shape[1] // RUNS_OUT))
    if left:
        strip = figure[:, : ramp.shape[1], 3]
        strip[:] = cv2.multiply(strip, ramp, scale=1 / 255)
    if right:
        strip = figure[:, -ramp.shape[1] :, 3]
        strip[:] = cv2.multiply(strip, ramp[:, ::-1], scale=1 / 255)


@lru_cache(maxsize=4)
def _ramp(height: int, width: int) -> NDArray[np.uint8]:
    across = np.linspace(0, 1, width + 1)[:-1]
    return np.tile(np.rint(255 * across * across * (3 - 2 * across)).astype(np.uint8), (height, 1))


def refined(outputs: Mapping[str, np.ndarray], posed: Figure, displacement_scale: float = 1.0) -> Figure:
    """The posed figure (S, S, 4) after a generator's repair: moved, painted over where its gate is closed, matted.

    `displacement` (S/n, S/n, 2) says how many pixels right and down each pixel is fetched from: float32 times
    `displacement_scale`, or uint8 about 128 times it; enlarged bilinearly (half-pixel centers). `gate` (S, S, 1) 255
    keeps the fetched color, 0 takes `paint` (S, S, 3); `matte` (S, S, 1) becomes the alpha; outside `posed` is black.
    """
    size = posed.shape[:2]
    moved = cv2.resize(_in_pixels(outputs["displacement"], displacement_scale), size[::-1])
    across, down = _grid(size)
    x, y = across + moved[..., 0], down + moved[..., 1]
    kept = np.asarray(cv2.remap(posed, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)
    cv2.insertChannel(outputs["gate"], kept, 3)
    figure = cv2.cvtColor(_blended(kept, outputs["paint"]), cv2.COLOR_RGB2RGBA)
    cv2.insertChannel(outputs["matte"], figure, 3)
    return np.asarray(figure, np.uint8)


def joined(chroma: NDArray[np.generic], frame: Frame, size: Size) -> Frame:
    """The low-resolution color of a generator joined to the luminance of `frame`, at `size`.

    `chroma` is (h, w, 2): a and b of Lab, 128 being none (`engines.color`), enlarged along the edges of the luminance.
    The picture has exactly the luminance of the frame, and so its sharpness.
    """
    return recolored(chroma, covering(frame, size))


def _blended(figure: Figure, background: Frame) -> Frame:
    """(f a + b (255 - a)) / 255, rounded, in 16 bits."""
    alpha = cv2.cvtColor(cv2.extractChannel(figure, 3), cv2.COLOR_GRAY2RGB)
    total = np.multiply(cv2.cvtColor(figure, cv2.COLOR_RGBA2RGB), alpha, dtype=np.uint16)
    total += np.multiply(background, cv2.bitwise_not(alpha), dtype=np.uint16)
    return np.asarray(cv2.convertScaleAbs(total, alpha=1 / 255), np.uint8)


def _in_pixels(displacement: np.ndarray, scale: float) -> NDArray[np.float32]:
    centered = displacement.astype(np.float32)
    if displacement.dtype == np.uint8:
        centered -= 128
    return centered if scale == 1 else centered * np.float32(scale)


def _grid(size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x of every column and y of every row, to be broadcast."""
    return np.arange(size[1], dtype=np.float32)[None], np.arange(size[0], dtype=np.float32)[:, None]
