"""The clean plate: the room of a static shot without the dancer, photographed through time.

Each pixel is the median of the registered frames in which the dancer did not cover it. What was covered in all of
them is inpainted, and its share is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size
from engines.pose.landmarks import Joint, Landmarks, torso_length
from engines.take.framing import Matrix, Square, warped, warped_inside

BYTES = 300_000_000  # of frames held at once for the median
MOST_HOLES, LARGE_HOLE, PIECED_SIDE = 8, 300, 300  # holes, pixels, pixels
COARSE_SIDE = 320
MOST, TARGET = 120, 24  # frames in all; free views of a pixel that are worth looking for

LIMBS = [
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.LEFT_WRIST, Joint.LEFT_INDEX),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW),
    (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.RIGHT_WRIST, Joint.RIGHT_INDEX),
    (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER),
    (Joint.LEFT_SHOULDER, Joint.LEFT_HIP),
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP),
    (Joint.LEFT_HIP, Joint.LEFT_KNEE),
    (Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
    (Joint.LEFT_HEEL, Joint.LEFT_FOOT_INDEX),
    (Joint.RIGHT_HIP, Joint.RIGHT_KNEE),
    (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
    (Joint.RIGHT_HEEL, Joint.RIGHT_FOOT_INDEX),
    (Joint.LEFT_EAR, Joint.RIGHT_EAR),
]


@dataclass(frozen=True)
class Plate:
    """The whole room at the size of the canvas; `never_seen` (H, W) is 255 where it had to be invented."""

    image: Frame
    never_seen: NDArray[np.uint8]

    @property
    def share(self) -> float:
        """0..1 of the frame: what no frame showed."""
        return float((self.never_seen > 0).mean())


def kept_clear(mask: NDArray[np.uint8], landmarks: Landmarks | None, reach: float = 0.14) -> NDArray[np.uint8]:
    """(H, W), 255 wherever the dancer could be: mask and limbs, widened by `reach` torso lengths.

    The mask loses fast hands and feet; the limbs, drawn as thick lines, cover for them.
    """
    height, width = mask.shape
    scale = min(1.0, COARSE_SIDE / max(height, width))  # widening is the costly part, and needs no fine edge
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    covered = np.where(cv2.resize(mask, small, interpolation=cv2.INTER_AREA) > 30, 255, 0).astype(np.uint8)
    if landmarks is not None:
        points = landmarks[:, :2] * small
        torso = max(float(torso_length(points)), 0.05 * small[1])
        for start, end in LIMBS:
            ends = [tuple(int(v) for v in np.clip(points[joint], -9999, 9999)) for joint in (start, end)]
            cv2.line(covered, ends[0], ends[1], 255, max(1, round(0.22 * torso)))
        radius = max(1, round(reach * torso))
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        covered = np.asarray(cv2.dilate(covered, disc), np.uint8)
    return np.asarray(cv2.resize(covered, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def revealing(covers: list[NDArray[np.uint8]], size: Size) -> list[int]:
    """Which frames to take the median of: spread evenly, and then those that show what the others hide.

    `covers` are (h, w) pictures of any one small size, not 0 where the dancer is.
    """
    budget = int(min(MOST, max(12, BYTES // (size[0] * size[1] * 3))))
    if len(covers) <= budget:
        return list(range(len(covers)))
    free = np.stack([cover == 0 for cover in covers])
    chosen = set(np.linspace(0, len(covers) - 1, budget // 2).round().astype(int).tolist())
    views = free[sorted(chosen)].sum(axis=0)
    while len(chosen) < budget:
        wanted = np.where(views < TARGET, 1.0 / (1 + views) ** 2, 0)
        gains = (free * wanted).sum(axis=(1, 2))
        gains[sorted(chosen)] = -1
        best = int(gains.argmax())
        chosen.add(best)
        views = views + free[best]
    return sorted(chosen)


def clean_plate(frames: Iterable[tuple[Frame, NDArray[np.uint8], Matrix]], size: Size) -> Plate:
    """The plate, at `size`. `frames` gives (frame, not 0 where it shows no room, matrix onto the plate)."""
    pictures, hidden = [], []
    for frame, cover, matrix in frames:
        pictures.append(warped(frame, matrix, size))
        hidden.append((warped(cover, matrix, size, smooth=False) > 0) | ~warped_inside(frame.shape[:2], matrix, size))
    image, unseen = _median(np.stack(pictures), np.stack(hidden))
    return Plate(_filled(image, unseen), np.where(unseen, 255, 0).astype(np.uint8))


def at_scale(plate: Frame, square: Square, size: int) -> tuple[Frame, tuple[int, int]]:
    """The whole plate at the square's scale and `plate_at` (y, x); mirrored at its edges where the square leaves it."""
    scale = size / square.side
    height, width = plate.shape[:2]
    left, top = (max(0, int(np.ceil(start * scale - 1e-6))) for start in (square.x, square.y))
    right = max(size, int(np.ceil((width - square.x) * scale - 1e-6)))
    bottom = max(size, int(np.ceil((height - square.y) * scale - 1e-6)))
    shifted = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]]) @ square.matrix(size)
    return warped(plate, shifted, (top + bottom, left + right), border=cv2.BORDER_REFLECT_101), (top, left)


