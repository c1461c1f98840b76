"""Black-and-white film, photos and folders of them in the colors of a bundle: as sharp as they were, at their own size.

The whole picture is squeezed to the net's shape and its color enlarged again along the edges of the picture, so that no
part of a wide film stays gray; on stage, where the camera may be cropped, it is.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.color import recolored
from engines.colorist import Colorist, colors
from engines.errors import BadInput
from engines.images import Frame
from engines.pictures import SUFFIXES, picture_files, read_picture
from engines.progress import Progress, bar
from engines.steadying import Flicker, SteadyColor
from live.ahead import ahead
from live.films import PART_FRAMES, Film, FilmParts, Shown

STEADY = 0.9


@dataclass(frozen=True)
class Colored:
    """What was made: how many pictures or frames, in how many seconds; of a film, how it flickers."""

    path: Path
    pictures: int
    took_s: float
    flicker: Flicker | None = None


def render_color(
    bundle: Path,
    source: Path,
    out: Path,
    *,
    steady: float = STEADY,
    frames: tuple[int, int | None] = (0, None),
    deinterlace: bool = False,
    knobs: Mapping[str, float] | None = None,
    backend: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
    say: Callable[[str], None] = print,
) -> Colored:
    """Color a film, a photo or a folder of photos into `out`, whatever color they had.

    A film keeps its frames' times, its sound (copied, not coded again) and the shape of its pixels; `frames` are the
    first and the one after the last. The same command goes on where it was interrupted. `steady` 0..1 is how much
    color is held from frame to frame. Raises BadInput, VideoError, BundleError, EngineError.
    """
    source, out = Path(source), Path(out)
    opened = open_bundle(bundle)
    if not colors(opened):
        raise BadInput(f"{opened.label} does not color: its finish is {opened.manifest.finish!r}, not 'join_chroma'")
    if out.exists() and source.exists() and out.resolve() == source.resolve():
        raise BadInput(f"{out}: this is the source itself; choose another place to write")
    photos = source.is_dir() or source.suffix.lower() in SUFFIXES
    film = None if photos else Film(source, deinterlace)
    cv2.setNumThreads(1)
    with ExitStack() as stack:
        colorist = Colorist(opened, open_engine(opened, backend, precision), knobs or {})
        stack.callback(colorist.close)
        told = progress or stack.enter_context(bar(f"coloring {source.name}"))
        if film is None:
            made = _photos(colorist, source, out, told)
        else:
            request = _request(opened, source, frames, deinterlace, steady, knobs or {})
            made = _film(colorist, film, out, steady, frames, request, told, say)
    rate = made.pictures / max(made.took_s, 1e-9)
    say(f"{made.path}: {made.pictures} {'pictures' if film is None else 'frames'}, {rate:.1f} a second")
    if made.flicker is not None:
        say(made.flicker.told)
    return made


def _film(
    colorist: Colorist,
    film: Film,
    out: Path,
    strength: float,
    frames: tuple[int, int | None],
    request: Mapping[str, Any],
    progress: Progress,
    say: Callable[[str], None],
) -> Colored:
    if film.is_interlaced and not film.deinterlace:
        say(f"{film.path.name} is interlaced: with --deinterlace its combs go")
    first, stop = frames
    total = max(1, (film.count if stop is None else min(stop, film.count)) - first)
    parts, steady = FilmParts(out, film, request), SteadyColor(strength)
    state = parts.state()
    begin = int(state["last_number"]) + 1 if state else first
    if state:
        steady.remember({name.removeprefix("steady_"): v for name, v in state.items() if name.startswith("steady_")})
        say(f"{out}: goes on at frame {begin}; {begin - first} are done")
    began, done = time.monotonic(), 0
    waiting: list[Shown] = []
    for shown in ahead(film.frames(begin, stop)):
        seen, color = colorist.color(shown.frame)
        waiting.append(Shown(shown.number, shown.pts, recolored(steady(seen, color), shown.frame)))
        done += 1
        progress(begin - first + done, max(total, begin - first + done))
        if len(waiting) == PART_FRAMES:
            parts.write(waiting, {f"steady_{name}": value for name, value in steady.memory().items()})
            waiting = []
    if waiting:
        parts.write(waiting, {f"steady_{name}": value for name, value in steady.memory().items()})
    if not parts.done():
        raise BadInput(f"{film.path}: has no frame {first}; it has about {film.count}")
    parts.finish()
    return Colored(out, begin - first + done, time.monotonic() - began, steady.flicker)


def _photos(colorist: Colorist, source: Path, out: Path, progress: Progress) -> Colored:
    pairs = list(_places(source, out))
    began = time.monotonic()
    for number, (photo, place) in enumerate(pairs):
        frame = read_picture(photo)
        _, color = colorist.color(frame)
        _write(place, recolored(color, frame))
        progress(number + 1, len(pairs))
    return Colored(out, len(pairs), time.monotonic() - began)


def _places(source: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    if not source.is_dir():
        if not source.is_file():
            raise BadInput(f"{source}: there is no such picture")
        if out.suffix.lower() not in SUFFIXES:
            raise BadInput(f"{out}: a picture is written as {', '.join(SUFFIXES)}; choose one of these names")
        yield source, out
        return
    found = picture_files(source)
    if not found:
        raise BadInput(f"{source}: there is no picture in this folder")
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: is a file; a folder of pictures is colored into a folder")
    for path in found:
        yield path, out / path.name


def _write(place: Path, picture: Frame) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        options = [cv2.IMWRITE_JPEG_QUALITY, 95] if place.suffix.lower() in (".jpg", ".jpeg") else []
        done, data = cv2.imencode(place.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
        assert done
        part = place.with_name(f".{place.name}.part")
        part.write_bytes(data.tobytes())
        part.replace(place)
    except OSError as error:
        raise BadInput(f"{place}: cannot be written ({error.strerror}); choose another place") from error


def _request(
    bundle: Bundle,
    source: Path,
    frames: tuple[int, int | None],
    deinterlace: bool,
    steady: float,
    knobs: Mapping[str, float],
) -> dict[str, Any]:
    """What decides the result; a render is only continued for the same."""
    stat = source.stat()
    return {
        "bundle": bundle.manifest.files or bundle.manifest.name,
        "source": [source.name, stat.st_size, stat.st_mtime_ns],
        "frames": list(frames),
        "deinterlace": deinterlace,
        "steady": steady,
        "knobs": dict(knobs),
    }
