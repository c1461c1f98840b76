"""A visitor on the dancer's body: same bones, same floor, same place; and the dancer herself stays as she is."""

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.pose.landmarks import Joint
from engines.pose.proportions import proportions_of
from engines.pose.retarget import Retargeter
from engines.pose.tracker import Tracker
from tests.fakes_pose import Body, Camera, Stance, dance, lengths, seen
from tests.footage import footage

SQUARE = (512, 512)
HER, HER_CAMERA = Body(), Camera(SQUARE, 0.9, 0.45)
TIMES = np.arange(0, 12, 1 / 25)
CLIP = np.array([seen(HER, dance(time_s), HER_CAMERA) for time_s in TIMES])
DANCER = proportions_of(CLIP, SQUARE)
HEIGHT = DANCER.height_near
STRANGER = Body(upper_arm=0.36, forearm=0.33, thigh=0.48, shin=0.46, torso=0.47).larger(1.2)
SOURCES = (Camera((720, 1280), 0.8, 0.3), Camera((640, 360), 1.02, 0.4), Camera((480, 640), 0.6, 0.2))


@cache
def danced(camera: Camera) -> list[np.ndarray]:
    return [seen(STRANGER, dance(time_s), camera) for time_s in TIMES]


def retargeted(camera: Camera, amount: float = 1.0, until: Stance | None = None) -> np.ndarray:
    """The last pose of a visitor who danced for a while, then stood as `until`."""
    retarget = Retargeter(DANCER)
    for landmarks, time_s in zip(danced(camera), TIMES, strict=True):
        pose = retarget(landmarks, camera.size, time_s, amount)
    for i in range(10 if until else 0):
        pose = retarget(seen(STRANGER, until or Stance(), camera), camera.size, TIMES[-1] + (i + 1) / 30, amount)
    return pose


def test_the_dancer_herself_stays_as_she_is_from_the_first_frame() -> None:
    retarget = Retargeter(DANCER)
    moved = [np.abs(retarget(pose, SQUARE, t) - pose)[:, :2].max() for pose, t in zip(CLIP, TIMES, strict=True)]
    assert max(moved) < 0.02 * HEIGHT


def test_the_dancer_herself_stays_as_she_is_under_noise() -> None:
    noisy = CLIP.copy()
    noisy[..., :3] += np.random.default_rng(0).normal(0, 0.003, noisy[..., :3].shape) * [1, 1, 3]
    retarget = Retargeter(proportions_of(noisy, SQUARE))
    moved = [np.abs(retarget(pose, SQUARE, t) - pose)[:, :2].mean() for pose, t in zip(noisy, TIMES, strict=True)]
    assert max(moved) < 0.02 * HEIGHT


@pytest.mark.parametrize("camera", SOURCES, ids=lambda camera: "x".join(map(str, camera.size)))
def test_a_tall_stranger_with_long_arms_gets_her_bones(camera: Camera) -> None:
    stance = Stance(arms=(70, 20), legs=(12, 4))
    his, hers = lengths(retargeted(camera, until=stance)), lengths(seen(HER, stance, HER_CAMERA))
    for name in ("torso", "upper_arm", "forearm", "thigh", "shin"):
        assert his[name] == pytest.approx(hers[name], rel=0.05), name


@pytest.mark.parametrize("camera", SOURCES, ids=lambda camera: "x".join(map(str, camera.size)))
def test_a_stranger_stands_on_her_floor_from_the_first_frame(camera: Camera) -> None:
    first = Retargeter(DANCER)(seen(STRANGER, Stance(), camera), camera.size, 7.0)
    assert first[27:, 1].max() == pytest.approx(DANCER.floor_near, abs=0.01)
    assert first[Joint.NOSE, 1] == pytest.approx(seen(HER, Stance(), HER_CAMERA)[Joint.NOSE, 1], abs=0.06)
    assert DANCER.home[0] - 0.05 < first[[23, 24], 0].mean() < DANCER.home[1] + 0.05


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_the_whole_figure_fits_the_square_whatever_the_amount(amount: float) -> None:
    for camera in SOURCES:
        pose = retargeted(camera, amount, until=Stance())
        assert pose[:, :2].min() > 0
        assert pose[:, :2].max() < 1


