"""Recorded movement of real people (BVH) as a camera would see it: costumes are tested on it, never trained on it.

Joints are named as most rigs name them (Hips, LeftArm, LeftForeArm, ...), and heads and spines have their first axis
along the bone, the third one forward, as in the rigs of FBX exporters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadInput
from engines.pose.body import FACE, Build, Camera, projected
from engines.pose.landmarks import COUNT, Joint
from engines.pose.motion import Motion

Points = NDArray[np.float64]

_BODY = {
    "SHOULDER": "Arm",
    "ELBOW": "ForeArm",
    "WRIST": "Hand",
    "PINKY": "HandPinky1",
    "INDEX": "HandIndex1",
    "THUMB": "HandThumb1",
    "HIP": "UpLeg",
    "KNEE": "Leg",
    "ANKLE": "Foot",
}
_HEEL = 0.16  # metres from the ball of the foot back to the heel
_TOE = 0.06  # and from there to the tip of the big toe


@dataclass
class _Bone:
    name: str
    parent: int
    offset: Points
    channels: list[str] = field(default_factory=list)


def read_bvh(path: Path) -> Motion:
    """The motion in a BVH file, seen by a level camera that most of it faces. Raises BadInput."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as BVH ({error})") from None
    try:
        bones, times, values = _parsed(text)
    except (ValueError, IndexError, StopIteration):
        raise BadInput(f"{path}: is no BVH file: HIERARCHY, then MOTION with a row of numbers a frame") from None
    places, frames = _placed(bones, values)
    names = {bone.name: i for i, bone in enumerate(bones)}
    wanted = [f"{side}{part}" for side in ("Left", "Right") for part in (*_BODY.values(), "ToeBase")] + ["Head"]
    if missing := [name for name in wanted if name not in names]:
        raise BadInput(f"{path}: has no joint {missing[0]}; rename its joints to {', '.join(wanted[:10])}, ...")
    points = _on_stage(_as_landmarks(names, places, frames))
    camera = Camera()
    return Motion(projected(points, camera), times, camera.size, path.name)


def _parsed(text: str) -> tuple[list[_Bone], NDArray[np.float64], Points]:
    head, _, tail = text.partition("MOTION")
    bones: list[_Bone] = []
    words = iter(head.split())
    _skip_to(words, "ROOT")
    _read_bone(words, -1, bones)
    lines = tail.split("\n")
    count, step = (int(lines[1].split(":")[1]), float(lines[2].split(":")[1]))
    values = np.array([[float(word) for word in line.split()] for line in lines[3 : 3 + count]])
    if values.shape != (count, sum(len(bone.channels) for bone in bones)) or count < 1 or step <= 0:
        raise ValueError
    return bones, np.arange(count, dtype=np.float64) * step, values.astype(np.float64)


def _skip_to(words: Iterator[str], wanted: str) -> None:
    while next(words) != wanted:
        pass


def _read_bone(words: Iterator[str], parent: int, bones: list[_Bone]) -> None:
    bone, here = _Bone(next(words), parent, np.zeros(3)), len(bones)
    bones.append(bone)
    while (word := next(words)) != "}":
        match word:
            case "OFFSET":
                bone.offset = np.array([float(next(words)) for _ in range(3)])
            case "CHANNELS":
                bone.channels = [next(words) for _ in range(int(next(words)))]
            case "JOINT":
                _read_bone(words, here, bones)
            case "End":
                _skip_to(words, "}")


def _placed(bones: list[_Bone], values: Points) -> tuple[Points, Points]:
    """(T, bones, 3) places and (T, bones, 3, 3) frames, whose columns are a bone's axes."""
    places, frames = np.zeros((len(values), len(bones), 3)), np.zeros((len(values), len(bones), 3, 3))
    at = 0
    for i, bone in enumerate(bones):
        turn, moved = np.broadcast_to(np.eye(3), (len(values), 3, 3)), None
        for channel in bone.channels:
            column = values[:, at]
            at += 1
            axis = "XYZ".index(channel[0])
            if channel.endswith("rotation"):
                turn = turn @ _about(axis, column)
            else:
                moved = np.zeros((len(values), 3)) if moved is None else moved
                moved[:, axis] = column
        if bone.parent < 0:
            places[:, i], frames[:, i] = bone.offset if moved is None else moved, turn
        else:
            places[:, i] = places[:, bone.parent] + frames[:, bone.parent] @ bone.offset
            frames[:, i] = frames[:, bone.parent] @ turn
    return places, frames


def _about(axis: int, degrees: NDArray[np.float64]) -> Points:
    """(T, 3, 3)."""
    one, other = (axis + 1) % 3, (axis + 2) % 3
    made = np.zeros((len(degrees), 3, 3))
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    made[:, axis, axis] = 1
    made[:, one, one], made[:, other, other], made[:, one, other], made[:, other, one] = cos, cos, -sin, sin
    return made


def _as_landmarks(names: dict[str, int], places: Points, frames: Points) -> Points:
    """(T, 33, 3) in metres, in the file's own axes."""
    thigh = places[:, names["LeftLeg"]] - places[:, names["LeftUpLeg"]]
    metre = float(np.median(np.linalg.norm(thigh, axis=-1))) / Build().thigh
    points = np.zeros((len(places), COUNT, 3))
    for side in ("Left", "Right"):
        for landmark, part in _BODY.items():
            points[:, Joint[f"{side.upper()}_{landmark}"]] = places[:, names[f"{side}{part}"]] / metre
        ball = places[:, names[f"{side}ToeBase"]] / metre
        toes = frames[:, names[f"{side}ToeBase"], :, 0]
        points[:, Joint[f"{side.upper()}_HEEL"]] = ball - toes * _HEEL
        points[:, Joint[f"{side.upper()}_FOOT_INDEX"]] = ball + toes * _TOE
    up, right, forward = (frames[:, names["Head"], :, axis] for axis in range(3))
    for joint, (x, y, z) in FACE.items():
        points[:, joint] = places[:, names["Head"]] / metre - x * right + y * up + z * forward
    return points


def _on_stage(points: Points) -> Points:
    """Turned so that the dancer mostly faces the camera, in the middle of the stage, the lowest foot on the floor."""
    left = points[:, Joint.LEFT_HIP] - points[:, Joint.RIGHT_HIP]
    heading = np.cross(left, [0, 1, 0]).sum(axis=0)
    turn = -np.degrees(np.arctan2(heading[0], heading[2]))
    turned = points @ _about(1, np.array([turn]))[0].T
    hips = (turned[:, Joint.LEFT_HIP] + turned[:, Joint.RIGHT_HIP]) / 2
    middle = np.array([np.median(hips[:, 0]), turned[..., 1].min(), np.median(hips[:, 2])])
    return np.asarray(turned - middle)
