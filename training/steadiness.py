"""Flow consistency without a film (Eilertsen et al. 2019, "Single-frame regularization for temporally stable CNNs").

A known smooth motion is applied to a picture: what the generator shows of the moved picture should be what it showed,
moved. It needs no optical flow and no neighbors in time, so it works on photographs and films alike.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

SHIFT, TURN_DEGREES, GROW, BEND = 0.03, 2.0, 0.03, 0.01
"""At most so much, in shares of the picture: about what moves between two frames of a dance."""


def small_motion(like: Tensor) -> Tensor:
    """(B, H, W, 2): where each pixel of a moved (B, C, H, W) comes from, for `moved`; by the global random state."""
    count, _, height, width = like.shape
    draw = torch.rand(count, 4) * 2 - 1
    turn, grow = draw[:, 0] * math.radians(TURN_DEGREES), 1 + draw[:, 1] * GROW
    cos, sin = grow * turn.cos(), grow * turn.sin()
    aspect = height / width
    rows = [
        torch.stack([cos, -sin * aspect, 2 * SHIFT * draw[:, 2]], dim=1),
        torch.stack([sin / aspect, cos, 2 * SHIFT * draw[:, 3]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), [count, 1, height, width], align_corners=False)
    bend = functional.interpolate((torch.rand(count, 2, 5, 5) * 2 - 1) * 2 * BEND, (height, width), mode="bicubic")
    return (grid + bend.permute(0, 2, 3, 1)).to(like.device)


def moved(pictures: Tensor, motion: Tensor) -> Tensor:
    return functional.grid_sample(pictures, motion.to(pictures.dtype), padding_mode="border", align_corners=False)


def steadiness(shown_of_moved: Tensor, shown: Tensor, motion: Tensor) -> Tensor:
    """L1 between what is shown of the moved picture and what was shown, moved; where it came from inside."""
    inside = (motion.abs() < 1).all(dim=-1)[:, None].float()
    gap = (shown_of_moved - moved(shown.detach(), motion)).abs() * inside
    return gap.mean() / inside.mean().clamp_min(1e-3)
