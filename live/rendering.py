"""Performing a clip offline: every frame, as fast as it goes, into a movie."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from engines.errors import BadInput, VideoError
from engines.images import Frame, Size, letterboxed, resized
from engines.pose.tracker import Tracked
from engines.progress import bar
from engines.scene import Scene
from live.config import LiveOptions
from live.look import flipped
from live.masking import MASKED_KINDS
from live.pipeline import POSE_KINDS, FollowsPeople, StandIn, TracksPeople
from live.repertoire import open_stand_in
from live.sinks.recorder import Movie, kind_of
from live.sources import source_spec
from live.sources.reels import Moment, Reel, open_reel

T = TypeVar("T")

DANCER_S = 60.0
"""The built-in dancer never ends; this much of it is rendered when nobody says how much."""
DANCER_FPS = 30.0
AHEAD = 4


@dataclass(frozen=True)
class Rendered:
    """What was made."""

    path: Path
    frames: int
    seconds: float
    """Of the movie."""
    cut: str = ""
    """What was left away of the picture, for people."""


@dataclass(frozen=True)
class _Step:
    """One frame on its way through the tracker's thread."""

    time_s: float
    frame: Frame
    tracked: Tracked


class _Rooms:
    """What stands behind at each time, from its start again when it is over; asked with times that only grow."""

    def __init__(self, reel: Reel) -> None:
        self._moments = _endless(reel)
        self._at = self._next = next(self._moments)

    def __call__(self, time_s: float) -> Frame:
        while self._next.time_s <= time_s + 1e-4:  # times of two films, added up, differ by rounding
            self._at, self._next = self._next, next(self._moments)
        return self._at.drawn()


def render(
    bundle: Path,
    source: str,
    out: Path,
    *,
    size: Size | None = None,
    side_by_side: bool = False,
    retarget: float = 1.0,
    smoothing: float = 0.5,
    mirror: bool = False,
    backend: str = "auto",
    precision: str = "auto",
    seconds: float | None = None,
    region: str = "whole",
    knobs: Mapping[str, float] | None = None,
    behind: str | None = None,
    opened_tracker: Callable[[], TracksPeople] | None = None,
) -> Rendered:
    """Perform every frame of `source` with `bundle` into the movie `out`, and say what was made.

    `size` is the movie's (height, width); the room is shown whole in it, in bars where the shapes differ, never
    stretched. `knobs` are turned from the beginning. `behind` is a film or picture that stands, again and again, in
    place of the bundle's own room. `region` keeps a performer of whole pictures to the dancer or to what is around.
    `side_by_side`: source | skeleton | performer. What was written before Ctrl-C is a movie that plays.
    Raises `BadInput` for what cannot be read or written.
    """
    kind_of(out)
    if size and _is_odd(size):
        raise BadInput(
            f"a movie of {size[1]}x{size[0]} cannot be written: both sides must be even, for example "
            f"{size[1] // 2 * 2}x{size[0] // 2 * 2}"
        )
    reel = _reel(source)
    if out.exists() and out.resolve() == Path(source).resolve():
        raise BadInput(f"{out}: this is the source itself; choose another file to write")
    options = LiveOptions(backend=backend, precision=precision)
    cv2.setNumThreads(1)
    stand_in = open_stand_in(bundle, options, threads=1, waits=True)
    total = _total(reel, seconds)
    try:
        with bar(f"rendering {out.name}") as progress:
            turned = Scene(region=region, knobs=dict(knobs or {}))
            rooms = _Rooms(open_reel(source_spec(behind))) if behind else None
            pictures = _performed(
                reel, stand_in, seconds, smoothing, retarget, mirror, side_by_side, turned, rooms, opened_tracker
            )
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


def _total(reel: Reel, seconds: float | None) -> int:
    if seconds is None and reel.count is not None:
        return reel.count
    return round((seconds or DANCER_S) * reel.fps)


