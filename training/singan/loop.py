"""Training from one picture, scale by scale: each is learned, kept, looked at, and never learned again.

A scale that is done is a checkpoint; `resume` goes on with the next one, to the same weights as without the pause.
Randomness is a function of seed and scale.
"""

import math
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from engines.errors import BadInput, ConfigError, UnderstudyError
from engines.images import Frame, Size, resized
from engines.pictures import read_picture
from engines.progress import bar, silent
from training.checkpoints import checkpoints, read_checkpoint, said_in, write_checkpoint
from training.devices import training_device
from training.film import write_timelapse
from training.runs import describe, forget_after, note, run_facts, writing
from training.samples import write_picture
from training.singan.config import SinganConfig
from training.singan.learning import ScaleLearning, fixed_noises, fresh_noises
from training.singan.networks import Critic, Pyramid, fresh_pyramid
from training.singan.pictures import as_picture, check_side, pyramid, scale_sizes
from training.singan.runs import PICTURE, grown, singan_config

SAMPLES = 2
STALLED_DB = 14.0


@dataclass
class _Run:
    folder: Path
    config: SinganConfig
    sizes: list[Size]
    reals: list[Tensor]
    generator: Pyramid
    critic: Critic | None = None
    done: int = 0
    step: int = 0
    trained_s: float = 0.0

    @property
    def at(self) -> int:
        return len(self.generator)


