"""Changes in landmark space: the same motion of body and picture, and the faults a live tracker makes.

The list follows vid2vid (limb drop, jitter) and few-shot vid2vid (random line width); a flip swaps left and right.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame
from engines.pose.landmarks import Landmarks, mirrored
from training.config import AugmentationConfig

LIMBS = (
    tuple(range(11)),
    (13, 15, 17, 19, 21),
    (14, 16, 18, 20, 22),
    (15, 17, 19, 21),
    (16, 18, 20, 22),
    (25, 27, 29, 31),
    (26, 28, 30, 32),
)
"""What is lost together: a face, an arm below the elbow, a hand, a leg below the hip."""


@dataclass(frozen=True)
class Change:
    """A mirror (first), then a similarity: rotation and scale about the square's middle, then a shift in 0..1."""

    scale: float = 1.0
    degrees: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3) in 0..1 of the square, without the mirror."""
        cos, sin = self.scale * np.cos(np.radians(self.degrees)), self.scale * np.sin(np.radians(self.degrees))
        turn = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack([turn, np.array([0.5, 0.5]) - turn @ [0.5, 0.5] + self.shift])


def random_change(config: AugmentationConfig, rng: np.random.Generator) -> Change | None:
    """A change to make to one picture, or None where it stays as it is."""
    moves, flips = rng.random() < config.move_share, config.flip and rng.random() < 0.5
    x, y, grow, turn = rng.uniform(-1, 1, 4)
    if not moves:
        return Change(flip=True) if flips else None
    shift = (float(x * config.shift), float(y * config.shift))
    return Change(float((1 + config.scale) ** grow), float(turn * config.rotation_degrees), shift, bool(flips))


def moved_landmarks(landmarks: Landmarks, change: Change) -> Landmarks:
    moved = (mirrored(landmarks) if change.flip else landmarks).copy()
    moved[:, :2] = moved[:, :2] @ change.matrix[:, :2].T + change.matrix[:, 2]
    moved[:, 2] *= change.scale
    return moved


def warped(picture: Frame, change: Change, border: int) -> Frame:
    """`picture` (square) after `change`; `border` says what comes in from outside, in cv2's words."""
    side = picture.shape[0]
    picture = picture[:, ::-1] if change.flip else picture
    # Pixel centers lie half a pixel inside 0..1, landmarks do not: x_pixel = x * side - 0.5.
    matrix = change.matrix.copy()
    matrix[:, 2] = matrix[:, 2] * side + matrix[:, :2] @ [0.5, 0.5] - 0.5
    turned = cv2.warpAffine(
        np.ascontiguousarray(picture), matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border
    )
    return np.asarray(turned, np.uint8)


def fed_landmarks(landmarks: Landmarks, config: AugmentationConfig, rng: np.random.Generator) -> Landmarks:
    """What a noisy tracker would have given: the picture stays, the landmarks tremble."""
    trembles, noise = rng.random() < config.jitter_share, rng.normal(0, 1, (landmarks.shape[0], 3))
    if not trembles or config.jitter == 0:
        return landmarks
    shaken = landmarks.copy()
    shaken[:, :3] += (noise * config.jitter * rng.uniform(0, 1)).astype(np.float32)
    return shaken


def trembling(landmarks: Landmarks, sigma: float, rng: np.random.Generator) -> Landmarks:
    """`landmarks` with noise of `sigma` (of the square's side) on x, y and z."""
    shaken = landmarks.copy()
    shaken[:, :3] += (rng.normal(0, 1, (landmarks.shape[0], 3)) * sigma).astype(np.float32)
    return shaken


def dropped_limbs(landmarks: Landmarks, share: float, rng: np.random.Generator) -> Landmarks:
    """Each limb is made invisible with probability `share`."""
    lost = [limb for limb, draw in zip(LIMBS, rng.random(len(LIMBS)), strict=True) if draw < share]
    if not lost:
        return landmarks
    kept = landmarks.copy()
    for limb in lost:
        kept[list(limb), 3] = 0
    return kept
