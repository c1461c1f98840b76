"""From a run to a bundle, and the proof that they are the same performer.

What a bundle holds beside its graph, and how its ports are fed, is its method's `Form`. Proved in `training.proving`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from rich.console import Console
from torch import nn

from engines.bundle import Bundle, Graph, Manifest, made_bundle, write_bundle
from engines.bundle.agreement import noted, objection
from engines.errors import BadInput
from engines.images import Frame, Size, resized
from training.checkpoints import best_checkpoint, latest_checkpoint, read_checkpoint, said_in
from training.config import TrainingConfig
from training.examples import open_examples
from training.forms import Form, Preflown, png
from training.methods import form, method
from training.pairs.store import PairSet, open_pairs
from training.ports import onnx_graph
from training.proving import Exportable, agreement, int8_of, playing, prove
from training.quantization import CALIBRATION_IMAGES
from training.runs import run_config, run_facts
from training.samples import sheet

Which = Literal["best", "newest"]
PREVIEW_SIDE = 256


def export(
    run: Path,
    bundle: Path,
    *,
    name: str | None = None,
    int8: bool = True,
    progress: bool = True,
    checkpoint: Which = "best",
    size: Size | None = None,
    anyway: bool = False,
    side: str | None = None,
) -> Bundle:
    """Write a state of `run` as a bundle, proved: on OpenVINO in float32 it equals torch within 1/255.

    `side` is the one that is looked at, where a run has learned both directions (`directions`). `size` (height, width)
    is that of the stage, where it is not the one of training; generators of whole pictures only.
    `checkpoint` is the one that did best on held-out pairs, where any was judged at the run's size, or the newest.
    Raises BadInput when the run or its pairs are not there, UnderstudyError when the proof fails: nothing is written.
    A form that must outlast a preflight (a film that goes on) is written `anyway` only where that is asked for.
    """
    trained = _trained(Path(run), checkpoint, size, side)
    return write_proved(trained, Path(bundle), name=name, int8=int8, progress=progress, anyway=anyway)


def write_proved(
    trained: Exportable,
    bundle: Path,
    *,
    name: str | None = None,
    int8: bool = True,
    progress: bool = True,
    anyway: bool = False,
) -> Bundle:
    """Write what was trained as a bundle, proved as `export` says."""
    console = Console(stderr=True, quiet=not progress)
    console.print(f"exporting {trained.told}", highlight=False, soft_wrap=True)
    manifest = _manifest(trained, name or bundle.name)
    ported, first = trained.form.ported(trained.generator), trained.form.inputs(trained.judged[0])
    files = {"generator.onnx": onnx_graph(ported, first, [port.name for port in manifest.outputs])}
    files |= {**trained.form.files(), "preview.png": png(_preview(trained, manifest.size))}
    made = made_bundle(manifest, files)
    if isinstance(trained.form, Preflown):
        with playing(made) as plays:
            figures, told = trained.form.preflight(plays, anyway)
        manifest = manifest.model_copy(update={"metrics": {**manifest.metrics, **figures}})
        console.print(told, highlight=False, soft_wrap=True)
    prove(made, trained)
    if int8 and not isinstance(trained.form, Preflown):  # what must last hundreds of steps has no bits to lose
        files["generator.int8.onnx"], psnr = int8_of(trained, manifest, files)
        graphs = (*manifest.graphs, Graph(file="generator.int8.onnx", precision="int8", psnr_db=round(psnr, 2)))
        manifest = manifest.model_copy(update={"graphs": graphs})
    if not isinstance(trained.form, Preflown):  # which performs in float32 anyway
        found = agreement(trained, manifest, files)
        manifest = manifest.model_copy(update={"metrics": {**manifest.metrics, **noted(found)}})
        for told in filter(None, (objection(manifest, precision) for precision in ("int8", *found))):
            console.print(f"[bold]{told}: it is played only by whoever asks for it[/bold]", soft_wrap=True)
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
    examples: Any
    form: Form
    generator: nn.Module
    steps: int
    trained_s: float
    told: str

    @property
    def judged(self) -> list[int]:
        """Pairs that were not learned from, test before validation; of a run without any, those it learned from."""
        examples = self.examples
        found = [i for split in (examples.test, examples.validation) for i in examples.spread(split, 12)]
        return found or examples.spread(examples.train, 12)

    @property
    def calibrated_on(self) -> list[int]:
        return list(self.examples.spread(self.examples.train, CALIBRATION_IMAGES))

    def described(self, name: str) -> dict[str, Any]:
        config = self.config
        return {
            **said_of(config, name),
            "size": config.shape,
            "made_by": {
                **made_by(config, self.steps, self.trained_s),
                "pairs": self.examples.pairs.folder.name,
                "learned_from": f"{len(self.examples.train)} pairs",
                **({"side": self.examples.side} if hasattr(self.examples, "side") else {}),
            },
        }


def chosen_checkpoint(run: Path, which: Which = "best") -> tuple[Path, str]:
    """The checkpoint to show, and in words which one it is."""
    newest, best = latest_checkpoint(run), best_checkpoint(run)
    if which == "best" and best is not None and said_in(best).get("size") == run_config(run).size:
        return best, f"as it did best on held-out pairs, after {_steps(best)} of {_steps(newest)} steps"
    return newest, f"after {_steps(newest)} steps"


def _steps(place: Path) -> int:
    return int(place.name.removeprefix("step-"))


def directions(run: Path, bundle: Path) -> list[tuple[Path, str | None]]:
    """The bundles that come out of a run, each with the side it looks at: two of cyclegan, named after `bundle`."""
    if run_config(run).method != "cyclegan":
        return [(bundle, None)]
    return [(bundle.with_name(f"{bundle.name}_a_to_b"), "A"), (bundle.with_name(f"{bundle.name}_b_to_a"), "B")]


def _trained(run: Path, which: Which = "best", size: Size | None = None, side: str | None = None) -> Trained:
    config, facts = run_config(run), run_facts(run)
    config = config.model_copy(update={"device": "cpu", "precision": "f32"})
    pairs = open_pairs(Path(facts["pairs"]))
    if size is not None and pairs.header.kind == "skeleton":
        raise BadInput(f"{run}: a dancer performs at the size that was learned, {config.size}; leave --size out")
    examples = _opened(pairs, config, side)
    fresh = method(config, examples, torch.device("cpu"))
    place, told = chosen_checkpoint(run, which)
    steps, said = read_checkpoint(place, fresh.networks)
    performer = fresh.performer(examples)  # at the size that was learned, whatever that of the stage
    if size is not None:
        config = config.model_copy(update={"size": size[0], "wide": size[1]})
        examples = _opened(pairs, config, side)
    told = f"{run} {told}"
    return Trained(config, examples, form(config, examples), performer, steps, float(said["trained_s"]), told)


def _opened(pairs: PairSet, config: TrainingConfig, side: str | None) -> Any:
    examples = open_examples(pairs, config, hold=False)
    return examples if side is None else examples.seen_from(side)


def said_of(config: Any, name: str) -> dict[str, Any]:
    """Fields of the manifest that every method's config has to say."""
    return {
        "title": config.title or name,
        "method": config.method,
        "licence": config.licence,
        "credits": config.credits,
    }


def made_by(config: Any, steps: int, trained_s: float) -> dict[str, str]:
    resolved = hashlib.sha256(config.model_dump_json().encode()).hexdigest()
    return {
        "config": f"{config.name} {resolved[:12]}",
        "trained": f"{steps} steps, {trained_s / 60:.1f} minutes",
        "torch": torch.__version__,
    }


def _manifest(trained: Exportable, name: str) -> Manifest:
    graphs = (Graph(file="generator.onnx", precision="f32"),)
    return Manifest(name=name, graphs=graphs, **trained.described(name), **trained.form.described())


def _preview(trained: Exportable, shape: Size) -> Frame:
    index = trained.judged[len(trained.judged) // 2]
    levels = trained.form.longhand(trained.generator, trained.form.inputs(index))
    shown = trained.form.seen({name: value.astype(np.uint8) for name, value in levels.items()}, index)
    looked_at, real = trained.form.beside(index)
    height, width = shape
    size = (PREVIEW_SIDE, round(PREVIEW_SIDE * width / height))
    return sheet(*(resized(picture, size)[None] for picture in (looked_at, shown, real)))
