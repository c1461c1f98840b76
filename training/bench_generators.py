"""The generators that `bench engines` measures, with random weights: speed does not depend on what was learned."""

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from engines.bundle import Bundle, Graph, Manifest, Port, made_bundle
from engines.images import Frame
from engines.pose.puppet import BuiltInDancer
from engines.pose.skeleton import DEFAULT_STYLE, drawn_skeleton, style_hash
from training.config import GeneratorConfig
from training.macs import macs
from training.networks import generator
from training.ports import OPSET, ported
from training.quantization import int8_graph

GENERATORS = {
    "light": GeneratorConfig(),
    "unet": GeneratorConfig(kind="unet", width=64, downs=8),
    "resnet": GeneratorConfig(kind="resnet", width=64, blocks=9),
}
PICTURES = 8
STRIDE_S = 2.7


@dataclass(frozen=True)
class Contender:
    """One generator at one size, ready to be opened anywhere."""

    name: str
    size: int
    network: nn.Module
    bundle: Bundle
    pictures: tuple[Frame, ...]
    gmacs: float


def contender(name: str, size: int, config: GeneratorConfig | None = None) -> Contender:
    """The generator of that name, or that of `config`."""
    torch.manual_seed(0)
    network = generator(config or GENERATORS[name], matte=True).eval()
    pictures = tuple(_skeletons(size))
    graph = _exported(network, size)
    manifest = _manifest(size)
    files = {
        "generator.onnx": graph,
        "generator.int8.onnx": int8_graph(graph, [{"conditioning": picture} for picture in pictures]),
    }
    gmacs = macs(network, (1, 3, size, size)) / 1e9
    return Contender(name, size, network, made_bundle(manifest, files), pictures, gmacs)


def _skeletons(size: int) -> Iterator[Frame]:
    dancer = BuiltInDancer(size=(size, size))
    for number in range(PICTURES):
        yield drawn_skeleton(dancer.landmarks_at(STRIDE_S * number), (size, size))


def _exported(network: nn.Module, size: int) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ported(network).eval(),
            (torch.zeros(size, size, 3, dtype=torch.uint8),),
            file,  # type: ignore[arg-type]
            input_names=["conditioning"],
            output_names=["figure"],
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def _manifest(size: int) -> Manifest:
    return Manifest(
        name="contender",
        method="pix2pix",
        conditioning="skeleton",
        size=(size, size),
        inputs=(Port(name="conditioning", shape=(size, size, 3), dtype="uint8"),),
        outputs=(Port(name="figure", shape=(size, size, 4), dtype="uint8"),),
        finish="over_plate",
        graphs=(
            Graph(file="generator.onnx", precision="f32"),
            Graph(file="generator.int8.onnx", precision="int8"),
        ),
        skeleton=DEFAULT_STYLE,
        skeleton_hash=style_hash(DEFAULT_STYLE),
        fps=25.0,
    )
