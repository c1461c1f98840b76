"""A film that goes on after its end, offline: at its own tempo, faded in from the real frames, with its sound."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np

from engines.bundle import Manifest
from engines.errors import BadInput, VideoError
from engines.film.dreaming import Dream, Step, Touch
from engines.film.flow import Between
from engines.film.reading import evenly
from engines.film.statistics import FilmLook
from engines.images import Frame, Size, covering, letterboxed
from engines.progress import Progress, bar
from engines.take.clip import VideoClip, open_clip
from live.config import LiveOptions
from live.repertoire import open_stand_in
from live.sinks.recorder import Movie
from live.soundtrack import going_on, join_sound, read_sound

LARGEST: Size = (1080, 1920)
FADE_S = 1.0
COMPARED_S = 10.0
"""So much before its end a comparison begins, if nobody says where."""
LONGEST_FADE_S = 60
TRIMMED = 0.04
"""So much of a picture is cut off rather than shown in bars."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of a film that goes on; None is the usual, or what the bundle says."""

    seconds: float | None = None
    from_s: float | None = None
    size: Size | None = None
    fade_s: float = FADE_S
    loop: bool = False
    compare: bool = False
    one_step: bool = False
    silent: bool = False
    seed: int = 0
    guard: float | None = None
    stir: float | None = None


def continue_film(
    bundle: Path, source: Path, out: Path, wish: Wish, backend: str = "auto", precision: str = "auto"
) -> Path:
    """Go on with the film `source` into the movie `out`, and say what was made.

    From its last frame, or from any; `compare` shows the real film beside while there is one; `one_step` passes every
    frame through the generator once instead. Raises `BadInput` for what cannot be read, continued or written.
    """
    _check(source, out, wish)
    clip = open_clip(source)
    stand_in = open_stand_in(bundle, LiveOptions(backend=backend, precision=precision), threads=1, waits=True)
    try:
        manifest = stand_in.performer.manifest
        if manifest.conditioning != "previous":
            raise BadInput(
                f"{bundle}: looks at {manifest.conditioning!r}, so it goes on with no film; choose one of next_frame"
            )
        engine = stand_in.engine

        def step(picture: Frame, before: Frame) -> Frame:
            fed = {port.name: before if port.name == "before" else picture for port in manifest.inputs}
            return np.asarray(engine(fed)["image"].copy(), np.uint8)

        film = _Continued(clip, manifest, step, wish)
        with bar(f"continuing {source.name}") as progress:
            seconds = film.write(out, progress)
    finally:
        stand_in.performer.close()
    heard = "" if wish.silent else _sound(source, out, film.begins_s, seconds)
    again = f"; it collapsed {film.restarts} times and began anew" if film.restarts else ""
    print(f"{out}: {seconds:.1f} s from {film.begins_s:.2f} s of {source.name} on{heard}{again}")
    return out


