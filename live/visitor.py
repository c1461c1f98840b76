"""A visitor's half minute at the camera, and the performer made of it: in memory only, and forgotten in time.

People's pictures are theirs. Nothing here is logged or written unless the visitor's host says --keep.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import cv2
import numpy as np

from engines.atlas.keys import KEYS
from engines.atlas.learning import atlas_of_take
from engines.bundle import Bundle, made_bundle, write_bundle
from engines.errors import BadInput, VideoError
from engines.images import Frame, Size
from engines.pose.moves import Coverage
from engines.pose.tracker import Tracked
from engines.take.clip import ClipFrame, MemoryClip
from engines.take.take import take_of
from engines.take.tracking import Track, joined, tracked

FPS = 15.0
FORGET_S = 600.0
QUALITY = 95  # of the JPEG in which frames are remembered: half a minute of them as pixels would be a gigabyte
NAME = "visitor"
PATH = Path(NAME)  # where no bundle is


class Remembered(Sequence[Frame]):
    """Frames as JPEG in memory; each is opened when asked for. A picture shows its own length and no content."""

    def __init__(self) -> None:
        self._data: list[np.ndarray] = []

    def append(self, frame: Frame) -> None:
        ok, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        assert ok
        self._data.append(np.asarray(data))

    def clear(self) -> None:
        self._data.clear()

    @overload
    def __getitem__(self, at: int) -> Frame: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Frame]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        opened = cv2.imdecode(self._data[at], cv2.IMREAD_COLOR)
        return np.asarray(cv2.cvtColor(np.asarray(opened), cv2.COLOR_BGR2RGB), np.uint8)

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"<{len(self)} frames>"


class _Known:
    """Gives back what was tracked already."""

    def __init__(self, found: Tracked) -> None:
        self._found = found

    def track(self, _frame: Frame, _time_s: float) -> Tracked:
        return self._found


class Visit:
    """What a visitor shows, and who they become. One thread at a time; nothing of it outlives `forget`."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self._frames = Remembered()
        self._tracks: list[Track] = []
        self._size: Size | None = None
        self._bundle: Bundle | None = None
        self._learned_s = float("-inf")

    def see(self, frame: Frame, found: Tracked) -> None:
        """Remember one frame and who was found in it, `FPS` of them a second."""
        size: Size = (frame.shape[0], frame.shape[1])
        if self._size not in (None, size):
            raise BadInput(f"The camera changed from {self._size} to {size} while a visitor was captured; begin again.")
        self._size = size
        number = len(self._frames)
        self._frames.append(frame)
        self._tracks.append(tracked([ClipFrame(number, number / FPS, frame)], _Known(found), size))
        if found.landmarks is not None:
            self.coverage.see(found.landmarks, size)

    def learn(self, now_s: float, *, size: int = 512, keep: Path | None = None) -> Bundle:
        """The visitor's understudy; the frames are forgotten. Written to `keep` if that is given, else nowhere.

        Raises VideoError, which names the missing moves, when too little was seen.
        """
        try:
            if not self._tracks:
                raise VideoError("No frame came from the camera, so nobody was captured.")
            clip = MemoryClip(self._frames, FPS, NAME)
            manifest, files = atlas_of_take(take_of(clip, joined(self._tracks), fps=FPS), size, KEYS, NAME)
        except VideoError as error:
            missing = ", ".join(self.coverage.missing) or "nothing"
            raise VideoError(f"{error} Of the moves these are missing: {missing}.") from error
        finally:
            self._frames.clear()
            self._tracks.clear()
        self._bundle = made_bundle(manifest, files) if keep is None else write_bundle(keep, manifest, files)
        self._learned_s = now_s
        return self._bundle

    def bundle(self, now_s: float, forget_s: float = FORGET_S) -> Bundle:
        """Who performs. Raises `BadInput` when the visitor is forgotten, by request or because the time is up."""
        if self.is_due(now_s, forget_s):
            self.forget()
        if self._bundle is None:
            raise BadInput("This visitor is forgotten; capture them again.")
        return self._bundle

    def is_due(self, now_s: float, forget_s: float = FORGET_S) -> bool:
        """Whether the time is up for whoever performs."""
        return self._bundle is not None and now_s - self._learned_s >= forget_s

    def forget(self) -> None:
        """At once: frames, landmarks and performer."""
        self._frames.clear()
        self._tracks.clear()
        self._bundle = None
        self.coverage = Coverage()
