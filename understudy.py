"""understudy: learns a dancer from a video, then performs in their place while somebody else dances.

The command line: `live.commands` and `live.upkeep` hold the stage's, `training.commands` the trainer's, and here is
what needs both. One function a subcommand; each imports what it needs when it is called, so `understudy live` never
loads torch and `understudy --help` loads nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import live.commands
import live.upkeep
import training.commands
from engines.arguments import at_least_one, command, positive, width
from engines.errors import BadInput, UnderstudyError

if TYPE_CHECKING:
    from live.config import LiveOptions

CONFIGS = Path(__file__).parent / "configs/training"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand. 0 went well, 1 to 3 are an `UnderstudyError` (its `exit_code`), 130 is Ctrl-C."""
    args = _parser().parse_args(argv)
    args.argv = list(sys.argv[1:] if argv is None else argv)
    try:
        return args.run(args)
    except UnderstudyError as error:
        print(f"understudy: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("understudy: stopped; what was finished is kept.", file=sys.stderr)
        return 130


# Learning ------------------------------------------------------------------------------------------------------------


def learn(args: argparse.Namespace) -> int:
    """A performer from a clip: trained and then on stage, on stage while it learns, or at once without training."""
    from engines.atlas.learning import name_of
    from engines.bundle import user_bundles
    from live.config import live_options

    if args.camera is not None:
        from live.visiting import learn_visitor

        keep = (args.out or user_bundles() / "visitor") if args.keep else None
        options = live_options(given={"source": args.camera, **({"headless": True} if args.headless else {})})
        return learn_visitor(options, seconds=args.seconds or 30.0, size=args.size or 512, keep=keep)
    if args.clip is None:
        raise BadInput("learn from what? Name a video file, or a camera with --camera 0")
    out = args.out or user_bundles() / name_of(args.clip.name)
    given = {name: getattr(args, name) for name in ("source", "headless", "seconds", "record")}
    options = live_options(given={"loop": True} | {name: value for name, value in given.items() if value is not None})
    return _learn_at_once(args, out, options) if args.instant else _learn_by_training(args, out, options)


def _learn_at_once(args: argparse.Namespace, out: Path, options: "LiveOptions") -> int:
    from engines.atlas.learning import learned_atlas
    from engines.progress import bar

    if args.live:
        from live.learning import atlas_of, learn_live

        return learn_live(atlas_of(args.clip, out, args.size or 512), out, options)
    with bar(f"tracking {args.clip}") as progress:
        bundle = learned_atlas(args.clip, out, size=args.size or 512, progress=progress)
    print(f"{bundle.label}: {bundle.manifest.made_by['keys']} key figures; understudy live --bundle {out}")
    return 0


def _learn_by_training(args: argparse.Namespace, out: Path, options: "LiveOptions") -> int:
    from dataclasses import replace
    from functools import partial

    from training.config import load_config
    from training.lesson import learn_beside, lesson

    # Where the room is known the cut-outs are repaired; where the camera moves the dancer is painted from bones.
    still, moves = (args.config or CONFIGS / name for name in ("refine.toml", "dance.toml"))
    changes = args.set if args.config else ["title=''", *args.set]  # the bundle's name says who it is
    configs = [load_config(file, changes) for file in (still, moves)]
    asked = lesson(args.clip, out, *configs, minutes=args.minutes, size=args.size)
    if args.width is not None:
        width = training.commands.as_wide(asked.config, args.width, asked.run, asked.size)
        asked = replace(asked, config=asked.config.as_wide_as(width), moving=asked.moving.as_wide_as(width))
    if args.live:
        from live.learning import learn_live

        return learn_live(partial(learn_beside, asked), out, options)
    from training.learning import learn as learned

    learned(
        asked.clip,
        out,
        minutes=asked.minutes,
        size=asked.size,
        config=asked.config,
        moving=asked.moving,
        work=asked.work,
    )
    print(f"{out}: learned; more minutes go on from here, and {asked.work} can be deleted when there will be none")
    if args.no_stage:
        return 0
    from live.demo import show_result

    return show_result(out, options)


# Measuring -----------------------------------------------------------------------------------------------------------


def bench_live(args: argparse.Namespace) -> int:
    from live.bench import bench_live as measured

    measured(
        bundle=args.bundle,
        seconds=args.seconds,
        baseline=not args.no_baseline,
        source=args.source,
        json=args.json,
        record=args.record,
        threads=args.threads,
        opencv_threads=args.opencv_threads,
    )
    return 0


def bench_instant(args: argparse.Namespace) -> int:
    from training.instant_bench import bench_instant as measured

    measured(args.clip, pairs=args.pairs, limit=args.limit, json=args.json)
    return 0


def bench_engines(args: argparse.Namespace) -> int:
    if args.page_of:
        from training.engine_page import write_page

        write_page(args.page_of, args.page)
        return 0
    from training.engine_bench import bench_engines as measured

    measured(sizes=args.sizes, generators=args.generators, runs=args.runs, threads=args.threads, json=args.json)
    return 0


def bench_train(args: argparse.Namespace) -> int:
    from training.bench import bench_train as measured
    from training.config import load_config

    measured(load_config(args.config, args.set), args.pairs, seconds=args.seconds, json=args.json, trace=args.trace)
    return 0


def bench_osc(args: argparse.Namespace) -> int:
    from live.osc_bench import bench_osc as measured

    measured(seconds=args.seconds, rate_hz=args.rate, json=args.json, bundle=args.bundle)
    return 0


def bench_soak(args: argparse.Namespace) -> int:
    from live.soak import bench_soak as measured

    measured(bundle=args.bundle, minutes=args.minutes, json=args.json)
    return 0


def bench_latency(args: argparse.Namespace) -> int:
    from live.flash import bench_latency as measured

    headless = args.source == "synthetic"
    measured(bundle=args.bundle, source=args.source, seconds=args.seconds, json=args.json, headless=headless)
    return 0


# The parser ----------------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="understudy", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    live.commands.add_commands(commands)
    _learning_commands(commands)
    live.upkeep.add_commands(commands)
    training.commands.add_commands(commands)
    _measuring_commands(commands)
    return parser


def _learning_commands(commands: "argparse._SubParsersAction") -> None:
    one = command(commands, "learn", learn, "make a performer of a clip, or of who stands at the camera, and show it")
    one.add_argument("clip", type=Path, nargs="?")
    one.add_argument("--camera", help="instead of a clip: follow the built-in dancer's moves at this camera")
    one.add_argument("--keep", action="store_true", help="with --camera: write the visitor's bundle, else memory only")
    one.add_argument("--out", type=Path, metavar="BUNDLE", help="default: among your own bundles, by the clip's name")
    one.add_argument("--instant", action="store_true", help="key figures only, in seconds, no training")
    one.add_argument("--live", action="store_true", help="perform at once, and better as it learns")
    one.add_argument("--minutes", type=positive, default=25.0, help="of training (25); called again, it goes on")
    grown = "pixels of the performer (the config's; 512 with --instant); larger ones than 256 are grown from 256"
    one.add_argument("--size", type=at_least_one, help=grown)
    kinds = "of the training (refine.toml; dance.toml if the camera moves; dance_recurrent.toml sees its last picture)"
    one.add_argument("--config", type=Path, help=kinds)
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")
    one.add_argument("--width", type=width, metavar="N|auto", help="of the generator; auto: what this machine performs")
    one.add_argument("--no-stage", action="store_true", help="only learn; do not perform afterwards")
    one.add_argument("--source", help="who is followed on stage: a camera, a video file, a motion, or dancer")
    one.add_argument("--headless", action="store_true", default=None, help="no window")
    one.add_argument("--seconds", type=positive, help="end the show after this long; with --camera: of moves (30)")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="write what is shown")


