"""What this computer is: processor, graphics cards, versions. Asked for by measurements and by `understudy doctor`."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

# What decides how fast a graph runs on a CPU: OpenVINO's int8 wants vnni, its bf16 wants avx512_bf16 or amx_bf16.
FLAGS = ("avx2", "fma", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
APPLE_FLAGS = {"hw.optional.neon": "neon", "hw.optional.arm.FEAT_BF16": "bf16", "hw.optional.arm.FEAT_I8MM": "i8mm"}


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA card that the driver knows of; `memory_mib` is 0 where only the driver's own files could be read."""

    name: str
    driver: str
    memory_mib: int = 0


def cpu_model() -> str:
    """The processor's own name for itself."""
    if sys.platform == "darwin":
        return _said_by("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """Processors this process may use: less than the machine has inside a container or under taskset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_flags() -> tuple[str, ...]:
    """Those of `FLAGS` that this processor has; () on Windows, where nothing says it without a driver."""
    if sys.platform == "darwin":
        return tuple(flag for key, flag in APPLE_FLAGS.items() if _said_by("sysctl", "-n", key) == "1")
    found = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return tuple(flag for flag in FLAGS if flag in found)


def gpus() -> tuple[Gpu, ...]:
    """The NVIDIA cards with a working driver, found without any CUDA library."""
    text = _said_by("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines()]
    found = [Gpu(row[0], row[1], int(row[2]) if row[2].isdigit() else 0) for row in rows if len(row) == 3]
    return tuple(found) or _gpus_of_the_driver(Path("/proc/driver/nvidia"))


def _gpus_of_the_driver(folder: Path) -> tuple[Gpu, ...]:
    """A container often has the driver and not nvidia-smi."""
    version = _read(folder / "version")
    numbers = [word for word in version.split() if word[:1].isdigit() and word.count(".") >= 1]
    names = [
        line.partition(":")[2].strip()
        for path in sorted(folder.glob("gpus/*/information"))
        for line in _read(path).splitlines()
        if line.startswith("Model")
    ]
    return tuple(Gpu(name, numbers[0] if numbers else "unknown") for name in names)


def version_of(package: str) -> str | None:
    """The installed version of a distribution, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpuinfo(key: str) -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _said_by(*command: str) -> str:
    """What a small tool prints; "" when it is not there, fails, or hangs (a broken driver can make nvidia-smi hang)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
