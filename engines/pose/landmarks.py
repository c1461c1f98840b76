"""The 33 landmarks of MediaPipe Pose, and the little geometry that everybody needs of them.

Landmarks are (33, 4) float32: x and y in 0..1 of the frame, z in frame widths (smaller is nearer to the camera, 0 at
the hips), visibility in 0..1. Distances mean something only in frame heights, where both axes have one unit:
`in_heights`. Order and meaning: https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.images import Size

Landmarks = NDArray[np.float32]

COUNT = 33


class Joint(IntEnum):
    """Index of each landmark. Left and right are the dancer's own."""

    NOSE = 0
    LEFT_EYE_INNER = 1
    LEFT_EYE = 2
    LEFT_EYE_OUTER = 3
    RIGHT_EYE_INNER = 4
    RIGHT_EYE = 5
    RIGHT_EYE_OUTER = 6
    LEFT_EAR = 7
    RIGHT_EAR = 8
    MOUTH_LEFT = 9
    MOUTH_RIGHT = 10
    LEFT_SHOULDER = 11
    RIGHT_SHOULDER = 12
    LEFT_ELBOW = 13
    RIGHT_ELBOW = 14
    LEFT_WRIST = 15
    RIGHT_WRIST = 16
    LEFT_PINKY = 17
    RIGHT_PINKY = 18
    LEFT_INDEX = 19
    RIGHT_INDEX = 20
    LEFT_THUMB = 21
    RIGHT_THUMB = 22
    LEFT_HIP = 23
    RIGHT_HIP = 24
    LEFT_KNEE = 25
    RIGHT_KNEE = 26
    LEFT_ANKLE = 27
    RIGHT_ANKLE = 28
    LEFT_HEEL = 29
    RIGHT_HEEL = 30
    LEFT_FOOT_INDEX = 31
    RIGHT_FOOT_INDEX = 32


_SWAPPED_FACE = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9)
_SWAPPED_BODY = (12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23, 26, 25, 28, 27, 30, 29, 32, 31)
SWAPPED_SIDES = np.array((*_SWAPPED_FACE, *_SWAPPED_BODY))


def mirrored(landmarks: Landmarks) -> Landmarks:
    """The same pose seen in a mirror: x turned around and left and right landmarks exchanged."""
    turned = landmarks[..., SWAPPED_SIDES, :].copy()
    turned[..., 0] = 1 - turned[..., 0]
    return turned


def in_heights(landmarks: Landmarks, size: Size) -> NDArray[np.float32]:
    """(..., 33, 3): x, y, z in frame heights, so that a length means the same along every axis."""
    height, width = size
    return landmarks[..., :3] * np.array([width / height, 1, width / height], np.float32)


def from_heights(points: NDArray[np.float32], visibility: NDArray[np.float32], size: Size) -> Landmarks:
    """The inverse of `in_heights`; `visibility` is (..., 33)."""
    height, width = size
    scaled = points / np.array([width / height, 1, width / height], np.float32)
    return np.concatenate([scaled, visibility[..., None]], axis=-1).astype(np.float32)


def finite(visibility: NDArray[np.float32]) -> NDArray[np.float32]:
    """`numpy.nan_to_num`, which takes three times as long where there is nothing to do."""
    return visibility if np.isfinite(visibility).all() else np.nan_to_num(visibility)


def middle(points: NDArray[Any], left: Joint, right: Joint) -> NDArray[Any]:
    """Halfway between two landmarks; `points` is (..., 33, n)."""
    return np.asarray((points[..., left, :] + points[..., right, :]) / 2)


def torso_length(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mid-shoulder to mid-hip in the picture plane, in the unit of `points` (..., 33, n)."""
    shoulders = middle(points, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
    hips = middle(points, Joint.LEFT_HIP, Joint.RIGHT_HIP)
    return np.asarray(np.linalg.norm((shoulders - hips)[..., :2], axis=-1), np.float32)
