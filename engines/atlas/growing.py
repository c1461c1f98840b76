"""An atlas that can be played while it is still being learned: written anew whenever more of the clip is tracked."""

import os
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from engines.atlas.keys import KEYS
from engines.atlas.learning import FPS, atlas_of_take, name_of
from engines.bundle import Bundle, write_bundle
from engines.errors import VideoError
from engines.pose.tracker import Tracker
from engines.take.clip import Clip, ClipFrame, kept_at
from engines.take.take import take_of
from engines.take.tracking import PoseTracker, Track, joined, tracked

FIRST_S, FIRST_KEYS = 4.0, 20  # what the first version is made of: on stage soon, and already able to move


def grown_atlas(
    clip: Clip,
    out: Path,
    *,
    size: int = 512,
    fps: float = FPS,
    first_s: float = FIRST_S,
    first_keys: int = FIRST_KEYS,
    tracker: Callable[[], PoseTracker] = lambda: Tracker(masks=True),
    written: Callable[[Bundle], None] = lambda _bundle: None,
) -> Bundle:
    """The bundle `out`, written after `first_s` of the clip and again each time twice as much is tracked.

    `written` is told of each version. VideoError says why nothing of the whole clip can be learned from; a beginning in
    which nobody is seen is only passed over.
    """
    opened = tracker()
    tracks: list[Track] = []
    bundle: Bundle | None = None
    reason = VideoError(f"{clip.name} holds no frame; convert the video and try again.")
    try:
        for stage, frames in groupby(_kept(clip, fps), key=lambda at: _stage(at, first_s)):
            tracks.append(tracked(frames, opened, clip.size))
            try:
                take = take_of(clip, joined(tracks), fps=fps)
                files = atlas_of_take(take, size, KEYS if stage else first_keys, name_of(out.name))
            except VideoError as error:
                reason = error
                continue
            bundle = write_bundle(out, *files)
            written(bundle)
    finally:
        if isinstance(opened, Tracker):
            opened.close()
    if bundle is None:
        raise reason
    return bundle


def _kept(clip: Clip, fps: float) -> Iterator[ClipFrame]:
    return (at for at in clip.frames() if kept_at(at.number, clip.fps, fps))


def _stage(at: ClipFrame, first_s: float) -> int:
    """0 for the beginning, then 1, 2, ...: each as long as all before it."""
    return int(at.time_s / first_s).bit_length()


def be_modest() -> None:
    """Leave the cores to whoever performs."""
    if hasattr(os, "nice") and os.nice(0) < 10:
        os.nice(10)
