"""What a generator is as a bundle: its ports, what feeds them, and how its outputs are seen.

`export` writes and proves any `Form`; the first is that of a dancer learned from poses.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.atlas.packing import packed
from engines.bundle import Port
from engines.finish import refined
from engines.images import Frame, resized
from engines.pose.skeleton import style_hash
from training.datasets import Examples
from training.devices import picture_tensor
from training.networks.light import FACTOR
from training.networks.refiner import CHANNELS_IN, REACH, Refiner
from training.pairs.header import Shot
from training.pairs.store import PairSet
from training.ports import Inputs, Outputs, PortedRefiner, Recurrent, longhand, ported
from training.tallies import are_neighbors

Plays = Callable[[Inputs], Outputs]
"""What an engine gives for the input ports, (H, W, C) uint8 each, until it is called again."""


class Form(Protocol):
    """How the pairs of a run and its generator meet in a bundle. `i` is the number of a pair."""

    def described(self) -> dict[str, Any]:
        """Fields of the manifest: conditioning, inputs, outputs, finish, fps and whatever else is its own."""
        ...

    def files(self) -> dict[str, bytes]:
        """Files beside graph and preview, such as plate.png."""
        ...

    def ported(self, generator: nn.Module) -> nn.Module:
        """Takes the input ports in their order, gives the output port or a tuple of them; goes into the graph."""
        ...

    def inputs(self, i: int) -> Inputs:
        """What the input ports are fed for pair `i`, knobs at their defaults."""
        ...

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        """What torch gives for them, in levels, sharing nothing with the graph."""
        ...

    def seen(self, outputs: Outputs, i: int) -> Frame:
        """The finished picture, (H, W, 3): what precisions are compared by."""
        ...

    def beside(self, i: int) -> tuple[Frame, Frame]:
        """What stands left and right of it in the preview: what was looked at, and the real picture; both (H, W, 3)."""
        ...


@runtime_checkable
class Preflown(Protocol):
    """A form that has to prove more than that its graph is the network: that it lasts."""

    def preflight(self, plays: Plays, anyway: bool) -> tuple[dict[str, float], str]:
        """Figures for the manifest's metrics and a sentence for people; UnderstudyError where it fails.

        `plays` is the graph on an engine, as it will perform: torch takes twenty times as long.
        """
        ...


class PoseForm:
    """A dancer: skeleton in, figure over the plate (or the whole picture) out."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._port = "figure" if examples.figure else "image"
        self._plate, self._plate_at = _plate(examples)
        self._recurrent = examples.config.rollout.steps > 0

    def described(self) -> dict[str, Any]:
        examples, size = self._examples, self._examples.config.size
        shown = (size, size, 4 if examples.figure else 3)
        previous = (Port(name="previous", shape=shown, dtype="uint8"),) if self._recurrent else ()
        return {
            "conditioning": "skeleton",
            "inputs": (Port(name="conditioning", shape=(size, size, 3), dtype="uint8"), *previous),
            "outputs": (Port(name=self._port, shape=shown, dtype="uint8"),),
            "finish": "over_plate" if examples.figure else "none",
            "skeleton": examples.style,
            "skeleton_hash": style_hash(examples.style),
            "proportions": examples.pairs.header.proportions,
            "fps": examples.pairs.header.fps,
            "plate_at": self._plate_at,
        }

    def files(self) -> dict[str, bytes]:
        return {} if self._plate is None else {"plate.png": png(self._plate)}

    def ported(self, generator: nn.Module) -> nn.Module:
        return Recurrent(generator) if self._recurrent else ported(generator)

    def inputs(self, i: int) -> Inputs:
        conditioning = self._examples.conditioning(self._examples.pairs.landmarks[i])
        return (
            {"conditioning": conditioning, "previous": self._previous(i)}
            if self._recurrent
            else {"conditioning": conditioning}
        )

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        return {self._port: longhand(generator, inputs["conditioning"], inputs.get("previous"))}

    def _previous(self, i: int) -> Frame:
        """The real picture before pair `i`, which a good one resembles; its own where there was none."""
        pairs = self._examples.pairs
        before = i - 1 if i > 0 and are_neighbors(pairs, i - 1, i) else i
        example = self._examples[before]
        if not self._examples.figure:
            return example.frame
        return np.concatenate([example.frame, example.mask[..., None]], axis=2)

    def seen(self, outputs: Outputs, i: int) -> Frame:
        """Figures over their rooms."""
        picture, plate = outputs[self._port], self._examples.plate_of(i)
        return picture if plate is None else _over(picture, plate)

    def beside(self, i: int) -> tuple[Frame, Frame]:
        example = self._examples[i]
        return self._examples.conditioning(example.landmarks), example.frame


