"""An atlas that is played while it is still learned."""

from pathlib import Path

import numpy as np
import pytest

from engines.atlas.growing import _stage, grown_atlas
from engines.bundle import Bundle, open_bundle
from engines.errors import VideoError
from engines.pose.tracker import Tracked
from engines.take.clip import ClipFrame
from tests.fakes_atlas import PaintedTracker, dancing, painted_clip

FPS = 15.0


class SeesNobody:
    def track(self, _frame: np.ndarray, time_s: float) -> Tracked:
        return Tracked(None, None, time_s)


def test_an_atlas_grows_while_it_is_played(tmp_path: Path) -> None:
    poses = dancing(75, 1 / FPS)
    versions: list[Bundle] = []
    grown_atlas(
        painted_clip(poses, FPS),
        tmp_path / "grown",
        size=96,
        first_s=2.0,
        tracker=lambda: PaintedTracker(poses, FPS),
        written=lambda bundle: versions.append(open_bundle(bundle.path or "")),
    )
    assert len(versions) == 3
    assert len({bundle.version for bundle in versions}) == 3
    keys = [len(bundle.atlas.keys) for bundle in versions if bundle.atlas]
    assert keys == sorted(keys)
    assert keys[0] < keys[-1]


def test_a_clip_without_anybody_is_refused_at_its_end(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="nobody was found"):
        grown_atlas(painted_clip(dancing(40, 1 / FPS)), tmp_path / "grown", size=96, first_s=1.0, tracker=SeesNobody)
    assert not (tmp_path / "grown").exists()


def test_the_first_version_is_small_so_that_it_is_soon_there(tmp_path: Path) -> None:
    poses = dancing(75, 1 / FPS)
    versions: list[Bundle] = []
    grown_atlas(
        painted_clip(poses, FPS),
        tmp_path / "grown",
        size=96,
        first_s=4.0,
        first_keys=5,
        tracker=lambda: PaintedTracker(poses, FPS),
        written=lambda bundle: versions.append(open_bundle(bundle.path or "")),
    )
    keys = [len(bundle.atlas.keys) for bundle in versions if bundle.atlas]
    assert keys[0] == 5 < keys[1]


def test_each_version_is_learned_from_twice_as_much() -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    stages = [_stage(ClipFrame(number, number / 10, frame), 4.0) for number in range(400)]
    assert [stages.count(stage) for stage in range(5)] == [40, 40, 80, 160, 80]
