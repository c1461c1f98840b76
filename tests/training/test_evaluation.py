"""A performer is measured between a ceiling and a floor, and told when it does not reach the floor."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.backends import open_engine
from engines.bundle import Bundle
from engines.errors import BadInput, PairsError
from engines.images import Frame, resized
from engines.performer import Performer
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracker
from engines.progress import silent
from tests import fakes_engines
from tests.fakes_training import written_pairs
from tests.footage import footage
from training.contenders import Generated, baselines
from training.evaluation import chosen_frames, evaluate, jitter_gain, measured, pck_of_novel_half, verdict
from training.evaluation_report import ranked
from training.metrics import pck
from training.pairs.store import PairSet

SIDE = 64


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    return written_pairs(tmp_path_factory.mktemp("pairs"), count=40, side=SIDE)


def _knows(pairs: PairSet) -> Callable[[Frame], Landmarks | None]:
    """A pose model that recognizes the pairs' own frames, perfectly, and nothing else."""
    known = {resized(pairs.frame(i), (512, 512)).tobytes(): pairs.landmarks[i] for i in range(len(pairs))}
    return lambda picture: known.get(picture.tobytes())


def _figures(pairs: PairSet, generated: Callable[[int], Frame]) -> dict[str, Any]:
    figures, _ = measured(
        lambda i: (generated(i), ("generated", i)), pairs, pairs.split("test"), SIDE, "test", _knows(pairs), silent
    )
    return figures


def test_a_performer_who_is_the_film_reaches_the_ceiling(pairs: PairSet) -> None:
    figures = _figures(pairs, pairs.frame)
    assert figures["l1"] == figures["l1_figure"] == figures["l1_face"] == figures["l1_hands"] == figures["tof"] == 0
    assert figures["pck"] == {"0.05": 1, "0.1": 1, "0.2": 1}
    assert figures["redetected"] == figures["oks"] == 1
    assert figures["sharpness"] == pytest.approx(1)
    assert figures["flicker"]["ratio"] == pytest.approx(1)
    real = figures["baselines"]["real"]
    assert {name: real[name] for name in ("l1", "pck", "flicker")} == {
        name: figures[name] for name in ("l1", "pck", "flicker")
    }


def test_a_blank_performer_is_found_in_no_picture(pairs: PairSet) -> None:
    figures = _figures(pairs, lambda _i: np.zeros((SIDE, SIDE, 3), np.uint8))
    assert figures["redetected"] == figures["pck"]["0.2"] == figures["oks"] == figures["sharpness"] == 0
    assert any("does not beat the nearest frames" in sentence for sentence in verdict(figures))
    assert any("nobody is recognized" in sentence for sentence in verdict(figures))


def test_errors_are_the_mean_over_the_frames(pairs: PairSet) -> None:
    def shifted(i: int) -> Frame:
        return np.clip(pairs.frame(i).astype(int) - (4 if i % 3 else 40), 0, 255).astype(np.uint8)

    test = pairs.split("test")
    by_hand = [abs(shifted(i).astype(float) - pairs.frame(i)).mean() for i in test]
    assert _figures(pairs, shifted)["l1"] == pytest.approx(sum(by_hand) / len(by_hand), rel=1e-6)


def test_a_performer_whose_light_trembles_flickers(pairs: PairSet) -> None:
    def trembling(i: int) -> Frame:
        return np.clip(pairs.frame(i).astype(int) + (20 if i % 2 else 0), 0, 255).astype(np.uint8)

    def steadily_brighter(i: int) -> Frame:
        return np.clip(pairs.frame(i).astype(int) + 20, 0, 255).astype(np.uint8)

    trembles, is_steady = _figures(pairs, trembling)["flicker"], _figures(pairs, steadily_brighter)["flicker"]
    assert trembles["warp_error"] > trembles["real"] + 3
    assert is_steady["ratio"] < 1.05


def test_nothing_flickers_across_a_gap_in_the_film(tmp_path: Path) -> None:
    pairs = written_pairs(tmp_path / "pairs", count=20, side=SIDE)
    rows = tuple(row.model_copy(update={"time_s": row.time_s * 3}) for row in pairs.rows)  # two of three left out
    sparse = PairSet(pairs.folder, pairs.header, rows, pairs.landmarks)
    assert math.isnan(_figures(sparse, sparse.frame)["flicker"]["real"])
    assert not math.isnan(_figures(pairs, pairs.frame)["flicker"]["real"])