class RefinedForm:
    """A dancer whose atlas is posed and then repaired: skeleton and posed figure in, what is to be done to it out."""

    def __init__(self, examples: Examples) -> None:
        assert examples.posed is not None
        self._examples, self._pose, self._atlas = examples, PoseForm(examples), examples.posed.atlas
        self._scale = REACH * examples.config.size / 127

    def described(self) -> dict[str, Any]:
        size = self._examples.config.size
        outputs = {"displacement": 2, "gate": 1, "paint": 3, "matte": 1}
        return {
            **self._pose.described(),
            "conditioning": "figure",
            "inputs": (Port(name="conditioning", shape=(size, size, CHANNELS_IN), dtype="uint8"),),
            "outputs": tuple(self._port(name, channels) for name, channels in outputs.items()),
            "finish": "refine",
        }

    def files(self) -> dict[str, bytes]:
        return {**self._pose.files(), **packed(self._atlas)}

    def ported(self, generator: nn.Module) -> nn.Module:
        assert isinstance(generator, Refiner)
        return PortedRefiner(generator, self._scale)

    def inputs(self, i: int) -> Inputs:
        return {"conditioning": self._examples.conditioning(self._examples.pairs.landmarks[i], pair=i)}

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        assert isinstance(generator, Refiner)
        with torch.no_grad():
            said = generator.repairs(picture_tensor(inputs["conditioning"][None], torch.device("cpu")))
        displacement, gate, paint, matte = (part[0].numpy().astype(np.float64).transpose(1, 2, 0) for part in said)
        levels = {
            "displacement": displacement / self._scale + 128,
            "gate": gate * 255,
            "paint": (paint + 1) * 127.5,
            "matte": matte * 255,
        }
        return {name: np.clip(np.rint(value), 0, 255).astype(np.int64) for name, value in levels.items()}

    def seen(self, outputs: Outputs, i: int) -> Frame:
        plate = self._examples.plate_of(i)
        assert plate is not None
        return _over(refined(outputs, self.inputs(i)["conditioning"][..., 3:], self._scale), plate)

    def beside(self, i: int) -> tuple[Frame, Frame]:
        return np.ascontiguousarray(self.inputs(i)["conditioning"][..., 3:6]), self._examples[i].frame

    def _port(self, name: str, channels: int) -> Port:
        size = self._examples.config.size
        if name == "displacement":
            return Port(name=name, shape=(size // FACTOR, size // FACTOR, 2), dtype="uint8", scale=self._scale)
        return Port(name=name, shape=(size, size, channels), dtype="uint8")


def _over(figure: Frame, plate: Frame) -> Frame:
    alpha = figure[..., 3:].astype(np.float64) / 255
    return np.rint(figure[..., :3] * alpha + plate * (1 - alpha)).astype(np.uint8)


def _plate(examples: Examples) -> tuple[Frame | None, tuple[int, int]]:
    """The room of the shot that most was learned from, at the generator's scale, and where its square lies."""
    if not examples.figure:
        return None, (0, 0)
    shots = [examples.pairs.shot(int(i)) for i in examples.train]
    main = max({shot.id: shot for shot in shots}.values(), key=shots.count)
    return scaled_plate(examples.pairs, main, examples.config.size)


def scaled_plate(pairs: PairSet, shot: Shot, size: int) -> tuple[Frame, tuple[int, int]]:
    """The whole plate at training scale; within the square it is, to the pixel, the room that was trained over."""
    whole, behind = pairs.plate(shot), pairs.plate_square(shot)
    assert whole is not None
    assert behind is not None
    square = resized(behind, (size, size))
    scale = size / pairs.header.size[0]
    y, x = (round(corner * scale) for corner in shot.plate_at)
    height, width = max(round(whole.shape[0] * scale), y + size), max(round(whole.shape[1] * scale), x + size)
    plate = resized(whole, (height, width)).copy()
    plate[y : y + size, x : x + size] = square
    return plate, (y, x)


def png(picture: Frame) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done
    return bytes(data)
