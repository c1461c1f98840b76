"""docs/performance.md, written from what `bench engines` measured: `understudy bench engines --page-of FILE.json`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.errors import BadInput

Row = Mapping[str, Any]

BY_HAND = "<!-- from here on by hand -->"
HEAD = """# Performance

Written from `{source}` by a command (the second of these), down to the mark; do not edit that by hand. To
measure again, on a machine where nothing else runs:

    understudy bench engines --json docs/performance.json
    understudy bench engines --page-of docs/performance.json
    understudy check BUNDLE            # agreement and speed of one trained bundle on everything that is here
    make test-gpu                      # on a machine with an NVIDIA card

Every time is that of one call with one picture, from host memory to host memory, uint8 in and out. `ratio` is how many
times faster than torch eager in the same run, measured before and after all others. `added` is what our call costs
beyond the runtime's own, measured in turns with it. Weights are random, so `psnr_db` (against the float32 graph on ONNX
Runtime, before a gray room) is about arithmetic, not about a dancer; a trained bundle's own is in its manifest.
"""

TAIL = """

## How a backend is chosen

`auto` takes the first of these that is there and opens the bundle: **rtx** (TensorRT-RTX), **tensorrt**, **cuda** (ONNX
Runtime), **directml**, **openvino**, **onnxruntime**. Why a better one was passed over, although its card or library is
there, stands in the overlay, in `doctor`, and in `/engine` over OSC. **coreml** and **openvino_gpu** (Intel graphics)
are taken only when asked for by name, until somebody has measured that they are faster than the processor.

A plan for an NVIDIA card is built once, on the machine that uses it: in the background while the show already plays on
the next best backend, or ahead with `understudy compile BUNDLE`. It lies in the user's cache folder
(`~/.cache/understudy/plans`), readable by this user alone, under a key of graph, edition, version, CUDA, system, card
and precision, with a checksum. Plans are code: none is ever shipped, and none is taken from elsewhere.

If a card fails during a show, the performer goes on with the next best engine between two frames, and says so.

## Precision

| precision | where | agreement that is asked for |
|---|---|---|
| f32 | everywhere; the reference. TF32 is off | within 1 level of 255 when it is exported |
| bf16 | processors that have it | 99.9 % of the values within 3 levels |
| f16 | cards; derived from the float32 graph. Ports, norms, softmax and reductions stay wide | the same |
| int8 | processors; a graph of its own, calibrated when it is exported | PSNR of 35 dB or more, in the manifest |

A precision that misses this for a bundle is not taken by `auto`; `check` says it in a line. Export notes in the
manifest how far bf16 and f16 are off (`check --note` does it for bundles that exist), int8 its PSNR. What is fed back
for minutes (`next_frame`) plays in f32 where nothing else is asked for.

OpenVINO's bf16 rounds what a convolution sums up before it adds the bias. Of a picture that is mostly black those sums
are large and the bias takes most of them away, so few bits were left: the Firebird was 4 to 6 levels off. The backend
now has the convolutions that look at a port write float32 (the trick is in `engines/backends/openvino.py`): 1 level,
65 dB instead of 54, and no slower.

There is no int8 on cards: nobody has measured there that it is faster for these generators.

## Threads

The engine takes all cores but one, which is the tracker's (`threads` in a live config overrides it); MediaPipe's model
runs on one thread and cannot be given more; OpenCV's own pool is off (`opencv_threads`), and ONNX Runtime's workers do
not spin. Display, OSC and conditioning are light and come first (`docs/installation.md`). The building of a plan runs
at low priority. What was measured on two cores stands below, under "Threads allotted".

## Installing for a card

    pip install -e ".[rtx]"            # GeForce and RTX cards: compute capability 7.5, 8.0, 8.6, 8.9, 12.0, 12.1
    pip install -e ".[tensorrt]"       # other NVIDIA cards (H100, H200, ...); libraries come from NVIDIA's index
    pip install -e ".[cuda]"           # ONNX Runtime on CUDA, then:
    pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu

The last line is needed because both packages write into one folder, and the one without CUDA may have come last.

## Left out on purpose