def test_the_floor_takes_from_the_training_split_only(pairs: PairSet) -> None:
    learned = pairs.split("train")
    contenders = baselines(pairs, SIDE, learned)
    keys = {shown[1] for i in pairs.split("test") if (shown := contenders["nearest_pose"](int(i)))}
    assert keys <= {("real", int(i)) for i in learned}
    own = contenders["nearest_pose"](int(learned[5]))  # nothing is nearer to a pose than itself
    assert own is not None
    assert np.array_equal(own[0], pairs.frame(int(learned[5])))


def test_the_other_baselines_are_the_frame_before_and_the_mean_frame(pairs: PairSet) -> None:
    learned = pairs.split("train")
    contenders = baselines(pairs, SIDE, learned)
    before, mean = contenders["copy_last"](30), contenders["mean"](30)
    assert before is not None
    assert mean is not None
    assert np.array_equal(before[0], pairs.frame(29))
    assert contenders["copy_last"](0) is None
    by_hand = np.mean([pairs.frame(int(i)).astype(float) for i in learned], axis=0)
    assert abs(mean[0] - by_hand).max() <= 0.5


def test_a_part_of_a_split_is_spread_over_it_and_keeps_neighbors(pairs: PairSet) -> None:
    whole = pairs.split("train")
    some = chosen_frames(pairs, "train", 16)
    assert len(some) == 16
    assert some[0] == whole[0]
    assert some[-1] == whole[-1]
    assert (np.diff(some) == 1).sum() == 14
    assert list(chosen_frames(pairs, "train", 999)) == list(whole)
    assert len(chosen_frames(pairs, "train", 1)) == 1


def test_an_empty_split_is_one_sentence(pairs: PairSet) -> None:
    with pytest.raises(PairsError, match="'gap' holds no pairs"):
        chosen_frames(pairs, "gap")


def test_new_poses_are_judged_apart() -> None:
    rows = [{"novelty": n, "pck 0.1": p} for n, p in ((0.1, 1.0), (0.2, 0.9), (0.8, 0.5), (0.9, 0.3))]
    assert pck_of_novel_half(rows) == pytest.approx(0.4)
    assert math.isnan(pck_of_novel_half([{"novelty": None, "pck 0.1": 1.0}]))


def test_the_best_frame_is_the_one_whose_pose_is_right() -> None:
    rows = [
        {"id": "blur", "pck 0.1": 0.2, "l1_figure": 5.0},
        {"id": "person", "pck 0.1": 0.9, "l1_figure": 9.0},
        {"id": "like", "pck 0.1": 0.9, "l1_figure": 8.0},
    ]
    assert [row["id"] for row in ranked(rows)] == ["like", "person", "blur"]


def _evaluated(bundle: Bundle, pairs: PairSet, **more: Any) -> dict[str, Any]:
    return evaluate(bundle, pairs, progress=silent, found=lambda _picture: None, precision="f32", **more)


