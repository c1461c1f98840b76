"""What several methods do alike with a discriminator: let it judge, and learn to fool it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from training.config import TrainingConfig
from training.devices import autocast
from training.losses import AdversarialForm, feature_distance

Gap = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]
"""How far the features of generated pictures are from those of real ones."""


def ran(network: nn.Module, pictures: Tensor, config: TrainingConfig) -> Tensor:
    """What `network` makes of `pictures`, in the run's precision, as float32; of a discriminator, its scores."""
    with autocast(config, pictures.device):
        made = network(pictures)
    made = made[0] if isinstance(made, tuple) else made
    return torch.as_tensor(made.float())


def fooling(
    judge: nn.Module,
    both: Tensor,
    form: AdversarialForm,
    config: TrainingConfig,
    step: int,
    gap: Gap = feature_distance,
) -> dict[str, Tensor]:
    """The generator's losses against `judge`: `adversarial` and `features`, weighted, and coming in by a ramp.

    `both` (2 B, C, H, W): B real pictures, then B generated ones. The judge learns nothing from it.
    """
    judge.requires_grad_(False)
    with autocast(config, both.device):
        scores, features = judge(both)
    judge.requires_grad_(True)
    halves = [feature.chunk(2) for feature in features]
    matched = gap([fake for _, fake in halves], [real.detach() for real, _ in halves])
    ramp = min(1.0, (step + 1 - config.discriminator.start_step) / config.discriminator.ramp_steps)
    return {
        "adversarial": ramp * config.losses.adversarial * form.fool(scores.float().chunk(2)[1]),
        "features": ramp * config.losses.feature_matching * matched,
    }
