"""A generator between the ports of a bundle: pictures in and out are (H, W, C) uint8, all conventions inside the graph.

Cast first, scaling and layout inside, round and clip before the last cast, so that no backend shares a numeric
convention with training.
"""

import io
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.bundle.lint import check_graph_lint
from engines.images import Frame
from training.devices import picture_tensor
from training.networks.light import Light, PortedLight
from training.networks.parts import each_channel
from training.networks.refiner import Refiner

OPSET = 17
Inputs = Mapping[str, np.ndarray]
Outputs = Mapping[str, np.ndarray]


class Ported(nn.Module):
    """A generator between its ports: (H, W, C) uint8 to (H, W, 3 or 4) uint8, straight alpha."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, conditioning: Tensor) -> Tensor:
        pictures = conditioning.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 127.5 - 1
        return _packed(self.generator(pictures)[0])


class Recurrent(Ported):
    """The same for a generator that looks at its last picture: (H, W, 3 or 4) uint8 behind the conditioning."""

    def forward(self, conditioning: Tensor, previous: Tensor) -> Tensor:  # type: ignore[override]
        both = torch.cat([_unpacked(conditioning), _unpacked(previous)], dim=1)
        return _packed(self.generator(both)[0])


def _unpacked(levels: Tensor) -> Tensor:
    """(H, W, C) uint8 to (1, C, H, W): color -1..1, a matte behind it 0..1."""
    low = torch.tensor([1.0, 1.0, 1.0, 0.0])[: levels.shape[2], None, None]
    pictures = levels.to(torch.float32).permute(2, 0, 1)
    return (pictures / (255 - 127.5 * low) - low).unsqueeze(0)


def _packed(raw: Tensor) -> Tensor:
    # One multiply-add over all channels: the matte is 0..1 already, color is -1..1.
    low = each_channel((1.0, 1.0, 1.0, 0.0), raw)[: raw.shape[0], None, None]
    levels = (raw + low) * (255 - 127.5 * low)
    return levels.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


def ported(generator: nn.Module) -> nn.Module:
    """`generator` between its ports, in the form that engines run fastest."""
    return PortedLight(generator) if isinstance(generator, Light) else Ported(generator)


class PortedRefiner(nn.Module):
    """A refiner between its ports: (H, W, 7) uint8 to displacement, gate, paint and matte, all in levels.

    A displacement is stored about 128, in steps of `scale` pixels.
    """

    def __init__(self, refiner: Refiner, scale: float) -> None:
        super().__init__()
        self.refiner, self.scale = refiner, scale

    def forward(self, conditioning: Tensor) -> tuple[Tensor, ...]:
        pictures = conditioning.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 127.5 - 1
        said = self.refiner.repairs(pictures)
        levels = (said.displacement / self.scale + 128, said.gate * 255, (said.paint + 1) * 127.5, said.matte * 255)
        return tuple(level[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8) for level in levels)


def longhand(generator: nn.Module, conditioning: Frame, previous: Frame | None = None) -> NDArray[np.int64]:
    """What torch itself gives for one image, (H, W, C) levels of 255, with no graph and no port in between."""
    looked_at = picture_tensor(conditioning[None], torch.device("cpu"))
    if previous is not None:
        straight = torch.from_numpy(previous.transpose(2, 0, 1).copy()).double()[None]
        looked_at = torch.cat([looked_at, straight[:, :3] / 127.5 - 1, straight[:, 3:] / 255], dim=1).float()
    with torch.no_grad():
        raw = generator(looked_at)[0].numpy().astype(np.float64)
    levels = np.concatenate([(raw[:3] + 1) * 127.5, raw[3:] * 255])
    return np.clip(np.rint(levels), 0, 255).astype(np.int64).transpose(1, 2, 0)


def onnx_graph(ported: nn.Module, inputs: Inputs, outputs: Sequence[str]) -> bytes:
    """`ported`, which takes `inputs` in this order, as a float32 graph that keeps the rules of a bundle."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecation; its successor needs another package
        torch.onnx.export(
            ported.eval(),
            tuple(torch.from_numpy(np.zeros_like(value)) for value in inputs.values()),
            file,  # type: ignore[arg-type]
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            dynamo=False,
        )
    check_graph_lint(file.getvalue(), "generator.onnx")
    return file.getvalue()
