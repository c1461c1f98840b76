"""How near a costume's performer comes to the costume as rendered: on poses of the kind it learned, and on real motion.

Both pictures are of the very same landmarks, laid over the costume's own room. What `held out` means: procedural poses
of a seed that no pairs are rendered from.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from engines.backends import open_engine
from engines.bundle import Bundle, open_bundle
from engines.errors import BadInput
from engines.finish import over
from engines.images import Frame
from engines.measuring import measured_header, table, write_json
from engines.performer import Performer
from engines.pose.follow import Follower
from engines.pose.landmarks import Landmarks
from engines.pose.motion import Motion, extracted_motion
from engines.pose.proportions import Proportions
from engines.pose.skeleton import drawn_skeleton, style_hash
from engines.pose.tracker import Tracked
from engines.progress import Progress, bar
from engines.scene import Scene
from training import metrics
from training.augmentation import trembling
from training.costumes.costume import Costume, load_costume
from training.costumes.mocap import read_bvh
from training.costumes.motions import random_landmarks
from training.costumes.rendering import rendered
from training.costumes.stage import plate_of
from training.samples import sheet, write_picture

HELD_OUT, NOISY = "held out", "held out, 6 px of noise"
SEED = 905
NOISE = 6 / 512
"""Of the square's side: the sigma of what a bad tracker trembles by."""
SETTLED_S = 1.0
"""A follower knows a body after so long; the same moments of a show are not judged either."""
RATE_HZ = 30.0
WORST = 3

Figure = Frame
Shown = Callable[[Landmarks], Figure]
"""The performer's figure, RGBA, for landmarks in the square."""


