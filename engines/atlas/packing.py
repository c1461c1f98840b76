"""An atlas as files of a bundle: one PNG sheet a key with its cuts side by side, and an index.

atlas/index.json   format, size, and for each key its sheet, landmarks, faults and where its cuts lie
atlas/000.png      RGBA, premultiplied: what the posing adds up without a multiplication
"""

import json
from collections.abc import Callable
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.atlas.keys import Atlas, Key
from engines.atlas.layers import LIMBS, PARTS
from engines.atlas.warping import Cut
from engines.errors import BundleError
from engines.images import Size
from engines.pose.landmarks import COUNT

INDEX = "atlas/index.json"
FORMAT = 1
MOST_KEYS = 256

_Number = Annotated[float, Field(ge=-100, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Place(_Strict):
    """Where a cut lies: its corner in the square, and its box (left, top, width, height) in the sheet."""

    corner: tuple[int, int]
    box: tuple[int, int, int, int]


class _KeyEntry(_Strict):
    sheet: str
    landmarks: Annotated[list[tuple[_Number, _Number, _Number, _Number]], Field(min_length=COUNT, max_length=COUNT)]
    faults: Annotated[list[_Number], Field(min_length=len(LIMBS), max_length=len(LIMBS))]
    cuts: Annotated[list[_Place | None], Field(min_length=len(PARTS), max_length=len(PARTS))]


class _Index(_Strict):
    format: int = FORMAT
    size: int
    keys: Annotated[list[_KeyEntry], Field(min_length=1, max_length=MOST_KEYS)]


def packed(atlas: Atlas) -> dict[str, bytes]:
    """The files of an atlas, by their names in a bundle."""
    files, entries = {}, []
    for number, key in enumerate(atlas.keys):
        name = f"atlas/{number:03d}.png"
        sheet, cuts = _sheet(key)
        ok, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 4])
        assert ok
        files[name] = data.tobytes()
        landmarks = [tuple(map(float, row)) for row in key.landmarks]
        faults = [round(float(fault), 4) for fault in key.faults]
        entries.append({"sheet": name, "landmarks": landmarks, "faults": faults, "cuts": cuts})
    files[INDEX] = json.dumps({"format": FORMAT, "size": atlas.size, "keys": entries}).encode()
    return files


def _sheet(key: Key) -> tuple[NDArray[np.uint8], list[dict[str, tuple[int, ...]] | None]]:
    height = max((cut.pixels.shape[0] for cut in key.cuts if cut), default=1)
    width = sum(cut.pixels.shape[1] for cut in key.cuts if cut)
    sheet = np.zeros((height, max(1, width), 4), np.uint8)
    places: list[dict[str, tuple[int, ...]] | None] = []
    left = 0
    for cut in key.cuts:
        if cut is None:
            places.append(None)
            continue
        high, wide = cut.pixels.shape[:2]
        sheet[:high, left : left + wide] = cut.pixels
        places.append({"corner": cut.corner, "box": (left, 0, wide, high)})
        left += wide
    return sheet, places


def unpacked(read: Callable[[str], bytes], rgba: Callable[[str], NDArray[np.uint8]], size: Size, label: str) -> Atlas:
    """The atlas of a bundle of `size`, from its files. Raises `BundleError` for anything that does not fit."""
    index = _index(read(INDEX), label)
    if (index.size, index.size) != size:
        raise BundleError(f"{label}: {INDEX} is of size {index.size}, the bundle of {size}; export the bundle again")
    return Atlas(index.size, tuple(_key(entry, rgba(entry.sheet), index.size, label) for entry in index.keys))


def _index(data: bytes, label: str) -> _Index:
    try:
        raw = json.loads(data)
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            raise BundleError(
                f"{label}: {INDEX} has format {raw['format']}, made by a newer understudy; update this one"
            )
        return _Index.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{label}: {INDEX}: {where}: {first['msg']}; export the bundle again") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{label}: {INDEX} is not JSON ({error}); export the bundle again") from error


def _key(entry: _KeyEntry, sheet: NDArray[np.uint8], size: int, label: str) -> Key:
    cuts: list[Cut | None] = []
    for place in entry.cuts:
        if place is None:
            cuts.append(None)
            continue
        (x, y), (left, top, wide, high) = place.corner, place.box
        fits = min(left, top) >= 0 and min(wide, high) > 0 and max(abs(x), abs(y)) <= 2 * size
        if not fits or left + wide > sheet.shape[1] or top + high > sheet.shape[0]:
            raise BundleError(f"{label}: {INDEX} has a cut at {place.box}, outside of {entry.sheet}; export it again")
        cuts.append(Cut(np.ascontiguousarray(sheet[top : top + high, left : left + wide]), (x, y)))
    return Key(np.array(entry.landmarks, np.float32), tuple(cuts), np.array(entry.faults, np.float32))
