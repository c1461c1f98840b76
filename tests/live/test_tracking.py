"""The tracker's part of the show: what is found in a camera's picture is held to how that picture moves."""

import time

import cv2
import numpy as np
import pytest

from engines.images import Frame
from engines.pose.tracker import Tracked
from live.control.parameters import Controls
from live.gauges import Gauges
from live.mailbox import Latest
from live.passing import Seen
from live.sources import Captured
from live.tracking import Tracking
from tests.fakes import FakeTracker, standing


class Trembling(FakeTracker):
    """Finds somebody who stands still a pixel or two beside where they are."""

    def __init__(self) -> None:
        self.noise = np.random.default_rng(3)

    def track(self, _frame: Frame, time_s: float) -> Tracked:
        landmarks = standing()
        landmarks[:, :2] += self.noise.normal(0, 0.004, (33, 2))
        return Tracked(landmarks, None, time_s)


def trembled(hold: float, known: bool = False) -> float:
    """How far landmarks move from frame to frame of a picture that stands still."""
    rough = np.random.default_rng(4).integers(0, 256, (24, 32, 3), np.uint8)
    still = np.asarray(cv2.resize(rough, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    frames: Latest[Captured] = Latest()
    out: Latest[Seen] = Latest()
    tracker = Trembling()
    tracking = Tracking(lambda: tracker, frames, out, Gauges(), lambda: Controls(hold=hold))
    began_s, seen = time.perf_counter(), []
    for n in range(24):
        time_s = began_s + n / 30
        landmarks = tracker.track(still, time_s).landmarks if known else None
        frames.put(Captured(still, time_s, landmarks))
        assert tracking.step()
        assert out.newest is not None
        seen.append(np.asarray(out.newest.value.tracked.landmarks))
    return float(np.abs(np.diff(np.stack(seen)[4:, 11:, :2], axis=0)).mean())


def test_who_stands_still_before_a_camera_is_still() -> None:
    assert trembled(1.0) < 0.45 * trembled(0.0)


@pytest.mark.parametrize("hold", [0.0, 1.0])
def test_a_pose_that_came_with_its_picture_is_left_alone(hold: float) -> None:
    assert trembled(hold, known=True) == pytest.approx(trembled(0.0), rel=0.25)
