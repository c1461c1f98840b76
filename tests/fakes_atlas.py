"""A dancer drawn with known colors, one to a limb, and an atlas cut from some of their poses."""

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.cutting import cut_atlas
from engines.atlas.keys import Atlas
from engines.images import Frame
from engines.pose.landmarks import Joint, Landmarks
from engines.pose.puppet import BuiltInDancer
from engines.pose.tracker import Tracked
from engines.take.clip import MemoryClip

SIZE = 160
COLORS = {"torso": (200, 30, 30), "head": (240, 200, 170), "arm": (30, 200, 30), "leg": (30, 30, 200)}
WALL = (90, 90, 90)
_BONES = (
    ("leg", (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE, Joint.LEFT_FOOT_INDEX)),
    ("leg", (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE, Joint.RIGHT_FOOT_INDEX)),
    ("torso", (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP, Joint.LEFT_SHOULDER)),
    ("head", (Joint.NOSE, Joint.NOSE)),
    ("arm", (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW, Joint.LEFT_WRIST, Joint.LEFT_INDEX)),
    ("arm", (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST, Joint.RIGHT_INDEX)),
)


def dancing(count: int, every_s: float = 1.3) -> NDArray[np.float32]:
    """(count, 33, 4): poses of the built-in dance in the square."""
    dancer = BuiltInDancer(size=(SIZE, SIZE))
    return np.stack([dancer.landmarks_at(every_s * n) for n in range(count)])


def colored(landmarks: Landmarks, size: int = SIZE) -> tuple[Frame, NDArray[np.uint8]]:
    """A frame of that pose before a gray wall, and the person's mask."""
    frame, mask = np.full((size, size, 3), WALL, np.uint8), np.zeros((size, size), np.uint8)
    points = (landmarks[:, :2] * size).astype(int)
    for name, joints in _BONES:
        thick = {"torso": size // 14, "head": size // 8, "arm": size // 24, "leg": size // 18}[name]
        for start, end in pairwise(joints):
            ends = tuple(map(int, points[start])), tuple(map(int, points[end]))
            cv2.line(frame, *ends, COLORS[name], thick)
            cv2.line(mask, *ends, 255, thick)
        if name == "torso":
            hull = cv2.convexHull(points[list(joints)].astype(np.int32))
            cv2.fillConvexPoly(frame, hull, COLORS[name])
            cv2.fillConvexPoly(mask, hull, 255)
    return frame, mask


def room(size: int = SIZE) -> Frame:
    return np.full((size, size, 3), WALL, np.uint8)


@cache
def small_atlas(count: int = 8) -> Atlas:
    """Cut from `count` poses of the dance."""
    landmarks = dancing(count)
    return cut_atlas(lambda i: (*colored(landmarks[i]), room()), landmarks, list(range(count)), SIZE)


def painted_clip(poses: NDArray[np.float32], fps: float = 15.0) -> MemoryClip:
    """A clip of those poses before a wall with a pattern, so that its camera is seen to stand still."""
    pattern = cv2.resize(np.random.default_rng(0).integers(0, 60, (20, 20, 3), np.uint8), (SIZE, SIZE))
    frames = [frame + pattern * (mask == 0)[..., None] for frame, mask in map(colored, poses)]
    return MemoryClip(frames, fps, "clip.mp4")


class PaintedTracker:
    """Knows the pose and the mask of every frame it is shown, by its time."""

    def __init__(self, poses: np.ndarray, fps: float) -> None:
        self._poses, self._fps = poses, fps

    def track(self, frame: np.ndarray, time_s: float) -> Tracked:
        landmarks = self._poses[round(time_s * self._fps)].copy()
        landmarks[:, 3] = 1
        return Tracked(landmarks, colored(landmarks, frame.shape[0])[1], time_s)
