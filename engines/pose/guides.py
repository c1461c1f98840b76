"""Guides: lines of a costume, computed from the landmarks alone and drawn under the bones.

A generator paints pleats and hems that it is shown the lines of, and never those it has to imagine (measured: pleats
did not come in 2,488 steps without guides, and came in 2,000 with them). A guide is data, so a bundle that needs
guides needs no code: a `Line` through anchors, an `Arc` around one, or a `Fan` of ribs between an arm and a trailing
anchor. The costume renderer builds its cloth from `fan_ribs`, the same function that draws them, so drawn and
rendered ribs coincide.

Points are (33, 3) in frame heights: x to the right, y down, z away from the camera (`landmarks.in_heights`); any
other unit works as well, since every length here is in torso lengths. Depth is what trackers get wrong most, so it is
halved (`axes.DEPTH`) before it moves a guide, and the z of what comes back is in that halved depth too.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from engines.pose.axes import Body, Points, direction, norm
from engines.pose.landmarks import COUNT, Joint

Vector = tuple[float, float, float]
Hue = Annotated[float, Field(ge=0, le=360)]


def _joint(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.upper() not in Joint.__members__:
        raise ValueError(f"'{value}' is no landmark; one of {', '.join(name.lower() for name in Joint.__members__)}")
    return Joint[value.upper()]


JointName = Annotated[
    Joint, BeforeValidator(_joint), PlainSerializer(lambda joint: Joint(joint).name.lower(), return_type=str)
]
"""A landmark, written in files as its name in small letters: "left_wrist"."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __eq__(self, other: object) -> bool:
        """By fields alone: pydantic would also compare the cached arrays, which have no one truth value."""
        return type(self) is type(other) and all(getattr(self, n) == getattr(other, n) for n in type(self).model_fields)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in type(self).model_fields))


class Anchor(_Part):
    """A place on the body: the weighted mean of some landmarks, moved by `offset` torso lengths along the axes of
    `frame`.

    `torso`: x to the dancer's left, y down the spine, z out of the back. `head`: turns with the head's roll in the
    picture only; y points from the crown to the chin, z away from the camera. `picture`: the picture's own axes.
    """

    at: tuple[JointName, ...] = Field(min_length=1)
    weights: tuple[float, ...] = ()
    offset: Vector = (0, 0, 0)
    frame: Literal["torso", "head", "picture"] = "torso"

    @cached_property
    def _row(self) -> NDArray[np.float64]:
        weights = self.weights or (1.0,) * len(self.at)
        row = np.zeros(COUNT)
        np.add.at(row, [int(joint) for joint in self.at], np.array(weights) / sum(weights))
        return row

    @cached_property
    def _moved(self) -> NDArray[np.float64] | None:
        return np.array(self.offset) if any(self.offset) else None

    def place(self, body: "Body") -> NDArray[np.float64]:
        """(3,) in the unit of the body's points, the caller's own."""
        at = body.points[self.at[0]].copy() if len(self.at) == 1 else self._row @ body.points
        return at if self._moved is None else at + (self._moved @ body.axes[self.frame]) * body.unit


class Line(_Part):
    """A straight-sided line through anchors."""

    kind: Literal["line"] = "line"
    through: tuple[Anchor, ...] = Field(min_length=2)
    closed: bool = False
    hue: Hue = 0


class Arc(_Part):
    """Part of an ellipse around `center`, and spokes: the point at angle a is center + across cos a + along sin a.

    `across` and `along` are in torso lengths in the axes of the center's frame; angles are in degrees. `ribs` spokes
    run from `inner` (a share of the radius) to the arc, evenly, the first and last on its ends.
    """

    kind: Literal["arc"] = "arc"
    center: Anchor
    across: Vector
    along: Vector
    start: float = 0
    end: float = 360
    samples: int = Field(default=25, ge=2, le=200)
    ribs: int = Field(default=0, ge=0, le=100)
    inner: float = Field(default=0, ge=0, le=1)
    hue: Hue = 0
    rib_hue: Hue = 0

    @cached_property
    def _circles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return _circle(self.start, self.end, self.ribs), _circle(self.start, self.end, self.samples)


