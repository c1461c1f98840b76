"""`understudy doctor`: what this machine has, what is missing, and what to do about it."""

import importlib
import platform
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from engines.bundle import find_bundles, open_bundle, read_manifest
from engines.devices import Device, cameras, displays, udp_port
from engines.errors import UnderstudyError
from engines.machine import cores, cpu_flags, cpu_model, gpus, version_of
from engines.requirements import requirements
from engines.urgency import is_allowed

OSC_IN, OSC_OUT = 7400, 7401
PYTHON = (3, 11)
DISK_MIB = 2048  # a clip's pairs and a run take about this
GRAPHICS_LIBRARIES = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt-rtx"}
# Distributions that install the same folder: whichever came last has overwritten half of the other.
TWINS = (("opencv-python", "opencv-contrib-python"), ("pygame", "pygame-ce"))


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `do` says what to do about it, "" when nothing is to be done.

    `needed`: without it nothing can be performed; else its absence only takes something away.
    """

    what: str
    found: str
    ok: bool
    do: str = ""
    needed: bool = False


Check = Callable[[], list[Finding]]


def examine(deep: bool = False) -> list[Finding]:
    """Everything that is worth knowing before a rehearsal, in some seconds; nothing is opened that others may hold.

    `deep` also runs the pose model once and opens every bundle whole, which takes longer.
    """
    checks: list[Check] = [
        _python,
        _packages,
        _processor,
        _priority,
        _backends,
        _graphics,
        _pose_model_run if deep else _pose_model,
        _cameras,
        _displays,
        _osc,
        _video,
        _bundles_opened if deep else _bundles,
        _disk,
    ]
    with ThreadPoolExecutor(4) as threads:
        return [finding for findings in threads.map(lambda check: check(), checks) for finding in findings]


def _python() -> list[Finding]:
    ok = sys.version_info >= PYTHON
    told = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return [Finding("Python", told, ok, "" if ok else "install Python 3.11 or newer and make the .venv again", True)]


def _packages() -> list[Finding]:
    return [
        _installed("stage packages", "", "run `make demo`, or `pip install -e .` in the .venv", True),
        _installed(
            "training packages", "train", 'run `make test`, or `pip install -e ".[train]"`, to learn dancers here'
        ),
        *_twins(),
    ]


def _installed(what: str, extra: str, do: str, needed: bool = False) -> Finding:
    wanted = requirements(extra)
    unmet = [requirement for requirement in wanted if not requirement.is_met]
    told = ", ".join(str(requirement) for requirement in unmet or wanted)
    return Finding(what, told, not unmet, do if unmet else "", needed)


def _twins(version: Callable[[str], str | None] = version_of) -> list[Finding]:
    found = []
    for one, other in TWINS:
        versions = version(one), version(other)
        harmless = "opencv" in one and versions[0] == versions[1]  # the same files, once with more of them
        if all(versions) and not harmless:
            told = f"{one} {versions[0]} and {other} {versions[1]} overwrite each other"
            do = f"pip uninstall {one} {other}, then install again what pyproject.toml asks for"
            found.append(Finding("packages", told, False, do, True))
    return found


def _processor() -> list[Finding]:
    flags = cpu_flags()
    told = f"{cpu_model()}, {cores()} cores, {' '.join(flags) or 'no vector units known'}"
    slow = platform.machine().lower() in ("x86_64", "amd64") and sys.platform == "linux" and "avx2" not in flags
    return [Finding("processor", told, not slow, "without AVX2 expect a few frames a second" if slow else "")]


def _priority() -> list[Finding]:
    ok = is_allowed()
    told = "real time, for the display" if ok else "ordinary"
    do = "" if ok or not sys.platform.startswith("linux") else "docs/installation.md, 1: allow real-time priority"
    return [Finding("priority", told, ok or not do, do)]


def _backends() -> list[Finding]:
    from engines.backends import available_backends, backend_precisions

    statuses = available_backends()
    usable = [
        f"{status.name} ({', '.join(backend_precisions(status.name))})" for status in statuses if status.available
    ]
    others = [f"{status.name}: {status.reason}" for status in statuses if not status.available]
    do = "" if usable else "pip install openvino onnxruntime"
    findings = [Finding("engines", "; ".join(usable) or "; ".join(others), bool(usable), do, True)]
    if usable and others:
        findings.append(Finding("other engines", "; ".join(others), True))
    return findings


def _graphics() -> list[Finding]:
    found = [
        f"{gpu.name}, driver {gpu.driver}" + (f", {gpu.memory_mib} MiB" if gpu.memory_mib else "") for gpu in gpus()
    ]
    card = Finding(
        "graphics card",
        "; ".join(found) or "no NVIDIA card with a driver",
        bool(found),
        "" if found else "none is needed; if there is one, install NVIDIA's driver",
    )
    editions = {module: _importable(module, package) for module, package in GRAPHICS_LIBRARIES.items()}
    here = [told for told, ok in editions.values() if ok]
    broken = [told for told, ok in editions.values() if told and not ok]
    do = "" if here or not found else 'pip install -e ".[tensorrt]" (or ".[rtx]" for GeForce and RTX cards)'
    return [card, Finding("TensorRT", "; ".join(here + broken) or "not installed", bool(here) or not found, do)]


def _importable(module: str, package: str) -> tuple[str, bool]:
    """What to tell of a library, and whether it loads; ("", False) where it is not installed."""
    version = version_of(package)
    try:
        importlib.import_module(module)
    except ImportError as error:
        return (f"{package} {version} does not load: {error}", False) if version else ("", False)
    except (OSError, RuntimeError) as error:  # a library of the driver that is missing or too old
        return f"{package} {version} does not load: {error}", False
    return f"{package} {version}", True


def _pose_model() -> list[Finding]:
    from engines.pose.model import pose_model_path

    path = pose_model_path()
    there = path.is_file()
    do = "" if there else "run `understudy pose-model` once while online"
    return [Finding("pose model", str(path) if there else f"not yet at {path}", there, do, True)]


def _pose_model_run() -> list[Finding]:
    import numpy as np

    from engines.pose.tracker import Tracker

    try:
        with Tracker(mode="image") as tracker:
            tracker.track(np.zeros((256, 256, 3), np.uint8), 0.0)
    except UnderstudyError as error:
        return [Finding("pose model", str(error), False, "run `understudy pose-model` while online", True)]
    return [Finding("pose model", f"{_pose_model()[0].found} runs", True, needed=True)]


def _cameras() -> list[Finding]:
    found = cameras()
    do = "plug one in, or perform with a video file or `--source dancer`" if not found else _problems(found)
    return [Finding("cameras", _named(found) or "none", bool(found) and not _problems(found), do)]


def _displays() -> list[Finding]:
    found = displays()
    do = "" if found else "connect one (or set DISPLAY) for a window; `--headless --record FILE` needs none"
    return [Finding("displays", _named(found) or "none", bool(found), do)]


def _named(devices: list[Device]) -> str:
    return "; ".join(device.name for device in devices)


def _problems(devices: list[Device]) -> str:
    return "; ".join(device.problem for device in devices if device.problem)


def _osc() -> list[Finding]:
    into, out = udp_port(OSC_IN), udp_port(OSC_OUT)
    do = "" if into.is_free else f"close {into.holder}, or choose another port with --osc-in"
    listens = f"nobody listens on {OSC_OUT} here" if out.is_free else f"{out.holder} listens on {OSC_OUT}"
    return [
        Finding("OSC in", f"port {OSC_IN} is {'free' if into.is_free else f'held by {into.holder}'}", into.is_free, do),
        Finding("OSC out", listens, True),
    ]


def _video() -> list[Finding]:
    try:
        from av.codec import Codec

        Codec("libx264", "w")
    except ImportError as error:
        return [Finding("H.264 recording", f"PyAV does not load: {error}", False, "pip install av")]
    except ValueError:  # av's UnknownCodecError is one
        return [Finding("H.264 recording", "this PyAV has no libx264", False, "pip install --force-reinstall av")]
    return [Finding("H.264 recording", f"libx264 of PyAV {version_of('av')}", True)]


def _bundles() -> list[Finding]:
    return [_bundles_read(lambda folder: read_manifest(folder).name)]


def _bundles_opened() -> list[Finding]:
    """Every file against its hash, too."""
    return [_bundles_read(lambda folder: open_bundle(folder).manifest.name)]


def _bundles_read(name_of: Callable[[Path], str]) -> Finding:
    names, broken = [], []
    for folder in find_bundles():
        try:
            names.append(name_of(folder))
        except UnderstudyError as error:
            broken.append(str(error))
    do = "; ".join(broken)
    if not names:
        do = do or "get the project's bundles/ folder again, or make one: understudy pairs, train, export"
    told = ", ".join(names) or "none"
    return Finding("performers", told + (f" ({len(broken)} broken)" if broken else ""), bool(names) and not broken, do)


def _disk(folder: Path | None = None, wanted_mib: int = DISK_MIB) -> list[Finding]:
    folder = folder or Path.cwd()
    free_mib = shutil.disk_usage(folder).free >> 20
    ok = free_mib >= wanted_mib
    do = "" if ok else f"free at least {wanted_mib} MiB before building pairs or training"
    return [Finding("free disk", f"{free_mib / 1024:.1f} GiB in {folder}", ok, do)]
