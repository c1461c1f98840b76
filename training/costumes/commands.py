"""`understudy costume ...` as it is typed: a performer that nobody filmed. Each imports what it needs when called."""

import argparse
from pathlib import Path
from typing import Any

from engines.arguments import at_least_one, command, positive
from engines.errors import BadInput


def render(args: argparse.Namespace) -> int:
    from engines.progress import bar
    from training.costumes.making import render_pairs

    how = {"count": args.count, "size": args.size, "seed": args.seed, "workers": args.workers}
    with bar("rendering") as progress:
        made = render_pairs(args.costume, args.out, **how, progress=progress)
    print(f"{len(made)} pairs in {made.folder}; learn from them with: understudy costume train {args.costume} "
          f"--pairs {made.folder} --out RUN")  # fmt: skip
    return 0


def train(args: argparse.Namespace) -> int:
    """Render the pairs that are not there yet, then train on them."""
    from training.config import config_from
    from training.config_files import read_values
    from training.costumes.costume import load_costume
    from training.loop import train as trained

    costume = load_costume(args.costume)
    values = read_values(args.config, args.set)
    # What the performer is called is the costume's affair; how it is learned is the same for all of them.
    config = config_from(
        {
            **values,
            "name": costume.name,
            "title": costume.title or costume.name,
            "credits": costume.credits or values.get("credits", ""),
        },
        str(args.config),
    )
    if config.method != "pix2pix":
        raise BadInput(f"{args.config}: a costume is learned with method pix2pix, not {config.method}")
    if not (args.pairs / "pairs.json").is_file():
        render(argparse.Namespace(**{**vars(args), "out": args.pairs, "size": max(config.size, args.size)}))
    trained(
        config, args.pairs, args.out, resume=args.resume, start=args.start, minutes=args.minutes, steps=args.steps
    )  # fmt: skip
    print(f"on stage with: understudy export {args.out} --out bundles/{costume.name}")
    return 0


def measure(args: argparse.Namespace) -> int:
    from training.costumes.measuring import measure as measured

    how: dict[str, Any] = {"count": args.count, "json": args.json, "pictures": args.pictures}
    measured(args.bundle, args.costume, args.motion, precision=args.precision, **how)
    return 0


def add_commands(commands: "argparse._SubParsersAction") -> None:
    costumes = commands.add_parser("costume", help="a performer that nobody filmed").add_subparsers(required=True)

    one = command(costumes, "render", render, "render training pairs of a costume")
    one.add_argument("costume", type=Path)
    one.add_argument("--out", type=Path, required=True)
    _add_rendering(one)

    one = command(costumes, "train", train, "render the pairs of a costume, if need be, and train a performer on them")
    one.add_argument("costume", type=Path)
    one.add_argument("--pairs", type=Path, required=True, metavar="PAIRS", help="rendered into, if they are not there")
    one.add_argument("--out", type=Path, required=True, metavar="RUN")
    one.add_argument("--config", type=Path, default=Path("configs/training/firebird.toml"))
    one.add_argument("--resume", action="store_true", help="go on exactly where RUN stopped")
    one.add_argument("--from", type=Path, dest="start", metavar="BUNDLE", help="begin with the weights of a performer")
    one.add_argument("--minutes", type=positive)
    one.add_argument("--steps", type=at_least_one)
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")
    _add_rendering(one)

    one = command(costumes, "measure", measure, "compare a performer with its costume as rendered")
    one.add_argument("bundle", type=Path)
    one.add_argument("costume", type=Path)
    one.add_argument("--motion", type=Path, action="append", default=[], metavar="FILE", help=".bvh, .npz or a video")
    one.add_argument("--count", type=at_least_one, default=100, help="frames of each set")
    one.add_argument("--precision", default="auto", help="auto, f32, bf16, f16, int8")
    one.add_argument("--pictures", type=Path, metavar="PNG", help="the worst frames: looked at, shown, rendered")
    one.add_argument("--json", type=Path)


def _add_rendering(one: argparse.ArgumentParser) -> None:
    one.add_argument("--count", type=at_least_one, default=4000)
    one.add_argument("--size", type=at_least_one, default=512)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--workers", type=at_least_one, default=2)
