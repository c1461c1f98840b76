"""What a style transfer did to the pictures it was shown: likeness to the other side, and whether it did anything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.images import Frame
from training import metrics
from training.set_distance import distances

IDENTITY_LEVELS, CONSTANT_SHARE = 6.0, 0.15
LEAST = 4
"""Pictures that a distance between sets needs."""


@dataclass(frozen=True)
class Styled:
    """Figures of one direction. `changed`: mean change of a picture in levels; `variety`: how unlike what is shown for
    different pictures is, as a share of how unlike those pictures are; `share`: 0 as near to the other side as that is
    to itself, 1 as far as the untouched input (`distance`, `floor`, `ceiling` as `training.set_distance` says)."""

    changed: float
    variety: float
    distance: float
    floor: float
    ceiling: float
    share: float

    @property
    def words(self) -> str:
        """Did it learn the identity or a constant, said in words."""
        if self.changed < IDENTITY_LEVELS:
            return f"gives back what it is shown (it changes {self.changed:.1f} levels): it has learned the identity"
        if self.variety < CONSTANT_SHARE:
            return f"shows nearly one picture whatever it sees (variety {self.variety:.2f}): it has learned a constant"
        return f"changes pictures by {self.changed:.0f} levels and keeps them apart (variety {self.variety:.2f})"


def styled(shown: Sequence[Frame], looked_at: Sequence[Frame], real: Sequence[Frame]) -> Styled:
    """Figures of pictures that are `shown` for those `looked_at`, compared with `real` ones of the other side."""
    changed = float(np.mean([metrics.l1(a, b) for a, b in zip(shown, looked_at, strict=True)]))
    variety = _spread(shown) / max(1e-6, _spread(looked_at))
    if min(len(shown), len(real)) < LEAST:
        return Styled(changed, variety, float("nan"), float("nan"), float("nan"), float("nan"))
    found = distances(shown, looked_at, real)
    return Styled(changed, variety, found.distance, found.floor, found.ceiling, found.share)


def _spread(pictures: Sequence[Frame]) -> float:
    """Mean over pixels of the standard deviation over pictures, in levels."""
    return float(np.stack(pictures).astype(np.float32).std(axis=0).mean())
