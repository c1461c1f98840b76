"""A film's generator as a bundle: its last two pictures in, the next one out, and proof that it lives."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.bundle import Knob, Port
from engines.errors import UnderstudyError
from engines.film.dreaming import Dream, Touch
from engines.film.liveness import Liveness, Watcher, liveness
from engines.film.motion import changes_of
from engines.film.statistics import FilmLook
from engines.images import Frame
from training import metrics
from training.devices import picture_tensor
from training.film_examples import FilmExamples
from training.forms import Plays, png
from training.ports import Inputs, Outputs

LIVES_FOR = 600
LOOKS = 200
"""So many frames, evenly spread, say what the film looks like."""


class TwoPorted(nn.Module):
    """A generator of (before, now) between its ports: two (H, W, 3) uint8 to (H, W, 3) uint8."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, conditioning: Tensor, before: Tensor) -> Tensor:
        both = torch.cat([before.to(torch.float32), conditioning.to(torch.float32)], dim=2)
        raw = self.generator(both.permute(2, 0, 1).unsqueeze(0) / 127.5 - 1)[0]
        return ((raw + 1) * 127.5).permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


class FilmForm:
    def __init__(self, examples: FilmExamples) -> None:
        self._examples = examples
        frames = examples.frames[np.linspace(0, len(examples.frames) - 1, min(LOOKS, len(examples.frames))).astype(int)]
        changes = np.concatenate([changes_of(shot) for shot in examples.watched() if len(shot) > 1])
        self._look = FilmLook.of(list(frames), float(changes.mean()))

    def described(self) -> dict[str, Any]:
        examples, config = self._examples, self._examples.config.next_frame
        shape = (*examples.config.shape, 3)
        return {
            "conditioning": "previous",
            "inputs": tuple(Port(name=name, shape=shape, dtype="uint8") for name in ("conditioning", "before")),
            "outputs": (Port(name="image", shape=shape, dtype="uint8"),),
            "finish": "none",
            "knobs": (
                Knob(name="inject", default=0, help="how much of the camera is mixed into what is fed back"),
                Knob(name="disturb", default=0.5, help="how much the dancer's silhouette stirs the picture"),
                Knob(name="stir", default=config.stir, high=0.2, help="noise on what is fed back: it keeps it going"),
                Knob(name="guard", default=config.guard, help="how strongly it is pulled back to the film's own look"),
            ),
            "fps": examples.pairs.header.fps / examples.stride,
            "metrics": self._look.metrics(),
        }

    def files(self) -> dict[str, bytes]:
        """plate.png: where it begins, the last frame of the film."""
        return {"plate.png": png(self._examples.start()[1])}

    def ported(self, generator: nn.Module) -> nn.Module:
        return TwoPorted(generator)

    def inputs(self, i: int) -> Inputs:
        frames = self._examples.frames
        return {"conditioning": frames[i], "before": frames[i - self._examples.stride]}

    def longhand(self, generator: nn.Module, inputs: Inputs) -> dict[str, NDArray[np.int64]]:
        """What torch gives, in levels, with no port in between."""
        both = [picture_tensor(inputs[name][None], torch.device("cpu")) for name in ("before", "conditioning")]
        with torch.no_grad():
            raw = generator(torch.cat(both, dim=1))[0].numpy().astype(np.float64)
        return {"image": np.clip(np.rint((raw + 1) * 127.5), 0, 255).astype(np.int64).transpose(1, 2, 0)}

    def seen(self, outputs: Outputs, i: int) -> Frame:  # noqa: ARG002  # asked of every form
        return outputs["image"]

    def beside(self, i: int) -> tuple[Frame, Frame]:
        return self._examples.frames[i], self._examples.frames[i + self._examples.stride]

    def preflight(self, plays: Plays, anyway: bool) -> tuple[dict[str, float], str]:
        """Let it live from the end of the film, as it will on stage: its figures, and a sentence that tells them.

        Raises UnderstudyError when it dies, unless it is wanted anyway.
        """
        life = self._lived(plays, LIVES_FOR)
        error, copied = self._one_step(plays)
        told = (
            f"{error:.1f} levels off the next frame, copying the last one {copied:.1f}; on its own: {life.told}"
            f"{'' if life.is_on_aim else ' (0.5 to 2 is aimed at)'}"
        )
        if life.faults and not anyway:
            reasons = "; ".join(fault.sentence for fault in life.faults)
            raise UnderstudyError(
                f"the film does not live for {LIVES_FOR} steps, so nothing was written (--anyway does): {reasons}. "
                f"{told}"
            )
        dies = "".join(f"; {fault.sentence}" for fault in life.faults)
        figures = {"next_l1": round(error, 3), "copy_last_l1": round(copied, 3), **life.figures()}
        return figures, told + dies

    def _lived(self, plays: Plays, steps: int) -> Liveness:
        config, watcher = self._examples.config, Watcher()
        before, frame = self._examples.start()
        dream = Dream(frame, self._look, before, config.seed, undying=True)
        touch = Touch(stir=config.next_frame.stir, guard=config.next_frame.guard)

        def step(picture: Frame, last: Frame) -> Frame:
            return plays({"before": last, "conditioning": picture})["image"].copy()

        for _ in range(steps):
            watcher.add(dream.step(step, touch))
        return liveness(self._examples.watched(), watcher.pictures)

    def _one_step(self, plays: Plays) -> tuple[float, float]:
        """Mean error in levels of one step on held-out frames, and of copying the last frame."""
        examples = self._examples
        held_out = examples.test if len(examples.test) else examples.validation
        errors, copied = [], []
        for i in examples.spread(held_out if len(held_out) else examples.train, 24):
            now, real = self.beside(i)
            errors.append(metrics.l1(plays(self.inputs(i))["image"], real))
            copied.append(metrics.l1(now, real))
        return float(np.mean(errors)), float(np.mean(copied))
