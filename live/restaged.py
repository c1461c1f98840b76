"""What a replay puts in the place of threads and camera: acts that are stepped by the log, frames from the film."""

from collections.abc import Iterable
from pathlib import Path

from engines.bundle.manifest import FROM_LANDMARKS, Manifest
from engines.conditioning import BLIND
from engines.errors import BadInput
from live.act import resting_of
from live.control.parameters import Controls
from live.film import Film
from live.gauges import Gauges
from live.mailbox import Latest, Post
from live.passing import FollowsPeople, Performed, Prepared, Seen
from live.pipeline import Drawing, Preparing, StandIn, dreamt
from live.sources import Captured

REMEMBERED = 64
"""Scenes, pictures and frames: a tick may show one that is some ticks old."""


class RestagedAct:
    """One logged act: the real parts between pose and picture, stepped by the log instead of by threads."""

    def __init__(self, stand_in: StandIn, follower: FollowsPeople) -> None:
        self.stand_in, self.resting = stand_in, resting_of(stand_in)
        self._seen: Latest[Seen] = Latest()
        self._frames: Latest[Captured] = Latest()
        self._prepared: Latest[Prepared] = Latest()
        self._taken: Latest[Prepared] = Latest()
        self._performed: Latest[Performed] = Latest()
        self._controls, self._latency_s = Controls(), 0.0
        self._by_time: dict[float, Prepared] = {}
        self._posts: dict[float, Post[Performed]] = {}
        self._preparing = Preparing(
            lambda: self.stand_in,
            follower,
            self._frames,
            self._seen,
            lambda: self._controls,
            self._prepared,
            lambda: self._latency_s,
        )
        self._drawing = Drawing(stand_in, self._taken, self._performed, Gauges())

    @property
    def looks_at_frames(self) -> bool:
        """Whether it is nothing without the camera's pixels."""
        return _looks_at_frames(self.stand_in.performer.manifest)

    def reopen(self, stand_in: StandIn) -> None:
        self.stand_in.performer.close()
        self.stand_in = stand_in
        self._drawing = Drawing(stand_in, self._taken, self._performed, Gauges())

    def prepare(self, seen: Seen | None, controls: Controls, latency_s: float, time_s: float) -> None:
        """A scene of that time. Without `seen` it is dreamt, and no camera was there."""
        self._controls, self._latency_s = controls, latency_s
        performer = self.stand_in.performer
        if seen is None or (performer.manifest.conditioning in BLIND and controls.region == "whole"):
            self._prepared.put(dreamt(performer, seen, controls, time_s))
        else:
            self._seen.put(seen)
            self._frames.put(seen.captured)
            self._preparing.step()
        if post := self._prepared.newest:
            self._by_time = {**dict(list(self._by_time.items())[-REMEMBERED:]), time_s: post.value}

    def draw(self, time_s: float) -> None:
        if time_s not in self._by_time and self.looks_at_frames:  # it was not prepared: see `_prepare`
            return
        self._taken.put(self._by_time[time_s])
        self._drawing.step()
        if post := self._performed.newest:
            self._posts = {**dict(list(self._posts.items())[-REMEMBERED:]), time_s: post}

    def shown(self, time_s: float | None) -> Post[Performed] | None:
        return None if time_s is None else self._posts[time_s]


class RestagedCamera:
    """What the camera saw, by its time."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self.places: dict[float | None, list[int] | str | None] = {}
        self._posts: dict[float, Post[Captured]] = {}

    def post(self, time_s: float) -> Post[Captured] | None:
        """The same object for the same frame, as in the show; None for a frame that is not in the film."""
        place = self.places.get(time_s)
        if place is None or isinstance(place, str):
            return None
        if time_s not in self._posts:
            captured = Captured(self._film.frame((place[0], place[1])), time_s)
            self._posts = {**dict(list(self._posts.items())[-REMEMBERED:]), time_s: Post(captured, len(self.places))}
        return self._posts[time_s]

    def check(self, times_s: Iterable[float], log: Path) -> None:
        """Raises `BadInput` when one of them is not there."""
        if any(self.places.get(time_s) is None for time_s in times_s):
            raise BadInput(
                f"{log}: frames of the camera were lost when it was recorded, and the show looked at them; "
                "record with a smaller camera_size, or onto a quicker disk"
            )


def _looks_at_frames(manifest: Manifest) -> bool:
    return manifest.conditioning not in (*FROM_LANDMARKS, *BLIND)
