"""next_frame: a film's next frame from its last two, learned so that it can go on from its own pictures for long.

What it fights is known (issue 15): it stands still, it turns black, it blurs. So its norm-free generator moves the
picture instead of painting it anew (networks.flowing); it is unrolled, 1 step at first and up to 8, on noisy pictures;
in cycles it is rolled out and learns the way back into the film from where it went (divergent); a discriminator sees
three pictures in a row; and its motion energy is held to the film's, place by place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import record_function as part

from engines.film.liveness import APART, Liveness, liveness, watched
from training import metrics
from training.averaging import averaged_copy, follow
from training.beginnings import Begun, begun, noisy
from training.config import TrainingConfig
from training.cuts import crop_side
from training.devices import autocast, picture_array, picture_tensor, placed
from training.divergent import Divergent, rolled, room_for
from training.film_examples import FilmBatch, FilmExamples
from training.judging import fooling
from training.losses import FORMS, cut_out, feature_distance, lightly_changed
from training.methods import Seen
from training.networks import discriminator, generator
from training.networks.flowing import Flowing
from training.rehearsal import RATE, Rehearsal
from training.sharing import rank, with_shared_norms
from training.standing import Measured
from training.updates import adam, falling, updated

IN_A_ROW = 3
"""Pictures that the discriminator sees at once."""
PLACE = 16
"""Motion is compared in squares of so many pixels: where exactly water breaks cannot be foreseen, how much can."""
JUDGED_STEPS = 200
ENOUGH = 0.7
"""Of the film's motion, or its inverse."""
MOST_GRADIENT = 1.0
"""Unrolled, a gradient goes through the generator up to eight times, and may grow each time."""


