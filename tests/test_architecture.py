"""The house keeps its walls: no torch on stage, nothing heavy at import, every command answers --help."""

import subprocess
import sys
from pathlib import Path

import pytest

import understudy

ROOT = Path(__file__).parents[1]


def _modules(package: str) -> list[str]:
    files = sorted((ROOT / package).rglob("*.py"))
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_stage_loads_neither_torch_nor_training() -> None:
    names = _modules("engines") + _modules("live")
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'training', 'onnx', 'nncf')])"
    )
    assert _python(code).strip().splitlines()[-1] == "[]"


def test_the_command_line_loads_nothing_before_it_is_asked() -> None:
    heavy = ("numpy", "cv2", "torch", "mediapipe", "pygame")
    code = f"import sys, understudy\nprint([name for name in {heavy!r} if name in sys.modules])"
    assert _python(code).strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        ["demo"],
        ["live"],
        ["render"],
        ["motion", "record"],
        ["motion", "extract"],
        ["bundles"],
        ["pose-model"],
        ["doctor"],
        ["check"],
        ["compile"],
        ["learn"],
        ["pairs"],
        ["train"],
        ["export"],
        ["pack"],
        ["unpack"],
        ["evaluate"],
        ["compare"],
        ["costume", "render"],
        ["costume", "train"],
        ["costume", "measure"],
        ["bench", "live"],
        ["bench", "soak"],
        ["bench", "latency"],
        ["replay"],
        ["wheels"],
        ["bench", "osc"],
        ["osc-docs"],
        ["bench", "train"],
        ["bench", "instant"],
        ["bench", "engines"],
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        understudy.main([*command, "--help"])
    assert stopped.value.code == 0
    assert "usage: " in capsys.readouterr().out
