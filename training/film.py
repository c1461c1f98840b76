"""Films in and out, for what training keeps: time-lapses, and pairs that are packed small."""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from engines.errors import VideoError
from engines.images import Frame, resized


def write_film(path: Path, frames: Iterable[Frame], fps: float, quality: int = 20, full_color: bool = False) -> int:
    """H.264 in an MP4, renamed into place when it is whole; returns how many frames it holds.

    `quality` is x264's crf (18 is hard to tell from the frames). `full_color` keeps a color for every pixel, which not
    every player shows. Frames of odd sides lose their last row or column. Raises OSError like any writing.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    count, stream = 0, None
    try:
        with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as file:
            for frame in frames:
                if stream is None:
                    stream = _stream(file, frame, fps, quality, full_color)
                file.mux(stream.encode(_encodable(frame, stream)))
                count += 1
            if stream is not None:
                file.mux(stream.encode())
        if count:
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


def read_film(path: Path) -> Iterator[Frame]:
    """The frames of a film that `write_film` made, (H, W, 3) RGB. Raises VideoError when it is none."""
    try:
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                decoded = frame.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG")
                yield np.asarray(decoded.to_ndarray(), np.uint8)
    except (av.FFmpegError, IndexError) as error:
        raise VideoError(f"{path}: cannot be read as a film ({error}).") from error


def write_timelapse(run: Path, widest: int = 1280, pause_s: float = 2.0) -> Path | None:
    """RUN/timelapse.mp4: every sample sheet of the run for half a second, the last one longer."""
    sheets = sorted((run / "samples").glob("step-*.png"))
    if len(sheets) < 2:
        return None
    first = _sheet(sheets[-1])
    scale = min(1.0, widest / first.shape[1])
    size = (round(first.shape[0] * scale), round(first.shape[1] * scale))
    path = run / "timelapse.mp4"
    held = [*sheets, *[sheets[-1]] * round(2 * pause_s)]
    write_film(path, (resized(_sheet(sheet), size) for sheet in held), fps=2)
    return path


def _sheet(path: Path) -> Frame:
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB), np.uint8)


def _stream(file: Any, frame: Frame, fps: float, quality: int, full_color: bool) -> Any:
    stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
    even = 1 if full_color else 2
    stream.height, stream.width = (side // even * even for side in frame.shape[:2])
    stream.pix_fmt = "yuv444p" if full_color else "yuv420p"
    stream.options = {"preset": "medium", "crf": str(quality)}
    # Said and done: BT.709, limited range. Players guess by size when nothing is said, and shift the colors.
    for name, value in (("colorspace", 1), ("color_primaries", 1), ("color_trc", 1), ("color_range", 1)):
        setattr(stream.codec_context, name, value)
    return stream


def _encodable(frame: Frame, stream: Any) -> av.VideoFrame:
    cut = np.ascontiguousarray(frame[: stream.height, : stream.width])
    picture = av.VideoFrame.from_ndarray(cut, format="rgb24")
    return picture.reformat(format=stream.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG")
