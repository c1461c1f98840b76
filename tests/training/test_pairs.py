"""What building pairs promises: the same folder however it was made, blocks of time, one sentence when it fails."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.errors import BadInput, PairsError, VideoError
from engines.pose.skeleton import drawn_skeleton
from engines.take.clip import open_clip
from engines.take.tracking import Track, joined
from tests.fakes_take import Film, FilmTracker, Found
from tests.footage import footage
from training.pairs import PairSet, build_pairs, open_pairs
from training.pairs.jobs import TrackJob, track_chunks
from training.pairs.splits import Splits, novelty, read_splits

FILM = Film(sway=3)
SECONDS = 3.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FILM.write(tmp_path_factory.mktemp("video") / "dance.avi", SECONDS)


@pytest.fixture(scope="module")
def pairs(video: Path, tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    return _built(video, tmp_path_factory.mktemp("pairs") / "one")


def _built(
    video: Path, out: Path, workers: int = 1, film: Film = FILM, tracker: FilmTracker | None = None, **options: object
) -> PairSet:
    return build_pairs(
        [video],
        out,
        size=options.pop("size", 96),  # type: ignore[arg-type]
        workers=workers,
        progress=lambda *_: None,
        tracker=tracker or FilmTracker(film),
        **options,  # type: ignore[arg-type]
    )


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name != "report.html"}


def test_two_processes_write_what_one_writes(video: Path, pairs: PairSet, tmp_path: Path) -> None:
    _built(video, tmp_path / "two", workers=2)
    assert _contents(tmp_path / "two") == _contents(pairs.folder)


def test_chunks_hold_every_frame_once_and_agree_with_one_go(video: Path, tmp_path: Path) -> None:
    clip = open_clip(video)
    cut = ((tmp_path / "a.npz", 0, 25), (tmp_path / "b.npz", 25, 40), (tmp_path / "c.npz", 40, None))
    for name, chunks in (("cut", cut), ("whole", ((tmp_path / "whole.npz", 0, None),))):
        ticks: list[int] = []
        track_chunks(TrackJob(clip, chunks, FilmTracker(FILM)), ticks.append)
        assert sum(ticks) == 60, name
    parts = joined([Track.load(file) for file, _, _ in cut])
    whole = Track.load(tmp_path / "whole.npz")
    assert parts.numbers.tolist() == list(range(60))
    np.testing.assert_array_equal(parts.landmarks, whole.landmarks)
    np.testing.assert_array_equal(parts.times, whole.times)


def test_nothing_of_the_work_is_left_behind(pairs: PairSet) -> None:
    assert sorted(path.name for path in pairs.folder.iterdir()) == [
        "frames",
        "index.jsonl",
        "landmarks.npy",
        "masks",
        "pairs.json",
        "plates",
        "report.html",
    ]


def test_the_splits_are_blocks_of_time_in_order(pairs: PairSet) -> None:
    order = [row.split for row in pairs.rows]
    assert [row.frame for row in pairs.rows] == sorted(row.frame for row in pairs.rows)
    assert order == sorted(order, key=["train", "validation", "gap", "test"].index)
    assert {row.split for row in pairs.rows} == {"train", "validation", "gap", "test"}
    test = [row for row in pairs.rows if row.split == "test"]
    assert all(row.novelty is not None for row in test)
    assert test[0].frame >= 0.76 * SECONDS * FILM.fps - 1


def test_a_steadied_figure_over_its_plate_is_the_frame(pairs: PairSet) -> None:
    shot = pairs.main_shot
    assert shot.static
    plate = pairs.plate_square(shot)
    assert plate is not None
    for i in (2, len(pairs) // 2, len(pairs) - 1):
        room = cv2.dilate(pairs.mask(i), np.ones((7, 7), np.uint8)) == 0
        assert np.abs(pairs.frame(i).astype(int) - plate)[room].mean() < 4
        assert (pairs.mask(i) > 127).mean() > 0.02


def test_landmarks_lie_on_the_figure_in_the_square(pairs: PairSet) -> None:
    for i in range(0, len(pairs), 7):
        x, y = (pairs.landmarks[i, [11, 12, 23, 24], :2].mean(0) * 96).astype(int)
        assert pairs.mask(i)[y, x] > 127
        assert np.abs(pairs.frame(i)[y, x].astype(int) - (235, 200, 30)).max() < 40


@dataclass(frozen=True)
class Trembling(FilmTracker):
    """Finds every landmark a little beside where it is, elsewhere each time."""

    def track(self, frame: NDArray[np.uint8], time_s: float) -> Found:
        seen = super().track(frame, time_s)
        assert seen.landmarks is not None
        noise = np.random.default_rng(round(time_s * 1000)).normal(0, 1.0, (33, 2)) / np.array(self.film.size[::-1])
        return Found(seen.landmarks + np.pad(noise, ((0, 0), (0, 2))).astype(np.float32), seen.mask)


def test_a_trembling_tracker_makes_pairs_that_tremble_less(video: Path, pairs: PairSet, tmp_path: Path) -> None:
    built = _built(video, tmp_path / "p", tracker=Trembling(FILM))
    raw, truth = Trembling(FILM), {row.frame: i for i, row in enumerate(pairs.rows)}
    side = built.rows[0].crop[2] if built.rows[0].crop else 1.0
    kept = [(i, truth[row.frame]) for i, row in enumerate(built.rows) if row.frame in truth]
    still = [11, 12, 23, 24]  # on the trunk there is nothing that hides them
    off = [built.landmarks[i][still, :2] - pairs.landmarks[j][still, :2] for i, j in kept]
    blank = np.zeros((1, 1, 3), np.uint8)
    noise = [
        (raw.track(blank, built.rows[i].time_s).landmarks - FILM.landmarks(built.rows[i].time_s))[still, :2]  # type: ignore[operator]
        * np.array(FILM.size[::-1])
        / side
        for i, _ in kept
    ]
    assert np.abs(np.diff(off, axis=0)).mean() < 0.6 * np.abs(np.diff(noise, axis=0)).mean()


def test_the_dancers_proportions_travel_with_the_pairs(pairs: PairSet) -> None:
    assert pairs.header.proportions is not None
    assert open_pairs(pairs.folder).header == pairs.header


def test_the_report_needs_no_other_file(pairs: PairSet) -> None:
    page = (pairs.folder / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=['\"](?!data:)", page)
    assert page.count("data:image/jpeg") > 10
    assert "Only " in page  # the warning that three seconds are not enough
    assert len(page) < 2_000_000


def test_aligned_images_are_skeleton_and_frame_side_by_side(video: Path, pairs: PairSet, tmp_path: Path) -> None:
    _built(video, pairs.folder, aligned=tmp_path / "aligned")
    i = int(pairs.split("test")[0])
    image = cv2.cvtColor(cv2.imread(str(tmp_path / "aligned" / "test" / f"{pairs.ids[i]}.png")), cv2.COLOR_BGR2RGB)
    assert image.shape == (96, 192, 3)
    np.testing.assert_array_equal(image[:, :96], drawn_skeleton(pairs.landmarks[i], (96, 96)))
    np.testing.assert_array_equal(image[:, 96:], pairs.frame(i))
    count = sum(len(list((tmp_path / "aligned" / name).iterdir())) for name in ("train", "val", "test"))
    assert count == len(pairs) - len(pairs.split("gap"))


def test_a_finished_folder_is_opened_and_not_built_again(video: Path, pairs: PairSet) -> None:
    before = {path: path.stat().st_mtime_ns for path in pairs.folder.rglob("*.png")}
    assert _built(video, pairs.folder).ids == pairs.ids
    assert {path: path.stat().st_mtime_ns for path in pairs.folder.rglob("*.png")} == before


def test_a_folder_of_other_pairs_is_not_overwritten(video: Path, pairs: PairSet) -> None:
    with pytest.raises(PairsError, match="other videos or settings"):
        _built(video, pairs.folder, size=64)


@pytest.mark.parametrize("crop", ["none", "follow"])
def test_other_crops_keep_the_dancer_whole(video: Path, tmp_path: Path, crop: str) -> None:
    built = _built(video, tmp_path / crop, crop=crop)
    assert built.landmarks[..., :2].min() > 0
    assert built.landmarks[..., :2].max() < 1
    assert built.main_shot.static == (crop == "none")
    sides = {round(row.crop[2], 3) for row in built.rows if row.crop}
    assert len(sides) == 1


_SCRIPT = """
from pathlib import Path
from tests.fakes_take import Film, FilmTracker, Found
from training.pairs import build_pairs
if __name__ == "__main__":
    film = Film(sway=3)
    try:
        build_pairs([{video!r}], {out!r}, size=96, workers={workers}, progress=lambda *said: print(*said, flush=True),
                    tracker=FilmTracker(film, slow_s={slow}))
    except KeyboardInterrupt:
        raise SystemExit(130)
