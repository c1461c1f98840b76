"""Costumes: the rasterizer against longhand, the Firebird against a picture that was looked at, pairs."""

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import understudy
from engines.errors import ConfigError
from engines.images import Frame
from engines.pose.body import Pose, posed, projected
from engines.pose.guides import Fan, fan_ribs
from engines.pose.landmarks import Joint, Landmarks, in_heights, mirrored
from engines.pose.proportions import proportions_of
from engines.pose.skeleton import DEFAULT_STYLE, style_hash
from training.checkpoints import latest_checkpoint
from training.costumes.costume import Costume, load_costume
from training.costumes.making import render_pairs
from training.costumes.motions import HALL, random_landmarks, standing_everywhere
from training.costumes.raster import rasterized
from training.costumes.rendering import rendered
from training.costumes.stage import plate_of
from training.pairs.store import open_pairs
from training.runs import run_config

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs" / "costumes").glob("*.toml"))
GOLDEN = ROOT / "tests" / "golden" / "firebird.png"
DANCING = Pose(left_raise=150, left_elbow=6, right_raise=82, right_elbow=8, left_lift=0.3, left_z=0.15, heading=12)


@pytest.fixture(scope="module")
def firebird() -> Costume:
    return load_costume(ROOT / "configs" / "costumes" / "firebird.toml")


def seen(pose: Pose) -> Landmarks:
    return projected(posed(pose), replace(HALL, size=(256, 256)))


def shown(landmarks: Landmarks, costume: Costume, size: int) -> Frame:
    figure = rendered(landmarks, costume, size).astype(np.float64)
    alpha = figure[..., 3:] / 255
    return np.round(figure[..., :3] * alpha + plate_of(costume.stages[0], (size, size)) * (1 - alpha)).astype(np.uint8)


def test_the_firebird_looks_as_it_did_when_it_was_looked_at(firebird: Costume) -> None:
    golden = cv2.imread(str(GOLDEN))[..., ::-1].astype(int)
    landmarks = np.load(GOLDEN.with_suffix(".npy"))  # of their own, so that a better body does not change the picture
    far = np.abs(shown(landmarks, firebird, 256) - golden).max(axis=-1) > 2
    assert far.mean() < 1e-4


def test_the_same_pose_gives_the_same_bits(firebird: Costume) -> None:
    assert np.array_equal(rendered(seen(DANCING), firebird, 128), rendered(seen(DANCING), firebird, 128))


@pytest.mark.slow
def test_a_frame_at_512_takes_less_than_a_third_of_a_second_of_one_core(firebird: Costume) -> None:
    poses, taken = [random_landmarks(np.random.default_rng([2, n])) for n in range(6)], []
    rendered(poses[0], firebird, 512)
    for pose in poses:
        began = time.thread_time()
        rendered(pose, firebird, 512)
        taken.append(time.thread_time() - began)
    assert np.median(taken) < 0.3


def test_a_mirrored_pose_has_the_mirrored_silhouette(firebird: Costume) -> None:
    body = rendered(seen(DANCING), firebird, 256)[..., 3] > 250
    turned = rendered(mirrored(seen(DANCING)), firebird, 256)[:, ::-1, 3] > 250
    assert (body & turned).sum() / (body | turned).sum() > 0.999


def test_the_ribs_that_are_drawn_lie_on_the_cloth_that_is_rendered(firebird: Costume) -> None:
    landmarks = seen(Pose(left_raise=110, right_raise=130, left_elbow=5, right_elbow=5))
    alpha = rendered(landmarks, firebird, 512)[..., 3]
    fans = [guide for guide in firebird.style.guides if isinstance(guide, Fan)]
    assert [fan.side for fan in fans] == ["left", "right"]
    for fan in fans:
        hem = fan_ribs(fan, in_heights(landmarks, (512, 512)))[1:-1]
        inside, outside = ((hem[:, 0] + (hem[:, -1] - hem[:, 0]) * share)[:, :2] * 512 for share in (0.98, 1.06))
        assert (alpha[inside[:, 1].astype(int), inside[:, 0].astype(int)] == 255).all()
        assert (alpha[outside[:, 1].astype(int), outside[:, 0].astype(int)] < 250).all()


