"""Small real generators and bundles: ONNX graphs of a handful of nodes that compute what a test can compute too."""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.bundle import Bundle, Graph, Knob, Manifest, Port, made_bundle
from engines.pose.skeleton import DEFAULT_STYLE, style_hash

Weights = dict[str, NDArray]


def model(nodes: Sequence, inputs: Sequence, outputs: Sequence, weights: Weights, opset: int = 18) -> bytes:
    """A serialized ONNX model of these nodes."""
    kept = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(list(nodes), "generator", list(inputs), list(outputs), kept)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 9
    onnx.checker.check_model(made)
    return made.SerializeToString()


def picture(name: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, list(shape))


def number(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])


def head(source: str, out: str) -> list:
    """uint8 (H, W, C) -> float (1, C, H, W) in 0..1."""
    return [
        helper.make_node("Cast", [source], [f"{out}_f"], to=TensorProto.FLOAT),
        helper.make_node("Div", [f"{out}_f", "levels"], [f"{out}_u"]),
        helper.make_node("Transpose", [f"{out}_u"], [f"{out}_t"], perm=[2, 0, 1]),
        helper.make_node("Unsqueeze", [f"{out}_t", "batch_axis"], [out]),
    ]


def tail(source: str, out: str) -> list:
    """float (1, C, H, W) in 0..1 -> uint8 (H, W, C), rounded and clipped before the cast."""
    return [
        helper.make_node("Squeeze", [source, "batch_axis"], [f"{out}_s"]),
        helper.make_node("Transpose", [f"{out}_s"], [f"{out}_t"], perm=[1, 2, 0]),
        helper.make_node("Mul", [f"{out}_t", "levels"], [f"{out}_l"]),
        helper.make_node("Round", [f"{out}_l"], [f"{out}_r"]),
        helper.make_node("Clip", [f"{out}_r", "black", "levels_top"], [f"{out}_c"]),
        helper.make_node("Cast", [f"{out}_c"], [out], to=TensorProto.UINT8),
    ]


def shared_weights() -> Weights:
    return {
        "levels": np.float32(255),
        "levels_top": np.float32(255),
        "black": np.float32(0),
        "batch_axis": np.array([0], np.int64),
    }


def figure_graph(size: int = 64, seed: int = 0, knob: bool = False, output: str = "figure") -> bytes:
    """conditioning (S, S, 3) -> 3 x 3 convolution -> figure (S, S, 4) or image (S, S, 3), with an optional knob."""
    channels = {"figure": 4, "image": 3}[output]
    rng = np.random.default_rng(seed)
    weights = {
        **shared_weights(),
        "kernel": rng.normal(0, 0.25, (channels, 3, 3, 3)).astype(np.float32),
        "bias": rng.uniform(0.2, 0.6, channels).astype(np.float32),
    }
    nodes = head("conditioning", "x")
    nodes.append(helper.make_node("Conv", ["x", "kernel", "bias"], ["y"], pads=[1, 1, 1, 1]))
    last = "y"
    if knob:
        nodes.append(helper.make_node("Mul", ["y", "strength"], ["z"]))
        last = "z"
    nodes += tail(last, output)
    inputs = [picture("conditioning", (size, size, 3))] + ([number("strength")] if knob else [])
    return model(nodes, inputs, [picture(output, (size, size, channels))], weights)


