"""What a folder of pairs promises to those who read and write it."""

import os
from pathlib import Path

import numpy as np
import pytest

from engines.errors import PairsError
from training.pairs import PairsHeader, PairsWriter, Row, Shot, open_pairs

SIZE = (16, 16)
HEADER = PairsHeader(
    size=SIZE,
    fps=25,
    true_alpha=True,
    shots=(Shot(id="s0", source="a.mp4", static=True, frame_size=(20, 30), crop=(2, 1, 16), plate_at=(1, 2)),),
)


def _picture(seed: int, channels: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, channels), dtype=np.uint8)


def _row(i: int, split: str = "train") -> Row:
    return Row(id=f"{i:06d}", source="a.mp4", frame=i, time_s=i / 25, shot="s0", split=split)  # type: ignore[arg-type]


def _landmarks(i: int) -> np.ndarray:
    return np.random.default_rng(i).random((33, 4), dtype=np.float32)


def _add(writer: PairsWriter, i: int, split: str = "train") -> None:
    writer.add(_row(i, split), _landmarks(i), _picture(i, 3), _picture(i, 1)[..., 0], _picture(i, 4))


def _written(folder: Path, count: int = 3) -> PairsWriter:
    writer = PairsWriter(folder, HEADER)
    for i in range(count):
        _add(writer, i, "test" if i == count - 1 else "train")
    return writer


def test_everything_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    pairs = _written(tmp_path).finish()
    assert len(pairs) == 3
    np.testing.assert_array_equal(pairs.landmarks, np.stack([_landmarks(i) for i in range(3)]))
    np.testing.assert_array_equal(pairs.frame(1), _picture(1, 3))
    np.testing.assert_array_equal(pairs.mask(1), _picture(1, 1)[..., 0])
    figure = pairs.figure(1)
    assert figure is not None
    np.testing.assert_array_equal(figure, _picture(1, 4))
    assert pairs.split("train").tolist() == [0, 1]
    assert pairs.split("test").tolist() == [2]
    assert pairs.split("gap").tolist() == []


def test_the_square_is_found_in_the_plate(tmp_path: Path) -> None:
    writer = _written(tmp_path)
    plate = np.random.default_rng(9).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    shot = HEADER.shots[0].model_copy(update={"plate": writer.add_plate("s0", plate)})
    pairs = writer.finish(HEADER.model_copy(update={"shots": (shot,)}))
    square = pairs.plate_square("s0")
    assert square is not None
    np.testing.assert_array_equal(square, plate[1:17, 2:18])


def test_a_stopped_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    _written(tmp_path, 2)
    again = PairsWriter(tmp_path, HEADER)
    assert again.done == {"000000", "000001"}
    _add(again, 2)
    assert again.finish().ids == ("000000", "000001", "000002")


def test_a_pair_that_is_done_is_not_written_again(tmp_path: Path) -> None:
    _written(tmp_path, 2)
    before = (tmp_path / "frames" / "000001.png").stat().st_mtime_ns
    _add(PairsWriter(tmp_path, HEADER), 1)
    assert (tmp_path / "frames" / "000001.png").stat().st_mtime_ns == before


def test_a_note_torn_by_a_kill_is_forgotten_and_written_again(tmp_path: Path) -> None:
    _written(tmp_path, 2)
    part = tmp_path / PairsWriter.PART
    part.write_text(part.read_text()[:-40])
    again = PairsWriter(tmp_path, HEADER)
    assert again.done == {"000000"}
    _add(again, 1)
    assert len(again.finish()) == 2


def test_an_unfinished_folder_is_told_from_a_strange_one(tmp_path: Path) -> None:
    _written(tmp_path / "begun")
    with pytest.raises(PairsError, match="unfinished"):
        open_pairs(tmp_path / "begun")
    (tmp_path / "strange").mkdir()
    with pytest.raises(PairsError, match=r"no pairs\.json"):
        open_pairs(tmp_path / "strange")
    with pytest.raises(PairsError, match="no such folder"):
        open_pairs(tmp_path / "absent")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("pairs.json", "{", "not a header"),
        ("pairs.json", '{"format": 99}', "newer"),
        ("pairs.json", '{"format": 1, "size": [16, 16], "fps": 25, "colour": 1}', "not a header"),
        ("index.jsonl", "{}\n", "index cannot be read"),
        ("index.jsonl", "", "the index 0 pairs"),
        ("landmarks.npy", "x", "index cannot be read"),
    ],
)
def test_a_damaged_folder_is_one_sentence(tmp_path: Path, file: str, content: str, said: str) -> None:
    _written(tmp_path).finish()
    (tmp_path / file).write_text(content)
    with pytest.raises(PairsError, match=said):
        open_pairs(tmp_path)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    pairs = _written(tmp_path).finish()
    (tmp_path / "frames" / "000001.png").write_bytes(b"no picture")
    with pytest.raises(PairsError, match=r"000001\.png"):
        pairs.frame(1)
    (tmp_path / "frames" / "000001.png").unlink()
    with pytest.raises(PairsError, match=r"000001\.png"):
        pairs.frame(1)


@pytest.mark.skipif(os.name != "posix", reason="/dev/null is no folder on POSIX systems")
def test_a_folder_that_cannot_be_written_is_one_sentence() -> None:
    with pytest.raises(PairsError, match="cannot be written"):
        PairsWriter(Path("/dev/null/pairs"), HEADER)
