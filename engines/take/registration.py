"""Taking a sway out of a shot: every frame laid onto one reference by what stands still, the dancer left out.

Corners outside the person are found again by pyramidal Lucas-Kanade flow, checked forward and backward, and a
similarity (shift, turn, zoom) is fitted by RANSAC. A homography follows the corners more closely, but they are mostly
lamps and beams, and it then throws the floor about (measured on a swaying clip: 5.5 levels off at the floor, not 3.3).
Each frame is compared with the nearest of some key frames, so nothing adds up over time.

A camera that sways under a logo or a clock must not follow the logo: structure that stays put while the rest moves
is lettering on the picture, and is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size
from engines.take.framing import Matrix

WORKING_SIDE = 640  # frames are registered at most this large; pixels below are of that size
TOLERANCE = 1.5
FEWEST, ENOUGH = 12, 0.5  # corners found again, and the share of them that must agree
LOCKED, LOCKED_SHARE = 0.35, 0.8  # a tripod: so many of the corners found again never stray by more
STATIC_SHARE = 0.9  # of a shot's frames must register
COMMON_VIEW = 0.35  # of the frame must stay in view throughout; below, the camera pans
# Of the room's edge pixels: 0.95 to 0.99 on three clips from a tripod, 0.56 and less on four others.
FIXED_SHARE, FEWEST_EDGES = 0.9, 200
LETTERING_EDGE = 28  # of Sobel magnitude: 7 levels from pixel to pixel
FAR = 40  # pixels from the nearest key frame to the next


@dataclass(frozen=True)
class Steadied:
    """How a shot's camera behaved.

    `matrices` (K, 3, 3) lay each kept frame's pixel centers onto the reference; NaN where that failed. `sway` is the
    largest motion of a frame's corner that was taken out, `residual` the median error left, both in pixels of the
    frame. `lettering` (H, W) is 255 on logos and clocks that do not move with the room. `why` says what spoke against
    a static camera.
    """

    static: bool
    matrices: NDArray[np.float64]
    sway: float
    residual: float
    lettering: NDArray[np.uint8]
    why: str = ""


@dataclass(frozen=True)
class _Key:
    gray: NDArray[np.uint8]
    corners: NDArray[np.float32]  # (N, 1, 2)
    matrix: Matrix  # onto the first frame


def steadied(frames: Iterable[tuple[Frame, NDArray[np.uint8]]], size: Size, lettering: NDArray[np.uint8]) -> Steadied:
    """Lays the frames of a shot, given in order with where the dancer is (not 0), onto the middle one."""
    scale = min(1.0, WORKING_SIDE / max(size))
    overlay = _small(lettering, scale, cv2.INTER_NEAREST)
    path = _Path(overlay)
    for frame, cover in frames:
        gray = _small(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8), scale, cv2.INTER_AREA)
        path.follow(gray, _small(cover, scale, cv2.INTER_NEAREST))
    matrices = _full_size(np.array(path.matrices), scale)
    return _judged(matrices, np.array(path.errors) / scale, size, lettering)


def stands_still(frames: Sequence[Frame], covers: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether the camera was locked: nearly all corners of one frame are at the same place in the others."""
    grays = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in frames]
    first = _Key(grays[0], _corners(grays[0], covers[0] > 0), np.eye(3))
    still = []
    for gray, cover in zip(grays[1:], covers[1:], strict=True):
        here, there, visible = _found_again(first, gray, cover > 0, levels=0)
        strayed = np.linalg.norm(here - there, axis=-1).ravel()
        same = (strayed < LOCKED).sum()  # measured: 0.90 of those found and 0.76 of all on a tripod, 0.44 and 0.20 else
        still.append(len(here) >= FEWEST and same >= LOCKED_SHARE * len(here) and same >= visible / 2)
    return bool(np.mean(still or [False]) >= 0.9)


