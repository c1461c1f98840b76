"""`understudy singan ...` as it is typed, and train and export where the run is one from a single picture.

Each imports what it needs when it is called; what is then done is in `training.singan.command`, which loads torch.
"""

import argparse
from pathlib import Path

from engines.arguments import Command, command, count, positive, share, size
from engines.errors import BadInput


def train(args: argparse.Namespace) -> int:
    """`understudy train` with a config of method singan."""
    from training.singan.config import load_singan_config

    config = load_singan_config(args.config, args.set)
    if args.dry_run:
        from training.singan.plan import planned_singan, print_singan_plan

        print_singan_plan(planned_singan(config, args.image))
        return 0
    if args.out is None or (args.image is None and not args.resume):
        raise BadInput("training from one picture needs --image PICTURE and --out RUN (only --dry-run does without)")
    if args.pairs is not None or args.minutes is not None or args.steps is not None or args.devices > 1 or args.start:
        raise BadInput(
            "method singan takes no --pairs, --minutes, --steps, --devices or --from; --set learning.iterations=N"
        )
    from training.singan.loop import train_singan

    train_singan(config, args.image or args.out, args.out, resume=args.resume)
    return 0


def export(args: argparse.Namespace) -> int:
    """`understudy export` of a run from one picture."""
    from training.singan.exporting import export_singan

    how = {"kind": args.kind, "start": args.start, "knobs": dict(args.knob), "int8": not args.no_int8}
    export_singan(args.run_folder, args.out, name=args.name, **how)
    return 0


def singan_sample(args: argparse.Namespace) -> int:
    from training.singan.command import sample

    sample(args.run_folder, args.out, count=args.count, size=args.size, start=args.start, seed=args.seed)
    return 0


def singan_harmonize(args: argparse.Namespace) -> int:
    from training.singan.command import harmonize

    harmonize(args.run_folder, args.picture, args.mask, args.out, start=args.start, tune=args.tune)
    return 0


def singan_edit(args: argparse.Namespace) -> int:
    from training.singan.command import edit

    edit(args.run_folder, args.picture, args.mask, args.out, start=args.start)
    return 0


def singan_paint(args: argparse.Namespace) -> int:
    from training.singan.command import paint

    paint(args.run_folder, args.picture, args.out, start=args.start, colors=args.colors)
    return 0


def singan_animate(args: argparse.Namespace) -> int:
    from training.singan.command import animate

    animate(
        args.run_folder,
        args.out,
        seconds=args.seconds,
        fps=args.fps,
        walk=args.walk,
        amplitude=args.amplitude,
        start=args.start,
        seed=args.seed,
    )
    return 0


def singan_upscale(args: argparse.Namespace) -> int:
    from training.singan.command import upscale

    upscale(args.run_folder, args.picture, args.out, factor=args.factor)
    return 0


def singan_measure(args: argparse.Namespace) -> int:
    from engines.measuring import measured_header, write_json
    from training.singan.command import measure

    header = measured_header()
    figures = measure(args.run_folder, samples=args.samples)
    if args.json:
        write_json(args.json, {**header, "singan": figures})
    return 0


def add_commands(commands: "argparse._SubParsersAction") -> None:
    """Add `singan` and what it can be asked for."""
    modes = commands.add_parser("singan", help="what one picture's generator can do").add_subparsers(required=True)

    def mode(name: str, run: Command, help: str, out: str) -> argparse.ArgumentParser:
        one = command(modes, name, run, help)
        one.add_argument("run_folder", type=Path, metavar="RUN")
        one.add_argument("--out", type=Path, required=True, metavar=out)
        return one

    start = "the scale from which on it is redrawn; a low one keeps less of it (default: the third finest)"
    one = mode("sample", singan_sample, "random pictures like the learned one", "DIR")
    one.add_argument("--count", type=count, default=8)
    one.add_argument("--size", type=size, metavar="WxH", help="any size and aspect (default: the learned one)")
    one.add_argument("--start", type=int, default=0, help="coarser scales keep the picture's own layout")
    one.add_argument("--seed", type=int, default=0)
    one = mode("harmonize", singan_harmonize, "blend a pasted figure into the picture", "OUT.png")
    one.add_argument("--picture", type=Path, required=True, help="the picture with the figure pasted in")
    one.add_argument("--mask", type=Path, help="white where it was pasted (default: the person in it)")
    one.add_argument("--start", type=int, help=start)
    one.add_argument("--tune", type=count, default=0, metavar="STEPS", help="first learn on this very picture")
    one = mode("edit", singan_edit, "make whole what was cut and moved about by hand", "OUT.png")
    one.add_argument("--picture", type=Path, required=True)
    one.add_argument("--mask", type=Path, help="white where it was changed (default: where it differs)")
    one.add_argument("--start", type=int, help=start)
    one = mode("paint", singan_paint, "turn a flat painting into a picture of the learned kind", "OUT.png")
    one.add_argument("--picture", type=Path, required=True)
    one.add_argument("--start", type=int, help=start)
    one.add_argument("--colors", type=count, default=0, help="first move its colors to so many of the picture's")
    one = mode("animate", singan_animate, "a film of the picture as it changes, in an endless loop", "OUT.mp4")
    one.add_argument("--seconds", type=positive, default=8.0)
    one.add_argument("--fps", type=positive, default=25.0)
    one.add_argument("--walk", type=positive, default=1.0, help="rounds through the noise a loop")
    one.add_argument("--amplitude", type=share, default=0.4, help="0 the picture itself, 1 samples")
    one.add_argument("--start", type=int, default=0, help="coarser scales stand still")
    one.add_argument("--seed", type=int, default=0)
    one = mode("upscale", singan_upscale, "enlarge with the fine structure that was learned", "OUT.png")
    one.add_argument("--picture", type=Path, help="default: the learned picture")
    one.add_argument("--factor", type=positive, default=2.0)
    one = command(modes, "measure", singan_measure, "reconstruction, diversity and patch statistics of a run")
    one.add_argument("run_folder", type=Path, metavar="RUN")
    one.add_argument("--samples", type=count, default=50)
    one.add_argument("--json", type=Path)
