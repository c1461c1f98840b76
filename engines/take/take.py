"""A take: a clip after tracking, with everything that can be known of it without learning.

`take_of` is the whole way from a tracked clip to its shots, each with the frames worth keeping, the square the dancer
is drawn in and, where the camera stood still or only swayed, the clean plate.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.errors import VideoError
from engines.images import Frame, Size
from engines.pose.landmarks import Landmarks
from engines.take.clip import Clip
from engines.take.framing import (
    Matrix,
    Square,
    figure_boxes,
    following_squares,
    landmarks_in_square,
    moved,
    static_square,
    warped,
    warped_inside,
    whole_square,
)
from engines.take.plate import Plate, clean_plate, kept_clear, revealing
from engines.take.registration import (
    Steadied,
    edges_stand_still,
    frame_boxes,
    lettering_on,
    locked,
    stands_still,
    steadied,
)
from engines.take.shots import EXTREMITIES, SHORT, kept_frames
from engines.take.tracking import Track

CropKind = Literal["static", "none", "follow"]
FEWEST_FRAMES = 8
SAMPLES = 40  # frames of a shot that are looked at to learn what kind of camera it was
NOT_REGISTERED, OUTSIDE = "not registered", "outside the square"


@dataclass(frozen=True)
class TakeShot:
    """One shot: the indices it keeps of the track, a square for each, and what its camera did.

    `size` is that of the canvas: the frame, or for a swaying camera the room that its frames show together.
    `matrices` (K, 3, 3) lay frames onto the canvas, None where they are used as they are.
    """

    kept: NDArray[np.int64]
    squares: tuple[Square, ...]
    size: Size
    matrices: NDArray[np.float64] | None
    camera: Steadied
    plate: Plate | None

    @property
    def static(self) -> bool:
        return self.plate is not None

    def matrix(self, k: int) -> Matrix | None:
        return None if self.matrices is None else self.matrices[k]


@dataclass(frozen=True)
class Take:
    """A clip's shots, and how many of its frames were dropped, by reason."""

    clip: Clip
    track: Track
    shots: tuple[TakeShot, ...]
    drops: Counter[str]

    def landmarks(self, shot: TakeShot, k: int) -> Landmarks:
        """(33, 4) of the k-th kept frame, in 0..1 of its square."""
        found = self.track.landmarks[shot.kept[k]]
        return landmarks_in_square(found, self.clip.size, shot.squares[k], shot.matrix(k))


@dataclass(frozen=True)
class ShotJob:
    """Everything that is needed to make a shot, so that another process can."""

    clip: Clip
    track: Track  # of the frames that are to be kept
    crop: CropKind


Made = tuple[TakeShot | None, Counter[str]]


@dataclass(frozen=True)
class Selection:
    """The frames of a clip that are worth keeping, shot by shot, before anything slow is done with them."""

    clip: Clip
    track: Track
    stretches: tuple[NDArray[np.int64], ...]
    drops: Counter[str]

    def jobs(self, crop: CropKind) -> list[ShotJob]:
        return [ShotJob(self.clip, self.track.chosen(kept), crop) for kept in self.stretches]


def selected(clip: Clip, track: Track, fps: float) -> Selection:
    """What of a clip to keep, at most `fps` frames a second. VideoError if nobody is in it."""
    if not track.found.any():
        raise VideoError(f"{clip.name}: nobody was found in any of its {len(track)} frames; film one person whole.")
    stretches, drops = kept_frames(track, clip.fps, fps)
    return Selection(clip, track, tuple(stretches), drops)


def assembled(selection: Selection, made: Iterable[Made]) -> Take:
    """A take of the shots made of a selection's jobs, in their order. VideoError says why nothing can be learned."""
    drops, shots = Counter(selection.drops), []
    for kept, (shot, lost) in zip(selection.stretches, made, strict=True):
        drops += lost
        if shot is not None:
            shots.append(replace(shot, kept=kept[shot.kept]))
    if not shots:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in drops.most_common())
        raise VideoError(
            f"{selection.clip.name}: none of its {len(selection.track)} frames can be used ({reasons}); "
            "film one whole person, lit well, for at least some seconds."
        )
    return Take(selection.clip, selection.track, tuple(shots), drops)


def take_of(clip: Clip, track: Track, *, fps: float, crop: CropKind = "static") -> Take:
    """The whole way, here and now. VideoError says why nothing of the clip can be learned from."""
    selection = selected(clip, track, fps)
    return assembled(selection, map(make_shot, selection.jobs(crop)))


def make_shot(job: ShotJob) -> Made:
    """A shot whose `kept` are indices into the job's own track, None if too little is left; and what was dropped."""
    track, drops = job.track, Counter[str]()
    kept = np.arange(len(track))
    if len(track) < FEWEST_FRAMES:
        return None, Counter({SHORT: len(track)})
    camera = _camera(job.clip, track)
    if camera.static and job.crop != "follow":
        kept = np.flatnonzero(~np.isnan(camera.matrices).any(axis=(1, 2)))
        drops[NOT_REGISTERED] = len(track) - len(kept)
        matrices, size = _on_canvas(camera.matrices[kept], track.size)
    else:
        matrices, size = None, track.size
    squares, inside = _squares(track.chosen(kept), job.crop, matrices, size)
    drops[OUTSIDE] = int((~inside).sum())
    kept, squares = kept[inside], tuple(square for square, holds in zip(squares, inside, strict=True) if holds)
    plate = None
    if matrices is not None:
        matrices = matrices[inside]
        plate = _plate(job.clip, track.chosen(kept), matrices, size, camera.lettering)
    return TakeShot(kept, squares, size, matrices, camera, plate), +drops


