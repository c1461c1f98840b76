"""The dance of the built-in dancer: 96 beats, one minute, from an entrance to a bow.

What a performer can do is to be seen in it: arms low, wide, high and crossed, bends to all sides, lunges, a jump,
kicks, quarter turns and a whole one, slow and fast.
"""

from dataclasses import replace

from engines.pose.body import Pose
from engines.pose.choreography import Dance, Key, standing, walking

BEATS = 96
Arm = tuple[float, float, float, float, float]

# Arms as (raise, swing, roll, elbow, wrist).
HANGING: Arm = (9, 12, 0, 14, 6)
LOW: Arm = (36, 18, 10, 16, 4)
WIDE: Arm = (88, 4, 10, 10, -6)
SOFT: Arm = (78, 22, 20, 34, 12)
HIGH: Arm = (160, 14, 10, 14, 0)
DIAGONAL: Arm = (134, 6, 0, 6, -4)
BACK: Arm = (34, -55, 0, 12, 8)
FORWARD: Arm = (84, 82, 0, 14, 0)
ROUND: Arm = (48, 68, 10, 46, 18)
CROWN: Arm = (148, 34, 40, 52, 14)
CROSSED: Arm = (52, 82, 12, 98, 10)
HEART: Arm = (34, 62, 14, 128, 8)
ON_HIP: Arm = (40, -18, -58, 98, 0)
CACTUS: Arm = (88, 10, 88, 88, 0)
OVERHEAD: Arm = (168, 60, 20, 40, 8)


def _with(pose: Pose, left: Arm, right: Arm, **changes: float) -> Pose:
    parts = ("raise", "swing", "roll", "elbow", "wrist")
    arms = {f"left_{part}": value for part, value in zip(parts, left, strict=True)}
    arms |= {f"right_{part}": value for part, value in zip(parts, right, strict=True)}
    return replace(pose, **arms, **changes)


def dance_minute() -> Dance:
    """The choreography; every call gives the same."""
    return Dance([*_entrance(), *_opening(), *_reaching(), *_fast(), *_turning(), *_farewell()], BEATS)


def _entrance() -> list[Key]:
    return walking(0, (-0.68, -0.34), 62, steps=5, pace=0.20)


def _opening() -> list[Key]:
    here = standing(0.02, 0.05)
    bent = _with(standing(0.02, 0.05, width=0.26), LOW, HIGH, side=20, sway=-4, cock=10, twist=-6, height=0.965)
    return [
        Key(6.4, _with(here, HANGING, HANGING, nod=4)),
        Key(8, _with(here, (14, 40, 0, 20, 10), (14, 40, 0, 20, 10), bend=9, nod=20, height=0.955)),
        Key(11, _with(here, (40, 30, 10, 22, 10), (40, 30, 10, 22, 10), bend=2, nod=6)),
        Key(14, _with(here, WIDE, WIDE, bend=-5, nod=-6)),
        Key(17, _with(here, HIGH, HIGH, bend=-6, nod=-12, left_tip=24, right_tip=24, height=0.99)),
        Key(18.2, _with(here, HIGH, HIGH, bend=-6, nod=-10, left_tip=24, right_tip=24, height=0.99)),
        Key(20, _with(here, WIDE, WIDE)),
        Key(22, bent),
        Key(23, bent),
        Key(25, bent.mirrored()),
        Key(26, bent.mirrored()),
    ]


def _reaching() -> list[Key]:
    middle = standing(0.0, 0.05, width=0.26)
    lunge = _with(
        standing(0.0, 0.05, width=0.74, weight=0.42), DIAGONAL, LOW, height=0.93, look=26, cock=4, side=-6, left_tip=0
    )
    lunge = replace(lunge, right_tip=18.0, heading=10.0)
    plie = _with(standing(0.0, 0.05, width=0.62), FORWARD, FORWARD, height=0.80, bend=8, nod=4)
    return [
        Key(28, _with(middle, CROSSED, CROSSED, bend=26, nod=18, height=0.925)),
        Key(29, _with(middle, CROSSED, CROSSED, bend=26, nod=18, height=0.925)),
        Key(31, lunge),
        Key(32, lunge),
        Key(33.5, _with(standing(0.0, 0.05, width=0.5), ROUND, ROUND, height=0.95, bend=4)),
        Key(35, lunge.mirrored()),
        Key(36, lunge.mirrored()),
        Key(38, plie),
        Key(40, _with(standing(0.0, 0.05, width=0.5), CROWN, CROWN, bend=-4, nod=-6)),
        Key(41, _with(standing(0.0, 0.05, width=0.34), CACTUS, CACTUS)),
    ]


