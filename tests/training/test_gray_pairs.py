"""Pairs for colorize: from photos and from videos, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import understudy
from engines.errors import BadInput, PairsError
from engines.images import Frame
from training.film import write_film
from training.pairs.gray import build_gray


def _scene(seed: int, side: int = 80) -> Frame:
    """A sky above a field, with a sun: colors that go with where things are."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((side, side * 3 // 2, 3), np.uint8)
    horizon = int(rng.integers(side // 3, side * 2 // 3))
    picture[:horizon] = (90, 140, 220)
    picture[horizon:] = (60, 130, 40)
    cv2.circle(picture, (int(rng.integers(10, side)), horizon // 2), side // 10, (250, 220, 90), -1)
    noise = rng.normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _gray(picture: Frame) -> Frame:
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)


def write_photos(folder: Path, count: int = 6, color: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture = _scene(i) if color else _gray(_scene(i))
        cv2.imwrite(str(folder / f"{i:03d}.png"), picture[..., ::-1])
    return folder


def written_gray_pairs(folder: Path, count: int = 8, size: int = 64) -> Path:
    for name, some in (("train", count), ("val", 3), ("test", 3)):
        write_photos(folder / "photos" / name, some)
    return build_gray([folder / "photos"], folder / "pairs", size=size, progress=lambda *_: None).folder


def test_a_folder_that_is_split_stays_split(tmp_path: Path) -> None:
    for name, count in (("train", 4), ("val", 2), ("test", 1)):
        write_photos(tmp_path / "photos" / name, count)
    pairs = build_gray([tmp_path / "photos"], tmp_path / "pairs", size=64, progress=lambda *_: None)
    assert [len(pairs.split(name)) for name in ("train", "validation", "test")] == [4, 2, 1]
    assert pairs.header.kind == "gray"
    assert pairs.frame(0).shape == (64, 96, 3)  # the shorter side, never squeezed


def test_a_film_is_split_by_time(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", [_scene(i // 5) for i in range(50)], 10)
    pairs = build_gray([tmp_path / "film.mp4"], tmp_path / "pairs", fps=5, splits="60/20/20", progress=lambda *_: None)
    splits = [row.split for row in pairs.rows]
    assert len(splits) == 25
    assert splits == sorted(splits, key=["train", "validation", "gap", "test"].index)
    assert set(splits) == {"train", "validation", "gap", "test"}


def test_what_has_no_color_is_left_out_and_said(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", 4)
    for i in range(5):
        cv2.imwrite(str(folder / f"gray{i}.png"), _gray(_scene(i)))
    pairs = build_gray([folder], tmp_path / "pairs", progress=lambda *_: None)
    assert len(pairs) == 4
    assert pairs.header.drops == {"no color": 5}
    assert "5 of 9 pictures have no color" in pairs.header.warnings[0]


def test_no_color_in_the_color_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_photos(tmp_path / "photos", 3, color=False)
    assert understudy.main(["pairs", "--kind", "gray", str(folder), "--out", str(tmp_path / "pairs")]) == 2
    assert "no color in the color set" in capsys.readouterr().err
    assert build_gray([write_photos(tmp_path / "color")], tmp_path / "pairs", progress=lambda *_: None)


def test_an_even_tint_is_no_color(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "sepia", 3, color=False)
    for path in folder.iterdir():
        picture = cv2.imread(str(path)).astype(np.float32) * (0.75, 0.9, 1.0)
        cv2.imwrite(str(path), picture.astype(np.uint8))
    with pytest.raises(PairsError, match="tinted evenly"):
        build_gray([folder], tmp_path / "pairs", progress=lambda *_: None)


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos")
    (folder / "003.png").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"003\.png"):
        build_gray([folder], tmp_path / "pairs", progress=lambda *_: None)


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(BadInput, match="no picture in this folder"):
        build_gray([tmp_path / "photos"], tmp_path / "pairs")


def test_a_finished_folder_is_not_mixed_with_other_photos(tmp_path: Path) -> None:
    build_gray([write_photos(tmp_path / "one")], tmp_path / "pairs", progress=lambda *_: None)
    with pytest.raises(PairsError, match="other videos or settings"):
        build_gray([write_photos(tmp_path / "two", 3)], tmp_path / "pairs", progress=lambda *_: None)
