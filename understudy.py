"""understudy: learns a dancer from a video, then performs in their place while somebody else dances.

The command line. One function a subcommand; each imports what it needs when it is called, so `understudy live` never
loads torch and `understudy --help` loads nothing.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import BadInput, UnderstudyError

if TYPE_CHECKING:
    from live.config import LiveOptions
    from training.config import TrainingConfig

Command = Callable[[argparse.Namespace], int]

CONFIGS = Path(__file__).parent / "configs/training"
LEAST_SIDE, MOST_SIDE = 16, 8192


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


# The stage -----------------------------------------------------------------------------------------------------------


def demo(args: argparse.Namespace) -> int:
    """The webcam, or the built-in dancer where there is none, and the bundled performer that follows."""
    from live.demo import perform_demo

    return perform_demo(headless=args.headless, seconds=args.seconds, record=args.record, source=args.source)


def live(args: argparse.Namespace) -> int:
    from live.config import live_options
    from live.show import perform

    asked = {name: value for name, value in vars(args).items() if name not in ("run", "argv", "config", "chaos")}
    options = live_options(args.config, {name: value for name, value in asked.items() if value is not None})
    if args.chaos:
        from live.chaos import perform_chaos

        return perform_chaos(options)
    return perform(options)


def render(args: argparse.Namespace) -> int:
    from engines.bundle import open_bundle
    from engines.colorist import colors

    if colors(open_bundle(args.bundle)):
        from live.coloring import render_color

        render_color(
            args.bundle,
            Path(args.source),
            args.out,
            steady=args.steady,
            frames=args.frames or (0, None),
            deinterlace=args.deinterlace,
            knobs=dict(args.knob),
            backend=args.backend,
            precision=args.precision,
        )
        return 0
    from live.stills import are_stills, render_stills

    if are_stills(open_bundle(args.bundle), args.source, args.out):
        how = {"region": args.region, "backend": args.backend, "precision": args.precision}
        written = render_stills(args.bundle, Path(args.source), args.out, **how)
        print(f"{args.out}: {len(written)} picture{'' if len(written) == 1 else 's'}")
        return 0
    from live.rendering import render as rendered

    rendered(
        args.bundle,
        args.source,
        args.out,
        size=args.size,
        side_by_side=args.side_by_side,
        retarget=args.retarget,
        smoothing=args.smoothing,
        mirror=args.mirror,
        backend=args.backend,
        precision=args.precision,
        region=args.region,
        knobs=dict(args.knob),
        behind=args.behind,
    )
    return 0


def continue_(args: argparse.Namespace) -> int:
    """A film goes on after its end."""
    from live.continuing import Wish, continue_film

    wish = Wish(
        seconds=args.seconds,
        from_s=args.start,
        size=args.size,
        fade_s=args.fade,
        loop=args.loop,
        compare=args.compare,
        one_step=args.one_step,
        silent=args.silent,
        seed=args.seed,
        guard=args.guard,
        stir=args.stir,
    )
    continue_film(args.bundle, args.source, args.out, wish, args.backend, args.precision)
    return 0


def replay(args: argparse.Namespace) -> int:
    from live.replay import replay as replayed

    done = replayed(args.log, args.bundle, args.out)
    print(f"{args.log}: {done.pictures} pictures, {done.identical} identical to the logged ones, {done.seconds:.1f} s")
    if done.first_different_s is not None and args.bundle is None:
        print(f"the first that differs is at {done.first_different_s:.2f} s")
    if done.with_visitors:
        print(f"{done.with_visitors} pictures with a visitor are left out: nothing of a visitor is kept")
    for note in done.notes:
        print(note)
    return 0 if done.identical == done.pictures or args.bundle else 1


def motion_record(args: argparse.Namespace) -> int:
    from live.motions import recorded_motion

    recorded_motion(args.source, args.out, seconds=args.seconds)
    return 0


def motion_extract(args: argparse.Namespace) -> int:
    from engines.pose.motion import extracted_motion, writable
    from engines.progress import bar

    writable(args.out)  # before minutes of tracking, not after
    with bar(f"tracking {args.video}") as progress:
        motion = extracted_motion(args.video, progress=progress)
    motion.save(args.out)
    print(f"{args.out}: {len(motion.times)} poses, {motion.times[-1]:.1f} s")
    return 0


def wheels(args: argparse.Namespace) -> int:
    from live.wheels import gather

    gather(args.folder, args.extra)
    return 0


def bundles(args: argparse.Namespace) -> int:
    from engines.bundle import find_bundles, open_bundle
    from engines.measuring import table

    for folder in args.folders:
        if not folder.exists():
            raise BadInput(f"{folder}: there is no such folder to look for bundles in; leave it out or name another")
    rows = []
    for path in find_bundles(args.folders):
        try:
            manifest = open_bundle(path).manifest
        except BadInput as error:
            rows.append({"bundle": str(path), "what": f"cannot be played: {error}"})
            continue
        precisions = "+".join(graph.precision for graph in manifest.graphs) or "atlas"
        what = f"{manifest.title or manifest.name}: {manifest.method}, {manifest.conditioning}, {manifest.size[0]} px"
        rows.append({"bundle": str(path), "what": what, "graphs": precisions, "licence": manifest.licence})
    if not rows:
        raise BadInput(
            "no bundles found in bundles/ nor in your data folder; export one, or name a folder that holds some"
        )
    table(rows, title="bundles")
    return 0


def osc_docs(args: argparse.Namespace) -> int:
    """Write docs/osc.md, the TouchDesigner text and the schemas from the tables of controls."""
    from live.control.reference import write_documents

    for path in write_documents(args.out):
        print(f"{path}: written")
    return 0


def pose_model(args: argparse.Namespace) -> int:
    from engines.pose.model import pose_model as made

    print(f"pose model: {made(args.kind)}")
    return 0


def doctor(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from engines.doctor import examine
    from engines.measuring import table, write_json

    findings = examine(deep=args.deep)
    ok = {True: "yes", False: "no"}
    table(
        [
            {"what": f.what, "found": f.found, "ok": "NO" if f.needed and not f.ok else ok[f.ok], "do": f.do}
            for f in findings
        ],
        title="doctor",
    )
    if args.json:
        write_json(args.json, {"findings": [asdict(finding) for finding in findings]})
    return 0 if all(finding.ok for finding in findings if finding.needed) else 1


def check(args: argparse.Namespace) -> int:
    from engines.bundle import open_bundle
    from engines.bundle.checking import check_bundle
    from engines.measuring import measured_header, table, write_json

    rows = check_bundle(open_bundle(args.bundle))
    table([row for row in rows if row["precision"]], title=f"check {args.bundle}")
    if absent := [f"{row['backend']} ({row['reason']})" for row in rows if not row["precision"]]:
        print(f"not on this machine: {'; '.join(absent)}")
    if args.json:
        write_json(args.json, {**measured_header(), "check": rows})
    return 0


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


def _as_wide(config: "TrainingConfig", width: str | int | None, run: Path | None, size: int | None = None) -> int:
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
        width = _as_wide(asked.config, args.width, asked.run, asked.size)
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


def compile_(args: argparse.Namespace) -> int:
    from engines.backends.compiling import compile_bundle
    from engines.bundle import open_bundle
    from engines.progress import bar

    with bar(f"compiling {args.bundle}") as progress:

        def shown(share: float) -> bool:
            progress(round(100 * share), 100)
            return True

        plans = compile_bundle(open_bundle(args.bundle), args.backend, args.precision, args.capabilities, shown)
    for plan in plans:
        told = f"{plan.backend} {plan.precision} for {plan.capability or 'this card'}: {plan.took_s:.1f} s"
        print(told + (f", but {plan.kept}" if plan.kept else ", kept"))
    return 0


# Training ------------------------------------------------------------------------------------------------------------


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
        return _train_singan(args)
    config = load_config(args.config, args.set)
    if args.image is not None:
        raise BadInput("--image is for method singan, which learns from one picture; this config needs --pairs PAIRS")
    config = config.as_wide_as(_as_wide(config, args.width, args.out if args.resume else None))
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

    trained(config, args.pairs, args.out, resume=args.resume, minutes=args.minutes, steps=args.steps)
    return 0


def _train_singan(args: argparse.Namespace) -> int:
    from training.singan.config import load_singan_config

    config = load_singan_config(args.config, args.set)
    if args.dry_run:
        from training.singan.plan import planned_singan, print_singan_plan

        print_singan_plan(planned_singan(config, args.image))
        return 0
    if args.out is None or (args.image is None and not args.resume):
        raise BadInput("training from one picture needs --image PICTURE and --out RUN (only --dry-run does without)")
    if args.pairs is not None or args.minutes is not None or args.steps is not None or args.devices > 1:
        raise BadInput("method singan takes no --pairs, --minutes, --steps or --devices; --set learning.iterations=N")
    from training.singan.loop import train_singan

    train_singan(config, args.image or args.out, args.out, resume=args.resume)
    return 0


def export(args: argparse.Namespace) -> int:
    from engines.bundle.writing import check_place
    from training.export import directions
    from training.export import export as exported
    from training.singan.runs import is_singan

    if is_singan(args.run_folder):
        check_place(args.out)
        return _export_singan(args)
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


def _export_singan(args: argparse.Namespace) -> int:
    from training.singan.exporting import export_singan

    how = {"kind": args.kind, "start": args.start, "knobs": dict(args.knob), "int8": not args.no_int8}
    export_singan(args.run_folder, args.out, name=args.name, **how)
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

    compared(args.pairs, args.configs, minutes=args.minutes, out=args.out)
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


def costume_render(args: argparse.Namespace) -> int:
    from training.costumes.making import render_pairs

    render_pairs(args.costume, args.out, count=args.count, size=args.size, seed=args.seed, workers=args.workers)
    return 0


# Measuring -----------------------------------------------------------------------------------------------------------


def bench_live(args: argparse.Namespace) -> int:
    from live.bench import bench_live as measured

    measured(
        bundle=args.bundle, seconds=args.seconds, baseline=not args.no_baseline, json=args.json, record=args.record
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


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write WIDTHxHEIGHT, for example 1280x720")
    if not all(LEAST_SIDE <= int(side) <= MOST_SIDE for side in (width, height)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is out of range: each side is {LEAST_SIDE} to {MOST_SIDE}, for example 1280x720"
        )
    return int(height), int(width)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: choose from 0 to 1, for example 0.5")
    return share


def _range(text: str) -> tuple[int, int | None]:
    first, colon, last = text.partition(":")
    if not colon or not all(part.isdigit() or not part for part in (first, last)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range: write FROM:TO, for example 100:350 or 100:")
    begin, end = int(first or 0), int(last) if last else None
    if end is not None and end <= begin:
        raise argparse.ArgumentTypeError(f"{text!r} holds no frame: TO is the frame after the last, above FROM")
    return begin, end


def _knob(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        return name, float(value if equals else "no")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no knob: write NAME=VALUE, for example saturation=1.2") from None


def _count(text: str) -> int:
    if not text.isdigit() or int(text) > 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no count: write a whole number, for example 8")
    return int(text)


def _place(text: str) -> tuple[int, int]:
    left, _, top = text.partition(",")
    try:
        return int(left), int(top)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no place: write X,Y, for example 1920,0") from None


def _width(text: str) -> int | str:
    """Channels of a generator, or auto."""
    if text == "auto" or (text.isdigit() and 4 <= int(text) <= 256):
        return text if text == "auto" else int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no width; write auto, or a number from 4 to 256")


def _command(commands: "argparse._SubParsersAction", name: str, run: Command, help: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(run=run)
    return parser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="understudy", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _stage_commands(commands)
    _training_commands(commands)
    _measuring_commands(commands)
    return parser


def _stage_commands(commands: "argparse._SubParsersAction") -> None:
    one = _command(commands, "demo", demo, "perform at once: webcam or built-in dancer, bundled performer")
    one.add_argument("--headless", action="store_true", help="no window")
    one.add_argument("--seconds", type=float, help="stop after this long")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="write what is shown")
    one.add_argument("--source", help="instead of the webcam: a camera, a video file, a motion, or dancer")

    one = _command(commands, "live", live, "perform on stage")
    one.add_argument("--config", type=Path, help="a TOML of stage settings; what is given here overrides it")
    one.add_argument("--bundle", dest="bundles", action="append", type=Path, help="a bundle to play; may be repeated")
    one.add_argument(
        "--source", help="camera (number, name, path, URL), video, motion .npz, ndi, spout, syphon, dancer"
    )
    one.add_argument("--loop", action="store_true", default=None, help="start a video file again at its end")
    one.add_argument("--headless", action="store_true", default=None, help="no window")
    one.add_argument("--seconds", type=float, help="stop after this long")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="write what is shown")
    one.add_argument("--start-fullscreen", dest="fullscreen", action="store_true", default=None, help="as --fullscreen")
    one.add_argument("--fullscreen", action="store_true", default=None)
    one.add_argument("--display", type=int, help="which display, from 0")
    one.add_argument("--window", type=_size, metavar="WxH", help="window size")
    one.add_argument("--mirror", action="store_true", default=None, help="the performer follows as in a mirror")
    one.add_argument("--osc-in", type=int, help="UDP port to listen on (7400)")
    one.add_argument("--osc-out", type=int, help="UDP port to send to (7401)")
    one.add_argument("--osc-host", help="address to listen on (127.0.0.1)")
    one.add_argument("--osc-allow", action="append", metavar="ADDRESS", help="who may send besides this machine")
    one.add_argument("--pose-to", metavar="HOST:PORT", help="another understudy that dances to these landmarks")
    one.add_argument("--page-host", help="address of the control page (127.0.0.1; 0.0.0.0 lets phones in, by a token)")
    one.add_argument("--page-port", type=int, help="TCP port of the control page and OSCQuery (7480)")
    one.add_argument("--no-page", dest="page", action="store_false", default=None, help="no control page, no OSCQuery")
    one.add_argument("--zeroconf", action="store_true", default=None, help="announce the page on the network")
    one.add_argument("--presets", type=Path, metavar="DIR", help="where presets and cues are kept")
    one.add_argument("--backend", help="auto, rtx, tensorrt, cuda, openvino, onnxruntime, ...")
    one.add_argument("--precision", help="auto, f32, bf16, f16, int8")

    one.add_argument("--window-at", type=_place, metavar="X,Y", help="a window without a frame, there on the desktop")
    one.add_argument("--rotate", type=int, choices=(0, 90, 180, 270), help="turn the picture clockwise")
    one.add_argument("--backdrop", type=Path, metavar="PICTURE", help="a picture behind the figure (control /backdrop)")
    one.add_argument(
        "--send",
        action="append",
        metavar="KIND[:WHAT]",
        help="ndi, virtual-camera, spout or syphon; :figure keeps alpha",
    )
    one.add_argument("--unattended", action="store_true", default=None, help="begin with whatever is there, and wait")
    one.add_argument("--open-hours", metavar="HH:MM-HH:MM", help="dark outside these hours")
    one.add_argument("--restart-at", metavar="HH:MM", help="end each day then, for the service to begin anew")
    one.add_argument("--log-file", type=Path, metavar="FILE", help="what is logged, also there; 25 MB are kept")
    one.add_argument("--log", type=Path, metavar="SHOW.jsonl", help="write controls, poses and timing, for replay")
    one.add_argument("--log-camera", action="store_true", default=None, help="with --log: the camera too, without loss")
    one.add_argument("--chaos", action="store_true", help="break everything once and see whether pictures flow on")

    one = _command(commands, "render", render, "perform a clip offline, every frame")
    one.add_argument("--bundle", type=Path, required=True)
    one.add_argument("--source", required=True, help="a video, a picture or a folder of them, a motion .npz, or dancer")
    one.add_argument("--out", type=Path, required=True, metavar="OUT.mp4", help="or OUT.png, or a folder for pictures")
    one.add_argument("--size", type=_size, metavar="WxH", help="output size; the room is never stretched")
    one.add_argument("--side-by-side", action="store_true", help="source | skeleton | performer")
    one.add_argument(
        "--retarget", type=_share, default=1.0, help="0 keeps the driver's proportions, 1 the learned dancer's"
    )
    one.add_argument("--smoothing", type=_share, default=0.5, help="0 none, 1 much")
    one.add_argument("--mirror", action="store_true")
    one.add_argument(
        "--region", choices=("whole", "dancer", "background"), default="whole", help="of performers of whole pictures"
    )
    one.add_argument("--steady", type=_share, default=0.8, help="color: how much of it is held from frame to frame")
    one.add_argument("--frames", type=_range, metavar="FROM:TO", help="color: only these frames of a film")
    one.add_argument("--behind", metavar="FILM", help="a film or picture behind the figure, instead of its own room")
    one.add_argument("--deinterlace", action="store_true", help="color: an interlaced film, without its combs")
    one.add_argument(
        "--knob", type=_knob, action="append", default=[], metavar="NAME=VALUE", help="of the bundle: saturation=1.2"
    )
    one.add_argument("--backend", default="auto")
    one.add_argument("--precision", default="auto")

    one = _command(commands, "continue", continue_, "go on with a film after its end, from its own last frames")
    one.add_argument("--bundle", type=Path, required=True, help="a bundle of the method next_frame")
    one.add_argument("--source", type=Path, required=True, metavar="FILM")
    one.add_argument("--out", type=Path, required=True, metavar="OUT.mp4")
    one.add_argument("--seconds", type=float, help="how long the movie is; its first second is faded from the film")
    one.add_argument("--from", dest="start", type=float, metavar="SECONDS", help="go on from there (default: its end)")
    one.add_argument("--compare", action="store_true", help="the real film on the left, while there is one")
    one.add_argument("--one-step", action="store_true", help="every frame of the film through the generator once")
    one.add_argument("--loop", action="store_true", help="the end is faded back into the beginning")
    one.add_argument("--fade", type=float, default=1.0, help="seconds faded from the real film")
    one.add_argument("--size", type=_size, metavar="WxH", help="of the movie, at most 1920x1080; never stretched")
    one.add_argument("--seed", type=int, default=0, help="another seed goes on another way")
    one.add_argument(
        "--guard", type=_share, help="how strongly it is pulled back to the film's look (default: bundle's)"
    )
    one.add_argument("--stir", type=_share, help="noise on what is fed back (default: the bundle's)")
    one.add_argument("--silent", action="store_true", help="without the film's sound")
    one.add_argument("--backend", default="auto")
    one.add_argument(
        "--precision", default="f32", help="of the generator: what is fed back hundreds of times has no bits to lose"
    )

    one = _command(commands, "replay", replay, "perform a logged show again, picture for picture, without its camera")
    one.add_argument("log", type=Path, metavar="SHOW.jsonl")
    one.add_argument("--bundle", type=Path, help="instead of the performers of the log")
    one.add_argument("--out", type=Path, metavar="OUT.mp4", help="write it as a movie")

    motions = commands.add_parser("motion", help="record or extract a motion").add_subparsers(required=True)
    one = _command(motions, "record", motion_record, "record the landmarks of a camera")
    one.add_argument("--source", default="0")
    one.add_argument("--seconds", type=float)
    one.add_argument("--out", type=Path, required=True, metavar="MOTION.npz")
    one = _command(motions, "extract", motion_extract, "track a video into a motion")
    one.add_argument("video", type=Path)
    one.add_argument("--out", type=Path, required=True, metavar="MOTION.npz")

    one = _command(commands, "learn", learn, "make a performer of a clip, or of who stands at the camera, and show it")
    one.add_argument("clip", type=Path, nargs="?")
    one.add_argument("--camera", help="instead of a clip: follow the built-in dancer's moves at this camera")
    one.add_argument("--keep", action="store_true", help="with --camera: write the visitor's bundle, else memory only")
    one.add_argument("--out", type=Path, metavar="BUNDLE", help="default: among your own bundles, by the clip's name")
    one.add_argument("--instant", action="store_true", help="key figures only, in seconds, no training")
    one.add_argument("--live", action="store_true", help="perform at once, and better as it learns")
    one.add_argument("--minutes", type=float, default=25.0, help="of training (25); called again, it goes on")
    one.add_argument("--size", type=int, help="pixels of the performer (the config's; 512 with --instant)")
    one.add_argument("--config", type=Path, help="of the training (refine.toml; dance.toml where the camera moves)")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")
    one.add_argument(
        "--width", type=_width, metavar="N|auto", help="of the generator; auto: what this machine performs"
    )
    one.add_argument("--no-stage", action="store_true", help="only learn; do not perform afterwards")
    one.add_argument("--source", help="who is followed on stage: a camera, a video file, a motion, or dancer")
    one.add_argument("--headless", action="store_true", default=None, help="no window")
    one.add_argument("--seconds", type=float, help="end the show after this long; with --camera: of moves (30)")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="write what is shown")

    one = _command(commands, "wheels", wheels, "gather all that an installation without a network needs")
    one.add_argument("folder", type=Path)
    one.add_argument("--extra", action="append", default=[], help="an extra to include, for example ndi")
    one = _command(commands, "bundles", bundles, "list what can be played")
    one.add_argument("folders", type=Path, nargs="*", help="further folders to look in")
    one = _command(commands, "osc-docs", osc_docs, "write docs/osc.md and what goes with it")
    one.add_argument("--out", type=Path, default=Path(__file__).parent / "docs", metavar="DIR")
    one = _command(commands, "pose-model", pose_model, "get the pose model, once")
    one.add_argument("--kind", choices=("full", "lite", "heavy"), default="full")
    one = _command(commands, "doctor", doctor, "what this machine has, and what to do about what is missing")
    one.add_argument("--deep", action="store_true", help="also run the pose model and hash every bundle")
    one.add_argument("--json", type=Path)
    one = _command(commands, "check", check, "open a bundle on every backend and compare with its reference")
    one.add_argument("bundle", type=Path)
    one.add_argument("--json", type=Path)
    one = _command(commands, "compile", compile_, "build a bundle's TensorRT plan ahead of the show")
    one.add_argument("bundle", type=Path)
    one.add_argument("--backend", default="auto", help="rtx or tensorrt (auto: what this machine has)")
    one.add_argument("--precision", default="auto", help="auto, f16, f32")
    one.add_argument(
        "--for",
        dest="capabilities",
        action="append",
        default=[],
        metavar="8.9",
        help="a compute capability that rtx compiles for without a card; may be repeated",
    )


def _training_commands(commands: "argparse._SubParsersAction") -> None:
    one = _command(commands, "pairs", pairs, "find the dancer in videos and write training pairs")
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

    one = _command(commands, "curate", curate, "make two folders or films that need not match ready for style transfer")
    one.add_argument("a", type=Path, metavar="A", help="a folder of pictures, a film, or a folder with both sides")
    one.add_argument("b", type=Path, nargs="?", metavar="B")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--size", type=int, default=512, help="pictures are shrunk to this shorter side, never stretched")
    one.add_argument("--every", type=int, metavar="N", help="of a film take every N-th frame (default: two a second)")

    one = _command(commands, "train", train, "train a generator on pairs")
    one.add_argument("config", type=Path)
    one.add_argument("--pairs", type=Path)
    one.add_argument("--out", type=Path, metavar="RUN")
    one.add_argument("--image", type=Path, metavar="PICTURE", help="for method singan: the one picture to learn")
    one.add_argument("--dry-run", action="store_true", help="only print config, networks, memory and time")
    one.add_argument("--devices", type=int, default=1, help="train together on this many GPUs (or CPU processes)")
    one.add_argument("--nodes", type=int, default=1, help="... on each of this many machines")
    one.add_argument("--node", type=int, default=0, help="number of this machine, from 0")
    one.add_argument("--meet", default="", metavar="HOST:PORT", help="where machine 0 is reached")
    one.add_argument(
        "--width", type=_width, metavar="N|auto", help="of the generator; auto: what this machine performs"
    )
    one.add_argument("--resume", action="store_true", help="go on exactly where RUN stopped")
    one.add_argument("--minutes", type=float)
    one.add_argument("--steps", type=int)
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")

    one = _command(commands, "export", export, "write a bundle from a run, and prove it")
    one.add_argument("run_folder", type=Path, metavar="RUN")
    one.add_argument("--out", type=Path, required=True, metavar="BUNDLE")
    one.add_argument("--name")
    one.add_argument("--no-int8", action="store_true")
    one.add_argument("--size", type=_size, metavar="WxH", help="of the stage, for generators of whole pictures")
    one.add_argument("--anyway", action="store_true", help="also a film that dies when it goes on by itself")
    one.add_argument(
        "--checkpoint", choices=("best", "newest"), default="best", help="best: as it did best on held-out pairs"
    )

    one.add_argument("--kind", choices=("composite", "animation"), help="of a run from one picture")
    one.add_argument("--start", type=int, help="of a run from one picture: the scale at which it begins")
    one.add_argument(
        "--knob", type=_knob, action="append", default=[], metavar="NAME=VALUE", help="another default of a knob"
    )

    one = _command(commands, "pack", pack, "put a run with its pairs into one small file, to go on elsewhere")
    one.add_argument("run_folder", type=Path, metavar="RUN")
    one.add_argument("--out", type=Path, required=True, metavar="FILE")
    one.add_argument("--size", type=int, help="pixels of the packed frames (default: the run's)")
    one.add_argument("--limit-mb", type=float, default=60)
    one = _command(commands, "unpack", unpack, "make pairs and run from a packed file")
    one.add_argument("file", type=Path)
    one.add_argument("--out", type=Path, required=True, metavar="DIR")

    one = _command(commands, "evaluate", evaluate, "measure a bundle against held-out pairs")
    one.add_argument("bundle", type=Path)
    one.add_argument("--pairs", type=Path, required=True)
    one.add_argument("--split", default="test", choices=("train", "validation", "test"))
    one.add_argument("--json", type=Path)
    one.add_argument("--html", type=Path)
    one.add_argument("--labels", action="store_true", help="aligned: the truth is label maps, count right pixels")
    one.add_argument("--back", type=Path, metavar="BUNDLE", help="unpaired: the bundle that leads back, for the cycle")
    one.add_argument("--film", type=Path, help="aligned, unpaired: also how it flickers on this film")

    one = _command(commands, "compare", compare, "train several configs for equal minutes and print one table")
    one.add_argument("configs", type=Path, nargs="+")
    one.add_argument("--pairs", type=Path, required=True)
    one.add_argument("--minutes", type=float, default=8)
    one.add_argument("--out", type=Path, required=True)

    _singan_commands(commands)
    costumes = commands.add_parser("costume", help="a performer that nobody filmed").add_subparsers(required=True)
    one = _command(costumes, "render", costume_render, "render training pairs of a costume")
    one.add_argument("costume", type=Path)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--count", type=int, default=2000)
    one.add_argument("--size", type=int, default=512)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--workers", type=int, default=2)


def _singan_commands(commands: "argparse._SubParsersAction") -> None:
    modes = commands.add_parser("singan", help="what one picture's generator can do").add_subparsers(required=True)

    def mode(name: str, run: Command, help: str, out: str) -> argparse.ArgumentParser:
        one = _command(modes, name, run, help)
        one.add_argument("run_folder", type=Path, metavar="RUN")
        one.add_argument("--out", type=Path, required=True, metavar=out)
        return one

    start = "the scale from which on it is redrawn; a low one keeps less of it (default: the third finest)"
    one = mode("sample", singan_sample, "random pictures like the learned one", "DIR")
    one.add_argument("--count", type=_count, default=8)
    one.add_argument("--size", type=_size, metavar="WxH", help="any size and aspect (default: the learned one)")
    one.add_argument("--start", type=int, default=0, help="coarser scales keep the picture's own layout")
    one.add_argument("--seed", type=int, default=0)
    one = mode("harmonize", singan_harmonize, "blend a pasted figure into the picture", "OUT.png")
    one.add_argument("--picture", type=Path, required=True, help="the picture with the figure pasted in")
    one.add_argument("--mask", type=Path, help="white where it was pasted (default: the person in it)")
    one.add_argument("--start", type=int, help=start)
    one.add_argument("--tune", type=_count, default=0, metavar="STEPS", help="first learn on this very picture")
    one = mode("edit", singan_edit, "make whole what was cut and moved about by hand", "OUT.png")
    one.add_argument("--picture", type=Path, required=True)
    one.add_argument("--mask", type=Path, help="white where it was changed (default: where it differs)")
    one.add_argument("--start", type=int, help=start)
    one = mode("paint", singan_paint, "turn a flat painting into a picture of the learned kind", "OUT.png")
    one.add_argument("--picture", type=Path, required=True)
    one.add_argument("--start", type=int, help=start)
    one.add_argument("--colors", type=_count, default=0, help="first move its colors to so many of the picture's")
    one = mode("animate", singan_animate, "a film of the picture as it changes, in an endless loop", "OUT.mp4")
    one.add_argument("--seconds", type=float, default=8.0)
    one.add_argument("--fps", type=float, default=25.0)
    one.add_argument("--walk", type=float, default=1.0, help="rounds through the noise a loop")
    one.add_argument("--amplitude", type=_share, default=0.4, help="0 the picture itself, 1 samples")
    one.add_argument("--start", type=int, default=0, help="coarser scales stand still")
    one.add_argument("--seed", type=int, default=0)
    one = mode("upscale", singan_upscale, "enlarge with the fine structure that was learned", "OUT.png")
    one.add_argument("--picture", type=Path, help="default: the learned picture")
    one.add_argument("--factor", type=float, default=2.0)
    one = _command(modes, "measure", singan_measure, "reconstruction, diversity and patch statistics of a run")
    one.add_argument("run_folder", type=Path, metavar="RUN")
    one.add_argument("--samples", type=_count, default=50)
    one.add_argument("--json", type=Path)


def _measuring_commands(commands: "argparse._SubParsersAction") -> None:
    benches = commands.add_parser("bench", help="measure, with a baseline in the same run").add_subparsers(
        required=True
    )
    one = _command(benches, "instant", bench_instant, "how soon a clip performs without training, and how well")
    one.add_argument("clip", type=Path)
    one.add_argument("--pairs", type=Path, metavar="DIR", help="the clip's pairs, if they were built before")
    one.add_argument("--limit", type=int, help="measure only about so many held-out frames")
    one.add_argument("--json", type=Path)

    one = _command(benches, "soak", bench_soak, "does memory grow, do threads leak, does latency stay flat")
    one.add_argument("--bundle", type=Path)
    one.add_argument("--minutes", type=float, default=20)
    one.add_argument("--json", type=Path)
    one = _command(
        benches, "latency", bench_latency, "glass to glass: a coded flash, shown and seen again by the camera"
    )
    one.add_argument("--bundle", type=Path)
    one.add_argument("--source", default="synthetic", help="a camera that looks at the screen, or synthetic")
    one.add_argument("--seconds", type=float, default=20)
    one.add_argument("--json", type=Path)
    one = _command(benches, "live", bench_live, "rates and latency of the whole show")
    one.add_argument("--bundle", type=Path)
    one.add_argument("--seconds", type=float, default=20)
    one.add_argument("--no-baseline", action="store_true")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="also what recording costs, measured in turns")
    one.add_argument("--json", type=Path)
    one = _command(benches, "osc", bench_osc, "10,000 messages a second beside the display loop")
    one.add_argument("--seconds", type=float, default=60)
    one.add_argument("--rate", type=int, default=10_000, help="messages a second")
    one.add_argument("--bundle", type=Path)
    one.add_argument("--json", type=Path)
    one = _command(benches, "engines", bench_engines, "every backend and precision, against torch eager in one run")
    one.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    one.add_argument("--generators", nargs="+", default=["light", "unet"], help="light, unet, resnet")
    one.add_argument("--runs", type=int, default=60, help="calls a row")
    one.add_argument("--threads", type=int, help="of the CPU (default: all)")
    one.add_argument("--json", type=Path)
    one.add_argument("--page-of", type=Path, metavar="JSON", help="measure nothing: write the page of an earlier run")
    one.add_argument("--page", type=Path, default=Path("docs/performance.md"), metavar="PAGE.md")

    one = _command(benches, "train", bench_train, "images a second of training, beside a plain loop's")
    one.add_argument("config", type=Path, nargs="?", default=Path("configs/training/dance.toml"))
    one.add_argument("--pairs", type=Path, help="default: the built-in dancer")
    one.add_argument("--seconds", type=float, default=30, help="for each of the two loops")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config value")
    one.add_argument("--trace", type=Path, metavar="FILE.txt", help="write the profiler's table")
    one.add_argument("--json", type=Path)


if __name__ == "__main__":
    sys.exit(main())
