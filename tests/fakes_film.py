"""Films drawn here: something moves at a known speed, with a cut where one is wanted."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from onnx import helper

from engines.bundle import Bundle, Graph, Knob, Manifest, Port, made_bundle
from engines.film.statistics import FilmLook
from engines.images import Frame, Size
from tests.fakes_engines import head, model, picture, png, shared_weights, tail

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
        for k, shown in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")
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


def drift_bundle(film: Sequence[Frame], shift: int = 2, fps: float = 10.0, **knobs: float) -> Bundle:
    """A performer that moves its last picture `shift` pixels right, around the edge, and begins with the film's last.

    It looks at the picture before as well, and gives it no say.
    """
    height, width = film[0].shape[:2]
    shape = (height, width, 3)
    nodes = [
        *head("conditioning", "x"),
        *head("before", "b"),
        helper.make_node("Slice", ["x", "left", "right", "across"], ["late"]),
        helper.make_node("Slice", ["x", "zero", "left", "across"], ["early"]),
        helper.make_node("Concat", ["late", "early"], ["moved"], axis=3),
        helper.make_node("Mul", ["b", "nothing"], ["unheard"]),
        helper.make_node("Add", ["moved", "unheard"], ["next"]),
        *tail("next", "image"),
    ]
    weights = {
        **shared_weights(),
        "left": np.array([width - shift], np.int64),
        "right": np.array([width], np.int64),
        "zero": np.array([0], np.int64),
        "across": np.array([3], np.int64),
        "nothing": np.float32(0),
    }
    graph = model(nodes, [picture("conditioning", shape), picture("before", shape)], [picture("image", shape)], weights)
    changes = float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(film[1:], film[:-1], strict=True)]))
    described = Manifest(
        name="drift",
        method="next_frame",
        conditioning="previous",
        size=(height, width),
        inputs=tuple(Port(name=name, shape=shape, dtype="uint8") for name in ("conditioning", "before")),
        outputs=(Port(name="image", shape=shape, dtype="uint8"),),
        finish="none",
        fps=fps,
        knobs=tuple(Knob(name=name, default=knobs.get(name, 0.0)) for name in ("inject", "disturb", "stir", "guard")),
        graphs=(Graph(file="generator.onnx", precision="f32"),),
        metrics=FilmLook.of(film, changes).metrics(),
    )
    return made_bundle(described, {"generator.onnx": graph, "plate.png": png(film[-1])})
