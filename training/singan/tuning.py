"""A redrawing generator that is shown, for some minutes, the very picture it shall redraw (ConSinGAN, section 4.3)."""

import copy
from dataclasses import replace

import torch
from torch import Tensor

from engines.errors import ConfigError
from engines.images import Frame, covering
from training.checkpoints import latest_checkpoint, read_checkpoint
from training.config_files import checked
from training.singan.altering import altered
from training.singan.config import SinganConfig
from training.singan.learning import ScaleLearning
from training.singan.networks import Critic
from training.singan.pictures import as_tensor
from training.singan.runs import Learned

OWN_SHARE = 0.5
"""Of the steps that see the pasted picture; the others see altered ones as before, so that nothing is forgotten."""


def tuned(learned: Learned, naive: Frame, iterations: int) -> Learned:
    """`learned` after `iterations` more steps of its newest stages on `naive`; the run itself is untouched.

    Raises ConfigError for a run that was not trained to redraw.
    """
    if learned.config.purpose != "redraw":
        raise ConfigError(f"{learned.folder}: only a run with purpose = 'redraw' can be tuned on a picture")
    values = learned.config.model_dump()
    values["learning"]["iterations"] = iterations
    config = checked(SinganConfig, values, str(learned.folder))
    generator = copy.deepcopy(learned.generator)
    critic = Critic(config.networks, len(learned.sizes) - 1)
    read_checkpoint(latest_checkpoint(learned.folder), {"critic": critic})
    coarse = as_tensor(covering(naive, learned.sizes[0]))
    torch.manual_seed(config.seed)

    def seen() -> Tensor:
        return coarse if torch.rand(()) < OWN_SHARE else altered(learned.reals[0])

    learning = ScaleLearning(config, generator, critic, learned.reals, seen)
    for iteration in range(iterations):
        learning.step(iteration)
    generator.requires_grad_(False).eval()
    return replace(learned, config=config, generator=generator)
