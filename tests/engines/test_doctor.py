"""The doctor looks without touching, tells what to do about everything that is missing, and never hangs."""

import os
import socket
import sys
from pathlib import Path

import pytest

from engines import devices, doctor, requirements
from engines.bundle import write_bundle
from engines.doctor import Finding, examine
from tests.fakes_engines import figure_bundle


def test_everything_that_is_not_well_says_what_to_do() -> None:
    findings = examine()
    assert {"Python", "stage packages", "engines", "pose model", "cameras", "displays", "OSC in"} <= {
        finding.what for finding in findings
    }
    assert all(finding.found for finding in findings)
    assert [finding for finding in findings if not finding.ok and not finding.do] == []
    assert [finding for finding in findings if finding.ok and finding.do] == []


def test_what_the_tests_run_on_is_well() -> None:
    findings = {finding.what: finding for finding in examine()}
    for what in ("Python", "stage packages", "engines", "H.264 recording"):
        assert findings[what].ok, findings[what]
    assert "numpy" in findings["stage packages"].found


def test_a_package_too_old_is_named_with_what_is_needed() -> None:
    found = requirements.Requirement("mediapipe", "1.2", "0.10.21")
    assert not found.is_met
    assert str(found) == "mediapipe 0.10.21 (needs 1.2 or newer)"
    assert str(requirements.Requirement("av", "14", None)) == "av is missing"
    assert requirements.Requirement("torch", "2.6", "2.13.0+cpu").is_met


def test_requirements_are_those_of_the_project() -> None:
    stage, training = requirements.requirements(), requirements.requirements("train")
    assert {"numpy", "mediapipe", "openvino", "python-osc"} <= {requirement.name for requirement in stage}
    assert "torch" in {requirement.name for requirement in training}
    assert "torch" not in {requirement.name for requirement in stage}
    assert requirements.requirements("no such extra") == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cameras are listed on Linux only")
def test_cameras_are_listed_without_their_metadata_nodes(tmp_path: Path) -> None:
    sysfs, dev = tmp_path / "sysfs", tmp_path / "dev"
    dev.mkdir()
    for number, name, index in ((10, "USB Camera", 0), (2, "Webcam", 0), (3, "Webcam", 1)):
        (sysfs / f"video{number}").mkdir(parents=True)
        (sysfs / f"video{number}" / "name").write_text(f"{name}\n")
        (sysfs / f"video{number}" / "index").write_text(f"{index}\n")
        (dev / f"video{number}").touch()
    assert devices.cameras(sysfs, dev) == [devices.Device("2: Webcam"), devices.Device("10: USB Camera")]
    if os.geteuid():  # root may open everything
        (dev / "video2").chmod(0)
        assert "group 'video'" in devices.cameras(sysfs, dev)[0].problem


def test_a_driver_without_a_screen_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert devices.displays() == []


def test_a_library_that_hangs_is_given_up() -> None:
    assert devices._asked("import time\nprint('half', flush=True)\ntime.sleep(60)", timeout_s=3.0).strip() == "half"


def test_a_busy_port_is_told_with_its_holder() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        number = held.getsockname()[1]
        port = devices.udp_port(number)
        assert not port.is_free
        if sys.platform.startswith("linux"):
            assert str(os.getpid()) in port.holder
    assert devices.udp_port(number).is_free


def test_two_packages_that_overwrite_each_other_are_found() -> None:
    versions = {"opencv-python": "4.11", "opencv-contrib-python": "5.0", "pygame": "2.6.1", "pygame-ce": "2.5.8"}
    assert [finding.do.split(",")[0] for finding in doctor._twins(versions.get)] == [
        "pip uninstall opencv-python opencv-contrib-python",
        "pip uninstall pygame pygame-ce",
    ]
    versions["opencv-python"] = "5.0"
    del versions["pygame-ce"]
    assert doctor._twins(versions.get) == []


def test_a_broken_performer_is_named_among_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "understudy" / "bundles" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (finding,) = doctor._bundles()
    assert not finding.ok
    assert "broken" in finding.found
    assert str(folder) in finding.do


def test_a_look_in_depth_reads_every_byte_of_a_performer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    made = figure_bundle(64)
    folder = tmp_path / "understudy" / "bundles" / "ember"
    write_bundle(folder, made.manifest, {name: made.read(name) for name in made.manifest.files})
    graph = folder / "generator.onnx"
    data = bytearray(graph.read_bytes())
    data[-1] ^= 1
    graph.write_bytes(data)
    assert not any(str(folder) in finding.do for finding in doctor._bundles())
    assert any(str(folder) in finding.do for finding in doctor._bundles_opened())


def test_little_room_on_the_disk_is_told(tmp_path: Path) -> None:
    (finding,) = doctor._disk(tmp_path, wanted_mib=1 << 40)
    assert isinstance(finding, Finding)
    assert not finding.ok
    assert str(tmp_path) in finding.found
