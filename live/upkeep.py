"""The commands around a show: what can be played, whether this machine and a bundle are well, what to make ahead.

Each imports what it needs when it is called: the parser of the whole command line loads this module at every start.
"""

import argparse
from pathlib import Path

from engines.arguments import command
from engines.errors import BadInput


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
    from engines.bundle.checking import check_bundle, failings, note
    from engines.measuring import measured_header, table, write_json

    bundle = open_bundle(args.bundle)
    rows = check_bundle(bundle)
    if args.note:
        bundle = note(bundle, rows)
    table([row for row in rows if row["precision"]], title=f"check {args.bundle}")
    if absent := [f"{row['backend']} ({row['reason']})" for row in rows if not row["precision"]]:
        print(f"not on this machine: {'; '.join(absent)}")
    for failing in failings(bundle, rows):
        print(failing)
    if args.json:
        write_json(args.json, {**measured_header(), "check": rows})
    return 0


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


def add_commands(commands: "argparse._SubParsersAction") -> None:
    """Add the commands for before and after the show."""
    one = command(commands, "wheels", wheels, "gather all that an installation without a network needs")
    one.add_argument("folder", type=Path)
    one.add_argument("--extra", action="append", default=[], help="an extra to include, for example ndi")
    one = command(commands, "bundles", bundles, "list what can be played")
    one.add_argument("folders", type=Path, nargs="*", help="further folders to look in")
    one = command(commands, "osc-docs", osc_docs, "write docs/osc.md and what goes with it")
    one.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs", metavar="DIR")
    one = command(commands, "pose-model", pose_model, "get the pose model, once")
    one.add_argument("--kind", choices=("full", "lite", "heavy"), default="full")
    one = command(commands, "doctor", doctor, "what this machine has, and what to do about what is missing")
    one.add_argument("--deep", action="store_true", help="also run the pose model and hash every bundle")
    one.add_argument("--json", type=Path)
    one = command(commands, "check", check, "open a bundle on every backend and compare with its reference")
    one.add_argument("bundle", type=Path)
    one.add_argument("--json", type=Path)
    one.add_argument("--note", action="store_true", help="write the agreement into the bundle, for `auto` to go by")
    one = command(commands, "compile", compile_, "build a bundle's TensorRT plan ahead of the show")
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
