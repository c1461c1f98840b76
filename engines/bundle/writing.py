"""Writing a bundle: all of it or nothing."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from engines.bundle.manifest import Manifest
from engines.bundle.reading import BUNDLE_LIMIT, MANIFEST, Bundle, check_bundle_contents, manifest_bytes, open_bundle
from engines.errors import BundleError


def made_bundle(manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """A bundle that lives in memory only, checked like one from a folder. Raises `BundleError`."""
    if sum(map(len, files.values())) > BUNDLE_LIMIT:
        raise BundleError(f"bundle {manifest.name!r} would be larger than {BUNDLE_LIMIT >> 20} MiB")
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    bundle = Bundle(manifest.model_copy(update={"files": hashes}), dict(files))
    check_bundle_contents(bundle)
    return bundle


def write_bundle(folder: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """Write the bundle to `folder`, replacing one that is there, and return it opened from there.

    It is checked and completed in a temporary folder beside it first and then renamed, so whoever looks sees the old
    bundle or the new one whole. A folder that holds anything but a bundle is never replaced. Raises `BundleError`.
    """
    bundle = made_bundle(manifest, files)
    made = _beside(folder)
    try:
        made.chmod(0o755)  # mkdtemp makes it private, a bundle is to be carried around
        for name, data in bundle.files.items():
            _write(made / name, data)
        _write(made / MANIFEST, manifest_bytes(bundle.manifest))
        _put_in_place(made, folder)
    except OSError as error:
        raise BundleError(f"{folder} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return open_bundle(folder)


def check_place(folder: Path) -> None:
    """Whether a bundle can be written to `folder`, asked before the work is done. Raises `BundleError`."""
    _beside(folder).rmdir()


def _beside(folder: Path) -> Path:
    """A new empty folder where the bundle is completed."""
    _check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise BundleError(f"{folder.parent} cannot be written to: {error.strerror or error}") from error


def _check_replaceable(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BundleError(f"{folder} is there and is no folder; name another place for the bundle")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder} holds something that is no bundle; name another place for this one")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(made: Path, folder: Path) -> None:
    """Rename twice: no system replaces a folder that is not empty in one step. The old one comes back on failure."""
    old = made.with_name(made.name + ".old")
    had_one = folder.exists()
    if had_one:
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if had_one:
            old.rename(folder)
        raise
    if had_one:
        with suppress(OSError):
            shutil.rmtree(old)
