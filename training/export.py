"""From a run to a bundle, and the proof that they are the same performer.

The graph takes and gives (H, W, C) uint8: cast first, scaling and layout inside, round and clip before the last cast,
so that no backend shares a numeric convention with training. It is opened on OpenVINO at float32 and compared, picture
by picture, with the torch network computed longhand; the int8 variant states its measured distance.
"""

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from engines.backends import open_engine
from engines.bundle import Bundle, Graph, Manifest, Port, made_bundle, write_bundle
from engines.bundle.lint import check_graph_lint
from engines.errors import UnderstudyError
from engines.images import Frame, resized
from engines.pose.skeleton import style_hash
from training.checkpoints import best_checkpoint, latest_checkpoint, read_checkpoint, said_in
from training.config import TrainingConfig
from training.datasets import Examples
from training.devices import picture_tensor
from training.methods import method
from training.pairs.store import Shot, open_pairs
from training.quantization import CALIBRATION_IMAGES, int8_graph, psnr_db
from training.runs import run_config, run_facts
from training.samples import sheet

OPSET = 17
PROVED_ON = 8
PSNR_WANTED_DB = 35.0
Which = Literal["best", "newest"]
MOVES_LEVELS = 2
"""A picture that changes less than this anywhere, whatever the pose, is a generator that does not look."""
FLOAT_TAILS = (0, 1, 3)
"""How many of the last convolutions stay in float32, tried in turn until the int8 graph is near enough."""


