"""What runs a bundle that is nothing but an atlas: the posed figure is the figure."""

from collections.abc import Mapping

import numpy as np


class AtlasEngine:
    """An engine without a graph: gives the posed figure back that it is fed."""

    backend, precision, device = "atlas", "uint8", "CPU"
    why = "no graph, the atlas performs by itself"

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"figure": inputs["conditioning"][..., -4:]}

    def close(self) -> None:
        """Nothing is held."""
