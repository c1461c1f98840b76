"""How the codes of a film (networks.memory) go on for ever: a teacher who knows the way from anywhere, and walks.

The teacher finds the frame of the film that two codes are most like, and goes on as the film did from there, while what
is different fades. Which frame is best to come to counts the jumps that will follow, so that nobody runs into the end
of the film again and again (video textures' anticipated cost; Schoedl et al. 2000, section 3.3). The memory walks on
its own, and is taught wherever it comes to (DAgger; Ross, Gordon and Bagnell 2011).
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.beginnings import Begun
from training.devices import picture_tensor
from training.film_examples import FilmExamples
from training.networks.memory import FADING, Memory
from training.updates import adam, updated

MOVING = 1.0
"""How much where a state is going counts, beside where it is."""
PATIENCE = 0.97
"""A jump counts so much less for each step that it is off."""
STILL = 0.3
"""Of the usual step: less is none."""
WALKERS = 128
ANEW = 1 / 50
"""The share of walkers that begin at a frame of the film again, each step."""
PUSHED = 0.3
"""Deviations that a walker is pushed off its way by, at most."""
STEADILY = 2
"""Steps of learning beside each of the generator's."""
RATE = 1e-3


class Teacher:
    """Knows for any two codes (B, K) which frame of the film they are like, and what should come next."""

    @torch.no_grad()
    def __init__(self, memory: Memory, examples: FilmExamples, device: torch.device) -> None:
        stride, deviations = examples.stride, memory.deviations
        codes = codes_of(memory, examples.frames, device)
        self._weights = deviations / deviations.square().sum().sqrt()
        self.places = self._moving(codes, examples.train, stride)
        self.now, self.before = codes[self.places], codes[self.places - stride]
        self._following = codes[self.places + stride]
        self._states = self._state(self.before, self.now)
        self._costs = self._anticipated(codes, stride)

    def _moving(self, codes: Tensor, places: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
        """Those from which the film moves on: from where it stands for a moment, nobody learns to leave."""
        steps = ((codes[places + stride] - codes[places]) * self._weights).norm(dim=1)
        return places[(steps >= STILL * steps.median()).cpu().numpy()]

    @torch.no_grad()
    def like(self, before: Tensor, now: Tensor) -> Tensor:
        """(B,): which of `places` it is best to go on from."""
        apart = _cost(self._state(before, now), self._states)
        return (apart + self._costs).argmin(dim=1)

    @torch.no_grad()
    def after(self, before: Tensor, now: Tensor) -> Tensor:
        """(B, K): the codes that should come next."""
        chosen = self.like(before, now)
        return self._following[chosen] + FADING * (now - self.now[chosen])

    def _state(self, before: Tensor, now: Tensor) -> Tensor:
        return torch.cat([now * self._weights, MOVING * (now - before) * self._weights], dim=1)

    def _anticipated(self, codes: Tensor, stride: int) -> Tensor:
        """(N,): what the jumps to come from each state cost."""
        places = torch.from_numpy(self.places)
        index = {int(place): i for i, place in enumerate(self.places)}
        onward = torch.tensor([index.get(int(place) + stride, -1) for place in self.places])
        ends = onward < 0
        last = self._state(codes[places[ends]], codes[places[ends] + stride])
        jumps = _cost(last, self._states)
        onward, ends = onward.to(codes.device), ends.to(codes.device)
        costs = torch.zeros(len(places), device=codes.device)
        for _ in range(round(8 / (1 - PATIENCE))):
            after = costs[onward.clamp_min(0)]
            after[ends] = (jumps + costs).min(dim=1).values
            costs = PATIENCE * after
        return costs


def _cost(states: Tensor, others: Tensor) -> Tensor:
    """(A, B): what it costs to be taken for another. A far jump costs little more than a near one.

    Squared, where a film goes slowly one way, many small jumps back at its end are cheaper than one to its beginning.
    """
    return torch.cdist(states, others).sqrt()


class Walkers(nn.Module):
    """Walkers in codes, as buffers, so that a resumed run goes on exactly."""

    before: Tensor
    now: Tensor

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.register_buffer("before", torch.zeros(WALKERS, numbers))
        self.register_buffer("now", torch.zeros(WALKERS, numbers))

    def begin(self, teacher: Teacher) -> None:
        """Every walker at some frame of the film."""
        chosen = torch.randint(len(teacher.now), (WALKERS,))
        self.before.copy_(teacher.before[chosen])
        self.now.copy_(teacher.now[chosen])

    def loss(self, memory: Memory, teacher: Teacher) -> Tensor:
        """How far the memory is off the teacher where the walkers are; they go on as it says."""
        weights = memory.deviations / memory.deviations.mean()
        told = memory.after(self.before, self.now)
        loss = ((told - teacher.after(self.before, self.now)).abs() * weights).mean()
        with torch.no_grad():
            push = PUSHED * torch.rand(WALKERS, 1) ** 2 * torch.randn(WALKERS, told.shape[1])
            anew = torch.rand(WALKERS, 1) < ANEW
            chosen = torch.randint(len(teacher.now), (WALKERS,))
            before = torch.where(anew.to(told.device), teacher.before[chosen], self.now)
            self.now.copy_(torch.where(anew.to(told.device), teacher.now[chosen], told + push.to(told.device)))
            self.before.copy_(before)
        return loss


class Rehearsal:
    """The memory's share of a training: it learns to walk, and says where the generator's own pictures should go."""

    def __init__(self, memory: Memory, examples: FilmExamples | None, device: torch.device) -> None:
        self._memory, self._examples, self._device = memory, examples, device
        self.walkers = Walkers(len(memory.deviations)).to(device)
        self.optimizer = adam(memory.telling, RATE, (0.9, 0.99))
        self._found: Teacher | None = None

    @property
    def _teacher(self) -> Teacher:
        # Not before it is needed: a checkpoint may have brought the memory's components by then.
        if self._found is None:
            assert self._examples is not None
            self._found = Teacher(self._memory, self._examples, self._device)
        return self._found

    def rehearsed(self, step: int, before_first: int) -> Tensor:
        """Some steps of learning, `before_first` of them in the first step; returns the last one's loss."""
        if step == 0:
            self.walkers.begin(self._teacher)
        for _ in range(before_first if step == 0 else STEADILY):
            loss = self.walkers.loss(self._memory, self._teacher)
            updated(self.optimizer, loss, "memory")
        return loss.detach()

    def like(self, pairs: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The frames of the film from which it is best to go on after `pairs` (N, 2, H, W, 3)."""
        before, now = (codes_of(self._memory, pairs[:, k], self._device) for k in (0, 1))
        return self._teacher.places[self._teacher.like(before, now).cpu().numpy()]

    @torch.no_grad()
    def eased(self, begun: Begun) -> Begun:
        """What is different from the film in where it begins fades from step to step, and does not jump."""
        memory = self._memory
        off = memory.codes(begun.start) - memory.codes(begun.origin)
        steps = range(begun.following.shape[1])
        following = [begun.following[:, k] + memory.pictured(FADING ** (k + 1) * off) for k in steps]
        return replace(
            begun,
            origin=(begun.origin + memory.pictured(off)).clamp(-1, 1),
            following=torch.stack(following, dim=1).clamp(-1, 1),
        )


@torch.no_grad()
def codes_of(memory: Memory, frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(N, K) of frames (N, H, W, 3), a few at a time."""
    parts = np.array_split(frames, 1 + len(frames) // 32)
    return torch.cat([memory.codes(picture_tensor(np.ascontiguousarray(part), device)) for part in parts])
