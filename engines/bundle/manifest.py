"""What a bundle says of itself: `manifest.json`, read into frozen pydantic models that know no other key.

Images cross the ports as (H, W, C) uint8, without a batch axis; a float32 port carries knobs, noise or displacements.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from engines.pose.proportions import Proportions
from engines.pose.skeleton import SkeletonStyle

FORMAT = 1

Conditioning = Literal["skeleton", "figure", "edges", "frame", "gray", "previous", "composite", "none"]
Finish = Literal["none", "over_plate", "refine", "join_chroma"]

Side = Annotated[int, Field(ge=1, le=8192)]
Extent = Annotated[int, Field(ge=1, le=1 << 22)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,79}$")]

# The channels of the picture ports that each finish joins; any further output is refused, so a typing error is found.
FINISHED_FROM: dict[str, dict[str, int]] = {
    "none": {"image": 3},
    "over_plate": {"figure": 4},
    "refine": {"displacement": 2, "gate": 1, "paint": 3, "matte": 1},
    "join_chroma": {"chroma": 2},
}

# Kinds that are drawn from landmarks, so that the bundle must bring the style they are drawn in.
FROM_LANDMARKS = ("skeleton", "figure")

# Kinds that follow somebody, who can be gone.
FOLLOWING = (*FROM_LANDMARKS, "composite")

# Knobs that are turned around the graph and have no port in it: what is done to a picture before it is fed back, where
# a figure stands, how fast noise wanders.
STAGE_KNOBS: dict[str, tuple[str, ...]] = {
    "previous": ("inject", "disturb", "stir", "guard"),
    "composite": ("across", "row", "height", "horizon"),
    "none": ("walk",),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Port(_Frozen):
    """A named input or output of the graph: shape (H, W, C) for pictures, (n,) for knobs and noise.

    `scale` turns the stored number into its unit (a displacement in px: value x scale).
    """

    name: Name
    shape: tuple[Extent, ...]
    dtype: Literal["uint8", "float32"]
    scale: float = 1.0

    @model_validator(mode="after")
    def _has_a_known_form(self) -> Self:
        if len(self.shape) not in (1, 3):
            raise ValueError(f"port {self.name!r} has shape {self.shape}; a port is (height, width, channels) or (n,)")
        if len(self.shape) == 3 and max(self.shape) > 8192:
            raise ValueError(f"port {self.name!r} has shape {self.shape}; a picture's sides are at most 8192")
        if math.prod(self.shape) > 1 << 26:
            raise ValueError(f"port {self.name!r} has shape {self.shape}, more than 64 Mi values")
        return self


class Knob(_Frozen):
    """A float that a performer can turn while it runs, fed to the float32 input port (1,) of the same name."""

    name: Name
    label: str = ""
    low: float = 0.0
    high: float = 1.0
    default: float
    help: str = ""

    @model_validator(mode="after")
    def _default_is_in_range(self) -> Self:
        if not self.low <= self.default <= self.high:
            raise ValueError(f"knob {self.name!r} has default {self.default} outside {self.low} to {self.high}")
        return self


class Graph(_Frozen):
    """An ONNX file of the bundle. f32 is the reference; int8 states its measured PSNR against it."""

    file: str
    precision: Literal["f32", "int8"]
    psnr_db: float | None = None


class Manifest(_Frozen):
    """Everything that is known of a performer without opening its graph."""

    format: int = FORMAT
    name: Name
    title: str = ""
    method: str
    conditioning: Conditioning
    size: tuple[Side, Side]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    finish: Finish
    knobs: tuple[Knob, ...] = ()
    graphs: tuple[Graph, ...] = ()
    skeleton: SkeletonStyle | None = None
    skeleton_hash: str = ""
    proportions: Proportions | None = None
    fps: float = Field(gt=0, le=1000)
    plate_at: tuple[int, int] = (0, 0)
    licence: str = ""
    credits: str = ""
    made_by: dict[str, str] = {}
    metrics: dict[str, float] = {}
    files: dict[str, str] = {}

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        _check_names(self)
        _check_finish(self)
        precisions = [graph.precision for graph in self.graphs]
        if len(set(precisions)) != len(precisions):
            raise ValueError(f"graphs name a precision twice: {', '.join(precisions)}")
        if precisions and "f32" not in precisions:
            raise ValueError("graphs hold no f32 graph; the float32 graph is the reference of all others")
        if self.conditioning in FROM_LANDMARKS and (self.skeleton is None or not self.skeleton_hash):
            raise ValueError(f"conditioning {self.conditioning!r} needs the skeleton style and its hash")
        return self

    def input(self, name: str) -> Port | None:
        """The input port of that name, if there is one."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> Port | None:
        """The output port of that name, if there is one."""
        return next((port for port in self.outputs if port.name == name), None)

    def graph(self, precision: str) -> Graph | None:
        """The graph of that precision, if the bundle holds one."""
        return next((graph for graph in self.graphs if graph.precision == precision), None)


def _check_names(manifest: Manifest) -> None:
    for what, names in (
        ("inputs", [port.name for port in manifest.inputs]),
        ("outputs", [port.name for port in manifest.outputs]),
        ("knobs", [knob.name for knob in manifest.knobs]),
    ):
        if len(set(names)) != len(names):
            raise ValueError(f"{what} name one port twice: {', '.join(names)}")
    for knob in manifest.knobs:
        if knob.name in STAGE_KNOBS.get(manifest.conditioning, ()):
            continue
        port = manifest.input(knob.name)
        if manifest.graphs and (port is None or port.dtype != "float32" or port.shape != (1,)):
            raise ValueError(f"knob {knob.name!r} has no float32 input port of shape (1,)")


def _check_finish(manifest: Manifest) -> None:
    if not manifest.graphs:  # an atlas alone performs without a graph, so there is nothing to finish
        return
    wanted = FINISHED_FROM[manifest.finish]
    found = {port.name: port.shape[-1] for port in manifest.outputs}
    if found != wanted:
        told = ", ".join(f"{name} of {channels} channels" for name, channels in wanted.items())
        shown = ", ".join(f"{name} of {channels}" for name, channels in found.items()) or "none"
        raise ValueError(f"finish {manifest.finish!r} joins the outputs {told}; the outputs declared are {shown}")
    for name in ("image", "figure", "paint", "gate", "matte"):
        port = manifest.output(name)
        if port is not None and (port.dtype != "uint8" or port.shape[:2] != manifest.size):
            raise ValueError(f"output {name!r} is {port.dtype} {port.shape}; expected uint8 at size {manifest.size}")
    previous = manifest.input("previous")
    if previous is not None and all(port.shape != previous.shape for port in manifest.outputs):
        raise ValueError(f"input 'previous' is {previous.shape}, which no output is; it takes the last output")
