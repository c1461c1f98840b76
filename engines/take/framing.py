"""The square a performer is drawn in: where it lies in the frame, and how frames and landmarks get into it.

Positions in a frame are continuous: pixel i covers i..i+1, so 0..1 times the width is a position. Matrices are for
cv2 and map pixel centers, which lie half a pixel further.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size
from engines.pose.landmarks import Landmarks, torso_length
from engines.take.tracking import Track

Matrix = NDArray[np.float64]
MARGIN = 0.05  # of the square's side, on every side of the dancer
SEEN = 0.3  # landmarks less visible than this are guesses, and no reason to widen the square


@dataclass(frozen=True)
class Square:
    """Top left corner and side, in pixels of the frame; it may leave the frame."""

    x: float
    y: float
    side: float

    def matrix(self, size: int) -> Matrix:
        """(3, 3): from pixel centers of the frame to pixel centers of the square drawn `size` pixels wide."""
        scale = size / self.side
        return np.array([[scale, 0, (0.5 - self.x) * scale - 0.5], [0, scale, (0.5 - self.y) * scale - 0.5], [0, 0, 1]])

    def holds(self, points: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(...,): which of the positions (..., 2) lie inside."""
        inside = (points >= (self.x, self.y)) & (points <= (self.x + self.side, self.y + self.side))
        return np.asarray(inside.all(axis=-1), np.bool_)


def figure_boxes(track: Track, registrations: NDArray[np.float64] | None) -> NDArray:
    """(T, 4): left, top, right, bottom of the whole figure in every frame, in registered positions.

    Landmarks know nothing of hair, hats and sleeves: the person's mask does, and is believed up to a third of the
    body's torso length around the landmarks.
    """
    boxes = []
    for i in range(len(track)):
        matrix = None if registrations is None else registrations[i]
        points = moved(_positions(track.landmarks[i], track.size), matrix)
        seen = points[track.landmarks[i, :, 3] >= SEEN]
        box = np.array([*seen.min(0), *seen.max(0)]) if len(seen) else np.array([*points.min(0), *points.max(0)])
        reach = 0.35 * float(torso_length(points)) + 1
        boxes.append(_widened(box, _mask_box(track.mask(i), matrix), reach))
    return np.array(boxes).reshape(-1, 4)


def static_square(boxes: NDArray, frame_size: Size, margin: float = MARGIN) -> Square:
    """One square that holds all the boxes, inside the frame where that is possible without cutting the margin short.

    A box that sticks out in one frame only (a slip of the tracker) does not count.
    """
    steady = _without_spikes(boxes)
    low, high = steady[:, :2].min(0), steady[:, 2:].max(0)
    tight = float((high - low).max())
    # A frame that is only a little too small for the full margin is used up rather than left.
    side = tight / (1 - 2 * margin)
    if min(frame_size) < side:
        side = max(tight * 1.02, float(min(frame_size)))
    center = (low + high) / 2
    x, y = (_inside(c - side / 2, side, length) for c, length in zip(center, frame_size[::-1], strict=True))
    return Square(float(x), float(y), float(side))


def following_squares(
    boxes: NDArray, times: NDArray[np.float64], margin: float = MARGIN, steadiness_s: float = 0.5
) -> list[Square]:
    """A square for every box: its side is the same throughout, its center follows the dancer softly."""
    steady = _without_spikes(boxes)
    centers = (steady[:, :2] + steady[:, 2:]) / 2
    weights = np.exp(-(((times[:, None] - times[None]) / steadiness_s) ** 2) / 2)
    soft = (weights @ centers) / weights.sum(axis=1, keepdims=True)
    reach = max((soft - steady[:, :2]).max(), (steady[:, 2:] - soft).max())
    side = float(2 * reach / (1 - 2 * margin))
    return [Square(float(x - side / 2), float(y - side / 2), side) for x, y in soft]


def whole_square(frame_size: Size) -> Square:
    """The whole frame in the middle of a square."""
    height, width = frame_size
    side = float(max(height, width))
    return Square((width - side) / 2, (height - side) / 2, side)


def landmarks_in_square(
    landmarks: Landmarks, frame_size: Size, square: Square, registration: Matrix | None
) -> Landmarks:
    """Landmarks (33, 4) of the frame in 0..1 of the square; z keeps its scale to x."""
    at = moved(_positions(landmarks, frame_size), registration)
    fitted = landmarks.copy()
    fitted[:, :2] = (at - (square.x, square.y)) / square.side
    fitted[:, 2] = landmarks[:, 2] * frame_size[1] / square.side
    return fitted


def warped(image: Frame, matrix: Matrix, size: Size, smooth: bool = True, border: int = cv2.BORDER_REPLICATE) -> Frame:
    """`image` (H, W[, C]) drawn through a (3, 3) matrix of pixel centers into `size`, its edges repeated beyond it."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if np.array_equal(matrix, np.eye(3)) and image.shape[:2] == size:
        return image
    if scale < 0.8:  # else fine patterns alias: cv2 samples only four source pixels
        sigma = 0.45 * np.sqrt(1 / scale**2 - 1)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    how = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    height, width = size
    drawn = cv2.warpPerspective(image, matrix, (width, height), flags=how, borderMode=border)
    return np.asarray(drawn, np.uint8)


def warped_inside(frame_size: Size, matrix: Matrix, size: Size) -> NDArray[np.bool_]:
    """`size`, true where a picture drawn by `warped` comes from inside the frame, not from its repeated edge."""
    height, width = size
    full = np.full(frame_size, 255, np.uint8)
    return np.asarray(cv2.warpPerspective(full, matrix, (width, height), borderValue=0) >= 200, np.bool_)


def moved(points: NDArray, registration: Matrix | None) -> NDArray:
    """Positions (N, 2) after a registration, which maps pixel centers."""
    if registration is None:
        return points
    centers = np.asarray(points, np.float64).reshape(-1, 1, 2) - 0.5
    return cv2.perspectiveTransform(centers, registration).reshape(-1, 2) + 0.5


def _positions(landmarks: Landmarks, size: Size) -> NDArray[np.float32]:
    height, width = size
    return landmarks[:, :2] * np.array([width, height], np.float32)


def _mask_box(mask: NDArray[np.uint8], registration: Matrix | None) -> NDArray | None:
    covered = mask > 127
    columns, rows = np.flatnonzero(covered.sum(0) > 2), np.flatnonzero(covered.sum(1) > 2)
    if not len(columns) or not len(rows):
        return None
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    corners = moved(np.array([[left, top], [right, top], [left, bottom], [right, bottom]], float), registration)
    return np.array([*corners.min(0), *corners.max(0)])


def _widened(box: NDArray, mask_box: NDArray | None, reach: float) -> NDArray:
    if mask_box is None:
        return box
    low = np.maximum(np.minimum(box[:2], mask_box[:2]), box[:2] - reach)
    high = np.minimum(np.maximum(box[2:], mask_box[2:]), box[2:] + reach)
    return np.array([*low, *high])


def _without_spikes(boxes: NDArray) -> NDArray:
    """Each side's running median of three."""
    if len(boxes) < 3:
        return boxes
    padded = np.concatenate([boxes[:1], boxes, boxes[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _inside(start: float, side: float, length: float) -> float:
    """Where the square starts along one axis: shifted into the frame if it fits, else in the frame's middle."""
    if side > length:
        return (length - side) / 2
    return float(np.clip(start, 0, length - side))
