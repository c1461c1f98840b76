"""One scale learns: WGAN-GP on patches, and the picture itself from the fixed noise (SinGAN, section 2.2).

Unlike the published code, the frozen scales are not run again at every step: a set of their states is kept and slowly
renewed. Each step of the generator makes its fake anew, so no tensor is used after its weights have changed.
"""

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn

from engines.images import Size
from training.devices import autocast
from training.singan.altering import altered
from training.singan.config import SinganConfig
from training.singan.networks import Critic, Pyramid


class States:
    """States of the frozen scales, drawn at random from a set in which one is replaced now and then."""

    def __init__(self, made: Callable[[], Tensor], count: int, renew_every: int, seed: int) -> None:
        self._made, self._count, self._renew_every = made, count, renew_every
        self._held: list[Tensor] = []
        self._random = random.Random(seed)
        self._asked = 0

    def __call__(self) -> Tensor:
        self._asked += 1
        if len(self._held) < self._count and self._asked <= 4 * self._count:
            if len(self._held) * 4 <= self._asked:  # filled on the way, not all before the first step
                self._held.append(self._made())
        elif self._asked % self._renew_every == 0:
            self._held[self._random.randrange(len(self._held))] = self._made()
        return self._random.choice(self._held)


class ScaleLearning:
    """The newest scale of `generator`, its critic and their optimizers. `reals` are the picture at every size so far.

    Randomness comes from torch's own generator, which the loop seeds for each scale. `seen` gives what is redrawn, in
    place of altered pictures.
    """

    def __init__(
        self,
        config: SinganConfig,
        generator: Pyramid,
        critic: Critic,
        reals: list[Tensor],
        seen: Callable[[], Tensor] | None = None,
    ) -> None:
        self.config, self.generator, self.critic = config, generator, critic
        self._seen = seen
        self._reals, self._real = reals, reals[-1]
        self._sizes: list[Size] = [(real.shape[2], real.shape[3]) for real in reals]
        self._scale = len(reals) - 1
        learning = config.learning
        self._begin = max(0, len(reals) - learning.together)
        generator.requires_grad_(False).eval()
        groups = []
        for age, parameters in enumerate(generator.new_parameters(learning.together)):
            for parameter in parameters:
                parameter.requires_grad_(True)
            groups.append({"params": parameters, "lr": learning.rate * learning.older_rate**age})
        self.train()
        betas = (learning.beta1, 0.999)
        self._optimizer = torch.optim.Adam(groups, betas=betas, fused=True)
        self._critic_optimizer = torch.optim.Adam(critic.parameters(), learning.rate, betas, fused=True)
        self._rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._states = States(self._frozen_state, learning.states, learning.renew_every, config.seed + self._scale)
        with torch.no_grad():
            self._fixed_state = generator.states(self._fixed(), self._sizes, end=self._begin)

    def train(self) -> None:
        """What learns in training mode, what is frozen as it performs; again after the generator was looked at."""
        self.generator.eval()
        self.generator.stages[self._begin :].train()
        self.critic.train()

    def step(self, iteration: int) -> dict[str, Tensor]:
        """One iteration: some steps of the critic, some of the generator. Losses stay tensors."""
        learning = self.config.learning
        self._set_rates(iteration / learning.iterations)
        losses: dict[str, Tensor] = {}
        for turn in range(learning.critic_steps):
            losses |= self._criticized(iteration * learning.critic_steps + turn)
        for _ in range(learning.generator_steps):
            losses |= self._learned()
        return losses

    def _criticized(self, turn: int) -> dict[str, Tensor]:
        learning, real = self.config.learning, self._real
        self.critic.requires_grad_(True)
        with autocast(self.config, real.device):
            with torch.no_grad():
                fake = self._fake()
            of_real, of_fake = self.critic(real).float().mean(), self.critic(fake).float().mean()
            loss = of_fake - of_real
            if turn % learning.penalty_every == 0:
                loss = loss + learning.penalty * learning.penalty_every * penalized(self.critic, real, fake)
        self._critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._critic_optimizer.step()
        return {"critic": (of_real - of_fake).detach()}

    def _learned(self) -> dict[str, Tensor]:
        learning = self.config.learning
        self.critic.requires_grad_(False)
        with autocast(self.config, self._real.device):
            fooled = -self.critic(self._fake()).float().mean()
            again = self.generator(self._fixed(), self._sizes, self._fixed_state, self._begin)
            error = (again.float() - self._real).square().mean()
        self._optimizer.zero_grad(set_to_none=True)
        (fooled + learning.reconstruction * error).backward()
        self._optimizer.step()
        return {"adversarial": fooled.detach(), "reconstruction": error.detach()}

    def _fake(self) -> Tensor:
        state = self._states() if self._begin else None
        noises = self.noises()
        return self.generator(noises, self._sizes, state, self._begin)  # type: ignore[no-any-return]

    def _frozen_state(self) -> Tensor:
        with torch.no_grad():
            state = self.generator.states(self.noises(), self._sizes, end=self._begin)
        assert state is not None
        return state

    def noises(self) -> list[Tensor | None]:
        """Fresh noise for every scale; to redraw, an altered picture at the first and none after."""
        if self._seen is not None:
            return [self._seen(), *[None] * self._scale]
        return fresh_noises(self.config, self.generator, self._reals)

    def _fixed(self) -> list[Tensor | None]:
        return fixed_noises(self.config, self.generator, self._reals)

    def _set_rates(self, progress: float) -> None:
        learning = self.config.learning
        share = learning.decay_to if progress >= learning.decay_from else 1.0
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        self._critic_optimizer.param_groups[0]["lr"] = learning.rate * share


def fresh_noises(config: SinganConfig, generator: Pyramid, reals: list[Tensor]) -> list[Tensor | None]:
    """What a sample is made from; to redraw, a picture that was altered as foreign ones differ."""
    if config.purpose == "redraw":
        return [altered(reals[0]), *[None] * (len(reals) - 1)]
    return [
        torch.randn(1, *generator.noise_shape(scale, (real.shape[2], real.shape[3])), device=real.device)
        for scale, real in enumerate(reals)
    ]


def fixed_noises(config: SinganConfig, generator: Pyramid, reals: list[Tensor]) -> list[Tensor | None]:
    """What the picture itself is made from."""
    if config.purpose == "redraw":
        return [reals[0], *[None] * (len(reals) - 1)]
    return generator.fixed_noises()


def penalized(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Mean squared distance of the gradient's norm from 1, between real and fake (Gulrajani et al. 2017, eq. 3).

    As published for SinGAN the norm is taken over the channels of every pixel.
    """
    share = torch.rand(1, device=real.device)
    between = (share * real + (1 - share) * fake.float()).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    return (gradient.float().norm(2, dim=1) - 1).square().mean()
