"""Performing a clip offline: every frame, as fast as it goes, into a movie."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from engines.errors import BadInput, VideoError
from engines.images import Frame, Size, letterboxed, resized
from engines.progress import bar
from engines.scene import Scene
from live.act import resting_of
from live.ahead import ahead, people_tracker, tracked, untracked
from live.config import LiveOptions
from live.dressing import Dressing
from live.look import flipped
from live.masking import MASKED_KINDS
from live.moments import Part, Rooms, part_of, write_moments
from live.passing import FollowsPeople, TracksPeople
from live.pipeline import POSE_KINDS, StandIn
from live.repertoire import open_stand_in
from live.sinks.gif import Gif
from live.sinks.recorder import Movie, kind_of
from live.sources import source_spec
from live.sources.reels import Reel, open_reel

DANCER_S = 60.0
"""The built-in dancer never ends; this much of it is rendered when nobody says how much."""
DANCER_FPS = 30.0
SMOOTHING, HELD_SMOOTHING = 0.5, 0.25
"""Where nothing else steadies, and where the flow has taken the tremble away: flicker 1.24 and 1.21, figure's error
20.2 and 19.7 (board_freestyle on its own atlas at 256; at 512 1.79 and 1.73, 20.9 and 20.5)."""


@dataclass(frozen=True)
class Rendered:
    """What was made."""

    path: Path
    frames: int
    seconds: float
    """Of the movie."""
    cut: str = ""
    """What was left away of the picture, for people."""


def render(
    bundle: Path,
    source: str,
    out: Path,
    *,
    size: Size | None = None,
    side_by_side: bool = False,
    retarget: float = 1.0,
    smoothing: float | None = None,
    mirror: bool = False,
    steadied: bool = True,
    backend: str = "auto",
    precision: str = "auto",
    part: Part = (0.0, None),
    looks: Sequence[str] = (),
    at: Sequence[float] = (),
    region: str = "whole",
    knobs: Mapping[str, float] | None = None,
    behind: str | None = None,
    opened_tracker: Callable[[], TracksPeople] | None = None,
) -> Rendered:
    """Perform every frame of `source` with `bundle` into the movie `out` (or a .gif), and say what was made.

    `size` is the movie's (height, width); the room is shown whole in it, in bars where the shapes differ, never
    stretched. `steadied` holds what the tracker finds to the film's own flow; then less `smoothing`
    (0..1) is enough, and limbs lag less. `knobs` are turned from the beginning.
    `behind` is a film or picture that stands, again and again, in place of the bundle's own room. `region` keeps a
    performer of whole pictures to the dancer or to what is around.
    `side_by_side`: source | skeleton | performer. `part` is that of the source in seconds; `looks` share it among
    them; with moments `at`, in seconds of the source, `out` is one PNG of them instead. What was written before Ctrl-C
    is a movie that plays.
    Raises `BadInput` for what cannot be read or written.
    """
    if at and out.suffix.lower() != ".png":
        raise BadInput(f"{out}: moments are written side by side as a picture; choose a name that ends in .png")
    if not at and out.suffix.lower() != ".gif":
        kind_of(out)
    if size and _is_odd(size) and not at:
        raise BadInput(
            f"a movie of {size[1]}x{size[0]} cannot be written: both sides must be even, for example "
            f"{size[1] // 2 * 2}x{size[0] // 2 * 2}"
        )
    reel = _reel(source)
    if out.exists() and out.resolve() == Path(source).resolve():
        raise BadInput(f"{out}: this is the source itself; choose another file to write")
    steadied = steadied and source_spec(source).kind != "motion"  # there is no picture of whoever moved
    smoothing = (HELD_SMOOTHING if steadied else SMOOTHING) if smoothing is None else smoothing
    options = LiveOptions(backend=backend, precision=precision)
    cv2.setNumThreads(1)
    stand_in = open_stand_in(bundle, options, threads=1, waits=True)
    begin_s, end_s = part = (part[0], part[1] if part[1] or reel.count else part[0] + DANCER_S)
    length_s = (end_s or (reel.count or 0) / reel.fps) - begin_s
    dressing = Dressing(looks, length_s, resting_of(stand_in)) if looks else None
    total = round((max(at) - begin_s if at else length_s) * reel.fps)
    try:
        with bar(f"rendering {out.name}") as progress:
            turned = Scene(region=region, knobs=dict(knobs or {}))
            rooms = Rooms(open_reel(source_spec(behind))) if behind else None
            pictures = _performed(
                reel,
                stand_in,
                part,
                smoothing,
                retarget,
                mirror,
                steadied,
                side_by_side,
                turned,
                rooms,
                dressing,
                opened_tracker,
            )
            if at:
                write_moments(out, pictures, at, size)
                print(f"{out}: {len(at)} moments")
                return Rendered(out, len(at), 0.0)
            made = _written(out, pictures, reel.fps, size, lambda done: progress(done, total))
    finally:
        stand_in.performer.close()
    print(f"{out}: {made.frames} frames, {made.seconds:.1f} s{made.cut}")
    return made


def _reel(source: str) -> Reel:
    spec = source_spec(source)
    reel = open_reel(spec)
    if spec.kind == "dancer":
        from live.sources.reels import DancerReel

        return DancerReel(fps=DANCER_FPS)
    return reel


def _performed(
    reel: Reel,
    stand_in: StandIn,
    part: Part,
    smoothing: float,
    retarget: float,
    mirror: bool,
    steadied: bool,
    side_by_side: bool,
    turned: Scene,
    rooms: Rooms | None,
    dressing: Dressing | None,
    opened_tracker: Callable[[], TracksPeople] | None,
) -> Iterator[tuple[float, Frame]]:
    """Time and picture of every frame; the tracker works ahead in a thread of its own."""
    moments = part_of(reel.moments(), part)
    follower = _follower(stand_in)
    performer = stand_in.performer
    is_seen = performer.manifest.conditioning not in POSE_KINDS
    masked = turned.region != "whole" or performer.manifest.conditioning in MASKED_KINDS
    opened = opened_tracker or partial(people_tracker, masked)
    for step in ahead(untracked(moments) if is_seen and not masked else tracked(moments, opened, steadied)):
        frame, mask = flipped(step.frame) if mirror else step.frame, step.tracked.mask
        size = frame.shape[0], frame.shape[1]
        followed = follower.follow(step.tracked, size, smoothing=smoothing, retarget=retarget, mirror=mirror)
        scene = replace(
            turned,
            landmarks=followed.landmarks,
            presence=followed.presence,
            frame=frame,
            captured_s=step.time_s,
            mask=flipped(mask) if mirror and mask is not None else mask,
            room=None if rooms is None else rooms(step.time_s),
        )
        is_seen = is_seen or followed.landmarks is not None
        since_s = step.time_s - part[0]
        scene = dressing.posed(scene, since_s) if dressing else scene
        drawn = performer.drawn(performer.conditioned(scene), scene)
        image = dressing.shown(drawn, scene, performer.manifest, since_s) if dressing else drawn.image
        yield step.time_s, _beside(frame, drawn.conditioning, image) if side_by_side else image
    if not is_seen:
        raise VideoError(
            f"{reel.said}: nobody was found in any frame, so the film that was written shows an empty room; render a "
            "clip in which one person is in view from head to feet"
        )


def _follower(stand_in: StandIn) -> FollowsPeople:
    from engines.pose.follow import Follower

    return Follower(stand_in.performer.manifest.proportions)


def _beside(frame: Frame, conditioning: Frame | None, image: Frame) -> Frame:
    """Source, what the generator looks at, and performer, all as high as the performer; nothing is stretched."""
    height = image.shape[0]
    looked_at = np.zeros((height, height, 3), np.uint8) if conditioning is None else conditioning
    return np.hstack([_as_high(frame, height), _as_high(looked_at, height), image])


def _as_high(picture: Frame, height: int) -> Frame:
    return resized(picture, (height, max(1, round(picture.shape[1] * height / picture.shape[0]))))


def _written(
    out: Path, pictures: Iterator[tuple[float, Frame]], fps: float, size: Size | None, progress: Callable[[int], None]
) -> Rendered:
    movie: Movie | Gif | None = None
    frames, first_s, last_s = 0, 0.0, 0.0
    shape: Size = (0, 0)
    try:
        for time_s, picture in pictures:
            shape = size or (picture.shape[0], picture.shape[1])
            if movie is None:
                is_gif = out.suffix.lower() == ".gif"
                movie = Gif(out, shape) if is_gif else Movie(out, shape, fps, preset="medium", quality=18)
                first_s = time_s
            movie.write(letterboxed(picture, size) if size else picture, time_s - first_s)
            frames, last_s = frames + 1, time_s - first_s
            progress(frames)
    finally:
        if movie:
            movie.close()
    if not frames:
        raise VideoError(f"{out}: the source gave no frame, so there is nothing to write")
    cut = f", one row or column of {shape[1]}x{shape[0]} left away: a movie has even sides" if _is_odd(shape) else ""
    return Rendered(out, frames, last_s + 1 / fps, cut)


def _is_odd(size: Size) -> bool:
    return bool(size[0] % 2 or size[1] % 2)
