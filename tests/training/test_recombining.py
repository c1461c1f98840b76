"""Poses that nobody filmed: made of limbs that were, and never taken for film by the discriminator."""

from pathlib import Path

import numpy as np
import pytest

from engines.finish import over
from engines.pose.landmarks import Joint, torso_length
from tests.fakes_atlas import SIZE, colored, dancing, room
from training.config import load_config
from training.datasets import Examples
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.store import PairSet
from training.pairs.writing import PairsWriter
from training.recombining import recombined_figures, recombined_poses

CONFIG = Path(__file__).parents[2] / "configs" / "training" / "dance.toml"
POSES = 12


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    shot = Shot(id="a", source="dance", static=True, frame_size=(SIZE, SIZE), crop=(0, 0, SIZE))
    writer = PairsWriter(tmp_path_factory.mktemp("pairs"), PairsHeader(size=(SIZE, SIZE), fps=10, shots=(shot,)))
    shot = shot.model_copy(update={"plate": writer.add_plate("a", room())})
    for i, landmarks in enumerate(dancing(POSES)):
        frame, mask = colored(landmarks)
        row = Row(id=f"{i:05d}", source="dance", frame=i, time_s=i / 10, shot="a", split="train")
        writer.add(row, landmarks, frame, mask)
    return writer.finish(PairsHeader(size=(SIZE, SIZE), fps=10, shots=(shot,)))


def test_every_bone_of_a_recombined_arm_was_filmed_up_to_the_bodys_size() -> None:
    filmed = dancing(POSES)
    upper = np.linalg.norm(
        (filmed[:, Joint.LEFT_ELBOW] - filmed[:, Joint.LEFT_SHOULDER])[:, :2], axis=-1
    ) / torso_length(filmed)
    for pose in recombined_poses(filmed, 30, np.random.default_rng(0)):
        length = np.linalg.norm((pose[Joint.LEFT_ELBOW] - pose[Joint.LEFT_SHOULDER])[:2]) / torso_length(pose)
        assert np.abs(upper - length).min() < 0.02


def test_recombined_poses_are_new() -> None:
    filmed = dancing(POSES)
    for pose in recombined_poses(filmed, 30, np.random.default_rng(0)):
        assert np.abs(filmed[..., :2] - pose[..., :2]).max(axis=(1, 2)).min() > 0.01


def test_the_same_seed_gives_the_same_poses() -> None:
    filmed = dancing(POSES)
    first, again = (recombined_poses(filmed, 5, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_dancer_stands_in_the_pose_that_was_asked_for(pairs: PairSet) -> None:
    made = list(recombined_figures(pairs, pairs.header.shots[0], range(POSES), 6, np.random.default_rng(1)))
    for one in made:
        wanted = colored(one.landmarks)[1] > 127
        found = one.figure[..., 3] > 127
        assert (wanted & found).sum() / (wanted | found).sum() > 0.6


def test_a_batch_holds_them_but_never_shows_them_to_the_discriminator(pairs: PairSet) -> None:
    config = load_config(CONFIG, ["size=128", "augmentation.recombined=1", "augmentation.recombined_poses=8"])
    batch = Examples(pairs, config).batch(0)
    assert set(batch.crops[:, 0]) == {0}
    assert len(batch.real) == config.schedule.batch


def test_a_run_that_asks_for_none_makes_none(pairs: PairSet) -> None:
    config = load_config(CONFIG, ["size=128", "augmentation.recombined=0"])
    batch = Examples(pairs, config).batch(0)
    assert set(batch.crops[:, 0]) == set(range(config.schedule.batch))


def test_a_recombined_picture_stands_in_the_clips_own_room(pairs: PairSet) -> None:
    one = next(recombined_figures(pairs, pairs.header.shots[0], range(POSES), 1, np.random.default_rng(1)))
    shown = over(one.figure, room())
    np.testing.assert_array_equal(shown[:4], room()[:4])