def measure(
    bundle: Bundle | Path,
    costume: Costume | Path,
    motions: Sequence[Path] = (),
    *,
    count: int = 100,
    json: Path | None = None,
    pictures: Path | None = None,
    precision: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures of a performer in a costume, printed as a table; returns and writes to `json`:

        machine, versions, commit, started, bundle, costume, engine
        sets: {name: {frames, l1_figure, l1_face, sharpness, sharpness_face, silhouette, ratio}}

    There is a set of held-out poses, one of the same with 6 pixels of noise, and one for each of `motions` (.bvh, .npz,
    or a video to be tracked), followed and retargeted as on stage; each of `count` frames. `l1_figure` and `sharpness`
    are those of `evaluate` with the rendered figure as the film; `l1_face` and `sharpness_face` the same around the
    nose; `silhouette` is the overlap of both mattes (intersection over union), `ratio` l1_figure over that of the
    held-out poses. `pictures` gets a sheet of the worst frames of each set: looked at, shown, rendered.
    Raises BadInput, ConfigError, BundleError, EngineError, VideoError, Unavailable.
    """
    header = measured_header()
    worn = costume if isinstance(costume, Costume) else load_costume(costume)
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    _check_worn(opened, worn)
    size = opened.manifest.size[0]
    sets = {HELD_OUT: held_out(count, size)}
    sets[NOISY] = [trembling(pose, NOISE, np.random.default_rng([SEED, n])) for n, pose in enumerate(sets[HELD_OUT])]
    for path in motions:
        sets[path.name] = spread(followed(read_motion(path), opened.manifest.proportions), count)
    with ExitStack() as stack:
        performer = Performer(opened, engine := open_engine(opened, "auto", precision))
        stack.callback(performer.close)
        told = progress or stack.enter_context(bar("measuring"))
        figures, worst = measured(sets, lambda pose: _figure_of(performer, pose), worn, size, told)
    if pictures is not None:
        write_picture(pictures, _sheet(worst, worn, size))
    said = {"bundle": opened.manifest.name, "costume": worn.name, "engine": f"{engine.backend} {engine.precision}"}
    of_all = {**header, **said, "sets": figures}
    if json is not None:
        write_json(json, of_all)
    rows = [{"": name, **values} for name, values in figures.items()]
    table(rows, title=f"{said['bundle']} ({said['engine']}) against {worn.name} as rendered")
    return of_all


Compared = tuple[Landmarks, Frame, Frame]
"""A pose, the picture shown for it, and the rendered one."""


def measured(
    sets: Mapping[str, Sequence[Landmarks]], shown: Shown, costume: Costume, size: int, progress: Progress
) -> tuple[dict[str, dict[str, float]], list[Compared]]:
    """The figures of each set, and what was worst in it. The first set is the one that others are compared to."""
    room, total, done = plate_of(costume.stages[0], (size, size)), sum(len(poses) for poses in sets.values()), 0
    figures: dict[str, dict[str, float]] = {}
    worst: list[Compared] = []
    for name, poses in sets.items():
        rows, seen = [], []
        for pose in poses:
            figure, real = shown(pose), rendered(pose, costume, size)
            picture, wanted = over(figure, room), over(real, room)
            rows.append(_row(pose, picture, wanted, figure, real))
            seen.append((pose, picture, wanted))
            seen = _worst(seen, rows)
            progress(done := done + 1, total)
        whole = {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}
        for key in ("sharpness", "sharpness_face"):
            whole[key] /= max(whole.pop(f"rendered_{key}"), 1e-6)
        first = next(iter(figures.values()), whole)
        ratio = whole["l1_figure"] / max(first["l1_figure"], 1e-6) if whole is not first else 1.0
        figures[name] = {"frames": len(rows), **whole, "ratio": ratio}
        worst += [compared for compared in seen if compared is not None]
    return figures, worst


def _worst(seen: list[Any], rows: list[dict[str, float]]) -> list[Any]:
    """Pictures of all but the worst are forgotten: a hundred at 512 are 150 MB."""
    kept = set(np.argsort([-row["l1_figure"] for row in rows])[:WORST].tolist())
    return [compared if i in kept else None for i, compared in enumerate(seen)]


def _row(pose: Landmarks, picture: Frame, wanted: Frame, figure: Figure, real: Figure) -> dict[str, float]:
    size = picture.shape[0]
    where = metrics.figure(real[..., 3])
    face = metrics.face(pose, size) & where
    inside, wanted_inside = figure[..., 3] > 127, real[..., 3] > 127
    return {
        "l1_figure": metrics.l1(picture, wanted, where),
        "l1_face": metrics.l1(picture, wanted, face),
        "sharpness": metrics.gradient_energy(picture, where),
        "rendered_sharpness": metrics.gradient_energy(wanted, where),
        "sharpness_face": metrics.gradient_energy(picture, face),
        "rendered_sharpness_face": metrics.gradient_energy(wanted, face),
        "silhouette": float((inside & wanted_inside).sum() / max(1, (inside | wanted_inside).sum())),
    }


# What is danced ------------------------------------------------------------------------------------------------------


def held_out(count: int, size: int) -> list[Landmarks]:
    """Poses of the kinds that pairs are rendered from, but of another seed than any pair."""
    return [random_landmarks(np.random.default_rng([SEED, 1, n]), (size, size)) for n in range(count)]


def read_motion(path: Path) -> Motion:
    """The motion in a .bvh or .npz file, or of who is found in a video. Raises BadInput, VideoError, Unavailable."""
    match path.suffix.lower():
        case ".bvh":
            return read_bvh(path)
        case ".npz":
            return Motion.load(path)
        case _:
            return extracted_motion(path, steadied=False)  # as on stage


def followed(motion: Motion, proportions: Proportions | None) -> list[Landmarks]:
    """Every pose of `motion` as the stage would draw it: smoothed, completed, on the trained dancer's body."""
    follower, seen, then = Follower(proportions), [], -np.inf
    for pose, time_s in zip(motion.landmarks, motion.times, strict=True):
        if time_s - then < 1 / RATE_HZ - 1e-6:
            continue
        then = float(time_s)
        landmarks = follower.follow(Tracked(pose, None, then), motion.size).landmarks
        if landmarks is not None and time_s - motion.times[0] >= min(SETTLED_S, motion.duration_s / 2):
            seen.append(landmarks)
    return seen


def spread(poses: Sequence[Landmarks], count: int) -> list[Landmarks]:
    """`count` of them, evenly; all where there are fewer."""
    return [poses[i] for i in np.unique(np.linspace(0, len(poses) - 1, min(count, len(poses))).astype(int))]


# Who dances it -------------------------------------------------------------------------------------------------------


def _check_worn(bundle: Bundle, costume: Costume) -> None:
    manifest = bundle.manifest
    if manifest.conditioning != "skeleton" or manifest.finish != "over_plate" or manifest.skeleton is None:
        raise BadInput(
            f"{manifest.name}: shows {manifest.conditioning} with finish {manifest.finish}, but only a performer that "
            "turns a skeleton into a figure can be measured against a costume"
        )
    if style_hash(manifest.skeleton) != style_hash(costume.style):
        raise BadInput(
            f"{manifest.name}: was trained with other guides than those of the costume {costume.name}; name the "
            "costume file that its pairs were rendered from"
        )


def _figure_of(performer: Performer, pose: Landmarks) -> Figure:
    figure = performer.perform(Scene(landmarks=pose, presence=1.0)).figure
    assert figure is not None  # `_check_worn` asked for one
    return figure


def _sheet(worst: Sequence[Compared], costume: Costume, size: int) -> Frame:
    looked_at = np.stack([drawn_skeleton(pose, (size, size), costume.style) for pose, _, _ in worst])
    return sheet(looked_at, np.stack([shown for _, shown, _ in worst]), np.stack([real for _, _, real in worst]))
