"""Pictures that are altered as something foreign would be: what a redrawing generator learns to bring home.

ConSinGAN (section 4.3) alters the whole picture; here parts of it too, since a figure is foreign on its own.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

WHOLE_SHARE = 0.3
SPOTS = 3


def altered(picture: Tensor) -> Tensor:
    """(1, 3, h, w) in -1..1 with other colors, light and sharpness, all over or in some spots."""
    changed = _recolored(picture)
    if torch.rand(()) < 0.5:
        changed = _softened(changed)
    if torch.rand(()) < WHOLE_SHARE:
        return changed
    where = _spots(picture)
    return picture + where * (changed - picture)


def _recolored(picture: Tensor) -> Tensor:
    """Gain, offset and saturation at random; sometimes the colors of another place."""
    device = picture.device
    gray = picture.mean(dim=1, keepdim=True)
    saturation = 2 * torch.rand(1, device=device)
    gain = torch.exp(0.4 * torch.randn(1, 3, 1, 1, device=device))
    offset = 0.25 * torch.randn(1, 3, 1, 1, device=device) + 0.25 * torch.randn(1, device=device)
    changed = gray + saturation * (picture - gray)
    if torch.rand(()) < 0.5:
        height, width = picture.shape[2:]
        move = (int(torch.randint(height, ())), int(torch.randint(width, ())))
        changed = torch.roll(changed, move, (2, 3))
    return (changed * gain + offset).clamp(-1, 1)


def _softened(picture: Tensor) -> Tensor:
    """As if enlarged from a picture of a half to a quarter of the size."""
    height, width = picture.shape[2:]
    ratio = 2 + 2 * float(torch.rand(()))
    small = functional.interpolate(
        picture, size=(max(2, int(height / ratio)), max(2, int(width / ratio))), mode="bilinear", align_corners=False
    )
    return functional.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)


def _spots(picture: Tensor) -> Tensor:
    """(1, 1, h, w) in 0..1: some soft-edged ellipses, as large as figures are."""
    height, width = picture.shape[2:]
    down = torch.linspace(0, 1, height, device=picture.device)[:, None]
    across = torch.linspace(0, width / height, width, device=picture.device)[None]
    where = torch.zeros(height, width, device=picture.device)
    for _ in range(SPOTS):
        y, x = float(torch.rand(())), float(torch.rand(())) * width / height
        tall, wide = 0.1 + 0.35 * float(torch.rand(())), 0.05 + 0.2 * float(torch.rand(()))
        turn = math.pi * float(torch.rand(()))
        dy, dx = down - y, across - x
        along, beside = math.cos(turn) * dy + math.sin(turn) * dx, math.cos(turn) * dx - math.sin(turn) * dy
        inside = 1 - ((along / tall) ** 2 + (beside / wide) ** 2)
        where = torch.maximum(where, (inside * 4).clamp(0, 1))
    return where[None, None]
