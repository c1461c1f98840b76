"""Training algorithms, found by name. Each is one file behind `Method`; the loop is shared, nothing is inherited."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from training.config import TrainingConfig
from training.examples import AnyExamples

if TYPE_CHECKING:
    from training.forms import Form
    from training.standing import Measured

Seen = list[tuple[str, tuple[int, ...], float]]
"""Networks by name, the shape of what each sees, and how many of those it sees for each picture."""


class Method(Protocol):
    """One algorithm with its networks. Everything it must remember lies in `networks` and `optimizers`.

    A batch is whatever its examples make (`training.examples`).
    """

    output: str
    """What its generator gives, in a word: figure, image, chroma."""
    networks: Mapping[str, nn.Module]
    """By name; optimizers have the name of the network that they update."""
    optimizers: Mapping[str, torch.optim.Optimizer]

    def step(self, batch: Any, step: int, progress: float) -> dict[str, Tensor]:
        """One update; `progress` is the share of the run that is done. Losses stay tensors: nobody waits here.

        Beside losses: `real_right` and `fake_right` (shares that the discriminator judged rightly), `total`,
        `generator_gradient` and `discriminator_gradient` (their norms).
        """
        ...

    def performer(self, examples: Any) -> nn.Module:
        """The generator as it would be exported now: averaged weights, BatchNorm re-estimated, eval mode, a copy."""
        ...

    def picture(self, generator: nn.Module, batch: Any) -> Tensor:
        """What `generator` shows for `batch`, finished: (B, 3, H, W) in -1..1."""
        ...

    def recognized(self, batch: Any) -> float | None:
        """Share of the real pictures of `batch` that the discriminator takes for real; None without one."""
        ...

    def measured(self, performer: nn.Module, examples: Any, indices: list[int]) -> "Measured":
        """How `performer` does on the held-out pairs `indices`; never asked of pairs that are judged by pose."""
        ...

    def sees(self) -> Seen:
        """For a plan: what its networks look at."""
        ...

    def imagined(self) -> Any:
        """For a plan without pairs: a batch of random pictures."""
        ...


def method(config: TrainingConfig, examples: AnyExamples | None, device: torch.device) -> Method:
    """The method that `config` names, with fresh networks on `device`; without examples only good for a plan."""
    match config.method:
        case "pix2pix":
            from training.methods.pix2pix import Pix2Pix

            return Pix2Pix(config, figure=getattr(examples, "figure", config.output != "image"), device=device)
        case "next_frame":
            from training.methods.next_frame import NextFrame

            return NextFrame(config, examples, device)  # type: ignore[arg-type]
        case "colorize":
            from training.methods.colorize import Colorize

            return Colorize(config, device, examples)  # type: ignore[arg-type]
        case "fastcut":
            from training.methods.fastcut import FastCUT

            return FastCUT(config, device)
        case "cyclegan":
            from training.methods.cyclegan import CycleGAN

            return CycleGAN(config, device)


def form(config: TrainingConfig, examples: Any) -> "Form":
    """What the generator of `config.method`, taught with `examples`, is as a bundle."""
    match config.method:
        case "pix2pix":
            from training.forms import PoseForm, RefinedForm
            from training.picture_form import PictureForm

            if config.generator.kind == "refiner":
                return RefinedForm(examples)
            dances = examples.pairs.header.kind == "skeleton"
            return PoseForm(examples) if dances else PictureForm(examples, config.generator)
        case "next_frame":
            from training.film_form import FilmForm

            return FilmForm(examples)
        case "colorize":
            from training.coloring import ColorForm

            return ColorForm(examples)
        case "fastcut" | "cyclegan":
            from training.picture_form import PictureForm

            student = config.style.student if config.method == "cyclegan" else None
            return PictureForm(examples, student or config.generator, "frame")
