"""colorize: a and b of a picture from its gray (Zhang et al. 2016; Isola et al. 2017), its luminance never touched.

A long phase of L1 alone, then a short one with a discriminator that sees color and luminance joined; longer, and it
paints blotches, as DeOldify found (NoGAN). So what is kept is the state that did best on held-out pictures: little
error, as colorful as real ones. L1 alone turns gray and brown where a hue is unsure, so vivid pixels count more (after
the class rebalancing of Zhang et al., section 2.2).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engines.color import LINEAR, MIDDLE, colored
from training.averaging import averaged_copy, follow, reestimate_norms
from training.color_metrics import averaged, evenly, figures
from training.coloring import RANGE, ColorBatch, GrayExamples
from training.config import TrainingConfig
from training.devices import autocast, picture_tensor, placed
from training.judging import fooling
from training.losses import FORMS
from training.methods import Seen
from training.networks import generator
from training.networks.patchgan import PatchGAN
from training.sharing import with_shared_norms
from training.standing import Measured
from training.updates import falling, updated

# Color weighs twice as much as luminance for the discriminator: in -1..1 it hardly leaves the middle.
COLOR_SEEN = 2.0
GAINS = tuple(round(0.8 + k / 20, 2) for k in range(29))
POWERS = (1.0, 1.15, 1.3, 1.5)
"""Above 1 the vivid gains most, and what is unsure, thus pale, is left paler: as colorful for less error."""
PIVOT = 0.15
"""The color, in units of the generator, that a power alone leaves as it is: about what one gives where it is sure."""
NEARLY = 0.85
"""Of the colorfulness of real pictures: more would be paid for in error."""
MOST_ERROR = 0.98
"""Of one mean color's: what held by a hair on a hundred pictures did not on a hundred others."""
CALIBRATED_ON, CALIBRATED_SIZE = 100, (96, 96)


