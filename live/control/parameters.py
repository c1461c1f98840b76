"""THE table of controls: one field of `Controls` = one OSC address, with range, unit, default, keys and help.

OSC, keyboard, overlay, docs and tests all read this table; nothing about a control is written anywhere else. On the
wire every slider takes 0..1 of its range; one that has a natural unit has a twin address in it: `/look/hue` and
`/look/hue/degrees`. Values are coerced and clamped, never rejected for their type or range.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Value = float | bool | int | str
Kind = Literal["slider", "switch", "choice", "trigger", "name"]


@dataclass(frozen=True)
class Control:
    """One line of the table. `low`, `high` and `default` are in natural units."""

    name: str
    address: str
    kind: Kind
    default: Value
    help: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    choices: tuple[str, ...] = ()
    is_rig: bool = False
    """Belongs to the room and its projector, not to the look: presets and panic leave it as it is."""
    keys: Mapping[str, float] = field(default_factory=dict)
    """Key name -> what a press does: a step for sliders, anything for switches and triggers, 0 turns a slider over."""

    @property
    def twin(self) -> str | None:
        """The address that takes the natural unit, where there is one."""
        return f"{self.address}/{self.unit}" if self.unit else None

    def clamped(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def from_share(self, share: float) -> float:
        """0..1 of the range -> the natural unit, clamped."""
        return self.clamped(self.low + share * (self.high - self.low))

    def to_share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    @property
    def group(self) -> str:
        """The heading under which people find it: the first part of its address, where there are several."""
        parts = self.address.split("/")
        return parts[1] if len(parts) > 2 else ""


def _control(kind: Kind, address: str, default: Value, help: str, **more: Any) -> Any:
    metadata = {"kind": kind, "address": address, "default": default, "help": help, **more}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Controls:
    """The state of every control in one tick. Triggers are counters: one more than last time means it fired."""

    panic: bool = _control(
        "switch",
        "/panic",
        False,
        "black at once, everything that moves stops, all controls neutral; 0 or the key again gives the show back",
        is_rig=True,
        keys={"p": 1},
    )
    mix: float = _control(
        "slider",
        "/mix",
        1.0,
        "what is seen: 0 the camera, 1 the performer",
        keys={"left": -0.1, "right": 0.1},
    )
    backdrop: str = _control(
        "choice",
        "/backdrop",
        "plate",
        "what lies behind a performer with a matte",
        choices=("plate", "camera", "black", "picture", "transparent"),
    )
    region: str = _control(
        "choice",
        "/region",
        "whole",
        "where a performer of whole pictures is seen: everywhere, on the dancer alone, or around",
        choices=("whole", "dancer", "background"),
    )
    feedback: float = _control(
        "slider",
        "/feedback",
        0.0,
        "how much of the shown picture is mixed into the next: trails",
    )
    feedback_zoom: float = _control(
        "slider", "/feedback/zoom", 1.0, "the trail grows outward (above 1) or inward", low=0.9, high=1.1, unit="times"
    )
    feedback_turn: float = _control(
        "slider", "/feedback/turn", 0.0, "the trail turns, 30 times a second", low=-5.0, high=5.0, unit="degrees"
    )
    smooth_before: float = _control(
        "slider", "/smooth/before", 0.0, "the last conditioning mixed into the next, before the generator looks at it"
    )
    smooth_after: float = _control(
        "slider", "/smooth/after", 0.0, "the last generated picture mixed into the next: dreamy"
    )
    freeze: bool = _control(
        "switch", "/freeze", False, "hold the picture as it is; looks, fades and blackout still work", keys={"z": 1}
    )
    smoothing: float = _control(
        "slider",
        "/pose/smoothing",
        0.25,
        "steadiness of the pose: 0 raw, 1 very smooth and a little late",
    )
    hold: float = _control(
        "slider",
        "/pose/hold",
        1.0,
        "how much a pose in the camera's picture is held to how that picture moves: steady without being late",
    )
    retarget: float = _control(
        "slider",
        "/pose/retarget",
        1.0,
        "whose proportions: 0 yours, 1 those of the dancer that was learned",
    )
    delay: float = _control(
        "slider", "/pose/delay", 0.0, "the performer follows so much later", low=0.0, high=5.0, unit="seconds"
    )
    ahead: float = _control(
        "slider", "/pose/ahead", 0.0, "how much of the delay from camera to picture is guessed ahead, to hide it"
    )
    predict: float = _control(
        "slider", "/pose/predict", 0.0, "the pose is guessed so far ahead, besides", low=0.0, high=250.0, unit="ms"
    )
    exaggeration: float = _control(
        "slider", "/pose/exaggeration", 1.0, "limbs go so much farther the way they go", low=0.0, high=2.0, unit="times"
    )
    pose_scale: float = _control(
        "slider", "/pose/scale", 1.0, "size of the pose about the hips", low=0.25, high=2.0, unit="times"
    )
    pose_x: float = _control("slider", "/pose/x", 0.0, "the pose moved right", low=-1.0, high=1.0, unit="squares")
    pose_y: float = _control("slider", "/pose/y", 0.0, "the pose moved down", low=-1.0, high=1.0, unit="squares")
    pose_turn: float = _control(
        "slider", "/pose/turn", 0.0, "the pose turned about the hips, clockwise", low=-180.0, high=180.0, unit="degrees"
    )
    place: float = _control(
        "slider", "/figure/place", 0.0, "where the figure stands: 0 at its own place in the room, 1 where you stand"
    )
    figures: float = _control(
        "slider", "/figures/count", 1.0, "so many of the dancer at once", low=1.0, high=7.0, unit="figures"
    )
    figures_spread: float = _control(
        "slider", "/figures/spread", 0.3, "how far apart they stand, in widths of the picture"
    )
    figures_delay: float = _control(
        "slider",
        "/figures/delay",
        0.0,
        "each follows so much after the one nearer to the middle: a canon",
        low=0.0,
        high=1.0,
        unit="seconds",
    )
    figures_mirror: bool = _control("switch", "/figures/mirror", False, "every second one is a mirror image")
    echo: float = _control(
        "slider", "/echo/count", 0.0, "so many ghosts of the past under the figure", low=0.0, high=6.0, unit="ghosts"
    )
    echo_spacing: float = _control(
        "slider", "/echo/spacing", 80.0, "from one ghost to the next", low=20.0, high=500.0, unit="milliseconds"
    )
    echo_fade: float = _control("slider", "/echo/fade", 0.3, "how much fainter each ghost is than the one after it")
    echo_hue: float = _control(
        "slider",
        "/echo/hue",
        0.0,
        "how far each ghost's colors are turned from the one after it",
        low=-90.0,
        high=90.0,
        unit="degrees",
    )
    shadow: float = _control("slider", "/shadow/strength", 0.0, "the figure's shadow on the floor")
    shadow_length: float = _control(
        "slider", "/shadow/length", 0.35, "how long the shadow is, in heights of the figure"
    )
    shadow_lean: float = _control(
        "slider", "/shadow/lean", 0.3, "to which side it falls", low=-1.0, high=1.0, unit="heights"
    )
    outline: float = _control(
        "slider", "/outline/width", 0.0, "a line of light around the figure", low=0.0, high=24.0, unit="pixels"
    )
    outline_hue: float = _control(
        "slider", "/outline/hue", 45.0, "its color; at 360 it is white", low=0.0, high=360.0, unit="degrees"
    )
    mirror: bool = _control(
        "switch",
        "/mirror",
        False,
        "the performer moves like your reflection: left and right change sides",
        is_rig=True,
        keys={"m": 1},
    )
    flip: bool = _control(
        "switch", "/flip", False, "the whole output turned left to right, for rear projection", is_rig=True
    )
    blackout: float = _control(
        "slider",
        "/blackout",
        0.0,
        "1 is black within one displayed frame, whatever else is stuck; between is dimmed",
        keys={"b": 0},
    )
    bundle: str = _control("name", "/bundle", "", "the performer on stage, by name or by its number from 0")
    next_bundle: int = _control("trigger", "/bundle/next", 0, "the next performer", keys={"n": 1})
    bundle_fade: float = _control(
        "slider",
        "/bundle/fade",
        0.6,
        "how long one performer takes to become the next",
        low=0.0,
        high=10.0,
        unit="seconds",
    )
    other: str = _control(
        "name", "/bundle/other", "", "a second performer, kept ready beside the first, by name or number"
    )
    crossfade: float = _control(
        "slider", "/bundle/crossfade", 0.0, "0 the performer, 1 the other one; between both are mixed"
    )
    brightness: float = _control(
        "slider", "/look/brightness", 0.0, "exposure of the picture", low=-2.0, high=2.0, unit="stops"
    )
    contrast: float = _control(
        "slider", "/look/contrast", 1.0, "contrast around middle gray", low=0.0, high=2.0, unit="times"
    )
    saturation: float = _control(
        "slider", "/look/saturation", 1.0, "0 is black and white", low=0.0, high=2.0, unit="times"
    )
    hue: float = _control("slider", "/look/hue", 0.0, "rotation of all colors", low=-180.0, high=180.0, unit="degrees")
    next_look: int = _control(
        "trigger", "/look/next", 0, "the next of the looks that come with the program", keys={"x": 1}
    )
    silk: float = _control(
        "slider",
        "/look/silk",
        0.0,
        "turns only the warm, deep colors (red to orange); gold and the rest stay",
        low=-180.0,
        high=180.0,
        unit="degrees",
    )
    vignette: float = _control("slider", "/look/vignette", 0.0, "corners darkened")
    grain: float = _control("slider", "/look/grain", 0.0, "film grain; black stays black")
    plate_hue: float = _control(
        "slider", "/plate/hue", 0.0, "rotation of the room's colors alone", low=-180.0, high=180.0, unit="degrees"
    )
    plate_light: float = _control(
        "slider", "/plate/light", 1.0, "the room's light alone", low=0.0, high=2.0, unit="times"
    )
    bloom: float = _control("slider", "/bloom/amount", 0.0, "bright places glow")
    bloom_gold: float = _control("slider", "/bloom/gold", 1.0, "1 only gold and orange glow, 0 everything bright")
    kaleidoscope: float = _control(
        "slider",
        "/kaleidoscope",
        1.0,
        "1 is none, 2 a mirror in the middle, more are wedges",
        low=1.0,
        high=12.0,
        unit="sides",
    )
    inset: str = _control(
        "choice",
        "/inset",
        "off",
        "a small picture in the corner",
        choices=("off", "conditioning", "skeleton", "camera"),
        is_rig=True,
    )
    guard: bool = _control(
        "switch",
        "/guard",
        True,
        "at most three flashes a second, for the safety of those who watch; never delays a blackout",
        is_rig=True,
    )
    passthrough: bool = _control(
        "switch", "/passthrough", False, "the camera as it is, past everything", is_rig=True, keys={"v": 1}
    )
    test_card: bool = _control(
        "switch", "/testcard", False, "a card to set up the projector by", is_rig=True, keys={"c": 1}
    )
    idle_after: float = _control(
        "slider",
        "/idle/after",
        0.0,
        "when nobody was in view for so long the built-in dancer takes over; 0 never",
        low=0.0,
        high=600.0,
        unit="seconds",
        is_rig=True,
    )
    person_next: int = _control(
        "trigger", "/person/next", 0, "follow somebody else: the next from left to right", keys={"tab": 1}
    )
    person_lock: bool = _control(
        "switch",
        "/person/lock",
        False,
        "follow this person and nobody else, even when they were away",
        is_rig=True,
        keys={"l": 1},
    )
    zone_left: float = _control(
        "slider", "/zone/left", 0.0, "people count from here, in widths of the camera's picture", is_rig=True
    )
    zone_right: float = _control("slider", "/zone/right", 1.0, "people count up to here", is_rig=True)
    zone_far: float = _control(
        "slider",
        "/zone/far",
        0.0,
        "people count whose feet are lower than this, in heights of the camera's picture",
        is_rig=True,
    )
    zone_near: float = _control(
        "slider", "/zone/near", 1.0, "people count whose feet are higher than this", is_rig=True
    )
    visitor_capture: int = _control(
        "trigger", "/visitor/capture", 0, "half a minute of moves at the camera, then the visitor's own performer"
    )
    visitor_forget: int = _control("trigger", "/visitor/forget", 0, "forget the visitor at once, captured or on stage")
    guidance: bool = _control(
        "switch", "/guidance", True, "tell people in front of a camera what to do to be seen whole", is_rig=True
    )
    snapshot: int = _control(
        "trigger", "/snapshot", 0, "keep this picture as a PNG, with its alpha where there is one", keys={"s": 1}
    )
    keep: int = _control("trigger", "/record/keep", 0, "keep the last seconds as a movie", keys={"r": 1})
    dream_reset: int = _control(
        "trigger",
        "/dream/reset",
        0,
        "a film that goes on by itself begins anew from where the real one ended",
        keys={"d": 1},
    )
    tempo: float = _control(
        "slider",
        "/tempo",
        120.0,
        "beats a minute, for what moves by itself",
        low=30.0,
        high=240.0,
        unit="bpm",
        is_rig=True,
    )
    knobs: Mapping[str, float] = field(default_factory=dict)
    """What the performer on stage lets you turn, by name in natural units; its bundle says which and how far."""


TABLE: tuple[Control, ...] = tuple(
    Control(name=each.name, **each.metadata) for each in fields(Controls) if "address" in each.metadata
)
BY_NAME: Mapping[str, Control] = {control.name: control for control in TABLE}
