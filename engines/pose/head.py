"""The dancer's head: an egg with hair, and a face painted on its front, seen from any side."""

import numpy as np
from numpy.typing import NDArray

from engines.pose.body import Points
from engines.pose.landmarks import Joint
from engines.pose.pen import Color, Pen, darker, lighter, unit

J = Joint

# Half axes in metres: to the side, up, to the front; and its middle, from the ears (in the head's own frame).
EGG = np.array([0.083, 0.118, 0.100])
_HAIR_MIDDLE = np.array([0.0, 0.012, -0.008])
MIDDLE = np.array([0.0, 0.002, 0.008])
EARS_HEIGHT = 0.085  # body.py measures the face from the top of the neck

_TURN = np.linspace(0, 2 * np.pi, 36, endpoint=False)
_ROUND = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)

WHITE: Color = (250, 248, 244)
IRIS: Color = (52, 40, 40)


def draw_head(pen: Pen, points: Points, skin: Color, hair: Color) -> None:
    """Head, hair and face of a posed body, (33, 3) metres."""
    head = _Head(pen, points)
    bun = head.at(np.array([[0, 0.122, -0.078]]))[0]
    if bun[2] < head.center[2]:
        _draw_bun(pen, bun, hair)
    # Hair stands off the head; the face is painted on the head itself.
    volume = head.rim(0, _HAIR_MIDDLE, EGG * 1.06)
    pen.fill(head.rim(pen.line), darker(skin, 0.55))
    pen.fill(head.rim(pen.line, _HAIR_MIDDLE, EGG * 1.06) if head.front[2] < 0.3 else volume, darker(hair, 0.7))
    pen.fill(volume, hair)
    if head.front[2] > -0.55:
        _draw_face(pen, head, skin, hair)
    for sign in (1, -1):
        _draw_ear(pen, head, sign, skin)
    if bun[2] >= head.center[2]:
        _draw_bun(pen, bun, hair)


class _Head:
    """Where the egg is and how it is turned."""

    def __init__(self, pen: Pen, points: Points) -> None:
        self.pen = pen
        ears = points[J.LEFT_EAR] - points[J.RIGHT_EAR]
        origin = (points[J.LEFT_EAR] + points[J.RIGHT_EAR]) / 2
        self.size = float(np.linalg.norm(ears)) / 0.148
        left = unit(ears)
        front = points[J.NOSE] - origin
        self.front = unit(front - (front @ left) * left)
        # The nose is a centimetre lower than the ears.
        up = np.cross(self.front, left)
        tilt = np.arctan2(0.010, 0.113)
        self.front, up = self.front * np.cos(tilt) + up * np.sin(tilt), up * np.cos(tilt) - self.front * np.sin(tilt)
        self.frame = np.stack([left, up, self.front], axis=1)
        self.center = origin + self.frame @ (MIDDLE * self.size)
        self.toward = unit(self.frame[2] * EGG)  # the direction to the camera, on the unit ball of the egg

    def at(self, places: NDArray) -> Points:
        """(N, 3) metres from the middle in the head's frame, on the stage."""
        return self.center + (places * self.size) @ self.frame.T

    def painted(self, places: NDArray) -> tuple[NDArray, NDArray]:
        """Places (N, 2) on the front of the egg in pixels, and how far each faces us (1 straight, below 0 away).

        Places are metres from the middle, to the side and up. What lies behind the rim is drawn on the rim.
        """
        ball = places / EGG[:2]
        inside = np.maximum(1 - (ball * ball).sum(axis=1), 0)
        ball = np.column_stack([ball, np.sqrt(inside)])
        facing = ball @ self.toward
        rim = unit(ball - facing[:, None] * self.toward)
        ball = np.where(facing[:, None] < 0, rim, ball)
        return self.pen.seen(self.at(ball * EGG))[:, :2], facing

    def rim(self, grow: float, middle: NDArray | None = None, egg: NDArray = EGG) -> NDArray:
        """The outline of the head, or of another egg in its frame, in pixels."""
        place = self.center if middle is None else self.at(middle[None])[0]
        x, y, scale = self.pen.seen(place)
        flat = (self.frame * egg * self.size * scale)[:2] * np.array([[1.0], [-1.0]])
        values, axes = np.linalg.eigh(flat @ flat.T)
        radii = np.sqrt(np.maximum(values, 0)) + grow
        return np.array([x, y]) + (_ROUND * radii) @ axes.T


def _oval(x: float, y: float, wide: float, high: float, count: int = 14) -> NDArray:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], axis=1)


