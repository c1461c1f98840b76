"""Presets: all controls under a name. Plain values in natural units by address, so that a person can read the file."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from live.control.moves import Lfo

FILE = "presets.json"
MOST = 500

Name = Annotated[str, Field(min_length=1, max_length=80)]
Kept = Annotated[float, Field(allow_inf_nan=False)] | str


class Preset(BaseModel):
    """The values of controls by address, in natural units (switches 0 or 1), and what oscillates about them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    controls: dict[str, Kept] = {}
    lfos: dict[str, Lfo] = {}


class PresetFile(BaseModel):
    """presets.json; the order is that in which they were first stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    presets: dict[Name, Preset] = {}


class Presets:
    """All presets of a show, in order. Refusals are sentences."""

    def __init__(self, presets: Mapping[str, Preset] | None = None) -> None:
        self._presets = dict(presets or {})

    @property
    def names(self) -> list[str]:
        return list(self._presets)

    @property
    def file(self) -> PresetFile:
        return PresetFile(presets=dict(self._presets))

    def store(self, name: str, preset: Preset) -> str | None:
        if not 0 < len(name) <= 80:
            return "a preset needs a name of 1 to 80 characters"
        if name not in self._presets and len(self._presets) >= MOST:
            return f"there are {MOST} presets already; delete one"
        self._presets[name] = preset
        return None

    def found(self, name: object) -> tuple[str, Preset] | str:
        """By name or by number from 0; or why not."""
        key = _found(name, self.names)
        if key is None:
            return f"no preset is called {name}; there are {', '.join(self.names[:20]) or 'none yet'}"
        return key, self._presets[key]

    def delete(self, name: object) -> str | None:
        found = self.found(name)
        if isinstance(found, str):
            return found
        del self._presets[found[0]]
        return None


def _found(name: object, names: list[str]) -> str | None:
    """The one of `names` that is meant: itself, or its number from 0."""
    if isinstance(name, str) and name in names:
        return name
    try:
        index = round(float(name))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return names[index] if 0 <= index < len(names) else None
