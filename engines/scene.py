"""All that a generator may look at in one tick, and what comes of it. Frozen: both cross threads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks


@dataclass(frozen=True)
class Scene:
    """One moment in front of the camera, prepared for one bundle. Nothing in it is changed after it was made.

    `landmarks` are in 0..1 of the bundle's square, smoothed and retargeted; `None` when nobody was ever followed.
    `presence` is 1 while somebody is followed and fades to 0 when nobody is. `frame` is the source picture, `mask` the
    person in it (H, W) uint8, `previous` a picture to feed back instead of the generator's own last one. Whenever
    `restart` has changed, what goes on from its own pictures begins anew.
    `room` stands behind a figure in place of the bundle's own picture: a frame of the film that somebody is laid into.
    `region` keeps whole pictures to the dancer or to what is around (`engines.region`).
    """

    landmarks: Landmarks | None = None
    presence: float = 0.0
    frame: Frame | None = None
    captured_s: float = 0.0
    mask: NDArray[np.uint8] | None = None
    previous: Frame | None = None
    restart: int = 0
    region: str = "whole"
    room: Frame | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """One picture of a performer: `image` on its canvas, over its plate; `figure` (S, S, 4) with straight alpha.

    `conditioning` is what the generator looked at, as a picture; `captured_s` when the camera saw what it follows.
    """

    image: Frame
    figure: NDArray[np.uint8] | None
    conditioning: Frame | None
    captured_s: float
