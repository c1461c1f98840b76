"""Weights read back from a bundle give its picture to the level, and go on learning from there."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.errors import BadInput
from engines.images import Frame
from engines.pose.skeleton import drawn_skeleton
from tests.fakes_training import swinging, written_pairs
from tests.training.test_loop import _config
from training.datasets import Examples
from training.devices import picture_tensor
from training.export import export
from training.inheriting import inherit
from training.loop import train
from training.methods import Method, method
from training.pairs.store import open_pairs
from training.ports import longhand


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_pairs(tmp_path_factory.mktemp("doll") / "pairs").folder


@pytest.fixture(scope="module")
def bundle(pairs: Path) -> Path:
    train(_config(schedule={"learning_rate": 0.01}), pairs, pairs.parent / "run", steps=12, progress=False)
    export(pairs.parent / "run", pairs.parent / "doll", int8=False, progress=False)
    return pairs.parent / "doll"


def fresh(pairs: Path, **changes: object) -> tuple[Method, np.ndarray]:
    config = _config(**changes)
    examples = Examples(open_pairs(pairs), config)
    torch.manual_seed(99)
    looked_at = examples.plain_conditioning(examples.train.tolist())
    return method(config, examples, torch.device("cpu")), looked_at


def shown(bundle: Path, drawn: Frame) -> np.ndarray:
    engine = open_engine(open_bundle(bundle), "openvino", "f32")
    try:
        return engine({"conditioning": drawn})["figure"].astype(int)
    finally:
        engine.close()


def test_the_picture_is_the_bundles_own(pairs: Path, bundle: Path) -> None:
    heir, looked_at = fresh(pairs)
    drawn = drawn_skeleton(swinging(0.3), (64, 64))
    before = longhand(heir.networks["average"].eval(), drawn)
    inherit(heir, bundle, looked_at)
    wanted = shown(bundle, drawn)
    assert np.abs(before - wanted).max() > 20
    for name in ("average", "generator"):
        assert np.abs(longhand(heir.networks[name].eval(), drawn) - wanted).max() <= 1


def test_it_learns_with_the_norms_that_it_performs_with(pairs: Path, bundle: Path) -> None:
    heir, looked_at = fresh(pairs)
    inherit(heir, bundle, looked_at)
    pictures = picture_tensor(looked_at[:32], torch.device("cpu"))
    generator = heir.networks["generator"]
    with torch.no_grad():
        learning, performing = generator.train()(pictures), generator.eval()(pictures)
    assert float((learning - performing).abs().max()) < 0.02


def test_a_run_begins_where_the_bundle_was(pairs: Path, bundle: Path, tmp_path: Path) -> None:
    still = _config(schedule={"learning_rate": 1e-9})
    train(still, pairs, tmp_path / "run", start=bundle, steps=1, progress=False)
    export(tmp_path / "run", tmp_path / "heir", int8=False, progress=False)
    drawn = drawn_skeleton(swinging(0.3), (64, 64))
    # Its norms are those of all pairs now, and no longer those of the bundle's own batches.
    assert np.abs(shown(tmp_path / "heir", drawn) - shown(bundle, drawn)).mean() < 2


def test_a_generator_of_another_width_is_refused(pairs: Path, bundle: Path) -> None:
    heir, looked_at = fresh(pairs, generator={"width": 16})
    with pytest.raises(BadInput, match=r"of 16 channels\); set generator.width"):
        inherit(heir, bundle, looked_at)


def test_only_live_generators_are_gone_on_from(pairs: Path, bundle: Path) -> None:
    heir, looked_at = fresh(pairs, generator={"kind": "unet", "downs": 4})
    with pytest.raises(BadInput, match="only a live generator"):
        inherit(heir, bundle, looked_at)


def test_blocks_of_branches_cannot_be_told_from_what_they_were_folded_into(pairs: Path, bundle: Path) -> None:
    heir, looked_at = fresh(pairs, generator={"block": "branched"})
    with pytest.raises(BadInput, match=r"generator\.block='plain'"):
        inherit(heir, bundle, looked_at)
