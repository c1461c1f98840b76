"""Pictures performed one by one into pictures: a photo or a folder of them, each for itself."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.errors import BadInput
from engines.images import Frame
from engines.performer import Performer
from engines.pictures import SUFFIXES, picture_files, read_picture
from engines.pose.follow import Follower
from engines.pose.tracker import Tracked
from engines.progress import Progress, silent
from engines.scene import Scene
from live.look import flipped
from live.passing import TracksPeople
from live.pipeline import POSE_KINDS
from live.sources import source_spec
from live.sources.reels import open_reel


def are_stills(bundle: Bundle, source: str, out: Path) -> bool:
    """Whether pictures become pictures: of a bundle that looks at frames or lays who is in them into a scene, and with
    no film asked for."""
    place = Path(source)
    pictured = place.is_dir() or place.suffix.lower() in SUFFIXES
    is_folder = out.suffix == "" and place.is_dir()
    looks = bundle.manifest.conditioning not in POSE_KINDS or bundle.manifest.conditioning == "composite"
    return looks and pictured and (is_folder or out.suffix.lower() in SUFFIXES)


def render_stills(
    bundle: Path,
    source: Path,
    out: Path,
    *,
    region: str = "whole",
    mirror: bool = False,
    knobs: Mapping[str, float] | None = None,
    behind: str | None = None,
    backend: str = "auto",
    precision: str = "auto",
    opened_tracker: Callable[[], TracksPeople] | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Perform a picture into `out`, or the pictures of a folder into the folder `out` under their names as PNG.

    Returns what was written, each of the bundle's size: the middle of the picture, never stretched. Whoever is in
    them is laid into the scene of a composite, or into `behind`, a picture or a film's first. Raises `BadInput`.
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
        composes = opened.manifest.conditioning == "composite"
        tracker = (opened_tracker or _tracker)() if composes or region != "whole" else None
        if tracker is not None:
            stack.callback(tracker.close)
        room = next(iter(open_reel(source_spec(behind)).moments())).drawn() if behind else None
        turned = Scene(presence=1.0, region=region, knobs=dict(knobs or {}), room=room)
        for done, (path, target) in enumerate(zip(found, targets, strict=True)):
            frame, time_s = read_picture(path), done * 3600.0  # far apart: no picture is the next frame of another
            seen = replace(turned, frame=flipped(frame) if mirror else frame, captured_s=time_s)
            if tracker is not None:
                seen = _with_person(seen, tracker.track(frame, time_s), mirror)
            if composes and seen.landmarks is None:
                raise BadInput(f"{path}: nobody was found in it; take a picture in which one person is seen whole")
            _write(target, performer.perform(seen).image)
            progress(done + 1, len(found))
    return targets


def _with_person(seen: Scene, tracked: Tracked, mirror: bool) -> Scene:
    """The scene with whoever was found in its frame before that was mirrored."""
    assert seen.frame is not None
    size = seen.frame.shape[0], seen.frame.shape[1]
    landmarks = Follower(None).follow(tracked, size, mirror=mirror).landmarks
    mask = flipped(tracked.mask) if mirror and tracked.mask is not None else tracked.mask
    return replace(seen, landmarks=landmarks, mask=mask)


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
