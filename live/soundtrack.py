"""The sound of a film that goes on: its own while it lasts, then from the beginning again, without a click."""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput, VideoError

RATE_HZ = 48_000
SEAM_S = 0.5
"""The end of a sound and its beginning again are cross-faded for so long."""
BLOCK = 1024


@dataclass(frozen=True)
class Sound:
    """(2, N) float32 samples at `RATE_HZ`, in -1..1; `starts_s` is when the first is heard in the film."""

    samples: NDArray[np.float32]
    starts_s: float = 0.0

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / RATE_HZ


def read_sound(film: Path) -> Sound | None:
    """The first sound track of a film, whole; None where it has none. Raises VideoError when it breaks off."""
    try:
        with av.open(str(film)) as file:
            if not file.streams.audio:
                return None
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE_HZ)
            blocks: list[np.ndarray] = []
            starts_s: float | None = None
            for frame in file.decode(file.streams.audio[0]):
                starts_s = float(frame.time or 0.0) if starts_s is None else starts_s
                blocks += [block.to_ndarray() for block in resampler.resample(frame)]
            blocks += [block.to_ndarray() for block in resampler.resample(None)]
    except av.FFmpegError as error:
        raise VideoError(f"{film}: its sound cannot be read ({error}); use --silent") from error
    if not blocks:
        return None
    return Sound(np.concatenate(blocks, axis=1).astype(np.float32), starts_s or 0.0)


def going_on(sound: Sound, from_s: float, seconds: float) -> Sound:
    """`seconds` of it from `from_s` of the film on, and from its beginning again whenever it is over."""
    wanted = round(seconds * RATE_HZ)
    seam = min(round(SEAM_S * RATE_HZ), sound.samples.shape[1] // 4)
    at = min(max(0, round((from_s - sound.starts_s) * RATE_HZ)), sound.samples.shape[1])
    made = sound.samples[:, at : at + wanted].copy()
    rise = np.sqrt(np.linspace(0, 1, seam, dtype=np.float32))  # equal power: what meets is not alike
    while made.shape[1] < wanted:
        overlap = min(seam, made.shape[1])
        again = sound.samples.copy()
        if overlap:
            again[:, :overlap] *= rise[-overlap:] if overlap == seam else np.sqrt(np.linspace(0, 1, overlap))
            fading = made[:, -overlap:] * rise[:overlap][::-1]
            again[:, :overlap] += fading
            made = made[:, :-overlap]
        made = np.concatenate([made, again], axis=1)
    return Sound(made[:, :wanted])


def join_sound(movie: Path, sound: Sound) -> None:
    """Put the sound beside the picture of `movie`, which is copied as it is. Raises BadInput."""
    part = movie.with_name(f".{movie.name}.{os.getpid()}.sound{movie.suffix}")
    try:
        with av.open(str(movie)) as source, av.open(str(part), "w", options={"movflags": "+faststart"}) as file:
            video = file.add_stream_from_template(source.streams.video[0])
            heard: Any = file.add_stream("aac", rate=RATE_HZ, layout="stereo")
            pending = _packets(heard, sound)
            coming = next(pending, None)
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is None:
                    continue
                now_s = float(packet.dts * packet.time_base)
                while coming is not None and (coming.dts is None or float(coming.dts * coming.time_base) <= now_s):
                    file.mux(coming)
                    coming = next(pending, None)
                packet.stream = video
                file.mux(packet)
            while coming is not None:
                file.mux(coming)
                coming = next(pending, None)
        os.replace(part, movie)
    except (OSError, ValueError) as error:
        raise BadInput(f"{movie}: the sound cannot be written ({error}); the picture alone is there") from error
    finally:
        part.unlink(missing_ok=True)


def _packets(stream: Any, sound: Sound) -> Any:
    for start in range(0, sound.samples.shape[1], BLOCK):
        block = np.ascontiguousarray(sound.samples[:, start : start + BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        yield from stream.encode(frame)
    yield from stream.encode(None)
