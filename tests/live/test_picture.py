"""The shown picture: mix, backdrop, mirror, feedback; what the overlay says; what the network hears."""

import socket
from dataclasses import replace

import numpy as np
import pytest

from engines.images import Frame
from engines.scene import Scene
from live.composing import Composer
from live.control.datagrams import messages
from live.control.parameters import Controls
from live.control.signals import SIGNALS
from live.control.telling import OscSender
from live.gauges import Spent
from live.mailbox import Latest, Post
from live.overlay import HINT_S, Figures, Overlay
from live.passing import Performed, Prepared
from live.sources import Captured
from live.telemetry import Telemetry
from tests.fakes import stand_in, standing
from tests.fakes_engines import room

ROOM = room(64)
LEFT, RIGHT = (200, 20, 20), (20, 20, 200)


def camera_frame() -> Frame:
    """Red on the left, blue on the right."""
    frame = np.zeros((60, 80, 3), np.uint8)
    frame[:, :40], frame[:, 40:] = LEFT, RIGHT
    return frame


@pytest.fixture
def performed() -> Post[Performed]:
    """A picture of the real performer before its room; the figure is a skeleton on opaque black."""
    performer = stand_in().performer
    scene = Scene(landmarks=standing(), presence=1.0, frame=camera_frame(), captured_s=1.0)
    inputs = performer.conditioned(scene)
    return Post(Performed(performer.drawn(inputs, scene), scene, performer.manifest, Spent()), 1)


@pytest.fixture
def captured() -> Post[Captured]:
    return Post(Captured(camera_frame(), 1.0), 1)


def shown(performed: Post[Performed] | None, captured: Post[Captured] | None, **controls: object) -> Frame:
    return Composer().picture(ROOM, performed, captured, Controls(**controls), 0.0)  # type: ignore[arg-type]


def test_all_performer_is_the_performers_picture(performed: Post[Performed], captured: Post[Captured]) -> None:
    assert np.array_equal(shown(performed, captured), performed.value.drawn.image)


def test_all_camera_is_the_camera_fitted_to_the_room(performed: Post[Performed], captured: Post[Captured]) -> None:
    picture = shown(performed, captured, mix=0.0)
    assert picture.shape == ROOM.shape
    assert tuple(picture[40, 10]) == LEFT
    assert tuple(picture[40, 85]) == RIGHT


def test_half_and_half_is_the_mean_of_both(performed: Post[Performed], captured: Post[Captured]) -> None:
    both = (shown(performed, captured, mix=0.0).astype(int) + performed.value.drawn.image) / 2
    assert np.abs(shown(performed, captured, mix=0.5) - both).max() <= 1


def test_a_mirror_turns_the_camera_around(captured: Post[Captured]) -> None:
    assert tuple(shown(None, captured, mix=0.0, mirror=True)[40, 10]) == RIGHT


@pytest.mark.parametrize(("backdrop", "corner"), [("black", (0, 0, 0)), ("camera", LEFT), ("plate", tuple(ROOM[2, 2]))])
def test_each_backdrop_lies_behind_the_figure(
    performed: Post[Performed], captured: Post[Captured], backdrop: str, corner: tuple[int, int, int]
) -> None:
    picture = shown(performed, captured, backdrop=backdrop)
    assert tuple(picture[2, 2]) == corner
    inside = np.s_[8:72, 24:80]  # at its sides the figure runs out into what lies behind it
    assert np.array_equal(picture[inside], performed.value.drawn.image[inside])


def test_before_the_first_picture_the_empty_room_is_shown(captured: Post[Captured]) -> None:
    assert np.array_equal(shown(None, captured), ROOM)


def test_a_camera_that_gave_nothing_yet_leaves_the_room() -> None:
    assert np.array_equal(shown(None, None, mix=0.0), ROOM)


def test_nothing_is_made_anew_while_nothing_has_changed(performed: Post[Performed], captured: Post[Captured]) -> None:
    composer, controls = Composer(), Controls(hue=30.0)
    first = composer.picture(ROOM, performed, captured, controls, 0.0)
    assert composer.picture(ROOM, performed, replace(captured, number=2), controls, 0.1) is first


def test_a_turned_control_shows_at_once(performed: Post[Performed], captured: Post[Captured]) -> None:
    composer = Composer()
    before = composer.picture(ROOM, performed, captured, Controls(), 0.0)
    assert not np.array_equal(composer.picture(ROOM, performed, captured, Controls(hue=90.0), 0.1), before)


