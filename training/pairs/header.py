"""What is said of pairs: of a folder of them, of each shot, and of each pair (the format is `store`'s)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from engines.images import Size
from engines.pose.proportions import Proportions
from engines.pose.skeleton import SkeletonStyle

FORMAT = 1
Split = Literal["train", "validation", "gap", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "gap", "test")
Kind = Literal["skeleton", "gray", "aligned", "next", "unpaired"]
Crop = tuple[float, float, float]
UNFINISHED = "index.part.jsonl"
"""The index of pairs that are still being written."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shot(_Frozen):
    """A stretch of a video without a cut. `crop`: (x, y, side) of the square in source pixels; it may leave the frame.

    A static shot has a plate, in which the square lies with its top left corner at `plate_at` (y, x); `never_seen` is
    the share of it that had to be invented. Where a sway was taken out (`sway`, in pixels), `frame_size` and `crop`
    are those of the steadied room. `why_moving` says what spoke against a static camera.
    """

    id: str
    source: str
    static: bool = False
    frame_size: Size
    crop: Crop
    plate: str | None = None
    plate_at: tuple[int, int] = (0, 0)
    never_seen: float = 0.0
    sway: float = 0.0
    why_moving: str = ""


class PairsHeader(_Frozen):
    """What a folder of pairs is. `size` is (S, S), or the (H, W) of the largest frame of other kinds than `skeleton`.

    `kind` says what is paired with a frame: its skeleton; itself in gray; another picture (`aligned`, which stage
    conditioning it stands for is `conditioning`; where it is `drawn`, it is made of the frames when they are read); the
    frame `stride` later (`next`); nothing (`unpaired`: a row's `shot` names its side). `drops` counts the frames left
    out, by reason.

    `proportions` are the dancer's in the square of the main shot; `skeleton` is the style to draw with, None for the
    default; `warnings` are sentences for whoever trains on this.
    """

    format: int = FORMAT
    kind: Kind = "skeleton"
    conditioning: str = ""
    stride: int = 1
    drawn: bool = False
    size: Size
    fps: float
    shots: tuple[Shot, ...] = ()
    proportions: Proportions | None = None
    skeleton: SkeletonStyle | None = None
    drops: dict[str, int] = {}
    true_alpha: bool = False
    splits: str = ""
    warnings: tuple[str, ...] = ()
    made_by: dict[str, str] = {}


class Row(_Frozen):
    """One pair of the index. `novelty`: distance to the nearest training pose in torso lengths, for test frames."""

    id: str
    source: str
    frame: int
    time_s: float
    shot: str
    split: Split
    novelty: float | None = None
    crop: Crop | None = None
