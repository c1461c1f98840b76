"""What a person should look at before a machine learns from it: near-duplicates, dark frames, captions, credits.

Each mark is a proposal with its reason; nothing is thrown away. All of it is plain arithmetic on small copies.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, resized

THUMB = 32
ALIKE_LEVELS, ALIKE_CORRELATION = 8.0, 0.96
"""Two pictures are near-duplicates when their 32 x 32 copies differ by less and go together more than this."""
DARK_LEVEL, DARK_SHARE = 32, 0.95
FLAT_LEVELS = 4.0
LOOKED_AT = 360
"""Lettering is looked for in a copy of this height."""
LEAST_LETTERS, STANDS_OUT, ONE_INK = 7, 70, 9.0
"""Letters of a line, levels between a letter and what is around it, and by how much the letters of a line differ.
On 240 photos these mark 5 wrongly and find 111 of 120 captions laid over them (2026-11-21)."""
UNBALANCED = 1.5
FEW = 100


@dataclass(frozen=True)
class Glance:
    """What is remembered of a picture: enough to compare it with all others."""

    small: NDArray[np.float32]
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, frame: Frame) -> "Glance":
        return cls(resized(frame, (THUMB, THUMB)).astype(np.float32).ravel(), tuple(own_reasons(frame)))


def own_reasons(frame: Frame) -> list[str]:
    """What speaks against a picture by itself."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    rows = lettering(frame)
    if len(rows) >= 3:
        return [f"credits ({len(rows)} lines of letters)"]
    if (gray < DARK_LEVEL).mean() > DARK_SHARE:
        return ["dark"]
    if float(gray.std()) < FLAT_LEVELS:
        return ["flat"]
    return ["caption"] if rows else []


def duplicates(glances: list[Glance]) -> dict[int, int]:
    """Each near-duplicate and the earlier picture that it repeats."""
    if not glances:
        return {}
    small = np.stack([glance.small for glance in glances])
    centered = small - small.mean(axis=1, keepdims=True)
    unit = centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-6)
    found: dict[int, int] = {}
    for i in range(1, len(glances)):
        likely = np.flatnonzero(unit[:i] @ unit[i] > ALIKE_CORRELATION)
        for k in likely:
            if int(k) not in found and float(np.abs(small[k] - small[i]).mean()) < ALIKE_LEVELS:
                found[i] = int(k)
                break
    return found


def lettering(frame: Frame) -> list[tuple[int, int, int, int]]:
    """Boxes (left, top, right, bottom) of lines of letters, in pixels of `frame`.

    Letters are strokes much lighter or darker than what is around them, of one height and of *unlike* widths, in a row
    with small gaps. Windows in a wall are of one width, which is how they are told apart.
    """
    scale = LOOKED_AT / frame.shape[0]
    gray = cv2.cvtColor(resized(frame, (LOOKED_AT, max(1, round(frame.shape[1] * scale)))), cv2.COLOR_RGB2GRAY)
    stroke = cv2.getStructuringElement(cv2.MORPH_RECT, (9, 9))
    lines = []
    for mode in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        standing_out = np.where(cv2.morphologyEx(gray, mode, stroke) > STANDS_OUT, 255, 0).astype(np.uint8)
        inked = gray if mode == cv2.MORPH_TOPHAT else cv2.bitwise_not(gray)
        lines += _lines(standing_out, np.asarray(inked, np.uint8))
    return [(round(x0 / scale), round(y0 / scale), round(x1 / scale), round(y1 / scale)) for x0, y0, x1, y1 in lines]


def _lines(strokes: NDArray[np.uint8], gray: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    inks = np.zeros(count, np.int64)
    np.maximum.at(inks, labels.ravel().astype(np.int64), gray.ravel())
    boxes = np.column_stack([stats, inks])[1:count].astype(np.int64)  # the sixth column is the ink
    high, wide, area = boxes[:, cv2.CC_STAT_HEIGHT], boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_AREA]
    letters = boxes[(high >= 6) & (high <= 40) & (wide <= 2 * high) & (area >= 0.15 * high * wide)]
    found, used = [], np.zeros(len(letters), bool)
    order: NDArray[np.int64] = np.argsort(letters[:, cv2.CC_STAT_LEFT])
    for first in order:
        if used[first]:
            continue
        row = _row_from(letters, used, int(first), order)
        if _is_line(letters[row]):
            used[row] = True
            x0, y0 = letters[row, cv2.CC_STAT_LEFT].min(), letters[row, cv2.CC_STAT_TOP].min()
            x1 = (letters[row, cv2.CC_STAT_LEFT] + letters[row, cv2.CC_STAT_WIDTH]).max()
            y1 = (letters[row, cv2.CC_STAT_TOP] + letters[row, cv2.CC_STAT_HEIGHT]).max()
            found.append((int(x0), int(y0), int(x1), int(y1)))
    return found


def _row_from(letters: NDArray, used: NDArray[np.bool_], first: int, order: NDArray) -> list[int]:
    """Letters to the right of the first, each near the one before and about as high, on its base line."""
    row = [first]
    for other in order:
        last, here = letters[row[-1]], letters[other]
        if used[other] or here[cv2.CC_STAT_LEFT] <= last[cv2.CC_STAT_LEFT]:
            continue
        gap = here[cv2.CC_STAT_LEFT] - last[cv2.CC_STAT_LEFT] - last[cv2.CC_STAT_WIDTH]
        height = float(letters[row, cv2.CC_STAT_HEIGHT].mean())
        base = here[cv2.CC_STAT_TOP] + here[cv2.CC_STAT_HEIGHT] - last[cv2.CC_STAT_TOP] - last[cv2.CC_STAT_HEIGHT]
        alike = 0.55 < here[cv2.CC_STAT_HEIGHT] / height < 1.8
        if alike and -0.3 * height < gap < 1.6 * height and abs(base) < 0.35 * height:
            row.append(int(other))
    return row


def _is_line(letters: NDArray) -> bool:
    if len(letters) < LEAST_LETTERS:
        return False
    wide = letters[:, cv2.CC_STAT_WIDTH].astype(float)
    filled = letters[:, cv2.CC_STAT_AREA] / (wide * letters[:, cv2.CC_STAT_HEIGHT])
    is_one_ink = float(letters[:, 5].std()) < ONE_INK
    return bool(is_one_ink and wide.std() / wide.mean() > 0.22 and filled.mean() < 0.75)


def balance_warnings(counts: tuple[int, int], titles: tuple[str, str]) -> list[str]:
    """Sentences about two sides of so many pictures to learn from."""
    said = []
    most, least = max(counts), max(1, min(counts))
    if most / least > UNBALANCED:
        fewer, more = (0, 1) if counts[0] < counts[1] else (1, 0)
        said.append(
            f"Side {'AB'[fewer]} ({titles[fewer]}) has {counts[fewer]} pictures and side {'AB'[more]} ({titles[more]}) "
            f"{counts[more]}: the smaller side will be learned by heart. Add to it, or thin the other out."
        )
    for name, count, title in zip("AB", counts, titles, strict=True):
        if count < FEW:
            said.append(f"Side {name} ({title}) has only {count} pictures to learn from; {FEW} or more are wanted.")
    return said
