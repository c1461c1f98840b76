"""CycleGAN (Zhu et al. 2017): two generators that lead there and back, each judged by its own discriminator.

With the published InstanceNorm the generators are teachers: beside them two students of the live kind (BatchNorm)
learn, step by step, to show what the teachers show, and go on stage in their place (`style.student`). Without students
the generators themselves are exported.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import record_function as part

from engines.errors import ConfigError
from engines.images import Frame
from training import metrics
from training.averaging import averaged_copy, follow
from training.config import TrainingConfig
from training.devices import picture_array, picture_tensor, placed
from training.judging import ran
from training.losses import FORMS, edge_l1
from training.methods import Seen
from training.methods.fastcut import imagined, none_if_unknown, reestimated
from training.networks import discriminator, generator
from training.pool import ImagePool
from training.sharing import with_shared_norms
from training.standing import Measured
from training.steadiness import moved, small_motion, steadiness
from training.unpaired.examples import UnpairedBatch, UnpairedExamples
from training.unpaired.measuring import Styled, styled
from training.unpaired.store import Side
from training.updates import adam, falling, updated


class Both(nn.Module):
    """Two networks of one kind: from A to B, and back. Called, it is the first."""

    def __init__(self, made: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.there, self.back = made(), made()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.there(pictures)  # type: ignore[no-any-return]

    def of(self, side: Side) -> nn.Module:
        """The one that looks at pictures of `side`."""
        return self.there if side == "A" else self.back


class CycleGAN:
    output = "image"

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        if config.discriminator.kind != "patch":
            raise ConfigError(f"discriminator.kind is {config.discriminator.kind!r}; unpaired pictures need 'patch'")
        self.config, self.device, self._form = config, device, FORMS[config.losses.form]
        self._generators = self._made(lambda: generator(config.generator))
        self._judges = self._made(lambda: _whole(discriminator(config.discriminator, 0)))
        student = config.style.student
        self._students = None if student is None else self._made(lambda: generator(student))
        performing = self._generators if self._students is None else self._students
        self._average = averaged_copy(performing)
        for pair in (self._generators, self._judges, self._students):
            if pair is not None:
                with_shared_norms(pair)
        self._pools = Both(lambda: ImagePool(config.style.pool, config.shape)).to(device)
        self.networks: Mapping[str, nn.Module] = {
            "generator": self._generators,
            "discriminator": self._judges,
            "average": self._average,
            "pool": self._pools,
        }
        rate, betas = config.schedule.learning_rate, (config.schedule.beta1, config.schedule.beta2)
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "generator": adam(self._generators, rate, betas),
            "discriminator": adam(self._judges, config.discriminator.learning_rate, betas),
        }
        if self._students is not None:
            self.networks = {**self.networks, "student": self._students}
            self.optimizers = {**self.optimizers, "student": adam(self._students, config.style.student_rate, betas)}

    def step(self, batch: UnpairedBatch, step: int, progress: float) -> dict[str, Tensor]:
        self._set_learning_rates(progress)
        self._generators.train()
        with part("to device"):
            a, b = self._pictures(batch.conditioning), self._pictures(batch.real)
        with part("generator"):
            fake_b, same_b = self._drawn(self._generators.there, a, b)
            fake_a, same_a = self._drawn(self._generators.back, b, a)
            again_a, again_b = (
                self._ran(self._generators.back, fake_b),
                self._ran(self._generators.there, fake_a),
            )
        losses = self._losses((a, b), (fake_a, fake_b), (again_a, again_b), (same_a, same_b))
        total = torch.stack(list(losses.values())).sum()
        gradient = updated(self.optimizers["generator"], total, "generator")
        judged = self._taught((a, b), (fake_a.detach(), fake_b.detach()))
        taught = self._distilled((a, b), (fake_a.detach(), fake_b.detach()))
        performing = self._generators if self._students is None else self._students
        follow(self._average, performing, self.config.schedule.ema, step)
        said = {name: loss.detach() for name, loss in losses.items()}
        return said | judged | taught | {"total": total.detach(), "generator_gradient": gradient}

    def performer(self, examples: UnpairedExamples) -> nn.Module:
        """The one that looks at the side the examples are seen from."""
        return self._performing(examples.side, examples)

    @torch.no_grad()
    def picture(self, generator: nn.Module, batch: UnpairedBatch) -> Tensor:
        return generator(self._pictures(batch.conditioning)).float()  # type: ignore[no-any-return]

    @torch.no_grad()
    def recognized(self, batch: UnpairedBatch) -> float | None:
        scores = self._ran(self._judges.there, self._pictures(batch.real))
        return float((scores > self._form.border).float().mean())

    def measured(self, performer: nn.Module, examples: UnpairedExamples, indices: list[int]) -> Measured:
        back_examples = examples.seen_from("B" if examples.side == "A" else "A")
        back = self._performing(back_examples.side, back_examples)
        there, cycle_there = self._one_way(performer, back, examples, indices)
        others = back_examples.spread(back_examples.validation, len(indices))
        home, cycle_home = self._one_way(back, performer, back_examples, others)
        figures = {
            "distance_there": there.distance,
            "distance_back": home.distance,
            "cycle_l1": (cycle_there + cycle_home) / 2,
            "variety_there": there.variety,
            "variety_back": home.variety,
        }
        error = float(np.nanmean([there.share, home.share])) if np.isfinite(there.share) else figures["cycle_l1"]
        told = f"{error:.2f} of the way's distance left, {figures['cycle_l1']:.1f} levels lost there and back; "
        told += f"there it {there.words}; back it {home.words}"
        return Measured(-error, error, told, {name: none_if_unknown(value) for name, value in figures.items()})

    def sheet(self, performer: nn.Module, examples: UnpairedExamples, rows: int) -> Frame:
        """Real A | fake B | back to A, and below them real B | fake A | back to B."""
        here = examples.seen_from("A")
        home = examples.seen_from("B")
        there = performer if examples.side == "A" else self._performing("A", here)
        back = self._performing("B", home) if examples.side == "A" else performer
        blocks = []
        for seen, first, second in ((here, there, back), (home, back, there)):
            batch = seen.plain(seen.spread(seen.validation if len(seen.validation) else seen.train, max(1, rows // 2)))
            shown = self.picture(first, batch)
            with torch.no_grad():
                again = second(shown).float()
            columns = (batch.conditioning, picture_array(shown), picture_array(again))
            blocks.append(np.concatenate([np.concatenate(list(column)) for column in columns], axis=1))
        return np.concatenate(blocks)

    def sees(self) -> Seen:
        shape = (1, 3, *self.config.shape)
        rows: Seen = [("generator", shape, 2.0), ("discriminator", shape, 2.0)]
        return rows if self._students is None else [*rows, ("student", shape, 2.0)]

    def imagined(self) -> UnpairedBatch:
        return imagined(self.config)

    def _losses(
        self, real: "_Two", fake: "_Two", again: "_Two", same: "tuple[Tensor | None, Tensor | None]"
    ) -> dict[str, Tensor]:
        style = self.config.style
        with part("fooling"):
            self._judges.requires_grad_(False)
            fooled = self._form.fool(self._ran(self._judges.there, fake[1]))
            fooled = fooled + self._form.fool(self._ran(self._judges.back, fake[0]))
            self._judges.requires_grad_(True)
        cycle = functional.l1_loss(again[0], real[0]) + functional.l1_loss(again[1], real[1])
        losses = {"adversarial": self.config.losses.adversarial * fooled, "cycle": style.cycle * cycle}
        if same[0] is not None and same[1] is not None:
            kept = functional.l1_loss(same[0], real[0]) + functional.l1_loss(same[1], real[1])
            losses["identity"] = style.cycle * style.identity * kept
        if style.flow:
            losses["flow"] = style.flow * (
                self._steady(self._generators.there, real[0], fake[1])
                + self._steady(self._generators.back, real[1], fake[0])
            )
        return losses

    def _steady(self, network: nn.Module, looked_at: Tensor, shown: Tensor) -> Tensor:
        motion = small_motion(looked_at)
        return steadiness(self._ran(network, moved(looked_at, motion)), shown, motion)

    def _taught(self, real: "_Two", fake: "_Two") -> dict[str, Tensor]:
        """One update of both discriminators against pictures of the pools, halved as published."""
        judged = (
            (self._judges.there, real[1], self._pools.there.shown(fake[1])),  # type: ignore[operator]
            (self._judges.back, real[0], self._pools.back.shown(fake[0])),  # type: ignore[operator]
        )
        loss, right = torch.zeros((), device=self.device), []
        with part("judging"):
            for judge, real_one, fake_one in judged:
                of_real, of_fake = self._ran(judge, torch.cat([real_one, fake_one])).chunk(2)
                loss = loss + 0.5 * self._form.judge(of_real, of_fake)
                border = self._form.border
                right.append(((of_real.detach() > border).float().mean(), (of_fake.detach() <= border).float().mean()))
        gradient = updated(self.optimizers["discriminator"], loss, "discriminator")
        return {
            "discriminator": loss.detach(),
            "real_right": (right[0][0] + right[1][0]) / 2,
            "fake_right": (right[0][1] + right[1][1]) / 2,
            "discriminator_gradient": gradient,
        }

    def _distilled(self, real: "_Two", wanted: "_Two") -> dict[str, Tensor]:
        """One update of the students: the pictures of their teachers, and their edges."""
        if self._students is None:
            return {}
        self._students.train()
        whole = torch.ones_like(wanted[0][:, :1])
        loss = torch.zeros((), device=self.device)
        with part("student"):
            for student, looked_at, shown in (
                (self._students.there, real[0], wanted[1]),
                (self._students.back, real[1], wanted[0]),
            ):
                drawn = self._ran(student, looked_at)
                loss = loss + functional.l1_loss(drawn, shown) + edge_l1(drawn, shown, whole)
        updated(self.optimizers["student"], loss, "student")
        return {"student": loss.detach()}

    def _one_way(
        self, first: nn.Module, second: nn.Module, examples: UnpairedExamples, indices: list[int]
    ) -> tuple[Styled, float]:
        """Figures of one direction, and how many levels are lost on the way there and back."""
        shown, lost = [], []
        for i in indices:
            batch = examples.plain([i])
            picture = self.picture(first, batch)
            with torch.no_grad():
                again = picture_array(second(picture))[0]
            shown.append(picture_array(picture)[0])
            lost.append(metrics.l1(again, batch.conditioning[0]))
        batch = examples.plain(indices)
        return styled(shown, list(batch.conditioning), list(batch.real)), float(np.mean(lost))

    def _performing(self, side: Side, examples: UnpairedExamples) -> nn.Module:
        copy = averaged_copy(self._average.of(side))  # type: ignore[operator]
        reestimated(copy, examples, self.config, self.device)
        return copy

    def _made(self, made: Callable[[], nn.Module]) -> Both:
        return placed(Both(made), self.device)  # type: ignore[return-value]

    def _drawn(self, network: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """What is shown for the source and, where identity counts, for the target; in one pass."""
        if not self.config.style.identity:
            return self._ran(network, source), None
        fake, same = self._ran(network, torch.cat([source, target])).chunk(2)
        return fake, same

    def _ran(self, network: nn.Module, pictures: Tensor) -> Tensor:
        return ran(network, pictures, self.config)

    def _pictures(self, pictures: NDArray[np.uint8]) -> Tensor:
        return picture_tensor(pictures, self.device)

    def _set_learning_rates(self, progress: float) -> None:
        share, config = falling(progress, self.config.schedule), self.config
        rates = {
            "generator": config.schedule.learning_rate,
            "discriminator": config.discriminator.learning_rate,
            "student": config.style.student_rate,
        }
        for name, optimizer in self.optimizers.items():
            # A student follows its teacher to the end, where the teacher hardly moves any more.
            falls = max(share, 0.1) if name == "student" else share
            for group in optimizer.param_groups:
                group["lr"] = rates[name] * falls


_Two = tuple[Tensor, Tensor]
"""Of side A and of side B."""


def _whole(judge: nn.Module | None) -> nn.Module:
    assert judge is not None
    return judge