class Colorize:
    output = "chroma"

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        schedule, judge = config.schedule, config.discriminator
        self._generator = placed(generator(config.generator, channels_in=1, channels_out=2), device)
        self._average = averaged_copy(self._generator)
        with_shared_norms(self._generator)
        self._form = FORMS[config.losses.form]
        self.networks: Mapping[str, nn.Module] = {"generator": self._generator, "average": self._average}
        betas = (schedule.beta1, schedule.beta2)
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(self._generator.parameters(), schedule.learning_rate, betas, fused=True)
        }
        self._judge: nn.Module | None = None
        self._has_judged = False
        if judge.kind != "none":
            self._judge = with_shared_norms(placed(PatchGAN(3, judge.width, judge.layers), device))
            self.networks = {**self.networks, "discriminator": self._judge}
            adam = torch.optim.Adam(self._judge.parameters(), judge.learning_rate, (0.5, judge.beta2), fused=True)
            self.optimizers = {**self.optimizers, "discriminator": adam}

    def step(self, batch: ColorBatch, step: int, progress: float) -> dict[str, Tensor]:
        self._generator.train()
        self._set_learning_rates(progress)
        seen, color = picture_tensor(batch.conditioning, self.device), self._color(batch)
        with autocast(self.config, self.device):
            made = self._generator(seen)
        made = made.float()
        losses = {"l1": self.config.losses.l1 * self._distance(made, color)}
        judged: dict[str, Tensor] = {}
        # By the share of the run, for minutes end most runs; start_step holds the discriminator back further.
        due = step >= self.config.discriminator.start_step and progress >= self.config.colorize.alone
        if self._judge is not None and due:
            self._has_judged = True
            real, fake = _joined(seen, color), _joined(seen, made)
            judged = self._taught(self._judge, real, fake.detach())
            losses |= fooling(self._judge, torch.cat([real, fake]), self._form, self.config, step)
        total = torch.stack(list(losses.values())).sum()
        gradient = updated(self.optimizers["generator"], total, "generator")
        follow(self._average, self._generator, self.config.schedule.ema, step)
        said = {name: loss.detach() for name, loss in losses.items()}
        return said | judged | {"total": total.detach(), "generator_gradient": gradient}

    def performer(self, examples: GrayExamples) -> nn.Module:
        schedule = self.config.schedule
        indices = examples.spread(examples.train, schedule.bn_batches * schedule.batch)
        copy = averaged_copy(self._average)
        batches = (indices[k : k + schedule.batch] for k in range(0, len(indices), schedule.batch))
        seen = (examples.plain_conditioning(some) for some in batches if len(some) > 1)
        reestimate_norms(copy, (picture_tensor(pictures, self.device) for pictures in seen))
        return Vivid(copy, *self._strength(copy, examples)).eval()

    @torch.no_grad()
    def picture(self, generator: nn.Module, batch: ColorBatch) -> Tensor:
        pictures = [colored(LINEAR[seen[..., 0]], _levels(self._made(generator, seen))) for seen in batch.conditioning]
        return picture_tensor(np.stack(pictures), self.device)

    @torch.no_grad()
    def recognized(self, batch: ColorBatch) -> float | None:
        if self._judge is None or not self._has_judged:
            return None
        scores, _ = self._judge.eval()(_joined(picture_tensor(batch.conditioning, self.device), self._color(batch)))
        self._judge.train()
        return float((scores.float() > self._form.border).float().mean())

    def measured(self, performer: nn.Module, examples: GrayExamples, indices: list[int]) -> Measured:
        """Error in a and b over that of the mean color, and colorfulness over that of the real pictures."""
        mean = examples.mean_color()
        rows, floor, real = [], [], []
        for i in indices:
            batch = examples.plain([i])
            shown = self.picture(performer, batch)[0].permute(1, 2, 0).cpu().numpy()
            truth, light = batch.real[0], LINEAR[batch.conditioning[0, ..., 0]]
            rows.append(figures(np.rint((shown + 1) * 127.5).astype(np.uint8), truth))
            floor.append(figures(colored(light, evenly(mean, truth)), truth))
            real.append(figures(truth, truth))
        own, without, ceiling = averaged(rows), averaged(floor), averaged(real)
        share, colorful = own["error"] / without["error"], own["colorfulness"] / ceiling["colorfulness"]
        # As colorful as real pictures, no more: a blotch is colorful too.
        score = 1 - share + 0.5 * min(colorful, 1 / max(colorful, 1e-6))
        told = f"color {own['error']:.2f} off ({share:.2f} of the mean color's), colorfulness {colorful:.2f} of real"
        said = {"of_mean_color": share, "colorful": colorful, "psnr_over_mean": own["psnr"] - without["psnr"]}
        return Measured(score, own["error"], told, said)

    def sees(self) -> Seen:
        height, width = self.config.shape
        rows: Seen = [("generator", (1, 1, height, width), 1.0)]
        return rows if self._judge is None else [*rows, ("discriminator", (1, 3, height, width), 2.0)]

    def imagined(self) -> ColorBatch:
        count, (height, width) = self.config.schedule.batch, self.config.shape
        rng = np.random.default_rng(0)
        return ColorBatch(
            rng.integers(0, 256, (count, height, width, 1), np.uint8),
            rng.integers(0, 256, (count, height, width, 3), np.uint8),
            rng.uniform(-0.3, 0.3, (count, height, width, 2)).astype(np.float32),
        )

    @torch.no_grad()
    def _strength(self, network: nn.Module, examples: GrayExamples) -> tuple[float, float]:
        """Gain and power with the least error that make held-out pictures nearly as colorful as real ones.

        What is learned is the mean of what could be, and a mean is paler than any of them (so Zhang et al. 2016 take
        an annealed mean, section 2.3). As long as one mean color would err more; where that is not to be had, the most
        colorful of those that do not err more.
        """
        indices = examples.spread(examples.validation if len(examples.validation) else examples.train, CALIBRATED_ON)
        batch, mean = examples.plain(indices), examples.mean_color()
        made = [_small(self._made(network, seen)) for seen in batch.conditioning]
        lights = [LINEAR[_small(seen[..., 0])] for seen in batch.conditioning]
        truths = [_small(truth) for truth in batch.real]

        def error_and_colorfulness(colors: Sequence[NDArray[np.float32]]) -> tuple[float, float]:
            shown = [colored(light, color) for light, color in zip(lights, colors, strict=True)]
            own = averaged([figures(picture, truth) for picture, truth in zip(shown, truths, strict=True)])
            return own["error"], own["colorfulness"]

        # Of real ones at the net's size: made small they are paler, and what the net makes, which is smooth, is not.
        wanted = NEARLY * averaged([figures(truth, truth) for truth in batch.real])["colorfulness"]
        most = MOST_ERROR * error_and_colorfulness([evenly(mean, truth) for truth in truths])[0]
        found = []
        for power in POWERS:
            for gain in GAINS:
                shown = [_levels(strengthened(torch.from_numpy(color), gain, power).numpy()) for color in made]
                error, colorful = error_and_colorfulness(shown)
                lacks = max(0.0, wanted - colorful)
                found.append((1, error, lacks, gain, power) if error > most else (0, lacks, error, gain, power))
                if error > most or not lacks:
                    break
        *_, gain, power = min(found)
        return gain, power

    def _made(self, network: nn.Module, seen: NDArray[np.uint8]) -> NDArray[np.float32]:
        raw = network(picture_tensor(seen[None], self.device))[0].float()
        return np.asarray(raw.permute(1, 2, 0).cpu().numpy(), np.float32)

    def _color(self, batch: ColorBatch) -> Tensor:
        return torch.from_numpy(batch.color).to(self.device).permute(0, 3, 1, 2)

    def _distance(self, made: Tensor, color: Tensor) -> Tensor:
        """L1, a pixel counting more the more colorful it is; quadratic within a just noticeable step."""
        weight = 1 + self.config.colorize.vivid * color.norm(dim=1, keepdim=True)
        gap = functional.smooth_l1_loss(made, color, beta=self.config.colorize.huber / RANGE, reduction="none")
        return (weight * gap).sum() / weight.sum()

    def _taught(self, judge: nn.Module, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One update of the discriminator, real and generated in one batch."""
        with autocast(self.config, self.device):
            scores, _ = judge.train()(torch.cat([real, fake]))
        of_real, of_fake = scores.float().chunk(2)
        loss = self._form.judge(of_real, of_fake)
        gradient = updated(self.optimizers["discriminator"], loss, "discriminator")
        return self._form.told(loss, of_real, of_fake) | {"discriminator_gradient": gradient}

    def _set_learning_rates(self, progress: float) -> None:
        schedule = self.config.schedule
        share = falling(progress, schedule)
        rates = {"generator": schedule.learning_rate, "discriminator": self.config.discriminator.learning_rate}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * share


class Vivid(nn.Module):
    """A generator whose colors (B, 2, H, W) are made stronger, all alike or the vivid ones most."""

    def __init__(self, generator: nn.Module, gain: float, power: float = 1.0) -> None:
        super().__init__()
        self.generator, self.gain, self.power = generator, gain, power

    def forward(self, seen: Tensor) -> Tensor:
        return strengthened(self.generator(seen).permute(0, 2, 3, 1), self.gain, self.power).permute(0, 3, 1, 2)


def strengthened(color: Tensor, gain: float, power: float) -> Tensor:
    """(..., 2): the hue kept, the distance from gray d to gain * PIVOT * (d / PIVOT) ** power."""
    distance = (color.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()
    return color * (gain * (distance / PIVOT) ** (power - 1))


def _small(picture: NDArray[Any]) -> NDArray[Any]:
    return cv2.resize(picture, CALIBRATED_SIZE, interpolation=cv2.INTER_AREA)


def _levels(color: NDArray[np.float32]) -> NDArray[np.float32]:
    return color * np.float32(RANGE) + np.float32(MIDDLE)


def _joined(seen: Tensor, color: Tensor) -> Tensor:
    return torch.cat([seen, color * COLOR_SEEN], dim=1)
