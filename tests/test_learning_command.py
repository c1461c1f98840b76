"""`understudy learn` as a person types it, on real footage: pairs, training, export, stage."""

from pathlib import Path

import pytest

import understudy
from engines.bundle import open_bundle
from tests.footage import footage

CLIP = "dance/board_freestyle.mp4"
SMALL = ["--set", "generator.width=8", "--set", "generator.blocks=1", "--set", "discriminator.kind='none'"]


@pytest.mark.slow
def test_a_clip_is_learned_and_then_on_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, film = tmp_path / "dancer", tmp_path / "show.mp4"
    command = ["learn", str(footage(CLIP)), "--out", str(out), "--minutes", "0.05", "--size", "64", *SMALL]
    assert understudy.main([*command, "--headless", "--seconds", "3", "--source", "dancer", "--record", str(film)]) == 0
    told = capsys.readouterr()
    # Three seconds are one step on a slow machine, and the untrained one may stand as well: it says which one it keeps.
    is_cut = "only cut from the clip, since it stands better" in told.err
    assert open_bundle(out).manifest.method == ("atlas" if is_cut else "pix2pix")
    assert film.stat().st_size > 1000
    assert ("dancer on atlas" if is_cut else "dancer on openvino") in told.out


@pytest.mark.slow
def test_a_clip_is_on_stage_while_it_is_learned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "dancer"
    command = ["learn", str(footage(CLIP)), "--out", str(out), "--live", "--size", "64", *SMALL]
    assert understudy.main([*command, "--headless", "--seconds", "20", "--source", "dancer"]) == 0
    assert open_bundle(out).atlas is not None
    assert (tmp_path / "dancer.learning").is_dir()
    assert "performer" in capsys.readouterr().out
