"""The pose model is made once, is always the same, and is refused in one sentence when it cannot be had."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engines.errors import BadInput, Unavailable
from engines.pose.model import SHA256, pose_model, pose_model_path
from engines.pose.tflite import Old, Raw, Table, Vector, flatbuffer, floats, text, with_normalization


@pytest.fixture(scope="module")
def model() -> Path:
    try:
        return pose_model()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty package index: what pip sees on a machine that is offline and has no mirror."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", tmp_path.as_uri())
    monkeypatch.setenv("PIP_RETRIES", "0")


def test_the_model_holds_both_networks_stored_and_aligned(model: Path) -> None:
    with zipfile.ZipFile(model) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == ["pose_detector.tflite", "pose_landmarks_detector.tflite"]
    data = model.read_bytes()
    for entry in entries:
        assert entry.compress_type == zipfile.ZIP_STORED
        # The identifier stands four bytes into every TFLite file.
        start = data.index(b"TFL3", entry.header_offset) - 4
        assert start % 64 == 0


@pytest.mark.usefixtures("no_index")
def test_a_model_that_lies_in_the_cache_is_not_made_again(model: Path, tmp_path: Path) -> None:
    place = pose_model_path("full", tmp_path)
    place.parent.mkdir(parents=True)
    place.write_bytes(model.read_bytes())
    assert pose_model("full", tmp_path) == place


@pytest.mark.usefixtures("no_index")
def test_an_altered_model_in_the_cache_is_not_used(tmp_path: Path) -> None:
    place = pose_model_path("full", tmp_path)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"PK not the model")
    with pytest.raises(Unavailable):
        pose_model("full", tmp_path)


@pytest.mark.usefixtures("no_index")
def test_without_a_package_index_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        pose_model("full", tmp_path)
    sentence = str(caught.value)
    assert "mediapipe==0.10.21" in sentence
    assert str(pose_model_path("full", tmp_path)) in sentence
    assert "\n" not in sentence
    assert not list(tmp_path.rglob("*.part")), "half a model was left behind"


def test_an_unknown_kind_names_the_kinds_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="full, lite or heavy"):
        pose_model("huge", tmp_path)  # type: ignore[arg-type]


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="XDG_CACHE_HOME"):
        pose_model("full", tmp_path)


@pytest.mark.slow
def test_two_processes_that_ask_at_once_make_one_sound_model(tmp_path: Path, model: Path) -> None:
    code = (
        "import pathlib, sys; from engines.pose.model import pose_model; pose_model('full', pathlib.Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    if any("package index (" in error for error in errors):
        pytest.skip("the package index is not reachable")
    assert [process.returncode for process in both] == [0, 0], errors
    assert pose_model_path("full", tmp_path).read_bytes() == model.read_bytes()
    assert [path.name for path in (tmp_path / "models").glob("*.part")] == []


def test_what_is_pinned_are_whole_hashes() -> None:
    assert all(len(bytes.fromhex(value)) == 32 for value in SHA256.values())


def test_the_written_flatbuffer_reads_back_with_an_independent_reader() -> None:
    flatbuffers = pytest.importorskip("flatbuffers")
    data = flatbuffer(Table({0: 7, 2: text("hello"), 3: Vector([Table({1: floats(0.5, 255)})])}), b"TEST")
    table_at = flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0)
    table = flatbuffers.table.Table(bytearray(data), table_at)
    assert data[4:8] == b"TEST"
    assert table.Get(flatbuffers.number_types.Uint32Flags, table.Pos + table.Offset(4)) == 7
    assert table.Offset(6) == 0, "a field that was not written is absent"
    assert table.String(table.Pos + table.Offset(8)) == b"hello"
    inner = flatbuffers.table.Table(table.Bytes, table.Indirect(table.Vector(table.Offset(10))))
    assert inner.VectorLen(inner.Offset(6)) == 2
    assert inner.Vector(inner.Offset(6)) % 4 == 0
    assert inner.Get(flatbuffers.number_types.Float32Flags, inner.Vector(inner.Offset(6)) + 4) == 255


def test_a_model_with_metadata_keeps_its_old_bytes_and_everything_they_say() -> None:
    old = flatbuffer(
        Table({0: 3, 1: Vector([]), 2: Vector([]), 3: text("mine"), 4: Vector([Table({0: Raw(1, b"x")})])}), b"TFL3"
    )
    new = with_normalization(old, mean=0, std=255, outputs=5)
    assert new.endswith(old)
    assert (len(new) - len(old)) % 64 == 0
    assert b"TFLITE_METADATA" in new
    assert b"M001" in new


def test_a_target_in_the_old_bytes_is_found_where_it_was() -> None:
    data = flatbuffer(Table({0: Old(8)}), b"TEST", old=b"0123456789")
    table = int.from_bytes(data[:4], "little")
    field = table + 4
    assert data[field + int.from_bytes(data[field : field + 4], "little") :] == b"89"
