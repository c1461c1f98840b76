"""A generator's own pictures as examples (DAgger; Ross, Gordon and Bagnell 2011): where it went astray, the way back.

Rolled out, it comes to pictures that the film never showed and knows no next one for. Each is paired here with what
followed the frame of the film that it is most like, so that every state it can come to leads back into the film and on.
Frames shortly before a shot ends lead nowhere, so none is matched with them (video textures call those dead ends;
Schoedl et al. 2000, section 3.3).
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.film.stirring import stirred
from engines.images import Frame
from training.devices import picture_array, picture_tensor
from training.film_examples import FilmExamples

GLANCE = (32, 24)
Like = Callable[[NDArray[np.uint8]], NDArray[np.int64]]
"""Of (N, 2, H, W, 3), each a picture and the one before it (first), the frames of the film to go on from."""


@torch.no_grad()
def rolled(
    generator: nn.Module,
    before: NDArray[np.uint8],
    frames: NDArray[np.uint8],
    steps: int,
    device: torch.device,
    stir: float = 0.0,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """(B, steps, H, W, 3): `generator` fed its own pictures, from `frames` (B, H, W, 3) and those before them.

    Between two steps a picture is rounded to levels, as it is between two calls of a bundle.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(steps):
        fed = np.stack([stirred(frame, stir, rng) for frame in frames])
        looked_at = torch.cat([picture_tensor(before, device), picture_tensor(fed, device)], dim=1)
        before, frames = frames, picture_array(generator(looked_at))
        found.append(frames)
    return np.stack(found, axis=1)


class Divergent(nn.Module):
    """Pictures that a generator came to, two in a row, and the frames of the film whose next ones should follow.

    Buffers, so that a checkpoint holds them and a resumed run goes on exactly.
    """

    pictures: Tensor
    places: Tensor
    cycle: Tensor

    def __init__(self, size: tuple[int, int], room: int) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(room, 2, *size, 3, dtype=torch.uint8))
        self.register_buffer("places", torch.zeros(room, dtype=torch.int64))
        self.register_buffer("cycle", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.places) if int(self.cycle) else 0

    def drawn(self, rng: np.random.Generator) -> tuple[Frame, Frame, int]:
        """Any of them: the picture before, the picture, and the frame it is like."""
        i = int(rng.integers(len(self.places)))
        before, picture = self.pictures[i].cpu().numpy()
        return before, picture, int(self.places[i])

    def refill(
        self, generator: nn.Module, examples: FilmExamples, cycle: int, device: torch.device, like: Like | None = None
    ) -> float:
        """Roll `generator` out anew; returns how far its pictures are from the film, in levels.

        `like` says which frames they should go on from; else it is those they look most like.
        """
        config, seed = examples.config.next_frame, examples.config.seed
        rng = np.random.default_rng([seed, 2, cycle])
        matches, stride = Matches(examples), examples.stride
        held: list[NDArray[np.uint8]] = []
        short = rng.choice(examples.train, config.rollouts)
        long = rng.choice(examples.train, config.long_rollouts)
        long[:1] = examples.train[-1]
        for places, steps in ((short, config.rollout_steps), (long, config.long_steps)):
            if not len(places):
                continue
            frames, before = examples.frames[places], examples.frames[places - stride]
            pictures = rolled(generator, before, frames, steps, device, config.stir, seed + cycle)
            row = np.concatenate([frames[:, None], pictures], axis=1)
            held.append(np.stack([row[:, :-1], row[:, 1:]], axis=2).reshape(-1, 2, *frames.shape[1:]))
        pairs = np.concatenate(held)[: len(self.places)]
        found, levels = matches.of(pairs[:, 1])
        self.pictures.copy_(torch.from_numpy(pairs))
        self.places.copy_(torch.from_numpy(found if like is None else like(pairs)))
        self.cycle.fill_(cycle)
        return levels


def room_for(examples: FilmExamples) -> int:
    """How many pictures a cycle comes to."""
    config = examples.config.next_frame
    return config.rollouts * config.rollout_steps + config.long_rollouts * config.long_steps


class Matches:
    """Finds the frame that a picture is most like, among those with as much film after them as is needed."""

    def __init__(self, examples: FilmExamples) -> None:
        left = (examples.ends[examples.train] - 1 - examples.train) // examples.stride
        wanted = min(examples.config.next_frame.unroll, int(left.max()))
        self._places = examples.train[left >= wanted]
        self._glances = _glances(examples.frames[self._places])

    def of(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.int64], float]:
        """The matching frame of each picture, and the mean distance in levels (root of the mean square)."""
        theirs = _glances(pictures)
        squares = (theirs**2).sum(1)[:, None] + (self._glances**2).sum(1)[None] - 2 * theirs @ self._glances.T
        nearest = squares.argmin(axis=1)
        apart = np.maximum(squares[np.arange(len(pictures)), nearest], 0) / theirs.shape[1]
        return self._places[nearest], float(np.sqrt(apart).mean())


def _glances(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = [cv2.resize(picture, GLANCE, interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.stack(small).astype(np.float32).reshape(len(pictures), -1)
