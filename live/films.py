"""A film in, a film out: the same frames at the same times, the same shape of pixels, the same sound.

The picture is written in parts, each whole once it is there, and joined with the untouched sound at the end: what was
interrupted goes on after its last part.
"""

import heapq
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from engines.errors import BadInput, UnderstudyError, VideoError
from engines.images import Frame

PART_FRAMES = 250
QUALITY = 16
FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
UNSPECIFIED, BT709, BT601 = 2, 1, 5
HD_HEIGHT = 720
"""What says nothing of its matrix is BT.601 below and BT.709 from here on, as players take it."""


@dataclass(frozen=True)
class Shown:
    """One frame of a film: its number from 0, its time in ticks of the film's time base, the picture."""

    number: int
    pts: int
    frame: Frame


class Film:
    """A film file, read from its beginning at each call of `frames`. Raises VideoError when it is none."""

    def __init__(self, path: Path, deinterlace: bool = False) -> None:
        if not path.is_file():
            raise VideoError(f"{path}: there is no such film")
        self.path, self.deinterlace = path, deinterlace
        try:
            with av.open(str(path)) as file:
                if not file.streams.video:
                    raise VideoError(f"{path}: holds no picture, only {_kinds(file)}")
                stream = file.streams.video[0]
                first = next(iter(file.decode(stream)), None)
                if first is None:
                    raise VideoError(f"{path}: no picture can be read from it; is it a whole film?")
                self.size = first.height, first.width
                self.time_base = Fraction(stream.time_base or Fraction(1, 90_000))
                self.fps = Fraction(stream.average_rate or stream.guessed_rate or 25)
                self.aspect = stream.sample_aspect_ratio or Fraction(1)
                self.has_sound = bool(file.streams.audio)
                self.is_interlaced = bool(first.interlaced_frame)
                length = stream.duration * self.time_base if stream.duration else _seconds(file)
                self.count = stream.frames or max(1, round(length * self.fps))
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{path}: cannot be read as a film ({error})") from error

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Shown]:
        """Frames from `start` up to before `stop`, all decoded from the beginning: seeking is not exact everywhere."""
        try:
            with av.open(str(self.path)) as file:
                file.streams.video[0].thread_type = "AUTO"
                last = -1
                for number, frame in enumerate(self._decoded(file)):
                    if stop is not None and number >= stop:
                        return
                    # A time that is missing or runs backward is the one before and a frame's length.
                    step = max(1, round(1 / (self.fps * self.time_base)))
                    pts = frame.pts if frame.pts is not None and frame.pts > last else last + step
                    last = pts
                    if number >= start:
                        yield Shown(number, pts, _rgb(frame))
        except av.FFmpegError as error:
            raise VideoError(f"{self.path}: breaks off while it is read ({error})") from error

    def _decoded(self, file: Any) -> Iterator[Any]:
        stream = file.streams.video[0]
        if not self.deinterlace:
            yield from file.decode(stream)
            return
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(template=stream), graph.add("bwdif", "mode=send_frame"), graph.add("buffersink")
        )
        graph.configure()
        for frame in _with_end(file.decode(stream)):
            graph.push(frame)
            yield from _pulled(graph)


def _with_end(frames: Iterator[Any]) -> Iterator[Any]:
    yield from frames
    yield None


