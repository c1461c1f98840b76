"""From a clip to a performer without training: tracked, cut, packed. Needs no torch, and takes seconds.

understudy learn CLIP --out BUNDLE --instant
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.atlas.cutting import cut_atlas
from engines.atlas.keys import KEYS, Atlas, spread
from engines.atlas.packing import packed
from engines.bundle import Bundle, Manifest, Port, made_bundle, write_bundle
from engines.errors import VideoError
from engines.images import Frame
from engines.pose.moves import missing_moves
from engines.pose.proportions import Proportions, proportions_of
from engines.pose.skeleton import DEFAULT_STYLE, style_hash
from engines.pose.tracker import Tracker
from engines.progress import Progress, silent
from engines.take.clip import Clip, ClipFrame, kept_at, open_clip
from engines.take.plate import at_scale
from engines.take.take import Take, TakeShot, cover, frames_of, square_mask, square_picture, take_of
from engines.take.tracking import PoseTracker, Track, tracked

FPS = 15.0  # more frames a second than this show hardly another pose
FEWEST_KEYS = 4


@dataclass(frozen=True)
class Room:
    """What stands behind the dancer: the whole plate, and where in it the square lies (y, x)."""

    plate: Frame
    at: tuple[int, int]


def learned_atlas(
    clip: Clip | Path | str,
    out: Path | None = None,
    *,
    size: int = 512,
    keys: int = KEYS,
    fps: float = FPS,
    name: str | None = None,
    tracker: Callable[[], PoseTracker] = lambda: Tracker(masks=True),
    progress: Progress = silent,
) -> Bundle:
    """A bundle that performs as the dancer of `clip`, written to `out` or, without one, in memory only.

    At most `keys` key figures of `fps` frames a second are drawn at (size, size). `progress` is told of tracked
    frames. VideoError says why nothing of the clip can be learned from.
    """
    opened = open_clip(clip) if isinstance(clip, str | Path) else clip
    track = tracked_clip(opened, fps, tracker, progress)
    manifest, files = atlas_of_take(take_of(opened, track, fps=fps), size, keys, name or name_of(opened.name))
    return made_bundle(manifest, files) if out is None else write_bundle(out, manifest, files)


def name_of(title: str) -> str:
    """A bundle's name made of a file's."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", title.rsplit(".", 1)[0]).strip("_.-")[:60] or "atlas"


def tracked_clip(clip: Clip, fps: float, tracker: Callable[[], PoseTracker], progress: Progress = silent) -> Track:
    """The clip at `fps` frames a second through a tracker of its own, which is closed."""
    opened = tracker()
    try:
        frames = (at for at in clip.frames() if kept_at(at.number, clip.fps, fps))
        return tracked(_told(frames, clip, progress), opened, clip.size)
    finally:
        if isinstance(opened, Tracker):
            opened.close()


def _told(frames: Iterable[ClipFrame], clip: Clip, progress: Progress) -> Iterator[ClipFrame]:
    for at in frames:
        yield at
        progress(at.number + 1, clip.count)


def atlas_of_take(take: Take, size: int, keys: int, name: str) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the files of a bundle for the longest shot of a take."""
    shot = max(take.shots, key=lambda shot: len(shot.kept))
    landmarks = np.stack([take.landmarks(shot, k) for k in range(len(shot.kept))])
    room = None if shot.plate is None else Room(*at_scale(shot.plate.image, shot.squares[0], size))
    whole = _usable(take, shot, landmarks)
    wanted = [int(whole[k]) for k in spread(landmarks[whole], worth(take.track.sharpness[shot.kept[whole]]), keys)]
    chosen = [k for k in wanted if (take.track.mask(int(shot.kept[k])) > 127).any()]
    if len(chosen) < min(len(wanted), FEWEST_KEYS):
        raise _without_outline(take, shot, len(chosen))
    if len(chosen) < FEWEST_KEYS:
        missing = ", ".join(missing_moves(landmarks[whole], (1, 1))) or "none of those that a visitor is led through"
        raise VideoError(
            f"{take.clip.name} shows only {len(chosen)} different poses; at least {FEWEST_KEYS} are needed. Film these "
            f"moves too: {missing}."
        )
    pictures = _pictures(take, shot, sorted(chosen), size, room)
    atlas = cut_atlas(pictures.__getitem__, landmarks, chosen, size)
    return bundled(atlas, name=name, room=room, proportions=proportions(landmarks), fps=take.clip.fps)


def _usable(take: Take, shot: TakeShot, landmarks: NDArray[np.float32]) -> NDArray[np.int64]:
    """Which of a shot's frames have an outline and landmarks to cut by."""
    outlined = np.array([bool(take.track.masks[i]) for i in shot.kept])
    whole = np.flatnonzero(outlined & np.isfinite(landmarks).all(axis=(1, 2)))
    if len(whole) < FEWEST_KEYS:
        raise _without_outline(take, shot, len(whole))
    return whole


