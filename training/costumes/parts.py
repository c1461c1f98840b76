"""The solid parts a costume file may name, and the surfaces they become on a body.

Lengths are metres on a body of 1.70 m. A part on sided places (shoulder, elbow, ...) is made twice, left and right.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from training.costumes import mesh
from training.costumes.body import PLACES, SIDED, Figure
from training.costumes.mesh import Mesh

Pair = tuple[float, float]
Place = Literal[
    "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "toe", "fingers", "pelvis", "chest", "neck", "head"
]
assert set(PLACES) == set(Place.__args__)  # type: ignore[attr-defined]

FORWARD = np.array([0, 0.15, 1], np.float32)


class Part(BaseModel):
    """What every part says: which material it is of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    material: str


class Limb(Part):
    """A turned profile along a bone: `profile` is (share of the bone, radius) from its first place to its second.

    `beyond` lengthens it past the second place, `flat` squeezes it front to back.
    """

    shape: Literal["limb"]
    bone: tuple[Place, Place]
    profile: tuple[Pair, ...] = Field(min_length=2)
    beyond: float = 0.0
    flat: float = 1.0

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """One sheet a side."""
        curve = mesh.profile_curve(np.array(self.profile), 12)
        sides = (0, 1) if any(place in SIDED or place == "fingers" for place in self.bone) else (0,)
        made = []
        for side in sides:
            start, end = (body.place(place, side) for place in self.bone)
            end = end + mesh.unit(end - start) * self.beyond
            frame, length = mesh.frame_along(start, end, FORWARD)
            grid = mesh.turned(curve * [length, 1], 18, (1, self.flat))
            made.append(mesh.sheet(frame.placed(grid), material))
        return made


class Ball(Part):
    """A ball on each of the named places."""

    shape: Literal["ball"]
    at: tuple[Place, ...]
    radius: float

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """One sheet for all of them."""
        grid = mesh.turned(mesh.ellipse_profile(2 * self.radius, self.radius, 11), 17)
        centers = [body.place(place, side) for place in self.at for side in ((0, 1) if place in SIDED else (0,))]
        return [mesh.sheet(np.stack([grid + center for center in centers]), material)]


class Egg(Part):
    """An egg in a frame, or with `band` only a strip of it: (lowest, highest, degrees around the front, proud by)."""

    shape: Literal["egg"]
    on: Place
    height: float
    radius: float
    narrow: float = 0.12
    squash: Pair = (1, 1)
    band: tuple[float, float, float, float] | None = None

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """One sheet."""
        rows, sweep = 24, 360.0
        profile = mesh.ellipse_profile(self.height, self.radius, rows, self.narrow)
        if self.band:
            low, high, sweep, proud = self.band
            heights = np.linspace(low, high, 5)
            profile = np.stack([heights, np.interp(heights, profile[:, 0], profile[:, 1]) + proud], -1)
        return [mesh.sheet(body.frames[self.on].placed(mesh.turned(profile, 28, self.squash, sweep)), material)]


class Ring(Part):
    """A torus around a frame's up direction, `up` above its origin."""

    shape: Literal["ring"]
    on: Place
    radius: float
    tube: float
    up: float = 0.0
    squash: Pair = (1, 1)

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """One sheet."""
        grid = mesh.ring(self.radius, self.tube, self.squash) + np.array([0, self.up, 0], np.float32)
        return [mesh.sheet(body.frames[self.on].placed(grid), material)]


class Trunk(Part):
    """A body skinned from the pelvis to the neck: `sections` are (share of the way, half width, half depth)."""

    shape: Literal["trunk"]
    sections: tuple[tuple[float, float, float], ...] = Field(min_length=3)

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """One sheet, bent smoothly between the frames of pelvis and chest."""
        rows = mesh.profile_curve(np.array(self.sections), 22)
        pelvis, chest = body.frames["pelvis"], body.frames["chest"]
        turn = np.linspace(-np.pi, np.pi, 30)
        around = np.stack([np.sin(turn), np.zeros_like(turn), np.cos(turn)], -1)
        grid = []
        for share, wide, deep in rows:
            blend = np.clip(share, 0, 1) ** 2 * (3 - 2 * np.clip(share, 0, 1))
            left, up, forward = (mesh.unit(pelvis.axes[k] * (1 - blend) + chest.axes[k] * blend) for k in range(3))
            # Straight between hips and shoulders, so that shares mean the same in every pose.
            origin = pelvis.origin * (1 - share) + chest.origin * share
            grid.append((around * [wide, 1, deep]) @ np.stack([left, up, forward]) + origin)
        return [mesh.sheet(np.array(grid, np.float32), material)]
