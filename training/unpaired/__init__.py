"""Two sides that need not match, A and B, as a folder: `gather` makes one, `open_sides` reads it."""

from training.unpaired.gathering import gather
from training.unpaired.store import Sides, open_sides

__all__ = ["Sides", "gather", "open_sides"]
