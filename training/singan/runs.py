"""A run that learned from one picture: its folder, and the generator opened from it.

config.json, run.json, metrics.jsonl, checkpoints/, samples/, timelapse.mp4   as of every training (training.runs)
picture.png      the picture that was learned from, as it came
scales/          scale-K.png: the picture | what the generator makes of it | samples, at each scale when it was done
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engines.errors import BadInput
from engines.images import Frame, Size
from engines.pictures import read_picture
from training.checkpoints import checkpoints, read_checkpoint, said_in
from training.config_files import checked
from training.singan.config import SinganConfig
from training.singan.learning import fixed_noises, fresh_noises
from training.singan.networks import Pyramid, fresh_pyramid
from training.singan.pictures import as_picture, pyramid, scale_sizes

PICTURE = "picture.png"


@dataclass(frozen=True)
class Learned:
    """A generator as it stands after its finished scales, in eval mode on the CPU, with the picture it learned."""

    folder: Path
    config: SinganConfig
    generator: Pyramid
    sizes: list[Size]
    reals: list[Tensor]
    steps: int
    trained_s: float

    @property
    def picture(self) -> Frame:
        """What was learned, at the finest scale that is done."""
        return as_picture(self.reals[-1])

    @property
    def takes_pictures(self) -> bool:
        """Whether something foreign can be redrawn: by a chain at any scale but the first, else if it was meant to."""
        return self.config.networks.kind == "chain" or self.config.purpose == "redraw"

    def reconstruction(self) -> Frame:
        """What the fixed noise gives: the picture itself, as well as it was learned."""
        with torch.no_grad():
            return as_picture(self.generator(self.fixed_noises(), self.sizes))

    def fixed_noises(self) -> list[Tensor | None]:
        return fixed_noises(self.config, self.generator, self.reals)

    def fresh_noises(self) -> list[Tensor | None]:
        return fresh_noises(self.config, self.generator, self.reals)


def singan_config(folder: Path) -> SinganConfig:
    """The config of a run from one picture. Raises BadInput or ConfigError."""
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); is {folder} the folder of a training?") from None
    if values.get("method") != "singan":
        raise BadInput(f"{folder}: was trained by {values.get('method')}, not by singan from one picture")
    return checked(SinganConfig, values, str(path))


def is_singan(folder: Path) -> bool:
    """Whether a run's folder was trained from one picture; False for what cannot be read."""
    try:
        return bool(json.loads((folder / "config.json").read_text()).get("method") == "singan")
    except (OSError, ValueError, AttributeError):
        return False


def open_learned(folder: Path) -> Learned:
    """The newest finished scales of a run. Raises BadInput when there are none."""
    folder = Path(folder)
    config = singan_config(folder)
    if not (found := checkpoints(folder)):
        raise BadInput(f"{folder}: no scale is finished yet; train on with --resume")
    picture = read_picture(folder / PICTURE)
    size: Size = (picture.shape[0], picture.shape[1])
    done = int(said_in(found[-1])["scales"])
    sizes = scale_sizes(size, config.pyramid)[:done]
    generator = grown(config, done, sizes[0])
    steps, said = read_checkpoint(found[-1], {"generator": generator})
    generator.requires_grad_(False).eval()
    return Learned(folder, config, generator, sizes, pyramid(picture, sizes), steps, float(said["trained_s"]))


def grown(config: SinganConfig, scales: int, coarsest: Size) -> Pyramid:
    """A generator with so many scales, to be filled from a checkpoint."""
    generator = fresh_pyramid(config)
    for _ in range(scales):
        generator.grow(0.0)
    channels = generator.noise_shape(0, coarsest)
    generator.fixed = torch.zeros(1, *channels)
    return generator
