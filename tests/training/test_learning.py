"""A clip becomes a performer in one go, and what was stopped goes on."""

from pathlib import Path

import pytest
from rich.console import Console

from engines.bundle import open_bundle
from tests.fakes_take import Film, FilmTracker
from tests.fakes_training import written_pairs
from tests.training.test_loop import _config, _lines
from training.learning import _Refresh, _stages, learn
from training.loop import train

FILM = Film(sway=0)


@pytest.mark.slow
def test_a_clip_becomes_a_bundle_and_more_minutes_go_on_from_there(tmp_path: Path) -> None:
    clip, out = FILM.write(tmp_path / "dance.avi", 3.0), tmp_path / "dancer"
    steps = []
    for minutes in (0.004, 0.008):
        learn(
            clip,
            out,
            minutes=minutes,
            size=96,
            config=_config(),
            workers=1,
            progress=False,
            tracker=FilmTracker(FILM),
            found=lambda _picture: None,
        )
        steps.append(_lines(tmp_path / "dancer.learning" / "run")[-1]["step"])
    manifest = open_bundle(out).manifest
    assert (manifest.size, manifest.name) == ((96, 96), "dancer")
    assert manifest.graph("int8") is not None
    assert steps[1] > steps[0]


def test_while_it_learns_a_float_bundle_is_renewed(tmp_path: Path) -> None:
    pairs, out, console = written_pairs(tmp_path / "pairs").folder, tmp_path / "dancer", Console(quiet=True)
    renew = _Refresh(out, console, now=lambda: 0.0)
    train(_config(), pairs, tmp_path / "run", steps=2, progress=False)
    renew(tmp_path / "run")
    assert open_bundle(out).manifest.made_by["trained"].startswith("2 steps")
    train(_config(), pairs, tmp_path / "run", resume=True, steps=4, progress=False, sampled=renew)
    manifest = open_bundle(out).manifest
    assert manifest.made_by["trained"].startswith(("2 steps", "4 steps"))
    assert manifest.graph("int8") is None


def test_a_large_net_grows_from_a_small_one() -> None:
    assert _stages(256, 25) == [(256, 25)]
    assert _stages(512, 25) == [(256, 15), (512, 25)]
