"""Picture files as frames, whatever they hold: gray, palette, 16 bits or transparency become (H, W, 3) uint8 RGB."""

from pathlib import Path

import cv2
import numpy as np

from engines.errors import BadInput
from engines.images import Frame

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def read_picture(path: Path | str) -> Frame:
    """The picture in `path`, upright as its camera meant it; what is transparent in it lies on white, as on paper.

    Raises `BadInput` naming the file.
    """
    try:
        data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); name a picture that is there") from None
    whole = _decoded(data, cv2.IMREAD_UNCHANGED, path)
    if whole.ndim == 3 and whole.shape[2] == 4:
        return _on_white(whole)
    # Only this mode turns a picture upright by its EXIF; it also brings gray and 16 bits to 3 x 8.
    return np.asarray(cv2.cvtColor(_decoded(data, cv2.IMREAD_COLOR, path), cv2.COLOR_BGR2RGB), np.uint8)


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names; hidden files are none. Raises `BadInput`."""
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder of pictures")
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(found)


def _decoded(data: np.ndarray, flags: int, path: Path | str) -> np.ndarray:
    try:
        picture = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:
        picture = None
    if picture is None:
        raise BadInput(f"{path}: is no picture that can be read; repair it or take it away")
    return np.asarray(picture)


def _on_white(bgra: np.ndarray) -> Frame:
    most = float(np.iinfo(bgra.dtype).max) if bgra.dtype.kind == "u" else 1.0
    levels = bgra.astype(np.float32) / most
    alpha = levels[..., 3:]
    rgb = levels[..., 2::-1] * alpha + (1 - alpha)
    return np.ascontiguousarray((rgb * 255).round().clip(0, 255).astype(np.uint8))