def lettering_on(frames: Sequence[Frame], covers: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """(H, W), 255 around edges that are at the same pixels in all of some frames spread over a moving shot."""
    _, fixed = _edges(frames, covers)
    closed = cv2.morphologyEx(255 * fixed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    speckless = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.dilate(speckless, np.ones((9, 9), np.uint8)), np.uint8)


def edges_stand_still(frames: Sequence[Frame], covers: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether nearly all edges of the room are at the same pixels in frames spread over a shot: a locked camera.

    A plain room has few corners for `stands_still`; and if all that is seen of it stays put, it is no lettering.
    """
    seen, fixed = _edges(frames, covers)
    return bool(seen.sum() >= FEWEST_EDGES and fixed.sum() >= FIXED_SHARE * seen.sum())


def _edges(frames: Sequence[Frame], covers: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(H, W): where the usual picture has an edge, and where that edge is there in nearly all frames."""
    grays = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]).astype(np.float32)
    hidden = np.stack([cover > 0 for cover in covers])
    known = np.ma.masked_array(grays, hidden)
    usual = np.ma.median(known, axis=0)
    flat = np.asarray(usual.filled(0), np.float32)
    edges = cv2.magnitude(cv2.Sobel(flat, cv2.CV_32F, 1, 0), cv2.Sobel(flat, cv2.CV_32F, 0, 1))
    views = (~hidden).sum(axis=0)
    alike = ((np.abs(grays - flat) < 6) & ~hidden).sum(axis=0)
    # Seven in ten: where the edge of a window sways to and fro, half of the frames agree as well.
    seen = (edges > LETTERING_EDGE) & (views > len(frames) / 5)
    return seen, seen & (alike > 0.7 * views)


def locked(count: int, size: Size) -> Steadied:
    """A shot from a tripod: its frames are used as they are, without any interpolation."""
    return Steadied(True, np.tile(np.eye(3), (count, 1, 1)), 0.0, 0.0, np.zeros(size, np.uint8))


class _Path:
    """Where the camera went, frame after frame: every frame laid onto the first."""

    def __init__(self, overlay: NDArray[np.uint8]) -> None:
        self.matrices: list[Matrix] = []
        self.errors: list[float] = []
        self._overlay = overlay
        self._keys: list[_Key] = []
        self._last: Matrix = np.eye(3)

    def follow(self, gray: NDArray[np.uint8], cover: NDArray[np.uint8]) -> None:
        if not self._keys:
            self._add_key(gray, cover, np.eye(3))
        key = min(self._keys, key=lambda key: _shift(key.matrix, self._last))
        found = _laid_onto(key, gray, (cover > 0) | (self._overlay > 0), self._last)
        if found is None:
            self.matrices.append(np.full((3, 3), np.nan))
            self.errors.append(float("nan"))
            return
        matrix, error, share = found
        self._last = matrix
        self.matrices.append(matrix)
        self.errors.append(error)
        if share < 0.5 or _shift(key.matrix, matrix) > FAR:
            self._add_key(gray, cover, matrix)

    def _add_key(self, gray: NDArray[np.uint8], cover: NDArray[np.uint8], matrix: Matrix) -> None:
        corners = _corners(gray, (cover > 0) | (self._overlay > 0))
        if len(corners) >= FEWEST or not self._keys:
            self._keys.append(_Key(gray, corners, matrix))


def _laid_onto(
    key: _Key, gray: NDArray[np.uint8], barred: NDArray[np.bool_], guess: Matrix
) -> tuple[Matrix, float, float] | None:
    """The matrix that lays `gray` onto the first frame, its median error, the share of the key's corners it used."""
    height, width = gray.shape
    near = np.linalg.inv(key.matrix) @ guess  # drawn close to the key first, for flow is only good over short ways
    drawn = np.asarray(cv2.warpPerspective(gray, near, (width, height)), np.uint8)
    bars = cv2.warpPerspective(barred.astype(np.uint8), near, (width, height), flags=cv2.INTER_NEAREST, borderValue=1)
    found, corners, _ = _found_again(key, drawn, bars > 0)
    if len(found) < FEWEST:
        return None
    here = cv2.perspectiveTransform(found.astype(np.float64), np.linalg.inv(near))
    there = cv2.perspectiveTransform(corners.astype(np.float64), key.matrix)
    similarity, _ = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=2 * TOLERANCE)
    if similarity is None:
        return None
    matrix = np.vstack([similarity, [0, 0, 1]])
    errors = np.linalg.norm(cv2.perspectiveTransform(here, matrix) - there, axis=-1).ravel()
    agreeing = errors < 2 * TOLERANCE
    if agreeing.mean() < ENOUGH or np.median(errors[agreeing]) > TOLERANCE:
        return None
    return matrix, float(np.median(errors[agreeing])), agreeing.sum() / max(1, len(key.corners))


