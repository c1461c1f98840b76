"""Color pictures as batches for `colorize`: gray in, a and b out; whole pictures and parts, squeezed to a shape.

On stage and on film the whole picture is looked at, whatever its shape, so examples are squeezed as well: every part
that is cut out has an aspect of its own.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.bundle import Knob, Port
from engines.color import MIDDLE, chroma, gray, recolored
from engines.errors import ConfigError
from engines.images import Frame, resized
from training.config import ColorizeConfig, TrainingConfig
from training.examples import spread
from training.networks.hues import RANGE
from training.pairs.store import PairSet
from training.ports import Inputs, Outputs

KNOBS = (
    Knob(name="saturation", label="color", low=0.0, high=3.0, default=1.0, help="0 is gray, 1 as it was learned"),
    Knob(name="hue", label="hue", low=-180.0, high=180.0, default=0.0, help="degrees that all colors are turned"),
)


PALETTE_OF = 500
"""Pictures, at most, whose colors are gathered."""


@dataclass(frozen=True)
class ColorBatch:
    """`conditioning` (B, H, W, 1) uint8 gray; `real` (B, H, W, 3) uint8; `color` (B, H, W, 2) float32, -1..1."""

    conditioning: NDArray[np.uint8]
    real: NDArray[np.uint8]
    color: NDArray[np.float32]


class GrayExamples:
    """The pictures of one run, decoded once where they fit into memory."""

    output = "chroma"

    def __init__(self, pairs: PairSet, config: TrainingConfig, hold: bool = True) -> None:
        self.pairs, self.config = pairs, config
        self.train, self.validation = pairs.split("train"), pairs.split("validation")
        self.test = pairs.split("test")
        if not len(self.train):
            raise ConfigError(f"{pairs.folder}: holds no pictures to learn from")
        self._kept: dict[int, Frame] = {}
        wanted = [int(i) for i in np.concatenate([self.train, self.validation])]
        if hold and len(wanted) * self.frame(wanted[0]).size < config.run.memory_gb * 1e9:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                self._kept = dict(zip(wanted, threads.map(pairs.frame, wanted), strict=True))

    def batch(self, step: int, share: int = 0, shares: int = 1) -> ColorBatch:
        """Parts of pictures, mirrored, squeezed and with the grain and the tones of other cameras."""
        size = self.config.schedule.batch
        return _batch(
            [self._made(step, place) for place in range(share * size // shares, (share + 1) * size // shares)]
        )

    def plain(self, indices: Sequence[int]) -> ColorBatch:
        """Whole pictures as they are."""
        frames = [resized(self.frame(int(i)), self.config.shape) for i in indices]
        return _batch([(gray(frame), frame) for frame in frames])

    def plain_conditioning(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        return self.plain(indices).conditioning

    def spread(self, indices: NDArray[np.int64], count: int) -> list[int]:
        return spread(indices, count)

    def frame(self, i: int) -> Frame:
        """The picture at its own size."""
        return self._kept[i] if i in self._kept else self.pairs.frame(i)

    def mean_color(self) -> NDArray[np.float64]:
        """(2,): a and b over all that is learned from: what to answer without looking."""
        return np.mean([chroma(resized(self.frame(i), (32, 32))).mean(axis=(0, 1)) for i in self.train], axis=0)

    def colors(self) -> NDArray[np.float32]:
        """(N, 2), -1..1: a and b that occur in what is learned from, at a quarter of its size."""
        shape = (self.config.shape[0] // 4, self.config.shape[1] // 4)
        pictures = [chroma(resized(self.frame(i), shape)) for i in self.spread(self.train, PALETTE_OF)]
        spots = np.concatenate([picture[2::4, 2::4].reshape(-1, 2) for picture in pictures])
        return np.asarray((spots - np.float32(MIDDLE)) / np.float32(RANGE), np.float32)

    def _made(self, step: int, place: int) -> tuple[NDArray[np.uint8], Frame]:
        config = self.config
        rng = np.random.default_rng([config.seed, step, place])
        frame = self.frame(self._nth(step * config.schedule.batch + place))
        part = resized(_turned(_part(frame, config.colorize, rng), config.colorize.turn, rng), config.shape)
        if config.augmentation.flip and rng.random() < 0.5:
            part = np.ascontiguousarray(part[:, ::-1])
        seen = gray(part)
        return (_filmed(seen, rng) if rng.random() < config.colorize.film else seen), part

    def _nth(self, position: int) -> int:
        epoch, place = divmod(position, len(self.train))
        return int(self.train[np.random.default_rng([self.config.seed, 1, epoch]).permutation(len(self.train))[place]])


def _part(frame: Frame, config: ColorizeConfig, rng: np.random.Generator) -> Frame:
    """All of it, or a random part."""
    if rng.random() < config.whole:
        return frame
    height, width = (int(side * rng.uniform(config.least_part, 1)) for side in frame.shape[:2])
    top, left = rng.integers(0, frame.shape[0] - height + 1), rng.integers(0, frame.shape[1] - width + 1)
    return frame[top : top + height, left : left + width]


def _turned(part: Frame, most: float, rng: np.random.Generator) -> Frame:
    """Half of the time turned by up to `most` degrees; its corners show the picture mirrored."""
    if not most or rng.random() < 0.5:
        return part
    height, width = part.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-most, most)), 1.0)
    return np.asarray(cv2.warpAffine(part, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _filmed(seen: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gray as another camera, stock or copy would have it: contrast, gamma, softness, grain."""
    levels = (seen.astype(np.float32) / 255) ** float(rng.uniform(0.75, 1.35))
    levels = 0.5 + (levels - 0.5) * float(rng.uniform(0.75, 1.2)) + float(rng.uniform(-0.06, 0.06))
    if rng.random() < 0.4:
        levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), float(rng.uniform(0.4, 1.5))), np.float32)
    grain = cv2.GaussianBlur(rng.normal(0, 1, seen.shape).astype(np.float32), (0, 0), 0.7)
    levels = levels + grain * float(rng.uniform(0, 0.06))
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)


