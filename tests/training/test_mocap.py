"""Recorded movement: a rig whose joints were placed by hand, and what is no rig."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from engines.errors import BadInput
from engines.pose.body import Camera
from engines.pose.landmarks import Joint
from engines.pose.motion import Motion
from tests.footage import footage
from training.costumes.mocap import read_bvh

J = Joint
# Centimetres; a child's offset is from its parent. Thighs of 41.5 cm make a centimetre a centimetre.
RIG: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "Hips": (None, (0, 90, 0)),
    "Head": ("Hips", (0, 65, 0)),
}
for _side, _x in (("Left", 1), ("Right", -1)):
    RIG |= {
        f"{_side}UpLeg": ("Hips", (_x * 10, 0, 0)), f"{_side}Leg": (f"{_side}UpLeg", (0, -41.5, 0)),
        f"{_side}Foot": (f"{_side}Leg", (0, -40, 0)), f"{_side}ToeBase": (f"{_side}Foot", (0, -7, 12)),
        f"{_side}Arm": ("Hips", (_x * 18, 50, 0)), f"{_side}ForeArm": (f"{_side}Arm", (_x * 27, 0, 0)),
        f"{_side}Hand": (f"{_side}ForeArm", (_x * 25, 0, 0)), f"{_side}HandPinky1": (f"{_side}Hand", (_x * 8, 0, -2)),
        f"{_side}HandIndex1": (f"{_side}Hand", (_x * 8, 0, 2)), f"{_side}HandThumb1": (f"{_side}Hand", (_x * 4, 0, 4)),
    }  # fmt: skip
# Heads have their first axis upward, feet forward.
RESTING = {"Head": (0, 0, 90), "LeftToeBase": (-90, 0, 0), "RightToeBase": (-90, 0, 0)}


def bvh(frames: list[Mapping[str, tuple[float, float, float]]], rig: Mapping = RIG, step: float = 0.01) -> str:
    """A file of these turns (y, x, z in degrees) of joints; all others rest."""
    order: list[str] = []

    def joint(name: str, depth: int) -> str:
        order.append(name)
        parent, offset = rig[name]
        where = "Xposition Yposition Zposition " if parent is None else ""
        inner = [joint(child, depth + 1) for child in rig if rig[child][0] == name] or ["End Site { OFFSET 5 0 0 }"]
        kind = "ROOT" if parent is None else "JOINT"
        channels = f"CHANNELS {6 if parent is None else 3} {where}Yrotation Xrotation Zrotation"
        return f"{kind} {name} {{ OFFSET {' '.join(map(str, offset))} {channels} {' '.join(inner)} }}"

    head = joint("Hips", 0)
    rows = []
    for turns in frames:
        row = [0.0, 90.0, 0.0]
        for name in order:
            row += {**RESTING, **turns}.get(name, (0, 0, 0))
        rows.append(" ".join(map(str, row)))
    return f"HIERARCHY {head}\nMOTION\nFrames: {len(frames)}\nFrame Time: {step}\n" + "\n".join(rows) + "\n"


def read(tmp_path: Path, text: str) -> Motion:
    (tmp_path / "dance.bvh").write_text(text)
    return read_bvh(tmp_path / "dance.bvh")


def metres(motion: Motion, frame: int = 0) -> np.ndarray:
    """x to the right and y down, from the hips, at the hips' own scale; landmarks far from the body's plane are off."""
    height, width = motion.size
    pixels = motion.landmarks[frame, :, :2] * [width, height]
    scale = Camera().focal * height / Camera().distance
    return (pixels - pixels[[J.LEFT_HIP, J.RIGHT_HIP]].mean(axis=0)) / scale


def test_joints_are_seen_where_they_were_placed(tmp_path: Path) -> None:
    seen = metres(read(tmp_path, bvh([{}])))
    assert seen[J.LEFT_WRIST] == pytest.approx([0.70, -0.50], abs=0.01)
    assert seen[J.RIGHT_ELBOW] == pytest.approx([-0.45, -0.50], abs=0.01)
    assert seen[J.LEFT_KNEE] == pytest.approx([0.10, 0.415], abs=0.01)
    assert seen[J.LEFT_ANKLE] == pytest.approx([0.10, 0.815], abs=0.01)
    assert seen[J.LEFT_EAR, 0] > 0.05 > -0.05 > seen[J.RIGHT_EAR, 0]
    assert seen[J.NOSE] == pytest.approx([0, -0.725], abs=0.03)


def test_a_turned_elbow_carries_the_hand(tmp_path: Path) -> None:
    seen = metres(read(tmp_path, bvh([{"LeftForeArm": (0, 0, 90)}])))
    assert seen[J.LEFT_ELBOW] == pytest.approx([0.45, -0.50], abs=0.01)
    assert seen[J.LEFT_WRIST] == pytest.approx([0.45, -0.75], abs=0.01)


def test_what_is_ahead_of_the_body_is_nearer(tmp_path: Path) -> None:
    z = read(tmp_path, bvh([{}])).landmarks[0, :, 2]
    assert z[J.NOSE] < z[J.LEFT_EAR] - 0.02
    assert z[J.LEFT_FOOT_INDEX] < z[J.LEFT_ANKLE] < z[J.LEFT_HEEL]


@pytest.mark.parametrize("turn", [90, -140, 180])
def test_who_danced_away_from_the_camera_is_turned_to_it(tmp_path: Path, turn: float) -> None:
    straight, turned = (read(tmp_path, bvh([{"Hips": (angle, 0, 0)}])) for angle in (0, turn))
    np.testing.assert_allclose(turned.landmarks, straight.landmarks, atol=1e-5)


def test_times_are_those_of_the_file(tmp_path: Path) -> None:
    motion = read(tmp_path, bvh([{}, {"Hips": (0, 0, 10)}, {}], step=0.02))
    assert motion.times == pytest.approx([0, 0.02, 0.04])
    assert not np.allclose(motion.landmarks[0], motion.landmarks[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("once upon a time", "is no BVH file"),
        (bvh([{}]).replace("Frames: 1", "Frames: 2"), "is no BVH file"),
        (bvh([{}]).replace("LeftForeArm", "LeftLowerArm"), "has no joint LeftForeArm"),
    ],
    ids=["prose", "short", "names"],
)
def test_what_is_no_rig_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(tmp_path, text)


def test_a_recorded_dance_stands_on_its_feet() -> None:
    motion = read_bvh(footage("pose/jesse_dance.bvh"))
    y = motion.landmarks[..., 1]
    assert (y[:, J.NOSE] < y[:, J.LEFT_SHOULDER]).mean() > 0.95
    assert (y[:, J.LEFT_HIP] < y[:, J.LEFT_ANKLE]).mean() > 0.95
    # Faces look where bodies face: the nose is nearer than the ears while the left shoulder is at the picture's right.
    ahead = motion.landmarks[:, J.NOSE, 2] < motion.landmarks[:, [J.LEFT_EAR, J.RIGHT_EAR], 2].mean(axis=1)
    facing = motion.landmarks[:, J.LEFT_SHOULDER, 0] > motion.landmarks[:, J.RIGHT_SHOULDER, 0]
    assert (ahead == facing).mean() > 0.8
