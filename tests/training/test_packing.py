"""A run in a small file goes on elsewhere with what it had: settings and checkpoint exactly, frames nearly."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import understudy
from engines.errors import BadInput
from tests.fakes_training import written_pairs
from tests.training.test_loop import _config, _state
from training.checkpoints import latest_checkpoint
from training.loop import train
from training.packing import pack, unpack
from training.pairs.store import open_pairs
from training.runs import run_config, run_facts


def _silent(_sentence: str) -> None:
    return None


def _trained(folder: Path, true_alpha: bool = False) -> Path:
    pairs = written_pairs(folder / "pairs", side=96, true_alpha=true_alpha).folder
    train(_config(), pairs, folder / "run", steps=2, progress=False)
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _trained(tmp_path_factory.mktemp("home"))


def test_a_packed_run_goes_on_elsewhere(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "run.pack", say=_silent)
    there = unpack(tmp_path / "run.pack", tmp_path / "there", say=_silent)
    assert run_config(there) == run_config(run)
    one, other = _state(run), _state(there)
    assert all(torch.equal(one[key], other[key]) for key in one)
    train(run_config(there), Path(run_facts(there)["pairs"]), there, resume=True, steps=3, progress=False)
    assert latest_checkpoint(there).name == "step-0000003"


def test_packed_pairs_are_nearly_the_original_ones(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "run.pack", size=96, say=_silent)
    unpack(tmp_path / "run.pack", tmp_path / "there", say=_silent)
    home, there = open_pairs(Path(run_facts(run)["pairs"])), open_pairs(tmp_path / "there" / "pairs")
    assert there.rows == tuple(row for row in home.rows if row.split != "gap")
    np.testing.assert_array_equal(home.landmarks, there.landmarks)
    for i in range(len(there)):
        assert np.abs(home.frame(i).astype(int) - there.frame(i)).mean() < 3
        assert np.abs(home.mask(i).astype(int) - there.mask(i)).mean() < 3
    shot = there.header.shots[0]
    np.testing.assert_array_equal(home.plate_square("a"), there.plate_square("a"))
    assert shot.plate_at == (2, 6)


def test_packed_rendered_pairs_keep_their_true_figures(tmp_path: Path) -> None:
    run = _trained(tmp_path, true_alpha=True)
    pack(run, tmp_path / "run.pack", say=_silent)
    there = unpack(tmp_path / "run.pack", tmp_path / "there", say=_silent)
    pairs = open_pairs(tmp_path / "there" / "pairs")
    figure = pairs.figure(0)
    assert figure is not None
    assert figure.shape == (64, 64, 4)
    assert (figure[..., 3] == 0).mean() > 0.5
    train(run_config(there), pairs.folder, there, resume=True, steps=3, progress=False)


def test_what_does_not_fit_is_made_smaller_aloud_or_refused(run: Path, tmp_path: Path) -> None:
    whole = (latest_checkpoint(run) / "state.safetensors").stat().st_size
    said: list[str] = []
    pack(run, tmp_path / "small.pack", limit_mb=(whole * 0.9 + 0.3e6) / 1e6, say=said.append)
    assert "bfloat16" in said[0]
    there = unpack(tmp_path / "small.pack", tmp_path / "there", say=_silent)
    assert all(tensor.dtype != torch.bfloat16 for tensor in _state(there).values())
    with pytest.raises(BadInput, match="do not fit"):
        pack(run, tmp_path / "none.pack", limit_mb=0.3, say=_silent)
    assert not (tmp_path / "none.pack").exists()


def test_a_file_that_is_no_pack_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.zip").write_bytes(b"nothing")
    assert understudy.main(["unpack", str(tmp_path / "a.zip"), "--out", str(tmp_path / "there")]) == 2
    assert "understudy pack" in capsys.readouterr().err


def test_pack_and_unpack_say_how_to_go_on(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert understudy.main(["pack", str(run), "--out", str(tmp_path / "run.pack")]) == 0
    assert understudy.main(["unpack", str(tmp_path / "run.pack"), "--out", str(tmp_path / "there")]) == 0
    said = capsys.readouterr().out
    assert "dB from the originals" in said
    command = said.split("go on with:  understudy ")[1].split()
    assert understudy.main([*command[:-2], "--steps", "3"]) == 0
    settings = json.loads((tmp_path / "there" / "run" / "run.json").read_text())
    assert settings["pairs"] == str((tmp_path / "there" / "pairs").resolve())
