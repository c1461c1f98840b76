"""Config files as checked, frozen models: TOML or JSON, overrides laid over it, a sentence for what is wrong."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.errors import ConfigError

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1000)]


Checked = TypeVar("Checked", bound=BaseModel)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def read_values(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What a config says, with overrides laid over it, not checked yet. Raises ConfigError."""
    values = _read(Path(path))
    for override in overrides:
        _lay_over(values, override)
    return values


def checked(model: type[Checked], values: Mapping[str, Any], origin: str) -> Checked:
    """`values` as a frozen `model`; `origin` is named in the sentence of a ConfigError."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(error, origin, model)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        return dict(json.loads(text)) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such config; those that come with the project are in configs/training") from None
    except (OSError, UnicodeDecodeError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read as a config ({error})") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: is no JSON: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is no TOML: {error}") from None


def _lay_over(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override}: write key=value, for example losses.l1=30")
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}: {section} is a value and has no keys of its own")
    values[last] = _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _sentence(error: ValidationError, origin: str, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{origin}: unknown key {key}; allowed here: {', '.join(_allowed_keys(model, first['loc'][:-1]))}"
    if first["type"] == "value_error":  # of several keys together
        return f"{origin}: {first['msg'].removeprefix('Value error, ')}"
    more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
    found = first["input"]
    return f"{origin}: {key} is {found!r}, which is not allowed: {first['msg'].lower()}{more}"


def _allowed_keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location:
        model = model.model_fields[str(part)].annotation  # type: ignore[assignment]
    return list(model.model_fields)
