"""The dancer's head: an egg with hair, and a face painted on its front, seen from any side."""

import numpy as np
from numpy.typing import NDArray

from engines.pose.body import Points
from engines.pose.landmarks import Joint
from engines.pose.pen import Color, Pen, darker, unit

J = Joint

# Half axes in metres: to the side, up, to the front; and its middle, from the ears (in the head's own frame).
EGG = np.array([0.083, 0.118, 0.100])
MIDDLE = np.array([0.0, 0.002, 0.008])
EARS_HEIGHT = 0.085  # body.py measures the face from the top of the neck

WHITE: Color = (250, 248, 244)
IRIS: Color = (52, 40, 40)


def draw_head(pen: Pen, points: Points, skin: Color, hair: Color, band: Color) -> None:
    """Head, hair and face of a posed body, (33, 3) metres."""
    head = _Head(pen, points)
    bun = head.at(np.array([[0, 0.105, -0.085]]))[0]
    if bun[2] < head.center[2]:
        _draw_bun(pen, bun, hair, band)
    pen.fill(head.rim(pen.line), darker(hair, 0.55))
    pen.fill(head.rim(0), hair)
    if head.front[2] > -0.55:
        _draw_face(pen, head, skin, hair)
    for sign in (1, -1):
        _draw_ear(pen, head, sign, skin)
    if bun[2] >= head.center[2]:
        _draw_bun(pen, bun, hair, band)


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
        """Places (N, 2) on the front of the egg (side, up; metres from the middle) in pixels, and how far each faces us.

        What lies behind the rim is drawn on the rim.
        """
        ball = places / EGG[:2]
        inside = np.maximum(1 - (ball * ball).sum(axis=1), 0)
        ball = np.column_stack([ball, np.sqrt(inside)])
        facing = ball @ self.toward
        rim = unit(ball - facing[:, None] * self.toward)
        ball = np.where(facing[:, None] < 0, rim, ball)
        return self.pen.seen(self.at(ball * EGG))[:, :2], facing

    def rim(self, grow: float) -> NDArray:
        """The egg's outline in pixels."""
        x, y, scale = self.pen.seen(self.center)
        flat = (self.frame * EGG * self.size * scale)[:2] * np.array([[1.0], [-1.0]])
        values, axes = np.linalg.eigh(flat @ flat.T)
        radii = np.sqrt(np.maximum(values, 0)) + grow
        turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
        return np.array([x, y]) + (np.stack([np.cos(turn), np.sin(turn)], axis=1) * radii) @ axes.T


def _oval(x: float, y: float, wide: float, high: float, count: int = 14) -> NDArray:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], axis=1)


# Everything below is (side, up) in metres from the middle of the egg; the eyes, nose and mouth are where body.py has them.
_HAIRLINE = np.array([(0, 0.080), (0.028, 0.082), (0.052, 0.066), (0.066, 0.036), (0.073, 0.004)])
# From the ear down the face reaches around to the neck.
_JAW = np.array([(np.cos(a), -np.sin(a)) for a in np.linspace(0.12, np.pi / 2, 9)]) * EGG[:2] * 0.999
_FACE = np.vstack([_HAIRLINE, _JAW])
_FACE = np.vstack([_FACE, (_FACE * [-1, 1])[-2:0:-1]])
_FRINGE = np.array([(-0.030, 0.088), (0.010, 0.062), (0.056, 0.048), (0.070, 0.030), (0.066, 0.060), (0.030, 0.095)])
_EYE, _BROW = 0.022, 0.044
_MOUTH = np.array(
    [
        (-0.026, -0.051),
        (-0.010, -0.0455),
        (0, -0.048),
        (0.010, -0.0455),
        (0.026, -0.051),
        (0.010, -0.062),
        (-0.010, -0.062),
    ]
)
_NOSE = np.array([(0.004, 0.012), (0.012, -0.016), (0.002, -0.021)])


def _draw_face(pen: Pen, head: _Head, skin: Color, hair: Color) -> None:
    face, _ = head.painted(_FACE)
    pen.fill(face, skin)
    thick = pen.pixels_per_metre(head.center) * 0.007
    for sign in (1, -1):
        cheek, facing = head.painted(_oval(sign * 0.044, -0.028, 0.017, 0.012))
        if facing.min() > 0:
            pen.fill(cheek, (min(skin[0] + 8, 255), round(skin[1] * 0.90), round(skin[2] * 0.88)))
        _draw_eye(pen, head, sign, hair, thick)
    mouth, facing = head.painted(_MOUTH)
    if facing.mean() > 0.1:
        pen.fill(mouth, (178, 72, 70))
    nose = head.at(np.column_stack([_NOSE, [0.100, 0.112, 0.100]]))
    if head.front[2] > 0.1:
        pen.stroke(pen.seen(nose)[:, :2], darker(skin, 0.72), thick)
    fringe, facing = head.painted(_FRINGE)
    if facing.max() > 0:
        pen.fill(fringe, hair)


def _draw_eye(pen: Pen, head: _Head, sign: int, hair: Color, thick: float) -> None:
    white, facing = head.painted(_oval(sign * 0.031, _EYE, 0.0155, 0.0095))
    if facing.min() < 0.08:
        return
    pen.fill(white, WHITE)
    # Two people in one: the gaze is to the front of the face, and a little into the camera.
    pen.fill(head.painted(_oval(sign * 0.031, _EYE, 0.0082, 0.0090))[0], IRIS)
    lid = np.array([(0.014, 0.021), (0.024, 0.031), (0.036, 0.032), (0.048, 0.023)]) * [sign, 1]
    pen.stroke(head.painted(lid)[0], (40, 28, 28), thick)
    brow = np.array([(0.013, _BROW - 0.002), (0.030, _BROW + 0.005), (0.050, _BROW - 0.003)]) * [sign, 1]
    pen.stroke(head.painted(brow)[0], darker(hair, 0.9), thick * 1.2)


def _draw_ear(pen: Pen, head: _Head, sign: int, skin: Color) -> None:
    # On the side of the egg; hidden behind it unless that side can be seen.
    if sign * head.toward[0] < -0.25 or head.front[2] < -0.75:
        return
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    place = np.stack([np.full(12, sign * 0.079), -0.004 + 0.025 * np.sin(turn), -0.004 + 0.016 * np.cos(turn)], axis=1)
    place[:, 0] += sign * 0.007 * np.maximum(np.sin(turn), 0)
    ear = pen.seen(head.at(place))[:, :2]
    pen.fill(ear, darker(skin, 0.92))


def _draw_bun(pen: Pen, place: Points, hair: Color, band: Color) -> None:
    pen.disc(place, 0.046, darker(hair, 0.55), pen.line)
    pen.disc(place, 0.046, hair)
    pen.disc(place + [-0.012, 0.014, 0.0], 0.018, tuple(min(round(c * 1.35 + 8), 255) for c in hair))  # type: ignore[arg-type]
    del band