def _measuring_commands(commands: "argparse._SubParsersAction") -> None:
    benches = commands.add_parser("bench", help="measure, with a baseline in the same run").add_subparsers(
        required=True
    )
    one = command(benches, "instant", bench_instant, "how soon a clip performs without training, and how well")
    one.add_argument("clip", type=Path)
    one.add_argument("--pairs", type=Path, metavar="DIR", help="the clip's pairs, if they were built before")
    one.add_argument("--limit", type=at_least_one, help="measure only about so many held-out frames")
    one.add_argument("--json", type=Path)

    one = command(benches, "soak", bench_soak, "does memory grow, do threads leak, does latency stay flat")
    one.add_argument("--bundle", type=Path)
    one.add_argument("--minutes", type=positive, default=20)
    one.add_argument("--json", type=Path)
    one = command(
        benches, "latency", bench_latency, "glass to glass: a coded flash, shown and seen again by the camera"
    )
    one.add_argument("--bundle", type=Path)
    one.add_argument("--source", default="synthetic", help="a camera that looks at the screen, or synthetic")
    one.add_argument("--seconds", type=positive, default=20)
    one.add_argument("--json", type=Path)
    one = command(benches, "live", bench_live, "rates and latency of the whole show")
    one.add_argument("--bundle", type=Path)
    one.add_argument("--seconds", type=positive, default=20)
    one.add_argument("--no-baseline", action="store_true")
    one.add_argument("--source", default="dancer", help="a camera, or a film in its place; looped")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="also what recording costs, measured in turns")
    one.add_argument("--threads", type=at_least_one, help="of the engine (default: all cores but one)")
    one.add_argument("--opencv-threads", type=at_least_one, default=1)
    one.add_argument("--json", type=Path)
    one = command(benches, "osc", bench_osc, "10,000 messages a second beside the display loop")
    one.add_argument("--seconds", type=positive, default=60)
    one.add_argument("--rate", type=at_least_one, default=10_000, help="messages a second")
    one.add_argument("--bundle", type=Path)
    one.add_argument("--json", type=Path)
    one = command(benches, "engines", bench_engines, "every backend and precision, against torch eager in one run")
    one.add_argument("--sizes", type=at_least_one, nargs="+", default=[256, 512])
    one.add_argument("--generators", nargs="+", default=["light", "unet"], help="light, unet, resnet, FILE.toml")
    one.add_argument("--runs", type=at_least_one, default=60, help="calls a row")
    one.add_argument("--threads", type=at_least_one, help="of the CPU (default: all)")
    one.add_argument("--json", type=Path)
    one.add_argument("--page-of", type=Path, metavar="JSON", help="measure nothing: write the page of an earlier run")
    one.add_argument("--page", type=Path, default=Path("docs/performance.md"), metavar="PAGE.md")

    one = command(benches, "train", bench_train, "images a second of training, beside a plain loop's")
    one.add_argument("config", type=Path, nargs="?", default=Path("configs/training/dance.toml"))
    one.add_argument("--pairs", type=Path, help="default: the built-in dancer")
    one.add_argument("--seconds", type=positive, default=30, help="for each of the two loops")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")
    one.add_argument("--trace", type=Path, metavar="FILE.txt", help="write the profiler's table")
    one.add_argument("--json", type=Path)


if __name__ == "__main__":
    sys.exit(main())
