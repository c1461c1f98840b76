"""A costume's performer measured against the costume: the costume itself is perfect, and every fault has its figure."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.bundle import open_bundle
from engines.errors import BadInput
from engines.images import Frame
from engines.pose.landmarks import Landmarks
from engines.pose.motion import Motion
from engines.pose.puppet import BuiltInDancer
from engines.progress import silent
from tests.footage import footage
from training.costumes.costume import Costume, load_costume
from training.costumes.making import pose_of
from training.costumes.measuring import followed, held_out, measure, measured, spread
from training.costumes.rendering import rendered
from training.pairs.header import Row

ROOT = Path(__file__).parents[2]
SIZE = 96


@pytest.fixture(scope="module")
def firebird() -> Costume:
    return load_costume(ROOT / "configs" / "costumes" / "firebird.toml")


def figures(costume: Costume, fault: Callable[[Frame], Frame]) -> dict[str, float]:
    poses = {"poses": held_out(3, SIZE)}
    return measured(poses, lambda pose: fault(rendered(pose, costume, SIZE)), costume, SIZE, silent)[0]["poses"]


def test_the_costume_itself_is_without_fault(firebird: Costume) -> None:
    found = figures(firebird, lambda figure: figure)
    assert found["l1_figure"] == found["l1_face"] == 0
    assert found["sharpness"] == found["sharpness_face"] == pytest.approx(1)
    assert found["silhouette"] == found["ratio"] == 1


def test_a_blurred_figure_is_soft(firebird: Costume) -> None:
    found = figures(firebird, lambda figure: np.asarray(cv2.GaussianBlur(figure, (0, 0), 2), np.uint8))
    assert found["sharpness"] < 0.8
    assert found["sharpness_face"] < 0.8
    assert found["silhouette"] > 0.8


def test_nobody_has_no_silhouette(firebird: Costume) -> None:
    found = figures(firebird, np.zeros_like)
    assert found["silhouette"] == 0
    assert found["l1_figure"] > 10


def test_the_ratio_compares_errors_with_those_of_the_first_set(firebird: Costume) -> None:
    poses = held_out(4, SIZE)

    def darker(pose: Landmarks) -> Frame:
        figure = rendered(pose, firebird, SIZE)
        figure[..., :3] = figure[..., :3] // (4 if any(pose is one for one in poses[2:]) else 2)
        return figure

    found, worst = measured({"one": poses[:2], "other": poses[2:]}, darker, firebird, SIZE, silent)
    assert found["other"]["ratio"] == pytest.approx(found["other"]["l1_figure"] / found["one"]["l1_figure"])
    assert found["other"]["ratio"] > 1.2
    assert len(worst) == 4


def test_the_worst_frames_are_those_that_are_kept(firebird: Costume) -> None:
    poses = held_out(5, SIZE)
    bad = poses[3]

    def seldom(pose: Landmarks) -> Frame:
        figure = rendered(pose, firebird, SIZE)
        return np.zeros_like(figure) if pose is bad else figure

    _, worst = measured({"poses": poses}, seldom, firebird, SIZE, silent)
    assert len(worst) == 3
    assert any(pose is bad for pose, _, _ in worst)


def test_poses_that_are_measured_are_in_no_pairs() -> None:
    asked = held_out(12, 512)
    for split in ("train", "test"):
        rows = [Row(id="0", source="", frame=n, time_s=0, shot="", split=split) for n in range(12)]
        for row in rows:
            assert all(np.abs(pose_of(row, 0, 512) - pose).max() > 0.01 for pose in asked)


def test_a_motion_is_measured_as_the_stage_would_draw_it() -> None:
    dancer, times = BuiltInDancer((360, 640)), np.arange(40.0, 44, 0.01)
    motion = Motion(np.stack([dancer.landmarks_at(t) for t in times]), times, (360, 640), "dancer")
    proportions = open_bundle(ROOT / "bundles" / "firebird").manifest.proportions
    seen = followed(motion, proportions)
    assert len(seen) == pytest.approx(3 * 25, abs=20), "thirty a second at most, and not the first second"
    assert len(spread(seen, 10)) == 10
    floor = max(float(pose[27:, 1].max()) for pose in seen)
    assert proportions is not None
    assert floor < proportions.floor_near + 0.08


def test_a_costume_with_other_guides_is_refused() -> None:
    with pytest.raises(BadInput, match="other guides than those of the costume triadic"):
        measure(ROOT / "bundles" / "firebird", ROOT / "configs" / "costumes" / "triadic.toml", progress=silent)


@pytest.mark.slow
def test_the_firebird_that_is_shipped_dances_real_motion_as_well_as_its_own(tmp_path: Path) -> None:
    motion = footage("pose/jesse_dance.bvh")
    found = measure(
        ROOT / "bundles" / "firebird", ROOT / "configs" / "costumes" / "firebird.toml", [motion], count=16,
        json=tmp_path / "figures.json", pictures=tmp_path / "worst.png", progress=silent,
    )["sets"]  # fmt: skip
    assert found["jesse_dance.bvh"]["ratio"] < 1.25
    assert (tmp_path / "figures.json").is_file()
    sheet = cv2.imread(str(tmp_path / "worst.png"))
    assert sheet is not None
    assert sheet.shape == (9 * 512, 3 * 512, 3)
