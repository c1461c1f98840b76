"""A short set of moves that shows what a body can do. The built-in dancer leads, a visitor follows."""

from dataclasses import replace

from engines.pose.body import Pose
from engines.pose.choreography import Dance, Key, standing
from engines.pose.dance_minute import CROSSED, DIAGONAL, HANGING, HIGH, LOW, WIDE, Arm

PARTS = ("raise", "swing", "roll", "elbow", "wrist")
HELD = 0.35  # of each move's time it is held still, so that sharp key figures are seen


def lesson(seconds: float) -> Dance:
    """The moves spread over `seconds`, from standing to standing."""
    here, wide = standing(0.0, 0.05), standing(0.0, 0.05, width=0.5)
    knee = replace(_armed(standing(-0.06, 0.05, width=0.2), WIDE, WIDE), x=-0.10, left_x=0.04, left_z=0.22)
    knee = replace(knee, left_lift=0.42)
    poses = [
        _armed(here, HANGING, HANGING),
        _armed(here, WIDE, WIDE),
        _armed(here, HIGH, HIGH),
        _armed(wide, DIAGONAL, LOW),
        _armed(wide, LOW, DIAGONAL),
        knee,
        knee.mirrored(),
        replace(_armed(standing(0.0, 0.05, heading=75.0), LOW, LOW), heading=75.0),
        replace(_armed(standing(0.0, 0.05, heading=-75.0), LOW, LOW), heading=-75.0),
        replace(_armed(wide, HANGING, HANGING), bend=50.0, nod=20.0, height=0.93),
        replace(_armed(wide, WIDE, HIGH), side=20.0, height=0.96),
        _armed(here, CROSSED, CROSSED),
    ]
    keys = []
    for number, pose in enumerate(poses):
        keys += [Key(number + 0.5 - HELD / 2, pose), Key(number + 0.5 + HELD / 2, pose)]
    return Dance(keys, len(poses), beat_s=seconds / len(poses))


def _armed(pose: Pose, left: Arm, right: Arm) -> Pose:
    arms = {f"left_{part}": value for part, value in zip(PARTS, left, strict=True)}
    return replace(pose, **arms | {f"right_{part}": value for part, value in zip(PARTS, right, strict=True)})
