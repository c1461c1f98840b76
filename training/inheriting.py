"""Weights read back from a bundle, to go on from a performer whose run is not there any more.

In a bundle BatchNorm is folded into the convolutions and the live generator is arranged for the engine (`PortedLight`).
Both are undone here. What a folded norm was cannot be known, but any norm that gives the same picture is as good, and
the one whose statistics are those of the pairs goes on learning as if nothing had happened.
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.errors import BadInput
from training.devices import picture_tensor
from training.methods import Method
from training.networks.light import FACTOR, Light
from training.ports import longhand

LEARNED_ON, PROVED_ON = 32, 2


def inherit(method: Method, bundle: Path, pictures: NDArray[np.uint8]) -> None:
    """Give the generator of `method`, and its average, the weights in `bundle`.

    `pictures` (B, S, S, 3) are what it looks at when it learns. Raises BadInput where the bundle's generator is none
    that the config describes, BundleError where there is none.
    """
    opened = open_bundle(bundle)
    generator = method.networks["generator"]
    if not isinstance(generator, Light) or "average" not in method.networks:
        raise BadInput(f"{bundle}: only a live generator (kind light) can be gone on from; leave --from away")
    light = Light(*_shape(generator)).eval()
    if light.state_dict().keys() != generator.state_dict().keys():
        raise BadInput(f"{bundle}: a bundle's blocks are plain; set generator.block='plain', or leave --from away")
    _read_back(light, opened, bundle)
    _prove(light, opened, bundle, pictures[:PROVED_ON])
    _unfold(light, picture_tensor(pictures[:LEARNED_ON], torch.device("cpu")))
    for name in ("generator", "average"):
        method.networks[name].load_state_dict(light.state_dict())


def _shape(light: Light) -> tuple[int, int, int, int]:
    stem = cast(nn.Conv2d, cast(nn.Sequential, light.stem[0])[0])
    return (
        stem.in_channels // FACTOR**2,
        light.head.out_channels // FACTOR**2,
        stem.out_channels,
        len(light.down_32) - 1,
    )


def _read_back(light: Light, bundle: Bundle, path: Path) -> None:
    """Every convolution as it is in the graph; norms that only add the folded bias."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_model_from_string(bundle.read("generator.onnx")).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = [[tensors.get(name) for name in node.input[1:3]] for node in graph.node if node.op_type == "Conv"]
    convolutions = [module for module in light.modules() if isinstance(module, nn.Conv2d)]
    norms: list[nn.BatchNorm2d | None] = [m for m in light.modules() if isinstance(m, nn.BatchNorm2d)]
    wanted = _arranged(convolutions)
    for given, convolution, norm, shape in zip(found, convolutions, [*norms, None], wanted, strict=False):
        weight, bias = (*given, None)[:2]
        if len(found) != len(convolutions) or weight is None or bias is None or weight.shape != shape:
            raise BadInput(
                f"{path}: its generator is not the one that the config describes (kind light, of "
                f"{convolutions[0].out_channels} channels); set generator.width and generator.blocks as it was trained"
            )
        _take(convolution, norm, torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy()))


def _arranged(convolutions: list[nn.Conv2d]) -> list[tuple[int, ...]]:
    """The shapes of the weights in a graph."""
    first = convolutions[0]
    stem = (first.out_channels, first.in_channels // FACTOR**2, 3 * FACTOR, 3 * FACTOR)
    return [stem, *(tuple(one.weight.shape) for one in convolutions[1:])]


@torch.no_grad()
def _take(convolution: nn.Conv2d, norm: nn.BatchNorm2d | None, weight: Tensor, bias: Tensor) -> None:
    if norm is None:  # the head: the channels of a pixel lie side by side, and are steep
        channels = convolution.out_channels // FACTOR**2
        steep = torch.tensor([2.0, 2.0, 2.0, 1.0])[:channels, None]
        weight = weight.reshape(FACTOR**2, channels, -1).transpose(0, 1) / steep[..., None]
        bias = bias.reshape(FACTOR**2, channels).t() / steep
        assert convolution.bias is not None
        convolution.bias.copy_(bias.reshape(-1))
    else:
        norm.weight.fill_(1)
        norm.bias.copy_(bias)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
    if weight.shape[-1] == 3 * FACTOR:  # the stem: unshuffling is part of it
        out, channels = weight.shape[:2]
        taps = weight.reshape(out, channels, 3, FACTOR, 3, FACTOR)
        weight = taps.permute(0, 1, 3, 5, 2, 4)
    convolution.weight.copy_(weight.reshape(convolution.weight.shape))


def _prove(light: Light, bundle: Bundle, path: Path, pictures: NDArray[np.uint8]) -> None:
    height, width = bundle.manifest.size
    engine = open_engine(bundle, "openvino", "f32")
    try:
        for picture in pictures:
            looked_at = np.zeros((height, width, 3), np.uint8)
            looked_at[: picture.shape[0], : picture.shape[1]] = picture[:height, :width]
            (port, played), *_ = engine({"conditioning": looked_at}).items()
            gap = np.abs(longhand(light, looked_at) - played.astype(int)).max()
            if gap > 1:
                raise BadInput(
                    f"{path}: its graph is arranged in another way than this version's, so its weights cannot be read "
                    f"back ({port} is {gap} levels off); train anew, without --from"
                )
    finally:
        engine.close()


@torch.no_grad()
def _unfold(light: Light, pictures: Tensor) -> None:
    """Statistics of every norm as they are on `pictures`, and scale and shift that leave the net what it was."""
    seen: dict[nn.BatchNorm2d, tuple[Tensor, Tensor]] = {}

    def note(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[cast(nn.BatchNorm2d, norm)] = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)

    hooks = [m.register_forward_pre_hook(note) for m in light.modules() if isinstance(m, nn.BatchNorm2d)]
    light(pictures)
    for hook in hooks:
        hook.remove()
    for norm, (variance, mean) in seen.items():
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
        norm.running_mean, norm.running_var = mean, variance