class _Continued:
    """One film on its way into a movie."""

    def __init__(self, clip: VideoClip, manifest: Manifest, step: Step, wish: Wish) -> None:
        self._clip, self._manifest, self._step, self._wish = clip, manifest, step, wish
        self._canvas = _canvas(clip.size, manifest.size)
        self.begins_s, self.restarts = 0.0, 0

    def write(self, out: Path, progress: Progress) -> float:
        """Returns the movie's seconds."""
        fps, wish, frames = self._clip.fps, self._wish, 0
        movie: Movie | None = None
        try:
            for frames, picture in enumerate(self._pictures(), 1):
                if movie is None:
                    height, width = picture.shape[:2]
                    movie = Movie(out, wish.size or (height, width), fps, preset="medium", quality=18)
                movie.write(_fitted(picture, wish.size), (frames - 1) / fps)
                progress(frames, round((wish.seconds or frames / fps) * fps))
        finally:
            if movie:
                movie.close()
        if not frames:
            raise VideoError(f"{self._clip.path}: there is no frame to go on from")
        return frames / fps

    def _pictures(self) -> Iterator[Frame]:
        if self._wish.one_step:
            return self._one_step()
        beginning = self._beginning()
        self.begins_s = beginning.at_s
        return self._compared(beginning) if self._wish.compare else self._going_on(beginning)

    def _beginning(self) -> "_Beginning":
        """Where it goes on from: the last frames before that, and those after it as long as they are wanted."""
        fps, wish, clip = self._clip.fps, self._wish, self._clip
        lag = max(1, round(fps / self._manifest.fps))
        fading = round(wish.fade_s * fps)
        wanted_s = wish.from_s
        if wanted_s is None and wish.compare:
            wanted_s = max(lag / fps, _length_s(clip) - COMPARED_S)
        held: deque[tuple[float, Frame]] = deque(maxlen=2 * fading + lag + 1)
        after: list[Frame] = []
        keep = round((wish.seconds or COMPARED_S) * fps) if wish.compare else fading
        end_s = 0.0
        for moment in evenly(clip):
            end_s = moment.time_s
            if wanted_s is not None and held and moment.time_s > wanted_s + 0.5 / fps:
                after.append(covering(moment.frame, self._canvas))
                if len(after) >= keep:
                    break
            else:
                held.append((moment.time_s, covering(moment.frame, self._canvas)))
        if wanted_s is not None and wanted_s > end_s + 0.5 / fps:
            raise BadInput(f"--from {wanted_s:g}: {clip.path} is over after {end_s:.2f} s; choose a moment before that")
        if len(held) <= lag:
            raise VideoError(
                f"{clip.path}: only {len(held)} frames before where it should go on, but a step of this bundle is "
                f"{lag} frames; choose a longer film or a later --from"
            )
        if wish.compare and not after:
            raise BadInput(f"{clip.path}: nothing of the film is left to compare with; choose an earlier --from")
        frames = [frame for _, frame in held]
        if wanted_s is None:  # the last second of the film is faded from
            fading = min(fading, len(frames) - lag - 1)
            at = len(frames) - 1 - fading
            return _Beginning(frames[: at + 1], frames[at + 1 :], held[at][0], lag)
        return _Beginning(frames, after, held[-1][0], lag)

    def _going_on(self, beginning: "_Beginning") -> Iterator[Frame]:
        fps, wish = self._clip.fps, self._wish
        total = round((wish.seconds or 0.0) * fps)
        fading = min(round(wish.fade_s * fps), len(beginning.after))
        leading = min(round(wish.fade_s * fps), len(beginning.frames), total // 2) if wish.loop else 0
        for k, picture in enumerate(islice(self._dreamed(beginning), total)):
            shown = _enlarged(picture, self._canvas)
            if k < fading:
                shown = _mixed(beginning.after[k], shown, (k + 1) / (fading + 1))
            if leading and k >= total - leading:  # back to the frames before it began
                back = beginning.frames[len(beginning.frames) - (total - k)]
                shown = _mixed(shown, back, (k - (total - leading) + 1) / (leading + 1))
            yield shown

    def _compared(self, beginning: "_Beginning") -> Iterator[Frame]:
        errors = []
        held = beginning.frames[-1]
        for real, picture in zip(beginning.after, self._dreamed(beginning), strict=False):
            shown = _enlarged(picture, self._canvas)
            errors.append((float(cv2.absdiff(shown, real).mean()), float(cv2.absdiff(held, real).mean())))
            yield np.hstack([real, shown])
        far = np.array(errors)
        print(
            f"levels off the real film after 1, {len(far) // 2} and {len(far)} frames: "
            + ", ".join(f"{far[k, 0]:.1f}" for k in (0, len(far) // 2, -1))
            + "; a last frame that stands: "
            + ", ".join(f"{far[k, 1]:.1f}" for k in (0, len(far) // 2, -1))
        )

    def _dreamed(self, beginning: "_Beginning") -> Iterator[Frame]:
        """Small pictures at the film's rate, the first a frame after the beginning."""
        size, wish, manifest = self._manifest.size, self._wish, self._manifest
        knobs = {knob.name: knob.default for knob in manifest.knobs}
        touch = Touch.of(knobs, None, None)
        touch = replace(
            touch,
            inject=0.0,
            guard=touch.guard if wish.guard is None else wish.guard,
            stir=touch.stir if wish.stir is None else wish.stir,
        )
        start, before = (covering(beginning.frames[-1 - back], size) for back in (0, beginning.lag))
        dream = Dream(start, FilmLook.from_metrics(manifest.metrics), before, wish.seed)
        first, second = start, dream.step(self._step, touch)
        between, at = Between(first, second), 0
        for k in count(1):
            place = k * manifest.fps / self._clip.fps
            while place >= at + 1 - 1e-6:
                first, second, at = second, dream.step(self._step, touch), at + 1
                between = Between(first, second)
            self.restarts = dream.restarts
            yield between.at(max(0.0, place - at))

    def _one_step(self) -> Iterator[Frame]:
        """Every frame of the film through the generator once; the first ones are shown as they are."""
        fps, wish, size = self._clip.fps, self._wish, self._manifest.size
        lag = max(1, round(fps / self._manifest.fps))
        begins_s = wish.from_s or 0.0
        ends_s = float("inf") if wish.seconds is None else begins_s + wish.seconds
        held: deque[Frame] = deque(maxlen=lag + 1)
        self.begins_s = begins_s
        for moment in evenly(self._clip):
            held.append(covering(moment.frame, size))
            if moment.time_s >= ends_s - 0.5 / fps:
                return
            if moment.time_s >= begins_s - 0.5 / fps:
                picture = self._step(held[-1], held[0]) if len(held) > lag else held[-1]
                yield _enlarged(picture, self._canvas)


@dataclass(frozen=True)
class _Beginning:
    """`frames` up to the one it goes on from, at `at_s`; `after` are real ones that follow. A step is `lag` frames."""

    frames: list[Frame]
    after: list[Frame]
    at_s: float
    lag: int


def _check(source: Path, out: Path, wish: Wish) -> None:
    if out.suffix.lower() != ".mp4":
        raise BadInput(f"{out}: a film that goes on is written as .mp4; choose such a name")
    if out.exists() and source.exists() and out.samefile(source):
        raise BadInput(f"{out}: this is the film itself; choose another file to write")
    if wish.seconds is None and not (wish.one_step or wish.compare):
        raise BadInput("for how long? Give --seconds")
    if wish.seconds is not None and not 0 < wish.seconds <= 24 * 3600:
        raise BadInput(f"--seconds {wish.seconds:g} cannot be: choose more than 0 and at most a day")
    if wish.from_s is not None and wish.from_s < 0:
        raise BadInput(f"--from {wish.from_s:g} is before the film; choose 0 or more seconds")
    if not 0 <= wish.fade_s <= LONGEST_FADE_S:
        raise BadInput(f"--fade {wish.fade_s:g} cannot be: choose 0 to {LONGEST_FADE_S} seconds")
    if wish.size is not None and (wish.size[0] > LARGEST[0] or wish.size[1] > LARGEST[1]):
        raise BadInput(f"a film of {wish.size[1]}x{wish.size[0]} is too large: at most {LARGEST[1]}x{LARGEST[0]}")
    if wish.one_step and (wish.compare or wish.loop):
        raise BadInput("--one-step passes the film's own frames through: it neither loops nor compares")


def _canvas(film: Size, generator: Size) -> Size:
    """The largest even size in the generator's shape within the film's and 1920 x 1080; never stretched."""
    scale = min(min(film[k], LARGEST[k]) / generator[k] for k in (0, 1))
    height, width = (max(2, round(side * scale) // 2 * 2) for side in generator)
    return height, width


def _enlarged(picture: Frame, size: Size) -> Frame:
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)


def _mixed(first: Frame, second: Frame, share: float) -> Frame:
    return np.asarray(cv2.addWeighted(first, 1 - share, second, share, 0), np.uint8)


def _fitted(picture: Frame, size: Size | None) -> Frame:
    """At the movie's size: a sliver is cut off, more is shown in bars."""
    if size is None or picture.shape[:2] == size:
        return picture
    shapes = sorted((picture.shape[1] / picture.shape[0], size[1] / size[0]))
    fit = covering if shapes[0] / shapes[1] > 1 - TRIMMED else letterboxed
    return fit(picture, size)


def _length_s(clip: VideoClip) -> float:
    return max(0.0, (clip.count - 1) / clip.fps)


def _sound(source: Path, out: Path, from_s: float, seconds: float) -> str:
    sound = read_sound(source)
    if sound is None:
        return ", silent as the film is"
    join_sound(out, going_on(sound, from_s, seconds))
    return ", with its sound"
