"""`understudy wheels`: a folder from which a machine without a network is installed."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engines.errors import Unavailable

ROOT = Path(__file__).parents[1]


def gather(folder: Path, extras: Sequence[str] = ()) -> Path:
    """Download all wheels for a machine like this one (system, processor, Python), and copy the pose model beside.

    Raises `Unavailable` when the packages cannot be had.
    """
    from engines.pose.model import pose_model

    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    what = str(ROOT) + (f"[{','.join(extras)}]" if extras else "")
    pip = (sys.executable, "-m", "pip")
    # As wheels and not as sources: the machine there may have no compiler.
    done = subprocess.run(
        [*pip, "wheel", "--quiet", "-c", str(ROOT / "constraints.txt"), "-w", str(wheels), what, "setuptools>=77"],
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"{wheels}: the packages could not be gathered; see what pip says above")
    model = pose_model()
    shutil.copyfile(model, folder / model.name)
    print(
        f"{folder}: {len(list(wheels.glob('*.whl')))} wheels and the pose model. On the other machine, in this folder:"
    )
    print("  python -m venv .venv")
    print("  .venv/bin/python -m pip install --no-index --find-links wheels understudy")
    print(f"  and {model.name} into {model.parent}")
    return folder