def recurrent_graph(size: int = 64, output: str = "image") -> bytes:
    """Half the conditioning (its first channels) and half the previous picture: remembers, and forgets by halves."""
    channels = {"figure": 4, "image": 3}[output]
    spread = np.zeros((channels, 3, 1, 1), np.float32)
    spread[:3, :, 0, 0] = np.eye(3)
    spread[3:] = 1 / 3
    weights = {**shared_weights(), "half": np.float32(0.5), "spread": spread}
    nodes = [
        *head("conditioning", "x"),
        *head("previous", "p"),
        helper.make_node("Conv", ["x", "spread"], ["wide"]),
        helper.make_node("Add", ["wide", "p"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["mean"]),
        *tail("mean", output),
    ]
    inputs = [picture("conditioning", (size, size, 3)), picture("previous", (size, size, channels))]
    return model(nodes, inputs, [picture(output, (size, size, channels))], weights)


def manifest(size: int = 64, **changes: object) -> Manifest:
    """A manifest for `figure_graph(size)`; `changes` replace its fields."""
    fields: dict[str, object] = {
        "name": "fake",
        "method": "pix2pix",
        "conditioning": "skeleton",
        "size": (size, size),
        "inputs": (Port(name="conditioning", shape=(size, size, 3), dtype="uint8"),),
        "outputs": (Port(name="figure", shape=(size, size, 4), dtype="uint8"),),
        "finish": "over_plate",
        "graphs": (Graph(file="generator.onnx", precision="f32"),),
        "skeleton": DEFAULT_STYLE,
        "skeleton_hash": style_hash(DEFAULT_STYLE),
        "proportions": None,
        "fps": 25.0,
    }
    return Manifest.model_validate({**fields, **changes})


def png(image: NDArray[np.uint8]) -> bytes:
    """An RGB picture as PNG bytes."""
    import cv2

    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def room(size: int = 64, seed: int = 3) -> NDArray[np.uint8]:
    """A plate larger than the square: (S + 16, S + 32, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (size + 16, size + 32, 3), dtype=np.uint8)


def figure_bundle(size: int = 64, seed: int = 0, plate: bool = True, **changes: object) -> Bundle:
    """RGBA over a plate, as the light generator is exported; in memory."""
    files = {"generator.onnx": figure_graph(size, seed)}
    if plate:
        files["plate.png"] = png(room(size))
        changes.setdefault("plate_at", (8, 20))
    return made_bundle(manifest(size, **changes), files)


def image_bundle(size: int = 64, seed: int = 0, **changes: object) -> Bundle:
    """RGB without a plate."""
    outputs = (Port(name="image", shape=(size, size, 3), dtype="uint8"),)
    described = manifest(size, outputs=outputs, finish="none", **changes)
    return made_bundle(described, {"generator.onnx": figure_graph(size, seed, output="image")})


def recurrent_bundle(size: int = 64, output: str = "image", **changes: object) -> Bundle:
    """A generator that looks at its own last picture too."""
    channels = {"figure": 4, "image": 3}[output]
    described = manifest(
        size,
        inputs=(
            Port(name="conditioning", shape=(size, size, 3), dtype="uint8"),
            Port(name="previous", shape=(size, size, channels), dtype="uint8"),
        ),
        outputs=(Port(name=output, shape=(size, size, channels), dtype="uint8"),),
        finish={"figure": "over_plate", "image": "none"}[output],
        **changes,
    )
    return made_bundle(described, {"generator.onnx": recurrent_graph(size, output)})


def knob_bundle(size: int = 64) -> Bundle:
    """A generator with one knob, `strength`, that scales its picture."""
    described = manifest(
        size,
        inputs=(
            Port(name="conditioning", shape=(size, size, 3), dtype="uint8"),
            Port(name="strength", shape=(1,), dtype="float32"),
        ),
        knobs=(Knob(name="strength", low=0, high=1, default=1),),
    )
    return made_bundle(described, {"generator.onnx": figure_graph(size, knob=True)})


def color_bundle(size: int = 64, slope: tuple[float, float] = (0.4, -0.3), **changes: object) -> Bundle:
    """Gray to chroma: a and b are `slope` times how far the gray is from the middle.

    Times the knob `saturation`, and turned by the knob `hue`.
    """
    weights = {
        **shared_weights(),
        "kernel": np.array(slope, np.float32).reshape(2, 1, 1, 1),
        "across_kernel": np.array((-slope[1], slope[0]), np.float32).reshape(2, 1, 1, 1),
        "degree": np.float32(np.pi / 180),
        "middle": np.float32(0.5),
        "none": np.float32(128 / 255),
    }
    nodes = [
        *head("conditioning", "x"),
        helper.make_node("Sub", ["x", "middle"], ["off"]),
        helper.make_node("Conv", ["off", "kernel"], ["tinted"]),
        helper.make_node("Conv", ["off", "across_kernel"], ["across"]),
        helper.make_node("Mul", ["hue", "degree"], ["turn"]),
        helper.make_node("Cos", ["turn"], ["cosine"]),
        helper.make_node("Sin", ["turn"], ["sine"]),
        helper.make_node("Mul", ["tinted", "cosine"], ["kept"]),
        helper.make_node("Mul", ["across", "sine"], ["gone"]),
        helper.make_node("Add", ["kept", "gone"], ["turned"]),
        helper.make_node("Mul", ["turned", "saturation"], ["strong"]),
        helper.make_node("Add", ["strong", "none"], ["color"]),
        *tail("color", "chroma"),
    ]
    inputs = [picture("conditioning", (size, size, 1)), number("saturation"), number("hue")]
    described = manifest(
        size,
        method="colorize",
        conditioning="gray",
        finish="join_chroma",
        inputs=(
            Port(name="conditioning", shape=(size, size, 1), dtype="uint8"),
            Port(name="saturation", shape=(1,), dtype="float32"),
            Port(name="hue", shape=(1,), dtype="float32"),
        ),
        outputs=(Port(name="chroma", shape=(size, size, 2), dtype="uint8"),),
        knobs=(Knob(name="saturation", low=0, high=3, default=1), Knob(name="hue", low=-180, high=180, default=0)),
        skeleton=None,
        skeleton_hash="",
        **changes,
    )
    return made_bundle(
        described, {"generator.onnx": model(nodes, inputs, [picture("chroma", (size, size, 2))], weights)}
    )


def composite_bundle(size: int = 64, scene: NDArray[np.uint8] | None = None) -> Bundle:
    """Shows what was laid into the scene as it is: kind `composite`."""
    from engines.bundle.manifest import STAGE_KNOBS

    nodes = [*head("conditioning", "x"), *tail("x", "figure")]
    graph = model(
        nodes, [picture("conditioning", (size, size, 4))], [picture("figure", (size, size, 4))], shared_weights()
    )
    described = manifest(
        size,
        conditioning="composite",
        skeleton=None,
        skeleton_hash="",
        inputs=(Port(name="conditioning", shape=(size, size, 4), dtype="uint8"),),
        knobs=tuple(Knob(name=name, default=0.0 if name == "horizon" else 0.8) for name in STAGE_KNOBS["composite"]),
    )
    room_of_it = np.full((size, size, 3), 90, np.uint8) if scene is None else scene
    return made_bundle(described, {"generator.onnx": graph, "plate.png": png(room_of_it)})


def noise_bundle(size: int = 16) -> Bundle:
    """Shows the noise it is given as gray: kind `none`, with the knob `walk`."""
    weights = {
        **shared_weights(),
        "half": np.float32(0.5),
        "eighth": np.float32(0.125),
        "shape": np.array([1, 3, size, size], np.int64),
    }
    nodes = [
        helper.make_node("Reshape", ["noise", "shape"], ["n"]),
        helper.make_node("Mul", ["n", "eighth"], ["m"]),
        helper.make_node("Add", ["m", "half"], ["x"]),
        *tail("x", "image"),
    ]
    noise = helper.make_tensor_value_info("noise", TensorProto.FLOAT, [3 * size * size])
    described = manifest(
        size,
        conditioning="none",
        skeleton=None,
        skeleton_hash="",
        finish="none",
        inputs=(Port(name="noise", shape=(3 * size * size,), dtype="float32"),),
        outputs=(Port(name="image", shape=(size, size, 3), dtype="uint8"),),
        knobs=(Knob(name="walk", default=1.0, high=4.0),),
    )
    return made_bundle(
        described, {"generator.onnx": model(nodes, [noise], [picture("image", (size, size, 3))], weights)}
    )