def test_the_picture_comes_back_after_a_blackout(performed: Post[Performed], captured: Post[Captured]) -> None:
    composer = Composer()
    before = composer.picture(ROOM, performed, captured, Controls(), 0.0)
    assert not composer.picture(ROOM, performed, captured, Controls(blackout=1.0), 0.1).any()
    assert np.array_equal(composer.picture(ROOM, performed, captured, Controls(), 0.2), before)


def test_feedback_leaves_a_trail_of_what_was_shown(performed: Post[Performed], captured: Post[Captured]) -> None:
    composer = Composer()
    composer.picture(ROOM, performed, captured, Controls(feedback=0.9, mix=0.0), 1 / 60)
    picture = composer.picture(ROOM, performed, captured, Controls(feedback=0.9), 1 / 60)
    camera = shown(performed, captured, mix=0.0)
    assert np.abs(picture.astype(int) - camera).mean() < 0.2 * np.abs(ROOM.astype(int) - camera).mean()


FIGURES = Figures(25, 24, 23, 60, 41, 52, 7, 1.0, "camera 0", "ember", "openvino int8 on CPU")


def test_the_keys_are_shown_at_the_start_and_then_not() -> None:
    overlay = Overlay(0.0)
    assert any("blackout" in line for line in overlay.lines(lambda: FIGURES, {}, 1.0))
    assert overlay.lines(lambda: FIGURES, {}, HINT_S + 1) == ()


def test_the_keys_come_back_when_asked_for() -> None:
    overlay = Overlay(0.0)
    overlay.toggle_hint(20.0)
    assert overlay.lines(lambda: FIGURES, {}, 1000.0)
    overlay.toggle_hint(1000.0)
    assert overlay.lines(lambda: FIGURES, {}, 1000.0) == ()


def test_figures_are_shown_when_asked_for() -> None:
    overlay = Overlay(0.0)
    overlay.toggle_figures()
    text = "\n".join(overlay.lines(lambda: FIGURES, {}, 100.0))
    for figure in ("source 25", "performer 23", "display 60", "41 ms", "p95 52 ms", "dropped 7", "int8"):
        assert figure in text


def test_a_fault_is_shown_even_when_nobody_asked_for_figures() -> None:
    assert Overlay(0.0).lines(lambda: FIGURES, {"tracker": "it broke"}, 100.0) == ("! tracker: it broke",)


class _Act:
    """What telemetry looks at of an act."""

    def __init__(self) -> None:
        self.prepared: Latest[Prepared] = Latest()


def test_who_subscribes_late_is_told_who_is_on_stage_and_what_is_broken() -> None:
    now, told, out = [0.0], [], OscSender("127.0.0.1", 9)
    out.listeners.append(lambda found, _known_to: told.extend(address for address, _ in found))
    faults = {"source": "the camera is gone"}
    telemetry = Telemetry(out, lambda: FIGURES, _Act, now=lambda: now[0], faults=lambda: faults)  # type: ignore[arg-type]
    for late in (False, False, True, False):
        if late:
            out.subscribe(("127.0.0.1", 9))
        now[0] += 1
        telemetry.step()
    assert [address for address in told if address in ("/performer", "/heartbeat", "/error")] == [
        *("/heartbeat", "/performer"),
        "/heartbeat",
        *("/heartbeat", "/error", "/performer"),
        "/heartbeat",
    ]
    out.close()


def test_rates_latency_and_landmarks_go_out_as_floats() -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    listener.settimeout(2)
    out, act = OscSender("127.0.0.1", listener.getsockname()[1]), _Act()
    telemetry = Telemetry(out, lambda: FIGURES, lambda: act, now=lambda: 0.0)  # type: ignore[arg-type,return-value]
    telemetry.step()
    act.prepared.put(Prepared({}, Scene(presence=1.0), Spent(), standing()))
    telemetry.step()
    heard: dict[str, list[object]] = {}
    while "/pose/right_foot_index" not in heard:
        heard.update(messages(listener.recv(65536)))
    assert heard["/fps/engine"] == [23.0]
    assert heard["/latency/p95"] == [52.0]
    assert heard["/pose/presence"] == [1.0]
    assert heard["/pose/nose"] == pytest.approx(list(standing()[0]))
    assert heard["/performer"] == ["ember"]
    texts = {signal.address for signal in SIGNALS if "s" in signal.types}
    numbers = [value for address, values in heard.items() if address not in texts for value in values]
    assert all(isinstance(value, float) for value in numbers)
    listener.close()
    out.close()
