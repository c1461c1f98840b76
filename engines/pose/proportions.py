"""How large a dancer is and how they are built, measured from landmarks: what retargeting maps a visitor onto.

A *height* here is what a body measures along its bones from ankle to ears when it stands upright; bones are shares of
it. All are measured in the picture plane plus half of the tracker's depth, which keeps a foreshortened bone from
vanishing without believing the tracker's worst axis. The idea of a near and a far floor line with a height at each is
Everybody Dance Now's (Chan et al., 2019, section 4.2); bone shares are what it lacks.
"""

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engines.images import Size
from engines.pose.landmarks import Joint, in_heights, middle
from engines.pose.stance import STANDING

DEPTH = 0.5
PERCENTILE = 90.0  # the 100th is an outlier of the tracker, the 50th a foreshortened bone

_FACE = np.arange(Joint.NOSE, Joint.MOUTH_RIGHT + 1)
_FEET = [Joint.LEFT_HEEL, Joint.RIGHT_HEEL, Joint.LEFT_FOOT_INDEX, Joint.RIGHT_FOOT_INDEX]
_PAIRED = {
    "shoulder": (("LEFT_SHOULDER", "RIGHT_SHOULDER"),),
    "upper_arm": (("LEFT_SHOULDER", "LEFT_ELBOW"), ("RIGHT_SHOULDER", "RIGHT_ELBOW")),
    "forearm": (("LEFT_ELBOW", "LEFT_WRIST"), ("RIGHT_ELBOW", "RIGHT_WRIST")),
    "hand": (("LEFT_WRIST", "LEFT_INDEX"), ("RIGHT_WRIST", "RIGHT_INDEX")),
    "hip": (("LEFT_HIP", "RIGHT_HIP"),),
    "thigh": (("LEFT_HIP", "LEFT_KNEE"), ("RIGHT_HIP", "RIGHT_KNEE")),
    "shin": (("LEFT_KNEE", "LEFT_ANKLE"), ("RIGHT_KNEE", "RIGHT_ANKLE")),
    "foot": (("LEFT_HEEL", "LEFT_FOOT_INDEX"), ("RIGHT_HEEL", "RIGHT_FOOT_INDEX")),
}
BONES = ("torso", "neck", "head", *_PAIRED)
UPRIGHT = [BONES.index(name) for name in ("torso", "neck", "thigh", "shin")]
_SEEN = 0.5
"""Below this visibility a landmark says nothing about a length."""

Heights = Annotated[float, Field(gt=0, le=4)]


