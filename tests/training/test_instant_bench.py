"""An atlas judged on what it never saw."""

import numpy as np
import pytest

from engines.backends import open_engine
from engines.performer import Performer
from engines.scene import Scene
from tests.fakes_training import written_pairs
from training.instant_bench import held_out_bundle, posing_ms
from training.pairs.store import PairSet


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    return written_pairs(tmp_path_factory.mktemp("pairs"))


def test_the_keys_come_from_the_training_split_alone(pairs: PairSet) -> None:
    atlas = held_out_bundle(pairs).atlas
    assert atlas is not None
    learned = pairs.landmarks[pairs.split("train")]
    for key in atlas.keys:
        assert (np.abs(learned - key.landmarks).max(axis=(1, 2)) < 1e-6).any()


def test_what_was_never_seen_is_posed_before_the_shots_room(pairs: PairSet) -> None:
    bundle = held_out_bundle(pairs)
    unseen = int(pairs.split("test")[0])
    drawn = Performer(bundle, open_engine(bundle)).perform(Scene(pairs.landmarks[unseen], 1.0))
    (y, x), (height, width) = bundle.manifest.plate_at, bundle.manifest.size
    shown, real = drawn.image[y : y + height, x : x + width], pairs.frame(unseen)
    background = pairs.mask(unseen) < 10
    assert np.abs(shown[background].astype(int) - real[background]).mean() < 12
    assert drawn.figure is not None
    assert (drawn.figure[..., 3] > 128).any()


def test_posing_is_timed_for_every_held_out_pose(pairs: PairSet) -> None:
    taken = posing_ms(held_out_bundle(pairs), pairs)
    assert 0 < taken["p50"] <= taken["p95"]
