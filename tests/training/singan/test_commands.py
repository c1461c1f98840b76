"""Each command as a person types it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import understudy
from engines.pictures import read_picture
from tests.fakes_singan import saved, striped

CONFIGS = Path(__file__).parents[3] / "configs" / "training"
SMALL = [
    *("--set", "pyramid.coarsest=16", "--set", "pyramid.largest=40", "--set", "pyramid.stages=3"),
    *("--set", "networks.width=8", "--set", "networks.layers=2", "--set", "learning.iterations=2"),
    *("--set", "learning.states=3", "--set", "device=cpu"),
]


def _run(*arguments: object) -> int:
    return understudy.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that makes samples, one that redraws, the picture and a painting over it."""
    folder = tmp_path_factory.mktemp("commands")
    saved(folder / "input.png", striped())
    for name, config in (("samples", "singan.toml"), ("redraw", "singan_redraw.toml")):
        image = ["--image", folder / "input.png", "--out", folder / name]
        assert _run("train", CONFIGS / config, *image, *SMALL) == 0
    naive, mask = striped(), np.zeros((56, 72), np.uint8)
    mask[10:30, 20:40] = 255
    naive[mask > 0] = (250, 0, 0)
    saved(folder / "naive.png", naive)
    cv2.imwrite(str(folder / "mask.png"), mask)
    return folder


def test_samples_are_written_into_a_folder(folder: Path, tmp_path: Path) -> None:
    assert _run("singan", "sample", folder / "samples", "--out", tmp_path, "--count", 2, "--size", "80x40") == 0
    assert [read_picture(path).shape for path in sorted(tmp_path.glob("*.png"))] == [(40, 80, 3)] * 2


def test_a_pasted_figure_is_blended_in(folder: Path, tmp_path: Path) -> None:
    pasted = ["--picture", folder / "naive.png", "--mask", folder / "mask.png"]
    assert _run("singan", "harmonize", folder / "redraw", *pasted, "--out", tmp_path / "a.png") == 0
    assert _run("singan", "harmonize", folder / "redraw", *pasted, "--out", tmp_path / "b.png", "--tune", 2) == 0
    assert read_picture(tmp_path / "a.png").shape == read_picture(tmp_path / "b.png").shape == (31, 40, 3)


def test_without_a_mask_the_person_is_looked_for(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mediapipe")
    pasted = ["--picture", folder / "naive.png", "--out", tmp_path / "a.png"]
    assert _run("singan", "harmonize", folder / "redraw", *pasted) in (2, 3)  # nobody is in it; or no model is here
    assert not (tmp_path / "a.png").exists()
    said = capsys.readouterr().err
    assert "nobody was found" in said or "pose model" in said


def test_an_edit_a_painting_and_an_enlargement_are_written(folder: Path, tmp_path: Path) -> None:
    picture = ["--picture", folder / "naive.png"]
    assert _run("singan", "edit", folder / "redraw", *picture, "--out", tmp_path / "edit.png") == 0
    assert _run("singan", "paint", folder / "redraw", *picture, "--colors", 4, "--out", tmp_path / "paint.png") == 0
    assert _run("singan", "upscale", folder / "redraw", "--factor", 2, "--out", tmp_path / "large.png") == 0
    assert read_picture(tmp_path / "large.png").shape == (62, 80, 3)


def test_an_animation_is_a_film(folder: Path, tmp_path: Path) -> None:
    film = ["--out", tmp_path / "loop.mp4", "--seconds", "0.4", "--fps", "10"]
    assert _run("singan", "animate", folder / "samples", *film) == 0
    assert (tmp_path / "loop.mp4").stat().st_size > 200


def test_figures_are_a_table_and_a_file(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("singan", "measure", folder / "samples", "--samples", 3, "--json", tmp_path / "m.json") == 0
    assert "psnr_db" in capsys.readouterr().out
    assert "diversity" in (tmp_path / "m.json").read_text()


def test_export_writes_what_the_run_was_trained_for(folder: Path, tmp_path: Path) -> None:
    assert _run("export", folder / "redraw", "--out", tmp_path / "scene", "--no-int8", "--knob", "row=0.8") == 0
    assert _run("export", folder / "samples", "--out", tmp_path / "loop", "--no-int8") == 0
    assert _run("bundles", tmp_path) == 0


def test_the_time_is_said_in_advance(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("train", CONFIGS / "singan.toml", "--image", folder / "input.png", "--dry-run", *SMALL) == 0
    said = capsys.readouterr().out
    assert "about" in said
    assert "minutes" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", CONFIGS / "singan.toml"], "--image PICTURE and --out RUN"),
        (["train", CONFIGS / "dance.toml", "--image", "a.png"], "--pairs"),
        (["train", CONFIGS / "singan.toml", "--image", "a.png", "--out", "r", "--steps", "5"], "learning.iterations"),
        (["singan", "sample", "{}/redraw", "--out", "x"], "singan.toml"),
        (["singan", "sample", "{}/samples", "--out", "x", "--start", "7"], "start scale 7 does not exist"),
        (["singan", "sample", "{}/nothing", "--out", "x"], "is it|folder of a training"),
        (["singan", "edit", "{}/redraw", "--picture", "{}/gone.png", "--out", "x.png"], "gone.png"),
        (["singan", "edit", "{}/redraw", "--picture", "{}/input.png", "--out", "x.png"], "differs nowhere"),
        (["singan", "paint", "{}/redraw", "--picture", "{}/input.png", "--out", "x.txt"], "a picture ends in .png"),
        (["singan", "animate", "{}/samples", "--out", "x.gif"], "a film ends in .mp4"),
        (["singan", "upscale", "{}/redraw", "--out", "x.png", "--factor", "0.5"], "more than 1"),
        (["singan", "harmonize", "{}/samples", "--picture", "{}/naive.png", "--out", "x.png"], "singan_redraw.toml"),
        (["export", "{}/redraw", "--out", "{}/b", "--start", "2"], "start scale 2 does not exist"),
        (["export", "{}/redraw", "--out", "{}/b", "--knob", "rows=1"], "no such knob"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[object], told: str
) -> None:
    capsys.readouterr()
    assert _run(*(str(argument).replace("{}", str(folder)) for argument in arguments)) == 2
    said = capsys.readouterr().err
    assert any(part in said for part in told.split("|")), said
    assert said.count("\n") == 1


def test_a_mask_of_another_size_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.full((10, 12), 255, np.uint8))
    pasted = ["--picture", folder / "naive.png", "--mask", tmp_path / "m.png", "--out", tmp_path / "o.png"]
    capsys.readouterr()
    assert _run("singan", "harmonize", folder / "redraw", *pasted) == 2
    assert "12 x 10" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("--fps", "0"), ("--seconds", "nan"), ("--walk", "-1")])
def test_a_film_without_length_or_speed_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        _run("singan", "animate", folder / "samples", "--out", "x.mp4", option, value)
    assert stop.value.code == 2
    assert "write a number above 0" in capsys.readouterr().err