"""


def _begun(video: Path, out: Path, slow: float = 0.0, workers: int = 1) -> subprocess.Popen[str]:
    script = out.with_suffix(".py")
    script.write_text(_SCRIPT.format(video=str(video), out=str(out), slow=slow, workers=workers))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def _until(process: subprocess.Popen[str], said: str, at_least: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        stage, done, _ = line.rsplit(maxsplit=2)
        if stage == said and int(done) >= at_least:
            return
    raise AssertionError(f"ended before {said} reached {at_least}")


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_build_goes_on_and_ends_with_the_same_folder(video: Path, pairs: PairSet, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = _begun(video, out)
    _until(process, "writing pairs", 5)
    process.kill()
    process.wait()
    with pytest.raises(PairsError, match="unfinished"):
        open_pairs(out)
    written = {path: path.stat().st_mtime_ns for path in (out / "frames").glob("*.png")}
    assert 5 <= len(written) < len(pairs)
    told: list[tuple[str, int, int]] = []
    build_pairs(
        [video],
        out,
        size=96,
        workers=1,
        progress=lambda *said: told.append(said),
        tracker=FilmTracker(Film(nobody=True)),
    )
    assert ("finding the dancer", 0, 0) in told  # a tracker that finds nobody proves that nothing was tracked again
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert _contents(out) == _contents(pairs.folder)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_every_process_and_keeps_what_was_made(tmp_path: Path) -> None:
    long = FILM.write(tmp_path / "long.avi", 8.0)
    out = tmp_path / "stopped"
    process = _begun(long, out, slow=0.02, workers=2)
    deadline = time.monotonic() + 60
    while not list(out.glob(".work/*/*.npz")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert list(out.glob(".work/*/*.npz"))
    deadline = time.monotonic() + 10
    while _alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(process.pid)


def test_a_video_without_a_person_is_one_sentence(video: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"dance\.avi: nobody was found in any of its 60 frames"):
        _built(video, tmp_path / "nobody", film=Film(nobody=True))


def test_a_folder_in_which_nobody_was_found_is_free_for_another_video(video: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError):
        _built(video, tmp_path / "pairs", film=Film(nobody=True))
    assert len(_built(video, tmp_path / "pairs", crop="none")) > 0


def test_an_error_in_a_worker_process_keeps_its_sentence(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "odd"
    with pytest.raises(VideoError, match="nobody was found"):
        _built(video, out, workers=2, film=Film(nobody=True))


@pytest.mark.skipif(os.name != "posix", reason="/dev/null is no folder on POSIX systems")
def test_a_folder_that_cannot_be_written_is_one_sentence(video: Path) -> None:
    with pytest.raises(PairsError, match="cannot be written"):
        _built(video, Path("/dev/null/pairs"))


def test_a_build_of_something_else_is_not_gone_on_with(video: Path, tmp_path: Path) -> None:
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "request.json").write_text(json.dumps({"size": "1"}))
    with pytest.raises(PairsError, match="was begun here"):
        _built(video, tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 100}, "multiple of 16"),
        ({"size": 8}, "multiple of 16"),
        ({"fps": 0}, "frames a second"),
        ({"crop": "round"}, "not known"),
        ({"workers": 0}, "1 or more"),
        ({"splits": "50/10/20"}, "100 percent"),
        ({"splits": "most"}, "68/8/24"),
        ({"splits": "0/50/50"}, "100 percent"),
    ],
)
def test_a_setting_out_of_range_is_named(video: Path, tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _built(video, tmp_path / "pairs", **options)  # type: ignore[arg-type]


def test_the_default_split_is_the_one_that_is_measured() -> None:
    assert read_splits("68/8/24") == Splits() == Splits(0.68, 0.08, 0.24)
    assert read_splits("80/5/15").at(0.81) == "gap"


@given(st.floats(0, 1), st.floats(0, 1))
def test_later_is_never_an_earlier_split(one: float, other: float) -> None:
    order = ["train", "validation", "gap", "test"]
    early, late = sorted([one, other])
    assert order.index(Splits().at(early)) <= order.index(Splits().at(late))


def test_novelty_sees_the_pose_and_not_the_place_or_the_size() -> None:
    base = FILM.landmarks(0.0)
    moved = base.copy()
    moved[:, :2] = base[:, :2] * 0.5 + 0.2
    other = FILM.landmarks(0.7)
    found = novelty(np.stack([base, moved, other]), FILM.size, np.array([1, 2]), np.array([0]))
    assert found[0] < 1e-4
    assert found[1] > 0.05


@pytest.mark.footage
@pytest.mark.slow
def test_real_footage_becomes_pairs_with_a_clean_plate(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    built = build_pairs([footage("dance/squats_apache_5fps.mp4")], tmp_path / "p", size=128, progress=lambda *_: None)
    assert len(built) >= 55
    assert built.main_shot.static
    assert built.main_shot.sway == 0
    plate = built.plate_square(built.main_shot)
    assert plate is not None
    i = len(built) // 2
    room = cv2.dilate(built.mask(i), np.ones((25, 25), np.uint8)) == 0
    assert np.abs(built.frame(i).astype(int) - plate)[room].mean() < 3