# Everything below is (side, up) in metres from the middle of the egg; eyes, nose and mouth are where body.py has them.
_HAIRLINE = np.array([(0, 0.080), (0.028, 0.082), (0.052, 0.066), (0.066, 0.036), (0.073, 0.004)])
# From the ear down the face reaches around to the neck.
_JAW = np.array([(np.cos(a), -np.sin(a)) for a in np.linspace(0.12, np.pi / 2, 9)]) * EGG[:2] * 0.999
_FACE = np.vstack([_HAIRLINE, _JAW])
_FACE = np.vstack([_FACE, (_FACE * [-1, 1])[-2:0:-1]])
_FRINGE = np.array([(-0.030, 0.088), (0.010, 0.062), (0.056, 0.048), (0.070, 0.030), (0.066, 0.060), (0.030, 0.095)])
_EYE, _BROW = 0.022, 0.049
_MOUTH = np.array([(-0.027, -0.046), (-0.010, -0.0485), (0, -0.0505), (0.010, -0.0485), (0.027, -0.046)])
_MOUTH = np.vstack([_MOUTH, [(0.012, -0.0625), (-0.012, -0.0625)]])
_NOSE = np.array([(0.004, 0.012), (0.012, -0.016), (0.002, -0.021)])


# What is painted on the face, for the left side and the right: all places in one table, looked at in one go.
_LID = np.array([(0.0125, 0.022), (0.022, 0.0335), (0.036, 0.036), (0.048, 0.030), (0.054, 0.025)])
_UNDER = np.array([(0.049, 0.0245), (0.036, 0.0315), (0.023, 0.0300)])
_BROW_SHAPE = np.array([(0.014, 0), (0.030, 0.007), (0.052, -0.001), (0.031, 0.002), (0.014, -0.005)])
_BROWS = _BROW_SHAPE + np.array([0, _BROW])
_PAINTED = {"face": _FACE, "mouth": _MOUTH, "fringe": _FRINGE} | {
    f"{part} {sign}": places
    for sign in (1, -1)
    for part, places in (
        ("cheek", _oval(sign * 0.044, -0.028, 0.017, 0.012)),
        ("white", _oval(sign * 0.032, _EYE, 0.0180, 0.0125)),
        ("iris", _oval(sign * 0.031, _EYE - 0.0005, 0.0088, 0.0105)),
        ("glint", _oval(sign * 0.031 - 0.003, _EYE + 0.004, 0.0026, 0.0028, 8)),
        ("lid", np.vstack([_LID, _UNDER]) * [sign, 1]),
        ("brow", _BROWS * [sign, 1]),
    )
}
_PLACES = np.vstack(list(_PAINTED.values()))
_ENDS = np.cumsum([len(places) for places in _PAINTED.values()])
_WHERE = {name: slice(end - len(places), end) for (name, places), end in zip(_PAINTED.items(), _ENDS, strict=True)}
_NOSE_PLACES = np.column_stack([_NOSE, [0.100, 0.112, 0.100]])


def _draw_face(pen: Pen, head: _Head, skin: Color, hair: Color) -> None:
    places, facing = head.painted(_PLACES)
    fixed = pen.fixed(places)

    def paint(part: str, color: Color) -> None:
        pen.fill_fixed(fixed[_WHERE[part]], color)

    paint("face", skin)
    for sign in (1, -1):
        if facing[_WHERE[f"cheek {sign}"]].min() > 0:
            paint(f"cheek {sign}", (min(skin[0] + 8, 255), round(skin[1] * 0.90), round(skin[2] * 0.88)))
        if facing[_WHERE[f"white {sign}"]].min() >= 0.08:
            for part, color in (("white", WHITE), ("iris", IRIS), ("glint", WHITE), ("lid", (40, 28, 28))):
                paint(f"{part} {sign}", color)
            paint(f"brow {sign}", darker(hair, 0.9))
    if facing[_WHERE["mouth"]].mean() > 0.1:
        paint("mouth", (178, 72, 70))
    if head.front[2] > 0.1:
        thick = pen.pixels_per_metre(head.center) * 0.007
        pen.stroke(pen.seen(head.at(_NOSE_PLACES))[:, :2], darker(skin, 0.72), thick)
    if facing[_WHERE["fringe"]].max() > 0:
        paint("fringe", hair)


def _ear(sign: int) -> NDArray:
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    place = np.stack([np.full(12, sign * 0.079), -0.004 + 0.025 * np.sin(turn), -0.004 + 0.016 * np.cos(turn)], axis=1)
    place[:, 0] += sign * 0.007 * np.maximum(np.sin(turn), 0)
    return place


_EARS = {sign: _ear(sign) for sign in (1, -1)}


def _draw_ear(pen: Pen, head: _Head, sign: int, skin: Color) -> None:
    # On the side of the egg; hidden behind it unless that side can be seen.
    if sign * head.toward[0] < -0.25 or head.front[2] < -0.75:
        return
    pen.fill(pen.seen(head.at(_EARS[sign]))[:, :2], darker(skin, 0.92))


def _draw_bun(pen: Pen, place: Points, hair: Color) -> None:
    pen.disc(place, 0.050, darker(hair, 0.55), pen.line)
    pen.disc(place, 0.050, hair)
    pen.disc(place + np.array([-0.014, 0.016, 0.0]), 0.017, lighter(hair))
