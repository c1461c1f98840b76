"""Opening bundles, from anyone: nothing in one is executed, and nothing is believed that was not checked."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from engines.atlas.keys import Atlas
from engines.atlas.packing import INDEX, unpacked
from engines.bundle.graphs import check_graph
from engines.bundle.manifest import FORMAT, Manifest
from engines.errors import BundleError
from engines.images import Frame
from engines.pose.skeleton import style_hash

MANIFEST = "manifest.json"
SUFFIXES = (".onnx", ".png", ".jpg", ".json", ".npz", ".txt", ".md")

MANIFEST_LIMIT = 1 << 20
BUNDLE_LIMIT = 512 << 20
COUNT_LIMIT = 4096
PICTURE_LIMIT = 64 << 20  # pixels: a few kilobytes of PNG can claim gigabytes

# Letters, digits and ._- in at most three folders: nothing that climbs, is absolute, or means something to a shell.
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,3}")
_RESERVED = re.compile(r"(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Bundle:
    """A performer as a value: its manifest and its files, in memory or in a folder.

    Every `read` checks the file's hash again, so what an engine gets is what was checked, even if the folder changed.
    """

    manifest: Manifest
    files: Mapping[str, bytes]
    path: Path | None = None

    def read(self, name: str) -> bytes:
        """The bytes of one file named in the manifest."""
        return checked_file(self.manifest, self.files, name, self.label)

    def __contains__(self, name: object) -> bool:
        return name in self.manifest.files

    @property
    def label(self) -> str:
        """How to call this bundle in a sentence: its folder, or its name when it has none."""
        return str(self.path) if self.path else f"bundle {self.manifest.name!r}"

    @cached_property
    def version(self) -> str:
        """Changes whenever any byte of the bundle does: the hash of its manifest, which holds those of its files."""
        return hashlib.sha256(manifest_bytes(self.manifest)).hexdigest()[:16]

    @cached_property
    def plate(self) -> Frame | None:
        """The clean room at the square's scale, (H, W, 3), or None. Not to be written to."""
        return self.picture("plate.png") if "plate.png" in self else None

    @cached_property
    def preview(self) -> Frame | None:
        """conditioning | generated | real side by side, for people, or None."""
        return self.picture("preview.png") if "preview.png" in self else None

    @cached_property
    def atlas(self) -> Atlas | None:
        """The key figures that are laid onto the pose, or None. Raises `BundleError` when they are damaged."""
        if INDEX not in self:
            return None
        return unpacked(self.read, self.rgba, self.manifest.size, self.label)

    def picture(self, name: str) -> Frame:
        """One picture of the bundle as (H, W, 3) uint8 RGB, read-only."""
        frame = np.asarray(cv2.cvtColor(self._decoded(name, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
        frame.flags.writeable = False
        return frame

    def rgba(self, name: str) -> NDArray[np.uint8]:
        """One picture of the bundle with its alpha, (H, W, 4) uint8."""
        decoded = self._decoded(name, cv2.IMREAD_UNCHANGED)
        if decoded.ndim != 3 or decoded.shape[2] != 4 or decoded.dtype != np.uint8:
            raise BundleError(f"{self.label}: {name} is no picture of 8 bits with alpha; export the bundle again")
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA), np.uint8)

    def _decoded(self, name: str, how: int) -> NDArray[np.uint8]:
        data = self.read(name)
        _check_picture(data, self.label, name)
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), how)
        if decoded is None:
            raise BundleError(f"{self.label}: {name} is no picture that opens; export the bundle again")
        return np.asarray(decoded)


class FolderFiles(Mapping[str, bytes]):
    """The files of a folder, read when asked for."""

    def __init__(self, folder: Path, names: Mapping[str, str]) -> None:
        self._folder, self._names = folder, names

    def __getitem__(self, name: str) -> bytes:
        if name not in self._names:
            raise KeyError(name)
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise BundleError(f"{self._folder}: {name} cannot be read: {error.strerror or error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def open_bundle(path: Path | str) -> Bundle:
    """The bundle in a folder, with everything that can be checked without an engine checked.

    Raises `BundleError`: newer format, bad manifest, missing, altered, extra or oversized files, links and names that
    lead elsewhere, graphs that do not fit their ports, and a skeleton that is drawn differently here.
    """
    folder = Path(path)
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise BundleError(f"{folder} {what}; a bundle is a folder that holds a {MANIFEST}")
    manifest = read_manifest(folder)
    _check_folder(folder, manifest)
    bundle = Bundle(manifest, FolderFiles(folder, manifest.files), folder)
    check_bundle_contents(bundle)
    return bundle


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder alone, with the other files unread: quick enough to look for newer versions."""
    file = folder / MANIFEST
    if file.is_symlink() or not file.is_file():
        raise BundleError(f"{folder} holds no {MANIFEST}; a bundle is what `understudy export` writes")
    if file.stat().st_size > MANIFEST_LIMIT:
        raise BundleError(f"{file} is larger than {MANIFEST_LIMIT >> 20} MiB; this is no manifest")
    return parsed_manifest(file.read_bytes(), str(file))


def parsed_manifest(data: bytes, label: str) -> Manifest:
    """A manifest from its JSON; `label` names it in errors."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{label} is not JSON ({error}); export the bundle again") from error
    if not isinstance(raw, dict):
        raise BundleError(f"{label} holds a {type(raw).__name__}, expected an object; export the bundle again")
    found = raw.get("format", FORMAT)
    if isinstance(found, int) and found > FORMAT:
        raise BundleError(f"{label} has format {found}, made by a newer understudy; this one reads up to {FORMAT}")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise BundleError(f"{label}: {told(error)}; export the bundle again") from error


