"""The stage's commands: perform now, render a film, go on with one, replay a show, record a motion.

Each imports what it needs when it is called: the parser of the whole command line loads this module at every start.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from engines.arguments import command, frames, knob, moments, names, place, seconds, share, size
from engines.errors import BadInput


def demo(args: argparse.Namespace) -> int:
    """The webcam, or the built-in dancer where there is none, and the bundled performer that follows."""
    from live.demo import perform_demo

    return perform_demo(headless=args.headless, seconds=args.seconds, record=args.record, source=args.source)


def live(args: argparse.Namespace) -> int:
    from live.config import live_options
    from live.staging import perform

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
        films_alone = {"--part": args.part != (0.0, None), "--size": args.size, "--side-by-side": args.side_by_side}
        _leave_away({**films_alone, "--at": args.at, "--look": args.look})
        written = render_stills(
            args.bundle,
            Path(args.source),
            args.out,
            region=args.region,
            mirror=args.mirror,
            knobs=dict(args.knob),
            behind=args.behind,
            backend=args.backend,
            precision=args.precision,
        )
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
        steadied=not args.as_tracked,
        backend=args.backend,
        precision=args.precision,
        part=args.part,
        looks=args.look,
        at=args.at,
        region=args.region,
        knobs=dict(args.knob),
        behind=args.behind,
    )
    return 0


def _leave_away(films_alone: Mapping[str, object]) -> None:
    if given := [name for name, value in films_alone.items() if value]:
        raise BadInput(
            f"{', '.join(given)}: for films alone; a picture is written as large and whole as the bundle makes it, so "
            "leave that away, or choose an --out that ends in .mp4"
        )


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

    recorded_motion(args.source, args.out, seconds=args.seconds, steadied=not args.as_tracked)
    return 0


def motion_extract(args: argparse.Namespace) -> int:
    from engines.pose.motion import extracted_motion, writable
    from engines.progress import bar

    writable(args.out)  # before minutes of tracking, not after
    with bar(f"tracking {args.video}") as progress:
        motion = extracted_motion(args.video, progress=progress, steadied=not args.as_tracked)
    motion.save(args.out)
    print(f"{args.out}: {len(motion.times)} poses, {motion.times[-1]:.1f} s")
    return 0


def add_commands(commands: "argparse._SubParsersAction") -> None:
    """Add the commands that perform."""
    one = command(commands, "demo", demo, "perform at once: webcam or built-in dancer, bundled performer")
    one.add_argument("--headless", action="store_true", help="no window")
    one.add_argument("--seconds", type=float, help="stop after this long")
    one.add_argument("--record", type=Path, metavar="FILE.mp4", help="write what is shown")
    one.add_argument("--source", help="instead of the webcam: a camera, a video file, a motion, or dancer")

    one = command(commands, "live", live, "perform on stage")
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
    one.add_argument("--window", type=size, metavar="WxH", help="window size")
    one.add_argument("--mirror", action="store_true", default=None, help="the performer follows as in a mirror")
    one.add_argument("--region", choices=("whole", "dancer", "background"), help="of performers of whole pictures")
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

    one.add_argument("--window-at", type=place, metavar="X,Y", help="a window without a frame, there on the desktop")
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

    one = command(commands, "render", render, "perform a clip offline, every frame")
    one.add_argument("--bundle", type=Path, required=True)
    one.add_argument("--source", required=True, help="a video, a picture or a folder of them, a motion .npz, or dancer")
    one.add_argument(
        "--out", type=Path, required=True, metavar="OUT.mp4", help="or .gif, .png, or a folder for pictures"
    )
    one.add_argument("--part", type=seconds, default=(0.0, None), metavar="FROM:TO", help="of the source, in seconds")
    one.add_argument("--look", type=names, default=(), metavar="LOOK[,LOOK]", help="as on stage; several in turn")
    one.add_argument("--at", type=moments, default=(), metavar="S[,S]", help="these seconds, side by side in OUT.png")
    one.add_argument("--size", type=size, metavar="WxH", help="output size; the room is never stretched")
    one.add_argument("--side-by-side", action="store_true", help="source | skeleton | performer")
    one.add_argument(
        "--retarget", type=share, default=1.0, help="0 keeps the driver's proportions, 1 the learned dancer's"
    )
    one.add_argument("--smoothing", type=share, help="0 none, 1 much; 0.25, or 0.5 where landmarks are not held")
    one.add_argument("--as-tracked", action="store_true", help="do not hold a film's landmarks to its optical flow")
    one.add_argument("--mirror", action="store_true")
    one.add_argument(
        "--region", choices=("whole", "dancer", "background"), default="whole", help="of performers of whole pictures"
    )
    one.add_argument("--steady", type=share, default=0.9, help="color: how much of it is held from frame to frame")
    one.add_argument("--frames", type=frames, metavar="FROM:TO", help="color: only these frames of a film")
    one.add_argument("--behind", metavar="FILM", help="a film or picture behind the figure, instead of its own room")
    one.add_argument("--deinterlace", action="store_true", help="color: an interlaced film, without its combs")
    one.add_argument(
        "--knob", type=knob, action="append", default=[], metavar="NAME=VALUE", help="of the bundle: saturation=1.2"
    )
    one.add_argument("--backend", default="auto")
    one.add_argument("--precision", default="auto")

    one = command(commands, "continue", continue_, "go on with a film after its end, from its own last frames")
    one.add_argument("--bundle", type=Path, required=True, help="a bundle of the method next_frame")
    one.add_argument("--source", type=Path, required=True, metavar="FILM")
    one.add_argument("--out", type=Path, required=True, metavar="OUT.mp4")
    one.add_argument("--seconds", type=float, help="how long the movie is; its first second is faded from the film")
    one.add_argument("--from", dest="start", type=float, metavar="SECONDS", help="go on from there (default: its end)")
    one.add_argument("--compare", action="store_true", help="the real film on the left, while there is one")
    one.add_argument("--one-step", action="store_true", help="every frame of the film through the generator once")
    one.add_argument("--loop", action="store_true", help="the end is faded back into the beginning")
    one.add_argument("--fade", type=float, default=1.0, help="seconds faded from the real film")
    one.add_argument("--size", type=size, metavar="WxH", help="of the movie, at most 1920x1080; never stretched")
    one.add_argument("--seed", type=int, default=0, help="another seed goes on another way")
    one.add_argument(
        "--guard", type=share, help="how strongly it is pulled back to the film's look (default: bundle's)"
    )
    one.add_argument("--stir", type=share, help="noise on what is fed back (default: the bundle's)")
    one.add_argument("--silent", action="store_true", help="without the film's sound")
    one.add_argument("--backend", default="auto")
    one.add_argument("--precision", default="auto", help="of the generator: auto is f32, as it was proved")

    one = command(commands, "replay", replay, "perform a logged show again, picture for picture, without its camera")
    one.add_argument("log", type=Path, metavar="SHOW.jsonl")
    one.add_argument("--bundle", type=Path, help="instead of the performers of the log")
    one.add_argument("--out", type=Path, metavar="OUT.mp4", help="write it as a movie")

    motions = commands.add_parser("motion", help="record or extract a motion").add_subparsers(required=True)
    one = command(motions, "record", motion_record, "record the landmarks of a camera")
    one.add_argument("--source", default="0")
    one.add_argument("--seconds", type=float)
    one.add_argument("--out", type=Path, required=True, metavar="MOTION.npz")
    one.add_argument(
        "--as-tracked", action="store_true", help="do not hold the landmarks to the pictures' optical flow"
    )
    one = command(motions, "extract", motion_extract, "track a video into a motion")
    one.add_argument("video", type=Path)
    one.add_argument("--out", type=Path, required=True, metavar="MOTION.npz")
    one.add_argument("--as-tracked", action="store_true", help="do not hold the landmarks to the video's optical flow")