def _median(pictures: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> tuple[Frame, NDArray[np.bool_]]:
    """Over the frames that show a pixel; band by band, since sorting holds everything twice."""
    count, height, width = pictures.shape[:3]
    image = np.empty((height, width, 3), np.uint8)
    views = count - hidden.sum(axis=0)
    for top in range(0, height, 64):
        band = np.where(hidden[:, top : top + 64, :, None], np.int16(999), pictures[:, top : top + 64])
        band.sort(axis=0)
        seen = np.maximum(views[top : top + 64], 1)[None, ..., None]
        low = np.take_along_axis(band, (seen - 1) // 2, axis=0)[0]
        high = np.take_along_axis(band, seen // 2, axis=0)[0]
        image[top : top + 64] = np.minimum((low + high) // 2, 255)
    return image, views == 0


def _filled(image: Frame, unseen: NDArray[np.bool_]) -> Frame:
    """Small holes grow shut from their edges; large ones are filled with pieces of the room, so that rails go on."""
    if not unseen.any() or unseen.all():
        return image
    filled = _softly_filled(image, unseen)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(unseen.astype(np.uint8))
    largest = sorted(range(1, count), key=lambda label: -stats[label, cv2.CC_STAT_AREA])[:MOST_HOLES]
    for label in largest:
        left, top, width, height, area = (int(value) for value in stats[label])
        if area < LARGE_HOLE:
            break
        reach = max(32, max(width, height) // 3)
        part = (slice(max(0, top - reach), top + height + reach), slice(max(0, left - reach), left + width + reach))
        hole = labels[part] == label
        if hole.mean() < 0.6:  # else there is too little room around it to take pieces from
            filled[part] = _pieced(filled[part], hole)
    return filled


def _pieced(image: Frame, hole: NDArray[np.bool_]) -> Frame:
    """The hole filled by shift maps (He and Sun 2012, as in cv2.xphoto), found at a small size: they cost seconds."""
    height, width = hole.shape
    scale = min(1.0, PIECED_SIDE / max(height, width))
    small = (max(8, round(width * scale)), max(8, round(height * scale)))
    colors = cv2.cvtColor(cv2.resize(image, small, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2Lab)
    covered = cv2.resize(hole.astype(np.uint8) * 255, small, interpolation=cv2.INTER_AREA) > 0
    pieced = np.zeros_like(colors)
    cv2.setRNGSeed(0)
    try:
        cv2.xphoto.inpaint(colors, np.where(covered, 0, 255).astype(np.uint8), pieced, cv2.xphoto.INPAINT_SHIFTMAP)
    except cv2.error:  # a hole without enough of a surrounding keeps its soft filling
        return image
    pieced = cv2.resize(cv2.cvtColor(pieced, cv2.COLOR_Lab2RGB), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None], pieced, image).astype(np.uint8)


def _softly_filled(image: Frame, unseen: NDArray[np.bool_]) -> Frame:
    """Grown shut from the edges, at a coarse size first, so that large holes become smooth and not streaked."""
    known = (~unseen).astype(np.float32)
    smooth = _pushed_and_pulled(image.astype(np.float32) * known[..., None], known)
    filled = np.where(unseen[..., None], np.clip(np.round(smooth), 0, 255).astype(np.uint8), image)
    thin = cv2.inpaint(image, unseen.astype(np.uint8), 5, cv2.INPAINT_TELEA)
    # Telea continues edges well over a few pixels; further in it smears.
    depth = cv2.distanceTransform(unseen.astype(np.uint8), cv2.DIST_L2, 5)
    weight = np.clip(1 - depth / 12, 0, 1)[..., None]
    mixed = thin * weight + filled * (1 - weight)
    return np.where(unseen[..., None], np.round(mixed).astype(np.uint8), image)


def _pushed_and_pulled(weighted: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages of what is known, taken from the finest size at which there is something (push-pull, Gortler 1996)."""
    height, width = known.shape
    if min(height, width) <= 2 or known.min() > 0:
        return np.asarray(weighted / np.maximum(known, 1e-6)[..., None], np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse = _pushed_and_pulled(
        np.asarray(cv2.resize(weighted, half, interpolation=cv2.INTER_AREA), np.float32),
        np.asarray(cv2.resize(known, half, interpolation=cv2.INTER_AREA), np.float32),
    )
    below = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    part = np.clip(known, 0, 1)[..., None]
    own = weighted / np.maximum(known, 1e-6)[..., None]
    return np.asarray(own * part + below * (1 - part), np.float32)