def test_amount_zero_keeps_the_visitors_shape() -> None:
    stance = Stance(arms=(70, 20), legs=(12, 4))
    kept, own = lengths(retargeted(SOURCES[0], 0.0, until=stance)), lengths(seen(STRANGER, stance))
    ratios = [kept[name] / own[name] for name in own]
    assert max(ratios) / min(ratios) < 1.001


def test_half_an_amount_is_halfway() -> None:
    stance = Stance(arms=(70, 20))
    arms = [lengths(retargeted(SOURCES[0], amount, until=stance))["forearm"] for amount in (0, 0.5, 1)]
    assert arms[0] > 1.1 * arms[2]
    assert arms[1] == pytest.approx((arms[0] * arms[2]) ** 0.5, rel=0.02)


def test_foreshortened_arms_stay_foreshortened() -> None:
    pointing = Stance(arms=(90, 20), elbows=(0, 0), toward=80)
    pose = retargeted(SOURCES[0], until=pointing)
    upper = np.linalg.norm(pose[Joint.LEFT_ELBOW, :2] - pose[Joint.LEFT_SHOULDER, :2])
    fore = np.linalg.norm(pose[Joint.LEFT_WRIST, :2] - pose[Joint.LEFT_ELBOW, :2])
    assert fore < 0.25 * upper


def test_a_visitor_who_keeps_pointing_at_the_camera_grows_no_long_arms() -> None:
    retarget = Retargeter(DANCER)
    pointing = seen(HER, Stance(arms=(20, 20), elbows=(70, 70), toward=75), HER_CAMERA)
    for i in range(900):
        pose = retarget(pointing, SQUARE, i / 30)
    for name, length in lengths(pose).items():
        assert length == pytest.approx(lengths(pointing)[name], rel=0.03), name


def test_jumps_stay_jumps() -> None:
    retarget = Retargeter(DANCER)
    for i in range(60):
        standing = retarget(seen(STRANGER, Stance(), SOURCES[0]), SOURCES[0].size, i / 30)
    airborne = retarget(seen(STRANGER, Stance(jump=0.3), SOURCES[0]), SOURCES[0].size, 2.0)
    scale = lengths(standing)["thigh"] / STRANGER.thigh
    lift = standing[27:, 1].max() - airborne[27:, 1].max()
    assert standing[27:, 1].max() == pytest.approx(DANCER.floor_near, abs=0.01)
    assert lift == pytest.approx(0.3 * scale, rel=0.15)


def test_left_stays_left() -> None:
    pose = retargeted(SOURCES[0], until=Stance(arms=(160, 10)))
    assert pose[Joint.LEFT_WRIST, 1] < pose[Joint.NOSE, 1] < pose[Joint.RIGHT_WRIST, 1]
    assert pose[Joint.LEFT_WRIST, 0] > pose[Joint.RIGHT_WRIST, 0]


def test_who_walks_out_of_her_home_is_held_at_its_edge() -> None:
    retarget = Retargeter(DANCER)
    camera = Camera((720, 1280), 0.9, 0.45)
    xs = [
        retarget(seen(HER, Stance(x=x), camera), camera.size, i / 30)[[23, 24], 0].mean()
        for i, x in enumerate(np.linspace(0, 1.2, 60))
    ]
    assert xs[-1] == pytest.approx(DANCER.home[1], abs=0.05)
    back = retarget(seen(HER, Stance(x=1.1), camera), camera.size, 2.0)[[23, 24], 0].mean()
    assert back == pytest.approx(xs[-1] - 0.1 * 0.45, abs=0.01)


def test_who_comes_nearer_than_she_did_is_held_at_her_height() -> None:
    retarget = Retargeter(DANCER)
    for i, near in enumerate(np.linspace(0.2, 0.6, 300)):
        pose = retarget(seen(HER, Stance(), Camera((480, 640), 0.95, near)), (480, 640), i / 30)
    for i in range(90):
        pose = retarget(seen(HER, Stance(), Camera((480, 640), 0.95, 0.6)), (480, 640), 10 + i / 30)
    tall = pose[27:, 1].max() - pose[Joint.NOSE, 1]
    hers = seen(HER, Stance(), HER_CAMERA)
    assert tall == pytest.approx(hers[27:, 1].max() - hers[Joint.NOSE, 1], rel=0.06)


