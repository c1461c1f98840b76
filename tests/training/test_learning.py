"""A clip becomes a performer in one go, and what was stopped goes on."""

import signal
from pathlib import Path

import pytest
from rich.console import Console

from engines.atlas.learning import bundled
from engines.bundle import open_bundle, write_bundle
from tests.fakes_atlas import small_atlas
from tests.fakes_take import Film, FilmTracker
from tests.fakes_training import written_pairs
from tests.training.test_loop import _config, _lines
from training.checkpoints import checkpoints
from training.config import TrainingConfig
from training.learning import _Refresh, _stages, learn, untrained_standing
from training.loop import train
from training.pairs.store import PairSet
from training.standing import Standing

FILM = Film(sway=0)
PERFECT = Standing(figure_l1=0, sharpness=1, pck=1.0)
HOPELESS = Standing(figure_l1=255, sharpness=0)


@pytest.mark.slow
def test_a_clip_becomes_a_bundle_and_more_minutes_go_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.learning.untrained_standing", lambda *_: HOPELESS)
    clip, out = FILM.write(tmp_path / "dance.avi", 3.0), tmp_path / "dancer"
    steps = []
    for minutes in (0.004, 0.05):
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


def _renewing(pairs: PairSet, out: Path, told: list[str]) -> _Refresh:
    return _Refresh(
        out, pairs, lambda _picture: None, Console(quiet=True), now=lambda: 0.0, written=lambda: told.append("written")
    )


def test_while_it_learns_a_float_bundle_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.learning.untrained_standing", lambda *_: None)
    pairs, out, told = written_pairs(tmp_path / "pairs"), tmp_path / "dancer", []
    renew = _renewing(pairs, out, told)
    train(_config(), pairs.folder, tmp_path / "run", steps=2, progress=False)
    renew(tmp_path / "run")
    assert open_bundle(out).manifest.made_by["trained"].startswith("2 steps")
    train(_config(), pairs.folder, tmp_path / "run", resume=True, steps=4, progress=False, sampled=renew)
    manifest = open_bundle(out).manifest
    assert manifest.made_by["trained"].startswith(("2 steps", "4 steps"))
    assert manifest.graph("int8") is None
    assert told == ["written"] * 2


def test_a_net_that_does_worse_than_cut_outs_is_not_shown_yet(tmp_path: Path) -> None:
    pairs, out, told = written_pairs(tmp_path / "pairs"), tmp_path / "dancer", []
    train(_config(), pairs.folder, tmp_path / "run", steps=2, progress=False)
    floor = untrained_standing(pairs, _config(), lambda _picture: None)
    assert floor is not None
    assert floor.score > -0.5  # the doll's own limbs, a little misplaced
    _renewing(pairs, out, told)(tmp_path / "run")
    assert not out.exists()
    assert told == []


@pytest.mark.slow
def test_what_stands_on_stage_stays_there_when_nothing_better_was_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, out = written_pairs(tmp_path / "pairs"), tmp_path / "out"
    monkeypatch.setattr("training.learning.build_pairs", lambda *_, **__: pairs)
    monkeypatch.setattr("training.learning._train", _one_step)
    write_bundle(out, *bundled(small_atlas(), name="out", room=None, proportions=None, fps=25))
    for floor, method in ((PERFECT, "atlas"), (HOPELESS, "pix2pix")):
        monkeypatch.setattr("training.learning.untrained_standing", lambda *_, floor=floor: floor)
        learn(tmp_path / "clip.mp4", out, size=64, config=_config(), refresh=lambda: None, progress=False)
        assert open_bundle(out).manifest.method == method


def test_what_is_exported_is_the_untrained_performer_where_that_one_stands_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, out = written_pairs(tmp_path / "pairs"), tmp_path / "out"
    monkeypatch.setattr("training.learning.build_pairs", lambda *_, **__: pairs)
    monkeypatch.setattr("training.learning._train", _one_step)
    monkeypatch.setattr("training.learning.untrained_standing", lambda *_: PERFECT)
    bundle = learn(tmp_path / "clip.mp4", out, size=64, config=_config(), work=tmp_path / "work", progress=True)
    said = capsys.readouterr().err
    assert bundle.manifest.method == open_bundle(out).manifest.method == "atlas"
    assert not (out / "generator.onnx").exists()
    assert "PCK@0.1 1.00, score 1.50" in said
    assert f"understudy export {tmp_path / 'work' / 'run'} --out {out}" in said
    monkeypatch.setattr("training.learning.untrained_standing", lambda *_: HOPELESS)
    learn(tmp_path / "clip.mp4", out, size=64, config=_config(), work=tmp_path / "work", progress=False)
    assert open_bundle(out).manifest.method == "pix2pix"


@pytest.mark.parametrize(
    ("poses", "floor", "better"),
    [
        (0.90, Standing(figure_l1=20, sharpness=0.9, pck=0.80), True),
        (0.80, Standing(figure_l1=60, sharpness=0.1, pck=0.81), False),  # a better score, but a pose is lost
        (0.90, Standing(figure_l1=5, sharpness=1.0, pck=0.88), False),  # no pose is lost, but all else is
        (None, Standing(figure_l1=20, sharpness=0.9, pck=0.80), True),  # of a run from before poses were noted
    ],
)
def test_who_loses_poses_or_score_is_not_better(
    poses: float | None, floor: Standing, better: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.learning.untrained_standing", lambda *_: floor)
    monkeypatch.setattr("training.learning.best_checkpoint", lambda _run: tmp_path)
    monkeypatch.setattr("training.learning.run_config", lambda _run: _config())
    monkeypatch.setattr("training.learning.said_in", lambda _place: {"score": 1.20, "poses": poses})
    pairs = written_pairs(tmp_path / "pairs")
    assert _renewing(pairs, tmp_path / "out", []).is_better(tmp_path / "run") is better


def _one_step(config: TrainingConfig, pairs: PairSet, run: Path, *_given: object, **_how: object) -> None:
    if not checkpoints(run):
        train(config, pairs.folder, run, steps=1, progress=False)


class _Stopping:
    """Presses Ctrl-C when the training has looked at its held-out pairs."""

    def __call__(self, *_args: object) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
def test_ctrl_c_leaves_a_bundle_of_what_was_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = FILM.write(tmp_path / "dance.avi", 3.0), tmp_path / "dancer"

    def stopped(*given: object, **how: object) -> None:
        with pytest.raises(KeyboardInterrupt):
            train(*given, **{**how, "sampled": _Stopping()})  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("training.learning.train", stopped)
    with pytest.raises(KeyboardInterrupt):
        learn(
            clip,
            out,
            minutes=5,
            size=96,
            config=_config(run={"sample_minutes": 1e-4}),
            workers=1,
            progress=False,
            tracker=FilmTracker(FILM),
            found=lambda _picture: None,
        )
    assert open_bundle(out).manifest.size == (96, 96)


def test_a_large_net_grows_from_a_small_one() -> None:
    assert _stages(256, 25) == [(256, 25)]
    assert _stages(512, 25) == [(256, 15), (512, 25)]
