"""One person is followed, whatever the picture shows, and the terminal stays clean."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import BadInput, Unavailable
from engines.images import Frame, resized
from engines.pose.landmarks import Joint, Landmarks
from engines.pose.model import pose_model
from engines.pose.puppet import BuiltInDancer, studio
from engines.pose.tracker import Tracker
from tests.footage import footage

SIZE = (360, 480)


@pytest.fixture(scope="module", autouse=True)
def _model() -> Path:
    try:
        return pose_model()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def dancer() -> BuiltInDancer:
    return BuiltInDancer(SIZE)


@pytest.fixture(scope="module")
def glance() -> Tracker:
    return Tracker(mode="image", masks=True)


def error_px(found: Landmarks | None, true: Landmarks) -> float:
    assert found is not None
    return float(np.median(np.linalg.norm((found - true)[11:, :2] * [SIZE[1], SIZE[0]], axis=1)))


def two_people(left: Frame, right: Frame, share: float) -> Frame:
    """A wide picture of two; the right one is `share` as large."""
    small = resized(right, (round(SIZE[0] * share), round(SIZE[1] * share)))
    wall = cv2.GaussianBlur(right, (0, 0), 60)
    top, aside = SIZE[0] - small.shape[0], (SIZE[1] - small.shape[1]) // 2
    wall[top:, aside : aside + small.shape[1]] = small
    return np.hstack([left, wall])


def test_the_built_in_dancer_is_found_where_it_is_drawn(dancer: BuiltInDancer) -> None:
    with Tracker() as tracker:
        errors = [
            error_px(tracker.track(dancer.frame_at(t), t).landmarks, dancer.landmarks_at(t))
            for t in np.arange(12.0, 15.0, 0.1)
        ]
    assert np.median(errors) < 6
    assert max(errors) < 20


def test_a_single_picture_is_enough_in_image_mode(dancer: BuiltInDancer, glance: Tracker) -> None:
    for t in (30.0, 8.5):  # in no order
        assert error_px(glance.track(dancer.frame_at(t), 0.0).landmarks, dancer.landmarks_at(t)) < 8


def test_an_empty_room_holds_nobody(dancer: BuiltInDancer, glance: Tracker) -> None:
    room = studio(dancer.camera)
    assert glance.track(room, 0.0).landmarks is None
    assert glance.track(room, 0.0).mask is None
    with Tracker() as tracker:
        assert [tracker.track(room, t / 10).landmarks for t in range(3)] == [None, None, None]


def test_somebody_who_leaves_is_nobody_and_who_comes_back_is_found(dancer: BuiltInDancer) -> None:
    room, person = studio(dancer.camera), dancer.frame_at(8.0)
    with Tracker() as tracker:
        seen = [
            tracker.track(frame, i / 30).landmarks for i, frame in enumerate([person] * 2 + [room] * 4 + [person] * 3)
        ]
    assert seen[1] is not None
    assert seen[5] is None
    assert seen[8] is not None


def test_a_time_that_goes_backwards_begins_a_new_sequence(dancer: BuiltInDancer) -> None:
    with Tracker() as tracker:
        for t in (8.0, 8.1, 30.0, 8.0, 8.0, 8.0001):
            assert error_px(tracker.track(dancer.frame_at(t), t).landmarks, dancer.landmarks_at(t)) < 12


def test_depth_is_in_frame_widths_like_the_dancers_own(dancer: BuiltInDancer, glance: Tracker) -> None:
    t = 38 * 0.625  # both arms point into the camera
    found, true = glance.track(dancer.frame_at(t), 0.0).landmarks, dancer.landmarks_at(t)
    assert found is not None
    wrists = [Joint.LEFT_WRIST, Joint.RIGHT_WRIST]
    assert 0.5 < found[wrists, 2].mean() / true[wrists, 2].mean() < 1.6


def test_the_mask_covers_the_person_and_not_the_room(dancer: BuiltInDancer, glance: Tracker) -> None:
    mask = glance.track(dancer.frame_at(8.5), 0.0).mask
    assert mask is not None
    assert mask.shape == SIZE
    assert mask.dtype == np.uint8
    x, y, *_ = dancer.landmarks_at(8.5)[[Joint.LEFT_HIP, Joint.RIGHT_SHOULDER]].mean(axis=0)
    assert mask[round(y * SIZE[0]), round(x * SIZE[1])] > 200
    assert mask[:, :30].max() < 60


def test_of_two_people_the_larger_is_followed(dancer: BuiltInDancer) -> None:
    # MediaPipe left alone takes the smaller one here, who stands on the left.
    picture = two_people(dancer.frame_at(8.75), BuiltInDancer(SIZE, seed=1).frame_at(8.2), 0.85)[:, ::-1]
    with Tracker() as tracker:
        for i in range(4):
            landmarks = tracker.track(picture, i / 30).landmarks
            assert landmarks is not None
            assert landmarks[Joint.NOSE, 0] > 0.5


def test_after_a_blink_the_same_person_is_followed_and_not_the_larger(dancer: BuiltInDancer) -> None:
    both = two_people(dancer.frame_at(8.0), BuiltInDancer(SIZE, seed=1).frame_at(8.2), 0.9)[:, ::-1]
    alone, nobody = both.copy(), both.copy()
    room = np.hstack([studio(dancer.camera)] * 2)
    alone[:, SIZE[1] :], nobody[:] = room[:, SIZE[1] :], room
    with Tracker() as tracker:
        for i, picture in enumerate([alone, alone, nobody, both, both, both]):
            landmarks = tracker.track(picture, i / 30).landmarks
            assert landmarks is None or landmarks[Joint.NOSE, 0] < 0.5
        assert landmarks is not None


def test_who_was_away_for_long_is_forgotten(dancer: BuiltInDancer) -> None:
    both = two_people(dancer.frame_at(8.0), BuiltInDancer(SIZE, seed=1).frame_at(8.2), 0.9)[:, ::-1]
    room = np.hstack([studio(dancer.camera)] * 2)
    alone = both.copy()
    alone[:, SIZE[1] :] = room[:, SIZE[1] :]
    with Tracker() as tracker:
        for time_s, picture in ((0.0, alone), (0.1, alone), (0.2, room), (2.0, room)):
            tracker.track(picture, time_s)
        landmarks = tracker.track(both, 2.1).landmarks
    assert landmarks is not None
    assert landmarks[Joint.NOSE, 0] > 0.5


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (10, 10, 1)])
def test_what_is_no_frame_is_refused(glance: Tracker, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="height, width, 3"):
        glance.track(np.zeros(shape, np.uint8), 0.0)


def test_an_unknown_mode_names_the_modes_there_are() -> None:
    with pytest.raises(BadInput, match="video"):
        Tracker(mode="live")  # type: ignore[arg-type]


def test_a_missing_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"none\.task"):
        Tracker(tmp_path / "none.task")


def test_a_broken_model_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.task"
    broken.write_bytes(b"this is no archive")
    with pytest.raises(Unavailable, match=r"broken\.task") as caught:
        Tracker(broken)
    assert "\n" not in str(caught.value)


def test_closing_twice_does_no_harm() -> None:
    tracker = Tracker(mode="image")
    tracker.close()
    tracker.close()


def test_nothing_native_reaches_the_terminal() -> None:
    # Left open on purpose: what is not closed must not print a traceback at exit either.
    code = (
        "from engines.pose.tracker import Tracker; from engines.pose.puppet import BuiltInDancer\n"
        "import sys; d = BuiltInDancer((360, 480)); t = Tracker(masks=True); print('ours', file=sys.stderr)\n"
        "assert t.track(d.frame_at(8), 0).landmarks is not None; t.track(d.frame_at(8.1), 0.1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "ours\n")


@pytest.mark.footage
def test_a_filmed_dancer_is_found_in_every_frame() -> None:
    capture = cv2.VideoCapture(str(footage("dance/board_freestyle.mp4")))
    found = []
    with Tracker() as tracker:
        for i in range(40):
            read, frame = capture.read()
            assert read
            found.append(tracker.track(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), i / 25).landmarks is not None)
    assert all(found)
