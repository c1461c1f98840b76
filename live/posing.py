"""What can be done with a pose on its way to the generator: later, sooner, farther, larger, elsewhere, turned."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from engines.pose.landmarks import Joint, Landmarks
from live.control.parameters import Controls

LONGEST_DELAY_S = 5.0
SPEED_OVER_S = 0.1
"""A speed is measured over this long: shorter is noise, longer comes too late for a turn."""
LONGEST_AHEAD_S = 0.25
FARTHEST_AHEAD = 0.12
"""In squares: a guess is never farther away than that, whatever a landmark that jumped says about its speed."""
REST_S = 2.0
"""Exaggeration is measured from where a limb was on average for about this long."""

# Joints from the trunk outward: (the joint they hang on, the joints that go with it).
_CHAINS: tuple[tuple[Joint, Joint, tuple[Joint, ...]], ...] = tuple(
    (Joint[f"{side}_{root}"], Joint[f"{side}_{end}"], tuple(Joint[f"{side}_{each}"] for each in others))
    for side in ("LEFT", "RIGHT")
    for root, end, others in (
        ("SHOULDER", "ELBOW", ()),
        ("ELBOW", "WRIST", ("PINKY", "INDEX", "THUMB")),
        ("HIP", "KNEE", ()),
        ("KNEE", "ANKLE", ("HEEL", "FOOT_INDEX")),
    )
)
_HIPS = [Joint.LEFT_HIP, Joint.RIGHT_HIP]

Pose = tuple[Landmarks | None, float]
"""Landmarks in the square and presence."""


class Posing:
    """One performer's: remembers the last poses. `time_s` is that of the frame; everything is in the square."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, Landmarks | None, float]] = deque()
        self._rest: NDArray[np.float32] | None = None
        self._rest_s = 0.0

    def __call__(
        self, landmarks: Landmarks | None, presence: float, time_s: float, controls: Controls, latency_s: float
    ) -> Pose:
        """The pose as the controls want it; the very same when they want nothing."""
        self._remember(landmarks, presence, time_s)
        if controls.delay > 0:
            landmarks, presence = self._at(time_s - controls.delay)
        elif (ahead_s := controls.ahead * latency_s + controls.predict / 1000) > 0 and landmarks is not None:
            landmarks = self._guessed(landmarks, time_s, ahead_s)
        if landmarks is None:
            self._rest = None
            return None, presence
        if controls.exaggeration != 1:
            landmarks = self._exaggerated(landmarks, time_s, controls.exaggeration)
        return placed(landmarks, controls), presence

    def _remember(self, landmarks: Landmarks | None, presence: float, time_s: float) -> None:
        if self._past and time_s < self._past[-1][0]:  # a clip that begins again
            self._past.clear()
        self._past.append((time_s, landmarks, presence))
        while len(self._past) > 2 and self._past[1][0] < time_s - LONGEST_DELAY_S:
            self._past.popleft()

    def _at(self, time_s: float) -> Pose:
        """The newest pose that is not newer than `time_s`; nobody before the first."""
        for then_s, landmarks, presence in reversed(self._past):
            if then_s <= time_s:
                return landmarks, presence
        return None, 0.0

    def _guessed(self, landmarks: Landmarks, time_s: float, ahead_s: float) -> Landmarks:
        before = next((each for each in reversed(self._past) if each[0] <= time_s - SPEED_OVER_S), self._past[0])
        elapsed_s = time_s - before[0]
        if before[1] is None or not 0 < elapsed_s <= 3 * SPEED_OVER_S:
            return landmarks
        share = min(max(ahead_s, 0.0), LONGEST_AHEAD_S) / elapsed_s
        guessed = landmarks.copy()
        guessed[:, :3] += np.clip(share * (landmarks - before[1])[:, :3], -FARTHEST_AHEAD, FARTHEST_AHEAD)
        return guessed

    def _exaggerated(self, landmarks: Landmarks, time_s: float, times: float) -> Landmarks:
        """Every limb as long as it is, its direction farther from where it usually points."""
        bones = np.stack([landmarks[end, :3] - landmarks[root, :3] for root, end, _ in _CHAINS])
        elapsed_s, self._rest_s = max(0.0, time_s - self._rest_s), time_s
        if self._rest is None:
            self._rest = bones.copy()
        self._rest += (bones - self._rest) * min(1.0, elapsed_s / REST_S)
        farther = self._rest + times * (bones - self._rest)
        lengths = np.linalg.norm(bones, axis=1, keepdims=True)
        farther *= lengths / np.maximum(np.linalg.norm(farther, axis=1, keepdims=True), 1e-6)
        made = landmarks.copy()
        for (root, end, others), bone in zip(_CHAINS, farther, strict=True):
            shift = made[root, :3] + bone - landmarks[end, :3]
            made[[end, *others], :3] = landmarks[[end, *others], :3] + shift
        return made


def placed(landmarks: Landmarks, controls: Controls) -> Landmarks:
    """Scaled and turned about the hips, then moved; in the square, where both axes have one unit."""
    if (controls.pose_scale, controls.pose_turn, controls.pose_x, controls.pose_y) == (1, 0, 0, 0):
        return landmarks
    angle = np.radians(controls.pose_turn)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    hips = landmarks[_HIPS, :2].mean(axis=0)
    made = landmarks.copy()
    made[:, :2] = (landmarks[:, :2] - hips) @ (controls.pose_scale * turn).T + hips
    made[:, :2] += (controls.pose_x, controls.pose_y)
    made[:, 2] *= controls.pose_scale
    return made
