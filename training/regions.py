"""Which pixels count for how much: the person, the face, the hands; and which are too far away for any matte."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Joint, Landmarks, torso_length
from training.config import LossesConfig

FACE = tuple(range(11))
HANDS = (
    (Joint.LEFT_WRIST, Joint.LEFT_PINKY, Joint.LEFT_INDEX, Joint.LEFT_THUMB),
    (Joint.RIGHT_WRIST, Joint.RIGHT_PINKY, Joint.RIGHT_INDEX, Joint.RIGHT_THUMB),
)
FEET = (
    (Joint.LEFT_ANKLE, Joint.LEFT_HEEL, Joint.LEFT_FOOT_INDEX),
    (Joint.RIGHT_ANKLE, Joint.RIGHT_HEEL, Joint.RIGHT_FOOT_INDEX),
)
# Half sides of the boxes in torso lengths: a head is about half a torso wide, an open hand a third.
FACE_REACH, HAND_REACH, FOOT_REACH = 0.32, 0.22, 0.26
PERSON_MARGIN, FAR_MARGIN = 0.03, 0.08

Box = tuple[int, int, int, int]


def face_box(landmarks: Landmarks, side: int) -> Box:
    """(top, left, bottom, right) in pixels of a square picture, cut off at its edges; may be empty."""
    return _box(landmarks, FACE, FACE_REACH, side)


def hand_boxes(landmarks: Landmarks, side: int) -> tuple[Box, Box]:
    """Left and right."""
    return _box(landmarks, HANDS[0], HAND_REACH, side), _box(landmarks, HANDS[1], HAND_REACH, side)


def foot_boxes(landmarks: Landmarks, side: int) -> tuple[Box, Box]:
    """Left and right."""
    return _box(landmarks, FEET[0], FOOT_REACH, side), _box(landmarks, FEET[1], FOOT_REACH, side)


def loss_weights(landmarks: Landmarks, mask: NDArray[np.uint8], config: LossesConfig) -> NDArray[np.float32]:
    """(S, S) float32: 1 in the room, more in the dilated person mask, more again in face, hands and feet."""
    side = mask.shape[0]
    weight = 1 + config.person * (_dilated(mask, PERSON_MARGIN) > 127).astype(np.float32)
    for extra, box in [
        (config.face, face_box(landmarks, side)),
        *((config.hands, b) for b in hand_boxes(landmarks, side)),
        *((config.feet, b) for b in foot_boxes(landmarks, side)),
    ]:
        top, left, bottom, right = box
        weight[top:bottom, left:right] += extra
    return weight


def far_from(mask: NDArray[np.uint8], landmarks: Landmarks) -> NDArray[np.uint8]:
    """(S, S): 1 where neither the person mask nor face and hands are near, 0 elsewhere."""
    far = (_dilated(mask, FAR_MARGIN) < 64).astype(np.uint8)
    for top, left, bottom, right in (face_box(landmarks, mask.shape[0]), *hand_boxes(landmarks, mask.shape[0])):
        far[top:bottom, left:right] = 0
    return far


def _box(landmarks: Landmarks, joints: tuple[int, ...], reach: float, side: int) -> Box:
    x, y = landmarks[list(joints), :2].mean(axis=0)
    half = reach * float(torso_length(landmarks[:, :2]))
    top, left, bottom, right = (np.clip([y - half, x - half, y + half, x + half], 0, 1) * side).round().astype(int)
    return int(top), int(left), int(bottom), int(right)


def _dilated(mask: NDArray[np.uint8], margin: float) -> NDArray[np.uint8]:
    """`mask` grown by `margin` of its side; at a quarter of the size, where it costs nothing."""
    side = mask.shape[0]
    small = cv2.resize(mask, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
    reach = 2 * max(1, round(margin * side / 4)) + 1
    grown = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return np.asarray(cv2.resize(grown, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
