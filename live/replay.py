"""`understudy replay`: a logged show performed again, picture for picture, without its camera."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.bundle.manifest import FROM_LANDMARKS
from engines.errors import BadInput
from engines.images import Frame, Size
from engines.pose.tracker import Tracked
from live.composing import Composer, Voice
from live.config import LiveOptions
from live.control.parameters import Controls
from live.gauges import Gauges
from live.log import FORMAT, checksum, landmarks_of
from live.mailbox import Latest, Post
from live.pipeline import Drawing, FollowsPeople, Performed, Prepared, Preparing, Seen, StandIn
from live.repertoire import resting_of
from live.sinks.recorder import Movie
from live.sources import Captured

Opened = Callable[[Path, LiveOptions], StandIn]
Followed = Callable[[StandIn], FollowsPeople]


@dataclass(frozen=True)
class Replayed:
    """How a replay went: pictures in all, how many were the logged ones to the last bit, and the seconds they took."""

    pictures: int
    identical: int
    seconds: float
    first_different_s: float | None = None


def replay(
    log: Path,
    bundle: Path | None = None,
    out: Path | None = None,
    *,
    opened: Opened | None = None,
    followed: Followed | None = None,
) -> Replayed:
    """Perform a log again, with `bundle` in place of the logged ones where that is given, into the movie `out`.

    Raises `BadInput` for a log that is damaged, or of a show that looked at the camera's pixels.
    """
    stage = _Stage(log, bundle, opened or _opened, followed or _followed)
    movie: Movie | None = None
    pictures = identical = 0
    first: float | None = None
    start_s = end_s = 0.0
    try:
        for time_s, picture, crc in stage.pictures():
            if not pictures:
                start_s = time_s
            if out and movie is None:
                movie = Movie(out, (picture.shape[0], picture.shape[1]), 60, preset="medium", quality=18)
            if movie:
                movie.write(picture, time_s - start_s)
            is_same = checksum(picture) == crc
            pictures, identical, end_s = pictures + 1, identical + is_same, time_s
            first = time_s - start_s if first is None and not is_same else first
    finally:
        stage.close()
        if movie:
            movie.close()
    return Replayed(pictures, identical, end_s - start_s, first)


class _Act:
    """One logged act: the real parts between pose and picture, stepped by the log instead of by threads."""

    def __init__(self, stand_in: StandIn, follower: FollowsPeople) -> None:
        self.stand_in, self.resting = stand_in, resting_of(stand_in)
        self._seen: Latest[Seen] = Latest()
        self._prepared: Latest[Prepared] = Latest()
        self._taken: Latest[Prepared] = Latest()
        self._performed: Latest[Performed] = Latest()
        self._controls, self._latency_s = Controls(), 0.0
        self._by_time: dict[float, Prepared] = {}
        self._posts: dict[float, Post[Performed]] = {}
        self._preparing = Preparing(
            lambda: stand_in,
            follower,
            Latest(),
            self._seen,
            lambda: self._controls,
            self._prepared,
            lambda: self._latency_s,
        )
        self._drawing = Drawing(stand_in, self._taken, self._performed, Gauges())

    def prepare(self, seen: Seen, controls: Controls, latency_s: float) -> None:
        self._controls, self._latency_s = controls, latency_s
        self._seen.put(seen)
        self._preparing.step()
        if post := self._prepared.newest:
            self._by_time = {**dict(list(self._by_time.items())[-64:]), seen.captured.captured_s: post.value}

    def draw(self, time_s: float) -> None:
        self._taken.put(self._by_time[time_s])
        self._drawing.step()
        if post := self._performed.newest:
            self._posts = {**dict(list(self._posts.items())[-64:]), time_s: post}

    def shown(self, time_s: float | None) -> Post[Performed] | None:
        return None if time_s is None else self._posts[time_s]


class _Stage:
    """Reads a log and performs it."""

    def __init__(self, log: Path, bundle: Path | None, opened: Opened, followed: Followed) -> None:
        self._log, self._bundle, self._opened, self._followed = log, bundle, opened, followed
        self._acts: dict[int, _Act] = {}
        self._states: dict[int, Controls] = {}
        self._values: dict[str, Any] = {}
        self._options = LiveOptions()
        self._frames: dict[Size, Frame] = {}

    def pictures(self) -> Iterator[tuple[float, Frame, int]]:
        """Time, picture and logged checksum of every tick."""
        composer = Composer()
        for number, line in enumerate(self._lines(), 1):
            try:
                if isinstance(line, dict):
                    self._take(line)
                elif line[0] == "p":
                    self._prepare(*line[1:])
                elif line[0] == "d":
                    self._acts[line[1]].draw(line[2])
                elif line[0] == "t":
                    yield self._shown(composer, *line[1:])
                elif line[0] == "camera":
                    raise BadInput(f"{self._log}: {_CAMERA}")
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise BadInput(f"{self._log}, line {number}: is damaged ({error!r})") from error

    def close(self) -> None:
        for act in self._acts.values():
            act.stand_in.performer.close()

    def _take(self, line: dict[str, Any]) -> None:
        if "show" in line:
            if line["show"]["format"] != FORMAT:
                raise BadInput(f"{self._log}: is of format {line['show']['format']}, this understudy reads {FORMAT}")
            self._options = LiveOptions(threads=line["show"].get("threads"), **line["show"].get("engine", {}))
        elif "act" in line:
            stand_in = self._opened(self._bundle or Path(line["bundle"]), self._options)
            if stand_in.performer.manifest.conditioning not in FROM_LANDMARKS:
                raise BadInput(f"{self._log}: {_CAMERA}")
            self._acts[line["act"]] = _Act(stand_in, self._followed(stand_in))
        elif "c" in line:
            self._values |= {name: value for name, value in line.items() if name != "c"}
            controls = self._states[line["c"]] = Controls(**self._values)
            if _looks_at_camera(controls):
                raise BadInput(f"{self._log}: {_CAMERA}")
        elif "end" in line and line["end"]["lost"]:
            raise BadInput(f"{self._log}: {line['end']['lost']} lines were lost when it was written")

    def _prepare(
        self, act: int, time_s: float, size: list[int], text: str | None, is_idle: bool, state: int, latency_s: float
    ) -> None:
        height, width = size
        frame = self._frames.setdefault((height, width), np.zeros((height, width, 3), np.uint8))
        tracked = Tracked(landmarks_of(text), None, time_s)
        self._acts[act].prepare(Seen(Captured(frame, time_s), tracked, 0.0, is_idle), self._states[state], latency_s)

    def _shown(
        self,
        composer: Composer,
        time_s: float,
        elapsed_s: float,
        act: int,
        shown: float | None,
        state: int,
        others: list[list[Any]],
        crc: int,
    ) -> tuple[float, Frame, int]:
        first, controls = self._acts[act], self._states[state]
        beside = [
            Voice(self._acts[other].resting, self._acts[other].shown(which), share) for other, which, share in others
        ]
        picture = composer.picture(
            first.resting, first.shown(shown), None, controls, elapsed_s, time_s=time_s, others=beside
        )
        return time_s, picture, crc

    def _lines(self) -> Iterator[Any]:
        try:
            with self._log.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    try:
                        yield json.loads(line)
                    except json.JSONDecodeError as error:
                        raise BadInput(f"{self._log}, line {number}: is damaged ({error})") from error
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{self._log}: cannot be read ({error})") from error


_CAMERA = (
    "this show looked at the camera's pixels (mix, backdrop, inset or a performer that looks at frames), and a log "
    "holds no pictures: only shows of skeleton or figure performers before plate, black or a picture can be replayed"
)


def _looks_at_camera(controls: Controls) -> bool:
    return controls.mix < 1 or controls.backdrop == "camera" or controls.inset == "camera" or controls.passthrough


def _opened(path: Path, options: LiveOptions) -> StandIn:
    from engines.machine import cores
    from live.repertoire import open_stand_in

    return open_stand_in(path, options, options.threads or max(1, cores() - 1), waits=True)


def _followed(stand_in: StandIn) -> FollowsPeople:
    from engines.pose.follow import Follower

    return Follower(stand_in.performer.manifest.proportions)