- **A cache of OpenVINO's compiled models.** Opening takes 0.1 s for a live generator and 0.7 s for 54 M parameters; the
  runtime does not check what it reads back (4,000 flipped bytes in a cached blob opened without a word, and drew
  garbage).
- **INT8 with TensorRT**, as above. **NVIDIA ModelOpt** for float16: it wants torch on stage; the derivation here is 140
  lines and is held to its reference in the tests.
- **TensorRT's timing cache**: TensorRT-RTX has no use for one; for TensorRT it would shorten second builds of other
  graphs, which happen in the background.

## Unproven

What follows is written, and held to what can be checked without the device: TensorRT-RTX's real parser and compiler
run in the tests, TensorRT 11's real bindings are checked name by name over stub libraries, and the running half is
tested on a card that is faked down to its memory. **It was never run on the device itself:**

- TensorRT-RTX and TensorRT on any card: speed, agreement of f16 and f32, capture as a CUDA graph, the cache of kernels
  that TensorRT-RTX compiles at the first run, opening a kept plan in under two seconds, the 1.15 of the replay time.
- TensorRT's own builder (its libraries are not on the package index), on 10.x at all, and on cards without RTX support.
- ONNX Runtime's CUDA, DirectML and CoreML providers; Intel graphics with OpenVINO.
- torch under a CUDA graph, the figure that TensorRT is to be compared with.
- macOS and Windows: locks, cache folder and backends.
- Running out of a real card's memory, and losing a card in the middle of a show.
- Training on any card: `understudy bench train --trace trace.txt` (5 times the plain loop, the device busy 90 % of the
  time), `understudy learn CLIP` on one (3 minutes), NCCL, bfloat16 there, and a wide teacher beside the live student.
  `docs/training.md` says what of training was measured on a processor.
