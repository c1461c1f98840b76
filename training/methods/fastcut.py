"""FastCUT (Park et al. 2020): one generator, one direction; a patch of the result knows where in the input it was.

Half the networks of CycleGAN and no way back, and the generator is the live one itself (BatchNorm, nothing to distill).
Flip equivariance as published: half of the inputs are shown mirrored and compared with what they were.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.profiler import record_function as part

from engines.errors import ConfigError
from training.averaging import averaged_copy, follow, reestimate_norms
from training.config import TrainingConfig
from training.contrast import PatchHeads, drawn_places, encoded, patch_contrast
from training.devices import autocast, picture_array, picture_tensor, placed
from training.judging import ran
from training.losses import FORMS
from training.methods import Seen
from training.networks import discriminator, generator
from training.sharing import average_gradients, with_shared_norms
from training.standing import Measured
from training.steadiness import moved, small_motion, steadiness
from training.unpaired.examples import UnpairedBatch, UnpairedExamples
from training.unpaired.measuring import styled
from training.updates import adam, falling, updated


class FastCUT:
    output = "image"

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        if config.generator.kind == "unet":
            raise ConfigError("generator.kind is 'unet', whose encoder tells no patches apart; set light or resnet")
        self.config, self.device, self._form = config, device, FORMS[config.losses.form]
        self._generator = placed(generator(config.generator), device)
        self._heads = PatchHeads(_widths(self._generator, device)).to(device)
        self._average = averaged_copy(self._generator)
        with_shared_norms(self._generator)
        judge = discriminator(config.discriminator, 0)
        if judge is None or config.discriminator.kind != "patch":
            raise ConfigError(f"discriminator.kind is {config.discriminator.kind!r}; unpaired pictures need 'patch'")
        self._judge = with_shared_norms(placed(judge, device))
        self.networks: Mapping[str, nn.Module] = {
            "generator": self._generator,
            "average": self._average,
            "discriminator": self._judge,
            "heads": self._heads,
        }
        schedule, betas = config.schedule, (config.schedule.beta1, config.schedule.beta2)
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "generator": adam(self._generator, schedule.learning_rate, betas),
            "discriminator": adam(self._judge, config.discriminator.learning_rate, betas),
            "heads": adam(self._heads, schedule.learning_rate, betas),
        }

    def step(self, batch: UnpairedBatch, step: int, progress: float) -> dict[str, Tensor]:
        self._set_learning_rates(progress)
        self._generator.train()
        with part("to device"):
            looked_at, real = self._pictures(batch.conditioning), self._pictures(batch.real)
        style = self.config.style
        flipped = style.flip_equivariance and bool(torch.rand(()) < 0.5)
        shown_it = looked_at.flip(3) if flipped else looked_at
        with part("generator"):
            fake = self._ran(self._generator, shown_it)
        judged = self._taught(real, fake.detach())
        with part("fooling"):
            self._judge.requires_grad_(False)
            losses = {"adversarial": self.config.losses.adversarial * self._form.fool(self._ran(self._judge, fake))}
            self._judge.requires_grad_(True)
        with part("contrast"):
            losses["contrast"] = style.contrast * self._contrast(looked_at, fake, flipped)
            if style.contrast_identity:
                same = self._ran(self._generator, real)
                losses["contrast_identity"] = style.contrast_identity * self._contrast(real, same, False)
        if style.flow:
            motion = small_motion(looked_at)
            again = self._ran(self._generator, moved(shown_it, motion))
            losses["flow"] = style.flow * steadiness(again, fake, motion)
        total = torch.stack(list(losses.values())).sum()
        self.optimizers["heads"].zero_grad(set_to_none=True)
        gradient = updated(self.optimizers["generator"], total, "generator")
        average_gradients(list(self._heads.parameters()))
        self.optimizers["heads"].step()
        follow(self._average, self._generator, self.config.schedule.ema, step)
        said = {name: loss.detach() for name, loss in losses.items()}
        return said | judged | {"total": total.detach(), "generator_gradient": gradient}

    def performer(self, examples: UnpairedExamples) -> nn.Module:
        copy = averaged_copy(self._average)
        reestimated(copy, examples, self.config, self.device)
        return copy

    @torch.no_grad()
    def picture(self, generator: nn.Module, batch: UnpairedBatch) -> Tensor:
        return generator(self._pictures(batch.conditioning)).float()  # type: ignore[no-any-return]

    @torch.no_grad()
    def recognized(self, batch: UnpairedBatch) -> float | None:
        return float((self._ran(self._judge, self._pictures(batch.real)) > self._form.border).float().mean())

    def measured(self, performer: nn.Module, examples: UnpairedExamples, indices: list[int]) -> Measured:
        batch = examples.plain(indices)
        shown = [picture_array(self.picture(performer, examples.plain([i])))[0] for i in indices]
        found = styled(shown, list(batch.conditioning), list(batch.real))
        figures = {"distance": found.distance, "changed": found.changed, "variety": found.variety}
        told = f"{found.share:.2f} of the way's distance left (0 there, 1 not begun); it {found.words}"
        error = found.share if np.isfinite(found.share) else found.changed
        return Measured(-error, error, told, {name: none_if_unknown(value) for name, value in figures.items()})

    def sees(self) -> Seen:
        height, width = self.config.shape
        return [("generator", (1, 3, height, width), 1.0), ("discriminator", (1, 3, height, width), 1.0)]

    def imagined(self) -> UnpairedBatch:
        return imagined(self.config)

    def _taught(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One update of the discriminator; half as published, since it is a mean of both kinds of pictures."""
        with part("judging"):
            of_real, of_fake = self._ran(self._judge, torch.cat([real, fake])).chunk(2)
        loss = self._form.judge(of_real, of_fake)
        gradient = updated(self.optimizers["discriminator"], 0.5 * loss, "discriminator")
        border = self._form.border
        return {
            "discriminator": loss.detach(),
            "real_right": (of_real.detach() > border).float().mean(),
            "fake_right": (of_fake.detach() <= border).float().mean(),
            "discriminator_gradient": gradient,
        }

    def _contrast(self, looked_at: Tensor, shown: Tensor, flipped: bool) -> Tensor:
        style = self.config.style
        with autocast(self.config, self.device):
            queries = encoded(self._generator, shown)
            with torch.no_grad():
                keys = encoded(self._generator, looked_at)
        queries = [feature.flip(3) for feature in queries] if flipped else queries
        places = drawn_places(keys, style.patches)
        with torch.no_grad():
            wanted = self._heads(keys, places)
        return patch_contrast(self._heads(queries, places), wanted, style.temperature)

    def _ran(self, network: nn.Module, pictures: Tensor) -> Tensor:
        return ran(network, pictures, self.config)

    def _pictures(self, pictures: NDArray[np.uint8]) -> Tensor:
        return picture_tensor(pictures, self.device)

    def _set_learning_rates(self, progress: float) -> None:
        share = falling(progress, self.config.schedule)
        for name, optimizer in self.optimizers.items():
            judges = name == "discriminator"
            rate = self.config.discriminator.learning_rate if judges else self.config.schedule.learning_rate
            for group in optimizer.param_groups:
                group["lr"] = rate * share


