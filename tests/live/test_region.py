"""Style on film, on pictures and on stage, whole or kept to the dancer."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import understudy
from engines.errors import BadInput
from engines.images import Frame
from engines.pose.follow import Follower
from engines.pose.tracker import Tracked
from live.config import LiveOptions
from live.control.parameters import Controls
from live.mailbox import Latest
from live.passing import Prepared, Seen
from live.pipeline import Preparing
from live.rendering import render
from live.repertoire import open_stand_in
from live.sources import Captured, source_spec
from live.sources.reels import open_reel
from live.stills import render_stills
from tests.fakes import standing
from tests.training.test_picture_evaluation import SIDE, _bundle


class _HalfTracker:
    """Somebody fills the left half of every frame."""

    def track(self, frame: Frame, time_s: float) -> Tracked:
        mask = np.zeros(frame.shape[:2], np.uint8)
        mask[:, : frame.shape[1] // 2] = 255
        return Tracked(standing(), mask, time_s)

    def close(self) -> None:
        """Nothing is open."""


class _NoTracker:
    def track(self, _frame: Frame, _time_s: float) -> Tracked:
        raise AssertionError("nobody asked for a pose")

    def close(self) -> None:
        """Nothing is open."""


def _picture(path: Path, color: tuple[int, int, int] = (200, 60, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), color[::-1], np.uint8))
    return path


def _read(path: Path) -> Frame:
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB), np.uint8)


def test_a_picture_becomes_a_picture(tmp_path: Path) -> None:
    bundle, photo = _bundle(tmp_path / "negative", True), _picture(tmp_path / "in.png")
    assert (
        understudy.main(["render", "--bundle", str(bundle), "--source", str(photo), "--out", str(tmp_path / "o.png")])
        == 0
    )
    assert np.abs(_read(tmp_path / "o.png")[5, 5].astype(int) - (55, 195, 225)).max() <= 1


def test_what_only_films_can_have_is_not_left_away_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, photo = _bundle(tmp_path / "negative", True), _picture(tmp_path / "in.png")
    asked = ["render", "--bundle", str(bundle), "--source", str(photo), "--out", str(tmp_path / "o.png")]
    assert understudy.main([*asked, "--side-by-side", "--at", "1"]) != 0
    assert "--side-by-side, --at: for films alone" in capsys.readouterr().err
    assert not (tmp_path / "o.png").exists()


def test_a_folder_of_pictures_becomes_a_folder(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "negative", True)
    for k in range(3):
        _picture(tmp_path / "in" / f"{k}.jpg", (40 * k, 9, 9))
    written = render_stills(bundle, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in written] == ["0.png", "1.png", "2.png"]
    with pytest.raises(BadInput, match="over its own source"):
        render_stills(bundle, written[0], written[0])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no picture"):
        render_stills(bundle, tmp_path / "empty", tmp_path / "out2")


@pytest.mark.parametrize(("region", "left"), [("dancer", (55, 195, 225)), ("background", (200, 60, 30))])
def test_a_picture_is_kept_to_its_region(tmp_path: Path, region: str, left: tuple[int, int, int]) -> None:
    bundle, photo = _bundle(tmp_path / "negative", True), _picture(tmp_path / "in.png")
    render_stills(bundle, photo, tmp_path / "o.png", region=region, opened_tracker=_HalfTracker)
    assert np.abs(_read(tmp_path / "o.png")[32, 8].astype(int) - left).max() <= 2


def _film(path: Path) -> Path:
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (SIDE, SIDE))
    for _ in range(4):
        film.write(np.full((SIDE, SIDE, 3), (30, 60, 200), np.uint8))
    film.release()
    return path


def test_a_film_is_kept_to_its_region(tmp_path: Path) -> None:
    film, bundle = _film(tmp_path / "film.avi"), _bundle(tmp_path / "negative", True)
    render(bundle, str(film), tmp_path / "o.mp4", region="dancer", opened_tracker=_HalfTracker)
    _, frame = cv2.VideoCapture(str(tmp_path / "o.mp4")).read()
    assert np.abs(frame[32, 8, ::-1].astype(int) - (55, 195, 225)).max() < 12
    assert np.abs(frame[32, 56, ::-1].astype(int) - (200, 60, 30)).max() < 12


def test_who_only_looks_at_the_picture_waits_for_no_pose(tmp_path: Path) -> None:
    film, bundle = _film(tmp_path / "film.avi"), _bundle(tmp_path / "negative", True)
    assert render(bundle, str(film), tmp_path / "o.mp4", opened_tracker=_NoTracker).frames == 4


def test_a_single_picture_is_a_source_that_stands(tmp_path: Path) -> None:
    reel = open_reel(source_spec(str(_picture(tmp_path / "label.png"))))
    moments = reel.moments()
    first, second = next(moments), next(moments)
    assert reel.count is None
    assert second.time_s - first.time_s == pytest.approx(1 / 25)
    np.testing.assert_array_equal(first.drawn(), second.drawn())


@pytest.mark.parametrize("region", ["whole", "dancer"])
def test_on_stage_the_mask_is_waited_for_only_where_it_is_needed(tmp_path: Path, region: str) -> None:
    stand_in = open_stand_in(_bundle(tmp_path / "negative", True), LiveOptions(), threads=1, waits=True)
    frames, seen, out = Latest[Captured](), Latest[Seen](), Latest[Prepared]()
    frame = np.full((SIDE, SIDE, 3), (200, 60, 30), np.uint8)
    tracked = _HalfTracker().track(frame, 1.0)
    preparing = Preparing(lambda: stand_in, Follower(None), frames, seen, lambda: Controls(region=region), out)
    (frames if region == "whole" else seen).put(
        Captured(frame, 1.0) if region == "whole" else Seen(Captured(frame, 1.0), tracked)  # type: ignore[arg-type]
    )
    assert preparing.step()
    prepared = out.after(0, 1.0)
    assert prepared is not None
    shown = stand_in.performer.drawn(prepared.value.inputs, prepared.value.scene).image
    right = (200, 60, 30) if region == "dancer" else (55, 195, 225)
    assert np.abs(shown[32, 8].astype(int) - (55, 195, 225)).max() <= 2
    assert np.abs(shown[32, 56].astype(int) - right).max() <= 2
    stand_in.performer.close()
