"""A run in one small file, to be continued on another machine: checkpoint and settings exactly, frames as films.

    settings.json    format, header and index of the pairs, how the frames were kept
    landmarks.npy    exactly
    frames.mp4       (or colors.mp4 and alpha.mp4 of rendered pairs), masks.mp4
    plates/*.png     exactly, at the packed size
    run/             config.json, run.json, metrics.jsonl and the newest checkpoint

The frames are those the run learns from, at its size. A run that was continued elsewhere comes home by copying its
checkpoints/ back and resuming on the original pairs.
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from engines.errors import BadInput, VideoError
from engines.images import Frame, resized
from training.alpha import laid_over, premultiplied, resized_alpha, unpremultiplied
from training.checkpoints import SAID, TENSORS, latest_checkpoint
from training.film import read_film, write_film
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.store import PairSet, open_pairs
from training.pairs.writing import PairsWriter
from training.quantization import psnr_db
from training.runs import run_config, run_facts

FORMAT = 1
SETTINGS = "settings.json"
LIMIT_MB = 60.0
FINEST, COARSEST = 16, 30  # x264's crf; above the coarsest a generator would learn the codec
TRIES = 4
CHECKED = 8

Say = Callable[[str], None]


def pack(run: Path, out: Path, *, size: int | None = None, limit_mb: float = LIMIT_MB, say: Say = print) -> Path:
    """Write RUN with its pairs as one file below `limit_mb`. `size`: pixels of the packed frames (the run's own).

    Films are as fine as the limit allows; where that is not enough, Adam's moments are kept in bfloat16, and that is
    said. Raises BadInput when it does not fit, or when the run or its pairs are not there.
    """
    run, out = Path(run), Path(out)
    config = run_config(run)
    pairs = open_pairs(Path(run_facts(run)["pairs"]))
    if pairs.header.kind != "skeleton":
        raise BadInput(f"{run}: learns from pairs of kind {pairs.header.kind!r}; only those of dancers can be packed")
    side = min(size or config.size, pairs.header.size[0])
    kept = [i for i, row in enumerate(pairs.rows) if row.split != "gap"]
    checkpoint = latest_checkpoint(run)
    others = {f"run/{name}": (run / name).read_bytes() for name in ("config.json", "run.json", "metrics.jsonl")}
    others[f"run/{checkpoint.name}/{SAID}"] = (checkpoint / SAID).read_bytes()
    others["landmarks.npy"] = _npy(pairs.landmarks[kept])
    others |= _plates(pairs, side)
    tensors = (checkpoint / TENSORS).read_bytes()
    room = limit_mb * 1e6 - sum(map(len, others.values())) - 0.2e6
    with tempfile.TemporaryDirectory(prefix="understudy-pack-") as folder:
        films, quality = _films(pairs, kept, side, Path(folder), FINEST, lambda total: total <= room - len(tensors))
        if films is None:
            tensors = _with_small_moments(tensors)
            say("Adam's moments are packed in bfloat16: what is continued from here is close, not bit-equal")
            films, quality = _films(
                pairs, kept, side, Path(folder), quality, lambda total: total <= room - len(tensors)
            )
        if films is None:
            raise BadInput(
                f"{run}: its {len(kept)} pairs at {side} pixels and its checkpoint of {len(tensors) / 1e6:.0f} MB do "
                f"not fit into {limit_mb:g} MB; give a smaller --size or a larger --limit-mb"
            )
        distance = _distance(pairs, kept, side, films)
        others[f"run/{checkpoint.name}/{TENSORS}"] = tensors
        others[SETTINGS] = _settings(pairs, kept, side, quality, distance)
        _write_zip(out, others, films)
    say(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(kept)} pairs at {side} pixels ({distance:.1f} dB from the "
        f"originals), {checkpoint.name}"
    )
    return out


def unpack(file: Path, out: Path, say: Say = print) -> Path:
    """Make OUT/pairs and OUT/run from a packed file; returns the run. Raises BadInput when it is none."""
    file, out = Path(file), Path(out)
    if (out / "run").exists() or (out / "pairs").exists():
        raise BadInput(f"{out}: holds a run or pairs already; unpack into another folder")
    try:
        with zipfile.ZipFile(file) as packed, tempfile.TemporaryDirectory(prefix="understudy-unpack-") as folder:
            settings = json.loads(packed.read(SETTINGS))
            if settings["format"] > FORMAT:
                raise BadInput(f"{file}: format {settings['format']} is newer than {FORMAT}; update understudy")
            pairs = _unpacked_pairs(packed, settings, Path(folder), out / "pairs")
            run = _unpacked_run(packed, out, pairs)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, VideoError) as error:
        raise BadInput(f"{file}: cannot be unpacked ({error}); is it a file that `understudy pack` wrote?") from error
    say(f"go on with:  understudy train {run}/config.json --pairs {pairs.folder} --out {run} --resume --minutes 8")
    return run


# Frames to films -----------------------------------------------------------------------------------------------------


def _films(
    pairs: PairSet, kept: list[int], side: int, folder: Path, quality: int, fits: Callable[[int], bool]
) -> tuple[dict[str, Path] | None, int]:
    """The films in the finest quality that fits, or None and the quality that was tried last."""
    for _ in range(TRIES):
        films = {name: folder / name for name in _names(pairs)}
        for name, path in films.items():
            write_film(path, _pictures(pairs, kept, side, name), pairs.header.fps, quality, name != "masks.mp4")
        total = sum(path.stat().st_size for path in films.values())
        if fits(total):
            return films, quality
        if quality >= COARSEST:
            break
        quality = min(COARSEST, quality + _coarser(total, fits))
    return None, quality


def _coarser(total: int, fits: Callable[[int], bool]) -> int:
    """Steps of crf until it should fit: a film halves with every six."""
    steps = 1
    while steps < COARSEST and not fits(round(total * 2 ** (-steps / 6))):
        steps += 1
    return steps


def _names(pairs: PairSet) -> tuple[str, ...]:
    return ("colors.mp4", "alpha.mp4") if pairs.header.true_alpha else ("frames.mp4", "masks.mp4")


def _pictures(pairs: PairSet, kept: list[int], side: int, name: str) -> Iterator[Frame]:
    for i in kept:
        yield _picture(pairs, i, side, name)


def _picture(pairs: PairSet, i: int, side: int, name: str) -> Frame:
    size = (side, side)
    if name == "frames.mp4":
        return resized(pairs.frame(i), size)
    if name == "masks.mp4":
        return _gray(resized(pairs.mask(i), size))
    figure = pairs.figure(i)
    assert figure is not None
    small = premultiplied(resized_alpha(figure, size))
    return small[..., :3].copy() if name == "colors.mp4" else _gray(small[..., 3])


def _gray(mask: NDArray[np.uint8]) -> Frame:
    return np.repeat(mask[..., None], 3, axis=2)


def _distance(pairs: PairSet, kept: list[int], side: int, films: dict[str, Path]) -> float:
    """PSNR in dB of some packed frames against the originals, over both films of rendered pairs."""
    wanted = set(np.linspace(0, len(kept) - 1, CHECKED).astype(int).tolist())
    back, real = [], []
    for name, path in films.items():
        if name == "masks.mp4":
            continue
        for k, frame in enumerate(read_film(path)):
            if k in wanted:
                back.append(frame)
                real.append(_picture(pairs, kept[k], side, name))
    return psnr_db(back, real)


# The file ------------------------------------------------------------------------------------------------------------


def _settings(pairs: PairSet, kept: list[int], side: int, quality: int, distance: float) -> bytes:
    scale = side / pairs.header.size[0]
    shots = tuple(
        shot.model_copy(update={"plate_at": tuple(round(corner * scale) for corner in shot.plate_at)})
        for shot in pairs.header.shots
    )
    header = pairs.header.model_copy(update={"size": (side, side), "shots": shots})
    said = {
        "format": FORMAT,
        "header": header.model_dump(mode="json"),
        "rows": [pairs.rows[i].model_dump(mode="json") for i in kept],
        "quality": quality,
        "psnr_db": round(distance, 2),
    }
    return json.dumps(said).encode()


def _plates(pairs: PairSet, side: int) -> dict[str, bytes]:
    """Whole plates at the packed size; within the square they are, to the pixel, what training resizes."""
    plates = {}
    for shot in pairs.header.shots:
        whole, square = pairs.plate(shot), pairs.plate_square(shot)
        if whole is None or square is None or shot.plate is None:
            continue
        scale = side / pairs.header.size[0]
        y, x = (round(corner * scale) for corner in shot.plate_at)
        height, width = max(round(whole.shape[0] * scale), y + side), max(round(whole.shape[1] * scale), x + side)
        plate = resized(whole, (height, width)).copy()
        plate[y : y + side, x : x + side] = resized(square, (side, side))
        done, data = cv2.imencode(".png", cv2.cvtColor(plate, cv2.COLOR_RGB2BGR))
        assert done
        plates[f"plates/{shot.id}.png"] = bytes(data)
    return plates


def _with_small_moments(tensors: bytes) -> bytes:
    held = load(tensors)
    return save(
        {
            key: tensor.to(torch.bfloat16) if ".optimizer/" in key and not key.endswith("/step") else tensor
            for key, tensor in held.items()
        }
    )


def _write_zip(out: Path, others: dict[str, bytes], films: dict[str, Path]) -> None:
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in others.items():
                file.writestr(name, data)
            for name, path in films.items():
                file.write(path, name, zipfile.ZIP_STORED)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput(f"{out}: cannot be written ({error.strerror}); choose another file") from error


def _npy(values: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def _unpacked_pairs(packed: zipfile.ZipFile, settings: dict[str, Any], folder: Path, out: Path) -> PairSet:
    header = PairsHeader.model_validate(settings["header"])
    rows = [Row.model_validate(row) for row in settings["rows"]]
    landmarks = np.load(io.BytesIO(packed.read("landmarks.npy")), allow_pickle=False)
    writer = PairsWriter(out, header)
    plates: dict[str, Frame] = {}
    shots = []
    for shot in header.shots:
        if shot.plate is not None:
            plates[shot.id] = _decoded(packed.read(f"plates/{shot.id}.png"))
            shot = shot.model_copy(update={"plate": writer.add_plate(shot.id, plates[shot.id])})
        shots.append(shot)
    names = ("colors.mp4", "alpha.mp4") if header.true_alpha else ("frames.mp4", "masks.mp4")
    films = [read_film(Path(packed.extract(name, folder))) for name in names]
    by_id: dict[str, Shot] = {shot.id: shot for shot in shots}
    for row, points, one, other in zip(rows, landmarks, *films, strict=True):
        if not header.true_alpha:
            writer.add(row, points, one, other[..., 0].copy())
            continue
        figure = _clean(np.dstack([one, other[..., 0]]))
        (y, x), side = by_id[row.shot].plate_at, header.size[0]
        room = plates[row.shot][y : y + side, x : x + side] if row.shot in plates else np.zeros_like(one)
        writer.add(row, points, laid_over(figure, room), figure[..., 3].copy(), unpremultiplied(figure))
    return writer.finish(header.model_copy(update={"shots": tuple(shots)}))


def _decoded(png: bytes) -> Frame:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("a plate in it is damaged")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _clean(figure: Frame) -> Frame:
    """Premultiplied RGBA without the codec's traces: nothing where the alpha is almost nothing, color below alpha."""
    alpha = np.where(figure[..., 3] < 4, 0, figure[..., 3])
    alpha = np.where(alpha > 251, 255, alpha).astype(np.uint8)
    return np.dstack([np.minimum(figure[..., :3], alpha[..., None]), alpha])


def _unpacked_run(packed: zipfile.ZipFile, out: Path, pairs: PairSet) -> Path:
    run = out / "run"
    for name in packed.namelist():
        parts = Path(name).parts
        if parts[0] != "run" or ".." in parts:
            continue
        # In the file a checkpoint lies right under run/.
        path = run / parts[1] if len(parts) == 2 else run / "checkpoints" / parts[1] / parts[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        data = packed.read(name)
        path.write_bytes(_with_full_moments(data) if path.name == TENSORS else data)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "pairs": str(pairs.folder.resolve())}, indent=1) + "\n")
    return run


def _with_full_moments(tensors: bytes) -> bytes:
    held = load(tensors)
    return save({key: t.float() if t.dtype == torch.bfloat16 else t for key, t in held.items()})
