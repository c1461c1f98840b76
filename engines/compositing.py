"""Who stands before the camera, cut out and laid into a scene: what a generator of kind `composite` looks at.

The figure keeps its own movement: the camera's frame is laid over the scene at one scale, so that a jump is a jump. How
tall the person is and where the floor lies is found over some seconds, so the figure neither pumps nor floats.
"""

from collections import deque
from collections.abc import Mapping
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, covering
from engines.pose.landmarks import Joint, Landmarks, middle
from engines.scene import Scene
from engines.take.plate import kept_clear

KNOBS = ("across", "row", "height", "horizon")
"""Where the feet are (0..1 of the scene's width and height), how tall a figure at the lower edge is (in scene heights),
and the row in which a figure would vanish: the farther up its row, the smaller it is."""

REMEMBERED_S = 4.0
FORGOTTEN_S = 1.0
LEAST_TALL = 0.05  # of the camera's frame: whoever seems smaller is a mistake of the tracker
LEAST_SCALE = 0.02
# MediaPipe's mask is soft and a pixel too wide; as in `atlas.matting` the figure begins at this level, over that span.
MATTE = np.clip((np.arange(256) - 90) * 255 / 100, 0, 255).astype(np.uint8)
HEAD_SHARE = 0.13
"""From the nose to the top of the head and from the ankle to the sole, of the rest of a standing body."""


class Compositor:
    """Lays the person of each frame into `scene` (H, W, 3), remembering how tall they are. For one thread."""

    def __init__(self, scene: Frame) -> None:
        self._scene = scene
        self._stood: deque[tuple[float, float, float]] = deque()
        self._has_masks = False

    def __call__(self, seen: Scene, knobs: Mapping[str, float]) -> NDArray[np.uint8] | None:
        """(H, W, 4): the scene with the person before it, and in the last channel where they are.

        None for nobody; also while somebody is held who is not in the frame any more, which their missing mask tells.
        """
        self._has_masks = self._has_masks or seen.mask is not None
        if seen.frame is None or seen.landmarks is None or (self._has_masks and seen.mask is None):
            return None
        tall, floor = self._standing(seen.landmarks, seen.captured_s)
        figure = _cut_out(seen)
        room = self._scene if seen.room is None else covering(seen.room, self._scene.shape[:2])
        height, width = room.shape[:2]
        depth = (knobs["row"] - knobs["horizon"]) / max(1e-3, 1 - knobs["horizon"])
        scale = knobs["height"] * height * max(LEAST_SCALE, depth) / (tall * figure.shape[0])  # scene px a frame px
        foot_x, foot_y = figure.shape[1] / 2, floor * figure.shape[0]
        moved = (knobs["across"] * width - scale * foot_x, knobs["row"] * height - scale * foot_y)
        laid = _laid(figure, scale, moved, (height, width))
        alpha = laid[..., 3:].astype(np.float32) / 255
        picture = room + alpha * (laid[..., :3] - room.astype(np.float32))
        return np.dstack([np.rint(picture).astype(np.uint8), laid[..., 3]])

    def reset(self) -> None:
        """Nobody is there: the next one may be of another size."""
        self._stood.clear()

    def _standing(self, landmarks: Landmarks, time_s: float) -> tuple[float, float]:
        """How tall the person is and where their floor is, in heights of the camera's frame."""
        if self._stood and not 0 <= time_s - self._stood[-1][0] <= FORGOTTEN_S:
            self._stood.clear()
        self._stood.append((time_s, *_stands(landmarks)))
        while time_s - self._stood[0][0] > REMEMBERED_S:
            self._stood.popleft()
        tall, floor = np.percentile(np.array(self._stood)[:, 1:], 85, axis=0)
        return float(max(LEAST_TALL, tall)), float(floor)


def _stands(landmarks: Landmarks) -> tuple[float, float]:
    """Length of the body along its bones, so that who crouches is no shorter; and the lower foot. In frame heights."""
    points = landmarks[:, :2]
    line = [
        points[Joint.NOSE],
        middle(points, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
        middle(points, Joint.LEFT_HIP, Joint.RIGHT_HIP),
    ]
    trunk = sum(float(np.linalg.norm(b - a)) for a, b in pairwise(line))
    legs = [
        float(np.linalg.norm(points[knee] - points[hip]) + np.linalg.norm(points[ankle] - points[knee]))
        for hip, knee, ankle in (
            (Joint.LEFT_HIP, Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
            (Joint.RIGHT_HIP, Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
        )
    ]
    feet = points[[Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX], 1]
    return (trunk + max(legs)) * (1 + HEAD_SHARE), float(feet.max())


def _cut_out(seen: Scene) -> NDArray[np.uint8]:
    """(H, W, 4): the camera's frame with the person as alpha; without a mask the body that the landmarks outline."""
    frame, mask = seen.frame, seen.mask
    assert frame is not None
    if mask is None:
        nothing = np.zeros(frame.shape[:2], np.uint8)
        mask = kept_clear(nothing, _in_frame(seen), reach=0.04)
    else:
        mask = np.asarray(cv2.LUT(mask, MATTE), np.uint8)
    return np.dstack([frame, mask])


def _in_frame(seen: Scene) -> Landmarks:
    """Landmarks from the square back into the frame: the inverse of `follow`, for who is not retargeted."""
    assert seen.frame is not None
    assert seen.landmarks is not None
    points = seen.landmarks.copy()
    points[:, 0] = (points[:, 0] - 0.5) * seen.frame.shape[0] / seen.frame.shape[1] + 0.5
    return points


def _laid(
    figure: NDArray[np.uint8], scale: float, moved: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """The figure scaled and moved (right, down, in px of the result); averaged first where it shrinks much."""
    shrink = max(1, int(1 / max(scale, 1e-3)))
    if shrink > 1:
        small = (max(1, figure.shape[1] // shrink), max(1, figure.shape[0] // shrink))
        figure = np.asarray(cv2.resize(figure, small, interpolation=cv2.INTER_AREA), np.uint8)
    matrix = np.array([[scale * shrink, 0, moved[0]], [0, scale * shrink, moved[1]]], np.float32)
    laid = cv2.warpAffine(figure, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(laid, np.uint8)