class Fan(_Part):
    """Ribs spread between an arm and an anchor, like a pleated wing.

    `apex` is where all ribs start; `leading` the anchors that the first rib follows (shoulder, elbow, wrist, hand),
    `rod` torso lengths past the last of them; `trailing` the end of the last rib. `radius` is the length of the
    middle rib when the fan is open. Between `folded` and `opened` degrees of opening the middle ribs are pulled
    outward, to the side of the body named by `side`, so that raised arms make a disc and not a chord. Every second
    rib is shorter by `scallop`. With `above_floor` nothing reaches below the lower foot; with `keep_side` the rod
    withdraws as the hand crosses the midline.
    """

    kind: Literal["fan"] = "fan"
    apex: Anchor
    leading: tuple[Anchor, ...] = Field(min_length=1)
    trailing: Anchor
    side: Literal["left", "right"]
    ribs: int = Field(default=17, ge=2, le=100)
    samples: int = Field(default=9, ge=2, le=100)
    radius: float = Field(default=1.9, gt=0, le=10)
    rod: float = Field(default=0.3, ge=0, le=3)
    folded: float = Field(default=50, ge=0, le=180)
    opened: float = Field(default=140, ge=0, le=180)
    scallop: float = Field(default=0, ge=0, lt=1)
    above_floor: bool = True
    keep_side: bool = True
    hue: Hue = 0
    trailing_hue: Hue = 60
    hem_hue: Hue = 60

    @cached_property
    def _shares(self) -> "_Shares":
        return _shares(self)


Guide = Annotated[Line | Arc | Fan, Field(discriminator="kind")]


class Stroke(NamedTuple):
    """One polyline of a guide: `points` (N, 3) in the unit asked with (z halved), `hue` in degrees."""

    points: NDArray[np.float64]
    hue: float


def fan_ribs(fan: Fan, points: Points, body: Body | None = None) -> NDArray[np.float64]:
    """The ribs of a fan on a pose: (ribs, samples, 3), in the unit of `points` (frame heights), z in halved depth.

    ribs[0] lies along the arm, ribs[-1] ends at the trailing anchor; ribs[:, 0] are all the apex and ribs[:, -1] are
    the hem. Sample k of a rib lies at k / (samples - 1) of its length. A pure function of the pose: no history, no
    randomness, continuous wherever the arm is not exactly folded onto the apex, and finite whatever the landmarks
    are. A fan seen edge-on keeps its ribs in order and its outward bulge, foreshortened by the halved depth only.
    Mirrored points give the mirrored ribs of the fan of the other side. `body` saves measuring the pose again when
    several guides share it.
    """
    body = body or Body.of(points)
    shares = fan._shares
    apex = fan.apex.place(body)
    path = _leading_path(fan, body, apex)
    trailing = fan.trailing.place(body)
    if fan.above_floor:
        trailing[1] = min(trailing[1], body.floor)
    to_tip, to_trailing = path[-1] - apex, trailing - apex
    down = direction(to_trailing, body.axes["torso"][1], body.unit)
    ahead = direction(to_tip, down, body.unit)
    outward = body.axes["torso"][0] * (1 if fan.side == "left" else -1)
    opening = float(np.degrees(np.arccos(min(1.0, max(-1.0, float(ahead @ down))))))
    pull = _smoothstep((opening - fan.folded) / max(fan.opened - fan.folded, 1e-6))
    middle = (1 - pull) * (ahead + down) / 2 + pull * outward
    directions = shares.quadratic @ np.stack([ahead, middle, down])
    directions /= np.maximum(np.sqrt((directions * directions).sum(axis=1, keepdims=True)), 1e-6)
    first, last = norm(to_tip), norm(to_trailing)
    lengths = shares.quadratic @ np.array([first, 2 * fan.radius * body.unit - (first + last) / 2, last])
    ends = directions * (lengths * shares.hem)[:, None]
    # The first rib is bent like the arm; its neighbors follow it less and less.
    bend = _resampled(path, fan.samples) - (apex + shares.along[:, None] * to_tip)
    ribs = apex + ends[:, None, :] * shares.along[:, None] + shares.follows[:, None, None] * bend
    if fan.above_floor:
        np.minimum(ribs[..., 1], max(body.floor, apex[1]), out=ribs[..., 1])
    return ribs