def told(error: ValidationError) -> str:
    """The first thing a pydantic error complains of: which key, what was found, what is allowed."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "the whole"
    if first["type"] == "value_error":
        return f"{first['msg'].removeprefix('Value error, ')}"
    found = "" if isinstance(first["input"], (dict, list)) else f" (found {first['input']!r})"
    return f"{key}: {first['msg']}{found}"


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as it is written: JSON for people and for `git diff`."""
    return (manifest.model_dump_json(indent=1) + "\n").encode()


def checked_file(manifest: Manifest, files: Mapping[str, bytes], name: str, label: str) -> bytes:
    """One file's bytes, after its hash was compared with the manifest's."""
    if name not in manifest.files or name not in files:
        raise BundleError(f"{label}: {name} is missing; export or copy the bundle again")
    data = files[name]
    if hashlib.sha256(data).hexdigest() != manifest.files[name]:
        raise BundleError(f"{label}: {name} is not what was exported (its hash differs); copy the bundle again")
    return data


def check_bundle_contents(bundle: Bundle) -> None:
    """Hashes, graphs against ports, and the skeleton's drawing, for a bundle from a folder or from memory."""
    manifest, label = bundle.manifest, bundle.label
    for name in manifest.files:
        check_name(name, label)
    graphs = {graph.file: graph for graph in manifest.graphs}
    if missing := set(graphs) - set(manifest.files):
        raise BundleError(f"{label}: graph {min(missing)} is not among the manifest's files; export the bundle again")
    for name in manifest.files:
        data = bundle.read(name)
        if name in graphs:
            check_graph(data, manifest, f"{label}: {name}")
    _check_skeleton(manifest, label)
    _check_plate(bundle)
    _ = bundle.atlas  # reads it whole, and refuses a damaged one


def check_name(name: str, label: str) -> None:
    """Refuse a file name that leads out of its folder, or that a bundle has no use for."""
    if not _NAME.fullmatch(name) or _RESERVED.search(name) or name == MANIFEST:
        raise BundleError(f"{label}: {name!r} is no name for a file of a bundle; letters, digits, '.', '_', '-' only")
    if not name.endswith(SUFFIXES):
        raise BundleError(f"{label}: {name} is of no kind that a bundle holds ({' '.join(SUFFIXES)})")


def _check_folder(folder: Path, manifest: Manifest) -> None:
    """Names, links, sizes and completeness, before a byte of any file is read."""
    for name in manifest.files:
        check_name(name, str(folder))
    found, total = set(), 0
    for count, path in enumerate(folder.rglob("*")):
        if count > COUNT_LIMIT:
            raise BundleError(f"{folder} holds more than {COUNT_LIMIT} files; this is no bundle")
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise BundleError(f"{folder}: {name} is a link; a bundle holds its own files only")
        if path.is_dir() or _is_litter(path):
            continue
        if not path.is_file():
            raise BundleError(f"{folder}: {name} is not a plain file; remove it")
        found.add(name)
        total += path.stat().st_size
    if total > BUNDLE_LIMIT:
        raise BundleError(f"{folder} holds {total >> 20} MiB; a bundle is at most {BUNDLE_LIMIT >> 20} MiB")
    if missing := set(manifest.files) - found:
        raise BundleError(f"{folder}: {min(missing)} is missing; export or copy the bundle again")
    if extra := found - set(manifest.files) - {MANIFEST}:
        raise BundleError(f"{folder}: {min(extra)} is not in the manifest; remove it, or export the bundle again")


def _is_litter(path: Path) -> bool:
    """What file managers leave behind in every folder that somebody looks at; never read."""
    return path.name.startswith(".") or path.name.lower() in ("thumbs.db", "desktop.ini")


def _check_skeleton(manifest: Manifest, label: str) -> None:
    if manifest.skeleton is not None and style_hash(manifest.skeleton) != manifest.skeleton_hash:
        raise BundleError(
            f"{label}: its skeleton is drawn differently by this understudy than by the one that trained it "
            f"(hash {manifest.skeleton_hash[:12]}); export it again with this version"
        )


def _check_plate(bundle: Bundle) -> None:
    if "plate.png" not in bundle:
        if bundle.manifest.plate_at != (0, 0):
            raise BundleError(f"{bundle.label} says where its square lies in plate.png, but holds none")
        return
    data = bundle.read("plate.png")
    height, width = _check_picture(data, bundle.label, "plate.png")
    (top, left), (high, wide) = bundle.manifest.plate_at, bundle.manifest.size
    if min(top, left) < 0 or top + high > height or left + wide > width:
        raise BundleError(
            f"{bundle.label}: the square of {high} x {wide} at {top, left} leaves plate.png ({height} x {width}); "
            "export the bundle again"
        )


def _check_picture(data: bytes, label: str, name: str) -> tuple[int, int]:
    """Height and width that a PNG claims, refused before it is decoded when that is absurd."""
    if not name.endswith(".png"):
        raise BundleError(f"{label}: {name} is no PNG")
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33:
        raise BundleError(f"{label}: {name} is no PNG that opens; export the bundle again")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if not 0 < width * height <= PICTURE_LIMIT:
        raise BundleError(f"{label}: {name} claims {height} x {width} pixels; at most {PICTURE_LIMIT >> 20} Mi are")
    return height, width
