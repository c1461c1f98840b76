"""What understudy needs installed, and what of it is: read from the package's own metadata, never a second list."""

import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from engines.machine import version_of

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?:>=\s*([0-9.]+))?")


@dataclass(frozen=True)
class Requirement:
    """A package that is needed, from which version on, and the version that is installed (None: it is not)."""

    name: str
    least: str
    found: str | None

    @property
    def is_met(self) -> bool:
        return self.found is not None and numbers(self.found) >= numbers(self.least)

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.name} is missing"
        return f"{self.name} {self.found}" + ("" if self.is_met else f" (needs {self.least} or newer)")


def requirements(extra: str = "") -> list[Requirement]:
    """What the stage needs, or what `extra` ("train", ...) needs beyond it."""
    parts = [matched.groups() for line in _declared(extra) if (matched := _REQUIREMENT.match(line))]
    return [Requirement(name, least or "0", version_of(name)) for name, least in parts]


def _declared(extra: str) -> list[str]:
    """From a checkout its pyproject.toml, which is newer than what pip noted when it installed it."""
    if PROJECT.is_file():
        project = tomllib.loads(PROJECT.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == "understudy":
            return list(project["optional-dependencies"].get(extra, ()) if extra else project["dependencies"])
    try:
        lines = metadata.requires("understudy") or []
    except metadata.PackageNotFoundError:
        return []
    marked = re.compile(f"extra == ['\"]{extra}['\"]")
    return [line for line in lines if (marked.search(line) if extra else "extra ==" not in line)]


def numbers(version: str) -> tuple[int, ...]:
    """2.13.0+cpu -> (2, 13, 0): enough to tell an older one."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:4])
