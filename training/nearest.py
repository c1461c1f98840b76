"""Which learned pose is nearest to a pose: the floor that a generator must beat, and how new a held-out pose is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Joint, Landmarks, middle, torso_length

# The body without the face's ten further points, which would count as much as all four limbs together.
JUDGED = (Joint.NOSE, *range(Joint.LEFT_SHOULDER, Joint.RIGHT_FOOT_INDEX + 1))
# A dancer bent towards the camera has no torso in the picture: below this share of the usual length, this is it.
SHORTEST_TORSO = 0.6


@dataclass(frozen=True)
class NearestPose:
    """An index of learned poses, (N, 23, 2) in torso lengths around the hips; `torso` is their usual length."""

    poses: NDArray[np.float32]
    torso: float

    def distances(self, landmarks: Landmarks) -> NDArray[np.float32]:
        """(N,): how far the body's 23 points lie from those of each learned pose on average, in torso lengths.

        `landmarks` (33, 4) in 0..1 of the square. Where the dancer stands and how large does not count.
        """
        pose = body_normalized(landmarks, self.torso)
        return np.linalg.norm(self.poses - pose, axis=-1).mean(axis=-1)

    def nearest(self, landmarks: Landmarks) -> tuple[int, float]:
        """Index of the nearest learned pose, and its distance in torso lengths."""
        distances = self.distances(landmarks)
        index = int(distances.argmin())
        return index, float(distances[index])


def nearest_pose(landmarks: NDArray[np.float32]) -> NearestPose:
    """An index of `landmarks` (N, 33, 4), N > 0, in 0..1 of the square."""
    torso = float(np.median(torso_length(landmarks[..., :2])))
    return NearestPose(body_normalized(landmarks, torso), torso)


def body_normalized(landmarks: NDArray[np.float32], torso: float) -> NDArray[np.float32]:
    """(..., 23, 2): nose, shoulders to feet, from mid-hip, in torso lengths; `torso` is the usual length."""
    points = landmarks[..., :2]
    length = np.maximum(torso_length(points), max(SHORTEST_TORSO * torso, 1e-3))
    centered = points - middle(points, Joint.LEFT_HIP, Joint.RIGHT_HIP)[..., None, :]
    return (centered[..., list(JUDGED), :] / length[..., None, None]).astype(np.float32)