def test_raised_arms_make_a_larger_sun_than_hanging_ones(firebird: Costume) -> None:
    covered = [
        (rendered(seen(Pose(left_raise=lift, right_raise=lift)), firebird, 128)[..., 3] > 250).mean()
        for lift in (5, 90, 160)
    ]
    assert covered[0] * 1.8 < covered[1] < covered[2]


def test_a_wrist_in_front_of_the_trunk_hides_it_and_one_behind_does_not(firebird: Costume) -> None:
    landmarks = seen(Pose(left_raise=60, left_elbow=10))
    ahead, behind = landmarks.copy(), landmarks.copy()
    hand = [Joint.LEFT_WRIST, Joint.LEFT_PINKY, Joint.LEFT_INDEX, Joint.LEFT_THUMB]
    middle = landmarks[[Joint.LEFT_SHOULDER, Joint.RIGHT_HIP], :2].mean(axis=0)
    for moved, z in ((ahead, -0.3), (behind, 0.3)):
        moved[hand, :2], moved[hand, 2] = middle + np.array([[0, 0], [0.02, 0], [0.02, 0.01], [0.01, 0]]), z
    y, x = (middle[::-1] * 256).astype(int)
    in_front, hidden = (rendered(pose, firebird, 256)[y, x, :3].astype(int) for pose in (ahead, behind))
    assert in_front[0] > hidden[0] + 60  # gold over black lacquer


def test_the_rasterizer_agrees_with_longhand() -> None:
    rng = np.random.default_rng(3)
    screen = rng.uniform(0, 24, (12, 3)).astype(np.float32)
    triangles = np.arange(12, dtype=np.int32).reshape(4, 3)
    depth, face, weights = rasterized(screen, triangles, 24, 24)
    for y in range(24):
        for x in range(24):
            nearest, which = -1e9, -1
            for t, corners in enumerate(screen[triangles].astype(np.float64)):
                at = np.linalg.solve(np.vstack([corners[:, :2].T, np.ones(3)]), [x + 0.5, y + 0.5, 1])
                if at.min() > 1e-4 and at @ corners[:, 2] > nearest:
                    nearest, which = at @ corners[:, 2], t
                assert not (at.min() > 1e-4 and face[y, x] < 0)
            if which >= 0 and face[y, x] == which:
                assert depth[y, x] == pytest.approx(nearest, abs=1e-3)
                assert (weights[y, x] >= -1e-4).all()
            elif which >= 0:  # only a pixel on an edge may be judged otherwise
                assert depth[y, x] >= nearest - 1e-3


def test_a_wide_room_holds_the_square_one_in_its_middle(firebird: Costume) -> None:
    square, wide = plate_of(firebird.stages[0], (128, 128)), plate_of(firebird.stages[0], (128, 228))
    assert np.abs(wide[:, 50:178].astype(int) - square).max() <= 1


def test_random_poses_hold_low_arms_high_arms_backs_and_crouches() -> None:
    poses = np.stack([random_landmarks(np.random.default_rng([1, n])) for n in range(300)])
    assert np.isfinite(poses).all()
    wrists, shoulders = poses[:, [Joint.LEFT_WRIST, Joint.RIGHT_WRIST]], poses[:, 11:13]
    high = (wrists[..., 1] < shoulders[..., 1]).all(axis=1)
    low = (wrists[..., 1] > shoulders[..., 1] + 0.05).all(axis=1)
    backs = poses[:, Joint.LEFT_SHOULDER, 0] < poses[:, Joint.RIGHT_SHOULDER, 0]
    low_hips = poses[:, Joint.LEFT_KNEE, 1] - poses[:, Joint.LEFT_HIP, 1] < 0.06
    for share in (high.mean(), low.mean(), backs.mean(), low_hips.mean()):
        assert 0.03 < share < 0.7
    tall = poses[..., 1].max(axis=1) - poses[..., 1].min(axis=1)
    assert np.percentile(tall, 95) > 1.25 * np.percentile(tall, 5)


