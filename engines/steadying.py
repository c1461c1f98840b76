"""Color that does not flicker: each frame's is drawn toward that of the frame before, moved along with the picture.

A net colors every frame anew, and where it is unsure of a hue it decides anew as well. What was decided is carried
along the optical flow of the luminance (Lai et al. 2018, "Learning blind video temporal consistency", measure flicker
in the same way), and forgotten where flow does not explain the picture, and at a cut.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.film.cutting import cut_points, glance

Gray = NDArray[np.uint8]
Color = NDArray[np.float32]

TRUST_LEVELS = 8.0
"""A pixel that is so far from where flow says it was carries only 1/e of its color on."""
SEEN_AGAIN_LEVELS = 20.0
"""Farther than this, something else is to be seen there: it is no flicker."""
GLANCES = 6
"""A cut is a jump beside what the last frames did."""


@dataclass(frozen=True)
class Flicker:
    """Change along the flow from frame to frame in units of CIE Lab, averaged over pixels and frames.

    `light` is the source's own (L), `before` and `after` that of a and b. `cuts` are the frames that begin a new shot.
    """

    light: float
    before: float
    after: float
    cuts: tuple[int, ...]

    @property
    def told(self) -> str:
        cuts = f", {len(self.cuts)} cuts" if self.cuts else ""
        return (
            f"flicker of color {self.before:.2f} before and {self.after:.2f} after, of the source's light "
            f"{self.light:.2f} (units of Lab a frame){cuts}"
        )


class SteadyColor:
    """The colors of a film, frame by frame. `strength` 0 lets them through; 0.9 holds on for about ten frames.

    Its memory can be kept and given back (`memory`, `remember`), so that a render goes on where it was stopped.
    """

    def __init__(self, strength: float = 0.9) -> None:
        self.strength = strength
        self._gray: Gray | None = None
        self._raw: Color | None = None
        self._steady: Color | None = None
        self._glances: deque[Gray] = deque(maxlen=GLANCES)
        self._sums = np.zeros(4)
        self._count = 0
        self._cuts: list[int] = []
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, gray: Gray, color: NDArray[np.generic]) -> Color:
        """The color (h, w, 2) of the next frame, whose luminance is `gray` (h, w), held to that of the frame before."""
        raw = color.astype(np.float32)
        steady = raw
        if self._is_cut(gray):
            self._cuts.append(self._count)
        elif self._gray is not None and self._raw is not None and self._steady is not None:
            steady = self._held(gray, raw, self._gray, self._raw, self._steady)
        self._gray, self._raw, self._steady = gray.copy(), raw, steady
        self._count += 1
        return steady

    @property
    def flicker(self) -> Flicker:
        light, before, after = self._sums[:3] / max(1.0, self._sums[3])
        return Flicker(float(light), float(before), float(after), tuple(self._cuts))

    def memory(self) -> dict[str, np.ndarray]:
        """All that it needs to go on, as arrays; empty before the first frame."""
        if self._gray is None or self._raw is None or self._steady is None:
            return {}
        return {
            "gray": self._gray,
            "raw": self._raw,
            "steady": self._steady,
            "glances": np.stack(self._glances),
            "sums": self._sums,
            "count": np.array(self._count),
            "cuts": np.array(self._cuts, np.int64),
        }

    def remember(self, memory: dict[str, np.ndarray]) -> None:
        if not memory:
            return
        self._gray, self._raw, self._steady = memory["gray"], memory["raw"], memory["steady"]
        self._glances.extend(memory["glances"])
        self._sums, self._count, self._cuts = memory["sums"].copy(), int(memory["count"]), memory["cuts"].tolist()

    def _held(self, gray: Gray, raw: Color, gray_before: Gray, raw_before: Color, steady_before: Color) -> Color:
        flow = self._flow.calc(gray, gray_before, np.zeros((*gray.shape, 2), np.float32))
        x = np.asarray(flow[..., 0] + np.arange(gray.shape[1]), np.float32)
        y = np.asarray(flow[..., 1] + np.arange(gray.shape[0])[:, None], np.float32)
        was_gray = _moved(gray_before, x, y).astype(np.float32)
        was_raw, was_steady = (_moved(color, x, y).astype(np.float32) for color in (raw_before, steady_before))
        off = np.abs(was_gray - gray)
        trust = (self.strength * np.exp(-off / TRUST_LEVELS)).astype(np.float32)[..., None]
        steady = np.asarray(raw + trust * (was_steady - raw), np.float32)
        self._measure(off < SEEN_AGAIN_LEVELS, off, raw - was_raw, steady - was_steady)
        return steady

    def _measure(self, seen_again: NDArray[np.bool_], off: NDArray[np.floating], raw: Color, steady: Color) -> None:
        if not seen_again.any():
            return
        # L of Lab is nearly straight in code values: 100 of 255.
        light = float(off[seen_again].mean()) * 100 / 255
        before, after = (float(np.linalg.norm(change[seen_again], axis=-1).mean()) for change in (raw, steady))
        self._sums += (light, before, after, 1)

    def _is_cut(self, gray: Gray) -> bool:
        self._glances.append(glance(np.dstack([gray] * 3)))
        known = len(self._glances)
        is_cut = known > 2 and known - 1 in cut_points(np.stack(self._glances))
        while is_cut and len(self._glances) > 1:
            self._glances.popleft()
        return is_cut


def _moved(values: Gray | Color, x: Color, y: Color) -> NDArray[Any]:
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
