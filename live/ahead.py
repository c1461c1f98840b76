"""The frames of a reel and who is in them, for who renders: found in another thread, a few of them early."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from engines.images import Frame
from engines.pose.holding import held
from engines.pose.tracker import Tracked
from live.passing import TracksPeople
from live.sources.reels import Moment

T = TypeVar("T")

AHEAD = 4


@dataclass(frozen=True)
class Step:
    """One frame on its way through the tracker's thread."""

    time_s: float
    frame: Frame
    tracked: Tracked


def untracked(moments: Iterator[Moment]) -> Iterator[Step]:
    """For who only looks at the picture."""
    for moment in moments:
        yield Step(moment.time_s, moment.drawn(), Tracked(moment.landmarks, None, moment.time_s))


def tracked(moments: Iterator[Moment], opened: Callable[[], TracksPeople], steadied: bool) -> Iterator[Step]:
    """Who is found in every frame, or known beforehand; if asked, held to what the frames show."""
    found = _found(moments, opened)
    return held(found) if steadied else found


def _found(moments: Iterator[Moment], opened: Callable[[], TracksPeople]) -> Iterator[Step]:
    tracker: TracksPeople | None = None
    try:
        for moment in moments:
            frame = moment.drawn()
            if moment.landmarks is not None:
                yield Step(moment.time_s, frame, Tracked(moment.landmarks, None, moment.time_s))
                continue
            tracker = tracker or opened()
            yield Step(moment.time_s, frame, tracker.track(frame, moment.time_s))
    finally:
        if tracker:
            tracker.close()


def people_tracker(masks: bool) -> TracksPeople:
    from engines.pose.tracker import Tracker

    return Tracker(masks=masks)


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
