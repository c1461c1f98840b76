"""colorize: a and b of a picture from its gray (Zhang et al. 2016; Isola et al. 2017), its luminance never touched.

A generator of kind `hues` says how likely each color is and learns by cross entropy. Any other gives a and b at once:
a long phase of L1 alone, which turns gray and brown where a hue is unsure, so vivid pixels count more, then a short one
with a discriminator that sees color and luminance joined; longer, and it paints blotches, as DeOldify found (NoGAN).
What is kept is the state that did best on held-out pictures: little error, as colorful as real ones.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.color import LINEAR, colored
from training.averaging import averaged_copy, follow, reestimate_norms
from training.color_metrics import averaged, evenly, figures
from training.coloring import RANGE, ColorBatch, GrayExamples
from training.config import TrainingConfig
from training.devices import autocast, picture_tensor, placed
from training.judging import fooling
from training.losses import FORMS
from training.methods import Seen
from training.networks import generator
from training.networks.hues import Hues
from training.networks.patchgan import PatchGAN
from training.sharing import with_shared_norms
from training.standing import Measured
from training.updates import falling, updated
from training.vividness import CALIBRATED_ON, calibrated, levels, plane

# Color weighs twice as much as luminance for the discriminator: in -1..1 it hardly leaves the middle.
COLOR_SEEN = 2.0


class Colorize:
    output = "chroma"

    def __init__(self, config: TrainingConfig, device: torch.device, examples: GrayExamples | None = None) -> None:
        self.config, self.device = config, device
        judge = config.discriminator
        self._generator = placed(generator(config.generator, channels_in=1, channels_out=2), device)
        if isinstance(self._generator, Hues) and examples is not None:
            self._generator.know(examples.colors())
        self._average = averaged_copy(self._generator)
        with_shared_norms(self._generator)
        self._form = FORMS[config.losses.form]
        self.networks: Mapping[str, nn.Module] = {"generator": self._generator, "average": self._average}
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {"generator": _optimizer(self._generator, config)}
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
        made, losses = self._learned(seen, color)
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
        return calibrated(copy, examples, self.device).eval()

    @torch.no_grad()
    def picture(self, generator: nn.Module, batch: ColorBatch) -> Tensor:
        pictures = [
            colored(LINEAR[seen[..., 0]], levels(plane(generator(picture_tensor(seen[None], self.device)))))
            for seen in batch.conditioning
        ]
        return picture_tensor(np.stack(pictures), self.device)

    @torch.no_grad()
    def recognized(self, batch: ColorBatch) -> float | None:
        if self._judge is None or not self._has_judged:
            return None
        scores, _ = self._judge.eval()(_joined(picture_tensor(batch.conditioning, self.device), self._color(batch)))
        self._judge.train()
        return float((scores.float() > self._form.border).float().mean())

    def measured(self, performer: nn.Module, examples: GrayExamples, indices: list[int]) -> Measured:
        """Error in a and b over that of the mean color, and colorfulness over that of the real pictures.

        On more pictures than the few that were asked for: color is a matter of which they are.
        """
        indices = examples.spread(examples.validation, CALIBRATED_ON) if len(examples.validation) else indices
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

    def _color(self, batch: ColorBatch) -> Tensor:
        return torch.from_numpy(batch.color).to(self.device).permute(0, 3, 1, 2)

    def _learned(self, seen: Tensor, color: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What is made of `seen`, and how far it is from `color`: the only difference between the two kinds."""
        with autocast(self.config, self.device):
            raw = self._generator.likelihoods(seen) if isinstance(self._generator, Hues) else self._generator(seen)
        raw = raw.float()
        if isinstance(self._generator, Hues):
            surprise = self._generator.surprise(raw, color)
            return self._generator.shown(raw), {"surprise": surprise}
        return raw, {"l1": self.config.losses.l1 * self._distance(raw, color)}

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


def _optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Adam, or AdamW (Loshchilov and Hutter 2019), which pulls at convolutions only."""
    schedule, decay = config.schedule, config.colorize.weight_decay
    betas = (schedule.beta1, schedule.beta2)
    if not decay:
        return torch.optim.Adam(network.parameters(), schedule.learning_rate, betas, fused=True)
    pulled = [weight for weight in network.parameters() if weight.ndim > 1]
    left = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": pulled, "weight_decay": decay}, {"params": left, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, schedule.learning_rate, betas, fused=True)


def _joined(seen: Tensor, color: Tensor) -> Tensor:
    return torch.cat([seen, color * COLOR_SEEN], dim=1)
