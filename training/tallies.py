"""One clip measured frame by frame: what is known of each real frame, and what one contender made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from engines.images import Frame, resized
from engines.pose.landmarks import Landmarks
from training import metrics
from training.metrics import Flow, Where
from training.pairs.store import PairSet

THRESHOLDS = (0.05, 0.1, 0.2)
# Two pairs further apart than this many frames are no neighbors: near-duplicates and bad frames were left out there.
NEIGHBOR_FRAMES = 1.5


@dataclass(frozen=True)
class Moment:
    """One held-out pair at the size of the generator, and how the real clip moved since the pair before it.

    `flow` and `real_flow` are None where there is no pair right before it.
    """

    index: int
    real: Frame
    landmarks: Landmarks
    person: Where
    regions: Mapping[str, Where]
    flow: Flow | None
    real_flow: Flow | None

    @property
    def area(self) -> float:
        """The person's, as a share of the picture."""
        return float(self.person.mean())


def moment_of(pairs: PairSet, index: int, side: int, before: Moment | None) -> Moment:
    """The pair `index` drawn `side` pixels wide; `before` is the moment measured just before it, if any."""
    real, mask = resized(pairs.frame(index), (side, side)), resized(pairs.mask(index), (side, side))
    landmarks = pairs.landmarks[index]
    regions = {
        "figure": metrics.figure(mask),
        "face": metrics.face(landmarks, side),
        "hands": metrics.hands(landmarks, side),
        "feet": metrics.feet(landmarks, side),
    }
    flow = real_flow = None
    if before is not None and are_neighbors(pairs, before.index, index):
        flow = metrics.backward_flow(real, before.real)
        real_flow = metrics.forward_flow(before.real, real)
    return Moment(index, real, landmarks, metrics.person(mask), regions, flow, real_flow)


def are_neighbors(pairs: PairSet, before: int, after: int) -> bool:
    """Whether two pairs follow each other in one shot without a frame left out between them."""
    a, b = pairs.rows[before], pairs.rows[after]
    return (a.source, a.shot) == (b.source, b.shot) and 0 < (b.time_s - a.time_s) * pairs.header.fps < NEIGHBOR_FRAMES


@dataclass
class Tally:
    """What one contender (the generator or a baseline) made of the moments so far, one row of figures for each."""

    rows: list[dict[str, float]] = field(default_factory=list)
    _before: Frame | None = None

    def add(self, picture: Frame | None, found: Landmarks | None, moment: Moment) -> None:
        """Measures `picture` against the real one. None: nothing to show for this moment, which then does not count."""
        if picture is not None:
            self.rows.append(
                {
                    "index": moment.index,
                    **_likeness(picture, moment),
                    **_fidelity(found, moment),
                    **_steadiness(picture, self._before, moment),
                }
            )
        self._before = picture


def _likeness(picture: Frame, moment: Moment) -> dict[str, float]:
    return {
        "l1": metrics.l1(picture, moment.real),
        "psnr": metrics.psnr(picture, moment.real),
        "ssim": metrics.ssim(picture, moment.real),
        "ms_ssim": metrics.ms_ssim(picture, moment.real),
        "gradient": metrics.gradient_energy(picture, moment.regions["figure"]),
        "real_gradient": metrics.gradient_energy(moment.real, moment.regions["figure"]),
        **{f"l1_{name}": metrics.l1(picture, moment.real, where) for name, where in moment.regions.items()},
        "l1_outside": metrics.l1(picture, moment.real, ~moment.regions["figure"]),
    }


def _fidelity(found: Landmarks | None, moment: Moment) -> dict[str, float]:
    return {
        **{f"pck {t}": metrics.pck(found, moment.landmarks, t) for t in THRESHOLDS},
        "oks": metrics.oks(found, moment.landmarks, moment.area),
        "redetected": float(found is not None),
    }


def _steadiness(picture: Frame, before: Frame | None, moment: Moment) -> dict[str, float]:
    if moment.flow is None or moment.real_flow is None or before is None:
        return {}
    flow = metrics.forward_flow(before, picture)
    return {
        "warp_error": metrics.warp_error(picture, before, moment.flow, moment.person),
        "tof": metrics.tof(flow, moment.real_flow),
    }


def summary(rows: Sequence[Mapping[str, float]], real: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The figures of BENCH.md from a contender's rows and those of the real frames; means over frames.

    `sharpness` is the ratio of the two mean gradients. Figures without a single frame to measure are NaN.
    """
    plain = ("l1", "psnr", "ssim", "ms_ssim")
    regions = ("l1_figure", "l1_outside", "l1_face", "l1_hands", "l1_feet")
    error, real_error = mean(rows, "warp_error"), mean(real, "warp_error")
    return {
        **{name: mean(rows, name) for name in plain},
        "sharpness": mean(rows, "gradient") / mean(rows, "real_gradient"),
        **{name: mean(rows, name) for name in regions},
        "pck": {str(t): mean(rows, f"pck {t}") for t in THRESHOLDS},
        "oks": mean(rows, "oks"),
        "redetected": mean(rows, "redetected"),
        "flicker": {"warp_error": error, "real": real_error, "ratio": error / real_error if real_error else np.nan},
        "tof": mean(rows, "tof"),
        "frames": len(rows),
    }


def mean(rows: Sequence[Mapping[str, float]], name: str) -> float:
    """Over the rows that have that figure; NaN where none has."""
    values = [row[name] for row in rows if name in row and not np.isnan(row[name])]
    return float(np.mean(values)) if values else float("nan")


def as_jpeg(picture: Frame, side: int = 256) -> bytes:
    """A small JPEG of a square picture, for a page."""
    small = resized(picture, (min(side, picture.shape[0]), min(side, picture.shape[1])))
    written, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert written
    return data.tobytes()
