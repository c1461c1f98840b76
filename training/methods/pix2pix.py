"""pix2pix (Isola et al. 2017), fitted to a dancer in a room that stands still.

The generator gives color and matte, laid over the clean plate (or the whole picture where the camera moves). L1 counts
more on the person, face and hands (and feet, if asked). The discriminator judges many small crops of the figure
without the skeleton, real and generated in one batch, once L1 has had a head start: that one learns where the usual one
sits at chance.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.profiler import record_function as part

from training import metrics
from training.averaging import averaged_copy, follow, reestimate_norms
from training.batches import Batch, random_batch
from training.config import TrainingConfig
from training.cuts import crop_side
from training.devices import autocast, picture_array, picture_tensor, placed
from training.examples import AnyExamples
from training.judging import fooling
from training.losses import (
    FORMS,
    composited,
    cut_out,
    edge_l1,
    gradient_penalty,
    lightly_changed,
    matte_gap,
    moved_share,
    painted_share,
    redrawn_share,
    temporal_l1,
    texture_gap,
    weighted_l1,
)
from training.methods import Seen
from training.networks import discriminator, generator
from training.rollouts import Led, own_pictures
from training.sharing import with_shared_norms
from training.standing import Measured
from training.updates import adam, falling, updated

# Lazy regularization (Karras et al. 2020, section 3.1): every 16th step, 16 times as strong.
R1_EVERY = 16
LEAST_TOGETHER = 4
"""Pictures at once whose statistics BatchNorm is given before a performance, however few are learned at once."""


class Pix2Pix:
    def __init__(self, config: TrainingConfig, figure: bool, device: torch.device) -> None:
        self.config, self.figure, self.device = config, figure, device
        self.output = "figure" if figure else "image"
        self._fed_back = (4 if figure else 3) if config.rollout.steps else 0
        self._generator = placed(
            generator(config.generator, config.generator.channels_in + self._fed_back, matte=figure), device
        )
        self._average = averaged_copy(self._generator)
        with_shared_norms(self._generator)
        self._discriminator = discriminator(config.discriminator)
        self._form = FORMS[config.losses.form]
        schedule, judge = config.schedule, config.discriminator
        self.networks: Mapping[str, nn.Module] = {"generator": self._generator, "average": self._average}
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "generator": adam(self._generator, schedule.learning_rate, (schedule.beta1, schedule.beta2))
        }
        if self._discriminator is not None:
            with_shared_norms(placed(self._discriminator, device))
            self.networks = {**self.networks, "discriminator": self._discriminator}
            its_adam = adam(self._discriminator, judge.learning_rate, (0.5, judge.beta2))
            self.optimizers = {**self.optimizers, "discriminator": its_adam}

    def step(self, batch: Batch, step: int, progress: float) -> dict[str, Tensor]:
        self._generator.train()
        self._set_learning_rates(progress)
        with part("to device"):
            conditioning, real = self._pictures(batch.conditioning), self._pictures(batch.real)
        with part("generator"):
            previous = self._previous(self._generator, batch.led)
            raw = self._generated(conditioning, previous)
        with part("reconstruction"):
            shown = self._shown(raw, batch)
            losses = self._reconstruction(raw, shown, real, batch, previous)
        judged: dict[str, Tensor] = {}
        if self._discriminator is not None and step >= self.config.discriminator.start_step:
            views_real, views_fake = self._views(real, conditioning, batch), self._views(shown, conditioning, batch)
            judged = self._taught(self._discriminator, views_real, views_fake.detach(), step)
            with part("fooling"):
                losses = losses | self._fooling(self._discriminator, views_real, views_fake, step)
        total = torch.stack(list(losses.values())).sum()
        gradient = updated(self.optimizers["generator"], total, "generator")
        with part("average"):
            follow(self._average, self._generator, self.config.schedule.ema, step)
        said = {name: loss.detach() for name, loss in losses.items()}
        return said | judged | {"total": total.detach(), "generator_gradient": gradient}

    def performer(self, examples: AnyExamples) -> nn.Module:
        schedule = self.config.schedule
        size = max(schedule.batch, LEAST_TOGETHER)
        indices = examples.spread(examples.train, schedule.bn_batches * size)
        copy = averaged_copy(self._average)
        batches = [indices[k : k + size] for k in range(0, len(indices), size)]
        # Until its own statistics are known it dances with those of each batch, as it did when it learned.
        dancer = averaged_copy(self._average).train() if self._fed_back else copy
        reestimate_norms(copy, (self._looked_at(dancer, examples, some) for some in batches if len(some) > 1))
        return copy

    @torch.no_grad()
    def picture(self, generator: nn.Module, batch: Batch) -> Tensor:
        looked_at = _joined(self._pictures(batch.conditioning), self._previous(generator, batch.led))
        return self._shown(generator(looked_at).float(), batch)

    @torch.no_grad()
    def recognized(self, batch: Batch) -> float | None:
        if self._discriminator is None:
            return None
        views = self._views(self._pictures(batch.real), self._pictures(batch.conditioning), batch)
        scores, _ = self._discriminator.eval()(views)
        self._discriminator.train()
        return float((scores.float() > self._form.border).float().mean())

    def measured(self, performer: nn.Module, examples: AnyExamples, indices: list[int]) -> Measured:
        errors, sharp, real_sharp = [], [], []
        for i in indices:
            batch = examples.plain([i])
            picture, real = picture_array(self.picture(performer, batch))[0], batch.real[0]
            everywhere = np.ones(real.shape[:2], bool)
            errors.append(metrics.l1(picture, real))
            sharp.append(metrics.gradient_energy(picture, everywhere))
            real_sharp.append(metrics.gradient_energy(real, everywhere))
        error, sharpness = float(np.mean(errors)), float(np.mean(sharp)) / max(1e-6, float(np.mean(real_sharp)))
        told = f"{error:.1f} levels off, sharpness {sharpness:.2f}"
        return Measured(0.5 * min(1.0, sharpness) - error / 100, error, told, {"sharpness": sharpness})

    def sees(self) -> Seen:
        config, cut = self.config, self.config.augmentation.cut
        height, width = (cut, cut) if cut else config.shape
        # It dances the poses before without learning from them: forward only, a third of the work.
        times = 1.0 + self.config.rollout.steps / 3
        rows: Seen = [("generator", (1, config.generator.channels_in + self._fed_back, height, width), times)]
        if self._discriminator is not None:
            side, crops = crop_side(config), config.discriminator.kind == "crops"
            shape = (1, 3, side, side) if crops else (1, 6, height, width)
            rows.append(("discriminator", shape, config.discriminator.crops / config.schedule.batch if crops else 1.0))
        return rows

    def imagined(self) -> Batch:
        return random_batch(self.config, self.figure)

    def _generated(self, conditioning: Tensor, previous: Tensor | None) -> Tensor:
        with autocast(self.config, self.device):
            raw = self._generator(_joined(conditioning, previous))
        return raw.float()

    def _previous(self, generator: nn.Module, led: Led | None) -> Tensor | None:
        """What `generator` showed just before, where it looks at its last picture."""
        if led is None:
            return None
        with autocast(self.config, self.device):
            return own_pictures(generator, led, self._fed_back, self.device)

    @torch.no_grad()
    def _looked_at(self, generator: nn.Module, examples: AnyExamples, indices: list[int]) -> Tensor:
        led = examples.plain_led(indices) if self._fed_back else None  # type: ignore[attr-defined]
        return _joined(self._pictures(examples.plain_conditioning(indices)), self._previous(generator, led))

    def _reconstruction(
        self, raw: Tensor, shown: Tensor, real: Tensor, batch: Batch, previous: Tensor | None
    ) -> dict[str, Tensor]:
        weights = self.config.losses
        weight = torch.from_numpy(batch.weight).to(self.device)[:, None]
        if batch.figure is not None:
            losses = self._true_figure(raw, batch.figure, weight)
        else:
            losses = {"l1": weights.l1 * weighted_l1(shown, real, weight)}
        if weights.edges:
            losses["edges"] = weights.edges * edge_l1(shown, real, weight)
        if weights.texture:
            losses["texture"] = weights.texture * texture_gap(shown, real, weight)
        if self.figure and batch.figure is None:
            losses["matte"] = self._matte(raw[:, 3:4], batch)
        if raw.shape[1] > 4:
            losses |= self._prices(raw, self._pictures(batch.conditioning), real)
        if weights.temporal:
            losses["temporal"] = weights.temporal * temporal_l1(shown, real, weight)
        if batch.shaken is not None:
            shaken = self._shown(self._generated(self._pictures(batch.shaken), previous), batch)
            losses["consistency"] = weights.consistency * weighted_l1(shaken, shown.detach(), weight)
        return losses

    def _prices(self, raw: Tensor, conditioning: Tensor, real: Tensor) -> dict[str, Tensor]:
        """What a refiner pays for each thing that it changes of the posed figure."""
        prices = self.config.losses
        return {
            "painting": prices.painting * painted_share(raw[:, 4:5], conditioning, real),
            "moving": prices.moving * moved_share(raw[:, 5:], conditioning),
            "outline": prices.outline * redrawn_share(raw[:, 3:4], conditioning),
        }

    def _true_figure(self, raw: Tensor, figure: NDArray[np.uint8], weight: Tensor) -> dict[str, Tensor]:
        """Color premultiplied by the matte, and the matte itself, against the rendered truth."""
        truth = picture_tensor(figure, self.device)
        matte = (truth[:, 3:] + 1) / 2
        # Premultiplied in 0..1, where nothing is black; the factor 2 keeps the scale of -1..1 pictures.
        color = 2 * weighted_l1((raw[:, :3] + 1) / 2 * raw[:, 3:4], (truth[:, :3] + 1) / 2 * matte, weight)
        losses = self.config.losses
        return {"l1": losses.l1 * color, "matte": losses.l1 * losses.matte * weighted_l1(raw[:, 3:4], matte, weight)}

    def _matte(self, matte: Tensor, batch: Batch) -> Tensor:
        """The person mask is a weak guide: nothing is asked of its unsure border; far from it a matte costs."""
        mask = torch.from_numpy(batch.mask).to(self.device)[:, None].float() / 255
        far = torch.from_numpy(batch.far).to(self.device)[:, None].float()
        return (
            self.config.losses.matte * matte_gap(matte, mask, far) + self.config.losses.far_matte * (matte * far).mean()
        )

    def _taught(self, judge: nn.Module, real: Tensor, fake: Tensor, step: int) -> dict[str, Tensor]:
        """One update of the discriminator, real and generated in one batch."""
        config = self.config.discriminator
        both = torch.cat([real, fake])
        with part("judging"), autocast(self.config, self.device):
            scores, _ = judge.train()(lightly_changed(both, step) if config.augment else both)
        of_real, of_fake = scores.float().chunk(2)
        loss = total = self._form.judge(of_real, of_fake)
        if config.r1 and step % R1_EVERY == 0:
            total = loss + R1_EVERY * config.r1 * gradient_penalty(lambda some: judge(some)[0], real)
        gradient = updated(self.optimizers["discriminator"], total, "discriminator")
        return self._form.told(loss, of_real, of_fake) | {"discriminator_gradient": gradient}

    def _fooling(self, judge: nn.Module, real: Tensor, fake: Tensor, step: int) -> dict[str, Tensor]:
        both = torch.cat([real, fake])
        both = lightly_changed(both, step) if self.config.discriminator.augment else both
        return fooling(judge, both, self._form, self.config, step)

    def _views(self, pictures: Tensor, conditioning: Tensor, batch: Batch) -> Tensor:
        if self.config.discriminator.kind == "patch":
            return torch.cat([conditioning[:, :3], pictures], dim=1)
        return cut_out(pictures, torch.from_numpy(batch.crops), crop_side(self.config))

    def _shown(self, raw: Tensor, batch: Batch) -> Tensor:
        return composited(raw[:, :4], self._pictures(batch.plate)) if batch.plate is not None else raw

    def _pictures(self, pictures: NDArray[np.uint8]) -> Tensor:
        return picture_tensor(pictures, self.device)

    def _set_learning_rates(self, progress: float) -> None:
        schedule = self.config.schedule
        share = falling(progress, schedule)
        rates = {"generator": schedule.learning_rate, "discriminator": self.config.discriminator.learning_rate}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * share


def _joined(conditioning: Tensor, previous: Tensor | None) -> Tensor:
    return conditioning if previous is None else torch.cat([conditioning, previous], dim=1)