def train_singan(
    config: SinganConfig,
    picture: Path,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = True,
    scales: int | None = None,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Learn `picture` into the folder `folder`; with `resume` from the first scale that is not done.

    `scales` stops after so many. Ctrl-C loses the scale that is being learned and keeps those before. Raises
    BadInput for what cannot be learned from, ConfigError for a folder that was trained otherwise, UnderstudyError when
    a loss is no longer a number.
    """
    run = _begun(config, Path(picture), Path(folder), resume)
    last = min(len(run.sizes), scales or len(run.sizes))
    if run.done >= last:
        raise BadInput(f"{folder}: has learned its {run.done} scales already; choose another folder to begin anew")
    said = Console(stderr=True, quiet=not progress)
    total = (last - run.done) * config.learning.iterations
    with bar(f"learning {picture}") if progress else nullcontext(silent) as shown:
        base = run.step
        for scale in range(run.done, last):
            _learn(run, scale, now, lambda step: shown(step - base, total), said)
    with writing(run.folder):
        write_timelapse(run.folder)


def _learn(run: _Run, scale: int, now: Callable[[], float], shown: Callable[[int], None], said: Console) -> None:
    config = run.config
    torch.manual_seed(config.seed * 1_000_003 + scale)
    reals = run.reals[: scale + 1]
    _grow(run, scale)
    assert run.critic is not None
    learning = ScaleLearning(config, run.generator, run.critic, reals)
    for iteration in range(config.learning.iterations):
        began = now()
        losses = learning.step(iteration)
        run.step += 1
        run.trained_s += now() - began
        if run.step % config.run.log_iterations == 0:
            _note(run, scale, losses)
        if run.step % config.run.sample_iterations == 0 and iteration + 1 < config.learning.iterations:
            _sample(run, reals, f"samples/step-{run.step:07d}.png")
            learning.train()
        shown(run.step)
    _note(run, scale, losses)
    run.generator.eval()
    run.done = scale + 1
    decibels = _sample(run, reals, f"scales/scale-{scale:02d}.png")
    with writing(run.folder):
        samples = run.folder / "samples" / f"step-{run.step:07d}.png"
        samples.parent.mkdir(exist_ok=True)
        shutil.copyfile(run.folder / f"scales/scale-{scale:02d}.png", samples)
    _keep(run)
    height, width = run.sizes[scale]
    took = f"scale {scale} ({width} x {height}) after {run.trained_s / 60:.1f} min"
    sentence = f"{took}: the picture again at {decibels:.1f} dB"
    if decibels < STALLED_DB:
        sentence += "; that is little: look at its picture, and learn longer or with a lower learning.rate"
    note(run.folder, {"step": run.step, "scale": scale, "psnr_db": round(decibels, 2), "said": sentence})
    said.print(sentence, highlight=False, soft_wrap=True)


def _grow(run: _Run, scale: int) -> None:
    """A new stage for the generator and a critic that begins where the last one ended, if it is as wide."""
    config, real = run.config, run.reals[scale]
    if scale == 0:
        run.generator.grow(1.0)
        shape = run.generator.noise_shape(0, run.sizes[0])
        run.generator.fixed = torch.randn(1, *shape).to(real.device)
    else:
        with torch.no_grad():
            before = run.generator.eval()(_fixed(run, scale), run.sizes[:scale])
            error = (torch.nn.functional.interpolate(before, real.shape[2:], mode="bilinear") - real).square().mean()
        run.generator.grow(config.learning.noise * math.sqrt(float(error)))
    critic = Critic(config.networks, scale).to(real.device)
    if run.critic is not None and _widths(critic) == _widths(run.critic):
        critic.load_state_dict(run.critic.state_dict())
    run.generator.to(real.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    run.critic = critic.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]


def _widths(critic: Critic) -> list[torch.Size]:
    return [parameter.shape for parameter in critic.parameters()]


def _fixed(run: _Run, scales: int) -> list[Tensor | None]:
    return fixed_noises(run.config, run.generator, run.reals[:scales])


def _note(run: _Run, scale: int, losses: dict[str, Tensor]) -> None:
    values = {name: round(float(loss), 5) for name, loss in losses.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise UnderstudyError(
                f"step {run.step}, scale {scale}: the loss {name!r} is no longer a number; the scales before are kept: "
                f"resume with a lower learning.rate than {run.config.learning.rate:g}"
            )
    note(run.folder, {"step": run.step, "scale": scale, "trained_s": round(run.trained_s, 2), **values})


def _sample(run: _Run, reals: list[Tensor], name: str) -> float:
    """Write picture | again | samples, as large as the finest scale will be; returns how well it was learned, in dB."""
    generator = run.generator.eval()
    sizes = run.sizes[: len(reals)]
    state = torch.get_rng_state()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(run.config.seed)
        again = generator(fixed_noises(run.config, generator, reals), sizes)
        drawn = [generator(fresh_noises(run.config, generator, reals), sizes) for _ in range(SAMPLES)]
    torch.set_rng_state(state)
    pictures = [as_picture(picture) for picture in (reals[-1], again, *drawn)]
    with writing(run.folder):
        write_picture(run.folder / name, np.hstack([_enlarged(picture, run.sizes[-1]) for picture in pictures]))
    error = float((again.clamp(-1, 1) - reals[-1]).square().mean()) / 4
    return 99.0 if error == 0 else -10 * math.log10(error)


def _enlarged(picture: Frame, size: Size) -> Frame:
    """Every pixel a square, as it was learned."""
    if picture.shape[0] >= size[0]:
        return resized(picture, size)
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _keep(run: _Run) -> None:
    assert run.critic is not None
    said = {"scales": run.done, "trained_s": run.trained_s}
    networks = {"generator": run.generator, "critic": run.critic}
    write_checkpoint(run.folder, run.step, networks, {}, said, run.config.run.keep_checkpoints)


# Beginnings ----------------------------------------------------------------------------------------------------------


def _begun(config: SinganConfig, picture: Path, folder: Path, resume: bool) -> _Run:
    if checkpoints(folder) and not resume:
        raise BadInput(f"{folder}: holds a training already; give --resume to go on with it, or another folder")
    if resume and not checkpoints(folder) and not (folder / PICTURE).is_file():
        raise BadInput(f"{folder}: holds no training from one picture; leave --resume away")
    source = folder / PICTURE if resume else picture
    frame = read_picture(source)
    check_side(frame, source)
    size: Size = (frame.shape[0], frame.shape[1])
    device = training_device(config)
    sizes = scale_sizes(size, config.pyramid)
    reals = [real.to(device) for real in pyramid(frame, sizes)]
    torch.manual_seed(config.seed)
    run = _Run(folder, config, sizes, reals, fresh_pyramid(config).to(device))
    if resume and checkpoints(folder):
        _go_on(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: a run cannot be written there ({error.strerror}); choose another folder") from None
    facts = run_facts(folder) if resume and (folder / "run.json").is_file() else {"picture": picture.name, "size": size}
    describe(folder, config, {key: facts[key] for key in ("picture", "size")})
    with writing(folder):
        write_picture(folder / PICTURE, frame)
    forget_after(folder, run.step if run.done else -1)
    return run


def _go_on(run: _Run) -> None:
    before = singan_config(run.folder)
    for section in ("purpose", "networks", "pyramid", "seed"):
        was, wanted = getattr(before, section), getattr(run.config, section)
        if was != wanted:
            raise ConfigError(
                f"{run.folder}: was trained with {section} {was}, not {wanted}; that cannot change on the way"
            )
    place = checkpoints(run.folder)[-1]
    run.done = int(said_in(place)["scales"])
    device = run.reals[0].device
    run.generator = grown(run.config, run.done, run.sizes[0]).to(device)
    run.critic = Critic(run.config.networks, run.done - 1).to(device)
    run.step, said = read_checkpoint(place, {"generator": run.generator, "critic": run.critic})
    run.trained_s = float(said["trained_s"])
