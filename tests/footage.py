"""Where the real footage is, if it is on this machine; it is never part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("UNDERSTUDY_FOOTAGE", Path(__file__).parents[2] / "shared" / "data"))


def footage(name: str) -> Path:
    """The clip or folder `name`; the test that asks is skipped with the reason when it is not here."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"no footage at {path}: set UNDERSTUDY_FOOTAGE to a folder that holds {name}")
    return path
