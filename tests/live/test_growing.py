"""A newer version of the performer on stage comes on by itself."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.atlas.learning import bundled
from engines.bundle import open_bundle, write_bundle
from engines.errors import VideoError
from engines.pose.tracker import Tracked
from live.act import Act
from live.config import LiveOptions
from live.control.parameters import Controls
from live.doors import Doors
from live.fresh import LOOK_S, Fresh, stamp_of
from live.gauges import Gauges
from live.learning import Learner, atlas_of, learn_live
from live.mailbox import Latest
from live.passing import Seen
from live.repertoire import Repertoire
from live.sources import Captured
from live.stages import Faults
from tests.fakes import stand_in
from tests.fakes_atlas import SIZE, dancing, small_atlas


def written(folder: Path, title: str) -> Path:
    manifest, files = bundled(small_atlas(), name="small", room=None, proportions=None, fps=25)
    write_bundle(folder, manifest.model_copy(update={"title": title}), files)
    return folder


def begun(path: Path) -> Act:
    def opened(path: Path):  # type: ignore[no-untyped-def]
        return stand_in(open_bundle(path))

    seen: Latest[Seen] = Latest()
    frame, landmarks = np.zeros((SIZE, SIZE, 3), np.uint8), dancing(1)[0]
    seen.put(Seen(Captured(frame, 0.0), Tracked(landmarks, None, 0.0)))
    return Act(path, opened, Doors().follower, Latest(), seen, Controls, Faults(), Gauges())


def test_a_newer_version_is_swapped_in_without_being_asked_for(tmp_path: Path) -> None:
    repertoire = Repertoire([written(tmp_path / "a", "old")], begun, Faults())
    assert repertoire.on_stage(Controls(), 0.0).manifest.title == "old"
    written(tmp_path / "a", "new")
    until, now_s = time.monotonic() + 20, 1.0
    while repertoire.act.manifest.title == "old" and time.monotonic() < until:
        now_s += 1
        repertoire.on_stage(Controls(), now_s)
        time.sleep(0.01)
    assert repertoire.act.manifest.title == "new"
    repertoire.close()


def test_a_version_is_offered_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "old")
    fresh, stamp = Fresh(), stamp_of(path)
    assert not fresh.is_newer(path, stamp, 0)
    written(path, "new")
    assert not fresh.is_newer(path, stamp, LOOK_S / 2)
    assert fresh.is_newer(path, stamp, LOOK_S)
    assert not fresh.is_newer(path, stamp, 2 * LOOK_S)
    written(path, "newest")
    assert fresh.is_newer(path, stamp, 3 * LOOK_S)


def test_a_bundle_that_is_away_for_a_moment_is_no_newer_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "old")
    stamp = stamp_of(path)
    path.rename(tmp_path / "b")
    assert not Fresh().is_newer(path, stamp, 0)


def test_what_is_no_clip_is_said_before_the_show(tmp_path: Path) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("no video")

    with pytest.raises(VideoError, match="no picture can be read"):
        atlas_of(text, tmp_path / "out", 128)


def _tells_twice_then_fails(written: Callable[[], None]) -> None:
    written()
    written()
    raise VideoError("the clip ended.")


def _fails_at_once(_written: Callable[[], None]) -> None:
    raise VideoError("Nobody is seen.")


def _goes_on_for_ever(written: Callable[[], None]) -> None:
    written()
    while True:
        time.sleep(0.05)


@pytest.mark.slow
def test_the_show_begins_with_the_first_version_and_takes_the_learning_with_it(tmp_path: Path) -> None:
    shown: list[tuple[Path, ...]] = []

    def perform(options: LiveOptions) -> int:
        shown.append(options.bundles)
        return 7

    for learning in (_tells_twice_then_fails, _goes_on_for_ever):
        assert learn_live(learning, tmp_path / "out", LiveOptions(), perform=perform) == 7
    assert shown == [(tmp_path / "out",)] * 2


@pytest.mark.slow
def test_why_nothing_can_be_learned_is_said_instead_of_a_show() -> None:
    learner = Learner(_fails_at_once)
    with pytest.raises(VideoError, match="Nobody is seen"):
        learner.wait(60)
    learner.close()


def _until(repertoire: Repertoire, title: str) -> None:
    until, now_s = time.monotonic() + 20, 0.0
    while repertoire.act.manifest.title != title and time.monotonic() < until:
        now_s += 1
        repertoire.on_stage(Controls(), now_s)
        time.sleep(0.01)
    assert repertoire.act.manifest.title == title


def test_somebody_can_be_called_on_stage_and_dismissed(tmp_path: Path) -> None:
    repertoire = Repertoire([written(tmp_path / "a", "resident")], begun, Faults())
    guest = written(tmp_path / "b", "guest")
    repertoire.call(guest)
    _until(repertoire, "guest")
    assert repertoire.names == ["a", "b"]
    repertoire.dismiss(guest)
    _until(repertoire, "resident")
    repertoire.on_stage(Controls(), 99.0)
    repertoire.on_stage(Controls(), 100.0)
    assert repertoire.names == ["a"]
    repertoire.close()
