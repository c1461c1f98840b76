"""next_frame: what it learns from, its generator, its own pictures, and the bundle that comes of it."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.errors import ConfigError, UnderstudyError
from engines.film.liveness import Liveness, Look
from engines.film.statistics import FilmLook
from tests.fakes_film import drifting
from tests.training.test_loop import _state, _train_until
from training.checkpoints import latest_checkpoint, read_checkpoint
from training.config import TrainingConfig, config_from
from training.divergent import Divergent, Matches, rolled, room_for
from training.examples import open_examples
from training.export import _trained, export
from training.film_examples import FilmExamples
from training.loop import train
from training.methods.next_frame import NextFrame, score_of
from training.networks.flowing import FACTOR, Flowing, moved_by, without_grid
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.store import PairSet
from training.pairs.writing import PairsWriter
from training.runs import noted
from understudy import main

SIZE = (32, 64)
CPU = torch.device("cpu")


def film_pairs(folder: Path, count: int = 48, stride: int = 2, cut: int = 0, speed: float = 1.0) -> PairSet:
    """A drifting film, cut before frame `cut`; its last quarter is held out."""
    shots = tuple(Shot(id=f"{n}", source="drift", frame_size=SIZE, crop=(0, 0, 32)) for n in range(1 + bool(cut)))
    header = PairsHeader(kind="next", stride=stride, size=SIZE, fps=10, shots=shots)
    writer = PairsWriter(folder, header)
    for i, frame in enumerate(drifting(count, SIZE, speed)):
        split = "train" if i < count * 0.6 else ("validation" if i < count * 0.75 else "test")
        row = Row(
            id=f"{i:05d}", source="drift", frame=i, time_s=i / 10, shot=str(int(bool(cut) and i >= cut)), split=split
        )
        writer.add(row, frame=frame)
    return writer.finish()


def config(**more: object) -> TrainingConfig:
    values = {
        "method": "next_frame",
        "size": 32,
        "wide": 64,
        "device": "cpu",
        "precision": "f32",
        "generator": {"kind": "flowing", "width": 8, "blocks": 1, "memory": 6},
        "discriminator": {"width": 4, "crops": 4, "crop_share": 0.5, "start_step": 2, "ramp_steps": 2},
        "losses": {"l1": 5, "edges": 2.5, "adversarial": 0.1},
        "next_frame": {
            "cycles": 2,
            "rehearsals": 20,
            "rollouts": 3,
            "rollout_steps": 4,
            "long_rollouts": 1,
            "long_steps": 6,
            "unroll": 3,
        },
        "schedule": {"batch": 2, "learning_rate": 2e-3},
        "run": {"judge_pose": False, "tensorboard": False, "log_steps": 1},
    }
    return config_from({**values, **more}, "test")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    train(config(), film_pairs(folder / "pairs").folder, folder / "run", steps=6, progress=False)
    return folder / "run"


def _examples(folder: Path, **more: object) -> FilmExamples:
    return open_examples(film_pairs(folder, **more), config())  # type: ignore[no-any-return,arg-type]


# Examples


def test_no_pair_spans_a_cut(tmp_path: Path) -> None:
    examples = _examples(tmp_path, cut=15)
    rows = examples.pairs.rows
    for i in itertools.chain(examples.train, examples.validation, examples.test):
        assert rows[i - 2].shot == rows[i].shot == rows[i + 2].shot
    _, known = examples.following(np.array([9, 13, 14]), 3)
    assert known.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_nothing_that_is_measured_is_learned(tmp_path: Path) -> None:
    examples = _examples(tmp_path)
    learned = {i + k for i in examples.train for k in (-2, 0, 2)}
    assert max(learned) < min(i + 2 for i in examples.validation)
    following, known = examples.following(examples.train, 8)
    last = np.flatnonzero([row.split == "train" for row in examples.pairs.rows])[-1]
    assert known.sum() == sum(min(8, (last - i) // 2) for i in examples.train)
    assert following.shape == (len(examples.train), 8, *SIZE, 3)


def test_shares_of_a_batch_are_the_batch(tmp_path: Path) -> None:
    examples = _examples(tmp_path)
    whole, parts = examples.batch(5), [examples.batch(5, share, 2) for share in (0, 1)]
    assert np.array_equal(whole.conditioning, np.concatenate([part.conditioning for part in parts]))
    assert sum(len(part.crops) for part in parts) == len(whole.crops)
    assert all((part.crops[:, 0] == 0).all() for part in parts)


def test_a_film_of_another_shape_is_refused_with_the_one_it_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set wide=64 for size=32"):
        open_examples(film_pairs(tmp_path), config(wide=32))
    with pytest.raises(ConfigError, match="set less"):
        open_examples(film_pairs(tmp_path / "b"), config(size=64, wide=128))


def test_pairs_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="they are for next_frame"):
        open_examples(film_pairs(tmp_path), config(method="pix2pix"))


# The generator


def test_a_generator_fed_its_own_pictures_stays_within_levels() -> None:
    torch.manual_seed(0)
    net = Flowing(6, 8, 1)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=2.0)
    picture = torch.rand(1, 3, *SIZE) * 2 - 1
    for _ in range(20):
        picture = net(torch.cat([picture, picture], dim=1)).detach()
    assert float(picture.abs().max()) <= 1


def test_a_fresh_generator_nearly_copies_so_that_learning_begins_at_the_last_frame() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, *SIZE) - 0.5
    with torch.no_grad():
        gap = Flowing(6, 16, 1)(torch.cat([torch.zeros_like(picture), picture], dim=1)) - picture
    assert float(gap.abs().mean()) < 0.08


def test_a_flow_fetches_from_the_right_and_below() -> None:
    picture = torch.from_numpy(drifting(1, (64, 64))[0]).permute(2, 0, 1)[None].float() / 127.5 - 1
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0], flow[:, 1] = 3 / 4, 2 / 4  # of the reach, which is 4 pixels of 64
    moved = moved_by(picture, flow)
    assert torch.allclose(moved[..., :-8, :-8], picture[..., 2:-6, 3:-5], atol=1e-4)


def test_a_grid_of_blocks_is_taken_away_and_detail_is_not() -> None:
    phases = FACTOR**2
    grid = torch.arange(phases, dtype=torch.float32).view(1, phases, 1, 1).expand(1, phases, 12, 12)
    calmed = without_grid(grid)
    assert torch.allclose(calmed, calmed.mean(dim=1, keepdim=True).expand_as(calmed), atol=1e-4)
    spot = torch.zeros(1, phases, 12, 12)
    spot[0, 5, 6, 6] = 1.0
    assert float(without_grid(spot)[0, 5, 6, 6]) > 0.9


def test_it_has_nothing_that_behaves_otherwise_in_training() -> None:
    net, looked_at = Flowing(6, 8, 2), torch.rand(2, 6, *SIZE)
    assert torch.equal(net.train()(looked_at), net.eval()(looked_at))
    assert torch.allclose(net(looked_at)[:1], net(looked_at[:1]), atol=1e-6)


# Its own pictures


class _Copy(torch.nn.Module):
    def forward(self, both: torch.Tensor) -> torch.Tensor:
        return both[:, 3:]


def test_a_picture_of_its_own_is_matched_with_the_frame_it_is_like(tmp_path: Path) -> None:
    examples = _examples(tmp_path)
    places, levels = Matches(examples).of(examples.frames[[6, 11]])
    assert places.tolist() == [6, 11]
    assert levels < 0.1


def test_no_picture_is_matched_with_a_frame_that_leads_nowhere(tmp_path: Path) -> None:
    examples = _examples(tmp_path)
    last = int(examples.train[-1])
    places, _ = Matches(examples).of(examples.frames[[last]])
    assert examples.following(places, 3)[1].all()


def test_a_cycle_fills_all_room_and_a_checkpoint_keeps_it(run: Path, tmp_path: Path) -> None:
    examples = _examples(tmp_path)
    own = Divergent(SIZE, room_for(examples))
    assert len(own) == 0
    own.refill(_Copy(), examples, 1, CPU)
    assert len(own) == 3 * 4 + 6
    assert bool((own.pictures.flatten(1).float().std(dim=1) > 0).all())
    fresh = NextFrame(config(), examples, CPU)
    read_checkpoint(latest_checkpoint(run), fresh.networks)
    assert int(fresh.networks["divergent"].cycle) == 2


def test_a_rollout_feeds_on_itself() -> None:
    class Brighter(torch.nn.Module):
        def forward(self, both: torch.Tensor) -> torch.Tensor:
            return (both[:, 3:] + 10 / 127.5).clamp(-1, 1)

    frame = np.full((1, 8, 8, 3), 20, np.uint8)
    assert rolled(Brighter(), frame, frame, 3, CPU)[0, :, 0, 0, 0].tolist() == [30, 40, 50]


def test_it_is_unrolled_from_one_step_to_all(tmp_path: Path) -> None:
    method = NextFrame(config(), _examples(tmp_path), CPU)
    assert [method._steps(progress) for progress in (0.0, 0.3, 0.6, 0.8, 1.0)] == [1, 2, 3, 3, 3]


def test_what_the_discriminator_says_of_its_pictures_teaches_the_generator(tmp_path: Path) -> None:
    method = NextFrame(config(losses={"adversarial": 1, "feature_matching": 0}), _examples(tmp_path), CPU)
    real, fake = torch.rand(4, 9, 16, 16), torch.rand(4, 9, 16, 16, requires_grad=True)
    judge = method.networks["discriminator"]
    losses = method._fooling(judge, real, fake, step=10)
    losses["adversarial"].backward()
    assert fake.grad is not None
    scores, _ = judge(torch.cat([real, (fake - 0.1 * fake.grad / fake.grad.abs().max()).detach()]))
    assert float(-scores.chunk(2)[1].mean().detach()) < float(losses["adversarial"].detach())
    assert all(parameter.grad is None for parameter in judge.parameters())


# Learning


def test_it_halves_its_loss_on_one_batch_in_seconds(tmp_path: Path) -> None:
    torch.manual_seed(0)
    learning = config(
        discriminator={"kind": "none"},
        next_frame={"cycles": 0, "unroll": 2, "noise": 0.0, "motion": 5},
        schedule={"batch": 2, "learning_rate": 3e-3, "decay_from": 1.0},
    )
    method = NextFrame(learning, _examples(tmp_path, speed=2.0), CPU)
    batch = _examples(tmp_path / "b", speed=2.0).batch(0)
    totals = [float(method.step(batch, step, 0.1)["total"]) for step in range(120)]
    assert np.mean(totals[-5:]) < 0.5 * totals[0]


def test_a_resumed_run_goes_on_exactly(tmp_path: Path) -> None:
    pairs = film_pairs(tmp_path / "pairs").folder
    train(config(), pairs, tmp_path / "unbroken", steps=6, progress=False)
    _train_until(config(), pairs, tmp_path / "broken", step=4)  # in the second cycle, whose pictures have to be kept
    train(config(), pairs, tmp_path / "broken", resume=True, steps=6, progress=False)
    one, other = _state(tmp_path / "unbroken"), _state(tmp_path / "broken")
    assert one.keys() == other.keys()
    assert not [key for key in one if not torch.equal(one[key], other[key])]


def test_the_run_says_how_it_lives(run: Path) -> None:
    judged = [line for line in noted(run) if "validation_motion" in line]
    assert judged
    assert {"validation_copy_last", "validation_contrast", "validation_faults"} <= set(judged[-1])


def test_what_moves_enough_is_chosen_by_its_detail() -> None:
    film = Look(energy=5, wander=8, contrast=60, colors=20, mean=(100, 110, 120), bands=(4, 4, 4))

    def score(**more: object) -> float:
        return score_of(Liveness(film, (film, replace(film, **more)), (), 200))  # type: ignore[arg-type]

    assert score() == score(energy=4) == score(wander=6) == score(energy=6)
    assert score() > score(bands=(3, 4, 4)) > score(bands=(2, 4, 4))
    assert score() > score(contrast=40)
    assert score() > score(energy=2)


# The bundle


def test_a_film_that_dies_is_not_exported_unless_it_is_wanted_anyway(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UnderstudyError, match=r"does not live for 600 steps.*(freezes|fades|blows up|circle|drift)"):
        export(run, tmp_path / "dead", progress=False)
    assert not (tmp_path / "dead").exists()


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    export(run, run.parent / "drift", progress=False, anyway=True)
    return run.parent / "drift"


def test_the_bundle_shows_what_was_trained(run: Path, exported: Path) -> None:
    generator = _trained(run).generator
    engine = open_engine(open_bundle(exported), "openvino", "f32")
    before, now = drifting(9, SIZE, 1.0)[6:9:2]
    both = torch.from_numpy(np.concatenate([before, now], axis=2)).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        expected = (generator(both)[0].permute(1, 2, 0).double() + 1) * 127.5
    gap = np.abs(engine({"conditioning": now, "before": before})["image"] - expected.round().numpy())
    assert gap.max() <= 1
    engine.close()


def test_the_bundle_says_what_goes_on(exported: Path) -> None:
    bundle = open_bundle(exported)
    manifest = bundle.manifest
    assert (manifest.conditioning, manifest.finish, manifest.size) == ("previous", "none", SIZE)
    assert [port.name for port in manifest.inputs] == ["conditioning", "before"]
    assert manifest.fps == 5
    assert [knob.name for knob in manifest.knobs] == ["inject", "disturb", "stir", "guard"]
    assert manifest.graph("int8") is None
    assert FilmLook.from_metrics(manifest.metrics) is not None
    assert manifest.metrics["copy_last_l1"] > 0
    assert bundle.plate is not None


def test_what_the_bundle_says_of_itself_is_what_it_plays(run: Path, exported: Path) -> None:
    generator, frames = _trained(run).generator, drifting(48, SIZE, 1.0)
    errors = []
    for i in (i for i in range(2, 46) if i + 2 >= 36):
        both = torch.from_numpy(np.concatenate([frames[i - 2], frames[i]], axis=2)).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            made = ((generator(both / 127.5 - 1)[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).numpy()
        errors.append(np.abs(made - frames[i + 2]).mean())
    told = open_bundle(exported).manifest.metrics
    assert told["next_l1"] == pytest.approx(np.mean(errors), abs=0.1)
    assert abs(told["next_l1"] - told["copy_last_l1"]) > 1  # which a film that stands still would have


def test_it_is_evaluated_beside_copying_the_last_frame(
    run: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tmp_path / "figures.json"
    assert main(["evaluate", str(exported), "--pairs", str(run.parent / "pairs"), "--json", str(said)]) == 0
    figures, frames = json.loads(said.read_text()), drifting(48, SIZE, 1.0)
    test = [i for i in range(2, 46) if i + 2 >= 36]
    copied = np.mean([np.abs(frames[i].astype(int) - frames[i + 2]).mean() for i in test])
    assert figures["baselines"]["copy_last"]["l1"] == pytest.approx(copied, abs=0.01)
    assert len(figures["motion"]) == 6
    assert "on its own: 600 steps" in capsys.readouterr().out
