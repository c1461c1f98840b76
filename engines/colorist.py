"""A bundle that colors, at work on whole pictures of any size."""

from collections.abc import Mapping

import numpy as np

from engines.backends import Engine
from engines.bundle import Bundle, Manifest
from engines.color import fitted, gray
from engines.errors import BadInput
from engines.images import Frame


def colors(bundle: Bundle) -> bool:
    """Whether a bundle gives color for a luminance."""
    return bundle.manifest.finish == "join_chroma" and bundle.manifest.conditioning == "gray"


class Colorist:
    """A bundle that colors, opened. Owns its engine. Raises BadInput when the bundle or a knob is another."""

    def __init__(self, bundle: Bundle, engine: Engine, knobs: Mapping[str, float]) -> None:
        self._manifest, self._engine = bundle.manifest, engine
        self._knobs = _knobs(bundle.manifest, bundle.label, knobs)

    def color(self, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
        """What the net looked at (h, w) and the color it gives (h, w, 2), 128 being none."""
        seen = gray(fitted(frame, self._manifest.size))
        outputs = self._engine({"conditioning": seen[..., None], **self._knobs})
        return seen, outputs["chroma"].copy()

    def close(self) -> None:
        self._engine.close()


def _knobs(manifest: Manifest, label: str, turned: Mapping[str, float]) -> dict[str, np.ndarray]:
    known = {knob.name: knob for knob in manifest.knobs}
    for name, value in turned.items():
        if name not in known:
            raise BadInput(f"{label} has no knob {name!r}; it has {', '.join(known) or 'none'}")
        if not known[name].low <= value <= known[name].high:
            raise BadInput(f"knob {name}: {value:g} is out of range; {known[name].low:g} to {known[name].high:g}")
    return {name: np.array([turned.get(name, knob.default)], np.float32) for name, knob in known.items()}
