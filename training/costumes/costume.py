"""A costume: parts on bones, materials and a stage, read from a TOML file, and a pose dressed in it."""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.errors import ConfigError
from engines.pose.guides import Guide
from engines.pose.skeleton import DEFAULT_STYLE, SkeletonStyle
from training.costumes.body import Figure
from training.costumes.cloth import Crest, Skirt, Wings
from training.costumes.lights import KINDS
from training.costumes.mesh import Mesh, joined
from training.costumes.parts import Ball, Egg, Limb, Ring, Trunk
from training.costumes.shading import Materials
from training.costumes.stage import Stage

Stop = tuple[float, float, float, float]
AnyPart = Annotated[Limb | Ball | Egg | Ring | Trunk | Skirt | Crest | Wings, Field(discriminator="shape")]


class Material(BaseModel):
    """`ramp`: (place 0..1, red, green, blue) in linear light, straight lines between."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["lacquer", "gold", "silk"]
    ramp: tuple[Stop, ...] = Field(min_length=1)


class Costume(BaseModel):
    """What a figure is made of. The first stage is the one that pairs are rendered on; the others are spare plates."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    title: str = ""
    credits: str = ""
    materials: dict[str, Material]
    parts: tuple[AnyPart, ...] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)

    @cached_property
    def palette(self) -> Materials:
        """The materials in the order of the file, as the shading reads them."""
        places = np.linspace(0, 1, 256)
        ramps = []
        for material in self.materials.values():
            stops = np.array(material.ramp)
            ramps.append(np.stack([np.interp(places, stops[:, 0], stops[:, k]) for k in (1, 2, 3)], -1))
        kinds = [KINDS[material.kind] for material in self.materials.values()]
        return Materials(np.array(kinds, np.int32), np.array(ramps, np.float32))

    @cached_property
    def style(self) -> SkeletonStyle:
        """How a skeleton is drawn for this costume: the default one with the costume's guides under its bones."""
        guides: list[Guide] = []
        for part in self.parts:
            if isinstance(part, Wings | Crest | Skirt):
                guides.extend(part.guides())
        return DEFAULT_STYLE.model_copy(update={"guides": tuple(guides)})

    def dressed(self, figure: Figure) -> Mesh:
        """All parts on a pose."""
        index = {name: number for number, name in enumerate(self.materials)}
        meshes: list[Mesh] = []
        for part in self.parts:
            if isinstance(part, Wings):
                meshes += part.meshes(figure, index[part.material], index[part.rod_material])
            else:
                meshes += part.meshes(figure, index[part.material])
        return joined(meshes)


def load_costume(path: Path | str) -> Costume:
    """The costume in a TOML file; ConfigError names the key and what is wrong with it."""
    path = Path(path)
    try:
        costume = Costume.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise ConfigError(f"{path}: the costume cannot be read ({error.strerror}).") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file ({error}).") from error
    except ValidationError as error:
        # A misspelled key is both unknown and missing; its own name helps more.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place}: {first['msg']}, found {str(first['input'])[:80]!r}.") from error
    for part in costume.parts:
        for name in {part.material, getattr(part, "rod_material", part.material)} - set(costume.materials):
            known = ", ".join(costume.materials)
            raise ConfigError(f"{path}: a {part.shape} is of material {name!r}, which is not in [materials]: {known}.")
    return costume
