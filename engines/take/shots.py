"""Where a clip is cut, and which of its frames are fit to learn from."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from engines.film.cutting import cut_points, spans
from engines.pose.landmarks import Joint, in_heights, torso_length
from engines.take.clip import kept_at
from engines.take.tracking import Track

SHORTEST_SHOT_S = 1.0
LOW_VISIBILITY = 0.5
OUTSIDE = 0.01  # of the frame: a fingertip beyond the edge does no harm
BLURRED = 0.45  # of the sharpness usual within a second around
SAME_LEVELS, SAME_POSE = 0.35, 0.004  # levels of a glance; torso lengths

MAIN_JOINTS = [
    Joint.NOSE,
    *(Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_ELBOW, Joint.RIGHT_ELBOW),
    *(Joint.LEFT_WRIST, Joint.RIGHT_WRIST, Joint.LEFT_HIP, Joint.RIGHT_HIP),
    *(Joint.LEFT_KNEE, Joint.RIGHT_KNEE, Joint.LEFT_ANKLE, Joint.RIGHT_ANKLE),
]
EXTREMITIES = [*MAIN_JOINTS, Joint.LEFT_INDEX, Joint.RIGHT_INDEX, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX]
TRUNK = [Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.LEFT_HIP, Joint.RIGHT_HIP]

NOBODY, VISIBILITY, OUT_OF_FRAME = "nobody", "low visibility", "out of frame"
CUT, SHORT, BLUR, DUPLICATE, THINNED = "cut or jump", "short shot", "blur", "near-duplicate", "above the frame rate"


def cuts(track: Track) -> NDArray[np.int64]:
    """Indices at which a new shot begins; the 0th frame is not among them. Slow cross-fades are not recognized."""
    return cut_points(track.glances)


def shot_spans(track: Track) -> list[tuple[int, int]]:
    """(start, stop) of every shot, as indices into the track; together they are the whole clip."""
    return spans(track.glances)


def kept_frames(track: Track, clip_fps: float, fps: float) -> tuple[list[NDArray[np.int64]], Counter[str]]:
    """For every shot the indices of the frames worth keeping, and how many were left out and why.

    Every frame is counted once, under the first reason that holds.
    """
    reasons = np.full(len(track), "", object)
    spans = shot_spans(track)
    for reason, holds in _reasons(track, clip_fps, fps, spans):
        reasons[(reasons == "") & holds] = reason
    reasons[_near_duplicates(track, reasons == "")] = DUPLICATE
    shots = [start + np.flatnonzero(reasons[start:stop] == "") for start, stop in spans]
    return [kept for kept in shots if len(kept)], Counter(reason for reason in reasons if reason)


def _reasons(
    track: Track, clip_fps: float, fps: float, spans: list[tuple[int, int]]
) -> list[tuple[str, NDArray[np.bool_]]]:
    visibility = np.nan_to_num(track.landmarks[..., 3])
    at = np.nan_to_num(track.landmarks[:, EXTREMITIES, :2], nan=0.5)
    short = np.zeros(len(track), bool)
    for start, stop in spans:
        short[start:stop] = len(spans) > 1 and stop - start < SHORTEST_SHOT_S * clip_fps
    edges = np.zeros(len(track), bool)
    for cut in cuts(track):  # the frame on either side may be a blend of both
        edges[cut - 1 : cut + 1] = True
    return [
        (THINNED, np.array([not kept_at(int(number), clip_fps, fps) for number in track.numbers], bool)),
        (CUT, edges | _leaps(track)),
        (SHORT, short),
        (NOBODY, ~track.found),
        (VISIBILITY, (visibility[:, MAIN_JOINTS].mean(1) < LOW_VISIBILITY) | (visibility[:, TRUNK].min(1) < 0.5)),
        (OUT_OF_FRAME, ((at < -OUTSIDE) | (at > 1 + OUTSIDE)).any(axis=(1, 2))),
        (BLUR, _blurred(track, round(clip_fps))),
    ]


def _leaps(track: Track) -> NDArray[np.bool_]:
    """Frames in which the hips are more than 0.8 torso lengths from where they are before and after.

    Nobody dances that way within one frame: the tracker slipped, or took another person.
    """
    points = in_heights(track.landmarks, track.size)[..., :2]
    hips = points[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP]].mean(axis=1)
    if len(hips) < 5:
        return np.zeros(len(track), bool)
    around = np.stack([np.roll(hips, shift, axis=0) for shift in (-2, -1, 1, 2)])
    torso = np.nanmedian(torso_length(points)) if track.found.any() else 1.0
    away = np.linalg.norm(hips - np.median(around, axis=0), axis=-1)
    away[:2] = away[-2:] = 0
    return np.nan_to_num(away) > 0.8 * torso


def _blurred(track: Track, window: int) -> NDArray[np.bool_]:
    sharpness = np.where(track.found, track.sharpness, np.nan)
    usual = np.array([_median(sharpness[max(0, i - window) : i + window + 1]) for i in range(len(track))])
    return np.nan_to_num(sharpness, nan=np.inf) < BLURRED * usual


def _median(values: NDArray[np.float32]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def _near_duplicates(track: Track, candidates: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Frames that show what the last kept frame shows: same glance, same pose."""
    points = in_heights(track.landmarks, track.size)[..., :2]
    torso = float(np.nanmedian(torso_length(points))) if track.found.any() else 1.0
    last, same = None, []
    for i in np.flatnonzero(candidates):
        if last is not None:
            levels = np.abs(track.glances[i].astype(np.int16) - track.glances[last]).mean()
            moved = np.linalg.norm(points[i] - points[last], axis=-1).mean()
            if levels < SAME_LEVELS and moved < SAME_POSE * torso:
                same.append(i)
                continue
        last = i
    return np.array(same, np.int64)