def _pulled(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _rgb(frame: Any) -> Frame:
    said = int(frame.colorspace)
    matrix = said if said not in (UNSPECIFIED, 0) else (BT709 if frame.height >= HD_HEIGHT else BT601)
    return np.asarray(frame.reformat(format="rgb24", src_colorspace=matrix).to_ndarray(), np.uint8)


def _kinds(file: Any) -> str:
    return ", ".join(sorted({stream.type for stream in file.streams})) or "nothing"


def _seconds(file: Any) -> Fraction:
    return Fraction(file.duration, 1_000_000) if file.duration else Fraction(1)


class FilmParts:
    """The parts of a film that is being written, beside it in `.NAME.parts`.

    `request` says what is being made: parts of another request are thrown away. Raises BadInput when nothing can be
    written there, or when the sound does not fit into a film of that name.
    """

    def __init__(self, out: Path, film: Film, request: Mapping[str, Any]) -> None:
        self.out, self.film = out, film
        self.size = film.size[0] // 2 * 2, film.size[1] // 2 * 2  # 4:2:0 has half as many colors along each axis
        if out.suffix.lower() not in FORMATS:
            raise BadInput(f"{out}: a film is written as {', '.join(FORMATS)}; choose one of these names")
        self.folder = out.with_name(f".{out.name}.parts")
        note = self.folder / "request.json"
        wanted = json.dumps(dict(request), sort_keys=True)
        try:
            if self.folder.exists() and (not note.exists() or note.read_text() != wanted):
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            note.write_text(wanted)
        except OSError as error:
            raise BadInput(f"{out}: cannot be written ({error.strerror}); choose another file") from error
        self._check_sound()

    def done(self) -> list[Path]:
        """Whole parts, first to last."""
        found = sorted(self.folder.glob("part-*.npz"))
        return [path for path in found if path.with_suffix(".mp4").exists()]

    def state(self) -> dict[str, np.ndarray]:
        """What was kept with the last part; empty before the first one."""
        parts = self.done()
        if not parts:
            return {}
        with np.load(parts[-1], allow_pickle=False) as held:
            return {name: held[name] for name in held.files}

    def write(self, shown: Iterator[Shown] | list[Shown], state: Mapping[str, np.ndarray]) -> None:
        """One part, whole or not at all; `state` is kept with it."""
        place = self.folder / f"part-{len(self.done()):06d}.mp4"
        part = place.with_suffix(".part")
        shown = list(shown)
        try:
            with av.open(str(part), "w", format="mp4") as file:
                stream = self._stream(file)
                for one in shown:
                    picture = np.ascontiguousarray(one.frame[: self.size[0], : self.size[1]])
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                    frame.pts, frame.time_base = one.pts - shown[0].pts, self.film.time_base
                    file.mux(stream.encode(frame))
                file.mux(stream.encode())
            part.replace(place)
            kept = place.with_suffix(".part.npz")
            ends = {"first_pts": shown[0].pts, "last_pts": shown[-1].pts, "last_number": shown[-1].number}
            np.savez(kept, **{name: np.asarray(value) for name, value in {**state, **ends}.items()})  # type: ignore[arg-type]
            kept.replace(place.with_suffix(".npz"))
        except OSError as error:
            raise UnderstudyError(
                f"{self.out}: cannot be written any more ({error.strerror or error}); what was written is kept: free "
                "some space and run the same command again"
            ) from error

    def finish(self) -> None:
        """Join the parts and the sound, and forget the parts."""
        part = self.out.with_name(f".{self.out.name}.part")
        try:
            with av.open(str(part), "w", format=FORMATS[self.out.suffix.lower()]) as file, _Sound(self.film) as sound:
                self._join(file, sound)
            part.replace(self.out)
        except OSError as error:
            raise UnderstudyError(f"{self.out}: cannot be written ({error.strerror or error})") from error
        finally:
            part.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _join(self, file: Any, sound: "_Sound") -> None:
        parts = self.done()
        with np.load(parts[0]) as first, np.load(parts[-1]) as last:
            begin = int(first["first_pts"]) * self.film.time_base
            length = 1 / self.film.fps
            end = int(last["last_pts"]) * self.film.time_base + length
        with av.open(str(parts[0].with_suffix(".mp4"))) as template:
            video = file.add_stream_from_template(template.streams.video[0])
        heard = file.add_stream_from_template(sound.stream) if sound.stream is not None else None
        packets = heapq.merge(
            self._pictures(parts, begin, video), sound.packets(begin, end, heard), key=lambda timed: timed[0]
        )
        for _, packet in packets:
            file.mux(packet)

    def _pictures(self, parts: list[Path], begin: Fraction, video: Any) -> Iterator[tuple[float, Any]]:
        for place in parts:
            with np.load(place) as held:
                offset = int(held["first_pts"]) * self.film.time_base - begin
            with av.open(str(place.with_suffix(".mp4"))) as file:
                for packet in file.demux(video=0):
                    if packet.dts is None:
                        continue
                    yield _shifted(packet, offset, video)

    def _stream(self, file: Any) -> Any:
        stream = file.add_stream("libx264", rate=self.film.fps)
        stream.height, stream.width, stream.pix_fmt = *self.size, "yuv420p"
        # Without B-frames parts can be joined packet by packet.
        stream.options = {"preset": "medium", "crf": str(QUALITY), "bf": "0"}
        stream.codec_context.time_base = self.film.time_base
        stream.codec_context.sample_aspect_ratio = self.film.aspect
        for name, value in (("colorspace", 1), ("color_primaries", 1), ("color_trc", 1), ("color_range", 1)):
            setattr(stream.codec_context, name, value)
        return stream

    def _check_sound(self) -> None:
        """Found out before hours of work, not after."""
        if not self.film.has_sound:
            return
        trial = self.folder / f"sound{self.out.suffix}"
        try:
            with av.open(str(trial), "w", format=FORMATS[self.out.suffix.lower()]) as file, _Sound(self.film) as sound:
                self._stream(file)
                if sound.stream is not None:
                    file.add_stream_from_template(sound.stream)
                file.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise BadInput(
                f"{self.film.path}: its sound cannot be copied into {self.out.suffix} ({error}); name a film .mkv"
            ) from error
        finally:
            trial.unlink(missing_ok=True)


class _Sound:
    """The first sound track of a film, packet by packet; none where there is none."""

    def __init__(self, film: Film) -> None:
        self._file = av.open(str(film.path))
        self.stream = self._file.streams.audio[0] if self._file.streams.audio else None

    def __enter__(self) -> "_Sound":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def packets(self, begin: Fraction, end: Fraction, heard: Any) -> Iterator[tuple[float, Any]]:
        """Those that begin within `begin` to `end` seconds, their times counted from `begin`."""
        if heard is None:
            return
        for packet in self._file.demux(self.stream):
            if packet.dts is None or packet.pts is None:
                continue
            at = packet.pts * packet.time_base
            if at >= end:
                return
            # The one that ends where the picture begins primes the decoder.
            if at + (packet.duration or 0) * packet.time_base >= begin:
                yield _shifted(packet, -begin, heard)


def _shifted(packet: Any, seconds: Fraction, stream: Any) -> tuple[float, Any]:
    ticks = round(seconds / packet.time_base)
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
    packet.stream = stream
    return float(packet.dts * packet.time_base), packet
