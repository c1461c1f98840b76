"""The trainer's commands: pairs of videos, a run of pairs, a bundle of a run, and what each is worth.

Each imports what it needs when it is called: the parser of the whole command line loads this module at every start,
also on a stage without torch.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from engines.arguments import at_least_one, command, knob, positive, size, width
from engines.errors import BadInput
from training.costumes import commands as costumes
from training.singan import commands as singan

if TYPE_CHECKING:
    from training.config import TrainingConfig


def pairs(args: argparse.Namespace) -> int:
    args.kind = "aligned" if args.aligned_from else args.kind
    if not args.videos and args.kind in ("skeleton", "edges"):
        raise BadInput("no video is named; name at least one, or pictures with --aligned-from DIR")
    if args.kind != "skeleton":
        return _pairs_of_kind(args)
    from training.pairs import build_pairs

    build_pairs(
        args.videos,
        args.out,
        size=args.size,
        fps=args.fps,
        crop=args.crop,
        splits=args.splits,
        aligned=args.aligned,
        workers=args.workers,
    )
    return 0


def curate(args: argparse.Namespace) -> int:
    from engines.progress import bar
    from training.unpaired.gathering import gather, summary

    with bar("curate") as progress:
        sides = gather(args.a, args.b, args.out, size=args.size, every=args.every, progress=progress)
    print(summary(sides))
    return 0


def _aligned_pairs(args: argparse.Namespace) -> None:
    from engines.progress import bar
    from training.pairs.aligning import align, outline

    with bar("pairs") as told:
        if args.kind == "edges":
            made = outline(args.videos, args.out, size=args.size, fps=args.fps, splits=args.splits, progress=told)
        else:
            how = {"conditioning": args.conditioning, "input_half": args.input, "size": args.size}
            made = align(args.aligned_from, args.out, progress=told, **how)
    print("\n".join([f"{len(made)} pairs in {made.folder}", *(f"  ! {warning}" for warning in made.header.warnings)]))


def _pairs_of_kind(args: argparse.Namespace) -> int:
    match args.kind:
        case "next":
            from engines.progress import bar
            from training.pairs.next_frames import build_next_pairs, summary

            with bar("reading the film") as progress:
                made = build_next_pairs(
                    args.videos, args.out, size=args.size, stride=args.stride, splits=args.splits, progress=progress
                )
            print(summary(made))
        case "gray":
            from training.pairs.gray import build_gray

            build_gray(args.videos, args.out, size=args.size, fps=args.fps, splits=args.splits)
        case "aligned" | "edges":
            _aligned_pairs(args)
        case other:
            raise BadInput(f"pairs of kind {other!r} cannot be built yet")
    return 0


def train(args: argparse.Namespace) -> int:
    from training.config import load_config, method_of

    if method_of(args.config, args.set) == "singan":
        return singan.train(args)
    config = load_config(args.config, args.set)
    if args.image is not None:
        raise BadInput("--image is for method singan, which learns from one picture; this config needs --pairs PAIRS")
    config = config.as_wide_as(as_wide(config, args.width, args.out if args.resume else None))
    if args.dry_run:
        from training.plan import planned, print_plan

        print_plan(planned(config, args.pairs, minutes=args.minutes, steps=args.steps))
        return 0
    if args.pairs is None or args.out is None:
        raise BadInput("train needs --pairs PAIRS and --out RUN (only --dry-run does without)")
    if (args.devices > 1 or args.nodes > 1) and "WORLD_SIZE" not in os.environ:
        from training.launching import launched

        return launched(args.argv, args.devices, args.nodes, args.node, args.meet)
    from training.loop import train as trained

    how = {"resume": args.resume, "start": args.start, "minutes": args.minutes, "steps": args.steps}
    trained(config, args.pairs, args.out, **how)
    return 0


def as_wide(config: "TrainingConfig", width: str | int | None, run: Path | None, size: int | None = None) -> int:
    """Channels of the generator: as `width` says ("auto": measured), or as those of a begun `run`."""
    from training.config import load_config

    if width is None:
        return config.generator.width
    if run is not None and (run / "config.json").is_file():
        return load_config(run / "config.json").generator.width
    if width != "auto":
        return int(width)
    from training.widths import measured_width

    return measured_width(config, size)


def export(args: argparse.Namespace) -> int:
    from engines.bundle.writing import check_place
    from training.export import directions
    from training.export import export as exported
    from training.singan.runs import is_singan

    if is_singan(args.run_folder):
        check_place(args.out)
        return singan.export(args)
    if args.kind or args.knob or args.start is not None:
        raise BadInput("--kind, --start and --knob are for runs from one picture (method singan); leave them away")
    places = list(directions(args.run_folder, args.out))
    for out, _ in places:
        check_place(out)  # before minutes of calibration, not after
    for out, side in places:
        name = args.name if side is None or args.name is None else f"{args.name} {out.name[-6:].replace('_', ' ')}"
        how = {"int8": not args.no_int8, "checkpoint": args.checkpoint, "size": args.size, "anyway": args.anyway}
        exported(args.run_folder, out, name=name, side=side, **how)
    return 0


def pack(args: argparse.Namespace) -> int:
    from training.packing import pack as packed

    packed(args.run_folder, args.out, size=args.size, limit_mb=args.limit_mb)
    return 0


def unpack(args: argparse.Namespace) -> int:
    from training.packing import unpack as unpacked

    unpacked(args.file, args.out)
    return 0


def evaluate(args: argparse.Namespace) -> int:
    from training.pairs.store import open_pairs

    kind = open_pairs(args.pairs).header.kind
    if kind in ("aligned", "unpaired"):
        from training.picture_evaluation import evaluate_pictures

        how = {"labels": args.labels, "back": args.back, "film": args.film, "json": args.json}
        evaluate_pictures(args.bundle, args.pairs, split=args.split, **how)
        return 0
    if kind == "gray":
        from training.color_evaluation import evaluate_color

        evaluate_color(args.bundle, args.pairs, split=args.split, json=args.json)
        return 0
    if kind == "next":
        from training.film_evaluation import evaluate_film

        evaluate_film(args.bundle, args.pairs, split=args.split, json=args.json)
        return 0
    if kind != "skeleton":
        raise BadInput(f"{args.pairs}: pairs of kind {kind!r} cannot be evaluated yet")
    from training.evaluation import evaluate as evaluated

    evaluated(args.bundle, args.pairs, split=args.split, json=args.json, html=args.html)
    return 0


def compare(args: argparse.Namespace) -> int:
    from training.comparison import compare as compared

    compared(args.pairs, args.configs, minutes=None if args.own_steps else args.minutes, out=args.out)
    return 0


def add_commands(commands: "argparse._SubParsersAction") -> None:
    """Add the commands that make bundles, those of one picture among them."""
    one = command(commands, "pairs", pairs, "find the dancer in videos and write training pairs")
    one.add_argument("videos", type=Path, nargs="*", metavar="VIDEO", help="or a folder of pictures (kind gray)")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument(
        "--aligned-from", type=Path, metavar="DIR", help="pictures side by side, or folders A and B: no video"
    )
    one.add_argument("--input", choices=("left", "right"), default="left", help="side by side: which one is shown")
    one.add_argument(
        "--conditioning", choices=("frame", "edges", "gray"), default="frame", help="aligned: what a stage shows for it"
    )
    kinds = ("skeleton", "next", "gray", "edges")
    one.add_argument("--kind", choices=kinds, default="skeleton", help="what a frame is paired with")
    one.add_argument("--size", type=int, default=512)
    one.add_argument("--stride", type=int, help="--kind next: frames to the next one (default: by how much it moves)")
    one.add_argument("--fps", type=float, help="frames kept a second (default: the video's own, up to 30)")
    one.add_argument("--crop", choices=("static", "none", "follow"), default="static")
    one.add_argument("--splits", default="68/8/24", help="learn/gap/test in percent of each clip's time")
    one.add_argument("--aligned", type=Path, metavar="DIR", help="also write side-by-side images for other trainers")
    one.add_argument("--workers", type=int, default=2)

    one = command(commands, "curate", curate, "make two folders or films that need not match ready for style transfer")
    one.add_argument("a", type=Path, metavar="A", help="a folder of pictures, a film, or a folder with both sides")
    one.add_argument("b", type=Path, nargs="?", metavar="B")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--size", type=int, default=512, help="pictures are shrunk to this shorter side, never stretched")
    one.add_argument("--every", type=int, metavar="N", help="of a film take every N-th frame (default: two a second)")

    one = command(commands, "train", train, "train a generator on pairs")
    one.add_argument("config", type=Path)
    one.add_argument("--pairs", type=Path)
    one.add_argument("--out", type=Path, metavar="RUN")
    one.add_argument("--image", type=Path, metavar="PICTURE", help="for method singan: the one picture to learn")
    one.add_argument("--dry-run", action="store_true", help="only print config, networks, memory and time")
    one.add_argument(
        "--devices", type=at_least_one, default=1, help="train on this many GPUs (or CPU processes) together"
    )
    one.add_argument("--nodes", type=at_least_one, default=1, help="... on each of this many machines")
    one.add_argument("--node", type=int, default=0, help="number of this machine, from 0")
    one.add_argument("--meet", default="", metavar="HOST:PORT", help="where machine 0 is reached")
    one.add_argument("--width", type=width, metavar="N|auto", help="of the generator; auto: what this machine performs")
    one.add_argument("--resume", action="store_true", help="go on exactly where RUN stopped")
    one.add_argument("--from", type=Path, dest="start", metavar="BUNDLE", help="begin with the weights of a performer")
    one.add_argument("--minutes", type=positive)
    one.add_argument("--steps", type=at_least_one)
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")

    one = command(commands, "export", export, "write a bundle from a run, and prove it")
    one.add_argument("run_folder", type=Path, metavar="RUN")
    one.add_argument("--out", type=Path, required=True, metavar="BUNDLE")
    one.add_argument("--name")
    one.add_argument("--no-int8", action="store_true")
    one.add_argument("--size", type=size, metavar="WxH", help="of the stage, for generators of whole pictures")
    one.add_argument("--anyway", action="store_true", help="also a film that dies when it goes on by itself")
    one.add_argument(
        "--checkpoint", choices=("best", "newest"), default="best", help="best: as it did best on held-out pairs"
    )

    one.add_argument("--kind", choices=("composite", "animation"), help="of a run from one picture")
    one.add_argument("--start", type=int, help="of a run from one picture: the scale at which it begins")
    one.add_argument(
        "--knob", type=knob, action="append", default=[], metavar="NAME=VALUE", help="another default of a knob"
    )

    one = command(commands, "pack", pack, "put a run with its pairs into one small file, to go on elsewhere")
    one.add_argument("run_folder", type=Path, metavar="RUN")
    one.add_argument("--out", type=Path, required=True, metavar="FILE")
    one.add_argument("--size", type=int, help="pixels of the packed frames (default: the run's)")
    one.add_argument("--limit-mb", type=positive, default=60)
    one = command(commands, "unpack", unpack, "make pairs and run from a packed file")
    one.add_argument("file", type=Path)
    one.add_argument("--out", type=Path, required=True, metavar="DIR")

    one = command(commands, "evaluate", evaluate, "measure a bundle against held-out pairs")
    one.add_argument("bundle", type=Path)
    one.add_argument("--pairs", type=Path, required=True)
    one.add_argument("--split", default="test", choices=("train", "validation", "test"))
    one.add_argument("--json", type=Path)
    one.add_argument("--html", type=Path)
    one.add_argument("--labels", action="store_true", help="aligned: the truth is label maps, count right pixels")
    one.add_argument("--back", type=Path, metavar="BUNDLE", help="unpaired: the bundle that leads back, for the cycle")
    one.add_argument("--film", type=Path, help="aligned, unpaired: also how it flickers on this film")

    one = command(commands, "compare", compare, "train several configs for equal minutes and print one table")
    one.add_argument("configs", nargs="+", metavar="FILE.toml[+KEY=VALUE...]", help="'atlas': nothing trained at all")
    one.add_argument("--pairs", type=Path, required=True)
    budget = one.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=positive, default=8)
    budget.add_argument("--own-steps", action="store_true", help="each its own schedule.steps, not minutes of a clock")
    one.add_argument("--out", type=Path, required=True)

    singan.add_commands(commands)
    costumes.add_commands(commands)