def test_turning_the_amount_jumps_nothing() -> None:
    retarget = Retargeter(DANCER)
    steps, before = [], None
    for i in range(300):
        pose = retarget(seen(STRANGER, Stance(arms=(90, 90)), SOURCES[0]), (720, 1280), i / 30, float(i // 60 % 2))
        if before is not None and i > 2:
            steps.append(np.abs(pose - before)[:, :2].max())
        before = pose
    assert max(steps) < 0.02


def test_a_new_visitor_starts_afresh() -> None:
    retarget = Retargeter(DANCER)
    for time_s in TIMES[:150]:
        retarget(seen(STRANGER, dance(time_s), SOURCES[1]), SOURCES[1].size, time_s)
    retarget.reset()
    assert np.abs(retarget(CLIP[0], SQUARE, 99.0) - CLIP[0])[:, :2].max() < 0.02 * HEIGHT


def test_a_clip_that_begins_again_is_followed_on() -> None:
    retarget = Retargeter(DANCER)
    for _ in range(2):
        for pose, time_s in zip(CLIP[:90], TIMES[:90], strict=True):
            assert np.abs(retarget(pose, SQUARE, time_s) - pose)[:, :2].max() < 0.02 * HEIGHT


def test_a_clip_that_begins_again_has_no_floor_left_from_its_end() -> None:
    retarget = Retargeter(DANCER)
    for i in range(60):
        retarget(seen(HER, Stance(), Camera((480, 640), 0.95, 0.4)), (480, 640), 5 + i / 30)
    for i in range(60):
        pose = retarget(seen(HER, Stance(), Camera((480, 640), 0.75, 0.4)), (480, 640), i / 30)
    assert pose[27:, 1].max() == pytest.approx(DANCER.floor_near, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(arrays(np.float32, (33, 4), elements=st.floats(width=32)), min_size=1, max_size=4),
    st.floats(0, 1),
    st.sampled_from([(1, 1), (720, 1280), (640, 360)]),
)
def test_no_landmarks_whatever_give_nan(frames: list[np.ndarray], amount: float, size: tuple[int, int]) -> None:
    retarget = Retargeter(DANCER)
    for i, landmarks in enumerate([*frames, CLIP[0]]):
        pose = retarget(landmarks, size, i / 10, amount)
        assert pose.shape == (33, 4)
        assert pose.dtype == np.float32
        assert np.isfinite(pose).all()


@pytest.mark.footage
@pytest.mark.parametrize("name", ["board_freestyle", "squats_apache_5fps"])
def test_filmed_dancers_stay_as_they_are(name: str) -> None:
    landmarks, times = _tracked(name)
    dancer = proportions_of(landmarks, SQUARE)
    retarget = Retargeter(dancer)
    moved = [
        np.abs(retarget(pose, SQUARE, t) - pose)[:, :2].mean(axis=0) for pose, t in zip(landmarks, times, strict=True)
    ]
    assert np.mean(moved, axis=0).max() < 0.02 * dancer.height_near


def _tracked(name: str, most: int = 80) -> tuple[np.ndarray, list[float]]:
    """The first landmarks of a clip, in the square as high as the frame around its middle."""
    clip = cv2.VideoCapture(str(footage(f"dance/{name}.mp4")))
    rate, found, times = clip.get(cv2.CAP_PROP_FPS), [], []
    with Tracker() as tracker:
        for i in range(most):
            read, image = clip.read()
            if not read:
                break
            tracked = tracker.track(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), i / rate)
            if tracked.landmarks is not None:
                wide = image.shape[1] / image.shape[0]
                found.append(tracked.landmarks * [wide, 1, wide, 1] + [0.5 - wide / 2, 0, 0, 0])
                times.append(i / rate)
    return np.array(found, np.float32), times
