"""The one picture as a pyramid of sizes, and masks of what was pasted into it."""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engines.errors import BadInput
from engines.images import Frame, Size, resized
from engines.pictures import read_picture
from training.singan.config import PyramidConfig

LEAST_SIDE = 50
"""A picture with a shorter side holds too few patches to learn from."""


def read_mask(path: Path, size: Size, of: str) -> NDArray[np.uint8]:
    """(H, W) uint8, 255 where something was pasted. Raises BadInput when it is not of `size`, the size of `of`."""
    mask = read_picture(path).max(axis=2)
    if mask.shape != size:
        raise BadInput(
            f"{path} is {mask.shape[1]} x {mask.shape[0]}, but {of} is {size[1]} x {size[0]}; "
            "draw the mask on the picture itself"
        )
    return np.asarray(mask, np.uint8)


def check_side(picture: Frame, path: Path | str) -> None:
    """Raises BadInput for a picture that is too small to learn from."""
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_SIDE:
        raise BadInput(
            f"{path} is {width} x {height}; a picture to learn from has {LEAST_SIDE} px or more on each side"
        )


def scale_sizes(size: Size, config: PyramidConfig) -> list[Size]:
    """(height, width) of every scale, coarsest first; the last is the picture at `config.largest` or its own size.

    SinGAN (section 2): even steps near `factor`, adjusted so that the shorter side of the coarsest is `coarsest`.
    ConSinGAN (section 3.1): the steps are smaller at the coarse end.
    """
    shrink = min(1.0, config.largest / max(size))
    finest = (size[0] * shrink, size[1] * shrink)
    whole = min(1.0, config.coarsest / min(finest))
    last = config.stages - 1 if config.stages else math.ceil(math.log(whole) / math.log(config.factor))
    if last < 1:
        return [_rounded(finest, 1.0)]
    factor = whole ** (1 / last)
    exponents = [float(last - k) for k in range(last + 1)]
    if config.spacing == "dense_coarse" and last > 1:
        steps = [(last - 1) / math.log(last) * math.log(last - k) + 1 for k in range(last)]
        exponents = [*steps, 0.0]
    sizes = [_rounded(finest, factor**exponent) for exponent in exponents]
    return [size for k, size in enumerate(sizes) if k == 0 or size != sizes[k - 1]]


def pyramid(picture: Frame, sizes: list[Size]) -> list[Tensor]:
    """The picture at every size: (1, 3, h, w) in -1..1, area-averaged."""
    return [as_tensor(resized(picture, size)) for size in sizes]


def as_tensor(picture: Frame) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1


def as_picture(tensor: Tensor) -> Frame:
    """(1, 3, H, W) in -1..1 to (H, W, 3) uint8, rounded."""
    levels = ((tensor.detach().float()[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def at_size(tensor: Tensor, size: Size) -> Tensor:
    """Bilinear; what shrinks is averaged first over an odd window of about the ratio, as a graph can do it too."""
    height, width = (int(side) for side in tensor.shape[2:])  # plain numbers, also while a graph is traced
    if (height, width) == tuple(size):
        return tensor
    windows = [max(1, 2 * (round(old / new) // 2) + 1) for old, new in zip((height, width), size, strict=True)]
    if max(windows) > 1:
        halves = [window // 2 for window in windows]
        tensor = functional.avg_pool2d(tensor, windows, stride=1, padding=halves, count_include_pad=False)
    return functional.interpolate(tensor, size=tuple(size), mode="bilinear", align_corners=False)


def _rounded(size: tuple[float, float], factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
