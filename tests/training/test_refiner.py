"""A generator that repairs a posed figure: what it is shown, what it says, and what the stage makes of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.backends import open_engine
from engines.bundle import open_bundle
from engines.errors import ConfigError
from engines.finish import refined
from engines.performer import Performer
from engines.scene import Scene
from tests.fakes_training import swinging, written_pairs
from tests.training.test_loop import _config
from training.config import AugmentationConfig, GeneratorConfig, TrainingConfig
from training.datasets import Examples
from training.devices import picture_array, picture_tensor
from training.examples import open_examples
from training.export import export
from training.loop import train
from training.losses import painted_share, rightness
from training.networks import generator
from training.networks.refiner import REACH, Refiner, fetched
from training.pairs.store import PairSet
from training.posing import APART, PosedFigures, pairs_atlas

SIZE = 64


def small(**changes: object) -> TrainingConfig:
    return _config(generator=GeneratorConfig(kind="refiner", width=8, blocks=1), **changes)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    return written_pairs(tmp_path_factory.mktemp("pairs") / "pairs", count=40, side=96)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, pairs: PairSet) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    train(small(), pairs.folder, folder / "run", steps=4, progress=False)
    export(folder / "run", folder / "doll", progress=False)
    return folder / "doll"


def test_an_untrained_refiner_leaves_the_posed_figure_nearly_alone(pairs: PairSet) -> None:
    torch.manual_seed(0)
    seen = Examples(pairs, small()).plain_conditioning([30])
    given = generator(small().generator).eval()(picture_tensor(seen, torch.device("cpu"))).detach()
    inside = seen[0, ..., 6] > 250
    assert np.abs(picture_array(given[:, :3])[0].astype(int) - seen[0, ..., 3:6])[inside].mean() < 14
    matte = given[0, 3].numpy()
    assert matte[inside].mean() > 0.95
    assert matte[seen[0, ..., 6] == 0].mean() < 0.05


def test_what_is_trained_is_what_the_stage_joins() -> None:
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    refiner = generator(small().generator).eval()
    assert isinstance(refiner, Refiner)
    torch.nn.init.normal_(refiner.drift.weight, 0, 0.3)
    seen = rng.integers(0, 256, (1, SIZE, SIZE, 7), np.uint8)
    with torch.no_grad():
        given, said = refiner(picture_tensor(seen, torch.device("cpu"))), refiner.repairs(_pictures(seen))
    assert said.displacement.abs().max() > 1
    ports = {
        "displacement": said.displacement[0].permute(1, 2, 0).numpy(),
        "gate": (said.gate[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8),
        "paint": picture_array(said.paint)[0],
        "matte": (said.matte[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8),
    }
    joined = refined(ports, np.ascontiguousarray(seen[0, ..., 3:]))
    # OpenCV fetches at 32nds of a pixel, which noise makes the most of.
    assert np.abs(picture_array(given[:, :3])[0].astype(int) - joined[..., :3]).mean() < 2
    assert np.abs(given[0, 3].numpy() * 255 - joined[..., 3]).max() <= 1


def _pictures(seen: np.ndarray) -> torch.Tensor:
    return picture_tensor(seen, torch.device("cpu"))


def test_pixels_are_fetched_from_right_and_below() -> None:
    color = torch.rand(1, 3, 32, 32) * 2 - 1
    there = fetched(color, torch.tensor([3.0, 5.0]).view(1, 2, 1, 1).expand(1, 2, 8, 8))
    assert torch.allclose(there[..., :-5, :-3], color[..., 5:, 3:], atol=1e-4)
    assert torch.allclose(there[..., -5:, :], torch.tensor(-1.0), atol=1e-4)


def test_nothing_is_moved_farther_than_its_reach() -> None:
    refiner = Refiner(8, 1).eval()
    torch.nn.init.normal_(refiner.drift.weight, 0, 100)
    moved = refiner.repairs(torch.randn(1, 7, SIZE, SIZE)).displacement.detach()
    assert float(moved.abs().max()) == pytest.approx(REACH * SIZE, rel=1e-3)


def test_painting_costs_only_where_the_posed_figure_has_a_pixel() -> None:
    conditioning, real = -torch.ones(1, 7, SIZE, SIZE), -torch.ones(1, 3, SIZE, SIZE)
    conditioning[:, 6, : SIZE // 2] = 1
    gate = torch.ones(1, 1, SIZE, SIZE)
    gate[..., SIZE // 2 :, :] = 0
    assert float(painted_share(gate, conditioning, real)) == 0
    gate[..., : SIZE // 4, :] = 0
    assert float(painted_share(gate, conditioning, real)) == pytest.approx(0.5, abs=0.01)


def test_painting_costs_nothing_where_the_posed_figure_is_wrong() -> None:
    conditioning, real = torch.ones(1, 7, SIZE, SIZE), torch.ones(1, 3, SIZE, SIZE)
    real[..., : SIZE // 2] = -1
    gate = torch.zeros(1, 1, SIZE, SIZE)
    gate[..., SIZE // 2 :] = 1
    assert float(painted_share(gate, conditioning, real)) < 0.02
    assert float(painted_share(1 - gate, conditioning, real)) == pytest.approx(0.5, abs=0.02)


def test_a_figure_of_the_right_cloth_is_right_thread_or_no_thread() -> None:
    conditioning, real = torch.zeros(1, 7, SIZE, SIZE), torch.zeros(1, 3, SIZE, SIZE)
    conditioning[:, 6] = 1
    conditioning[:, 3:6, ::2] = 0.8
    real[:, :, 1::2] = 0.8
    assert float(rightness(conditioning, real).min()) > 0.9


def test_keys_are_barred_at_random_and_alike_for_the_same_seed(pairs: PairSet) -> None:
    config = small(augmentation=AugmentationConfig(keys_barred=0.5))
    examples = Examples(pairs, config)
    drawn = [examples.conditioning(pairs.landmarks[9], pair=9, seed=seed) for seed in (1, 1, 2, 3, 4)]
    assert np.array_equal(drawn[0], drawn[1])
    assert len({figure.tobytes() for figure in drawn}) > 1
    plain = Examples(pairs, small()).conditioning(pairs.landmarks[9], pair=9)
    assert np.array_equal(examples.conditioning(pairs.landmarks[9], pair=9), plain)


def test_a_frame_is_drawn_from_keys_that_are_not_near_it(pairs: PairSet) -> None:
    posed, (atlas, of_pairs) = PosedFigures(pairs, SIZE), pairs_atlas(pairs, SIZE)
    assert len(atlas.keys) == len(of_pairs)
    for pair in of_pairs[:4]:
        posed.posed(pairs.landmarks[pair], pair)
        taken = {playing.key for playing in posed._poser._playing}
        assert all(abs(of_pairs[key] - pair) >= APART for key in taken)
        posed.posed(pairs.landmarks[pair])
        assert of_pairs.index(pair) in {playing.key for playing in posed._poser._playing}


def test_a_refiner_learns_nothing_where_no_room_is_known(tmp_path: Path) -> None:
    moving = written_pairs(tmp_path / "pairs", static=False)
    with pytest.raises(ConfigError, match="no room is known"):
        Examples(moving, small())


def test_a_refiner_is_for_dancers(pairs: PairSet) -> None:
    of_pictures = PairSet(
        pairs.folder, pairs.header.model_copy(update={"kind": "aligned"}), pairs.rows, pairs.landmarks
    )
    with pytest.raises(ConfigError, match="repairs a dancer's posed figure"):
        open_examples(of_pictures, small())


def test_a_refiner_takes_no_poses_that_were_made_up(pairs: PairSet) -> None:
    config = small()
    made = config.augmentation.model_copy(update={"recombined": 0.4})
    with pytest.raises(ConfigError, match="recombined"):
        Examples(pairs, config.model_copy(update={"augmentation": made}))


def test_a_refined_bundle_plays_with_its_atlas(exported: Path) -> None:
    bundle = open_bundle(exported)
    manifest = bundle.manifest
    assert (manifest.conditioning, manifest.finish) == ("figure", "refine")
    assert bundle.atlas is not None
    performer = Performer(bundle, open_engine(bundle, "openvino", "f32"))
    drawn = performer.perform(Scene(swinging(0.4), 1.0))
    performer.close()
    assert drawn.figure is not None
    assert drawn.figure.shape == (SIZE, SIZE, 4)
    assert (drawn.figure[..., 3] > 128).any()


def test_the_atlas_of_the_bundle_is_the_one_that_was_trained_with(exported: Path, pairs: PairSet) -> None:
    bundle, (atlas, _) = open_bundle(exported), pairs_atlas(pairs, SIZE)
    assert bundle.atlas is not None
    for kept, cut in zip(bundle.atlas.keys, atlas.keys, strict=True):
        assert np.allclose(kept.landmarks, cut.landmarks, atol=1e-5)
        for one, other in zip(kept.cuts, cut.cuts, strict=True):
            assert (one is None) == (other is None)
            assert one is None or other is None or np.array_equal(one.pixels, other.pixels)
