"""`understudy replay`: a logged show performed again, picture for picture, without its camera."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import BadInput, EngineError
from engines.images import Frame, Size
from engines.pose.tracker import Tracked
from live.composing import Composer, backdrop_of
from live.config import LiveOptions
from live.control.parameters import Controls
from live.film import Film
from live.log import FORMAT, HIDDEN, checksum, landmarks_of, mask_of
from live.passing import FollowsPeople, Seen
from live.pipeline import StandIn
from live.restaged import RestagedAct, RestagedCamera
from live.sinks.recorder import Movie, kind_of
from live.sources import Captured
from live.voices import Voice

Opened = Callable[[Path, LiveOptions], StandIn]
Followed = Callable[[StandIn], FollowsPeople]


@dataclass(frozen=True)
class Replayed:
    """How a replay went: pictures in all, how many were the logged ones to the last bit, and the seconds they took."""

    pictures: int
    identical: int
    seconds: float
    first_different_s: float | None = None
    with_visitors: int = 0
    """Pictures with a visitor, of whom nothing is kept: they are left out."""
    notes: tuple[str, ...] = ()
    """What may make pictures differ from the logged ones."""


def replay(
    log: Path,
    bundle: Path | None = None,
    out: Path | None = None,
    *,
    opened: Opened | None = None,
    followed: Followed | None = None,
) -> Replayed:
    """Perform a log again, with `bundle` in place of the logged ones where that is given, into the movie `out`.

    Raises `BadInput` for a log that is damaged, or of a show that looked at a camera that was not recorded.
    """
    if out:
        kind_of(out)
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
    return Replayed(pictures, identical, end_s - start_s, first, stage.with_visitors, tuple(stage.notes))


class _Stage:
    """Reads a log and performs it."""

    def __init__(self, log: Path, bundle: Path | None, opened: Opened, followed: Followed) -> None:
        self._log, self._bundle, self._opened, self._followed = log, bundle, opened, followed
        self._acts: dict[int, RestagedAct] = {}
        self._opening: dict[int, tuple[Path, LiveOptions]] = {}
        self._states: dict[int, Controls] = {}
        self._values: dict[str, Any] = {}
        self._options = LiveOptions()
        self._blank: dict[Size, Frame] = {}
        self._composer = Composer()
        self._camera: RestagedCamera | None = None
        self.with_visitors = 0
        self.notes: list[str] = []

    def pictures(self) -> Iterator[tuple[float, Frame, int]]:
        """Time, picture and logged checksum of every tick."""
        for number, line in enumerate(self._lines(), 1):
            try:
                if isinstance(line, dict):
                    self._take(line)
                elif line[0] == "k" and self._camera:
                    self._camera.places[line[1]] = line[2]
                elif line[0] == "p":
                    self._prepare(*line[1:])
                elif line[0] == "d":
                    self._acts[line[1]].draw(line[2])
                elif line[0] == "r":
                    self._acts[line[1]].reopen(self._stand_in(line[1]))
                elif line[0] == "t" and (shown := self._shown(*line[1:])):
                    yield shown
                elif line[0] in "tv":
                    self.with_visitors += 1
                    self._composer.forget()
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise BadInput(f"{self._log}, line {number}: is damaged ({error!r})") from error

    def close(self) -> None:
        for act in self._acts.values():
            act.stand_in.performer.close()

    def _take(self, line: dict[str, Any]) -> None:
        if "show" in line:
            self._begin(line["show"])
        elif "act" in line:
            self._enter(line)
        elif "c" in line:
            self._values |= {name: value for name, value in line.items() if name != "c"}
            controls = self._states[line["c"]] = Controls(**self._values)
            if _looks_at_camera(controls) and self._camera is None:
                raise BadInput(f"{self._log}: {_CAMERA}")
        elif "end" in line and line["end"]["lost"]:
            raise BadInput(f"{self._log}: {line['end']['lost']} lines were lost when it was written")

    def _begin(self, header: dict[str, Any]) -> None:
        if header["format"] != FORMAT:
            raise BadInput(f"{self._log}: is of format {header['format']}, this understudy reads {FORMAT}")
        self._options = LiveOptions(threads=header.get("threads"), **header.get("engine", {}))
        backdrop = header.get("backdrop")
        self._composer = Composer(backdrop_of(Path(backdrop) if backdrop else None))
        self._camera = RestagedCamera(Film(self._log)) if header.get("film") else None

    def _enter(self, line: dict[str, Any]) -> None:
        """Somebody comes on, on the very engine that the log names, where that is here."""
        number, options = line["act"], self._options
        if self._bundle is None and "backend" in line:
            options = options.model_copy(update={"backend": line["backend"], "precision": line["precision"]})
        self._opening[number] = self._bundle or Path(line["bundle"]), options
        try:
            stand_in = self._stand_in(number)
        except EngineError as error:
            if options is self._options:
                raise
            self._opening[number] = self._opening[number][0], self._options
            stand_in = self._stand_in(number)
            self.notes.append(f"it was performed on another engine, so pictures may differ a little: {error}")
        act = self._acts[number] = RestagedAct(stand_in, self._followed(stand_in))
        if self._camera is None and act.looks_at_frames:
            raise BadInput(f"{self._log}: {_CAMERA}")

    def _stand_in(self, act: int) -> StandIn:
        return self._opened(*self._opening[act])

    def _prepare(
        self,
        act: int,
        time_s: float,
        size: list[int],
        text: str | None,
        is_idle: bool,
        state: int,
        latency_s: float,
        mask: str | None = None,
    ) -> None:
        post = self._camera.post(time_s) if self._camera else None
        if post is None and self._acts[act].looks_at_frames:
            return  # a visitor stood there, or it is lost: the tick that would show it is left out, or refused
        if mask == "" and self._camera is None:
            raise BadInput(f"{self._log}: {_CAMERA}")
        captured = post.value if post else Captured(self._blank_of((size[0], size[1])), time_s)
        seen = Seen(captured, Tracked(landmarks_of(text), mask_of(mask, size), time_s), 0.0, is_idle)
        self._acts[act].prepare(seen if size[0] else None, self._states[state], latency_s, time_s)

    def _blank_of(self, size: Size) -> Frame:
        return self._blank.setdefault(size, np.zeros((*size, 3), np.uint8))

    def _shown(
        self,
        time_s: float,
        elapsed_s: float,
        act: int,
        shown: float | None,
        state: int,
        others: list[list[Any]],
        crc: int,
        camera: float | None = None,
    ) -> tuple[float, Frame, int] | None:
        """None where it shows a visitor."""
        first, controls = self._acts[act], self._states[state]
        voices = [first, *(self._acts[other] for other, _, _ in others)]
        if self._camera and (_looks_at_camera(controls) or any(voice.looks_at_frames for voice in voices)):
            times_s = [shown, camera, *(which for _, which, _ in others)]
            self._camera.check([time_s for time_s in times_s if time_s is not None], self._log)
            if any(self._camera.places.get(time_s) == HIDDEN for time_s in times_s):
                return None
        captured = self._camera.post(camera) if self._camera and camera is not None else None
        beside = [
            Voice(self._acts[other].resting, self._acts[other].shown(which), share) for other, which, share in others
        ]
        picture = self._composer.picture(
            first.resting, first.shown(shown), captured, controls, elapsed_s, time_s=time_s, others=beside
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
    "this show looked at the camera's pixels (mix, backdrop, inset, region, or a performer that looks at frames or "
    "silhouettes), and a log holds no pictures: log with --log-camera to keep them, or replay a show of a skeleton or "
    "figure performer before plate, black or a picture"
)


def _looks_at_camera(controls: Controls) -> bool:
    looks = controls.backdrop == "camera" or controls.inset == "camera" or controls.passthrough
    return looks or controls.mix < 1 or controls.region != "whole"


def _opened(path: Path, options: LiveOptions) -> StandIn:
    from engines.machine import cores
    from live.repertoire import open_stand_in

    return open_stand_in(path, options, options.threads or max(1, cores() - 1), waits=True)


def _followed(stand_in: StandIn) -> FollowsPeople:
    from engines.pose.follow import Follower

    return Follower(stand_in.performer.manifest.proportions)
