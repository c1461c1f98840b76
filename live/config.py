"""What is fixed when the show starts: command line over TOML over these defaults."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engines.errors import ConfigError
from live.control.coercion import coerced
from live.control.parameters import BY_NAME, Controls


def _size(value: Any) -> Any:
    """People write WIDTHxHEIGHT; inside, sizes are (height, width)."""
    if not isinstance(value, str):
        return value
    width, _, height = value.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise ValueError("write WIDTHxHEIGHT, for example 1280x720")
    return int(height), int(width)


Side = Annotated[int, Field(ge=16, le=8192)]
Dimensions = Annotated[tuple[Side, Side], BeforeValidator(_size)]
UdpPort = Annotated[int, Field(ge=0, le=65535)]


class LiveOptions(BaseModel):
    """The settings of one show. Sizes are (height, width)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundles: tuple[Path, ...] = ()
    """Played in this order; none means every bundle that is found."""
    source: str = "auto"
    """Camera number, name or device path; video file; motion; `dancer`; `auto` is the first camera, else the dancer."""
    loop: bool = False
    camera_size: Dimensions = (720, 1280)
    camera_fps: Annotated[float, Field(gt=0, le=240)] = 30.0

    camera_lock: bool = False
    """Exposure and white balance stay as the camera finds them in its first seconds."""

    headless: bool = False
    seconds: Annotated[float, Field(gt=0)] | None = None
    fullscreen: bool = False
    display: Annotated[int, Field(ge=0)] = 0
    window: Dimensions | None = None
    """None is the size of the picture, or what fits on the display."""
    window_at: tuple[int, int] | None = None
    """Left and top of a window without a frame, in pixels of the desktop: a rectangle of a video wall."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Clockwise, for a projector or screen that stands on its side."""
    on_top: bool = False
    fit: Literal["whole", "cover"] = "whole"
    """All of the picture with bars beside it, or all of the window with the picture cut; never stretched."""
    rate_hz: Annotated[float, Field(ge=1, le=240)] = 60.0

    unattended: bool = False
    """A camera that is not there yet is waited for; nothing that is missing keeps the show from beginning."""
    open_hours: str = ""
    """FROM-TO each day, as in 10:00-18:30; outside it is dark and nothing works. Empty is always."""
    restart_at: str = ""
    """At this time each day the show ends, for the service to begin it anew. Empty is never."""
    log_file: Path | None = None
    """What is logged, also into this file; five files of 5 MB are kept."""
    log: Path | None = None
    """Controls, poses and timing, to be performed again by `understudy replay`."""
    log_camera: bool = False
    """The camera too, without loss, in SHOW.camera.mkv beside the log; never while a visitor is there."""
    send: tuple[str, ...] = ()
    """To other programs: KIND or KIND:WHAT, as in ndi:figure."""
    record: Path | None = None
    keep_s: Annotated[float, Field(ge=0, le=600)] | None = None
    """So much of the past can be kept as a movie on a key; 0 remembers nothing. None is 30 s, remembered on two cores
    only from the first press on."""
    keep_folder: Path = Path("kept")
    """Where snapshots and kept movies go."""
    keep_visitors: bool = False
    """Recordings, sheets, snapshots and kept movies may show visitors; without it nothing of them is stored."""
    record_fps: Annotated[float, Field(gt=0, le=120)] = 30.0
    backdrop: Path | None = None
    """The picture behind the figure, where the control of that name asks for it."""
    idle_motion: Path | None = None
    """A recorded motion for the attract mode, instead of the built-in dancer."""
    sheet: Path | None = None
    """A PNG with stills of the show, written at its end."""

    look_every_s: Annotated[float, Field(ge=0)] = 0.0
    """Go on to the next of the program's looks by itself; 0 never."""

    mirror: bool | None = None
    """None mirrors cameras and nothing else."""
    region: Literal["whole", "dancer", "background"] | None = None
    """Where a performer of whole pictures is seen, as the control of that name; None leaves it to `controls`."""
    controls: dict[str, float | bool | str] = {}
    """Initial values of the controls, by field name, in natural units."""

    osc: bool = True
    osc_host: str = "127.0.0.1"
    osc_in: UdpPort = 7400
    osc_to: str = "127.0.0.1"
    osc_out: UdpPort = 7401
    osc_prefix: str = ""
    osc_allow: tuple[str, ...] = ()
    """Addresses and networks that may send besides this machine; nobody else may."""
    pose_to: str | None = None
    """HOST:PORT of another understudy that dances to this one's landmarks."""

    page: bool = True
    page_host: str = "127.0.0.1"
    page_port: UdpPort = 7480
    page_token: str = ""
    """Asked of everybody but this machine; "" makes one up and keeps it."""
    zeroconf: bool = False
    midi: bool = True
    presets: Path | None = None
    """Folder of presets.json, cues.json and midi.json; None is this user's own."""

    pose_model: Literal["lite", "full", "heavy"] = "full"
    backend: str = "auto"
    precision: str = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    """Of the engine; None leaves one core to the tracker."""
    opencv_threads: Annotated[int, Field(ge=1)] = 1
    """Of OpenCV's pool, which would fight the engine for the cores (docs/performance.md: what was measured)."""

    def initial_controls(self, mirror: bool) -> Controls:
        """The controls at the start; `mirror` where nothing was said about it. Raises `ConfigError`."""
        said = {name: at for name, at in (("mirror", self.mirror), ("region", self.region)) if at is not None}
        values = {"mirror": mirror, **self.controls, **said}
        return Controls(**{name: _initial(name, value) for name, value in values.items()})


def live_options(config: Path | None = None, given: Mapping[str, Any] | None = None) -> LiveOptions:
    """Settings from a TOML file (if any), overridden by those given. Raises `ConfigError` in one sentence."""
    values = _read(config) if config else {}
    try:
        options = LiveOptions.model_validate({**values, **(given or {})})
    except ValidationError as error:
        raise ConfigError(_sentence(error, config)) from error
    options.initial_controls(False)
    if options.log_camera and not options.log:
        raise ConfigError("log_camera keeps the camera beside a log: name one with --log SHOW.jsonl")
    return options


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an existing TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _sentence(error: ValidationError, path: Path | None) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    where = f"{path or 'live'}: {key}"
    if first["type"] == "extra_forbidden":
        return f"{where} is no setting; there are {', '.join(LiveOptions.model_fields)}"
    return f"{where} = {first['input']!r}: {first['msg']}"


def _initial(name: str, value: Any) -> Any:
    control = BY_NAME.get(name)
    if control is None or control.kind == "trigger":
        known = ", ".join(control.name for control in BY_NAME.values() if control.kind != "trigger")
        raise ConfigError(f"controls.{name} is no control that can be set; there are {known}")
    found = coerced(control, [value], natural=True)
    if found is None:
        raise ConfigError(f"controls.{name} = {value!r} is not understood: {control.help}")
    if control.kind == "slider" and found != float(value):
        raise ConfigError(f"controls.{name} = {value!r} is outside {control.low:g} to {control.high:g}")
    return found
