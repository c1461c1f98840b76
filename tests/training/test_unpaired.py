"""Two sides that need not match: gathered, marked for a person, split, and read back less what was rejected."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import understudy
from engines.errors import BadInput, PairsError
from engines.images import Frame
from training.unpaired import gather, open_sides
from training.unpaired.curation import balance_warnings, lettering
from training.unpaired.sheets import MOST, shown_of


def _photo(seed: int, height: int = 72, width: int = 96) -> Frame:
    rng = np.random.default_rng(seed)
    small = rng.integers(40, 220, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _folder(place: Path, count: int, first: int = 0) -> Path:
    place.mkdir(parents=True)
    for k in range(count):
        cv2.imwrite(str(place / f"p{k:02d}.png"), _photo(first + k))
    return place


def _captioned(frame: Frame, lines: int = 1) -> Frame:
    shown = np.ascontiguousarray(cv2.resize(frame, (640, 360)))
    for line in range(lines):
        at = (60, 335 - 40 * line)
        for color, thick in (((0, 0, 0), 4), ((255, 255, 255), 2)):
            cv2.putText(shown, "She said nothing at all", at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, color, thick, cv2.LINE_AA)
    return shown


def test_pictures_of_a_folder_are_split_four_to_one(tmp_path: Path) -> None:
    sides = gather(_folder(tmp_path / "a", 10), _folder(tmp_path / "b", 15, 50), tmp_path / "out")
    assert [len(sides.indices("A", split)) for split in ("train", "test")] == [8, 2]
    assert [len(sides.indices("B", split)) for split in ("train", "test")] == [12, 3]
    assert sides.titles == ("a", "b")


def test_a_film_is_split_in_time_and_thinned(tmp_path: Path) -> None:
    film = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (96, 72))
    for k in range(40):
        film.write(_photo(k))
    film.release()
    sides = gather(tmp_path / "a.avi", _folder(tmp_path / "b", 10, 50), tmp_path / "out", every=4)
    times = [sides.pairs.rows[i].time_s for i in sides.indices("A", "train")]
    assert times == pytest.approx([0.4 * k for k in range(8)], abs=0.11)
    assert sides.names("A", "test") == ["a_000032", "a_000036"]


def test_folders_called_train_and_test_say_the_split(tmp_path: Path) -> None:
    for k, (name, count) in enumerate({"trainA": 4, "trainB": 5, "testA": 3, "testB": 2}.items()):
        _folder(tmp_path / "both" / name, count, 100 * k)
    sides = gather(tmp_path / "both", None, tmp_path / "out")
    assert [len(sides.indices("A", split)) for split in ("train", "test")] == [4, 3]
    assert [len(sides.indices("B", split)) for split in ("train", "test")] == [5, 2]


def test_what_speaks_against_a_picture_is_said_in_the_list(tmp_path: Path) -> None:
    place = _folder(tmp_path / "a", 6)
    again = cv2.GaussianBlur(_photo(3), (0, 0), 1)
    strange = {
        "q0.jpg": again,
        "q1.png": np.full((72, 96, 3), 6, np.uint8),
        "q2.png": _captioned(_photo(30)),
        "q3.png": _captioned(_photo(31) // 6, lines=4),
    }
    for name, picture in strange.items():
        cv2.imwrite(str(place / name), picture)
    gather(place, _folder(tmp_path / "b", 6, 50), tmp_path / "out", size=360)
    lines = [line for line in (tmp_path / "out" / "rejected.txt").read_text().splitlines() if not line.startswith("#")]
    told = {line.split()[0]: line.partition("# ")[2] for line in lines}
    assert set(told) == {"A/q0", "A/q1", "A/q2", "A/q3"}
    assert told["A/q0"] == "near-duplicate of p03"
    assert told["A/q1"] == "dark"
    assert told["A/q2"] == "caption"
    assert told["A/q3"].startswith("credits")


def test_windows_in_a_row_are_no_letters() -> None:
    wall = np.full((360, 480, 3), 90, np.uint8)
    for y in range(40, 320, 40):
        for x in range(20, 460, 16):
            wall[y : y + 14, x : x + 8] = 240
            wall[y + 3 : y + 11, x + 2 : x + 6] = 90
    assert lettering(wall) == []


def test_a_line_taken_out_of_the_list_keeps_its_picture(tmp_path: Path) -> None:
    sides = gather(_folder(tmp_path / "a", 10), _folder(tmp_path / "b", 10, 50), tmp_path / "out")
    rejects = sides.folder / "rejected.txt"
    rejects.write_text("A/p00\n# A/p01\nB/p02.png  # I do not like it\n")
    left = open_sides(sides.folder)
    assert left.rejected == {"A/p00", "B/p02"}
    assert "p00" not in left.names("A", "train")
    assert "p01" in left.names("A", "train")


def test_a_list_that_somebody_edited_stays_when_the_sides_are_gathered_again(tmp_path: Path) -> None:
    a, b = _folder(tmp_path / "a", 10), _folder(tmp_path / "b", 10, 50)
    gather(a, b, tmp_path / "out")
    (tmp_path / "out" / "rejected.txt").write_text("A/p03  # mine\n")
    assert gather(a, b, tmp_path / "out").rejected == {"A/p03"}


def test_a_list_that_names_nobody_is_refused_with_its_line(tmp_path: Path) -> None:
    sides = gather(_folder(tmp_path / "a", 5), _folder(tmp_path / "b", 5, 50), tmp_path / "out")
    (sides.folder / "rejected.txt").write_text("# mine\nA/nobody\n")
    with pytest.raises(PairsError, match="line 2 rejects 'A/nobody'"):
        open_sides(sides.folder)


def test_sides_out_of_balance_are_warned_about() -> None:
    assert balance_warnings((300, 310), ("a", "b")) == []
    said = balance_warnings((200, 500), ("few", "many"))
    assert len(said) == 1
    assert "few" in said[0]
    assert len(balance_warnings((20, 30), ("a", "b"))) == 2


def test_pictures_are_shrunk_and_never_stretched(tmp_path: Path) -> None:
    place = _folder(tmp_path / "a", 3)
    cv2.imwrite(str(place / "wide.png"), _photo(9, 360, 640))
    sides = gather(place, _folder(tmp_path / "b", 3, 50), tmp_path / "out", size=90)
    assert sides.pairs.frame(sides.pairs.ids.index("A_wide")).shape == (90, 160, 3)


def test_a_folder_with_one_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="holds 1 picture for side A"):
        gather(_folder(tmp_path / "a", 1), _folder(tmp_path / "b", 5, 50), tmp_path / "out")


def test_a_side_rejected_down_to_one_is_refused(tmp_path: Path) -> None:
    sides = gather(_folder(tmp_path / "a", 3), _folder(tmp_path / "b", 3, 50), tmp_path / "out")
    (sides.folder / "rejected.txt").write_text("A/p00\nA/p01\n")
    with pytest.raises(PairsError, match="side A has 1 picture left"):
        open_sides(sides.folder)


def test_a_folder_without_both_sides_and_a_tiny_picture_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder A nor trainA"):
        gather(_folder(tmp_path / "x", 3), None, tmp_path / "out")
    place = _folder(tmp_path / "a", 2)
    cv2.imwrite(str(place / "dot.png"), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(BadInput, match="dot"):
        gather(place, _folder(tmp_path / "b", 3, 50), tmp_path / "out")


def test_of_many_pictures_a_sheet_shows_every_marked_one() -> None:
    marked = [k % 7 == 0 for k in range(3 * MOST)]
    shown = shown_of(marked)
    assert len(shown) == MOST
    assert {k for k, is_marked in enumerate(marked) if is_marked} <= set(shown)


def test_curate_as_a_person_types_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = _folder(tmp_path / "a", 6), _folder(tmp_path / "b", 6, 50)
    assert understudy.main(["curate", str(a), str(b), "--out", str(tmp_path / "out")]) == 0
    assert "rejected.txt" in capsys.readouterr().out
    assert (tmp_path / "out" / "contact_A.jpg").stat().st_size > 1000
    assert understudy.main(["curate", str(tmp_path / "nowhere"), str(b), "--out", str(tmp_path / "out2")]) == 2
    assert "nowhere" in capsys.readouterr().err