def _performed(
    reel: Reel,
    stand_in: StandIn,
    seconds: float | None,
    smoothing: float,
    retarget: float,
    mirror: bool,
    side_by_side: bool,
    turned: Scene,
    rooms: _Rooms | None,
    opened_tracker: Callable[[], TracksPeople] | None,
) -> Iterator[tuple[float, Frame]]:
    """Time and picture of every frame; the tracker works ahead in a thread of its own."""
    end_s = seconds if seconds is not None else (None if reel.count is not None else DANCER_S)
    moments: Iterable[Moment] = reel.moments()
    if end_s is not None:
        moments = takewhile(lambda moment: moment.time_s < end_s, moments)
    follower = _follower(stand_in)
    performer = stand_in.performer
    is_seen = performer.manifest.conditioning not in POSE_KINDS
    masked = turned.region != "whole" or performer.manifest.conditioning in MASKED_KINDS
    opened = opened_tracker or partial(_tracker, masked)
    for step in ahead(_untracked(moments) if is_seen and not masked else _tracked(moments, opened)):
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
        drawn = performer.drawn(performer.conditioned(scene), scene)
        yield step.time_s, _beside(frame, drawn.conditioning, drawn.image) if side_by_side else drawn.image
    if not is_seen:
        raise VideoError(
            f"{reel.said}: nobody was found in any frame, so the film that was written shows an empty room; render a "
            "clip in which one person is in view from head to feet"
        )


def _endless(reel: Reel) -> Iterator[Moment]:
    begun_s = 0.0
    while True:
        last_s = 0.0
        for moment in reel.moments():
            last_s = moment.time_s
            yield replace(moment, time_s=begun_s + last_s)
        begun_s += last_s + 1 / reel.fps


def _untracked(moments: Iterable[Moment]) -> Iterator[_Step]:
    """For who only looks at the picture."""
    for moment in moments:
        yield _Step(moment.time_s, moment.drawn(), Tracked(moment.landmarks, None, moment.time_s))


def _tracked(moments: Iterable[Moment], opened: Callable[[], TracksPeople]) -> Iterator[_Step]:
    tracker: TracksPeople | None = None
    try:
        for moment in moments:
            frame = moment.drawn()
            if moment.landmarks is not None:
                yield _Step(moment.time_s, frame, Tracked(moment.landmarks, None, moment.time_s))
                continue
            tracker = tracker or opened()
            yield _Step(moment.time_s, frame, tracker.track(frame, moment.time_s))
    finally:
        if tracker:
            tracker.close()


def _tracker(masks: bool) -> TracksPeople:
    from engines.pose.tracker import Tracker

    return Tracker(masks=masks)


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
    movie: Movie | None = None
    frames, last_s = 0, 0.0
    shape: Size = (0, 0)
    try:
        for time_s, picture in pictures:
            shape = size or (picture.shape[0], picture.shape[1])
            if movie is None:
                movie = Movie(out, shape, fps, preset="medium", quality=18)
            movie.write(letterboxed(picture, size) if size else picture, time_s)
            frames, last_s = frames + 1, time_s
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


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, made in another thread and a few of them early."""
    made: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(AHEAD)
    enough = threading.Event()

    def make() -> None:
        end: BaseException | None = None
        try:
            for item in items:
                if not _put(made, (item, None), enough):
                    break
        except Exception as error:  # handed to whoever waits for the items
            end = error
        finally:
            getattr(items, "close", lambda: None)()
            _put(made, (None, end), enough)

    thread = threading.Thread(target=make, name="tracker", daemon=True)
    thread.start()
    try:
        while (got := made.get())[0] is not None:
            yield got[0]
        if got[1] is not None:
            raise got[1]
    finally:
        enough.set()
        thread.join(5)


def _put(into: "queue.Queue[T]", item: T, enough: threading.Event) -> bool:
    """Waits for room; False when nobody wants it any more."""
    while not enough.is_set():
        try:
            into.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
