"""What a performer can play: the pose on its way, the figure on its ground, looks, and the guard over all of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.images import Frame
from engines.pose.landmarks import Joint
from engines.scene import Drawn, Scene
from live.cards import test_card as card
from live.composing import Composer
from live.control.parameters import TABLE, Controls
from live.effects import GRAIN_HZ, grained, silk_turned
from live.gauges import Spent
from live.guard import FlashGuard
from live.looks import LOOKS, LooksInTurn
from live.mailbox import Post
from live.passing import Performed
from live.posing import Posing
from live.sources import Captured
from live.voices import Voice
from tests.fakes import standing
from tests.fakes_engines import manifest

SIZE = 64
RED = (220, 30, 20)
ROOM = np.full((80, 96, 3), (30, 60, 90), np.uint8)
CAMERA = np.full((60, 80, 3), (10, 200, 10), np.uint8)
KIND = manifest(SIZE, plate_at=(8, 16))


def performed(
    time_s: float = 0.0, left: int = 24, color: tuple[int, int, int] = RED, **more: object
) -> Post[Performed]:
    """A red upright bar as the figure, 16 wide, over its room."""
    figure = np.zeros((SIZE, SIZE, 4), np.uint8)
    figure[10:60, left : left + 16] = (*color, 255)
    image = ROOM.copy()
    image[18:68, 16 + left : 32 + left] = color
    scene = Scene(standing(), 1.0, CAMERA, time_s)
    drawn = Drawn(image, figure, np.full((SIZE, SIZE, 3), 77, np.uint8), time_s)
    made = Performed(drawn, scene, KIND, Spent(), standing(), **more)  # type: ignore[arg-type]
    return Post(made, round(time_s * 1000) + 1)


def shown(*posts: Post[Performed], **controls: object) -> Frame:
    """The last picture of a show in which these came one after the other."""
    composer, picture = Composer(), ROOM
    for post in posts:
        captured = Post(Captured(CAMERA, 0.0), 1)
        picture = composer.picture(ROOM, post, captured, Controls(guard=False, **controls), 1 / 30)  # type: ignore[arg-type]
    return picture


def _reds(picture: Frame) -> int:
    """Columns in which something reddish stands."""
    return int((picture[40, :, 0] > 120).sum())


# What each control of the picture does to a figure that moves, so that nothing in the table does nothing.
TURNED: dict[str, dict[str, object]] = {
    "place": {"place": 1.0},
    "figures": {"figures": 3.0, "figures_spread": 0.3},
    "figures_spread": {"figures": 3.0, "figures_spread": 0.2},
    "echo": {"echo": 2.0, "echo_spacing": 40.0},
    "shadow": {"shadow": 1.0},
    "outline": {"outline": 3.0},
    "silk": {"silk": 120.0},
    "vignette": {"vignette": 1.0},
    "grain": {"grain": 1.0},
    "plate_hue": {"plate_hue": 120.0},
    "plate_light": {"plate_light": 0.2},
    "kaleidoscope": {"kaleidoscope": 6.0},
    "inset": {"inset": "conditioning"},
    "passthrough": {"passthrough": True},
    "test_card": {"test_card": True},
    "smooth_after": {"smooth_after": 0.9},
    "feedback": {"feedback": 0.9},
    "panic": {"panic": True},
}


@pytest.mark.parametrize("name", TURNED)
def test_a_control_of_the_picture_changes_it(name: str) -> None:
    posts = [performed(0.1 * number, 10 + 4 * number) for number in range(4)]
    assert not np.array_equal(shown(*posts, **TURNED[name]), shown(*posts))


def test_grain_moves_with_time_alone_and_leaves_black_black() -> None:
    light = np.full((48, 64, 3), 128, np.uint8)
    light[:10] = 0
    again, later = grained(light, 0.5, 7.01), grained(light, 0.5, 7.01 + 1 / GRAIN_HZ)
    assert np.array_equal(grained(light, 0.5, 7.0), again)
    assert not np.array_equal(again, later)
    assert not again[:10].any()
    assert abs(float(again[10:].mean()) - 128) < 3


def test_grain_moves_while_the_picture_stands_still() -> None:
    composer, controls, post = Composer(), Controls(grain=1.0), performed()
    first, second = (composer.picture(ROOM, post, None, controls, 0.02, time_s=time_s) for time_s in (5.0, 5.06))
    assert not np.array_equal(first, second)


def test_gold_glows_and_blue_does_not() -> None:
    gold, blue = performed(color=(255, 190, 60)), performed(color=(60, 120, 255))
    assert not np.array_equal(shown(gold, bloom=1.0), shown(gold))
    assert np.abs(shown(blue, bloom=1.0).astype(int) - shown(blue)).max() <= 2
    assert np.abs(shown(blue, bloom=1.0, bloom_gold=0.0).astype(int) - shown(blue)).max() > 5


def test_several_figures_stand_side_by_side() -> None:
    assert _reds(shown(performed(), figures=3.0, figures_spread=0.25)) > 2.4 * _reds(shown(performed()))


def test_ghosts_stand_where_the_figure_was_and_lie_under_it() -> None:
    posts = [performed(0.0, 4), performed(0.1, 40)]
    picture = shown(*posts, echo=1.0, echo_spacing=100.0, echo_fade=0.0)
    assert tuple(picture[40, 16 + 12]) == RED
    assert np.array_equal(picture[30:50, 60:68], shown(posts[1])[30:50, 60:68])


def test_a_canon_follows_later() -> None:
    posts = [performed(0.0, 4), performed(0.5, 24)]
    late = shown(*posts, figures=2.0, figures_spread=0.3, figures_delay=0.5)
    assert tuple(late[40, 16 + 10 + 29]) == RED  # as it was then, one spread to the right


def test_gold_and_ivory_stay_when_the_silk_turns() -> None:
    silk, gold, ivory = (200, 30, 20), (230, 180, 60), (230, 220, 200)
    figure = np.array([[silk, gold, ivory]], np.uint8)
    turned = silk_turned(figure, 120.0)[0].astype(int)
    assert turned[0][1] > 150
    assert np.abs(turned[1:] - figure[0, 1:]).max() <= 6


@pytest.mark.parametrize(("backdrop", "color"), [("transparent", (0, 0, 0)), ("picture", (9, 99, 199))])
def test_a_backdrop_lies_behind_the_figure(backdrop: str, color: tuple[int, int, int]) -> None:
    composer = Composer(np.full((40, 48, 3), (9, 99, 199), np.uint8))
    picture = composer.picture(ROOM, performed(), None, Controls(backdrop=backdrop), 0.0)
    assert tuple(picture[2, 2]) == color
    assert tuple(picture[40, 46]) == RED


def test_the_cutout_is_the_figure_with_its_alpha() -> None:
    composer = Composer()
    composer.picture(ROOM, performed(), None, Controls(), 0.0)
    cutout = composer.cutout()
    assert cutout is not None
    assert tuple(cutout[40, 46]) == (*RED, 255)
    assert cutout[2, 2, 3] == 0


def test_a_half_transparent_figure_keeps_its_color_in_the_cutout() -> None:
    post = performed()
    figure = post.value.drawn.figure.copy()  # type: ignore[union-attr]
    figure[..., 3] //= 2
    composer = Composer()
    half = replace(post.value, drawn=replace(post.value.drawn, figure=figure))
    composer.picture(ROOM, Post(half, 1), None, Controls(), 0.0)
    cutout = composer.cutout()
    assert cutout is not None
    assert np.abs(cutout[40, 46].astype(int) - (*RED, 127)).max() <= 3


@pytest.mark.parametrize("looks", [{}, {"brightness": 0.5, "hue": 40.0}, {"flip": True}, {"blackout": 0.5}])
def test_a_figure_alone_is_cut_out_as_one_with_others_would_be(looks: dict[str, float]) -> None:
    def cutout(**more: float) -> np.ndarray:
        composer = Composer()
        composer.picture(ROOM, performed(), None, Controls(**looks, **more), 0.0)
        found = composer.cutout()
        assert found is not None
        return found.astype(int)

    alone, among = cutout(), cutout(figures_delay=9.0, figures=2.0, figures_spread=0.0)  # whose second is not there yet
    assert np.array_equal(alone[..., 3], among[..., 3])
    assert np.abs(alone - among)[alone[..., 3] > 0].max() <= 2


def test_a_cutout_and_its_matte_are_made_once_for_each_picture() -> None:
    composer, post, controls = Composer(), performed(), Controls()
    found = []
    for time_s in (0.0, 0.02, 0.04):
        composer.picture(ROOM, post if time_s < 0.03 else performed(), None, controls, 0.02, time_s)
        found.append((composer.cutout(), composer.matte()))
    assert found[0][0] is found[1][0] is not found[2][0]
    assert found[0][1] is found[1][1] is not found[2][1]
    assert found[0][1] is not None
    assert set(np.unique(found[0][1])) == {0, 255}


def test_a_frozen_figure_is_cut_out_as_it_is_shown() -> None:
    composer = Composer()
    held = []
    for time_s, x in ((0.0, 4), (0.1, 40)):
        composer.picture(ROOM, performed(time_s, x), None, Controls(freeze=True), 0.1)
        held.append(composer.cutout())
    assert np.array_equal(*held)


def test_what_is_frozen_stays_and_can_still_be_blacked_out() -> None:
    composer = Composer()
    held = composer.picture(ROOM, performed(0.0, 4), None, Controls(freeze=True, guard=False), 0.0).copy()
    later = composer.picture(ROOM, performed(0.1, 40), None, Controls(freeze=True, guard=False), 0.1)
    assert np.array_equal(later, held)
    assert not composer.picture(ROOM, performed(0.2), None, Controls(freeze=True, blackout=1.0), 0.1).any()


def test_a_crossfade_shows_both_performers() -> None:
    other = Voice(np.full_like(ROOM, 200), None, 0.5)
    picture = Composer().picture(ROOM, performed(), None, Controls(), 0.0, others=[other])
    assert np.abs(picture[2, 2].astype(int) - (ROOM[2, 2].astype(int) + 200) / 2).max() <= 1


def test_ghosts_are_forgotten_when_the_attract_mode_ends() -> None:
    controls = Controls(guard=False, feedback=0.95)
    composer = Composer()
    composer.picture(ROOM, performed(0.0, 4, is_idle=True), None, controls, 1 / 30)
    picture = composer.picture(ROOM, performed(0.1, 40), None, controls, 1 / 30)
    assert tuple(picture[40, 16 + 10]) == tuple(ROOM[40, 26])


def test_the_test_card_reaches_the_outermost_pixels() -> None:
    made = card((90, 160))
    assert made[0].min() == made[-1].min() == made[:, 0].min() == made[:, -1].min() == 255


# The pose -------------------------------------------------------------------------------------------------------------


def test_a_delayed_pose_is_the_one_of_then() -> None:
    posing, controls = Posing(), Controls(delay=0.5)
    for number in range(20):
        pose, presence = posing(standing(0.3 + 0.01 * number), 1.0, number * 0.1, controls, 0.0)
    assert pose is not None
    assert np.allclose(pose, standing(0.3 + 0.01 * 14))
    assert presence == 1


def test_a_pose_is_guessed_ahead_by_the_measured_delay() -> None:
    posing, controls = Posing(), Controls(ahead=1.0)
    for number in range(20):
        pose, _ = posing(standing(0.3 + 0.01 * number), 1.0, number * 0.05, controls, 0.1)
    assert pose is not None
    assert pose[Joint.NOSE, 0] == pytest.approx(0.3 + 0.01 * 19 + 0.02, abs=1e-3)


def test_exaggeration_keeps_every_bone_as_long_as_it_is() -> None:
    posing, controls = Posing(), Controls(exaggeration=2.0)
    posing(standing(), 1.0, 0.0, controls, 0.0)
    raised = standing()
    raised[Joint.LEFT_WRIST, :2] = raised[Joint.LEFT_ELBOW, :2] + (0.06, -0.05)
    pose, _ = posing(raised, 1.0, 0.1, controls, 0.0)
    assert pose is not None

    def forearm(landmarks: np.ndarray) -> np.ndarray:
        return landmarks[Joint.LEFT_WRIST, :3] - landmarks[Joint.LEFT_ELBOW, :3]

    assert np.linalg.norm(forearm(pose)) == pytest.approx(np.linalg.norm(forearm(raised)), rel=1e-4)
    assert pose[Joint.LEFT_WRIST, 1] < raised[Joint.LEFT_WRIST, 1]


def test_neutral_controls_leave_the_pose_alone() -> None:
    landmarks = standing()
    assert Posing()(landmarks, 1.0, 0.0, Controls(), 0.1)[0] is landmarks


def test_a_pose_is_moved_turned_and_scaled_about_its_hips() -> None:
    pose, _ = Posing()(standing(), 1.0, 0.0, Controls(pose_x=0.1, pose_turn=90.0, pose_scale=0.5), 0.0)
    assert pose is not None
    hips = pose[[Joint.LEFT_HIP, Joint.RIGHT_HIP], :2].mean(axis=0)
    assert np.allclose(hips, (0.6, 0.55), atol=1e-5)
    assert pose[Joint.NOSE, 0] == pytest.approx(0.6 + 0.5 * 0.35, abs=1e-4)


# The flash guard ------------------------------------------------------------------------------------------------------


def _flashes(levels: list[float]) -> int:
    """An oracle of its own: opposing changes of a uniform picture's luminance by a tenth, two of which are a flash."""
    turns, extreme, direction = 0, levels[0], 0
    for level in levels:
        change = level - extreme
        if direction and change * direction > 0:
            extreme = level
        elif abs(change) >= 0.1 and min(level, extreme) < 0.8:
            turns, extreme, direction = turns + 1, level, 1 if change > 0 else -1
    return turns // 2


