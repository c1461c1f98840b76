"""A generator that learned one picture, as a bundle: a figure blended into the scene, or a living backdrop."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engines.bundle import Knob, Port
from engines.compositing import Compositor
from engines.errors import ConfigError
from engines.images import Frame
from engines.noise import NoiseLoop
from engines.pose.follow import Follower
from engines.pose.puppet import BuiltInDancer
from engines.pose.tracker import Tracked
from engines.scene import Scene
from training.forms import png
from training.ports import Inputs, Outputs
from training.singan.modes import mixed, redrawn_tensor, start_of
from training.singan.runs import Learned

FPS = 25.0
STRIDE_S = 2.7
DANCER_SIZE = (360, 480)
REACH = 4
"""How far around the figure the scene is redrawn with it, px at 250: enough that no edge shows."""
MOST_NOISE = 400_000
"""Numbers a tick that wander; they belong to the coarse scales, and finer ones have none."""

PLACING = (
    Knob(name="across", default=0.5, help="where in the scene the figure stands, 0 left, 1 right"),
    Knob(name="row", default=0.95, high=1.2, help="the row its feet are in, 0 top, 1 bottom"),
    Knob(name="height", default=0.75, low=0.05, high=2.0, help="height of a figure that stands at the lower edge"),
    Knob(name="horizon", default=0.0, high=0.95, help="the row in which a figure vanishes: distance makes it smaller"),
)
HARMONY = Knob(name="harmony", default=1.0, help="0 the figure as filmed, 1 redrawn in the manner of the scene")
WALKING = (
    Knob(name="amplitude", default=0.4, help="how far it leaves the picture that was learned"),
    Knob(name="walk", default=0.5, high=4.0, help="how fast it changes, in new noises a second"),
)


class CompositeForm:
    """Kind `composite`: in the scene with somebody in it and where they are, out the blended figure with its matte."""

    def __init__(self, learned: Learned, start: int | None, knobs: dict[str, float]) -> None:
        self.learned, self.start = learned, start_of(learned, start)
        self._knobs = with_defaults((*PLACING, HARMONY), knobs)
        self._compositor = Compositor(learned.picture)
        self._follower = Follower(None)
        self._dancer = BuiltInDancer(DANCER_SIZE)

    def described(self) -> dict[str, Any]:
        height, width = self.learned.sizes[-1]
        return {
            "conditioning": "composite",
            "inputs": (
                Port(name="conditioning", shape=(height, width, 4), dtype="uint8"),
                Port(name="harmony", shape=(1,), dtype="float32"),
            ),
            "outputs": (Port(name="figure", shape=(height, width, 4), dtype="uint8"),),
            "finish": "over_plate",
            "knobs": self._knobs,
            "fps": FPS,
        }

    def files(self) -> dict[str, bytes]:
        return {"plate.png": png(self.learned.picture)}

    def ported(self, generator: nn.Module) -> nn.Module:
        return _Composite(replace(self.learned, generator=generator), self.start)  # type: ignore[arg-type]

    def inputs(self, i: int) -> Inputs:
        """The built-in dancer in the scene: what people look like to a graph, without anybody's film."""
        time_s = STRIDE_S * i
        landmarks, frame = self._dancer.landmarks_at(time_s), self._dancer.frame_at(time_s)
        followed = self._follower.follow(Tracked(landmarks, None, time_s), DANCER_SIZE)
        self._compositor.reset()
        places = {knob.name: knob.default for knob in self._knobs}
        places["across"] = 0.25 + 0.5 * (i % 3) / 2
        drawn = self._compositor(Scene(followed.landmarks, 1.0, frame, time_s), places)
        assert drawn is not None
        return {"conditioning": drawn, "harmony": np.ones(1, np.float32)}

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        learned = replace(self.learned, generator=generator)  # type: ignore[arg-type]
        picture = inputs["conditioning"]
        naive = torch.from_numpy(picture[..., :3].astype(np.float32) / np.float32(127.5) - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            made = redrawn_tensor(learned, naive, self.start, learned.sizes)[0].permute(1, 2, 0).numpy()
        reach, edge = _reaches(learned)
        alpha = _filtered(_filtered(picture[..., 3] / 255.0, reach, np.max), edge, np.mean)
        levels = np.dstack([(made.astype(np.float64) + 1) * 127.5, alpha * 255])
        return {"figure": np.clip(np.rint(levels), 0, 255).astype(np.int64)}

    def seen(self, outputs: Outputs, _i: int) -> Frame:
        figure = outputs["figure"].astype(np.float64)
        alpha = figure[..., 3:] / 255
        return np.rint(figure[..., :3] * alpha + self.learned.picture * (1 - alpha)).astype(np.uint8)

    def beside(self, i: int) -> tuple[Frame, Frame]:
        return self.inputs(i)["conditioning"][..., :3], self.learned.picture


class AnimationForm:
    """Kind `none`: wandering noise in, the picture as it changes out."""

    def __init__(self, learned: Learned, start: int | None, knobs: dict[str, float]) -> None:
        if learned.config.purpose == "redraw":
            raise ConfigError(
                f"{learned.folder}: was trained to redraw pictures and cannot change by itself; "
                "train configs/training/singan.toml for an animation"
            )
        self.learned, self.start = learned, 0 if start is None else start
        if not 0 <= self.start < len(learned.sizes):
            last = len(learned.sizes) - 1
            raise ConfigError(f"{learned.folder}: start scale {start} does not exist; choose 0 to {last}")
        self._knobs = with_defaults(WALKING, knobs)
        self.shapes = wandering_shapes(learned, self.start)
        self._loop = NoiseLoop(self._count, seed=0)

    @property
    def _count(self) -> int:
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def described(self) -> dict[str, Any]:
        height, width = self.learned.sizes[-1]
        return {
            "conditioning": "none",
            "inputs": (
                Port(name="noise", shape=(self._count,), dtype="float32"),
                Port(name="amplitude", shape=(1,), dtype="float32"),
            ),
            "outputs": (Port(name="image", shape=(height, width, 3), dtype="uint8"),),
            "finish": "none",
            "knobs": self._knobs,
            "fps": FPS,
        }

    def files(self) -> dict[str, bytes]:
        return {}

    def ported(self, generator: nn.Module) -> nn.Module:
        return _Animation(replace(self.learned, generator=generator), self.start, self.shapes)  # type: ignore[arg-type]

    def inputs(self, i: int) -> Inputs:
        amplitude = np.array([self._knobs[0].default], np.float32)
        return {"noise": self._loop.at(STRIDE_S * i), "amplitude": amplitude}

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        noises, at = list(self.learned.fixed_noises()), 0
        amplitude = float(inputs["amplitude"][0])
        for scale, shape in enumerate(self.shapes, self.start):
            count = int(np.prod(shape))
            wandering = torch.from_numpy(inputs["noise"][at : at + count].reshape(1, *shape))
            noises[scale] = mixed(noises[scale], wandering, amplitude)
            at += count
        with torch.no_grad():
            made = generator(noises, self.learned.sizes)[0].permute(1, 2, 0).numpy().astype(np.float64)
        return {"image": np.clip(np.rint((made + 1) * 127.5), 0, 255).astype(np.int64)}

    def seen(self, outputs: Outputs, _i: int) -> Frame:
        return outputs["image"]

    def beside(self, _i: int) -> tuple[Frame, Frame]:
        return self.learned.reconstruction(), self.learned.picture


def with_defaults(knobs: tuple[Knob, ...], given: dict[str, float]) -> tuple[Knob, ...]:
    """The knobs with other defaults. Raises ConfigError for one that is not there or out of range."""
    known = {knob.name: knob for knob in knobs}
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"--knob {name}: there is no such knob; this kind of bundle has {', '.join(known)}")
        low, high = known[name].low, known[name].high
        if not low <= value <= high:
            raise ConfigError(f"--knob {name}={value:g} is out of range: choose from {low:g} to {high:g}")
    return tuple(knob.model_copy(update={"default": given.get(knob.name, knob.default)}) for knob in knobs)


