"""Poses that nobody filmed, from the limbs of poses that somebody did: data for what a short clip does not show.

Ten seconds of dance hold few combinations of arms and legs, and a generator trained on them alone guesses at the
others. Here the arms of one frame and the legs of another are put on the body of a third that is turned alike, and
the clip's own key figures are posed so (`engines.atlas`): a picture of the dancer in a pose of her own limbs. It is
torn in places, so it teaches where things are and never what is sharp: no discriminator takes it for real.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.atlas.cutting import cut_atlas
from engines.atlas.keys import spread
from engines.atlas.posing import Poser
from engines.images import Frame
from engines.pose.landmarks import Joint, Landmarks, torso_length
from training.pairs.header import Shot
from training.pairs.store import PairSet

KEYS = 48
SWING = 0.3  # radians, sigma: how far an arm and its forearm are turned beyond what was filmed
ALIKE = 0.25  # share of the frames, those turned most alike, that may lend a limb

_ARMS = tuple(
    tuple(int(Joint[f"{side}_{name}"]) for name in ("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB"))
    for side in ("LEFT", "RIGHT")
)
_LEGS = tuple(
    tuple(int(Joint[f"{side}_{name}"]) for name in ("HIP", "KNEE", "ANKLE", "HEEL", "FOOT_INDEX"))
    for side in ("LEFT", "RIGHT")
)


@dataclass(frozen=True)
class Recombined:
    """A pose of lent limbs and the dancer in it, (S, S, 4) straight RGBA."""

    landmarks: Landmarks
    figure: Frame


def recombined_figures(
    pairs: PairSet, shot: Shot, indices: Sequence[int], count: int, rng: np.random.Generator
) -> Iterator[Recombined]:
    """`count` figures of one shot in poses recombined from its pairs `indices`, at the pairs' size."""
    landmarks = np.stack([pairs.landmarks[i] for i in indices])
    plate = pairs.plate_square(shot)

    def source(k: int) -> tuple[Frame, NDArray[np.uint8], Frame | None]:
        return pairs.frame(indices[k]), pairs.mask(indices[k]), plate

    chosen = spread(landmarks, np.ones(len(indices), np.float32), KEYS)
    poser = Poser(cut_atlas(source, landmarks, chosen, pairs.header.size[0]))
    for pose in recombined_poses(landmarks, count, rng):
        poser.reset()  # each pose stands alone: nothing is kept from the one before
        yield Recombined(pose, poser.posed(pose))


def recombined_poses(landmarks: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(count, 33, 4): bodies of `landmarks` (N, 33, 4), each arm of another frame, sometimes the legs of a third."""
    turned = _turn(landmarks)
    lenders = max(2, round(ALIKE * len(landmarks)))
    poses = []
    for body in rng.integers(0, len(landmarks), count):
        alike = np.argsort(np.linalg.norm(turned - turned[body], axis=1))[:lenders]
        pose = landmarks[body].copy()
        for arm in _ARMS:
            _lend(pose, landmarks[rng.choice(alike)], arm)
            _swing(pose, arm, rng.normal(0, SWING))
            _swing(pose, arm[1:], rng.normal(0, SWING))
        if rng.random() < 0.4:
            lender = landmarks[rng.choice(alike)]  # of both legs, or nobody would stand
            for leg in _LEGS:
                _lend(pose, lender, leg)
        poses.append(pose)
    return np.stack(poses)


def _lend(pose: Landmarks, lender: Landmarks, limb: tuple[int, ...]) -> None:
    """Hang the limb of `lender` on the first joint of it in `pose`, in the size of `pose`, in place."""
    scale = float(torso_length(pose) / max(float(torso_length(lender)), 1e-3))
    root, rest = limb[0], list(limb[1:])
    pose[rest, :3] = pose[root, :3] + (lender[rest, :3] - lender[root, :3]) * np.clip(scale, 0.7, 1.4)
    pose[rest, 3] = lender[rest, 3]


def _swing(pose: Landmarks, limb: tuple[int, ...], angle: float) -> None:
    """Turn the limb about its first joint in the picture plane, in place; the square has one unit for both axes."""
    root, rest = limb[0], list(limb[1:])
    cosine, sine = np.cos(angle), np.sin(angle)
    pose[rest, :2] = pose[root, :2] + (pose[rest, :2] - pose[root, :2]) @ np.array([[cosine, sine], [-sine, cosine]])


def _turn(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4): how the trunk is turned and leans: shoulders and hips across, in torso lengths."""
    across = (
        landmarks[:, [Joint.LEFT_SHOULDER, Joint.LEFT_HIP], :2]
        - landmarks[:, [Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP], :2]
    )
    return np.asarray(across.reshape(len(landmarks), 4) / torso_length(landmarks)[:, None], np.float32)