def test_the_stage_is_as_deep_for_retargeting_as_for_the_poses_learned_from() -> None:
    dancer = proportions_of(standing_everywhere(), (512, 512))
    assert dancer.floor_far == pytest.approx(0.79, abs=0.03)
    assert dancer.floor_near == pytest.approx(0.95, abs=0.03)
    assert dancer.height_near / dancer.height_far == pytest.approx(1.15 / 0.8, abs=0.1)


def test_pairs_hold_what_was_rendered_and_go_on_where_they_stopped(firebird: Costume, tmp_path: Path) -> None:
    whole = render_pairs(firebird, tmp_path / "whole", 25, size=64, seed=4, workers=1)
    assert [len(whole.split(name)) for name in ("train", "validation", "test")] == [23, 1, 1]
    figure, plate = whole.figure(3), whole.plate_square("moon")
    assert figure is not None
    assert plate is not None
    assert np.array_equal(figure, rendered(whole.landmarks[3], firebird, 64))
    alpha = figure[..., 3:] / 255.0
    assert np.abs(whole.frame(3) - (figure[..., :3] * alpha + plate * (1 - alpha))).max() <= 0.51
    assert np.array_equal(whole.mask(3), figure[..., 3])
    assert whole.header.skeleton is not None
    assert style_hash(whole.header.skeleton) == style_hash(firebird.style) != style_hash(DEFAULT_STYLE)

    class Stop(Exception):
        pass

    def stopping(done: int, _total: int) -> None:
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        render_pairs(firebird, tmp_path / "resumed", 25, size=64, seed=4, workers=1, progress=stopping)
    resumed = render_pairs(firebird, tmp_path / "resumed", 25, size=64, seed=4, workers=1)
    assert np.array_equal(resumed.landmarks, whole.landmarks)
    assert np.array_equal(resumed.frame(20), whole.frame(20))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_costume_that_is_shipped_can_be_worn(path: Path) -> None:
    figure = rendered(seen(DANCING), load_costume(path), 96)
    assert 0.02 < (figure[..., 3] > 250).mean() < 0.6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('kind = "gold"', 'kind = "tin"'), "tin"),
        (("pleats = 12", "pleets = 12"), "pleets"),
        (('rod_material = "gold"', 'rod_material = "tin"'), "tin"),
        (("[materials]", "[materials"), "not a TOML file"),
    ],
    ids=["kind", "key", "material", "syntax"],
)
def test_a_bad_costume_is_refused_with_the_place_and_the_value(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = (ROOT / "configs" / "costumes" / "firebird.toml").read_text()
    assert change[0] in text
    (tmp_path / "bad.toml").write_text(text.replace(*change, 1))
    with pytest.raises(ConfigError, match=said) as refused:
        load_costume(tmp_path / "bad.toml")
    assert "bad.toml" in str(refused.value)


def test_a_costume_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_costume(tmp_path / "nowhere.toml")


@pytest.mark.slow
def test_a_costume_is_rendered_and_learned_in_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sets = ["size=64", "generator.width=8", "generator.blocks=1", "discriminator.width=8", "schedule.bn_batches=1"]
    small = [text for value in (*sets, "run.judge_pose=false", "run.tensorboard=false") for text in ("--set", value)]
    places = ["--pairs", str(tmp_path / "pairs"), "--out", str(tmp_path / "run")]
    command = ["costume", "train", "configs/costumes/triadic.toml", *places, *small, "--count", "25", "--size", "64"]
    assert understudy.main([*command, "--workers", "1", "--steps", "1"]) == 0
    assert len(open_pairs(tmp_path / "pairs")) == 25
    assert run_config(tmp_path / "run").title == "Triadic"
    assert understudy.main([*command, "--steps", "2", "--resume"]) == 0
    assert latest_checkpoint(tmp_path / "run").name == "step-0000002"