def _batch(made: Sequence[tuple[NDArray[np.uint8], Frame]]) -> ColorBatch:
    frames = np.stack([frame for _, frame in made])
    color = np.stack([(chroma(frame) - np.float32(MIDDLE)) / np.float32(RANGE) for frame in frames])
    return ColorBatch(np.stack([seen[..., None] for seen, _ in made]), frames, color)


class PortedColor(nn.Module):
    """Gray (H, W, 1) uint8 and two knobs to a and b (H, W, 2) uint8, 128 being none."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, conditioning: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
        levels = conditioning.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 127.5 - 1
        a, b = (self.generator(levels)[0] * RANGE).unbind(0)
        turn = hue * (np.pi / 180)
        across, along = torch.cos(turn) * saturation, torch.sin(turn) * saturation
        turned = torch.stack([a * across - b * along, a * along + b * across], dim=-1)
        return (turned + MIDDLE).round().clamp(0, 255).to(torch.uint8)


class ColorForm:
    """Color as a bundle: gray and knobs in, chroma out, joined to the luminance of whatever frame it is for."""

    def __init__(self, examples: GrayExamples) -> None:
        self._examples = examples

    def described(self) -> dict[str, Any]:
        height, width = self._examples.config.shape
        knobs = tuple(Port(name=knob.name, shape=(1,), dtype="float32") for knob in KNOBS)
        return {
            "conditioning": "gray",
            "inputs": (Port(name="conditioning", shape=(height, width, 1), dtype="uint8"), *knobs),
            "outputs": (Port(name="chroma", shape=(height, width, 2), dtype="uint8"),),
            "finish": "join_chroma",
            "knobs": KNOBS,
            "fps": self._examples.pairs.header.fps,
        }

    def files(self) -> dict[str, bytes]:
        return {}

    def ported(self, generator: nn.Module) -> nn.Module:
        return PortedColor(generator)

    def inputs(self, i: int) -> Inputs:
        knobs = {knob.name: np.array([knob.default], np.float32) for knob in KNOBS}
        return {"conditioning": self._examples.plain([i]).conditioning[0], **knobs}

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        seen = torch.from_numpy(inputs["conditioning"].astype(np.float64) / 127.5 - 1).float()
        with torch.no_grad():
            raw = generator(seen.permute(2, 0, 1)[None])[0].numpy().astype(np.float64)
        turn = np.radians(float(inputs["hue"][0]))
        turned = (raw[0] + 1j * raw[1]) * np.exp(1j * turn) * float(inputs["saturation"][0]) * RANGE
        levels = np.stack([turned.real, turned.imag], axis=-1) + MIDDLE
        return {"chroma": np.clip(np.rint(levels), 0, 255).astype(np.int64)}

    def seen(self, outputs: Outputs, i: int) -> Frame:
        return recolored(outputs["chroma"], self._examples.frame(i))

    def beside(self, i: int) -> tuple[Frame, Frame]:
        frame = self._examples.frame(i)
        return np.repeat(gray(frame)[..., None], 3, axis=2), frame