class Proportions(BaseModel):
    """A dancer in the square they were learned in; every length and place is in heights of that square.

    `floor_near` and `floor_far` are the y of the floor line where the dancer stood nearest to and farthest from the
    camera, `height_near` and `height_far` how tall they were there (ankle to ears along the bones), `home` the range
    of x of their hips, `bones` the length of each bone as a share of the height (shoulder and hip: the whole width).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor_near: float = Field(ge=-2, le=3)
    floor_far: float = Field(ge=-2, le=3)
    height_near: Heights
    height_far: Heights
    home: tuple[float, float]
    bones: dict[str, Annotated[float, Field(gt=0, le=2)]]

    @property
    def shares(self) -> NDArray[np.float64]:
        """`bones` in the order of `BONES`."""
        return np.array([self.bones[name] for name in BONES])


def proportions_of(landmarks: NDArray[np.float32], size: Size) -> Proportions:
    """Measured over a clip: `landmarks` (T, 33, 4) in the frame (the square) of `size`; frames without a person are
    NaN.

    Raises ValueError if no frame shows a torso and a leg.
    """
    landmarks = np.asarray(landmarks, np.float32)
    points = in_heights(landmarks, size)
    lengths = bone_lengths(points, landmarks[..., 3])
    usable = np.isfinite(lengths[:, UPRIGHT]).all(axis=1)
    if not usable.any():
        raise ValueError(
            f"none of {len(landmarks)} frames shows a whole body to measure; use frames with legs and face"
        )
    lengths, points = lengths[usable], points[usable]
    shares = _shares(lengths)
    heights = np.array([height_of(row, shares) for row in lengths])
    feet = points[:, _FEET, 1].max(axis=1)
    near, far = _ends(heights, feet)
    hips = points[:, [Joint.LEFT_HIP, Joint.RIGHT_HIP], 0].mean(axis=1)
    return Proportions(
        floor_near=near[1],
        floor_far=far[1],
        height_near=near[0],
        height_far=far[0],
        home=(float(np.percentile(hips, 1)), float(np.percentile(hips, 99))),
        bones={name: float(share) for name, share in zip(BONES, shares, strict=True)},
    )


def bone_lengths(
    points: NDArray[np.floating], visibility: NDArray[np.floating], depth: float = DEPTH
) -> NDArray[np.float64]:
    """(..., 33, 3) points in heights to (..., 11) lengths in the order of `BONES`, NaN where a bone is not seen.

    Of a pair the longer one counts: it is the less foreshortened. `depth` is the share of z that is believed.
    """
    flat = np.array(points, np.float64)
    flat[..., 2] *= depth
    flat[~(visibility >= _SEEN)] = np.nan
    shoulders = middle(flat, Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER)
    hips = middle(flat, Joint.LEFT_HIP, Joint.RIGHT_HIP)
    ears = middle(flat, Joint.LEFT_EAR, Joint.RIGHT_EAR)
    face = flat[..., _FACE, :] - ears[..., None, :]
    spans = np.concatenate(
        [
            (shoulders - hips)[..., None, :],
            (ears - shoulders)[..., None, :],
            flat[..., _STARTS, :] - flat[..., _ENDS, :],
        ],
        axis=-2,
    )
    lengths = np.sqrt(np.einsum("...i,...i->...", spans, spans))
    sides = lengths[..., 2:]
    size = np.sqrt(np.einsum("...ij,...ij->...", face, face) / len(_FACE))
    paired = np.fmax(sides[..., _SIDE_A], sides[..., _SIDE_B])
    return np.concatenate([lengths[..., :2], size[..., None], paired], axis=-1)


def height_of(lengths: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    """How tall a body of these shares stands, from the bones of one frame; NaN if no long bone is seen.

    The second longest of torso, thigh, shin and shoulders (each by its share): one bone may be the tracker's mistake,
    and two are rarely all foreshortened.
    """
    guesses = sorted(guess for guess in (lengths / shares)[_TALL].tolist() if math.isfinite(guess))
    return guesses[-2:][0] if guesses else math.nan


_STARTS = np.array([Joint[start] for pairs in _PAIRED.values() for start, _ in pairs])
_ENDS = np.array([Joint[end] for pairs in _PAIRED.values() for _, end in pairs])
_SIDE_A, _SIDE_B = np.array([(0, 0), (1, 2), (3, 4), (5, 6), (7, 7), (8, 9), (10, 11), (12, 13)]).T
_TALL = [BONES.index(name) for name in ("torso", "thigh", "shin", "shoulder")]


def _shares(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bones as shares of the height, which itself needs the shares: a few rounds from an ordinary body settle it."""
    shares = ordinary_shares()
    for _ in range(5):
        heights = np.array([height_of(row, shares) for row in lengths])
        relative = lengths / heights[:, None]
        for bone, seen in enumerate(np.isfinite(relative).T):
            if seen.any():  # else that of an ordinary body stays
                shares[bone] = np.clip(np.percentile(relative[seen, bone], PERCENTILE), 0.005, 2)
        shares /= shares[UPRIGHT].sum()
    return shares


def ordinary_shares() -> NDArray[np.float64]:
    """The shares of `stance.STANDING`."""
    lengths = bone_lengths(STANDING, np.ones(33))
    return lengths / lengths[UPRIGHT].sum()


def _ends(heights: NDArray[np.float64], feet: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    """(height, floor) near and far: the ends of what the dancer did, but for the measure's own outliers."""
    around = [slice(max(0, i - 15), i + 16) for i in range(len(heights))]
    steady = [float(np.median(heights[some])) for some in around]
    floors = [float(np.percentile(feet[some], 90)) for some in around]
    far, near = ((float(np.percentile(steady, share)), float(np.percentile(floors, share))) for share in (5, 95))
    return near, far
