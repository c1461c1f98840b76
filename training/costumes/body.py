"""Where a costume's parts sit: 33 landmarks become named places and frames, in metres.

Everything is seen straight on (landmarks are already a projection), so the metre is that of the figure's own depth:
x to the right of the picture, y up, z towards the viewer, the origin at the middle of the hips.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pose.axes import Body
from engines.pose.landmarks import Joint, Landmarks, in_heights
from training.costumes.mesh import Frame3, Points, unit

J = Joint
FLOOR_SLOPE = 0.2  # picture metres the floor rises for each metre away: a camera 1.32 m high and 6.6 m off

TORSO = 0.50  # metres
TURNED = np.array([1, -1, -1], np.float32)  # y down and z away to y up and z near

SIDED = {
    "shoulder": (J.LEFT_SHOULDER, J.RIGHT_SHOULDER),
    "elbow": (J.LEFT_ELBOW, J.RIGHT_ELBOW),
    "wrist": (J.LEFT_WRIST, J.RIGHT_WRIST),
    "hip": (J.LEFT_HIP, J.RIGHT_HIP),
    "knee": (J.LEFT_KNEE, J.RIGHT_KNEE),
    "ankle": (J.LEFT_ANKLE, J.RIGHT_ANKLE),
    "heel": (J.LEFT_HEEL, J.RIGHT_HEEL),
    "toe": (J.LEFT_FOOT_INDEX, J.RIGHT_FOOT_INDEX),
}
PLACES = (*SIDED, "fingers", "pelvis", "chest", "neck", "head")


@dataclass(frozen=True)
class Figure:
    """A pose ready to be dressed: `points` (33, 3) and `frames` in metres, `guided` as the guides see the same pose."""

    guided: Body
    hips: Points  # (3,) in picture heights: where the origin lies
    metre: float  # in picture heights
    points: Points
    frames: dict[str, Frame3]
    floor: float

    def place(self, name: str, side: int) -> Points:
        """A named place; `side` 0 is the dancer's left, 1 the right, and does not matter to places in the middle."""
        if name in SIDED:
            return self.points[SIDED[name][side]]
        if name == "fingers":
            pinky, index = (J.LEFT_PINKY, J.LEFT_INDEX) if side == 0 else (J.RIGHT_PINKY, J.RIGHT_INDEX)
            return (self.points[pinky] + self.points[index]) / 2
        return self.frames[name].origin

    def in_metres(self, heights: NDArray[np.float64]) -> Points:
        """(..., 3) of the guides' coordinates (picture heights, y down, z away and halved) in the figure's."""
        return ((heights - self.hips) * TURNED / self.metre).astype(np.float32)

    def in_picture(self, points: Points, side: int) -> NDArray[np.float32]:
        """(..., 3) metres as pixels of a square of `side` pixels, and nearness."""
        spots = points * (TURNED * self.metre * side) + self.hips * side
        return (spots * np.array([1, 1, -1], np.float32)).astype(np.float32)


def figure_of(landmarks: Landmarks) -> Figure:
    """The figure that landmarks in the square describe, with the depth that guides believe (half of the landmarks')."""
    heights = in_heights(landmarks, (1, 1))
    guided = Body.of(heights)
    hips = ((guided.points[J.LEFT_HIP] + guided.points[J.RIGHT_HIP]) / 2).astype(np.float32)
    metre = guided.unit / TORSO
    points = ((guided.points - hips) * TURNED / metre).astype(np.float32)
    feet = points[[J.LEFT_HEEL, J.RIGHT_HEEL, J.LEFT_FOOT_INDEX, J.RIGHT_FOOT_INDEX, J.LEFT_KNEE, J.RIGHT_KNEE]]
    floor = float((feet[:, 1] + FLOOR_SLOPE * feet[:, 2]).min()) - 0.03
    return Figure(guided, hips, metre, points, _frames(points, guided), floor)


def _frames(points: Points, guided: Body) -> dict[str, Frame3]:
    hips, shoulders = (
        points[[a, b]].mean(0) for a, b in ((J.LEFT_HIP, J.RIGHT_HIP), (J.LEFT_SHOULDER, J.RIGHT_SHOULDER))
    )
    torso, crest = _turned(guided.axes["torso"]), _turned(guided.axes["head"])
    ears = points[[J.LEFT_EAR, J.RIGHT_EAR]].mean(0)
    roll = unit(torso[1] * np.array([0, 0, 1], np.float32) + crest[1])
    # The nose says where the head looks; the ears help when it looks straight up or down.
    across = np.cross(roll, unit(points[J.NOSE] - ears)) + 0.5 * unit(points[J.LEFT_EAR] - points[J.RIGHT_EAR])
    head = (ears + 0.03 * roll).astype(np.float32)
    return {
        "pelvis": Frame3(hips, torso),
        "chest": Frame3(shoulders, _axes(points[J.LEFT_SHOULDER] - points[J.RIGHT_SHOULDER], torso[1])),
        "neck": Frame3(shoulders, _axes(torso[0], unit(torso[1] + 0.5 * roll))),
        "head": Frame3(head, _axes(across, roll)),
        "crest": Frame3(ears.astype(np.float32), crest),
    }


def _turned(axes: NDArray[np.float64]) -> Points:
    """The guides' left, down, back as left, up, forward."""
    return (axes * TURNED * np.array([[1], [-1], [-1]])).astype(np.float32)


def _axes(left: Points, up: Points) -> Points:
    """Rows left, up, forward: exact in `up`, as near to `left` as that allows."""
    forward = unit(np.cross(left, up))
    return np.stack([np.cross(up, forward), up, forward]).astype(np.float32)