def _without_outline(take: Take, shot: TakeShot, found: int) -> VideoError:
    return VideoError(
        f"{take.clip.name}: the dancer's outline was found in only {found} of {len(shot.kept)} frames; film before a "
        "calmer background, in better light, the whole body in view."
    )


def worth(sharpness: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,): how much a frame is wanted as a key, by how sharp it is beside the others."""
    usual = max(float(np.median(sharpness)), 1e-3)
    return np.clip(np.asarray(sharpness, np.float32) / usual, 0.5, 1.2)


def proportions(landmarks: NDArray[np.float32]) -> Proportions | None:
    """Of landmarks (N, 33, 4) in the square; None where too little is seen to measure."""
    try:
        return proportions_of(landmarks, (1, 1))
    except ValueError:
        return None


def _pictures(
    take: Take, shot: TakeShot, chosen: list[int], size: int, room: Room | None
) -> Mapping[int, tuple[Frame, NDArray[np.uint8], Frame | None]]:
    """The chosen frames in their squares, each with its person mask and the clean room behind it."""
    behind = None
    if room is not None:
        (y, x) = room.at
        behind = np.ascontiguousarray(room.plate[y : y + size, x : x + size])
    indices = shot.kept[chosen]
    found = {}
    for k, index, frame in zip(chosen, indices, frames_of(take.clip, take.track.numbers[indices]), strict=True):
        matrix = shot.matrix(k)
        if matrix is not None and np.array_equal(matrix, np.eye(3)):
            matrix = None
        lettering = shot.camera.lettering
        hidden = np.where(cover(take.track, int(index)) > 0, 0, lettering) if lettering.any() else None
        picture = square_picture(frame, shot.squares[k], size, matrix, behind, hidden)
        found[k] = picture, square_mask(take.track.mask(int(index)), shot.squares[k], size, matrix), behind
    return found


def bundled(
    atlas: Atlas, *, name: str, room: Room | None, proportions: Proportions | None, fps: float
) -> tuple[Manifest, dict[str, bytes]]:
    """An atlas as a bundle that plays at once: manifest and files, with the clean room if there is one."""
    size = (atlas.size, atlas.size)
    files = packed(atlas)
    if room is not None:
        ok, data = cv2.imencode(".png", cv2.cvtColor(room.plate, cv2.COLOR_RGB2BGR))
        assert ok
        files["plate.png"] = data.tobytes()
    manifest = Manifest(
        name=name,
        title=f"{name}, an instant performer",
        method="atlas",
        conditioning="figure",
        size=size,
        inputs=(Port(name="conditioning", shape=(*size, 4), dtype="uint8"),),
        outputs=(Port(name="figure", shape=(*size, 4), dtype="uint8"),),
        finish="over_plate",
        skeleton=DEFAULT_STYLE,
        skeleton_hash=style_hash(DEFAULT_STYLE),
        proportions=proportions,
        fps=fps,
        plate_at=(0, 0) if room is None else room.at,
        made_by={"by": "understudy learn --instant", "keys": str(len(atlas.keys))},
    )
    return manifest, files
