"""Contrastive patch loss (Park et al. 2020, CUT, section 3): a patch of the result knows where in the input it was.

The generator's own encoder says what a patch is; among patches of the same picture the one at the same place is to be
recognized. It keeps what is shown without a second generator that leads back.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

DIMENSIONS = 256


class PatchHeads(nn.Module):
    """One small network for each place in the encoder: what it says of a patch, as a point on a sphere."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, DIMENSIONS), nn.ReLU(inplace=True), nn.Linear(DIMENSIONS, DIMENSIONS))
            for width in widths
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """(B, n, 256) for each feature (B, C, H, W): its patches at `places` (n,), counted row by row."""
        patches = (feature.flatten(2).transpose(1, 2)[:, at] for feature, at in zip(features, places, strict=True))
        return [
            functional.normalize(head(patch.float()), dim=-1) for head, patch in zip(self.heads, patches, strict=True)
        ]


def encoded(generator: nn.Module, pictures: Tensor) -> list[Tensor]:
    """What the encoder of `generator` makes of pictures, place by place."""
    return list(generator.encoded(pictures))  # type: ignore[operator]


def drawn_places(features: Sequence[Tensor], count: int) -> list[Tensor]:
    """At most `count` places of each feature, by the global random state (which the loop sets for each step)."""
    return [torch.randperm(feature.shape[2] * feature.shape[3])[:count].to(feature.device) for feature in features]


def patch_contrast(queries: Sequence[Tensor], keys: Sequence[Tensor], temperature: float) -> Tensor:
    """Mean over layers of the cross entropy of finding, among a picture's `keys`, the one at the query's place."""
    losses = []
    for query, key in zip(queries, keys, strict=True):
        alike = torch.bmm(query, key.detach().transpose(1, 2)) / temperature
        here = torch.arange(alike.shape[1], device=alike.device).expand(alike.shape[0], -1)
        losses.append(functional.cross_entropy(alike.flatten(0, 1), here.flatten()))
    return torch.stack(losses).mean()
