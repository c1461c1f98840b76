"""What pairs are asked for: what nobody could make is refused, and a folder is gone on with for the same request."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from engines.errors import BadInput
from engines.take.clip import VideoClip
from engines.take.take import CropKind

SIZES = range(64, 2049)


def check_request(size: int, fps: float | None, crop: str, workers: int, videos: Sequence[Path | str]) -> None:
    """Raises BadInput where the request cannot be met."""
    if not videos:
        raise BadInput("No video was given: name at least one.")
    if size not in SIZES or size % 16:
        raise BadInput(
            f"Size {size} cannot be used: choose a multiple of 16 from {SIZES[0]} to {SIZES[-1]}, such as 512."
        )
    if fps is not None and not 0.1 <= fps <= 240:
        raise BadInput(f"{fps:g} frames a second cannot be kept: choose from 0.1 to 240.")
    if crop not in get_args(CropKind):
        raise BadInput(f"Crop {crop!r} is not known: choose {', '.join(get_args(CropKind))}.")
    if workers < 1:
        raise BadInput(f"{workers} workers cannot work: choose 1 or more.")


def request_of(clips: list[VideoClip], size: int, fps: float | None, crop: str, splits: str) -> dict[str, str]:
    """What decides the result; a folder is only continued or reused for the same request."""
    videos = [(clip.name, clip.path.stat().st_size, clip.path.stat().st_mtime_ns) for clip in clips]
    digest = hashlib.sha256(json.dumps(videos).encode()).hexdigest()[:16]
    return {"videos": digest, "size": str(size), "fps": str(fps or "own"), "crop": crop, "splits": splits}
