"""Every name of NVIDIA's that the backend uses exists, in both editions: checked against the real modules, by AST.

TensorRT's own libraries cannot be had from the package index, its bindings can: they are imported over three stub
libraries that are compiled on the spot. That shows names, members and arities, which is where an upgrade breaks first.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/golden/tensorrt_10_12.json"
SOURCES = [*sorted((ROOT / "engines/backends/nvidia").glob("*.py")), ROOT / "engines/backends/tensorrt.py"]

# What a variable of this name is, in these sources.
CLASSES = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "error": "ParserError",
    "runtime": "Runtime",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
    "_context": "IExecutionContext",
    "cache": "IRuntimeCache",
    "_cache": "IRuntimeCache",
}
# `config` is two things.
CONFIGS = {"building.py": "IBuilderConfig", "execution.py": "IRuntimeConfig", "specialized.py": "IRuntimeConfig"}

# What TensorRT-RTX alone has; the sources ask for it only where the edition is RTX.
RTX_ONLY = {
    "BuilderFlag.REQUIRE_USER_ALLOCATION",
    "ComputeCapability",
    "IBuilderConfig.num_compute_capabilities",
    "IBuilderConfig.set_compute_capability",
    "IExecutionContext.is_stream_capturable",
    "IRuntimeCache.deserialize",
    "IRuntimeCache.serialize",
    "IRuntimeConfig.create_runtime_cache",
    "IRuntimeConfig.set_runtime_cache",
}

DUMP = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
def told(thing, depth=2):
    inside = {}
    if depth and isinstance(thing, type):
        inside = {name: told(getattr(thing, name), depth - 1) for name in dir(thing) if not name.startswith("__")}
    is_property = isinstance(thing, property)
    return {"doc": (getattr(thing, "__doc__", "") or "").strip(), "in": inside,
            "settable": not is_property or thing.fset is not None}
print(json.dumps({name: told(getattr(module, name)) for name in dir(module) if not name.startswith("__")}))
"""

STUBS = {
    "libnvinfer": """
        void *createInferBuilder_INTERNAL(){return 0;} void *createInferRefitter_INTERNAL(){return 0;}
        void *createInferRuntime_INTERNAL(){return 0;} void *getBuilderPluginRegistry(){return 0;}
        void *getPluginRegistry(){return 0;} int getInferLibVersion(){return 0;}""",
    "libnvinfer_plugin": "int initLibNvInferPlugins(){return 0;}",
    "libnvonnxparser": """
        void *createNvOnnxParser_INTERNAL(){return 0;} void *createNvOnnxParserRefitter_INTERNAL(){return 0;}
        int getNvOnnxParserVersion(){return 0;}""",
}

Api = dict[str, Any]


@pytest.fixture(scope="module")
def rtx() -> Api:
    if find_spec("tensorrt_rtx") is None:
        pytest.skip("tensorrt-rtx is not installed")
    return _dumped("tensorrt_rtx", "")


