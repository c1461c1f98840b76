"""How good is a performer? Measured on pairs it never learned from, between a ceiling and a floor."""

from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.bundle.manifest import FROM_LANDMARKS
from engines.errors import BadInput, PairsError
from engines.images import Frame, resized
from engines.measuring import measured_header, write_json
from engines.performer import Performer
from engines.pose.landmarks import Landmarks
from engines.pose.tracker import Tracker
from engines.progress import Progress, bar
from training import metrics
from training.augmentation import trembling
from training.contenders import Contender, Generated, Shown, baselines
from training.evaluation_report import Seen, print_figures, write_page
from training.pairs.header import Split
from training.pairs.store import PairSet, open_pairs
from training.tallies import Moment, Tally, as_jpeg, mean, moment_of, summary

DETECTION_SIZE = (512, 512)
JITTER, JITTERED = 0.002, 16
RUN = 8  # consecutive frames that are kept together when only some are measured: flicker needs neighbors

Found = Callable[[Frame], Landmarks | None]


def evaluate(
    bundle: Path | Bundle,
    pairs: Path | PairSet,
    *,
    split: Split = "test",
    limit: int | None = None,
    json: Path | None = None,
    html: Path | None = None,
    progress: Progress | None = None,
    say: bool = True,
    backend: str = "auto",
    precision: str = "auto",
    found: Found | None = None,
) -> dict[str, Any]:
    """Measures a bundle on one split of `pairs` exactly as BENCH.md defines it, prints a table unless `say` is False.

    Returns, and writes to `json`:

        machine, versions, commit, started      where and when
        bundle, pairs, engine                   what was measured, on what
        splits: {split: {l1, psnr, ssim, ms_ssim, sharpness, l1_figure, l1_outside, l1_face, l1_hands, l1_feet,
                         pck {"0.05" "0.1" "0.2"}, oks, redetected, flicker {warp_error, real, ratio}, tof, frames,
                         pck_novel, jitter_gain, baselines: {real, nearest_pose, copy_last, mean: the same keys}}}
        rows                                    for each frame: id, time_s, novelty and its own figures
        verdict                                 sentences: does it beat cutting the film?

    `l1_outside` is the error outside the dilated person mask, `pck_novel` PCK@0.1 over that half of the frames whose
    poses lie farthest from any learned one, `jitter_gain` how many levels the figure changes for each thousandth of the
    picture's side that the landmarks tremble. `limit` measures only so many frames, in runs spread over the split.
    `html` gets a page with the best, the median and the worst frames. `found` finds a pose in a 512 x 512 picture
    (default: the pose model in image mode). Raises PairsError, BundleError, EngineError, Unavailable, and BadInput for
    a bundle that follows no pose.
    """
    header = measured_header()
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    if opened.manifest.conditioning not in FROM_LANDMARKS:
        raise BadInput(
            f"{opened.label}: looks at its {opened.manifest.conditioning}, not at a pose; measure it on its own pairs"
        )
    pair_set = pairs if isinstance(pairs, PairSet) else open_pairs(pairs)
    indices = chosen_frames(pair_set, split, limit)
    with ExitStack() as stack:
        engine = open_engine(opened, backend, precision)
        performer = Performer(opened, engine)
        stack.callback(performer.close)
        if found is None:
            found = _pose_model_finds(stack.enter_context(Tracker(mode="image")))
        if progress is None:
            progress = stack.enter_context(bar("evaluate"))
        generated = Generated(performer, pair_set)
        seen: list[Seen] = []
        watch = None if html is None else lambda moment, shown: seen.append(_seen(generated, pair_set, moment, shown))
        side = opened.manifest.size[0]
        figures, rows = measured(generated, pair_set, indices, side, split, found, progress, watch)
        figures["jitter_gain"] = jitter_gain(generated, pair_set, indices)
    figures_of_all = {
        **header,
        "bundle": opened.manifest.name,
        "pairs": str(pair_set.folder),
        "engine": {"backend": engine.backend, "precision": engine.precision, "why": engine.why},
        "splits": {split: figures},
        "rows": rows,
        "verdict": verdict(figures),
    }
    if json is not None:
        write_json(json, figures_of_all)
    if html is not None:
        write_page(html, figures_of_all, seen)
    if say:
        print_figures(figures_of_all)
    return figures_of_all