def frames_of(clip: Clip, numbers: NDArray[np.int64]) -> Iterator[Frame]:
    """The frames of these ascending numbers."""
    wanted = set(numbers.tolist())
    found = 0
    if wanted:
        for at in clip.frames(int(numbers[0]), int(numbers[-1]) + 1):
            if at.number in wanted:
                found += 1
                yield at.frame
    if found != len(wanted):
        raise VideoError(f"{clip.name}: a frame could be read once but not again; convert the video and try again.")


def square_picture(
    frame: Frame,
    square: Square,
    size: int,
    matrix: Matrix | None = None,
    plate: Frame | None = None,
    hidden: NDArray[np.uint8] | None = None,
) -> Frame:
    """A frame laid onto the canvas and cut to its square, in one interpolation.

    What lies beyond the frame's edge, or where `hidden` (H, W) is not 0 (lettering that would wander over the steadied
    room), comes from the plate behind the square (size, size, 3), softly; without a plate the edge is repeated.
    """
    whole = square.matrix(size) if matrix is None else square.matrix(size) @ matrix
    drawn = warped(frame, whole, (size, size))
    if plate is None:
        return drawn
    shown = warped_inside(frame.shape[:2], whole, (size, size)).astype(np.uint8)
    if hidden is not None:
        shown[warped(hidden, whole, (size, size), smooth=False) > 0] = 0
    if shown.all():
        return drawn
    soft = cv2.GaussianBlur(cv2.erode(shown, np.ones((9, 9), np.uint8)).astype(np.float32), (0, 0), 2.5)
    alpha = np.where(shown > 0, soft, 0)[..., None]
    return np.round(drawn * alpha + plate * (1 - alpha)).astype(np.uint8)


def square_mask(mask: NDArray[np.uint8], square: Square, size: int, matrix: Matrix | None) -> NDArray[np.uint8]:
    """A person mask in the square, (size, size); 0 beyond the frame's edge."""
    whole = square.matrix(size) if matrix is None else square.matrix(size) @ matrix
    drawn = warped(mask, whole, (size, size), smooth=False)
    return np.where(warped_inside(mask.shape, whole, (size, size)), drawn, 0).astype(np.uint8)


def _camera(clip: Clip, track: Track) -> Steadied:
    some = np.unique(np.linspace(0, len(track) - 1, SAMPLES).round().astype(int))
    frames = list(frames_of(clip, track.numbers[some]))
    covers = [cover(track, i) for i in some]
    if stands_still(frames, covers) or edges_stand_still(frames, covers):
        return locked(len(track), track.size)
    lettering = lettering_on(frames, covers)
    views = ((frame, cover(track, i)) for i, frame in enumerate(frames_of(clip, track.numbers)))
    return steadied(views, track.size, lettering)


def _on_canvas(matrices: NDArray[np.float64], size: Size) -> tuple[NDArray[np.float64], Size]:
    """The matrices shifted so that what a tenth of the frames show is on the canvas, and the canvas's size."""
    boxes = frame_boxes(matrices, size)
    low = np.floor(np.quantile(boxes[:, :2], 0.1, axis=0))
    high = np.ceil(np.quantile(boxes[:, 2:], 0.9, axis=0))
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]])
    return shift @ matrices, (int(high[1] - low[1]), int(high[0] - low[0]))


def _squares(
    track: Track, crop: CropKind, matrices: NDArray[np.float64] | None, size: Size
) -> tuple[tuple[Square, ...], NDArray[np.bool_]]:
    """A square for every frame, and whether the dancer's limbs are inside it."""
    if crop == "none":
        return (whole_square(size),) * len(track), np.ones(len(track), bool)
    boxes = figure_boxes(track, matrices)
    if crop == "follow":
        squares = tuple(following_squares(boxes, track.times))
    else:
        squares = (static_square(boxes, size),) * len(track)
    height, width = track.size
    inside = []
    for i, square in enumerate(squares):
        points = track.landmarks[i, EXTREMITIES, :2] * np.array([width, height], np.float32)
        inside.append(square.holds(moved(points, None if matrices is None else matrices[i])).all())
    return squares, np.array(inside, bool)


def _plate(clip: Clip, track: Track, matrices: NDArray[np.float64], size: Size, lettering: NDArray[np.uint8]) -> Plate:
    height, width = size
    small = (max(1, width // 8), max(1, height // 8))
    covers = []
    for i, matrix in enumerate(matrices):
        hidden = warped(cover(track, i) | lettering, matrix, size, smooth=False) > 0
        hidden |= ~warped_inside(track.size, matrix, size)
        coarse = cv2.resize(hidden.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
        covers.append(np.asarray(coarse, np.uint8))
    chosen = revealing(covers, size)
    frames = frames_of(clip, track.numbers[chosen])
    views = ((frame, cover(track, i) | lettering, matrices[i]) for frame, i in zip(frames, chosen, strict=True))
    return clean_plate(views, size)


def cover(track: Track, i: int) -> NDArray[np.uint8]:
    """(H, W), 255 wherever the dancer could be in the i-th frame."""
    landmarks = track.landmarks[i]
    return kept_clear(track.mask(i), None if np.isnan(landmarks).any() else landmarks)