def wandering_shapes(learned: Learned, start: int) -> list[tuple[int, int, int]]:
    """Of the noise of every scale from `start` on, as long as there is room; the finest scales do without."""
    shapes: list[tuple[int, int, int]] = []
    for scale in range(start, len(learned.sizes)):
        shape = learned.generator.noise_shape(scale, learned.sizes[scale])
        if shapes and sum(int(np.prod(one)) for one in (*shapes, shape)) > MOST_NOISE:
            break
        shapes.append(shape)
    return shapes


@dataclass(frozen=True)
class _Window:
    """A square window of an odd side around each pixel."""

    side: int

    @property
    def half(self) -> int:
        return self.side // 2


def _reaches(learned: Learned) -> tuple[_Window, _Window]:
    """How far the mask grows, and how soft its edge is."""
    scale = max(learned.sizes[-1]) / 250
    return _Window(2 * max(1, round(REACH * scale)) + 1), _Window(2 * max(1, round(0.75 * REACH * scale)) + 1)


def _filtered(mask: NDArray[np.float64], window: _Window, how: Any) -> NDArray[np.float64]:
    padded = np.pad(mask, window.half)
    seen = np.lib.stride_tricks.sliding_window_view(padded, (window.side, window.side))
    return np.asarray(how(seen, axis=(2, 3)))


class _Composite(nn.Module):
    """Between the ports, all scales from the chosen one on unrolled."""

    def __init__(self, learned: Learned, start: int) -> None:
        super().__init__()
        self.generator = learned.generator
        self._learned, self._start = learned, start
        self._reach, self._edge = _reaches(learned)

    def forward(self, conditioning: Tensor, harmony: Tensor) -> Tensor:
        pictures = conditioning.to(torch.float32).permute(2, 0, 1).unsqueeze(0)
        naive, mask = pictures[:, :3] / 127.5 - 1, pictures[:, 3:] / 255
        made = redrawn_tensor(self._learned, naive, self._start, self._learned.sizes)
        color = naive + harmony * (made - naive)
        mask = functional.max_pool2d(mask, self._reach.side, 1, self._reach.half)
        mask = functional.avg_pool2d(mask, self._edge.side, 1, self._edge.half)
        levels = torch.cat([(color + 1) * 127.5, mask * 255], dim=1)
        return levels[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


class _Animation(nn.Module):
    def __init__(self, learned: Learned, start: int, shapes: list[tuple[int, int, int]]) -> None:
        super().__init__()
        self.generator = learned.generator
        self._learned, self._start, self._shapes = learned, start, shapes

    def forward(self, noise: Tensor, amplitude: Tensor) -> Tensor:
        noises, at = list(self._learned.fixed_noises()), 0
        for scale, shape in enumerate(self._shapes, self._start):
            count = int(np.prod(shape))
            noises[scale] = mixed(noises[scale], noise[at : at + count].reshape(1, *shape), amplitude)
            at += count
        made = self.generator(noises, self._learned.sizes)
        levels = (made[0] + 1) * 127.5
        return levels.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)