class Ported(nn.Module):
    """A generator between its ports: (H, W, 3) uint8 to (H, W, 3 or 4) uint8, straight alpha."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, conditioning: Tensor) -> Tensor:
        pictures = conditioning.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 127.5 - 1
        raw = self.generator(pictures)[0]
        # One multiply-add over all channels: the matte is 0..1 already, color is -1..1.
        low = raw.new_tensor([1.0, 1.0, 1.0, 0.0])[: raw.shape[0], None, None]
        levels = (raw + low) * (255 - 127.5 * low)
        return levels.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)


def export(
    run: Path,
    bundle: Path,
    *,
    name: str | None = None,
    int8: bool = True,
    progress: bool = True,
    checkpoint: Which = "best",
) -> Bundle:
    """Write a state of `run` as a bundle, proved: on OpenVINO in float32 it equals torch within 1/255.

    `checkpoint` is the one that did best on held-out pairs, where any was judged at the run's size, or the newest.
    Raises BadInput when the run or its pairs are not there, UnderstudyError when the proof fails: nothing is written.
    """
    console = Console(stderr=True, quiet=not progress)
    run, bundle = Path(run), Path(bundle)
    trained = _trained(run, checkpoint)
    console.print(f"exporting {run} {trained.told}", highlight=False, soft_wrap=True)
    files = {"generator.onnx": onnx_graph(trained)}
    plate, plate_at = _plate(trained)
    if plate is not None:
        files["plate.png"] = _png(plate)
    files["preview.png"] = _png(_preview(trained))
    manifest = _manifest(trained, name or bundle.name, plate_at)
    _prove(made_bundle(manifest, files), trained)
    if int8:
        files["generator.int8.onnx"], psnr = _int8(trained, manifest, files)
        if psnr < PSNR_WANTED_DB:
            console.print(
                f"[bold]the int8 graph is only {psnr:.1f} dB from the float32 one (wanted {PSNR_WANTED_DB:.0f}); "
                "look at it before a show, or play this bundle with --precision bf16 or f32[/bold]",
                soft_wrap=True,
            )
        graphs = (*manifest.graphs, Graph(file="generator.int8.onnx", precision="int8", psnr_db=round(psnr, 2)))
        manifest = manifest.model_copy(update={"graphs": graphs})
    written = write_bundle(bundle, manifest, files)
    size = sum(len(data) for data in files.values()) / 1e6
    told = ", ".join(
        graph.precision + ("" if graph.psnr_db is None else f" {graph.psnr_db} dB") for graph in manifest.graphs
    )
    console.print(f"{bundle}: {size:.1f} MB, {told}; equals torch within 1/255", highlight=False, soft_wrap=True)
    return written


@dataclass(frozen=True)
class Trained:
    """A run opened for export: its generator as it performs, and the pairs to judge it by."""

    config: TrainingConfig
    examples: Examples
    generator: nn.Module
    steps: int
    trained_s: float
    told: str

    @property
    def port(self) -> str:
        return "figure" if self.examples.figure else "image"

    @property
    def judged(self) -> list[int]:
        """Pairs that were not learned from, test before validation; of a run without any, those it learned from."""
        examples = self.examples
        found = [i for split in (examples.test, examples.validation) for i in examples.spread(split, 12)]
        return found or examples.spread(examples.train, 12)


def chosen_checkpoint(run: Path, which: Which = "best") -> tuple[Path, str]:
    """The checkpoint to show, and in words which one it is."""
    newest, best = latest_checkpoint(run), best_checkpoint(run)
    if which == "best" and best is not None and said_in(best).get("size") == run_config(run).size:
        return best, f"as it did best on held-out pairs, after {_steps(best)} of {_steps(newest)} steps"
    return newest, f"after {_steps(newest)} steps"


def _steps(place: Path) -> int:
    return int(place.name.removeprefix("step-"))


def _trained(run: Path, which: Which = "best") -> Trained:
    config, facts = run_config(run), run_facts(run)
    config = config.model_copy(update={"device": "cpu", "precision": "f32"})
    examples = Examples(open_pairs(Path(facts["pairs"])), config, hold=False)
    fresh = method(config, examples, torch.device("cpu"))
    place, told = chosen_checkpoint(run, which)
    steps, said = read_checkpoint(place, fresh.networks)
    return Trained(config, examples, fresh.performer(examples), steps, float(said["trained_s"]), told)


def onnx_graph(trained: Trained) -> bytes:
    """The generator between its ports as a strongly typed float32 graph, held to the rules of the seam."""
    size, file = trained.config.size, io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecation; its successor needs another package
        torch.onnx.export(
            Ported(trained.generator).eval(),
            (torch.zeros(size, size, 3, dtype=torch.uint8),),
            file,  # type: ignore[arg-type]
            input_names=["conditioning"],
            output_names=[trained.port],
            opset_version=OPSET,
            dynamo=False,
        )
    check_graph_lint(file.getvalue(), "generator.onnx")
    return file.getvalue()


def _manifest(trained: Trained, name: str, plate_at: tuple[int, int]) -> Manifest:
    config, header = trained.config, trained.examples.pairs.header
    figure, size = trained.examples.figure, config.size
    resolved = hashlib.sha256(config.model_dump_json().encode()).hexdigest()
    return Manifest(
        name=name,
        title=config.title or name,
        method=config.method,
        conditioning="skeleton",
        size=(size, size),
        inputs=(Port(name="conditioning", shape=(size, size, 3), dtype="uint8"),),
        outputs=(Port(name=trained.port, shape=(size, size, 4 if figure else 3), dtype="uint8"),),
        finish="over_plate" if figure else "none",
        graphs=(Graph(file="generator.onnx", precision="f32"),),
        skeleton=trained.examples.style,
        skeleton_hash=style_hash(trained.examples.style),
        proportions=header.proportions,
        fps=header.fps,
        plate_at=plate_at,
        licence=config.licence,
        credits=config.credits,
        made_by={
            "config": f"{config.name} {resolved[:12]}",
            "pairs": trained.examples.pairs.folder.name,
            "learned_from": f"{len(trained.examples.train)} pairs",
            "trained": f"{trained.steps} steps, {trained.trained_s / 60:.1f} minutes",
            "torch": torch.__version__,
        },
    )


# The proof -----------------------------------------------------------------------------------------------------------


def _prove(bundle: Bundle, trained: Trained) -> None:
    images = _conditioning(trained, trained.judged[:PROVED_ON])
    played = _played(bundle, "f32", images, trained.port)
    for index, (image, picture) in enumerate(zip(images, played, strict=True)):
        gap = int(np.abs(picture.astype(int) - longhand(trained.generator, image)).max())
        if gap > 1:
            raise UnderstudyError(
                f"the exported graph is {gap} levels of 255 off what was trained, on pair {index}; nothing was written"
            )
    moves = max((int(np.abs(other.astype(int) - played[0]).max()) for other in played[1:]), default=255)
    if moves < MOVES_LEVELS:
        raise UnderstudyError(
            f"the generator shows the same picture whatever the pose (it changes by {moves} levels of 255); nothing "
            "was written: train it longer, and look at RUN/curves.png"
        )


def longhand(generator: nn.Module, conditioning: Frame) -> NDArray[np.int64]:
    """What torch itself gives for one image, (H, W, C) levels of 255, with no graph and no port in between."""
    with torch.no_grad():
        raw = generator(picture_tensor(conditioning[None], torch.device("cpu")))[0].numpy().astype(np.float64)
    levels = np.concatenate([(raw[:3] + 1) * 127.5, raw[3:] * 255])
    return np.clip(np.rint(levels), 0, 255).astype(np.int64).transpose(1, 2, 0)


def _int8(trained: Trained, manifest: Manifest, files: dict[str, bytes]) -> tuple[bytes, float]:
    """The int8 graph with as many float layers at its end as it takes to be near the reference, and its PSNR."""
    examples = trained.examples
    calibration = _conditioning(trained, examples.spread(examples.train, CALIBRATION_IMAGES))
    images = _conditioning(trained, trained.judged)
    plates = [examples.plate_of(i) for i in trained.judged]
    reference = _finished(_played(made_bundle(manifest, files), "f32", images, trained.port), plates)
    tried = []
    for tail in FLOAT_TAILS:
        graph = int8_graph(files["generator.onnx"], "conditioning", calibration, tail)
        one = manifest.model_copy(
            update={"graphs": (*manifest.graphs, Graph(file="generator.int8.onnx", precision="int8"))}
        )
        played = _played(made_bundle(one, {**files, "generator.int8.onnx": graph}), "int8", images, trained.port)
        tried.append((psnr_db(_finished(played, plates), reference), graph))
        if tried[-1][0] >= PSNR_WANTED_DB:
            break
    psnr, graph = max(tried, key=lambda pair: pair[0])
    check_graph_lint(graph, "generator.int8.onnx")
    return graph, psnr


def _played(bundle: Bundle, precision: str, images: Sequence[Frame], port: str) -> list[Frame]:
    engine = open_engine(bundle, "openvino", precision)
    try:
        return [engine({"conditioning": image})[port].copy() for image in images]
    finally:
        engine.close()


def _finished(pictures: Sequence[Frame], plates: Sequence[Frame | None]) -> list[Frame]:
    """Figures over their rooms: precisions are compared as they are seen."""
    return [
        picture if plate is None else _over(picture, plate) for picture, plate in zip(pictures, plates, strict=True)
    ]


def _over(figure: Frame, plate: Frame) -> Frame:
    alpha = figure[..., 3:].astype(np.float64) / 255
    return np.rint(figure[..., :3] * alpha + plate * (1 - alpha)).astype(np.uint8)


# Pictures ------------------------------------------------------------------------------------------------------------


def _conditioning(trained: Trained, indices: Sequence[int]) -> list[Frame]:
    return [trained.examples.conditioning(trained.examples.pairs.landmarks[i]) for i in indices]


def _preview(trained: Trained, side: int = 256) -> Frame:
    index = trained.judged[len(trained.judged) // 2]
    example = trained.examples[index]
    drawn = trained.examples.conditioning(example.landmarks)
    shown = _finished([longhand(trained.generator, drawn).astype(np.uint8)], [example.plate])[0]
    return sheet(*(resized(picture, (side, side))[None] for picture in (drawn, shown, example.frame)))


def _plate(trained: Trained) -> tuple[Frame | None, tuple[int, int]]:
    """The room of the shot that most was learned from, at the generator's scale, and where its square lies."""
    examples, pairs = trained.examples, trained.examples.pairs
    if not examples.figure:
        return None, (0, 0)
    shots = [pairs.shot(int(i)) for i in examples.train]
    return scaled_plate(examples, max({shot.id: shot for shot in shots}.values(), key=shots.count))


def scaled_plate(examples: Examples, shot: Shot) -> tuple[Frame, tuple[int, int]]:
    """The whole plate at training scale; within the square it is, to the pixel, the room that was trained over."""
    size = examples.config.size
    whole, square = examples.pairs.plate(shot), examples.plate(shot)
    assert whole is not None
    assert square is not None
    scale = size / examples.pairs.header.size[0]
    y, x = (round(corner * scale) for corner in shot.plate_at)
    height, width = max(round(whole.shape[0] * scale), y + size), max(round(whole.shape[1] * scale), x + size)
    plate = resized(whole, (height, width)).copy()
    plate[y : y + size, x : x + size] = square
    return plate, (y, x)


def _png(picture: Frame) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done
    return bytes(data)
