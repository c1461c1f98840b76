"""Any picture becomes a frame, and what is none is named in one sentence."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import BadInput
from engines.pictures import picture_files, read_picture

GRAY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


@pytest.mark.parametrize(
    ("name", "stored", "first"),
    [
        ("gray.png", GRAY, (5, 5, 5)),
        ("deep.png", (GRAY.astype(np.uint16) << 8), (5, 5, 5)),
        ("color.png", np.dstack([GRAY, GRAY * 0, GRAY * 0 + 200]), (200, 0, 5)),
        ("clear.png", np.dstack([GRAY, GRAY, GRAY, GRAY * 0]), (255, 255, 255)),
        ("solid.png", np.dstack([GRAY, GRAY * 0, GRAY * 0 + 200, GRAY * 0 + 255]), (200, 0, 5)),
        ("deep_alpha.tif", np.full((6, 8, 4), (0, 0, 65535, 32768), np.uint16), (255, 127, 127)),
    ],
)
def test_any_kind_of_picture_becomes_three_bytes_a_pixel(
    tmp_path: Path, name: str, stored: np.ndarray, first: tuple[int, int, int]
) -> None:
    cv2.imwrite(str(tmp_path / name), stored)
    frame = read_picture(tmp_path / name)
    assert (frame.shape, frame.dtype) == ((6, 8, 3), np.dtype(np.uint8))
    assert tuple(frame[0, 1]) == first


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(BadInput, match=r"broken\.png"):
        read_picture(tmp_path / "broken.png")


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nobody\.png"):
        read_picture(tmp_path / "nobody.png")


def test_a_folder_lists_its_pictures_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in picture_files(tmp_path)] == ["a.png", "b.JPG"]
    with pytest.raises(BadInput, match="nowhere"):
        picture_files(tmp_path / "nowhere")
