"""Recording a motion from whatever can be a source."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.errors import BadInput, Unavailable
from engines.images import Size
from engines.pose.holding import Recording
from engines.pose.motion import Motion
from engines.pose.tracker import Tracker
from engines.progress import bar
from live.pacing import Clock
from live.passing import TracksPeople
from live.sources import Source, open_source, source_spec


def recorded_motion(
    source: str,
    out: Path,
    *,
    seconds: float | None = None,
    steadied: bool = True,
    opened_tracker: Callable[[], TracksPeople] = Tracker,
    now: Clock = time.perf_counter,
) -> Motion:
    """Record the landmarks of a source until `seconds` are over, it ends, or Ctrl-C; written to `out` either way.

    `steadied` holds what the tracker finds to the flow of its frames. Frames with nobody in view are left out; the
    times say so. Raises `Unavailable` when nobody was ever seen, and after Ctrl-C
    `KeyboardInterrupt`, when the motion is written.
    """
    if not out.parent.is_dir():
        raise BadInput(f"{out}: there is no folder {out.parent} to write into")
    spec = source_spec(source)
    steadied = steadied and spec.kind != "motion"  # there is no picture of whoever moved
    opened = open_source(spec)
    tracker = opened_tracker()
    print(f"recording {opened.said}; Ctrl-C ends it")
    try:
        motion, is_interrupted = _recorded(opened, tracker, seconds, steadied, now)
    finally:
        tracker.close()
        opened.close()
    motion.save(out)
    print(f"{out}: {len(motion.times)} poses, {motion.duration_s:.1f} s")
    if is_interrupted:
        raise KeyboardInterrupt
    return motion


def _recorded(
    source: Source, tracker: TracksPeople, seconds: float | None, steadied: bool, now: Clock
) -> tuple[Motion, bool]:
    """The motion, and whether Ctrl-C ended it."""
    recording = Recording(steadied)
    times: list[float] = []
    size: Size = (0, 0)
    start_s, is_interrupted = now(), False
    with bar("seconds recorded") as progress:
        try:
            while seconds is None or now() - start_s < seconds:
                captured = source.read()
                if captured is None:
                    break
                size = captured.frame.shape[0], captured.frame.shape[1]
                landmarks = captured.landmarks
                if landmarks is None:
                    landmarks = tracker.track(captured.frame, captured.captured_s).landmarks
                recording.add(captured.frame, landmarks)
                if landmarks is not None:
                    times.append(captured.captured_s - start_s)
                progress(int(now() - start_s), int(seconds or 0))
        except KeyboardInterrupt:  # what was danced is kept
            is_interrupted = True
    if not times:
        raise Unavailable(f"nobody was seen by {source.said}: step into view and record again")
    poses = recording.landmarks()[: len(times)]  # Ctrl-C may come between the two
    return Motion(np.stack(poses), np.array(times) - times[0], size, source.said), is_interrupted
