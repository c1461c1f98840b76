"""CycleGAN and FastCUT as their reference implementations run a step: what `bench train` compares the loop with.

The same networks and losses in float32, eager, one picture of each side a step, decoded, enlarged and cut each time;
every pass for itself, and every loss read at once.
"""

import itertools
from collections.abc import Generator, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.images import Frame, resized
from training.config import TrainingConfig
from training.contrast import PatchHeads, drawn_places, encoded, patch_contrast
from training.losses import FORMS
from training.networks import discriminator, generator
from training.pairs.store import PairSet
from training.pool import ImagePool
from training.unpaired.examples import UnpairedExamples


def plain_style_loop(config: TrainingConfig, examples: UnpairedExamples, device: torch.device) -> Iterator[int]:
    """Steps of the plain loop, one image of each side."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    step = _cyclegan(config, device) if config.method == "cyclegan" else _fastcut(config, device)
    next(step)
    while True:
        a = _decoded(examples.pairs, int(rng.choice(examples.train)), config, rng, device)
        b = _decoded(examples.pairs, int(rng.choice(examples.wanted)), config, rng, device)
        step.send((a, b))
        yield 1


def _cyclegan(config: TrainingConfig, device: torch.device) -> "_Stepping":
    there, back = (generator(config.generator).to(device) for _ in range(2))
    judges = [_judge(config, device) for _ in range(2)]
    pools = [ImagePool(config.style.pool, config.shape).to(device) for _ in range(2)]
    form, style = FORMS[config.losses.form], config.style
    of_drawers = _adam(config, *there.parameters(), *back.parameters())
    of_judges = _adam(config, *itertools.chain(*(judge.parameters() for judge in judges)))
    given = yield
    while True:
        a, b = given
        fake_b, fake_a = there(a), back(b)
        again_a, again_b = back(fake_b), there(fake_a)
        total = config.losses.adversarial * (form.fool(judges[0](fake_b)[0]) + form.fool(judges[1](fake_a)[0]))
        total = total + style.cycle * (functional.l1_loss(again_a, a) + functional.l1_loss(again_b, b))
        if style.identity:
            kept = functional.l1_loss(there(b), b) + functional.l1_loss(back(a), a)
            total = total + style.cycle * style.identity * kept
        _stepped(of_drawers, total)
        for judge, real, fake, pool in zip(judges, (b, a), (fake_b, fake_a), pools, strict=True):
            shown = pool.shown(fake.detach())
            _stepped(of_judges, 0.5 * form.judge(judge(real)[0], judge(shown)[0]))
        given = yield


def _fastcut(config: TrainingConfig, device: torch.device) -> "_Stepping":
    drawer, judge = generator(config.generator).to(device), _judge(config, device)
    form, style = FORMS[config.losses.form], config.style
    with torch.no_grad():
        widths = [feature.shape[1] for feature in encoded(drawer.eval(), torch.zeros(1, 3, 64, 64, device=device))]
    drawer.train()
    heads = PatchHeads(widths).to(device)
    of_drawer, of_judge = _adam(config, *drawer.parameters(), *heads.parameters()), _adam(config, *judge.parameters())
    given = yield
    while True:
        a, b = given
        fake = drawer(a)
        _stepped(of_judge, 0.5 * form.judge(judge(b)[0], judge(fake.detach())[0]))
        queries, keys = encoded(drawer, fake), encoded(drawer, a)
        places = drawn_places(keys, style.patches)
        contrast = patch_contrast(heads(queries, places), heads(keys, places), style.temperature)
        _stepped(of_drawer, config.losses.adversarial * form.fool(judge(fake)[0]) + style.contrast * contrast)
        given = yield


_Stepping = Generator[None, tuple[Tensor, Tensor], None]


def _stepped(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    loss.item()


def _judge(config: TrainingConfig, device: torch.device) -> nn.Module:
    judge = discriminator(config.discriminator, 0)
    assert judge is not None
    return judge.to(device)


def _adam(config: TrainingConfig, *parameters: nn.Parameter) -> torch.optim.Adam:
    return torch.optim.Adam(parameters, config.schedule.learning_rate, (config.schedule.beta1, config.schedule.beta2))


def _decoded(pairs: PairSet, i: int, config: TrainingConfig, rng: np.random.Generator, device: torch.device) -> Tensor:
    read = cv2.imread(str(Path(pairs.folder) / "frames" / f"{pairs.ids[i]}.png"))
    frame = np.asarray(cv2.cvtColor(np.asarray(read), cv2.COLOR_BGR2RGB), np.uint8)
    (height, width), grown = config.shape, 1 + config.augmentation.enlarge
    large: Frame = resized(frame, (round(height * grown), round(width * grown)))
    top, left = int(rng.integers(0, large.shape[0] - height + 1)), int(rng.integers(0, large.shape[1] - width + 1))
    cut = np.ascontiguousarray(large[top : top + height, left : left + width].transpose(2, 0, 1))
    return torch.from_numpy(cut).float().to(device)[None] / 127.5 - 1
