"""The pleated parts of a costume: skirt, crest, wings. Each knows its own guides, so drawn and rendered lines coincide.

Lengths are metres, those of guides torso lengths.
"""

from typing import Any, Literal

import numpy as np

from engines.pose.guides import Anchor, Arc, Fan, Guide, fan_ribs
from engines.pose.landmarks import Joint
from training.costumes import mesh
from training.costumes.body import TORSO, Figure
from training.costumes.mesh import Mesh, Points
from training.costumes.parts import FORWARD, Pair, Part


class Skirt(Part):
    """A pleated cone around the pelvis: from radius `waist`, `up` above the hips, to radius `hem`, `height` lower."""

    shape: Literal["skirt"]
    up: float
    height: float
    waist: float
    hem: float
    pleats: int
    amplitude: float = 0.10
    zigzag: float = 0.09
    squash: Pair = (1, 1)
    dark: float = 0.42
    hue: float = 0

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """A sheet for every flank of every pleat."""
        along = np.linspace(0, 1, 10)[None]
        count = 2 * self.pleats + 1
        turn = np.linspace(0, 2 * np.pi, count)[:, None]
        swell = 1 + self.amplitude * along * np.where(np.arange(count) % 2, 1, -1)[:, None]
        radius = (self.waist + (self.hem - self.waist) * along**0.85) * swell
        longer = 1 + self.zigzag * np.where(np.arange(count) % 2, 0, 1)[:, None]
        drop = self.up - self.height * along * longer
        ribs = np.stack([radius * np.sin(turn) * self.squash[0], drop, radius * np.cos(turn) * self.squash[1]], -1)
        return [pleated(body.frames["pelvis"].placed(ribs.astype(np.float32)), material, self.dark)]

    def guides(self) -> tuple[Guide, ...]:
        """The hem's ellipse."""
        hips = Anchor(at=(Joint.LEFT_HIP, Joint.RIGHT_HIP), offset=(0, (self.height - self.up) / TORSO, 0))
        wide, deep = (self.hem * share / TORSO for share in self.squash)
        return (Arc(center=hips, across=(wide, 0, 0), along=(0, 0, deep), samples=25, hue=self.hue),)


class Crest(Part):
    """A flat pleated fan behind the head. It always faces the viewer and only rolls: a turned head is too uncertain."""

    shape: Literal["crest"]
    inner: float
    outer: float
    degrees: float
    pleats: int
    behind: float = 0.055
    depth: float = 0.02
    scallop: float = 0.04
    dark: float = 0.42
    hue: float = 300

    def meshes(self, body: Figure, material: int) -> list[Mesh]:
        """A sheet for every flank of every pleat."""
        count = 2 * self.pleats + 1
        turn = np.radians(np.linspace(-self.degrees / 2, self.degrees / 2, count))[:, None]
        along = np.linspace(0, 1, 12)[None]
        odd = (np.arange(count) % 2)[:, None]
        radius = self.inner + (self.outer * (1 - self.scallop * (1 - odd)) - self.inner) * along
        fold = (odd - 0.5) * self.depth * along
        ribs = np.stack([radius * np.sin(turn), radius * np.cos(turn), fold - self.behind], -1).astype(np.float32)
        return [pleated(body.frames["crest"].placed(ribs), material, self.dark, self.scallop, peaks=1)]

    def guides(self) -> tuple[Guide, ...]:
        """The outer arc, with a spoke where each pleat meets the next."""
        ears = Anchor(at=(Joint.LEFT_EAR, Joint.RIGHT_EAR), frame="head")
        reach = self.outer / TORSO
        return (
            Arc(
                center=ears, across=(reach, 0, 0), along=(0, -reach, 0), start=90 - self.degrees / 2,
                end=90 + self.degrees / 2, samples=25, ribs=self.pleats + 1, inner=self.inner / self.outer,
                hue=self.hue, rib_hue=self.hue,
            ),
        )  # fmt: skip


