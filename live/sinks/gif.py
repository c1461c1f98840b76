"""A moving picture for pages that play no films: one palette for all of it, made of its own colors."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph

from engines.errors import BadInput
from engines.images import Frame, Size, letterboxed

RATE_HZ = 12.5
"""A GIF counts in hundredths of a second, and many programs show nothing quicker than two of them."""
COLORS = 160


class Gif:
    """Like a `Movie`, but what comes sooner than `RATE_HZ` asks for is left out. All of it is held until `close`."""

    def __init__(self, path: Path, size: Size) -> None:
        self.path, self.size, self._due_s = path, size, 0.0
        self._pictures: list[Frame] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = av.open(str(path), "w", format="gif", options={"loop": "0"})
        except OSError as error:
            raise BadInput(f"{path}: cannot be written ({error.strerror or error}); choose another file") from error

    def write(self, picture: Frame, time_s: float) -> None:
        if time_s < self._due_s - 1e-4:
            return
        self._due_s += 1 / RATE_HZ
        self._pictures.append(np.ascontiguousarray(letterboxed(picture, self.size)))

    def close(self) -> None:
        """Choose the palette and write the file."""
        stream: Any = self._file.add_stream("gif", rate=Fraction(RATE_HZ).limit_denominator(100))
        stream.height, stream.width = self.size
        stream.pix_fmt = "pal8"
        if self._pictures:
            graph = self._graph()
            for number, picture in enumerate(self._pictures):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, 1 / Fraction(RATE_HZ)
                graph.push(frame)
            graph.push(None)
            for number in range(len(self._pictures)):
                frame = graph.pull()  # type: ignore[assignment]
                frame.pts, frame.time_base = number, 1 / Fraction(RATE_HZ)
                self._file.mux(stream.encode(frame))
            self._file.mux(stream.encode())
        self._file.close()

    def _graph(self) -> Graph:
        height, width = self.size
        graph = Graph()
        rate = Fraction(RATE_HZ)
        source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=1 / rate)  # type: ignore[arg-type]
        split = graph.add("split")
        palette = graph.add("palettegen", f"max_colors={COLORS}:reserve_transparent=0:stats_mode=full")
        use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph
