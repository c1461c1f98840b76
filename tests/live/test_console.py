"""The operator's side as a whole: files that are broken, tokens that last, codes for phones, names on the network."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.errors import ConfigError
from live.config import LiveOptions
from live.control.announcing import Announced
from live.control.console import Console
from live.control.parameters import Controls
from live.stages import Faults


def console(tmp_path: Path, **options: Any) -> Console:
    return Console(LiveOptions(presets=tmp_path, midi=False, **{"osc_in": 0, "page_port": 0, **options}), Controls())


def test_a_broken_presets_file_is_told_and_kept_and_the_show_goes_on(tmp_path: Path) -> None:
    (tmp_path / "presets.json").write_text("{ broken")
    faults = Faults()
    with ExitStack() as stack:
        console(tmp_path, osc=False).start(stack, faults, tuple, lambda _out: pytest.fail("no telemetry without OSC"))
        assert "presets.json" in faults.now["presets"]
    assert (tmp_path / "presets.json").read_text() == "{ broken"


def test_a_broken_presets_file_is_moved_aside_before_another_is_written(tmp_path: Path) -> None:
    (tmp_path / "presets.json").write_text("{ broken")
    made = console(tmp_path, osc=False)
    made.desk.receive([("/preset/store", ["new"])], 0.0)
    made.desk.tick(0.0)
    made.shelf.flush()
    assert (tmp_path / "presets.json.broken").read_text() == "{ broken"
    assert "new" in console(tmp_path, osc=False).desk.presets.names


def test_the_page_is_for_this_machine_unless_told_otherwise(tmp_path: Path) -> None:
    made = console(tmp_path, page_port=7480)
    assert made.address() == "http://127.0.0.1:7480/"
    assert made.code() == ""


def test_a_token_is_made_up_once_and_lasts(tmp_path: Path) -> None:
    first = console(tmp_path, page_host="0.0.0.0")
    first.shelf.flush()
    assert len(first.door.token) >= 12
    assert console(tmp_path, page_host="0.0.0.0").door.token == first.door.token
    assert console(tmp_path, page_host="0.0.0.0", page_token="mine").door.token == "mine"


def test_a_phone_reads_the_address_from_the_terminal(tmp_path: Path) -> None:
    made = console(tmp_path, page_host="0.0.0.0", page_port=7480, page_token="a-token")
    light = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    lines = made.code().strip("\n").split("\n")
    halves = np.array([[light[block] for block in line] for line in lines])
    picture = halves.transpose(0, 2, 1).reshape(-1, halves.shape[1]).astype(np.uint8) * 255
    large = cv2.copyMakeBorder(
        np.kron(picture, np.ones((8, 8), np.uint8)), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255
    )
    text, *_ = cv2.QRCodeDetector().detectAndDecode(large)
    assert text == made.address()
    assert text.endswith(":7480/?token=a-token")


@pytest.mark.parametrize("text", ["192.168.1.5", "host:", ":7400", "host:99999", "host:x"])
def test_a_place_for_poses_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        console(tmp_path, pose_to=text)


def test_the_page_is_found_by_its_name_on_the_network() -> None:
    zeroconf = pytest.importorskip("zeroconf", reason="zeroconf is an extra")
    announced = Announced(lambda: 7480, 7400, "127.0.0.1", "understudy-test")
    try:
        announced.step()
        asking = zeroconf.Zeroconf(interfaces=["127.0.0.1"])
        found = asking.get_service_info("_oscjson._tcp.local.", "understudy-test._oscjson._tcp.local.", timeout=3000)
        asking.close()
    except OSError as error:
        pytest.skip(f"no multicast here ({error})")
    finally:
        announced.close()
    assert found is not None
    assert found.port == 7480
