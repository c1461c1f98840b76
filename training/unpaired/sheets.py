"""Contact sheets: every picture of a side at a glance, numbered, those with a mark framed and named."""

import cv2
import numpy as np

from engines.images import Frame, letterboxed

TILE, LINE, ACROSS = 112, 16, 12
MOST = 1200
"""More would be a picture that no viewer opens: the marked ones are always shown, the others thinned evenly."""
GROUND, INK = (21, 22, 26), (190, 190, 190)
COLORS = {"near-duplicate": (255, 170, 60), "dark": (120, 120, 255), "flat": (120, 120, 255)}
OTHER = (255, 80, 80)


def tile(frame: Frame, name: str, reason: str) -> Frame:
    """One picture of a sheet, (TILE + LINE, TILE, 3), whole and not stretched."""
    canvas = np.full((TILE + LINE, TILE, 3), GROUND, np.uint8)
    canvas[:TILE] = letterboxed(frame, (TILE, TILE))
    color = next((color for word, color in COLORS.items() if reason.startswith(word)), OTHER) if reason else INK
    if reason:
        cv2.rectangle(canvas, (1, 1), (TILE - 2, TILE - 2), color, 3)
    words = f"{name} {reason.split(' (')[0]}" if reason else name
    cv2.putText(canvas, words[:22], (3, TILE + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.32, color, 1, cv2.LINE_AA)
    return canvas


def contact_sheet(tiles: list[Frame]) -> Frame:
    """Tiles in rows."""
    across = min(ACROSS, len(tiles))
    down = -(-len(tiles) // across)
    sheet = np.full((down * (TILE + LINE), across * TILE, 3), GROUND, np.uint8)
    for number, one in enumerate(tiles):
        row, column = divmod(number, across)
        sheet[row * (TILE + LINE) : (row + 1) * (TILE + LINE), column * TILE : (column + 1) * TILE] = one
    return sheet


def shown_of(marked: list[bool]) -> list[int]:
    """Which pictures a sheet shows."""
    if len(marked) <= MOST:
        return list(range(len(marked)))
    kept = [i for i, is_marked in enumerate(marked) if not is_marked]
    room = max(0, MOST - (len(marked) - len(kept)))
    spread = {kept[int(k)] for k in np.linspace(0, len(kept) - 1, room)} if room else set()
    return [i for i, is_marked in enumerate(marked) if is_marked or i in spread][:MOST]