class NextFrame:
    output = "image"

    def __init__(self, config: TrainingConfig, examples: FilmExamples | None, device: torch.device) -> None:
        self.config, self.device, self._examples = config, device, examples
        self._generator = placed(generator(config.generator, channels_in=6, shape=config.shape), device)
        if examples is not None and isinstance(self._generator, Flowing):
            mean = examples.frames[examples.train].mean(axis=0) / 127.5 - 1
            self._generator.begin_at(torch.from_numpy(mean).float().permute(2, 0, 1))
        memory = self._generator.memory if isinstance(self._generator, Flowing) else None
        if examples is not None and memory is not None:
            memory.remember(examples.frames[examples.train])
        self._average = averaged_copy(self._generator)
        self._discriminator = discriminator(config.discriminator, seen=3 * IN_A_ROW)
        self._form = FORMS[config.losses.form]
        self._own = Divergent(config.shape, 1 if examples is None else room_for(examples)).to(device)
        schedule, judge = config.schedule, config.discriminator
        self.networks: Mapping[str, nn.Module] = {
            "generator": self._generator,
            "average": self._average,
            "divergent": self._own,
        }
        rates = (schedule.beta1, schedule.beta2)
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "generator": adam(self._generator, schedule.learning_rate, rates)
        }
        self._rehearsal: Rehearsal | None = None
        if memory is not None:
            self._rehearsal = Rehearsal(memory, examples, device)
            self.networks = {**self.networks, "walks": self._rehearsal.walkers}
            # A rate of its own: the generator's optimizer never sees a gradient of the memory.
            self.optimizers = {**self.optimizers, "memory": self._rehearsal.optimizer}
        if self._discriminator is not None:
            with_shared_norms(placed(self._discriminator, device))
            self.networks = {**self.networks, "discriminator": self._discriminator}
            self.optimizers = {
                **self.optimizers,
                "discriminator": adam(self._discriminator, judge.learning_rate, (0.5, judge.beta2)),
            }

    def step(self, batch: FilmBatch, step: int, progress: float) -> dict[str, Tensor]:
        self._generator.train()
        self._set_learning_rates(progress)
        config, said = self.config.next_frame, {}
        if self._rehearsal is not None and self._examples is not None:
            with part("rehearsing"):
                said["memory"] = self._rehearsal.rehearsed(step, config.rehearsals)
        said |= self._begin_cycle(progress)
        rng = np.random.default_rng([self.config.seed, 3, step, rank()])
        start = begun(batch, self._own, self._examples, config.own_share, rng, self.device)
        if self._rehearsal is not None:
            start = self._rehearsal.eased(start)
        with part("generator"):
            pictures = self._unrolled(
                noisy(start.before, config, 0.5), noisy(start.start, config), self._steps(progress)
            )
        with part("reconstruction"):
            losses = self._reconstruction(start, pictures)
        judged: dict[str, Tensor] = {}
        if self._discriminator is not None and step >= self.config.discriminator.start_step:
            real = self._clips(batch)
            fake = torch.cat([start.before, start.start, *pictures][-IN_A_ROW:], dim=1)
            views = [cut_out(one, torch.from_numpy(batch.crops), crop_side(self.config)) for one in (real, fake)]
            judged = self._taught(self._discriminator, views[0], views[1].detach(), step)
            with part("fooling"):
                losses = losses | self._fooling(self._discriminator, views[0], views[1], step)
        total = torch.stack(list(losses.values())).sum()
        gradient = updated(self.optimizers["generator"], total, "generator", most=MOST_GRADIENT)
        with part("average"):
            follow(self._average, self._generator, self.config.schedule.ema, step)
        told = {name: loss.detach() for name, loss in losses.items()}
        return told | said | judged | {"total": total.detach(), "generator_gradient": gradient}

    def performer(self, examples: Any) -> nn.Module:  # noqa: ARG002  # asked of every method
        """Nothing is normalized, so there are no statistics to estimate."""
        return averaged_copy(self._average)

    @torch.no_grad()
    def picture(self, generator: nn.Module, batch: FilmBatch) -> Tensor:
        looked_at = torch.cat([self._pictures(batch.before), self._pictures(batch.conditioning)], dim=1)
        return generator(looked_at).float()

    @torch.no_grad()
    def recognized(self, batch: FilmBatch) -> float | None:
        if self._discriminator is None:
            return None
        views = cut_out(self._clips(batch), torch.from_numpy(batch.crops), crop_side(self.config))
        scores, _ = self._discriminator.eval()(views)
        self._discriminator.train()
        return float((scores.float() > self._form.border).float().mean())

    def measured(self, performer: nn.Module, examples: Any, indices: list[int]) -> Measured:
        """One step on held-out frames beside copying the last one, and whether a rollout stays alive."""
        errors, copied = [], []
        for i in indices:
            batch = examples.plain([i])
            errors.append(metrics.l1(picture_array(self.picture(performer, batch))[0], batch.real[0]))
            copied.append(metrics.l1(batch.conditioning[0], batch.real[0]))
        error, copy = float(np.mean(errors)), float(np.mean(copied))
        before, last = examples.start()
        config = self.config.next_frame
        rollout = rolled(performer, before[None], last[None], JUDGED_STEPS, self.device, config.stir, self.config.seed)
        life = liveness(examples.watched(), watched(rollout[0]))
        contrast, score = life.figures()["contrast_last"], score_of(life) - 0.2 * error / copy
        kinds = ", ".join(fault.kind for fault in life.faults) or "alive"
        told = (
            f"{error:.1f} levels off the next frame (copying the last: {copy:.1f}); {JUDGED_STEPS} steps on its own: "
            f"{kinds}, motion {min(life.energies):.2f} to {max(life.energies):.2f} times the film's, "
            f"{min(life.wanders):.2f} over {APART} steps"
        )
        figures = {
            "copy_last": copy,
            "motion": min(life.energies),
            "wander": min(life.wanders),
            "contrast": contrast,
            "faults": len(life.faults),
        }
        return Measured(score, error, told, figures)

    def sees(self) -> Seen:
        config, (height, width) = self.config, self.config.shape
        rows: Seen = [("generator", (1, 6, height, width), float(config.next_frame.unroll))]
        if self._discriminator is not None:
            side = crop_side(config)
            crops = config.discriminator.crops / config.schedule.batch
            rows.append(("discriminator", (1, 3 * IN_A_ROW, side, side), crops))
        return rows

    def imagined(self) -> FilmBatch:
        config, rng = self.config, np.random.default_rng(0)
        count, steps, (height, width) = config.schedule.batch, config.next_frame.unroll, config.shape

        def pictures(*many: int) -> NDArray[np.uint8]:
            return rng.integers(0, 256, (*many, height, width, 3), np.uint8)

        crops = np.zeros((config.discriminator.crops, 3), np.int64)
        known = np.ones((count, steps), np.float32)
        return FilmBatch(
            pictures(count), pictures(count), pictures(count, steps), known, np.arange(count), pictures(count, 3), crops
        )

    # What it begins with ---------------------------------------------------------------------------------------------

    def _begin_cycle(self, progress: float) -> dict[str, Tensor]:
        """At the beginning of each cycle the generator is rolled out anew."""
        cycles = self.config.next_frame.cycles
        cycle = min(cycles, int(progress * (cycles + 1)))
        if self._examples is None or cycle == 0 or cycle == int(self._own.cycle):
            return {}
        with part("rolling out"):
            like = None if self._rehearsal is None else self._rehearsal.like
            away = self._own.refill(self._average, self._examples, cycle, self.device, like)
        return {"astray": torch.tensor(away)}

    def _steps(self, progress: float) -> int:
        config = self.config.next_frame
        return min(config.unroll, 1 + int(config.unroll * progress / config.unrolled_at))

    def _unrolled(self, before: Tensor, picture: Tensor, steps: int) -> list[Tensor]:
        found = []
        for _ in range(steps):
            with autocast(self.config, self.device):
                after = self._generator(torch.cat([before, picture], dim=1))
            before, picture = picture, after.float()
            found.append(picture)
        return found

    # What it is told -------------------------------------------------------------------------------------------------

    def _reconstruction(self, begun: Begun, pictures: list[Tensor]) -> dict[str, Tensor]:
        weights = self.config.losses
        l1, motion, edges, last, real_last = [], [], [], begun.start, begun.origin
        for k, picture in enumerate(pictures):
            real, counts = begun.following[:, k], begun.known[:, k]
            # The farther a step, the less of it is known: where water will break is anybody's guess.
            share = (counts / (k + 1)).view(-1, 1, 1, 1)
            l1.append(((picture - real).abs() * share).mean())
            if weights.edges:
                across, down = (picture - real).diff(dim=3).abs(), (picture - real).diff(dim=2).abs()
                edges.append((across * share).mean() + (down * share).mean())
            gap = (_energy(picture, last) - _energy(real, real_last)).abs()
            motion.append((gap * counts.view(-1, 1, 1, 1)).mean())
            last, real_last = picture, real
        losses = {"l1": weights.l1 * torch.stack(l1).mean()}
        if edges:
            losses["edges"] = weights.edges * torch.stack(edges).mean()
        if self.config.next_frame.motion:
            losses["motion"] = self.config.next_frame.motion * torch.stack(motion).mean()
        return losses

    def _taught(self, judge: nn.Module, real: Tensor, fake: Tensor, step: int) -> dict[str, Tensor]:
        both = torch.cat([real, fake])
        with part("judging"), autocast(self.config, self.device):
            scores, _ = judge.train()(self._shown_to_judge(both, step))
        of_real, of_fake = scores.float().chunk(2)
        loss = self._form.judge(of_real, of_fake)
        gradient = updated(self.optimizers["discriminator"], loss, "discriminator")
        return self._form.told(loss, of_real, of_fake) | {"discriminator_gradient": gradient}

    def _fooling(self, judge: nn.Module, real: Tensor, fake: Tensor, step: int) -> dict[str, Tensor]:
        both = self._shown_to_judge(torch.cat([real, fake]), step)
        return fooling(judge, both, self._form, self.config, step, _gap_of_means)

    def _shown_to_judge(self, views: Tensor, step: int) -> Tensor:
        return lightly_changed(views, step) if self.config.discriminator.augment else views

    def _clips(self, batch: FilmBatch) -> Tensor:
        count, many = batch.clips.shape[:2]
        clips = self._pictures(batch.clips.reshape(-1, *batch.clips.shape[2:]))
        return clips.reshape(count, many * 3, *clips.shape[2:])

    def _pictures(self, pictures: NDArray[np.uint8]) -> Tensor:
        return picture_tensor(pictures, self.device)

    def _set_learning_rates(self, progress: float) -> None:
        schedule = self.config.schedule
        judge = self.config.discriminator
        rates = {"generator": schedule.learning_rate, "discriminator": judge.learning_rate, "memory": RATE}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * falling(progress, schedule)


def _gap_of_means(generated: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Over the crops: the two halves are of different places and times, only their statistics should agree."""
    return feature_distance([each.float().mean(0) for each in generated], [each.float().mean(0) for each in real])


def score_of(life: Liveness) -> float:
    """How well it lives. Once it moves enough, contrast and detail decide: livelier than that is no better."""
    contrast, detail = (life.figures()[name] for name in ("contrast_last", "detail_last"))
    moves = min(_near(share) for share in (*life.energies, *life.wanders))
    return min(1.0, moves / ENOUGH) + _near(contrast) + _near(detail) - 0.5 * len(life.faults)


def _near(share: float) -> float:
    """1 at the film's own, less where there is more or less of it."""
    return min(share, 1 / max(share, 1e-6))


def _energy(picture: Tensor, before: Tensor) -> Tensor:
    """(B, 1, H / 16, W / 16): how much changed, place by place."""
    return functional.avg_pool2d((picture - before).abs().mean(dim=1, keepdim=True), PLACE)
