"""Pairs as the side-by-side images that other pix2pix trainers read: skeleton left, frame right, 2W x H."""

from pathlib import Path

import cv2
import numpy as np

from engines.errors import PairsError
from engines.pose.skeleton import DEFAULT_STYLE, drawn_skeleton
from training.pairs.header import Split
from training.pairs.store import PairSet

FOLDERS: dict[Split, str] = {"train": "train", "validation": "val", "test": "test"}


def write_aligned(pairs: PairSet, folder: Path) -> int:
    """Writes FOLDER/train, val and test, and returns how many images were written; images already there stay."""
    written = 0
    for split, name in FOLDERS.items():
        target = folder / name
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PairsError(f"{target}: aligned images cannot be written there ({error.strerror}).") from error
        for i in pairs.split(split):
            path = target / f"{pairs.ids[i]}.png"
            if path.exists():
                continue
            skeleton = drawn_skeleton(pairs.landmarks[i], pairs.header.size, pairs.header.skeleton or DEFAULT_STYLE)
            both = np.concatenate([skeleton, pairs.frame(int(i))], axis=1)
            temporary = path.with_suffix(".part.png")
            if not cv2.imwrite(str(temporary), cv2.cvtColor(both, cv2.COLOR_RGB2BGR)):
                raise PairsError(f"{path}: cannot be written; is the disk full?")
            temporary.replace(path)
            written += 1
    return written