def test_a_bundle_is_measured_and_told_of(pairs: PairSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = fakes_engines.figure_bundle(SIDE)
    figures = _evaluated(bundle, pairs, json=tmp_path / "e.json", html=tmp_path / "e.html")
    kept = json.loads((tmp_path / "e.json").read_text())
    assert set(kept) >= {"machine", "versions", "commit", "started", "bundle", "pairs", "engine", "splits", "rows"}
    assert set(kept["splits"]["test"]) >= {
        "l1", "psnr", "ssim", "ms_ssim", "sharpness", "l1_figure", "l1_face", "l1_hands", "pck", "oks", "redetected",
        "flicker", "baselines",
    }  # fmt: skip
    assert set(kept["splits"]["test"]["baselines"]) == {"real", "nearest_pose", "copy_last", "mean"}
    assert kept["splits"]["test"]["baselines"]["real"]["psnr"] is None  # infinite
    assert len(kept["rows"]) == len(pairs.split("test")) == figures["splits"]["test"]["frames"]
    printed = capsys.readouterr().out
    assert "PCK@0.1" in printed
    assert "does not beat" in printed
    page = (tmp_path / "e.html").read_text()
    assert page.count("<figure>") == 3 * 4
    assert page.count("data:image/jpeg") == 3 * 4 * 3
    assert 'src="http' not in page


def test_a_bundle_that_follows_no_pose_is_refused(pairs: PairSet) -> None:
    with pytest.raises(BadInput, match="looks at its gray, not at a pose"):
        _evaluated(fakes_engines.color_bundle(SIDE), pairs)


def test_a_picture_is_cut_out_of_the_canvas_where_the_square_lies(pairs: PairSet) -> None:
    # A generator that draws nobody at all leaves the room that lies behind the square.
    class Nobody:
        backend, precision, device, why = "none", "f32", "CPU", ""

        def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {"figure": np.zeros((*inputs["conditioning"].shape[:2], 4), np.uint8)}

        def close(self) -> None:
            pass

    bundle = fakes_engines.figure_bundle(SIDE)
    picture, _ = Generated(Performer(bundle, Nobody()), pairs)(0)
    (y, x), room = bundle.manifest.plate_at, fakes_engines.room(SIDE)
    assert np.array_equal(picture, room[y : y + SIDE, x : x + SIDE])


class _Echo:
    """Shows the skeleton itself with the brightness `times`: a generator that follows every tremble."""

    backend, precision, device, why = "none", "f32", "CPU", ""

    def __init__(self, times: float) -> None:
        self._times = times

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        drawn = (inputs["conditioning"] * self._times).astype(np.uint8)
        return {"figure": np.dstack([drawn, np.full(drawn.shape[:2], 255, np.uint8)])}

    def close(self) -> None:
        pass


def test_jitter_gain_is_what_trembling_landmarks_do_to_the_picture(pairs: PairSet) -> None:
    gains = [
        jitter_gain(
            Generated(Performer(fakes_engines.figure_bundle(SIDE), _Echo(t)), pairs), pairs, pairs.split("test")
        )
        for t in (0.0, 0.5, 1.0)
    ]
    assert gains[0] == 0
    assert gains[1] > 0.2
    assert gains[2] == pytest.approx(2 * gains[1], rel=0.1)


def test_a_smaller_generator_is_measured_at_its_own_size(pairs: PairSet) -> None:
    figures = _evaluated(fakes_engines.image_bundle(32), pairs, say=False, limit=8)
    assert figures["splits"]["test"]["frames"] == len(pairs.split("test"))
    assert math.isfinite(figures["splits"]["test"]["l1"])


def test_a_generator_that_remembers_begins_anew_where_the_film_does(tmp_path: Path) -> None:
    pairs = written_pairs(tmp_path / "pairs", count=20, side=SIDE)
    rows = tuple(
        row.model_copy(update={"time_s": row.time_s + (100 if i >= 18 else 0)}) for i, row in enumerate(pairs.rows)
    )
    torn = PairSet(pairs.folder, pairs.header, rows, pairs.landmarks)

    bundle = fakes_engines.recurrent_bundle(SIDE, output="figure")

    def last_of(chosen: tuple[int, ...]) -> Frame:
        performer = Performer(bundle, open_engine(bundle, "onnxruntime", "f32", threads=1))
        generated = Generated(performer, torn)
        pictures = [generated(i)[0] for i in chosen]
        performer.close()
        return pictures[-1]

    assert np.array_equal(last_of((17, 18)), last_of((18,)))
    assert not np.array_equal(last_of((16, 17)), last_of((17,)))


@pytest.mark.footage
@pytest.mark.slow
def test_the_pose_model_finds_real_frames_again_where_they_were_tracked() -> None:

    film = cv2.VideoCapture(str(footage("dance/board_freestyle.mp4")))
    with Tracker(mode="image") as tracker:
        for _ in range(3):
            _, frame = film.read()
            square = np.ascontiguousarray(frame[:, 140:500, ::-1], np.uint8)
            small, large = (tracker.track(resized(square, (s, s)), 0.0).landmarks for s in (360, 512))
            assert small is not None
            assert pck(large, small, 0.1) > 0.9
