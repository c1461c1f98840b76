"""Never black: every fault of the list, put in where it really happens, with small stand-ins for devices."""

from pathlib import Path

import pytest

from engines.bundle import open_bundle, write_bundle
from live.chaos import FAULTS, Outcome, chaos
from live.config import LiveOptions
from live.doors import Doors
from live.pipeline import StandIn
from tests.fakes import FakeSource, fake_tracker, stand_in
from tests.fakes_engines import figure_graph, manifest, png, room


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """One show in which everything breaks once."""
    folder = tmp_path_factory.mktemp("chaos") / "ember"
    write_bundle(
        folder,
        manifest(64, name="ember", plate_at=(8, 20)),
        {"generator.onnx": figure_graph(64, 0), "plate.png": png(room(64))},
    )

    def opened(path: Path, _options: LiveOptions) -> StandIn:
        return stand_in(open_bundle(path))

    doors = Doors(source=lambda _spec: FakeSource(), tracker=fake_tracker, stand_in=opened)
    options = LiveOptions(bundles=(folder,), headless=True, source="dancer", page=False, midi=False)
    return {outcome.fault.name: outcome for outcome in chaos(options, doors)}


@pytest.mark.slow
@pytest.mark.parametrize("name", [fault.name for fault in FAULTS])
def test_pictures_flow_and_the_fault_is_told(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert outcome.told
    assert outcome.black == 0
    assert outcome.pictures > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", [fault.name for fault in FAULTS if fault.heals])
def test_what_broke_comes_back_by_itself(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].back_s < 30
