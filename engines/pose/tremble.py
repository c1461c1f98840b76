"""A film's landmarks held to its optical flow, from both sides in time: what trembles is the tracker, not the dancer.

A tracker finds a joint anew in every picture, a pixel or two beside where it found it before; what lies beneath the
joint moves as the picture does. So the places are sought that stay near what was found and move on as the flow says
(least squares over the whole stretch; with Gaussian errors the smoother of Rauch, Tung and Striebel, 1965). Unlike a
filter it neither lags nor needs to guess; unlike one it needs the future, and so is for films alone.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Landmarks, torso_length

SIDE = 256
"""Pixels of the picture's side at which flow is looked for: a tremble is a pixel there."""
HELD, HELD_DEPTH = 8.0, 3.0
"""How much more the flow's word weighs than the tracker's (squared errors). z has no flow; it is smoothed."""
DOUBTED = 0.07
"""Torso lengths between both words at which the flow is believed by 1/e only: it saw what hid the joint."""
_AROUND = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)], np.float32) * 2.5
_BESIDE = _AROUND[:3]
_WINDOW, _LEVELS = (15, 15), 3
_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 10, 0.03)


Gray = NDArray[np.uint8]


def shifts(frames: Iterable[Gray], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, 33, 2): how far the picture moved beneath each landmark since the frame before, in 0..1; NaN where unknown.

    `frames` are T square gray pictures of any size, `landmarks` (T, 33, 4) in them. Lucas and Kanade's flow on five
    points a landmark, forwards and backwards.
    """
    found = np.full((len(landmarks), landmarks.shape[1], 2), np.nan, np.float32)
    before: Gray | None = None
    for t, frame in enumerate(frames):
        now = np.asarray(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        if before is not None:
            found[t] = shift(before, now, landmarks[t - 1], landmarks[t])
        before = now
    return found


def shift(before: Gray, now: Gray, landmarks_before: Landmarks, landmarks: Landmarks) -> NDArray[np.float32]:
    """(33, 2): one row of `shifts`, of two pictures of one size and any shape, about `SIDE` pixels high."""
    there, back = _flow(before, now, landmarks_before), -_flow(now, before, landmarks)
    return np.where(np.isnan(there), back, np.where(np.isnan(back), there, (there + back) / 2))


def shift_at_once(before: Gray, now: Gray, landmarks_before: Landmarks) -> NDArray[np.float32]:
    """(33, 2): as `shift`, forwards only and from three points a landmark, all found again: in a fifth of the time."""
    moved, inside = _flows(before, now, landmarks_before, _BESIDE)
    found = np.asarray(inside.all(axis=1))
    return np.where(found[:, None], np.median(moved, axis=1), np.nan).astype(np.float32)


def _flow(first: Gray, second: Gray, landmarks: Landmarks) -> NDArray[np.float32]:
    """(33, 2) in 0..1, the median of the points around each landmark that were found again."""
    moved, inside = _flows(first, second, landmarks, _AROUND)
    medians = np.full((len(landmarks), 2), np.nan, np.float32)
    for j in np.flatnonzero(inside.sum(axis=1) >= 3):
        medians[j] = np.median(moved[j, inside[j]], axis=0)
    return medians


def _flows(
    first: Gray, second: Gray, landmarks: Landmarks, around: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How far the points `around` (n, 2, in pixels) each landmark moved, (33, n, 2) in 0..1, and which were found."""
    extent = np.array(first.shape[::-1], np.float32)
    start = (np.nan_to_num(landmarks[:, None, :2], nan=-1.0).clip(-1, 2) * extent - 0.5 + around).astype(np.float32)
    points = start.reshape(-1, 1, 2)
    end, seen, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, np.zeros_like(points), winSize=_WINDOW, maxLevel=_LEVELS, criteria=_STOP
    )
    inside = np.asarray(((start >= 0) & (start < extent)).all(axis=-1) & (seen.reshape(start.shape[:2]) > 0))
    return ((end.reshape(start.shape) - start) / extent).astype(np.float32), inside


def without_tremble(landmarks: NDArray[np.float32], moved: NDArray[np.float32]) -> NDArray[np.float32]:
    """`landmarks` (T, 33, 4) of consecutive frames held to the flow `moved` (T, 33, 2) of `shifts`; a new array.

    Where no flow is known, or where it contradicts what was found, a landmark stays as it was found. All are finite.
    """
    held = landmarks.copy()
    unit = max(float(np.median([torso_length(found[:, :2]) for found in landmarks])), 1e-3)
    known = np.asarray(np.isfinite(moved).all(axis=-1))
    flow = np.where(known[..., None], moved, 0)
    jumps = np.zeros(known.shape, np.float32)
    jumps[1:] = np.linalg.norm(landmarks[1:, :, :2] - landmarks[:-1, :, :2] - flow[1:], axis=-1) / unit
    belief = known * np.exp(-np.square(jumps / DOUBTED))
    belief[:1] = 0
    held[..., :2] = _held(landmarks[..., :2], flow, HELD * belief)
    held[..., 2:3] = _held(landmarks[..., 2:3], np.zeros_like(flow[..., :1]), HELD_DEPTH * belief)
    return held


def _held(found: NDArray[np.float32], flow: NDArray[np.float32], weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """(T, J, C) places x that minimize |x - found|^2 + weights |x[t] - x[t - 1] - flow[t]|^2, by Thomas' algorithm."""
    own = 1 + weights
    own[:-1] += weights[1:]
    right = found + weights[..., None] * flow
    right[:-1] -= weights[1:, :, None] * flow[1:]
    for t in range(1, len(found)):
        share = weights[t] / own[t - 1]
        own[t] -= share * weights[t]
        right[t] += share[:, None] * right[t - 1]
    right[-1] /= own[-1][:, None]
    for t in range(len(found) - 2, -1, -1):
        right[t] = (right[t] + weights[t + 1][:, None] * right[t + 1]) / own[t][:, None]
    return right