class Wings(Part):
    """Two pleated fans on the arms, the right one a mirror of the left one's `fan`. A rod carries the first rib."""

    shape: Literal["wings"]
    fan: Fan
    rod: tuple[float, float]
    rod_material: str
    pleat: float = 0.045
    billow: float = 0.03
    dark: float = 0.42
    right_hues: tuple[float, float, float] = (160, 280, 200)

    def meshes(self, body: Figure, material: int, rod_material: int) -> list[Mesh]:
        """For each side a sheet for every flank, and the rod."""
        made = []
        for side, fan in enumerate(self.guides()):
            assert isinstance(fan, Fan)
            ribs = body.in_metres(fan_ribs(fan, body.guided.points.astype(np.float32), body.guided))
            cloth = ribs + self._folds(ribs, (1, -1)[side], body)
            made.append(pleated(cloth, material, self.dark, fan.scallop))
            frame, length = mesh.frame_along(body.place("fingers", side), ribs[0, -1], FORWARD)
            profile = np.array([[0, self.rod[0]], [length * 0.97, self.rod[1]], [length, 1e-4]])
            made.append(mesh.sheet(frame.placed(mesh.turned(profile, 9)), rod_material))
        return made

    def _folds(self, ribs: Points, side: int, body: Figure) -> Points:
        """How far the cloth stands out of the smooth fan: even ribs forward, odd ones back, the middle billowed."""
        ahead, behind = ribs[np.r_[1 : len(ribs), len(ribs) - 1], -1], ribs[np.r_[0, 0 : len(ribs) - 1], -1]
        normal = mesh.unit(np.cross(ribs[:, -1] - ribs[:, 0], (ahead - behind))) * side
        forward = body.frames["pelvis"].axes[2]
        normal = mesh.unit(normal + 0.25 * forward)  # a folded fan has no normal of its own
        along = np.linspace(0, 1, ribs.shape[1])
        out = np.where(np.arange(len(ribs)) % 2, -0.5, 0.5)[:, None] * self.pleat * along**0.8
        around = np.sin(np.linspace(0, np.pi, len(ribs)))[:, None]
        out = out - self.billow * np.sin(np.pi * along) * around
        return (normal[:, None] * out[..., None]).astype(np.float32)

    def guides(self) -> tuple[Guide, ...]:
        """The left fan and the right."""
        return self.fan, mirrored_fan(self.fan, self.right_hues)


def mirrored_fan(fan: Fan, hues: tuple[float, float, float]) -> Fan:
    """The same fan on the other arm, in its own `hues` (first rib, last rib, hem)."""

    def other(anchor: Anchor) -> Anchor:
        names = [Joint(joint).name for joint in anchor.at]
        swapped = {"LEFT": "RIGHT", "RIGHT": "LEFT"}
        at = tuple(Joint["_".join(swapped.get(word, word) for word in name.split("_"))] for name in names)
        x, y, z = anchor.offset
        return Anchor(at=at, weights=anchor.weights, offset=(-x, y, z), frame=anchor.frame)

    turned: dict[str, Any] = {
        "apex": other(fan.apex),
        "leading": tuple(other(anchor) for anchor in fan.leading),
        "trailing": other(fan.trailing),
        "side": "right" if fan.side == "left" else "left",
        "hue": hues[0],
        "trailing_hue": hues[1],
        "hem_hue": hues[2],
    }
    return Fan(**{**{name: getattr(fan, name) for name in Fan.model_fields}, **turned})


def pleated(ribs: Points, material: int, dark: float, scallop: float = 0.0, peaks: int = 0) -> Mesh:
    """Pleats between ribs, two flanks each: one bright, one darker by `dark`; sharp at the ridge, soft in the valley.

    Ribs of the parity `peaks` are the ridges and longer by `scallop` already; the hem between is rounded up to a lobe.
    """
    cloth = mesh.flanks(ribs, 6)
    part = np.linspace(0, 1, cloth.shape[2])
    falls = (np.arange(len(cloth)) % 2 == peaks)[:, None]
    if scallop:
        extra = np.where(falls, np.cos(part * np.pi / 2) - (1 - part), np.sin(part * np.pi / 2) - part)
        base = cloth[:, :1]
        cloth = base + (cloth - base) * (1 + scallop * extra).astype(np.float32)[:, None, :, None]
    valley = 1 - 0.62 * dark
    tint = np.where(falls, 1 - dark + (valley - 1 + dark) * part, valley + (1 - valley) * part)
    along = np.linspace(0, 1, cloth.shape[1])[:, None]
    return mesh.sheet(cloth, material, np.broadcast_to(along, cloth.shape[:-1]), tint[:, None, :])