"""

_BUSY = (
    ". **It was busy**: other programs wanted its cores too. Milliseconds are too long and ratios uncertain; "
    "measure again where it is quiet."
)

# What issue 11 asks of a machine with two cores, AVX-512 and VNNI.
LIGHT_INT8_MS = 14.0
UNET_RATIO, LIGHT_RATIO = 5.0, 20.0
ADDED = 0.05


def write_page(figures: Path, page: Path) -> None:
    """Write `page` from the JSON of `bench engines`. Raises BadInput when that is something else."""
    try:
        found = json.loads(figures.read_text(encoding="utf-8"))
        text = performance_page(found, figures.as_posix())
    except OSError as error:
        raise BadInput(f"{figures}: cannot be read ({error.strerror}); measure with bench engines --json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{figures}: is not what `bench engines --json` writes ({error})") from error
    page.write_text(text + _by_hand(page), encoding="utf-8")
    print(f"{page}: written")


def _by_hand(page: Path) -> str:
    """What stands on the page after the mark, and stays."""
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    _, mark, kept = before.partition(BY_HAND)
    return f"\n{mark}{kept}" if mark else ""


def performance_page(figures: Mapping[str, Any], source: str = "docs/performance.json") -> str:
    """The whole page."""
    rows = figures["engines"]
    parts = [
        HEAD.format(source=source),
        *_machine(figures),
        *_promises(rows, _is_busy(figures)),
        *_tables(rows),
        *_skipped(rows),
    ]
    return "\n".join(parts) + TAIL


def _machine(figures: Mapping[str, Any]) -> Iterator[str]:
    machine, versions = figures["machine"], figures["versions"]
    yield "\n## Measured on\n"
    yield f"- {machine['cpu']}, {machine['cores']} cores ({', '.join(machine['flags'])}), {machine['system']}"
    yield "- " + ("; ".join(gpu["name"] for gpu in machine["gpu"]) or "no NVIDIA card")
    told = ("python", "torch", "openvino", "onnxruntime", "tensorrt-rtx", "tensorrt", "nncf")
    yield "- " + ", ".join(f"{name} {versions[name]}" for name in told if name in versions)
    yield f"- {figures['started']}, commit {figures['commit']}, {figures['threads']} threads"
    wanted = _wanted(figures)
    if wanted:
        used = " and ".join(f"{cores:g}" for cores in wanted)
        yield f"- cores that others were using before and after: {used}" + (_BUSY if _is_busy(figures) else "")
    elif figures.get("load_before") is not None:
        yield f"- load of the machine before: {figures['load_before']}" + (_BUSY if _is_busy(figures) else "")


def _is_busy(figures: Mapping[str, Any]) -> bool:
    """By what others used just before and after; where the system does not say, by the load of the last minute."""
    found = _wanted(figures) or [figures.get("load_before") or 0]
    return max(found) > figures["machine"]["cores"] / 8


def _wanted(figures: Mapping[str, Any]) -> list[float]:
    return [figures[key] for key in ("wanted_before", "wanted_after") if figures.get(key) is not None]


def _promises(rows: Sequence[Row], is_busy: bool) -> Iterator[str]:
    yield "\n## What was asked for\n"
    yield "| promise | asked | measured | holds |"
    yield "|---|---|---|---|"
    for told, asked, measured, holds in _judged(rows):
        judged = "not judged: the machine was busy" if is_busy and holds else holds
        yield f"| {told} | {asked} | {measured} | {judged} |"


def _judged(rows: Sequence[Row]) -> Iterator[tuple[str, str, str, str]]:
    unet_256 = _found(rows, "unet", 256, "openvino", "int8")
    light_512 = _found(rows, "light", 512, "openvino", "int8")
    eager_512 = _found(rows, "unet", 512, "torch eager", "f32")
    yield _promise("U-Net at 256, OpenVINO int8 against torch eager", UNET_RATIO, _of(unet_256, "ratio"), "x")
    light_ms = _of(light_512, "p50_ms")
    yield _promise("light at 512, OpenVINO int8, p50", LIGHT_INT8_MS, light_ms, " ms", at_most=True)
    ratio = eager_512["p50_ms"] / light_ms if eager_512 and light_ms else None
    yield _promise("light at 512, OpenVINO int8, against torch eager U-Net at 512", LIGHT_RATIO, ratio, "x")
    added = [row["added"] for row in rows if row["added"] is not None]
    worst = sorted(added)[len(added) // 2] if added else None
    percent = None if worst is None else 100 * worst
    yield _promise("our call beyond the runtime's own, median of all rows", 100 * ADDED, percent, " %", at_most=True)


def _promise(
    told: str, bound: float, measured: float | None, unit: str, at_most: bool = False
) -> tuple[str, str, str, str]:
    asked = f"{'at most' if at_most else 'at least'} {bound:g}{unit}"
    if measured is None:
        return told, asked, "not measured", ""
    return told, asked, f"{measured:.3g}{unit}", "yes" if (measured <= bound) == at_most else "**no**"


def _of(row: Row | None, key: str) -> float | None:
    return None if row is None else float(row[key])


def _found(rows: Sequence[Row], generator: str, size: int, backend: str, precision: str) -> Row | None:
    wanted = (generator, size, backend, precision)
    for row in rows:
        found = tuple(row[key] for key in ("generator", "size", "backend", "precision"))
        if found == wanted and row["p50_ms"] is not None:
            return row
    return None


def _tables(rows: Sequence[Row]) -> Iterator[str]:
    for generator, size in dict.fromkeys((row["generator"], row["size"]) for row in rows):
        part = [row for row in rows if (row["generator"], row["size"]) == (generator, size)]
        cost = f"{part[0]['parameters'] / 1e6:.2f} M parameters, {part[0]['gmacs']:.2f} GMAC"
        yield f"\n## {generator} at {size} ({cost})\n"
        yield "| backend | precision | p50 ms | p95 ms | images/s | ratio | psnr_db | added |"
        yield "|---|---|---:|---:|---:|---:|---:|---:|"
        for row in part:
            if row["p50_ms"] is None:
                continue
            figures = (_told(row["p50_ms"]), _told(row["p95_ms"]), _told(row["images_per_s"]), _told(row["ratio"]))
            added = "" if row["added"] is None else f"{100 * row['added']:+.0f} %"
            yield f"| {' | '.join((row['backend'], row['precision'], *figures, _told(row['psnr_db']), added))} |"


def _skipped(rows: Sequence[Row]) -> Iterator[str]:
    yield "\n## Not measured here\n"
    for backend, reason in dict.fromkeys((row["backend"], row["skipped"]) for row in rows if row["skipped"]):
        yield f"- **{backend}**: {reason}"


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