def _widths(network: nn.Module, device: torch.device) -> list[int]:
    """Channels of each place in the encoder that patches are compared at."""
    with torch.no_grad():
        found = encoded(network.eval(), torch.zeros(1, 3, 64, 64, device=device))
    network.train()
    return [feature.shape[1] for feature in found]


def reestimated(network: nn.Module, examples: UnpairedExamples, config: TrainingConfig, device: torch.device) -> None:
    """BatchNorm of `network` for the pictures it will be shown; InstanceNorm has no statistics to be given."""
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return
    size = max(config.schedule.batch, 4)
    indices = examples.spread(examples.train, config.schedule.bn_batches * size)
    groups = (indices[k : k + size] for k in range(0, len(indices), size))
    batches = (picture_tensor(examples.plain_conditioning(some), device) for some in groups if len(some) > 1)
    reestimate_norms(network, batches)


def none_if_unknown(value: float) -> float | None:
    return value if np.isfinite(value) else None


def imagined(config: TrainingConfig) -> UnpairedBatch:
    """Noise of a batch's shapes, to time a step with."""
    rng = np.random.default_rng(0)
    shape = (config.schedule.batch, *config.shape, 3)
    return UnpairedBatch(rng.integers(0, 256, shape, np.uint8), rng.integers(0, 256, shape, np.uint8))