def guide_lines(guide: Line | Arc | Fan, points: Points, body: Body | None = None) -> list[Stroke]:
    """What is drawn of a guide, in drawing order: ribs first, then arcs and hems."""
    body = body or Body.of(points)
    if isinstance(guide, Line):
        places = [anchor.place(body) for anchor in guide.through]
        return [Stroke(np.stack(places + places[:1] if guide.closed else places), guide.hue)]
    if isinstance(guide, Arc):
        return _arc_lines(guide, body)
    ribs = fan_ribs(guide, points, body)
    strokes = [Stroke(rib, hue) for rib, hue in zip(ribs, guide._shares.hues, strict=True)]
    return [*strokes, Stroke(ribs[:, -1], guide.hem_hue)]


def _arc_lines(arc: Arc, body: Body) -> list[Stroke]:
    center = arc.center.place(body)
    spread = np.array([arc.across, arc.along]) @ body.axes[arc.center.frame] * body.unit

    spokes, arc_points = arc._circles
    ends = (spokes @ spread)[:, None]
    ribs = center + ends * np.array([[arc.inner], [1]])
    return [*(Stroke(rib, arc.rib_hue) for rib in ribs), Stroke(center + arc_points @ spread, arc.hue)]


def _circle(start: float, end: float, count: int) -> NDArray[np.float64]:
    angles = np.radians(np.linspace(start, end, count))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@dataclass(frozen=True)
class _Shares:
    """What of a fan does not depend on the pose: Bezier weights, hem, places along a rib, shares of the bend, hues."""

    quadratic: NDArray[np.float64]
    hem: NDArray[np.float64]
    along: NDArray[np.float64]
    follows: NDArray[np.float64]
    hues: list[float]


def _shares(fan: Fan) -> _Shares:
    t = np.linspace(0, 1, fan.ribs, dtype=np.float64)
    hem = 1 - fan.scallop * (np.arange(fan.ribs, dtype=np.float64) % 2)
    hues = [float(hue) for hue in np.linspace(fan.hue, fan.trailing_hue, fan.ribs)]
    quadratic = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    return _Shares(quadratic, hem, np.linspace(0, 1, fan.samples), (1 - t) ** 3, hues)


def _leading_path(fan: Fan, body: Body, apex: NDArray[np.float64]) -> NDArray[np.float64]:
    places = [anchor.place(body) for anchor in fan.leading]
    hand = places[-1]
    # Over two anchors, because the hand's own landmarks are too noisy to aim a rod with.
    aim = direction(hand - (places[max(0, len(places) - 3)] if len(places) > 1 else apex), hand - apex, body.unit)
    rod = fan.rod * body.unit
    if fan.keep_side:
        outward = body.axes["torso"][0] * (1 if fan.side == "left" else -1)
        rod *= _smoothstep(0.5 + (hand - apex) @ outward / (0.5 * body.unit))
    return np.stack([apex, *places, hand + aim * rod])


def _resampled(path: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """`samples` points along a polyline, the same distance apart."""
    steps = np.diff(path, axis=0)
    reached = np.concatenate([[0], np.cumsum(np.sqrt((steps * steps).sum(axis=1)) + 1e-9)])
    wanted = np.linspace(0, reached[-1], samples)
    at = np.searchsorted(reached[1:-1], wanted, side="right")
    share = (wanted - reached[at]) / (reached[at + 1] - reached[at])
    return path[at] + share[:, None] * steps[at]


def _smoothstep(x: float) -> float:
    x = min(1.0, max(0.0, float(x)))
    return x * x * (3 - 2 * x)
