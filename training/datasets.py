"""Pairs as batches: decoded once, skeletons drawn on the fly, augmented in landmark space.

A batch is a pure function of the config's seed and the step's number, so a resumed run sees exactly what an unbroken
one would have seen, whatever thread prepared it.

Moving a figure must not teach the generator to move the wallpaper: where a clean plate is known, only the figure moves
and the composite's room stays; the seam around a moved figure is nobody's business (weight 0). Without a plate the
whole frame moves with its landmarks.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.errors import PairsError
from engines.images import Frame, resized
from engines.pose.landmarks import Landmarks
from engines.pose.skeleton import SkeletonStyle, drawn_skeleton
from training.alpha import laid_over, premultiplied, resized_alpha
from training.augmentation import dropped_limbs, fed_landmarks, moved_landmarks, random_change, trembling
from training.batches import Batch, Example, Made
from training.config import TrainingConfig
from training.cuts import check_cut, corner, crop_side, square, square_of
from training.examples import spread
from training.moving import moved_example
from training.pairs.header import Shot
from training.pairs.store import PairSet
from training.regions import far_from, loss_weights
from training.rollouts import Led
from training.suited import check_neighbors, check_shape, has_plate, learns_figure, posed_figures, style_of
from training.tallies import are_neighbors

_NONE = np.empty((0, 2), np.int64)


class Examples:
    """The pairs of one run, decoded once and kept in memory as uint8 when they fit, else read each time."""

    def __init__(self, pairs: PairSet, config: TrainingConfig, hold: bool = True) -> None:
        self.pairs, self.config = pairs, config
        check_shape(pairs, config)
        self.figure = learns_figure(pairs, config)
        self.style: SkeletonStyle = style_of(pairs)
        self.train = self._usable("train")
        self.validation = self._usable("validation")
        self.test = self._usable("test")
        if not len(self.train):
            raise PairsError(f"{pairs.folder}: holds no pairs to learn from for output {self.output!r}.")
        check_cut(config)
        check_neighbors(config)
        self.posed = posed_figures(pairs, config, self.figure)
        self._learned = frozenset(int(i) for i in self.train)
        self._plates = {shot.id: self._plate_square(shot) for shot in pairs.header.shots} if self.figure else {}
        self._true_alpha = self.figure and pairs.header.true_alpha
        self._kept: dict[int, Example] = {}
        self._figures: dict[int, Frame] = {}
        if hold and self._bytes() < config.run.memory_gb * 1e9:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                wanted = [int(i) for i in np.concatenate([self.train, self.validation])]
                if self._true_alpha:
                    self._figures = dict(zip(wanted, threads.map(self._read_figure, wanted), strict=True))
                else:
                    self._kept = dict(zip(wanted, threads.map(self._read, wanted), strict=True))
        self._recombined = self._recombined_examples() if config.augmentation.recombined and self.figure else []

    @property
    def output(self) -> str:
        return "figure" if self.figure else "image"

    def batch(self, step: int, share: int = 0, shares: int = 1) -> Batch:
        """The augmented batch of training step `step`, or the part of it that process `share` of `shares` takes.

        The parts together are the whole: what an example looks like depends on seed, step and its place alone.
        """
        size = self.config.schedule.batch
        places = range(share * size // shares, (share + 1) * size // shares)
        return self._batch([self._made(step, place, lends=place > places[0]) for place in places])

    def plain(self, indices: Sequence[int]) -> Batch:
        """These pairs as they are: for samples, BatchNorm statistics, export and validation."""
        examples, rng = [self[int(i)] for i in indices], np.random.default_rng(0)
        count = max(1, self.config.discriminator.crops // max(1, len(examples)))
        return self._batch(
            [
                Made(
                    example,
                    self.conditioning(example.landmarks, pair=example.pair),
                    loss_weights(example.landmarks, example.mask, self.config.losses),
                    self._crops(example, count, rng),
                    earlier=tuple(self.conditioning(before) for before in self._before(int(i))),
                )
                for i, example in zip(indices, examples, strict=True)
            ]
        )

    def plain_conditioning(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """(B, S, S, 3 or 7): only what the generator looks at, which needs no picture read.

        Squares where it learns from squares: a whole picture is mostly empty, and BatchNorm has to perform with the
        statistics it learned with.
        """
        return np.stack([self._looked_at(int(i)) for i in indices])

    def _looked_at(self, i: int) -> Frame:
        drawn, cut = self.conditioning(self.pairs.landmarks[i], pair=i), self.config.augmentation.cut
        if not cut:
            return drawn
        return square(drawn, *corner(self.pairs.landmarks[i], self.config.size, cut, np.random.default_rng(i)), cut)

    def plain_led(self, indices: Sequence[int]) -> Led | None:
        """What came before these pairs; None where the generator does not look at its last picture."""
        return self._led([tuple(self.conditioning(before) for before in self._before(int(i))) for i in indices])

    def conditioning(
        self, landmarks: Landmarks, width: float = 1.0, pair: int | None = None, seed: int | None = None
    ) -> Frame:
        """The skeleton; before the posed figure for a refiner, drawn from keys far from the pair it is compared to.

        With a `seed` some keys are barred at random.
        """
        drawn = drawn_skeleton(landmarks, (self.config.size, self.config.size), self.style, width)
        if self.posed is None:
            return drawn
        barred = self.config.augmentation.keys_barred
        lot = None if seed is None or not barred else np.random.default_rng(seed).random(self.posed.count) < barred
        return np.concatenate([drawn, self.posed.posed(landmarks, pair, lot)], axis=2)

    def spread(self, indices: NDArray[np.int64], count: int) -> list[int]:
        return spread(indices, count)

    def plate_of(self, i: int) -> Frame | None:
        """The room behind pair `i` where the generator gives a figure, else None."""
        return self.plate(self.pairs.shot(i)) if self.figure else None

    def plate(self, shot: Shot) -> Frame | None:
        return self._plates[shot.id]

    def __getitem__(self, i: int) -> Example:
        if not self._true_alpha:
            return self._kept[i] if i in self._kept else self._read(i)
        figure = self._figures[i] if i in self._figures else self._read_figure(i)
        plate = self.plate_of(i)
        assert plate is not None
        frame = laid_over(premultiplied(figure), plate)
        return Example(self.pairs.landmarks[i], frame, figure[..., 3], plate, figure, i)

    def _nth(self, position: int) -> int:
        epoch, place = divmod(position, len(self.train))
        return int(self.train[np.random.default_rng([self.config.seed, 1, epoch]).permutation(len(self.train))[place]])

    def _usable(self, split: str) -> NDArray[np.int64]:
        indices = self.pairs.split(split)  # type: ignore[arg-type]
        if not self.figure:
            return indices
        return np.array([i for i in indices if has_plate(self.pairs.shot(int(i)))], np.int64)

    def _read(self, i: int) -> Example:
        size = (self.config.size, self.config.size)
        return Example(
            landmarks=self.pairs.landmarks[i],
            frame=resized(self.pairs.frame(i), size),
            mask=resized(self.pairs.mask(i), size),
            plate=self.plate_of(i),
            figure=None,
            pair=i,
        )

    def _recombined_examples(self) -> list[Example]:
        """Poses of lent limbs, each shot's share by how much of it there is to learn from."""
        from training.recombining import recombined_figures

        size, found = (self.config.size, self.config.size), []
        rng = np.random.default_rng([self.config.seed, 2])
        for shot in self.pairs.header.shots:
            indices = [int(i) for i in self.train if self.pairs.shot(int(i)).id == shot.id]
            count = round(self.config.augmentation.recombined_poses * len(indices) / len(self.train))
            plate = self.plate(shot)
            if not count or plate is None:
                continue
            for made in recombined_figures(self.pairs, shot, indices, count, rng):
                figure = premultiplied(resized_alpha(made.figure, size))
                found.append(Example(made.landmarks, laid_over(figure, plate), figure[..., 3].copy(), plate, None))
        return found

    def _read_figure(self, i: int) -> Frame:
        figure = self.pairs.figure(i)
        assert figure is not None
        return resized_alpha(figure, (self.config.size, self.config.size))

    def _plate_square(self, shot: Shot) -> Frame | None:
        square = self.pairs.plate_square(shot)
        return None if square is None else resized(square, (self.config.size, self.config.size))

    def _bytes(self) -> int:
        # Frame and mask, or the true figure, from which both follow.
        return (len(self.train) + len(self.validation)) * self.config.size**2 * 4

    def _made(self, step: int, place: int, lends: bool) -> Made:
        config, batch = self.config, self.config.schedule.batch
        # Neighbors in time are moved alike and tremble alike, so that only the dancer moves between them.
        pair, second = divmod(place, 2) if config.losses.temporal else (place, 0)
        per_step = batch // 2 if config.losses.temporal else batch
        index = self._nth(step * per_step + pair)
        rng = np.random.default_rng([config.seed, step, pair])
        lends = lends and bool(self._recombined) and not config.losses.temporal
        if lends and rng.random() < config.augmentation.recombined:
            # Never the first of a share, and never judged: the discriminator takes only filmed pictures for real.
            return self._augmented(self._recombined[rng.integers(len(self._recombined))], rng)
        index = self._next(index) if second else index
        begins = self.config.rollout.steps > 0 and rng.random() < config.rollout.restart
        made = self._augmented(self[index], rng, [] if begins else self._before(index))
        crops = self._crops(made.example, len(range(place, config.discriminator.crops, batch)), rng)
        return replace(made, crops=crops)

    def _augmented(self, example: Example, rng: np.random.Generator, before: Sequence[Landmarks] = ()) -> Made:
        config = self.config.augmentation
        change = random_change(config, rng)
        width = float(rng.uniform(*config.line_width))
        care = None
        if change is not None:
            example, care = moved_example(example, change)
        fed = dropped_limbs(fed_landmarks(example.landmarks, config, rng), config.limb_drop, rng)
        weight = loss_weights(example.landmarks, example.mask, self.config.losses)
        shaken = None
        lot = int(rng.integers(1 << 31)) if config.keys_barred else None
        if self.config.losses.consistency:
            shaken = self.conditioning(trembling(fed, config.jitter, rng), width, example.pair, lot)
        moved = [landmarks if change is None else moved_landmarks(landmarks, change) for landmarks in before]
        earlier = tuple(self.conditioning(fed_landmarks(one, config, rng), width) for one in moved)
        weight = weight if care is None else weight * care
        seen = self.conditioning(fed, width, example.pair, lot)
        made = Made(example, seen, weight, _NONE, shaken, earlier)
        return square_of(made, config.cut, rng) if config.cut else made

    def _before(self, i: int) -> list[Landmarks]:
        """The poses just before pair `i`, as many as are danced before it is learned from; the last one last."""
        first = i
        while i - first < self.config.rollout.steps and first > 0 and are_neighbors(self.pairs, first - 1, first):
            first -= 1
        return [self.pairs.landmarks[j] for j in range(first, i)]

    def _led(self, earlier: Sequence[tuple[Frame, ...]]) -> Led | None:
        steps, size = self.config.rollout.steps, self.config.size
        if not steps:
            return None
        drawn = np.zeros((len(earlier), steps, size, size, 3), np.uint8)
        for b, skeletons in enumerate(earlier):
            for k, skeleton in enumerate(reversed(skeletons)):
                drawn[b, steps - 1 - k] = skeleton
        return Led(drawn, np.array([len(skeletons) for skeletons in earlier], np.int64))

    def _next(self, i: int) -> int:
        """The pair right after `i`, or `i` itself where the clip, the shot or the split ends."""
        return i + 1 if i + 1 in self._learned and are_neighbors(self.pairs, i, i + 1) else i

    def _batch(self, made: list[Made]) -> Batch:
        examples = [one.example for one in made]
        plates = [example.plate for example in examples if example.plate is not None]
        figures = [example.figure for example in examples if example.figure is not None]
        shaken = [one.shaken for one in made if one.shaken is not None]
        crops = [np.column_stack([np.full(len(one.crops), b), one.crops]) for b, one in enumerate(made)]
        return Batch(
            conditioning=np.stack([one.conditioning for one in made]),
            real=np.stack([example.frame for example in examples]),
            mask=np.stack([example.mask for example in examples]),
            weight=np.stack([one.weight for one in made]),
            far=np.stack([far_from(example.mask, example.landmarks) for example in examples]),
            plate=np.stack(plates) if self.figure else None,
            figure=np.stack(figures) if figures else None,
            crops=np.concatenate(crops).astype(np.int64),
            shaken=np.stack(shaken) if shaken else None,
            led=self._led([one.earlier for one in made]),
        )

    def _crops(self, example: Example, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(count, 2): top and left of squares around random landmarks."""
        size, side = example.frame.shape[0], crop_side(self.config)
        joints = rng.integers(0, example.landmarks.shape[0], count)
        centers = example.landmarks[joints, 1::-1] * size + rng.normal(0, side / 8, (count, 2))
        return np.clip(np.round(centers - side / 2), 0, size - side).astype(np.int64)
