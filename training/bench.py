"""`understudy bench train`: the shared loop against a plain one, in turns, in one run.

The plain loop trains as the reference implementations do: the same generator and discriminator with the same losses,
in float32, eager, one picture a step, whose side-by-side PNG is decoded, enlarged and cropped each time, real and
generated judged one after the other, and every loss read at once.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from engines.errors import BadInput
from engines.images import Frame, resized
from engines.measuring import measured_header, table, write_json
from engines.pose.puppet import BuiltInDancer, studio
from training.config import TrainingConfig
from training.cuts import crop_side
from training.datasets import Examples
from training.devices import training_device, uses_bf16
from training.examples import LEARNS_FROM, AnyExamples, open_examples
from training.loop import prefetched
from training.losses import FORMS, cut_out, feature_distance
from training.methods import method
from training.networks import discriminator, generator
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.store import PairSet, open_pairs
from training.pairs.writing import PairsWriter

ROUNDS = 3
PROFILED_STEPS = 6
PICTURES = 48
LOG_EVERY = 10
ENLARGED = 286 / 256
PARTS = (
    "to device",
    "generator",
    "reconstruction",
    "judging",
    "discriminator backward",
    "discriminator update",
    "fooling",
    "generator backward",
    "generator update",
    "average",
)


def bench_train(
    config: TrainingConfig,
    pairs: Path | None = None,
    *,
    seconds: float = 30,
    json: Path | None = None,
    trace: Path | None = None,
) -> dict[str, Any]:
    """Images a second of both loops, each for `seconds` in all, and where a step's time goes; prints a table.

    Keys as in BENCH.md: images_per_s, baseline_images_per_s, ratio, device_busy, step_ms. Without `pairs` the built-in
    dancer is learned. `trace` gets the profiler's table as text. Run it while nothing else heavy runs.
    """
    header = measured_header()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="understudy-bench-")))
        if pairs is None and LEARNS_FROM[config.method] != LEARNS_FROM["pix2pix"]:
            kinds = " or ".join(LEARNS_FROM[config.method])
            raise BadInput(f"{config.method} learns from pairs of kind {kinds}; name some with --pairs")
        pair_set = open_pairs(pairs) if pairs else dancer_pairs(folder / "pairs", config.size)
        examples = open_examples(pair_set, config)
        device = training_device(config)
        shared = stack.enter_context(shared_loop(config, examples, device))
        plain = _plain(config, examples, folder / "aligned", device)
        counts, spent = {"shared": 0, "plain": 0}, {"shared": 0.0, "plain": 0.0}
        for _ in range(ROUNDS):  # in turns, so that a machine's moods hit both
            for name, loop in (("shared", shared), ("plain", plain)):
                images, took_s = _run_for(loop, seconds / ROUNDS)
                counts[name] += images
                spent[name] += took_s
        step_ms, busy, text = _profiled(shared, device)
    rate, plain_rate = (counts[name] / spent[name] for name in ("shared", "plain"))
    figures = {
        "images_per_s": rate,
        "baseline_images_per_s": plain_rate,
        "ratio": rate / plain_rate,
        "device_busy": busy,
        "step_ms": step_ms,
        "device": str(device),
        "precision": "bf16" if uses_bf16(config, device) else "f32",
        "batch": config.schedule.batch,
        "size": config.size,
        "threads": torch.get_num_threads(),
        "seconds": seconds,
    }
    rows = [{"what": name, "figure": value} for name, value in figures.items() if name != "step_ms"]
    table(rows + [{"what": f"step: {name}", "figure": value} for name, value in step_ms.items()], title="bench train")
    if trace is not None:
        trace.write_text(text)
    if json is not None:
        write_json(json, {**header, **figures})
    return figures


def _plain(config: TrainingConfig, examples: Any, folder: Path, device: torch.device) -> Iterator[int]:
    if config.method in ("cyclegan", "fastcut"):
        from training.plain_style import plain_style_loop

        return plain_style_loop(config, examples, device)
    if config.method != "pix2pix" or not isinstance(examples, Examples):
        kind = examples.pairs.header.kind
        raise BadInput(f"there is no plain loop to compare {config.method} on pairs of kind {kind!r} with")
    return plain_loop(config, _aligned(examples, folder), device)


@contextmanager
def shared_loop(config: TrainingConfig, examples: AnyExamples, device: torch.device) -> Iterator[Iterator[int]]:
    """Steps of the shared loop with its discriminator awake, as `train` takes them; yields images done a step."""
    torch.manual_seed(config.seed)
    learner = method(config, examples, device)
    first = config.discriminator.start_step

    with prefetched(examples, first) as batches:

        def steps() -> Iterator[int]:
            step = first
            while True:
                with torch.profiler.record_function("waiting for a batch"):
                    batch = next(batches)
                losses = learner.step(batch, step, 0.0)
                step += 1
                if step % LOG_EVERY == 0:
                    [float(loss) for loss in losses.values()]
                yield config.schedule.batch

        yield steps()


def plain_loop(config: TrainingConfig, files: list[Path], device: torch.device) -> Iterator[int]:
    """Steps of the plain loop, one image each."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    drawer = generator(config.generator, matte=False).to(device)
    judge = discriminator(config.discriminator)
    judge = None if judge is None else judge.to(device)
    form, losses = FORMS[config.losses.form], config.losses
    betas = (config.schedule.beta1, config.schedule.beta2)
    of_drawer = torch.optim.Adam(drawer.parameters(), config.schedule.learning_rate, betas)
    of_judge = None if judge is None else torch.optim.Adam(judge.parameters(), config.discriminator.learning_rate)
    count = max(1, config.discriminator.crops // config.schedule.batch)
    while True:
        skeleton, real = _decoded(files[int(rng.integers(len(files)))], config.size, rng, device)
        fake = drawer(skeleton)
        total = losses.l1 * functional.l1_loss(fake, real)
        if judge is not None and of_judge is not None:
            corners = rng.integers(0, config.size - crop_side(config) + 1, (count, 2))
            crops = torch.from_numpy(np.column_stack([np.zeros(count, np.int64), corners]))

            def views(picture: torch.Tensor, skeleton: torch.Tensor = skeleton, crops: torch.Tensor = crops) -> Any:
                if config.discriminator.kind == "patch":
                    return torch.cat([skeleton, picture], dim=1)
                return cut_out(picture, crops, crop_side(config))

            of_judge.zero_grad()
            judged = form.judge(judge(views(real))[0], judge(views(fake.detach()))[0])
            judged.backward()
            of_judge.step()
            judged.item()
            scores, features = judge(views(fake))
            with torch.no_grad():
                wanted = judge(views(real))[1]
            total = total + losses.adversarial * form.fool(scores)
            total = total + losses.feature_matching * feature_distance(features, wanted)
        of_drawer.zero_grad()
        total.backward()
        of_drawer.step()
        total.item()
        yield 1


def dancer_pairs(folder: Path, size: int, count: int = PICTURES) -> PairSet:
    """Pairs of the built-in dancer in a still studio: enough to measure on, not to learn from."""
    dancer = BuiltInDancer((size, size))
    times = [k * dancer.duration_s / count for k in range(count)]
    frames = [dancer.frame_at(time_s) for time_s in times]
    plate = np.ascontiguousarray(studio(dancer.camera))
    shot = Shot(id="dancer", source="dancer", static=True, frame_size=(size, size), crop=(0, 0, size))
    writer = PairsWriter(folder, PairsHeader(size=(size, size), fps=30, shots=(shot,)))
    shot = shot.model_copy(update={"plate": writer.add_plate("dancer", plate)})
    for k, (time_s, frame) in enumerate(zip(times, frames, strict=True)):
        mask = np.where(cv2.absdiff(frame, plate).max(axis=2) > 12, 255, 0).astype(np.uint8)
        row = Row(id=f"{k:05d}", source="dancer", frame=k, time_s=time_s, shot="dancer", split="train")
        writer.add(row, dancer.landmarks_at(time_s), frame, mask)
    return writer.finish(writer.header.model_copy(update={"shots": (shot,)}))


def _aligned(examples: Examples, folder: Path) -> list[Path]:
    """Skeleton and frame side by side in a PNG for each pair, as other trainers read them."""
    folder.mkdir(parents=True)
    files = []
    for i in examples.spread(examples.train, PICTURES):
        example = examples[i]
        both = np.concatenate([examples.conditioning(example.landmarks), example.frame], axis=1)
        files.append(folder / f"{i:06d}.png")
        cv2.imwrite(str(files[-1]), cv2.cvtColor(both, cv2.COLOR_RGB2BGR))
    return files


def _decoded(
    file: Path, size: int, rng: np.random.Generator, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    both = cv2.cvtColor(np.asarray(cv2.imread(str(file))), cv2.COLOR_BGR2RGB)
    large = round(size * ENLARGED)
    top, left = (int(corner) for corner in rng.integers(0, large - size + 1, 2))

    def tensor(picture: Frame) -> torch.Tensor:
        cut = resized(np.ascontiguousarray(picture), (large, large))[top : top + size, left : left + size]
        return torch.from_numpy(np.ascontiguousarray(cut.transpose(2, 0, 1))).float().to(device)[None] / 127.5 - 1

    return tensor(np.asarray(both[:, :size], np.uint8)), tensor(np.asarray(both[:, size:], np.uint8))


def _run_for(loop: Iterator[int], seconds: float) -> tuple[int, float]:
    next(loop)  # warm
    _synchronize()
    images, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        images += next(loop)
    _synchronize()
    return images, time.perf_counter() - began


def _profiled(loop: Iterator[int], device: torch.device) -> tuple[dict[str, float], float, str]:
    """Milliseconds a step by part, the share of time the device was busy, and the profiler's table."""
    gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    _synchronize()
    with profile(activities=activities) as watched:
        began = time.perf_counter()
        for _ in range(PROFILED_STEPS):
            next(loop)
        _synchronize()
        spent_s = time.perf_counter() - began
    events = watched.key_averages()
    waiting_ms = sum(e.cpu_time_total for e in events if e.key == "waiting for a batch") / 1000
    step_ms = {"waiting for a batch": waiting_ms / PROFILED_STEPS}
    for name in PARTS:
        total = sum(e.device_time_total if gpu else e.cpu_time_total for e in events if e.key == name)
        step_ms[name] = total / 1000 / PROFILED_STEPS
    step_ms["all"] = spent_s * 1000 / PROFILED_STEPS
    if gpu:
        kernels = sum(e.self_device_time_total for e in events if e.device_type != torch.autograd.DeviceType.CPU)
        busy = min(1.0, kernels / 1e6 / spent_s)
    else:
        busy = 1 - waiting_ms / 1000 / spent_s
    order = "self_device_time_total" if gpu else "self_cpu_time_total"
    return step_ms, busy, events.table(sort_by=order, row_limit=25)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