def measured(
    generated: Contender,
    pairs: PairSet,
    indices: NDArray[np.int64],
    side: int,
    split: Split,
    found: Found,
    progress: Progress,
    watch: Callable[[Moment, Frame], None] | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The figures of `generated` and of its baselines over the pairs `indices`, and the generator's row for each frame.

    A baseline may take from the training split only, and from nothing when that is what is measured.
    """
    learned = pairs.split("train") if split != "train" else np.array([], np.int64)
    contenders: dict[str, Contender] = {"generated": generated, **baselines(pairs, side, learned)}
    tallies = {name: Tally() for name in contenders}
    detected = _remembered(found)
    moment: Moment | None = None
    for done, i in enumerate(indices):
        moment = moment_of(pairs, int(i), side, moment)
        for name, contender in contenders.items():
            shown = contender(moment.index)
            tallies[name].add(shown[0] if shown else None, detected(shown), moment)
            if shown and name == "generated" and watch is not None:
                watch(moment, shown[0])
        progress(done + 1, len(indices))
    real = tallies["real"].rows
    summaries = {name: summary(tally.rows, real) for name, tally in tallies.items()}
    rows = [_row(pairs, row) for row in tallies["generated"].rows]
    figures = summaries.pop("generated") | {"pck_novel": pck_of_novel_half(rows), "baselines": summaries}
    return figures, rows


def jitter_gain(generated: Generated, pairs: PairSet, indices: NDArray[np.int64]) -> float:
    """Change of the picture inside the person, in levels, per thousandth of the side that landmarks tremble (sigma).

    A live tracker trembles by one to three thousandths on somebody who stands still.
    """
    rng, gains = np.random.default_rng(0), []
    for i in indices[np.unique(np.linspace(0, len(indices) - 1, JITTERED).astype(int))]:
        still, _ = generated.posed(int(i), pairs.landmarks[i])
        still = still.copy()
        shaken, _ = generated.posed(int(i), trembling(pairs.landmarks[i], JITTER, rng))
        person = metrics.person(resized(pairs.mask(int(i)), still.shape[:2]))
        gains.append(metrics.l1(shaken, still, person) / (JITTER * 1000))
    return float(np.nanmean(gains))


def chosen_frames(pairs: PairSet, split: Split, limit: int | None = None) -> NDArray[np.int64]:
    """The pairs to measure: a whole split, or about `limit` of it in runs of consecutive ones, spread evenly."""
    indices = pairs.split(split)
    if not len(indices):
        raise PairsError(
            f"{pairs.folder}: the split '{split}' holds no pairs; measure another, or build them with other --splits."
        )
    if limit is None or limit >= len(indices):
        return indices
    if limit < 1:
        raise PairsError(f"{pairs.folder}: {limit} frames cannot be measured; the limit is at least 1.")
    runs = max(1, limit // RUN)
    length = limit // runs
    spare = len(indices) - length
    starts = np.linspace(0, spare, runs) if runs > 1 else np.array([spare // 2])
    chosen = np.unique(np.concatenate([np.arange(length) + int(start) for start in starts]))
    return indices[chosen]


def pck_of_novel_half(rows: list[dict[str, Any]]) -> float:
    """PCK@0.1 over the half of the frames that are farthest from any learned pose; NaN where that is not known."""
    known = [row for row in rows if row.get("novelty") is not None]
    middle = float(np.median([row["novelty"] for row in known])) if known else 0.0
    return mean([row for row in known if row["novelty"] >= middle], "pck 0.1")


def verdict(figures: Mapping[str, Any]) -> list[str]:
    """What the figures say in words, against the floor and the ceiling."""
    floor, real = figures["baselines"].get("nearest_pose"), figures["baselines"]["real"]
    said = []
    if floor is not None:
        said.append(_against_the_floor(figures, floor))
    if figures["redetected"] < 0.95 * real["redetected"]:
        said.append(f"In {1 - figures['redetected']:.0%} of its pictures nobody is recognized.")
    if figures["sharpness"] < 0.85:
        said.append(f"It is soft: {figures['sharpness']:.2f} of the film's sharpness in the figure.")
    if figures["flicker"]["ratio"] > 2:
        said.append(f"It flickers {figures['flicker']['ratio']:.1f} times as much as the film.")
    return said


def _against_the_floor(figures: Mapping[str, Any], floor: Mapping[str, Any]) -> str:
    pose, floor_pose = figures["pck"]["0.1"], floor["pck"]["0.1"]
    error, floor_error = figures["l1_figure"], floor["l1_figure"]
    told = f"pose {pose:.2f} against {floor_pose:.2f}, error in the figure {error:.1f} against {floor_error:.1f} levels"
    if pose > floor_pose and error < floor_error:
        return f"It beats the nearest frames of the film ({told})."
    failed = [name for name, worse in (("pose", pose <= floor_pose), ("likeness", error >= floor_error)) if worse]
    lost = " and ".join(failed)
    return f"It does not beat the nearest frames of the film in {lost} ({told}): cutting the film would be better."


def _row(pairs: PairSet, row: Mapping[str, float]) -> dict[str, Any]:
    pair = pairs.rows[int(row["index"])]
    figures = {name: value for name, value in row.items() if name != "index"}
    return {"id": pair.id, "time_s": pair.time_s, "novelty": pair.novelty, **figures}


def _remembered(found: Found) -> Callable[[Shown | None], Landmarks | None]:
    """A pose is looked for once in a picture that several contenders show."""
    known: dict[Hashable, Landmarks | None] = {}

    def detected(shown: Shown | None) -> Landmarks | None:
        if shown is None:
            return None
        picture, key = shown
        if key not in known:
            known[key] = found(resized(picture, DETECTION_SIZE))
        return known[key]

    return detected


def _pose_model_finds(tracker: Tracker) -> Found:
    return lambda picture: tracker.track(picture, 0.0).landmarks


def _seen(generated: Generated, pairs: PairSet, moment: Moment, picture: Frame) -> Seen:
    conditioning = generated.drawn.conditioning if generated.drawn else None
    return Seen(
        pairs.ids[moment.index],
        None if conditioning is None else as_jpeg(conditioning),
        as_jpeg(picture),
        as_jpeg(moment.real),
    )