@pytest.fixture(scope="module")
def tensorrt(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """The real bindings of TensorRT 11, over libraries that hold nothing."""
    if find_spec("tensorrt_bindings") is None:
        pytest.skip("tensorrt-cu13-bindings is not installed")
    if _compiler() is None:
        pytest.skip("there is no C compiler for the stub libraries")
    return _bindings(tmp_path_factory.mktemp("stubs"), 11)


def record(unpacked: Path, folder: Path, out: Path) -> None:
    """Write what the bindings of TensorRT 10 in an unpacked wheel hold of the classes that are asked for.

    They are the same package as those of 11, so both cannot be installed; `folder` is for stub libraries. Made with
    `pip download --no-deps tensorrt-cu12-bindings==10.12.0.36`, the oldest that pyproject.toml allows; 10.16.1.11 was
    held to the same on 2026-11-21.
    """
    api = _bindings(folder, 10, f"sys.path.insert(0, {str(unpacked)!r})\n")
    asked = {name.split(".")[0] for name in _all_asked()} - RTX_ONLY
    out.write_text(
        json.dumps({name: _slim(api[name]) for name in sorted(asked & api.keys())}, indent=0, sort_keys=True)
    )


def _all_asked() -> set[str]:
    named: set[str] = set()
    for file, text in _sources().items():
        for node in ast.walk(ast.parse(text)):
            named.update(filter(None, [_asked(node, file)]))
            named.update(_chain(base)[-1] for base in getattr(node, "bases", ()))
    return named


def _slim(entry: Api) -> Api:
    """Signatures and names, without the prose."""
    signatures = [line for line in entry["doc"].splitlines() if re.match(r"(?:\d+\. )?\w+\(", line)]
    return {**entry, "doc": "\n".join(signatures), "in": {name: _slim(one) for name, one in entry["in"].items()}}


def _compiler() -> str | None:
    return shutil.which("gcc") or shutil.which("cc")


def _bindings(folder: Path, major: int, before: str = "") -> Api:
    stubs = {f"{name}.so.{major}": source for name, source in STUBS.items()}
    for name, source in stubs.items():
        (folder / "stub.c").write_text(source)
        made = [str(_compiler()), "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", "-o", str(folder / name), "stub.c"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True)
    loaded = f"import ctypes, sys, types\n{before}sys.modules['tensorrt_libs'] = types.ModuleType('tensorrt_libs')\n"
    return _dumped("tensorrt_bindings", loaded + "".join(f"ctypes.CDLL({str(folder / name)!r})\n" for name in stubs))


def _dumped(module: str, before: str) -> Api:
    done = subprocess.run([sys.executable, "-c", before + DUMP, module], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_asked_of_tensorrt_rtx_exists(rtx: Api) -> None:
    assert list(_findings(_sources(), rtx, set())) == []


def test_what_is_asked_of_tensorrt_11_exists(tensorrt: Api) -> None:
    assert list(_findings(_sources(), tensorrt, RTX_ONLY)) == []


def test_what_is_asked_of_tensorrt_10_existed() -> None:
    api = json.loads(RECORDED.read_text())
    assert list(_findings(_sources(), api, RTX_ONLY)) == []
    broken = {file: text.replace("build_serialized_network", "build_engine") for file, text in _sources().items()}
    assert list(_findings(broken, api, RTX_ONLY)) == ["building.py: Builder.build_engine does not exist"]


def test_what_is_called_rtx_only_is_only_there(rtx: Api, tensorrt: Api) -> None:
    for name in RTX_ONLY:
        assert _found(rtx, name), name
    gone = {name for name in RTX_ONLY if _found(tensorrt, name)}
    assert gone <= {"IRuntimeConfig.set_runtime_cache"}


def test_what_is_asked_of_cuda_exists_with_that_many_arguments() -> None:
    assert list(_cuda_findings(_sources(), _cuda())) == []


@pytest.mark.parametrize(
    ("sound", "broken", "told"),
    [
        ("trt.BuilderFlag.TF32", "trt.BuilderFlag.FP16", "BuilderFlag.FP16 does not exist"),
        ("context.execute_async_v3(", "context.execute_async_v2(", "IExecutionContext.execute_async_v2 does not exist"),
        ("config.progress_monitor =", "config.max_workspace =", "IBuilderConfig.max_workspace does not exist"),
        ("config.progress_monitor =", "parser.num_errors =", "OnnxParser.num_errors cannot be set"),
        ("parser.parse(graph)", "parser.parse()", "OnnxParser.parse is called with 0 arguments"),
        ("def phase_finish(", "def phase_ended(", "IProgressMonitor.phase_ended does not exist"),
        ("trt.TensorIOMode.INPUT", "trt.TensorIOMode.IN", "TensorIOMode.IN does not exist"),
    ],
)
def test_a_name_that_is_gone_is_found_out(rtx: Api, sound: str, broken: str, told: str) -> None:
    changed = {path: text.replace(sound, broken) for path, text in _sources().items()}
    assert changed != _sources()
    assert any(told in finding for finding in _findings(changed, rtx, set()))


def test_a_call_of_cuda_with_too_few_arguments_is_found_out() -> None:
    sound = "cudaStreamBeginCapture(stream, mode)"
    changed = {path: text.replace(sound, "cudaStreamBeginCapture(stream)") for path, text in _sources().items()}
    assert list(_cuda_findings(changed, _cuda())) == ["cudaStreamBeginCapture takes 2 arguments, is given 1"]


# The walk ------------------------------------------------------------------------------------------------------------


def _sources() -> dict[str, str]:
    return {path.name: path.read_text() for path in SOURCES}


def _findings(sources: dict[str, str], api: Api, left_out: set[str]) -> Iterator[str]:
    for file, text in sources.items():
        tree = ast.parse(text)
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            name = _asked(node, file)
            if name is None or name in left_out or name.split(".")[0] in left_out:
                continue
            entry = _found(api, name)
            if entry is None:
                yield f"{file}: {name} does not exist"
            elif isinstance(getattr(node, "ctx", None), ast.Store) and not entry["settable"]:
                yield f"{file}: {name} cannot be set"
            elif id(node) in calls and not _takes(entry["doc"], len(calls[id(node)].args)):
                yield f"{file}: {name} is called with {len(calls[id(node)].args)} arguments: {entry['doc'][:80]!r}"
        yield from _overrides(tree, file, api)


def _asked(node: ast.AST, file: str) -> str | None:
    """What of NVIDIA's this expression names: "BuilderFlag.TF32", "ICudaEngine.num_io_tensors"."""
    if not isinstance(node, ast.Attribute):
        return None
    chain = _chain(node)
    if chain[-1].startswith("__"):
        return None
    for number, part in enumerate(chain[:-1]):
        if part == "trt":
            return ".".join(chain[number + 1 :][:2])
    owner = chain[-2] if len(chain) > 1 else ""
    owner = CONFIGS.get(file, "") if owner == "config" else CLASSES.get(owner, "")
    if not owner or (owner == "ParserError" and chain[-1] not in ("desc", "node_name", "node_operator")):
        return None  # `error` is also what `except` catches
    return f"{owner}.{chain[-1]}"


def _chain(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [*_chain(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else ["?"]


def _overrides(tree: ast.AST, file: str, api: Api) -> Iterator[str]:
    """A method that overrides nothing is never called."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        bases = [_chain(base)[-1] for base in node.bases if _chain(base)[0] == "trt"]
        for method in node.body if bases else ():
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                entry = _found(api, f"{bases[0]}.{method.name}")
                if entry is None:
                    yield f"{file}: {bases[0]}.{method.name} does not exist"
                elif not _takes(entry["doc"], len(method.args.args) - 1):
                    yield f"{file}: {bases[0]}.{method.name} is given other arguments: {entry['doc'][:80]!r}"


def _found(api: Api, name: str) -> Any:
    entry: Any = {"in": api}
    for part in name.split("."):
        entry = entry["in"].get(part)
        if entry is None:
            return None
    return entry


def _takes(doc: str, given: int) -> bool:
    """Whether one of the signatures in a pybind docstring takes so many arguments behind `self`."""
    signatures = re.findall(r"^(?:\d+\. )?\w+\(self: [\w.]+(?:, )?(.*)\) -> ", doc, re.MULTILINE)
    if not signatures:
        return True
    for signature in signatures:
        parts = [part for part in re.split(r", (?=\w+:)", signature) if part]
        if sum(" = " not in part for part in parts) <= given <= len(parts):
            return True
    return False


@cache
def _cuda() -> Any:
    return pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")


def _cuda_findings(sources: dict[str, str], cudart: Any) -> Iterator[str]:
    for text in sources.values():
        tree = ast.parse(text)
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            chain = _chain(node) if isinstance(node, ast.Attribute) else []
            if "cudart" not in chain[:-1]:
                continue
            names = chain[chain.index("cudart") + 1 :]
            thing = cudart
            for name in names:
                thing = getattr(thing, name, None)
            if thing is None:
                yield f"{'.'.join(names)} does not exist"
            elif id(node) in calls:
                first = (thing.__doc__ or "").strip().splitlines()[0]
                wanted = len([part for part in first.partition("(")[2].rstrip(")").split(",") if part.strip()])
                if wanted != len(calls[id(node)].args):
                    yield f"{names[-1]} takes {wanted} arguments, is given {len(calls[id(node)].args)}"
