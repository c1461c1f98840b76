"""A generator that looks at its last picture learns on its own pictures, and does not lose itself on stage."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.performer import Performer
from engines.scene import Scene
from tests.fakes_training import painted, room, swinging, written_pairs
from tests.training.test_loop import _config
from training.datasets import Examples
from training.export import _trained, export
from training.loop import train
from training.pairs.store import PairSet
from training.ports import longhand
from training.rollouts import Led, own_pictures

PLAIN = {"move_share": 0, "jitter_share": 0, "limb_drop": 0, "line_width": [1.0, 1.0]}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    return written_pairs(tmp_path_factory.mktemp("pairs"))


def test_a_rollout_begins_with_nobody_and_feeds_each_picture_back() -> None:
    seen: list[Tensor] = []

    def generator(looked_at: Tensor) -> Tensor:
        seen.append(looked_at[:, 3:].clone())
        return torch.full((2, 4, 8, 8), float(len(seen)))

    led = Led(np.zeros((2, 3, 8, 8, 3), np.uint8), np.array([0, 2]))
    previous = own_pictures(generator, led, 4, CPU)
    assert len(seen) == 2
    assert seen[0][:, :3].eq(-1).all()
    assert seen[0][:, 3].eq(0).all()
    assert seen[1][1].eq(1).all()
    assert previous[0, 3].eq(0).all()
    assert previous[1].eq(2).all()


def test_each_example_is_led_by_the_poses_just_before_it(pairs: PairSet) -> None:
    examples = Examples(pairs, _config(rollout={"steps": 2, "restart": 0}, augmentation=PLAIN))
    batch = examples.batch(0)
    assert batch.led is not None
    drawn = [examples.conditioning(landmarks) for landmarks in pairs.landmarks]
    for conditioning, earlier, known in zip(batch.conditioning, batch.led.conditioning, batch.led.known, strict=True):
        i = next(i for i, one in enumerate(drawn) if np.array_equal(one, conditioning))
        assert known == min(i, 2)
        for back in range(1, known + 1):
            np.testing.assert_array_equal(earlier[-back], drawn[i - back])


def test_who_is_moved_was_moved_alike_before(pairs: PairSet) -> None:
    far = {**PLAIN, "move_share": 1, "shift": 0.3, "scale": 0, "rotation_degrees": 0}
    examples = Examples(pairs, _config(rollout={"steps": 1, "restart": 0}, augmentation=far))
    middle = _middle(examples.conditioning(pairs.landmarks[0]))
    moved = 0
    for step in range(6):
        batch = examples.batch(step)
        assert batch.led is not None
        for now, before, known in zip(batch.conditioning, batch.led.conditioning[:, 0], batch.led.known, strict=True):
            if known and np.abs(_middle(now) - middle).max() > 10:
                moved += 1
                assert np.abs(_middle(now) - _middle(before)).max() < 8  # the dance itself
    assert moved


def _middle(drawn: np.ndarray) -> np.ndarray:
    return np.argwhere(drawn.any(axis=-1)).mean(axis=0)


def test_some_examples_begin_with_nobody(pairs: PairSet) -> None:
    examples = Examples(pairs, _config(rollout={"steps": 1, "restart": 1}))
    led = examples.batch(0).led
    assert led is not None
    assert not led.known.any()


def test_who_does_not_look_back_is_not_led(pairs: PairSet) -> None:
    assert Examples(pairs, _config()).batch(0).led is None


def test_what_is_shown_tick_by_tick_is_what_torch_dances(pairs: PairSet, tmp_path: Path) -> None:
    train(_config(rollout={"steps": 2}), pairs.folder, tmp_path / "run", steps=4, progress=False)
    export(tmp_path / "run", tmp_path / "out", int8=False, progress=False)
    bundle, trained = open_bundle(tmp_path / "out"), _trained(tmp_path / "run")
    assert bundle.manifest.input("previous") is not None
    performer = Performer(bundle, open_engine(bundle, "openvino", "f32"))
    previous = np.zeros((64, 64, 4), np.uint8)
    for k in range(4):
        drawn = performer.perform(Scene(landmarks=swinging(0.7 * k), presence=1.0))
        conditioning = trained.examples.conditioning(swinging(0.7 * k))
        expected = longhand(trained.generator, conditioning, previous)
        assert drawn.figure is not None
        assert np.abs(drawn.figure.astype(int) - expected)[:, 3:-3].max() <= 2  # its sides run out on the wider canvas
        previous = expected
    performer.close()


@pytest.mark.slow
def test_a_long_dance_does_not_drift(tmp_path: Path) -> None:
    pairs, loop = written_pairs(tmp_path / "pairs", count=60), 40
    config = _config(rollout={"steps": 2}, augmentation=PLAIN, discriminator={"kind": "none"}, schedule={"batch": 4})
    train(config, pairs.folder, tmp_path / "run", steps=250, progress=False)
    export(tmp_path / "run", tmp_path / "out", int8=False, progress=False)
    bundle = open_bundle(tmp_path / "out")
    performer, errors = Performer(bundle, open_engine(bundle, "openvino", "f32")), []
    for tick in range(15 * loop):
        k = tick % loop
        shown = performer.perform(Scene(landmarks=swinging(0.7 * k), presence=1.0)).image[2:66, 6:70]
        errors.append(np.abs(shown.astype(int) - _real(k)).mean())
    performer.close()
    first, last = np.mean(errors[:loop]), np.mean(errors[-loop:])
    assert first < 8
    assert last < 1.05 * first


def _real(k: int) -> np.ndarray:
    figure, plate = painted(swinging(0.7 * k), 64), room(64)
    alpha = figure[..., 3:] / 255
    return (figure[..., :3] * alpha + plate * (1 - alpha)).round().astype(int)
