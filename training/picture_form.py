"""What a generator of whole pictures is as a bundle: a picture in, a picture out, at any size.

Sizes that the network cannot halve often enough are padded at their edges inside the graph and cut back, never
stretched.
"""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.bundle import Port
from engines.images import Frame
from training.config import GeneratorConfig, TrainingConfig
from training.devices import picture_tensor
from training.networks import needed_multiple
from training.pairs.store import PairSet
from training.ports import Inputs, Outputs, Ported, ported


class Pictures(Protocol):
    """Examples whose conditioning and frames are whole pictures."""

    pairs: PairSet
    config: TrainingConfig

    def conditioning(self, i: int) -> Frame: ...
    def beside(self, i: int) -> tuple[Frame, Frame]: ...


class Padded(nn.Module):
    """`network` for pictures whose sides need not be multiples of `multiple`: their edges are repeated.

    By index, since the exporter computes the margins of a padding in the graph, where no fixed shape comes out.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, network: nn.Module, shape: tuple[int, int], multiple: int) -> None:
        super().__init__()
        self.network, self.shape = network, shape
        self.begins = tuple((-side % multiple) // 2 for side in shape)
        self.is_padded = any(side % multiple for side in shape)
        for name, side, begin in zip(("rows", "columns"), shape, self.begins, strict=True):
            places = torch.arange(-begin, side + (-side % multiple) - begin).clamp(0, side - 1)
            self.register_buffer(name, places, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        if not self.is_padded:
            return self.network(pictures)  # type: ignore[no-any-return]
        (top, left), (height, width) = self.begins, self.shape
        drawn = self.network(pictures.index_select(2, self.rows).index_select(3, self.columns))
        return drawn[:, :, top : top + height, left : left + width]  # type: ignore[no-any-return]


class PictureForm:
    """A picture of the kind that the pairs say, in; the whole picture out."""

    def __init__(self, examples: Pictures, network: GeneratorConfig, conditioning: str | None = None) -> None:
        self._examples = examples
        self._kind = conditioning or examples.pairs.header.conditioning
        self._shape = examples.config.shape
        self._multiple = needed_multiple(network)

    def described(self) -> dict[str, Any]:
        shape = (*self._shape, 3)
        return {
            "conditioning": self._kind,
            "inputs": (Port(name="conditioning", shape=shape, dtype="uint8"),),
            "outputs": (Port(name="image", shape=shape, dtype="uint8"),),
            "finish": "none",
            "fps": self._examples.pairs.header.fps,
        }

    def files(self) -> dict[str, bytes]:
        return {}

    def ported(self, generator: nn.Module) -> nn.Module:
        padded = Padded(generator, self._shape, self._multiple)
        return Ported(padded) if padded.is_padded else ported(generator)

    def inputs(self, i: int) -> Inputs:
        return {"conditioning": self._examples.conditioning(i)}

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        """Padded by numpy, so that the graph's own padding is judged too."""
        picture = inputs["conditioning"]
        across, down = -picture.shape[1] % self._multiple, -picture.shape[0] % self._multiple
        top, left = down // 2, across // 2
        padded = np.pad(picture, ((top, down - top), (left, across - left), (0, 0)), mode="edge")
        with torch.no_grad():
            raw = generator(picture_tensor(padded[None], torch.device("cpu")))[0].numpy().astype(np.float64)
        drawn = raw[:, top : top + picture.shape[0], left : left + picture.shape[1]]
        return {"image": np.clip(np.rint((drawn + 1) * 127.5), 0, 255).astype(np.int64).transpose(1, 2, 0)}

    def seen(self, outputs: Outputs, _i: int) -> Frame:
        return np.asarray(outputs["image"], np.uint8)

    def beside(self, i: int) -> tuple[Frame, Frame]:
        return self._examples.beside(i)
