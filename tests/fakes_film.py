"""Films drawn here: something moves at a known speed, with a cut where one is wanted."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from engines.images import Frame, Size

CLOCK = Fraction(1, 90_000)


def drifting(count: int, size: Size = (48, 64), speed: float = 1.0, seed: int = 0) -> list[Frame]:
    """A cloudy pattern that wraps around and moves `speed` pixels right with each frame."""
    height, width = size
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(0, 256, (8, 8, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.integers(0, 80, (24, 24, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    pattern = np.clip(coarse.astype(int) * 0.7 + fine, 0, 255).astype(np.float32)
    wide = np.concatenate([pattern, pattern, pattern], axis=1)
    frames = []
    for k in range(count):
        shift = np.float32([[1, 0, (speed * k) % width - width], [0, 1, 0]])
        moved = cv2.warpAffine(wide, shift, (width, height), flags=cv2.INTER_LINEAR)
        frames.append(moved.round().astype(np.uint8))
    return frames


def written(path: Path, frames: Sequence[Frame], fps: int = 10, times: Sequence[float] | None = None) -> Path:
    """An H.264 film of the frames, at `times` seconds where the rate varies; without a sound track."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "8", "preset": "veryfast"}
        if times is not None:
            stream.codec_context.time_base = CLOCK
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[k] / CLOCK), CLOCK
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def with_sound(path: Path, film: Path, seconds: float) -> Path:
    """`film` with a tone beside it."""
    rate = 24_000
    tone = (0.2 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 440 / rate)).astype(np.float32)
    with av.open(str(film)) as source, av.open(str(path), "w") as file:
        video = file.add_stream_from_template(source.streams.video[0])
        audio = file.add_stream("aac", rate=rate)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                file.mux(packet)
        for start in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            file.mux(audio.encode(frame))
        file.mux(audio.encode())
    return path
