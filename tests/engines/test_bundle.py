"""Bundles: what is written opens identical, and whatever is wrong with one is said in a sentence when it is opened."""

import json
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from engines.bundle import FORMAT, Graph, Knob, Manifest, Port, find_bundles, made_bundle, open_bundle, write_bundle
from engines.bundle.graphs import check_graph, outlined
from engines.bundle.writing import check_place
from engines.errors import BundleError
from tests.fakes_engines import (
    figure_bundle,
    figure_graph,
    head,
    knob_bundle,
    manifest,
    model,
    picture,
    png,
    recurrent_bundle,
    room,
    shared_weights,
    tail,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound bundle on disk."""
    made = figure_bundle()
    write_bundle(tmp_path / "ember", made.manifest, made.files)
    return tmp_path / "ember"


def _edited(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_written_bundle_opens_identical(tmp_path: Path) -> None:
    made = figure_bundle()
    written = write_bundle(tmp_path / "ember", made.manifest, made.files)
    opened = open_bundle(tmp_path / "ember")
    assert opened.manifest == written.manifest == made.manifest
    assert opened.version == written.version == made.version
    assert {name: opened.read(name) for name in opened.files} == made.files
    assert opened.plate is not None
    assert np.array_equal(opened.plate, room())


def test_a_bundle_is_only_what_it_names(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["generator.onnx", "manifest.json", "plate.png"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ember"]


def test_the_version_changes_with_any_byte_of_the_bundle() -> None:
    versions = {figure_bundle().version, figure_bundle(seed=1).version, figure_bundle(title="Ember").version}
    assert len(versions) == 3
    assert figure_bundle().version in versions


def test_a_newer_bundle_replaces_the_one_that_is_there(folder: Path) -> None:
    before = open_bundle(folder).version
    newer = figure_bundle(seed=1)
    write_bundle(folder, newer.manifest, newer.files)
    assert open_bundle(folder).version == newer.version != before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ember"]


def test_a_refused_bundle_leaves_the_old_one_and_nothing_else(folder: Path) -> None:
    before = open_bundle(folder).version
    made = figure_bundle(seed=1)
    with pytest.raises(BundleError, match=r"notes\.py is of no kind that a bundle holds"):
        write_bundle(folder, made.manifest, {**made.files, "notes.py": b"print()"})
    assert open_bundle(folder).version == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ember"]


def test_a_bundle_that_fails_half_way_leaves_the_old_one_and_nothing_else(folder: Path) -> None:
    before = open_bundle(folder).version
    made = figure_bundle(seed=1)
    clashing = {"x.png": png(room()), "x.png/y.png": png(room())}  # a file cannot be a folder too
    with pytest.raises(BundleError, match="could not be written"):
        write_bundle(folder, made.manifest, {**made.files, **clashing})
    assert open_bundle(folder).version == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["ember"]


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear diary")
    made = figure_bundle()
    with pytest.raises(BundleError, match="holds something that is no bundle"):
        write_bundle(tmp_path, made.manifest, made.files)
    assert (tmp_path / "diary.txt").read_text() == "dear diary"


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root writes everywhere")
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    made = figure_bundle()
    with pytest.raises(BundleError, match="cannot be written to"):
        write_bundle(tmp_path / "ember", made.manifest, made.files)


def test_a_place_under_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = figure_bundle()
    with pytest.raises(BundleError, match="cannot be written to"):
        write_bundle(tmp_path / "file" / "ember", made.manifest, made.files)


def test_what_file_managers_leave_behind_is_ignored(folder: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"litter")
    open_bundle(folder)


# What is refused -----------------------------------------------------------------------------------------------------


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"ember does not exist; a bundle is a folder"):
        open_bundle(tmp_path / "ember")


def test_a_folder_without_a_manifest_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no manifest\.json"):
        open_bundle(tmp_path)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "generator.onnx").unlink()
    with pytest.raises(BundleError, match=r"generator\.onnx is missing"):
        open_bundle(folder)


def test_an_extra_file_is_named(folder: Path) -> None:
    (folder / "more.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"more\.onnx is not in the manifest"):
        open_bundle(folder)


def test_an_altered_file_is_named(folder: Path) -> None:
    data = bytearray((folder / "generator.onnx").read_bytes())
    data[-1] ^= 1
    (folder / "generator.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"generator\.onnx is not what was exported"):
        open_bundle(folder)


def test_a_file_altered_after_opening_is_not_handed_out(folder: Path) -> None:
    bundle = open_bundle(folder)
    (folder / "generator.onnx").write_bytes(figure_graph(seed=9))
    with pytest.raises(BundleError, match="is not what was exported"):
        bundle.read("generator.onnx")


def test_a_newer_format_is_called_newer(folder: Path) -> None:
    _edited(folder, format=FORMAT + 1, a_key_from_the_future=True)
    with pytest.raises(BundleError, match=f"has format {FORMAT + 1}, made by a newer understudy"):
        open_bundle(folder)


def test_a_skeleton_that_is_drawn_differently_is_refused(folder: Path) -> None:
    _edited(folder, skeleton_hash="0" * 64)
    with pytest.raises(BundleError, match="skeleton is drawn differently"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": [0, 64]}, r"size\.0: Input should be greater than or equal to 1 \(found 0\)"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"finish": "magic"}, r"finish: Input should be 'none', 'over_plate'.*found 'magic'"),
        ({"fps": "fast"}, r"fps: .*found 'fast'"),
        ({"finish": "none"}, "finish 'none' joins the outputs image of 3 channels"),
        ({"graphs": [{"file": "generator.onnx", "precision": "int8"}]}, "no f32 graph"),
        ({"skeleton": None}, "needs the skeleton style"),
        ({"inputs": []}, r"input 'conditioning' is uint8 \(64, 64, 3\) in the graph and absent in the manifest"),
        ({"plate_at": [9, 33]}, r"leaves plate\.png \(80 x 96\)"),
        ({"knobs": [{"name": "glow", "default": 2}]}, "default 2.0 outside 0.0 to 1.0"),
        ({"knobs": [{"name": "glow", "default": 1}]}, "no float32 input port"),
        ({"files": {}}, r"generator\.onnx is not in the manifest|not among"),
    ],
)
def test_a_manifest_that_contradicts_something_says_what(folder: Path, changes: dict, told: str) -> None:
    _edited(folder, **changes)
    with pytest.raises(BundleError, match=told):
        open_bundle(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"format": "x"}', "[" * 100_000, '"\\ud800"', "\x00"])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        open_bundle(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("../plate.png", "/etc/passwd.txt", "a/../../b.png", "C:\\x.png", "a\\b.png", ".hidden.png", "nul.png", ""),
        *("a//b.png", "x.png/../y.png", "manifest.json", "x.pkl", "x.py", "x.so", "a\n.png", "a/b/c/d/e.png"),
        "n" * 200 + ".png",
    ],
)
def test_a_file_name_with_a_trick_is_refused(name: str) -> None:
    made = figure_bundle()
    with pytest.raises(BundleError, match=r"is no name for a file|is of no kind"):
        made_bundle(made.manifest, {**made.files, name: b""})


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_refused_whatever_it_leads_to(folder: Path) -> None:
    plate = folder / "plate.png"
    plate.rename(folder.parent / "plate.png")
    plate.symlink_to(folder.parent / "plate.png")
    with pytest.raises(BundleError, match=r"plate\.png is a link"):
        open_bundle(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_never_read(folder: Path) -> None:
    (folder / "plate.png").unlink()
    os.mkfifo(folder / "plate.png")
    with pytest.raises(BundleError, match=r"plate\.png is not a plain file"):
        open_bundle(folder)


def test_a_bundle_larger_than_allowed_is_refused_unread(folder: Path) -> None:
    with (folder / "plate.png").open("r+b") as file:
        file.truncate(600 << 20)  # sparse: it takes no room
    with pytest.raises(BundleError, match="at most 512 MiB"):
        open_bundle(folder)


def test_a_picture_that_claims_gigabytes_is_refused_undecoded() -> None:
    plate = bytearray(png(room()))
    plate[16:24] = (60_000).to_bytes(4, "big") * 2
    made = figure_bundle()
    with pytest.raises(BundleError, match="claims 60000 x 60000 pixels"):
        made_bundle(made.manifest, {**made.files, "plate.png": bytes(plate)})


# Graphs --------------------------------------------------------------------------------------------------------------


def test_an_outline_says_what_the_graph_declares() -> None:
    graph = outlined(recurrent_bundle(32).read("generator.onnx"), "it")
    assert graph.inputs == [("conditioning", "uint8", (32, 32, 3)), ("previous", "uint8", (32, 32, 3))]
    assert graph.outputs == [("image", "uint8", (32, 32, 3))]
    assert graph.operators["Cast"] == 3
    assert {"spread", "half"} <= graph.weights
    assert graph.domains == {""}


def test_every_port_is_compared_with_the_graph() -> None:
    assert knob_bundle().manifest.input("strength") == Port(name="strength", shape=(1,), dtype="float32")
    with pytest.raises(BundleError, match=r"input 'conditioning' is uint8 \(64, 64, 3\) in the graph and uint8 \(32, "):
        made_bundle(manifest(32), {"generator.onnx": figure_graph(64)})
    with pytest.raises(BundleError, match="output 'figure' is absent in the graph"):
        made_bundle(manifest(), {"generator.onnx": figure_graph(output="image")})


def test_weights_kept_in_another_file_are_refused(tmp_path: Path) -> None:
    import onnx

    loaded = onnx.load_from_string(figure_graph())
    onnx.save(loaded, tmp_path / "g.onnx", save_as_external_data=True, size_threshold=0, location="outside.bin")
    with pytest.raises(BundleError, match="keeps its weights in another file"):
        made_bundle(manifest(), {"generator.onnx": (tmp_path / "g.onnx").read_bytes()})


def test_weights_hidden_in_a_constant_node_are_found_in_another_file() -> None:
    import onnx

    hidden = helper.make_tensor("hidden", onnx.TensorProto.FLOAT, [1], [1.0])
    hidden.ClearField("float_data")
    hidden.data_location = onnx.TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="/etc/passwd")
    loaded = onnx.load_from_string(figure_graph())
    loaded.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=hidden))
    with pytest.raises(BundleError, match="keeps its weights in another file"):
        check_graph(loaded.SerializeToString(), manifest(), "it")


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (
            helper.make_node("Evil", ["conditioning"], ["z"], domain="com.evil"),
            r"operators from elsewhere \(com.evil\)",
        ),
        (helper.make_node("Loop", ["", "", "x"], ["z"], body=helper.make_graph([], "b", [], [])), "uses Loop"),
    ],
)
def test_operators_that_are_not_plain_arithmetic_are_refused(node: object, told: str) -> None:
    import onnx

    loaded = onnx.load_from_string(figure_graph())
    loaded.graph.node.append(node)
    with pytest.raises(BundleError, match=told):
        check_graph(loaded.SerializeToString(), manifest(), "it")


def test_a_graph_of_too_many_nodes_is_refused() -> None:
    chain = ["x", *(f"i{n}" for n in range(20_001))]
    nodes = [helper.make_node("Identity", [a], [b]) for a, b in pairwise(chain)]
    shape = (8, 8, 3)
    graph = model(
        [*head("conditioning", "x"), *nodes, *tail(chain[-1], "image")],
        [picture("conditioning", shape)],
        [picture("image", shape)],
        shared_weights(),
    )
    with pytest.raises(BundleError, match="at most 20000 are run"):
        check_graph(graph, manifest(), "it")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_graph_that_ends_too_early_is_refused(share: float) -> None:
    data = figure_graph()
    with pytest.raises(BundleError, match=r"is no ONNX graph \(it ends in the middle"):
        outlined(data[: int(share * len(data))], "it")


@settings(max_examples=300, deadline=None)
@given(cut=st.integers(0, 10_000), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_graph_that_is_damaged_anywhere_is_refused_or_read_but_never_crashes(cut: int, at: int, byte: int) -> None:
    data = bytearray(figure_graph(8))
    data[at % len(data)] = byte
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        with suppress(BundleError):  # anything else fails the test
            outlined(damaged, "it")


# Finding -------------------------------------------------------------------------------------------------------------


def test_bundles_are_found_by_name_in_a_folder_and_in_the_users_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = figure_bundle(name="mine")
    mine = tmp_path / "data" / "understudy" / "bundles" / "mine"
    write_bundle(mine, made.manifest, made.files)
    assert find_bundles()[-1] == mine
    assert find_bundles([folder])[0] == folder
    assert find_bundles([folder.parent])[0] == folder
    assert len({path.resolve() for path in find_bundles([folder, folder.parent])}) == len(find_bundles([folder]))


def test_a_broken_bundle_is_found_so_that_somebody_is_told(folder: Path) -> None:
    (folder / "generator.onnx").unlink()
    assert folder in find_bundles([folder.parent])


# Names that others rely on -------------------------------------------------------------------------------------------


def test_a_manifest_survives_its_own_json() -> None:
    made = manifest(
        knobs=(Knob(name="strength", default=0.5),),
        inputs=(
            Port(name="conditioning", shape=(64, 64, 3), dtype="uint8"),
            Port(name="strength", shape=(1,), dtype="float32"),
        ),
        graphs=(
            Graph(file="generator.onnx", precision="f32"),
            Graph(file="generator.int8.onnx", precision="int8", psnr_db=41.5),
        ),
        metrics={"pck": 0.8},
        made_by={"run": "abc"},
    )
    assert Manifest.model_validate_json(made.model_dump_json()) == made


def test_a_place_where_no_bundle_can_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    check_place(tmp_path / "new" / "ember")
    assert not any((tmp_path / "new").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        check_place(tmp_path / "file" / "ember")
