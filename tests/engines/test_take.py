"""What a take promises: an empty room, a steady camera, one square, and no frame lost without a reason."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import VideoError
from engines.film.cutting import CUT_LEVELS
from engines.pose.landmarks import Joint
from engines.take.clip import MemoryClip, kept_at, open_clip
from engines.take.framing import (
    Square,
    following_squares,
    landmarks_in_square,
    static_square,
    warped,
    warped_inside,
    whole_square,
)
from engines.take.plate import at_scale, kept_clear
from engines.take.registration import edges_stand_still
from engines.take.shots import cuts, kept_frames
from engines.take.take import Take, square_mask, square_picture, take_of
from engines.take.tracking import Track, joined, tracked
from tests.fakes_take import Film, FilmTracker, room
from tests.footage import footage

SECONDS = 3.0


def _track(film: Film, seconds: float = SECONDS) -> tuple[MemoryClip, Track]:
    clip = film.clip(seconds)
    return clip, tracked(clip.frames(), FilmTracker(film), clip.size)


def _take(film: Film, seconds: float = SECONDS) -> Take:
    clip, track = _track(film, seconds)
    return take_of(clip, track, fps=30)


@pytest.fixture(scope="module")
def locked_take() -> Take:
    return _take(Film())


@pytest.fixture(scope="module")
def swaying_take() -> Take:
    return _take(Film(sway=9, logo=True))


@pytest.fixture(scope="module")
def still_track() -> Track:
    return _track(Film())[1]


def test_the_plate_of_a_locked_camera_is_the_room_without_the_dancer(locked_take: Take) -> None:
    (shot,) = locked_take.shots
    assert shot.plate is not None
    truth = Film(nobody=True).frame(0)
    seen = shot.plate.never_seen == 0
    assert np.abs(shot.plate.image.astype(int) - truth)[seen].max() <= 2
    assert shot.plate.share < 0.1


def test_frames_of_a_locked_camera_are_not_resampled(locked_take: Take) -> None:
    frame = locked_take.clip.pictures[7]  # type: ignore[attr-defined]
    (shot,) = locked_take.shots
    assert np.array_equal(shot.matrix(7), np.eye(3))
    square = Square(20, 10, 128)
    assert np.array_equal(square_picture(frame, square, 128), frame[10:138, 20:148])


def test_a_sway_is_taken_out_to_a_fraction_of_a_pixel(swaying_take: Take) -> None:
    film = Film(sway=9)
    (shot,) = swaying_take.shots
    assert shot.matrices is not None
    assert shot.camera.sway > 5
    onto_room = [np.linalg.inv(film.camera(i / film.fps)) for i in shot.kept]
    # canvas -> room must be one and the same matrix for all frames
    back = np.stack([true @ np.linalg.inv(found) for true, found in zip(onto_room, shot.matrices, strict=True)])
    height, width = shot.size
    corners = np.array([[[0, 0]], [[width, 0]], [[0, height]], [[width, height]]], float)
    laid = np.stack([cv2.perspectiveTransform(corners, matrix)[:, 0] for matrix in back])
    strayed = np.linalg.norm(laid - np.median(laid, axis=0), axis=-1)
    assert np.quantile(strayed, 0.95) < 0.7


@pytest.mark.parametrize(("sway", "still"), [(0, True), (3, False)])
def test_a_plain_room_that_stays_put_is_a_locked_camera_and_its_lines_no_lettering(sway: float, still: bool) -> None:
    """A wall, floorboards, and a logo on the screen; film grain, and somebody who walks through."""
    random, frames, covers = np.random.default_rng(4), [], []
    for t in range(20):
        room = np.full((240, 320, 3), 190, np.uint8)
        room[180:] = (170, 130, 90)
        for x in range(-200, 520, 60):
            cv2.line(room, (160 + (x - 160) // 2, 180), (x, 239), (120, 90, 60), 2)
        move = np.array([[1, 0, sway * np.sin(t)], [0, 1, sway * np.cos(2 * t)]])
        frame = cv2.warpAffine(room, move, (320, 240), borderMode=cv2.BORDER_REPLICATE).astype(np.int16)
        frame[10:25, 10:40] = 250
        frame[100:230, 8 * t : 8 * t + 40] = (200, 40, 40)
        cover = np.zeros((240, 320), np.uint8)
        cover[90:240, max(0, 8 * t - 8) : 8 * t + 48] = 255
        frames.append((frame + random.integers(-2, 3, frame.shape)).clip(0, 255).astype(np.uint8))
        covers.append(cover)
    assert edges_stand_still(frames, covers) is still


def test_a_logo_on_the_screen_is_neither_followed_nor_left_in_the_plate(swaying_take: Take) -> None:
    (shot,) = swaying_take.shots
    assert shot.plate is not None
    assert shot.camera.lettering[12:22, 10:50].mean() > 100
    onto_room = np.linalg.inv(Film(sway=9).camera(shot.kept[20] / 20)) @ np.linalg.inv(shot.matrices[20])  # type: ignore[index]
    height, width = shot.size
    truth = cv2.warpPerspective(room(), np.linalg.inv(onto_room), (width, height), flags=cv2.INTER_CUBIC)
    seen = shot.plate.never_seen == 0
    seen[:3] = seen[-3:] = seen[:, :3] = seen[:, -3:] = False
    assert np.abs(shot.plate.image.astype(int) - truth)[seen].mean() < 6


def test_a_logo_is_replaced_by_the_room_where_it_does_not_touch_the_dancer() -> None:
    plate = np.full((64, 64, 3), 50, np.uint8)
    hidden = np.zeros((64, 64), np.uint8)
    hidden[:20, :20] = 255
    frame = np.full((64, 64, 3), 200, np.uint8)
    shown = square_picture(frame, Square(0, 0, 64), 64, None, plate, hidden)
    assert (shown[:20, :20] == 50).all()
    assert (shown[40:, 40:] == 200).all()


def test_a_pan_is_not_called_static_and_says_why() -> None:
    (shot,) = _take(Film(pan=90)).shots
    assert not shot.static
    assert shot.plate is None
    assert "pans" in shot.camera.why or "could not be laid" in shot.camera.why
    assert shot.matrices is None


@pytest.mark.parametrize("sway", [0.0, 9.0])
def test_landmarks_and_pixels_go_into_the_square_together(sway: float) -> None:
    take = _take(Film(sway=sway), 2.0)
    (shot,) = take.shots
    size = 160
    for k in (3, 17, 30):
        marked = np.zeros((*take.clip.size, 3), np.uint8)
        found = take.track.landmarks[shot.kept[k]]
        for joint in (Joint.LEFT_WRIST, Joint.RIGHT_ANKLE, Joint.NOSE):
            marked[:] = 0
            center = found[joint, :2] * take.clip.size[::-1] - 0.5
            cv2.circle(marked, np.round(center * 16).astype(int).tolist(), 4 * 16, (255,) * 3, -1, cv2.LINE_AA, 4)
            drawn = square_picture(marked, shot.squares[k], size, shot.matrix(k))[..., 0].astype(float)
            rows, columns = np.indices(drawn.shape)
            middle = np.array([(columns * drawn).sum(), (rows * drawn).sum()]) / drawn.sum() + 0.5
            assert np.abs(middle - take.landmarks(shot, k)[joint, :2] * size).max() < 0.4


def test_the_square_holds_all_limbs_of_all_kept_frames(swaying_take: Take) -> None:
    (shot,) = swaying_take.shots
    assert "outside the square" not in swaying_take.drops
    for k in range(len(shot.kept)):
        points = swaying_take.landmarks(shot, k)[:, :2]
        assert points.min() > 0.01
        assert points.max() < 0.99


def test_one_slip_of_the_tracker_does_not_widen_the_square() -> None:
    boxes = np.tile([40.0, 30, 100, 150], (20, 1))
    usual = static_square(boxes, (400, 400))
    boxes[7] = [0, 30, 390, 150]
    assert static_square(boxes, (400, 400)) == usual


def test_the_square_stays_in_the_frame_where_it_can() -> None:
    square = static_square(np.array([[2.0, 3, 90, 150]] * 5), (200, 300))
    assert square.x >= 0
    assert square.y >= 0
    assert square.side == pytest.approx(147 / 0.9)


def test_a_dancer_wider_than_the_frame_is_high_gets_a_square_that_leaves_it() -> None:
    square = static_square(np.array([[10.0, 20, 290, 180]] * 5), (200, 300))
    assert square.side > 280
    assert square.y < 0


def test_a_following_square_keeps_its_size_and_the_dancer() -> None:
    times = np.arange(60) / 20
    centers = 200 + 120 * np.sin(times)
    boxes = np.stack([centers - 20, np.full(60, 40.0), centers + 20, np.full(60, 160.0)], axis=1)
    squares = following_squares(boxes, times)
    assert len({square.side for square in squares}) == 1
    for box, square in zip(boxes, squares, strict=True):
        assert square.holds(np.array([[box[0], box[1]], [box[2], box[3]]], np.float32)).all()


def test_the_whole_frame_is_centered_in_its_square_and_never_stretched() -> None:
    square = whole_square((100, 200))
    assert square == Square(0, -50, 200)
    frame = np.zeros((100, 200, 3), np.uint8)
    cv2.circle(frame, (100, 50), 30, (255, 255, 255), -1)
    drawn = square_picture(frame, square, 200)[..., 0] > 127
    assert abs(int(np.ptp(np.flatnonzero(drawn.any(0)))) - int(np.ptp(np.flatnonzero(drawn.any(1))))) <= 1


def test_z_keeps_its_scale_to_x() -> None:
    landmarks = np.full((33, 4), 0.5, np.float32)
    landmarks[:, 2] = 0.1
    assert landmarks_in_square(landmarks, (100, 200), Square(50, 0, 100), None)[0, 2] == pytest.approx(0.2)


def test_the_square_lies_in_the_scaled_plate_where_it_says() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 3)
    for square in (Square(30.3, 10.7, 60.0), Square(-12.0, -20.0, 120.0), Square(100.0, 50.0, 90.0)):
        plate, (y, x) = at_scale(frame, square, 96)
        assert plate.shape[0] >= y + 96
        assert plate.shape[1] >= x + 96
        behind = plate[y : y + 96, x : x + 96].astype(int)
        inside = warped_inside((90, 160), square.matrix(96), (96, 96))
        assert np.abs(behind - square_picture(frame, square, 96))[inside].max() <= 1


def test_a_mask_ends_where_the_frame_ends() -> None:
    mask = np.full((40, 40), 255, np.uint8)
    drawn = square_mask(mask, Square(-20, 0, 40), 40, None)
    assert (drawn[:, :19] == 0).all()
    assert (drawn[:, 21:] == 255).all()


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((200, 200, 3), np.uint8)
    stripes[:, ::2] = 255
    drawn = warped(stripes, Square(0, 0, 200).matrix(60), (60, 60))
    assert np.abs(drawn[5:-5, 5:-5].astype(int) - 127).max() < 25


def test_fast_hands_that_the_mask_lost_are_kept_clear_all_the_same() -> None:
    film = Film()
    landmarks = film.landmarks(1.0)
    cover = kept_clear(np.zeros(film.size, np.uint8), landmarks)
    x, y = (landmarks[Joint.LEFT_WRIST, :2] * film.size[::-1]).astype(int)
    assert cover[y, x] == 255


def test_a_cut_is_found_and_a_shaken_camera_is_not() -> None:
    first, other = Film(), Film(pan=0, torso=20)
    frames = [first.frame(i / 20) for i in range(20)]
    frames += [other.frame(i / 20)[:, ::-1].copy() for i in range(20)]
    glances = _as_glances(frames)
    assert cuts(glances).tolist() == [20]
    shaken = [np.roll(first.frame(0), 28 * (i % 2), axis=1) for i in range(25)]
    track = _as_glances(shaken)
    assert (
        np.abs(np.diff(track.glances.astype(float), axis=0)).mean() > CUT_LEVELS
    )  # as far off as a cut, but each time
    assert cuts(track).tolist() == []


def _as_glances(frames: list[np.ndarray]) -> Track:
    clip = MemoryClip(frames, 20)
    return tracked(clip.frames(), FilmTracker(Film()), clip.size)


def test_every_dropped_frame_is_counted_once_with_its_reason(still_track: Track) -> None:
    track = still_track
    landmarks, sharpness = track.landmarks.copy(), track.sharpness.copy()
    landmarks[3] = np.nan
    landmarks[8, :, 3] = 0.2
    landmarks[13, Joint.LEFT_ANKLE, 1] = 1.1
    sharpness[18] = 0.2 * sharpness[18]
    landmarks[25, :, 0] += 0.5
    glances = track.glances.copy()
    glances[31], landmarks[31] = glances[30], landmarks[30]
    changed = replace(track, landmarks=landmarks, sharpness=sharpness, glances=glances)
    (kept,), drops = kept_frames(changed, 20, 30)
    assert drops == {
        "nobody": 1,
        "low visibility": 1,
        "out of frame": 1,
        "blur": 1,
        "cut or jump": 1,
        "near-duplicate": 1,
    }
    assert sorted(set(range(60)) - set(kept.tolist())) == [3, 8, 13, 18, 25, 31]


@pytest.mark.parametrize(("clip_fps", "fps", "kept"), [(60, 30, 30), (25, 30, 25), (30, 10, 10), (24, 15, 15)])
def test_a_clip_is_thinned_evenly(clip_fps: float, fps: float, kept: int) -> None:
    chosen = [i for i in range(round(clip_fps)) if kept_at(i, clip_fps, fps)]
    assert len(chosen) == kept
    steps = np.diff(chosen)
    assert steps.max() - steps.min() <= 1


def test_a_track_is_read_back_to_the_bit_and_joins_seamlessly(still_track: Track, tmp_path: Path) -> None:
    parts = [still_track.chosen(np.arange(25)), still_track.chosen(np.arange(25, 60))]
    for i, part in enumerate(parts):
        part.save(tmp_path / f"{i}.npz")
    again = joined([Track.load(tmp_path / f"{i}.npz") for i in range(2)])
    assert again.size == still_track.size
    assert again.masks == still_track.masks
    for name in ("numbers", "times", "landmarks", "glances", "sharpness"):
        np.testing.assert_array_equal(getattr(again, name), getattr(still_track, name))


def test_nobody_at_all_is_one_sentence() -> None:
    with pytest.raises(VideoError, match="nobody was found in any of its 20 frames"):
        _take(Film(nobody=True), 1.0)


def test_a_clip_without_a_usable_frame_says_what_was_wrong_with_them(still_track: Track) -> None:
    landmarks = still_track.landmarks.copy()
    landmarks[..., 3] = 0.1
    with pytest.raises(VideoError, match="low visibility: 60"):
        take_of(Film().clip(0.1), replace(still_track, landmarks=landmarks), fps=30)


@pytest.mark.parametrize("content", [None, b"", b"this is no video"])
def test_what_is_no_video_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=r"clip\.mp4"):
        open_clip(path)


def test_frames_are_the_same_wherever_reading_begins(tmp_path: Path) -> None:
    clip = open_clip(Film().write(tmp_path / "clip.avi", 1.5))
    assert (clip.size, clip.fps, clip.count) == ((200, 260), 20, 30)
    whole, part = list(clip.frames()), list(clip.frames(11, 17))
    assert [at.number for at in part] == list(range(11, 17))
    for at in part:
        assert np.array_equal(at.frame, whole[at.number].frame)
        assert at.time_s == whole[at.number].time_s


@pytest.mark.footage
def test_the_jump_in_the_hallway_is_found() -> None:
    clip = open_clip(footage("dance/hallway_street.mp4"))
    nobody = FilmTracker(Film(nobody=True))
    assert (cuts(tracked(clip.frames(480, 560), nobody, clip.size)) + 480).tolist() == [523]
