"""Pictures performed one by one into pictures: a photo or a folder of them, each for itself."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.errors import BadInput
from engines.images import Frame
from engines.performer import Performer
from engines.pictures import SUFFIXES, picture_files, read_picture
from engines.progress import Progress, silent
from engines.scene import Scene
from live.passing import TracksPeople
from live.pipeline import POSE_KINDS


def are_stills(bundle: Bundle, source: str, out: Path) -> bool:
    """Whether pictures become pictures: of a bundle that looks at frames, and with no film asked for."""
    place = Path(source)
    pictured = place.is_dir() or place.suffix.lower() in SUFFIXES
    is_folder = out.suffix == "" and place.is_dir()
    return bundle.manifest.conditioning not in POSE_KINDS and pictured and (is_folder or out.suffix.lower() in SUFFIXES)


def render_stills(
    bundle: Path,
    source: Path,
    out: Path,
    *,
    region: str = "whole",
    backend: str = "auto",
    precision: str = "auto",
    opened_tracker: Callable[[], TracksPeople] | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Perform a picture into `out`, or the pictures of a folder into the folder `out` under their names as PNG.

    Returns what was written, each of the bundle's size: the middle of the picture, never stretched. Raises `BadInput`.
    """
    found = picture_files(source) if source.is_dir() else [source]
    if not found:
        raise BadInput(f"{source}: there is no picture in this folder ({', '.join(SUFFIXES)})")
    targets = [out / f"{path.stem}.png" for path in found] if source.is_dir() else [out]
    if {path.resolve() for path in found} & {path.resolve() for path in targets}:
        raise BadInput(f"{out}: would be written over its own source; choose another place")
    opened = open_bundle(bundle)
    with ExitStack() as stack:
        performer = Performer(opened, open_engine(opened, backend, precision))
        stack.callback(performer.close)
        tracker = None if region == "whole" else (opened_tracker or _tracker)()
        if tracker is not None:
            stack.callback(tracker.close)
        for done, (path, target) in enumerate(zip(found, targets, strict=True)):
            frame, time_s = read_picture(path), done * 3600.0  # far apart: no picture is the next frame of another
            mask = None if tracker is None else tracker.track(frame, time_s).mask
            scene = Scene(presence=1.0, frame=frame, captured_s=time_s, mask=mask, region=region)
            _write(target, performer.perform(scene).image)
            progress(done + 1, len(found))
    return targets


def _tracker() -> TracksPeople:
    from engines.pose.tracker import Tracker

    return Tracker(masks=True, mode="image")


def _write(path: Path, picture: Frame) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        assert done
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); choose another place") from None