def _luminance(picture: Frame) -> float:
    return float((picture[0, 0, 0] / 255) ** 2.2)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 255), min_size=60, max_size=150), st.integers(1, 6))
def test_no_second_of_any_show_has_more_than_three_flashes(grays: list[int], ticks_each: int) -> None:
    guard, levels = FlashGuard(), []
    for number, gray in enumerate(level for level in grays for _ in range(ticks_each)):
        picture = np.full((32, 32, 3), gray, np.uint8)
        levels.append(_luminance(guard(picture, number / 60)))
    for start in range(0, max(1, len(levels) - 60), 7):
        assert _flashes(levels[start : start + 60]) <= 3


def test_a_strobe_is_softened_and_a_slow_change_is_not() -> None:
    guard, held = FlashGuard(), 0
    for number in range(120):
        guard(np.full((32, 32, 3), 255 * (number // 3 % 2), np.uint8), number / 60)
        held += guard.is_holding
    assert held > 20
    slow = FlashGuard()
    for number in range(240):
        picture = np.full((32, 32, 3), 255 * (number // 60 % 2), np.uint8)
        assert slow(picture, number / 60) is picture


def test_a_small_light_may_flash() -> None:
    guard = FlashGuard()
    for number in range(60):
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[:16, :16] = 255 * (number % 2)
        assert guard(picture, number / 60) is picture


@pytest.mark.parametrize("dark", [{"blackout": 1.0}, {"panic": True}], ids=str)
def test_the_guard_never_delays_darkness(dark: dict[str, object]) -> None:
    composer = Composer()
    bright = np.full_like(ROOM, 255)
    for number in range(60):
        strobes = dark if number % 2 else {}
        picture = composer.picture(bright, None, None, Controls(**strobes), 1 / 60, number / 60)  # type: ignore[arg-type]
        if number % 2:
            assert not picture.any()


def test_the_picture_comes_back_whole_when_the_strobe_ends() -> None:
    guard, white = FlashGuard(), np.full((32, 32, 3), 255, np.uint8)
    for number in range(60):
        guard(np.full((32, 32, 3), 255 * (number % 2), np.uint8), number / 60)
    for number in range(60, 240):
        picture = guard(white, number / 60)
    assert np.array_equal(picture, white)


# Looks ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_within_the_table(name: str) -> None:
    controls = {control.address: control for control in TABLE}
    for address, value in LOOKS[name].controls.items():
        assert controls[address].low <= float(value) <= controls[address].high


def test_looks_go_on_by_themselves_until_somebody_turns_a_control() -> None:
    heard: list[str] = []

    def receive(messages: object, _now_s: float) -> None:
        heard.extend(str(arguments[0]) for _, arguments in messages)  # type: ignore[attr-defined]

    looks = LooksInTurn(every_s=10.0)
    for number in range(12):
        looks.heed(Controls(), receive, float(number))
    assert heard == ["gold"]
    for number in range(12, 60):
        looks.heed(Controls(kaleidoscope=6.0), receive, float(number))
    assert heard == ["gold"]


def test_the_next_look_comes_when_asked_for_and_says_its_address() -> None:
    heard: list[str] = []
    looks = LooksInTurn()
    looks.heed(Controls(), lambda messages, _now_s: heard.extend(m[1][0] for m in messages), 0.0)
    looks.heed(Controls(next_look=2), lambda messages, _now_s: heard.extend(m[1][0] for m in messages), 1.0)
    assert heard == ["spirals"]
    assert "/preset/recall spirals" in looks.said(2.0)
