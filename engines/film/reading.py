"""A film as evenly timed frames, whatever its container says."""

from collections.abc import Iterator

from engines.take.clip import Clip, ClipFrame


def evenly(clip: Clip) -> Iterator[ClipFrame]:
    """The frames of `clip` at its mean rate, `clip.fps`: numbered anew, each shown when the tick nearest to it comes.

    A phone writes a varying rate; frames are then repeated or left out. Of an even film nothing changes.
    """
    held: ClipFrame | None = None
    first_s, number = 0.0, 0
    for coming in clip.frames():
        if held is None:
            first_s = coming.time_s
        else:
            middle_s = (held.time_s + coming.time_s) / 2 - first_s
            while number / clip.fps < middle_s - 1e-6:
                yield ClipFrame(number, number / clip.fps, held.frame)
                number += 1
        held = coming
    if held is not None:
        while number == 0 or number / clip.fps <= held.time_s - first_s + 1e-3:
            yield ClipFrame(number, number / clip.fps, held.frame)
            number += 1
