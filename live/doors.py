"""How what a show needs is opened: source, performer, tracker. Tests and chaos put others in their place."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from engines.errors import Unavailable
from live.config import LiveOptions
from live.passing import FollowsPeople, TracksPeople
from live.pipeline import StandIn
from live.repertoire import open_stand_in, playable
from live.sources import Source, SourceSpec, open_source

T = TypeVar("T")


def _stand_in(path: Path, options: LiveOptions) -> StandIn:
    from engines.machine import cores

    threads = options.threads or max(1, cores() - 1)  # one core is the tracker's
    return open_stand_in(path, options, threads)


def _tracker(options: LiveOptions) -> TracksPeople:
    from engines.pose.model import pose_model
    from engines.pose.tracker import Tracker

    return Tracker(pose_model(options.pose_model))


def _masking_tracker(options: LiveOptions) -> TracksPeople:
    from engines.pose.model import pose_model
    from engines.pose.tracker import Tracker

    return Tracker(pose_model(options.pose_model), masks=True)


def _follower(stand_in: StandIn) -> FollowsPeople:
    from engines.pose.follow import Follower

    return Follower(stand_in.performer.manifest.proportions)


@dataclass(frozen=True)
class Doors:
    """How what a show needs is opened; tests and chaos put others in their place."""

    source: Callable[[SourceSpec], Source] = open_source
    stand_in: Callable[[Path, LiveOptions], StandIn] = _stand_in
    tracker: Callable[[LiveOptions], TracksPeople] = _tracker
    follower: Callable[[StandIn], FollowsPeople] = _follower
    playable: Callable[[LiveOptions], list[Path]] = playable
    masking_tracker: Callable[[LiveOptions], TracksPeople] = _masking_tracker


class Reopened(Generic[T]):
    """Opened once before the show begins, so that its absence is said at once, and anew after each fault."""

    def __init__(self, opened: Callable[[], T], absent: Callable[[Exception], T] | None = None) -> None:
        self._opened = opened
        try:
            self.newest = opened()
        except Unavailable as error:
            if absent is None:
                raise
            self.newest = absent(error)
        self._is_taken = False

    def __call__(self) -> T:
        if self._is_taken:
            self.newest = self._opened()
        self._is_taken = True
        return self.newest
