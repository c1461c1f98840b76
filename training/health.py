"""The state of a training in words: what its curves mean, said once when it becomes true.

The same loss value means different things in different forms (chance is 2.0 for hinge, 0.5 for least squares, 1.386 for
vanilla), so the discriminator is read through its form and through the share it judges rightly.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from training.config import TrainingConfig
from training.losses import FORMS
from training.standing import AnyStanding, Measured, Standing

WINDOW = 20  # logged steps that a verdict rests on
PATIENCE = 5  # held-out judgements without a better one
WON_RIGHT, WON_SHARE_OF_CHANCE = 0.97, 0.15
CHANCE_MARGIN, CHANCE_RIGHT = 0.03, 0.55
STILL_LEVELS = 0.1
MEMORIZED_GAP = 0.3
SPIKE = 50.0


class Health:
    """Told what was logged and how held-out pairs look, it answers with the sentences that have just become true."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._chance = FORMS[config.losses.form].chance
        self._heard: deque[Mapping[str, float]] = deque(maxlen=WINDOW)
        self._said: set[str] = set()
        self._best: tuple[int, float] | None = None
        self._stale = 0
        self._moving_until = 0

    def heard(self, step: int, said: Mapping[str, float]) -> list[str]:
        """After each logged step: `said` are its losses and the rest of what a method says."""
        spikes = self._spikes(step, said)
        self._heard.append(said)
        judged = [line for line in self._heard if "discriminator" in line]
        ramp_end = self._config.discriminator.start_step + self._config.discriminator.ramp_steps
        if len(judged) < WINDOW or step < ramp_end:
            return spikes
        loss, right = _median(judged, "discriminator"), (_median(judged, "real_right") + _median(judged, "fake_right"))
        return spikes + self._of_discriminator(loss, right / 2)

    def seen(self, step: int, standing: AnyStanding) -> list[str]:
        """After each look at held-out pairs."""
        return [*self._of_movement(step, standing), *self._of_progress(step, standing), *self._of_memory(standing)]

    def catch_up(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take in what a resumed run noted before, silently."""
        for line in lines:
            if "total" in line:
                self.heard(int(line["step"]), line)
            elif line.get("validation_figure_l1", line.get("validation_error")) is not None:
                self.seen(int(line["step"]), _standing(line))

    def _of_discriminator(self, loss: float, right: float) -> list[str]:
        figures = f"its loss is {loss:.2f} where chance is {self._chance:.2f}, and it judges {right:.0%} rightly"
        won = loss < WON_SHARE_OF_CHANCE * self._chance and right > WON_RIGHT
        chance = abs(loss / self._chance - 1) < CHANCE_MARGIN and right < CHANCE_RIGHT
        return [
            *self._once(
                "won",
                won,
                f"the discriminator has won: {figures}; lower discriminator.learning_rate, set discriminator.augment, "
                "or add pairs",
            ),
            *self._once(
                "chance",
                chance,
                f"the discriminator sits at chance: {figures}; L1 does all the work: raise discriminator.learning_rate "
                "or take kind = 'crops'",
            ),
            *self._once("left", not chance and not won, f"the discriminator has left chance: {figures}"),
        ]

    def _spikes(self, step: int, said: Mapping[str, float]) -> list[str]:
        known = [line["generator_gradient"] for line in self._heard if "generator_gradient" in line]
        if len(known) < WINDOW // 2 or "generator_gradient" not in said:
            return []
        usual, now = float(np.median(known)), said["generator_gradient"]
        told = f"step {step}: the generator's gradient is {now:.3g}, {now / max(usual, 1e-12):.0f} times its usual size"
        return self._once("spike", now > SPIKE * usual, f"{told}; if this goes on, lower schedule.learning_rate")

    def _of_movement(self, step: int, standing: AnyStanding) -> list[str]:
        still = standing.moved is not None and standing.moved < STILL_LEVELS
        if not still:
            self._moving_until = step
        told = f"no movement since step {self._moving_until}: the held-out pictures have stopped changing"
        return self._once("still", still, f"{told}; more of the same will not help")

    def _of_progress(self, step: int, standing: AnyStanding) -> list[str]:
        if self._best is None or standing.error < self._best[1]:
            self._best, self._stale = (step, standing.error), 0
        else:
            self._stale += 1
        told = f"the held-out error has stopped improving: it was best at step {self._best[0]} ({self._best[1]:.1f})"
        return self._once("stale", self._stale >= PATIENCE, told)

    def _of_memory(self, standing: AnyStanding) -> list[str]:
        if standing.recognized is None:
            return []
        learned, held_out = standing.recognized
        told = f"it calls {learned:.0%} of the learned pictures real, but only {held_out:.0%} of the held-out ones"
        return self._once(
            "memory",
            learned - held_out > MEMORIZED_GAP,
            f"the discriminator is memorizing: {told}; set discriminator.augment, or add pairs",
        )

    def _once(self, key: str, true: bool, sentence: str) -> list[str]:
        """The sentence when it becomes true; once it is no longer true it may be said again."""
        if not true:
            self._said.discard(key)
            return []
        if key in self._said:
            return []
        self._said.add(key)
        return [sentence]


def _median(lines: Iterable[Mapping[str, float]], name: str) -> float:
    return float(np.median([line.get(name, float("nan")) for line in lines]))


def _standing(line: Mapping[str, Any]) -> AnyStanding:
    if "validation_error" in line:
        score = line.get("validation_score", 0.0)
        return Measured(score, line["validation_error"], "", {}, moved=line.get("validation_moved"))
    return Standing(
        line["validation_figure_l1"], line.get("validation_sharpness", 1.0), moved=line.get("validation_moved")
    )