def _fast() -> list[Key]:
    base = standing(0.0, 0.05, width=0.34)
    point = _with(replace(base, x=0.05), DIAGONAL, ON_HIP, sway=6, side=-10, twist=-8, look=20, height=0.955)
    point = replace(point, right_tip=20.0)
    dip = _with(base, BACK, BACK, height=0.84, bend=16, nod=-4)
    star = _with(standing(0.0, 0.05, width=0.66), DIAGONAL, DIAGONAL, height=1.0, nod=-6)
    star = replace(star, left_lift=0.17, right_lift=0.17, left_tip=30.0, right_tip=30.0)
    knee = _with(standing(-0.06, 0.05, width=0.2), CACTUS, WIDE, bend=6)
    knee = replace(knee, x=-0.10, left_x=0.04, left_z=0.22, left_lift=0.42)
    kick = _with(standing(-0.06, 0.05, width=0.2), LOW, DIAGONAL, side=-12, cock=-4)
    kick = replace(kick, x=-0.13, left_x=0.52, left_z=0.16, left_lift=0.40, left_turn=40.0)
    wind = _with(base, HIGH, BACK, twist=-20, look=10, height=0.95)
    feet = _with(base, SOFT, SOFT, height=0.955)
    return [
        *(Key(42 + i, point if i % 2 == 0 else point.mirrored()) for i in range(4)),
        Key(46.2, dip),
        Key(47, star),
        Key(47.8, dip),
        Key(49, knee),
        Key(50, feet),
        Key(51, knee.mirrored()),
        Key(52, feet),
        Key(53, kick),
        Key(54, feet),
        Key(55, kick.mirrored()),
        Key(56, feet),
        *(Key(57 + i, wind if i % 2 == 0 else wind.mirrored()) for i in range(4)),
        Key(61, _with(base, CROSSED, CROSSED, bend=16, height=0.93)),
        Key(62, _with(base, HIGH, HIGH, nod=-8)),
    ]


def _turning() -> list[Key]:
    quarter = _with(standing(0.0, 0.05, 52, 0.26), FORWARD, SOFT, twist=8, look=-10)
    return [
        Key(63.5, _with(standing(0.0, 0.05), ROUND, ROUND, height=0.95)),
        Key(65.5, quarter),
        Key(66.5, quarter),
        Key(68, _with(standing(0.0, 0.05), CROWN, CROWN, height=0.97)),
        Key(70, quarter.mirrored()),
        Key(71, quarter.mirrored()),
        Key(72.5, _with(standing(0.0, 0.05, -24, 0.30), ROUND, WIDE, height=0.90, twist=-16)),
        Key(73.4, _with(standing(0.0, 0.05, 70, 0.2), ROUND, ROUND)),
        Key(74.3, _with(standing(0.0, 0.05, 180, 0.2), ROUND, ROUND)),
        Key(75.2, _with(standing(0.0, 0.05, 290, 0.2), ROUND, ROUND)),
        Key(76.2, _with(standing(0.0, 0.05, 360, 0.34), WIDE, WIDE, height=0.95)),
        Key(77.2, _with(standing(0.0, 0.05, 360, 0.34), DIAGONAL, DIAGONAL, bend=-5, nod=-8)),
        Key(78.2, _with(standing(0.0, 0.05, 360, 0.34), DIAGONAL, DIAGONAL, bend=-5, nod=-8)),
    ]


def _farewell() -> list[Key]:
    front = standing(0.0, 0.05, 360, 0.26)
    bow = _with(front, BACK, (42, 74, 10, 92, 4), lean=22, bend=40, nod=12, height=0.945)
    wave = _with(standing(-0.18, -0.02, 360, 0.36), HANGING, (104, 14, 84, 58, -12), cock=-8, side=-3)
    waved = _with(standing(-0.36, -0.10, 360, 0.17), HANGING, (112, 14, 88, 22, 14), cock=-4)
    away = standing(-0.53, -0.20, 372, 0.36)
    return [
        Key(80, _with(standing(0.0, 0.05, 360, 0.5, 0.35), (110, 30, 10, 20, 20), LOW, side=-10, look=22, height=0.95)),
        Key(
            82, _with(standing(0.0, 0.05, 360, 0.5, -0.35), LOW, (110, 30, 10, 20, 20), side=10, look=-22, height=0.95)
        ),
        Key(84, _with(front, WIDE, WIDE, bend=-3)),
        Key(86, bow),
        Key(87.2, bow),
        Key(89, _with(front, LOW, HEART, nod=4)),
        Key(90, _with(front, LOW, HEART, nod=8)),
        Key(91.2, wave),
        Key(92.2, waved),
        Key(93.2, _with(away, HANGING, (104, 14, 84, 58, -12), cock=-6)),
        Key(94.4, replace(standing(-0.68, -0.34, 390, 0.17), height=0.975)),
    ]
