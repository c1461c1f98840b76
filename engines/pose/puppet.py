"""The built-in dancer: a drawn person who dances for a minute, again and again, in front of a drawn studio wall.

It stands in for a camera. What it shows goes through the real tracker like any picture; where its landmarks truly are
is known as well, which makes it the ruler for everything that follows a body.
"""

import math
from dataclasses import replace

import cv2
import numpy as np

from engines.images import Frame, Size
from engines.pose.body import Build, Camera, Points, posed, projected
from engines.pose.choreography import Dance
from engines.pose.clothed import WARDROBES, draw_dancer, draw_shadow
from engines.pose.dance_minute import dance_minute
from engines.pose.landmarks import Landmarks

# The dance needs this many frame heights of width; narrower frames are seen from farther away.
NEEDED_WIDTH = 1.28


class BuiltInDancer:
    """One dancer at one size of picture; `seed` chooses clothes and build, `dance` what is danced.

    Everything is a pure function of time, so it may be asked in any order and from any thread.
    """

    def __init__(self, size: Size = (720, 1280), seed: int = 0, dance: Dance | None = None) -> None:
        height, width = size
        near = min(1.0, width / height / NEEDED_WIDTH)
        self.size = size
        # Everything stands on the same floor line, however far away the camera is.
        self.camera = Camera(size=size, focal=2.15 * near, horizon=0.93 - 0.43 * near)
        self.dance = dance or dance_minute()
        # A slightly large head is a drawn figure's charm, and its face is seen from the back row.
        self.build = replace(Build().scaled(1.0 + 0.03 * math.sin(2.4 * seed)), head=1.08)
        self._wardrobe = WARDROBES[seed % len(WARDROBES)]
        self._studio = studio(self.camera)

    @property
    def duration_s(self) -> float:
        """After this time the dance begins again, without a seam."""
        return self.dance.duration_s

    def points_at(self, time_s: float) -> Points:
        """(33, 3) metres on the stage."""
        return posed(self.dance.at(time_s), self.build)

    def landmarks_at(self, time_s: float) -> Landmarks:
        """Where the 33 landmarks truly are in the frame of that time."""
        return projected(self.points_at(time_s), self.camera)

    def frame_at(self, time_s: float) -> Frame:
        """The drawn picture, (H, W, 3) uint8 RGB; a new array."""
        points = self.points_at(time_s)
        frame = self._studio.copy()
        draw_shadow(frame, points, self.camera)
        draw_dancer(frame, points, self.camera, self._wardrobe)
        return frame


def studio(camera: Camera) -> Frame:
    """A warm wall with a pool of light, and a wooden floor that the light falls on."""
    height, width = camera.size
    down, across = np.meshgrid(np.arange(height) / height, np.arange(width) / height, indexing="ij")
    across -= camera.center * width / height
    back = camera.pixels(np.array([0.0, 0.0, -1.6]))[1] / height  # where the floor meets the wall
    glow = np.exp(-(((across / 0.75) ** 2) + ((down - 0.42) / 0.55) ** 2))[..., None]
    wall = np.array([176, 172, 168]) + glow * np.array([52, 46, 36])
    depth = np.clip((down - back) / max(1 - back, 1e-3), 0, 1)[..., None]
    pool = np.exp(-(((across / 0.9) ** 2) + ((down - back - 0.1) / 0.22) ** 2))[..., None]
    floor = np.array([150, 122, 96]) + depth * np.array([10, 6, 0]) + pool * np.array([44, 40, 32])
    floor_part = np.clip((down - back) * height, 0, 1)[..., None]
    picture = wall * (1 - floor_part) + floor * floor_part
    # The skirting board, and beams of the floor towards the vanishing point.
    picture -= 22.0 * np.exp(-(((down - back) * 110) ** 2))[..., None]
    # Noise of half a level, or the gradients show as bands.
    picture += np.random.default_rng(0).uniform(-0.5, 0.5, (height, width, 1))
    frame = np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)
    _draw_boards(frame, camera)
    return frame


def _draw_boards(frame: Frame, camera: Camera) -> None:
    lines = frame.copy()
    for x in np.arange(-4.2, 4.3, 0.42):
        ends = camera.pixels(np.array([[x, 0, -1.6], [x, 0, 3.0]]))[:, :2]
        start, end = (tuple(int(v) for v in np.rint(point * 16)) for point in ends)
        cv2.line(lines, start, end, (112, 88, 68), 1, cv2.LINE_AA, 4)
    cv2.addWeighted(lines, 0.35, frame, 0.65, 0, dst=frame)
