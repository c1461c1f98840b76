"""A recorded motion drawn as the built-in dancer, so that the tracker has somebody to find."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engines.images import Frame, Size
from engines.pose.body import Camera, Points
from engines.pose.clothed import WARDROBES, draw_dancer
from engines.pose.landmarks import Landmarks, in_heights, torso_length
from engines.pose.puppet import studio


class Puppet:
    """Draws landmarks of one person at `size`; `motion` (T, 33, 4) says how large that person is in the frame."""

    def __init__(self, motion: NDArray[np.float32], size: Size) -> None:
        camera = Camera(size=size)
        torso_px = float(np.median(torso_length(in_heights(motion, size)))) * size[0]
        pixels_per_metre = max(torso_px, 1.0) / torso_metres()
        # So far away that a person of ordinary build comes out as large as the one who was recorded.
        self._camera = replace(camera, distance=camera.focal * size[0] / pixels_per_metre)
        self._room = studio(camera)

    def drawn(self, landmarks: Landmarks) -> Frame:
        """The dancer in the pose of `landmarks`, before the studio wall; a new array."""
        frame = self._room.copy()
        draw_dancer(frame, on_stage(landmarks, self._camera), self._camera, WARDROBES[0])
        return frame


def on_stage(landmarks: Landmarks, camera: Camera) -> Points:
    """(33, 3) metres that `camera` sees at these landmarks; the hips are in the plane of the stage's middle."""
    height, width = camera.size
    focal_px = camera.focal * height
    toward = -landmarks[:, 2] * width * camera.distance / focal_px
    per_pixel = np.maximum(camera.distance - toward, 0.2) / focal_px
    across = (landmarks[:, 0] - camera.center) * width * per_pixel
    above = camera.height - (landmarks[:, 1] - camera.horizon) * height * per_pixel
    return np.stack([across, above, toward], axis=1)


def torso_metres() -> float:
    """Mid-shoulder to mid-hip of the built-in dancer, standing."""
    from engines.pose.puppet import BuiltInDancer

    points = BuiltInDancer().points_at(0.0)[None].astype(np.float32)
    return float(torso_length(points)[0])