def _judged(matrices: NDArray[np.float64], errors: NDArray[np.float64], size: Size, lettering: NDArray) -> Steadied:
    done = ~np.isnan(errors)
    if done.mean() < STATIC_SHARE:
        lost = int((~done).sum())
        why = f"{lost} of {len(matrices)} frames could not be laid onto the others"
        return Steadied(False, matrices, 0.0, 0.0, lettering, why)
    middle = np.flatnonzero(done)[done.sum() // 2]
    onto_middle = np.linalg.inv(matrices[middle]) @ matrices
    sway = max(corner_motion(matrix, size) for matrix in onto_middle[done])
    view = common_view(onto_middle[done], size)
    why = f"only {view:.0%} of the frame stay in view: the camera pans" if view < COMMON_VIEW else ""
    return Steadied(not why, onto_middle, sway, float(np.median(errors[done])), lettering, why)


def common_view(matrices: NDArray[np.float64], size: Size) -> float:
    """0..1 of the frame's area: what nine frames of ten see, one in twenty left out on every side."""
    boxes = frame_boxes(matrices, size)
    low, high = np.quantile(boxes[:, :2], 0.95, axis=0), np.quantile(boxes[:, 2:], 0.05, axis=0)
    return float(np.prod(np.maximum(high - low, 0)) / (size[0] * size[1]))


def frame_boxes(matrices: NDArray[np.float64], size: Size) -> NDArray[np.float64]:
    """(K, 4): left, top, right, bottom of every laid frame."""
    height, width = size
    corners = np.array([[[0, 0]], [[width, 0]], [[0, height]], [[width, height]]], np.float64)
    laid = np.stack([cv2.perspectiveTransform(corners, matrix)[:, 0] for matrix in matrices])
    return np.concatenate([laid.min(axis=1), laid.max(axis=1)], axis=1)


def corner_motion(matrix: Matrix, size: Size) -> float:
    """How far the frame's farthest moving corner travels, in pixels."""
    height, width = size
    corners = np.array([[[0, 0]], [[width, 0]], [[0, height]], [[width, height]]], np.float64)
    return float(np.linalg.norm(cv2.perspectiveTransform(corners, matrix) - corners, axis=-1).max())


def _found_again(
    key: _Key, gray: NDArray[np.uint8], barred: NDArray[np.bool_], levels: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Where the key's corners are in `gray`, where they were in the key, and how many of them are in open view.

    The coarser the pyramid's last level, the further the flow reaches, and the more of the dancer it takes along.
    """
    there = key.corners
    if len(there) == 0:
        return there, there, 0
    here, ok, _ = cv2.calcOpticalFlowPyrLK(
        key.gray, gray, there, np.empty_like(there), winSize=(19, 19), maxLevel=levels
    )
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(
        gray, key.gray, here, np.empty_like(there), winSize=(19, 19), maxLevel=levels
    )
    height, width = gray.shape
    at = np.round(here[:, 0])
    inside = ((at >= 0) & (at < (width, height))).all(axis=1)
    column, row = np.clip(at, 0, (width - 1, height - 1)).astype(int).T
    visible = inside & ~barred[row, column]
    same = (ok.ravel() == 1) & (ok_back.ravel() == 1) & (np.linalg.norm(back - there, axis=-1).ravel() < 0.7)
    good = visible & same
    return np.asarray(here[good], np.float32), there[good], int(visible.sum())


def _corners(gray: NDArray[np.uint8], barred: NDArray[np.bool_]) -> NDArray[np.float32]:
    allowed = np.where(barred, 0, 255).astype(np.uint8)
    allowed[:4] = allowed[-4:] = 0
    allowed[:, :4] = allowed[:, -4:] = 0
    found = cv2.goodFeaturesToTrack(gray, 500, 0.003, 6, mask=allowed)
    return np.empty((0, 1, 2), np.float32) if found is None else np.asarray(found, np.float32)


def _shift(one: Matrix, other: Matrix) -> float:
    between = np.linalg.inv(one) @ other
    return float(np.hypot(between[0, 2], between[1, 2]))


def _small(image: NDArray[np.uint8], scale: float, how: int) -> NDArray[np.uint8]:
    if scale == 1:
        return image
    height, width = image.shape
    return np.asarray(cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=how), np.uint8)


def _full_size(matrices: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Matrices of pixel centers of the small pictures as those of the full ones."""
    shrink = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    return np.linalg.inv(shrink) @ matrices @ shrink
