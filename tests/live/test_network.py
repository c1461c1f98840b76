"""OSC both ways over real sockets: subscribers, echo, ping, who may send, pose in, MIDI, and floods of any bytes."""

import random
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from engines.errors import ConfigError
from engines.pose.landmarks import Joint
from engines.pose.tracker import Tracked
from live.control import encoding
from live.control.datagrams import messages
from live.control.desk import Desk
from live.control.echo import RESTED_S, Echo
from live.control.midi import Midi, MidiFile
from live.control.osc import OscReceiver, is_allowed, networks
from live.control.parameters import TABLE, Controls
from live.control.pose_in import NOBODY, STALE_S, PosedFromOutside, PoseIn
from live.control.signals import HEARTBEAT
from live.control.telling import SUBSCRIBERS, OscSender
from live.control.touchdesigner import parameter_rows, parameter_script
from tests.fakes import FakeTracker, standing
from tests.live.test_osc import bundle, message

HOST = "127.0.0.1"


class Ear:
    """A UDP socket that hears OSC."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(2)
        self.port = self.socket.getsockname()[1]

    def heard(self) -> dict[str, Sequence[Any]]:
        """Everything that is there now, by address."""
        found: dict[str, Sequence[Any]] = {}
        self.socket.settimeout(0.05)
        try:
            while True:
                found.update(messages(self.socket.recv(65536)))
        except TimeoutError:
            return found


class Net:
    """Receiver, desk, sender and echo with time by hand, and ears."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self.time_s = 100.0
        self.default, self.ear = Ear(), Ear()
        self.desk, self.pose_in = Desk(), PoseIn()
        self.out = OscSender(HOST, self.default.port)
        self.receiver = OscReceiver(self.desk, HOST, 0, self.out, lambda: self.time_s, networks(allowed), self.pose_in)
        self.echo = Echo(self.desk, self.out, lambda: self.time_s, lambda _s: None)
        self.tick()
        self.default.heard()

    def send(self, datagram: bytes, ear: Ear | None = None) -> None:
        (ear or self.ear).socket.sendto(datagram, (HOST, self.receiver.port))
        self.receiver.step(2.0)
        self.tick()

    def tick(self) -> Controls:
        controls = self.desk.tick(self.time_s)
        self.echo.step()
        return controls

    def close(self) -> None:
        for each in (self.receiver, self.out, self.default.socket, self.ear.socket):
            each.close()  # type: ignore[attr-defined]


@pytest.fixture
def net() -> Iterator[Net]:
    found = Net()
    yield found
    found.close()


def test_a_subscriber_hears_every_value_and_then_every_change(net: Net) -> None:
    other = Ear()
    net.send(message("/subscribe", other.port), other)
    everything = other.heard()
    assert {control.address for control in TABLE if control.kind == "slider"} <= set(everything)
    net.send(message("/look/hue", 0.75))
    told = other.heard()
    assert told["/look/hue"] == [0.75]
    assert told["/look/hue/degrees"] == [90.0]


def test_the_echo_is_what_was_applied(net: Net) -> None:
    net.send(message("/mix", 7.0))
    net.send(message("/mix", 0.5))
    net.send(message("/mix", -7.0))
    assert net.default.heard()["/mix"] == [0.0]


def test_who_moves_a_control_hears_it_once_it_rests(net: Net) -> None:
    net.send(message("/subscribe", net.ear.port))
    net.ear.heard()
    net.send(message("/mix", 0.4))
    assert "/mix" not in net.ear.heard()
    assert net.default.heard()["/mix"] == [pytest.approx(0.4)]
    net.time_s += RESTED_S + 0.01
    net.tick()
    assert net.ear.heard()["/mix"] == [pytest.approx(0.4)]


def test_a_value_that_was_clamped_to_where_it_already_was_is_told_too(net: Net) -> None:
    net.send(message("/subscribe", net.ear.port))
    net.ear.heard()
    net.send(message("/mix", 3.0))
    net.time_s += RESTED_S + 0.01
    net.tick()
    assert net.ear.heard()["/mix"] == [1.0]


def test_a_preset_is_echoed_like_a_hand(net: Net) -> None:
    net.send(message("/preset/store", "a"))
    net.send(message("/mix", 0.5))
    net.default.heard()
    net.send(message("/preset/recall", "a"))
    assert net.default.heard()["/mix"] == [1.0]


def test_who_unsubscribed_hears_nothing_more(net: Net) -> None:
    net.send(message("/subscribe", net.ear.port))
    net.send(message("/unsubscribe", net.ear.port))
    net.ear.heard()
    net.send(message("/mix", 0.5), Ear())
    assert net.ear.heard() == {}


def test_subscribers_are_bounded_and_only_at_the_senders_own_host(net: Net) -> None:
    for port in range(20000, 20000 + 3 * SUBSCRIBERS):
        net.send(message("/subscribe", port))
    assert len(net.out.subscribers) == SUBSCRIBERS
    assert {host for host, _ in net.out.subscribers} == {HOST}


@pytest.mark.parametrize("port", [0, 70000, -1, "x", float("nan")])
def test_a_port_that_is_none_is_answered(net: Net, port: Any) -> None:
    net.send(message("/subscribe", port))
    assert "1 to 65535" in net.ear.heard()["/error"][0]


def test_a_ping_comes_back_with_what_it_carried(net: Net) -> None:
    net.send(message("/ping", 7.0, "x"))
    assert net.ear.heard()["/pong"] == [7.0, "x"]
    assert net.default.heard()["/pong"] == [7.0, "x"]


def test_numbers_and_words_never_share_an_address(net: Net) -> None:
    net.send(message("/dump"))
    for address, arguments in net.default.heard().items():
        is_words = address.endswith(("/name", "/list"))
        assert all(isinstance(each, str if is_words else float) for each in arguments), address


@pytest.mark.parametrize(
    ("host", "allowed", "is_in"),
    [
        ("127.0.0.1", (), True),
        ("::1", (), True),
        ("192.168.1.5", (), False),
        ("192.168.1.5", ("192.168.1.5",), True),
        ("192.168.1.6", ("192.168.1.5",), False),
        ("192.168.1.6", ("192.168.1.0/24",), True),
        ("::ffff:192.168.1.6", ("192.168.1.0/24",), True),
        ("10.0.0.1", ("192.168.1.0/24",), False),
    ],
)
def test_only_who_is_on_the_list_may_send(host: str, allowed: Sequence[str], is_in: bool) -> None:
    assert is_allowed(host, networks(allowed)) is is_in


def test_a_stranger_turns_nothing_and_the_operator_is_told_how_to_let_them_in(net: Net) -> None:
    net.receiver.receive(message("/mix", 0.0), ("192.168.1.77", 9))
    assert net.tick().mix == 1.0
    assert net.receiver.counts.foreign == 1
    assert "--osc-allow 192.168.1.77" in net.default.heard()["/error"][0]


def test_an_address_on_the_list_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match=r"192\.168\.1\.0/24"):
        networks(["the stage"])


def test_complaints_are_said_once_a_second_at_most(net: Net) -> None:
    for _ in range(50):
        net.receiver.receive(message("/no/such", 1.0), (HOST, 9))
    assert net.receiver.counts.ignored == 50
    said = 0
    net.default.socket.settimeout(0.05)
    try:
        while net.default.socket.recv(65536):
            said += 1
    except TimeoutError:
        assert said == 1


def test_what_goes_on_being_wrong_is_logged_ever_less_often(net: Net, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(600):  # a minute of ten broken packets a second
        net.time_s += 0.1
        net.receiver.receive(b"broken!!", (HOST, 9))
    lines = [
        record.getMessage()
        for record in caplog.records
        if "broken" in record.getMessage() or "OSC:" in record.getMessage()
    ]
    assert 4 <= len(lines) <= 7
    assert "more since the last line" in lines[-1]
    net.time_s += 1000
    net.receiver.receive(b"broken!!", (HOST, 9))
    assert "more" not in caplog.records[-1].getMessage()


@given(
    row=st.lists(
        st.tuples(
            st.sampled_from(
                ("/mix", "/look/hue", "/look/hue/degrees", "/panic", "/bundle/next", "/freeze", "/preset/store")
            ),
            st.sampled_from((0.0, 0.25, 1.0, float("nan"), None)),
            st.integers(1, 3),
        ),
        max_size=60,
    ),
    at_once=st.integers(1, 64),
)
@settings(max_examples=60, deadline=None)
def test_datagrams_taken_at_once_act_as_if_they_came_one_by_one(
    row: list[tuple[str, float | None, int]], at_once: int
) -> None:
    one, many = (OscReceiver(Desk(), HOST, 0, now=lambda: 5.0) for _ in range(2))
    datagrams = [(message(a, *([] if v is None else [v])), (HOST, 9000 + sender)) for a, v, sender in row]
    for receiver in (one, many):  # so that every head is known before
        for address in ("/mix", "/look/hue", "/look/hue/degrees"):
            receiver.receive(message(address, 0.5), (HOST, 1))
    for datagram, sender in datagrams:
        one.receive(datagram, sender)
    for begin in range(0, len(datagrams), at_once):
        many.receive_all(datagrams[begin : begin + at_once])
    assert one._desk.tick(6.0) == many._desk.tick(6.0)
    assert one.counts == many.counts
    one.close()
    many.close()


@pytest.mark.parametrize("arguments", [(1.0, 2.5), ("text", 0.5, "ü"), (), ("",)])
def test_what_we_encode_the_library_decodes(arguments: tuple[Any, ...]) -> None:
    parsed = OscMessage(encoding.message("/address/x", arguments))
    assert (parsed.address, tuple(parsed.params)) == ("/address/x", arguments)


def test_many_messages_become_bundles_that_fit() -> None:
    made = encoding.bundles([(f"/address/{number}", (float(number),)) for number in range(2000)])
    assert all(len(each) <= encoding.LARGEST_BUNDLE for each in made)
    assert [address for each in made for address, _ in messages(each)] == [f"/address/{n}" for n in range(2000)]


# Pose in --------------------------------------------------------------------------------------------------------------

SIZE = (480, 640)


def test_landmarks_that_go_out_come_in_again(net: Net) -> None:
    net.send(encoding.landmark_bundle(standing(), is_for_show=True))
    pose = net.pose_in.newest(net.time_s, SIZE)
    assert isinstance(pose, np.ndarray)
    assert np.allclose(pose, standing())


def test_a_pose_comes_in_a_float_at_a_time_as_a_chop_sends_it(net: Net) -> None:
    names = [joint.name.lower() for joint in Joint]
    sent = [
        message(f"/pose/in/{name}{part + 1}" if part % 2 else f"/pose/in/{name}/{'xz'[part // 2]}", float(value))
        for name, row in zip(names, standing(), strict=True)
        for part, value in enumerate(row[:3])
    ]
    net.send(bundle(*sent))
    pose = net.pose_in.newest(net.time_s, SIZE)
    assert isinstance(pose, np.ndarray)
    assert np.allclose(pose[:, :3], standing()[:, :3])
    assert (pose[:, 3] == 1).all()


def test_the_network_takes_the_place_of_the_tracker_until_it_is_silent(net: Net) -> None:
    opened: list[FakeTracker] = []

    def eyes() -> FakeTracker:
        opened.append(FakeTracker())
        return opened[-1]

    tracker = PosedFromOutside(eyes, net.pose_in, lambda: net.time_s)
    frame = np.zeros((*SIZE, 3), np.uint8)
    net.send(encoding.landmark_bundle(standing(0.3), is_for_show=True))
    found = tracker.track(frame, 1.0)
    assert isinstance(found, Tracked)
    assert found.landmarks is not None
    assert np.allclose(found.landmarks, standing(0.3))
    assert opened == []
    net.time_s += STALE_S + 0.1
    assert np.allclose(tracker.track(frame, 2.0).landmarks, standing())  # type: ignore[arg-type]
    assert len(opened) == 1


def test_presence_0_says_that_nobody_is_there(net: Net) -> None:
    net.send(bundle(encoding.landmark_bundle(standing(), is_for_show=True), message("/pose/in/presence", 0.0)))
    assert net.pose_in.newest(net.time_s, SIZE) is NOBODY


def test_a_joint_that_is_not_sent_is_not_seen(net: Net) -> None:
    net.send(bundle(message("/pose/in/left_wrist", 0.2, 0.3), message("/pose/in/right_wrist", 0.4, 0.5, 0.0, 0.9)))
    pose = net.pose_in.newest(net.time_s, SIZE)
    assert isinstance(pose, np.ndarray)
    assert (pose[:, 3] > 0).sum() == 2
    assert np.isfinite(pose).all()


def test_a_pose_of_another_shape_of_picture_keeps_its_proportions(net: Net) -> None:
    net.send(bundle(message("/pose/in/aspect", 2.0), message("/pose/in/nose", 0.75, 0.5)))
    pose = net.pose_in.newest(net.time_s, (100, 100))
    assert isinstance(pose, np.ndarray)
    assert pose[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "bad", [("/pose/in/tail", 0.5, 0.5), ("/pose/in/nose", "x"), ("/pose/in/nose",), ("/pose/in/", 1.0)]
)
def test_a_pose_that_means_nothing_is_answered(net: Net, bad: tuple[Any, ...]) -> None:
    net.send(message(*bad))
    assert net.receiver.counts.ignored == 1
    assert net.pose_in.newest(net.time_s, SIZE) is None


# MIDI -----------------------------------------------------------------------------------------------------------------


class FakeController:
    """What pygame gives for a device: lists of [[status, number, value, 0], time]."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.is_closed = False

    def poll(self) -> bool:
        return bool(self.events)

    def read(self, number: int) -> list[Any]:
        taken, self.events = self.events[:number], self.events[number:]
        return taken

    def close(self) -> None:
        self.is_closed = True


class Rig:
    """A desk with a controller of knobs and pads."""

    def __init__(self) -> None:
        self.desk, self.controller = Desk(), FakeController()
        self.kept: list[MidiFile] = []
        self.midi = Midi(self.desk, None, self.kept.append, lambda: [self.controller], lambda: 0.0, lambda _s: None)

    def move(self, status: int, number: int, value: int) -> Controls:
        self.controller.events.append([[status, number, value, 0], 0])
        self.midi.step()
        return self.desk.tick(0.0)

    def ask(self, address: str, *arguments: Any) -> None:
        assert self.desk.receive([(address, arguments)], 0.0) == []
        self.desk.tick(0.0)


def test_touch_a_control_then_wiggle_a_knob() -> None:
    rig = Rig()
    rig.ask("/look/hue", 0.5)
    rig.ask("/midi/learn")
    rig.move(0xB0, 21, 64)
    assert rig.move(0xB0, 21, 127).hue == 180
    assert rig.kept[-1].bindings == {"control 1 21": "/look/hue"}


def test_a_knob_learns_the_control_that_is_named() -> None:
    rig = Rig()
    rig.ask("/midi/learn", "/mix")
    rig.move(0xB3, 7, 10)
    assert rig.move(0xB3, 7, 0).mix == 0
    assert rig.move(0xB0, 7, 127).mix == 0  # another channel is another knob


def test_a_pad_turns_a_switch_over_and_presses_a_trigger_once() -> None:
    rig = Rig()
    for address, pad in (("/freeze", 40), ("/bundle/next", 41), ("/panic", 42)):
        rig.ask("/midi/learn", address)
        rig.move(0x90, pad, 100)
        rig.move(0x80, pad, 0)
    assert rig.move(0x90, 40, 90).freeze
    assert not rig.move(0x90, 40, 90).freeze
    rig.move(0x90, 41, 90)
    assert rig.move(0x80, 41, 0).next_bundle == 1
    assert rig.move(0x90, 42, 90).panic


def test_a_binding_is_forgotten_on_request() -> None:
    rig = Rig()
    rig.ask("/midi/learn", "/mix")
    rig.move(0xB0, 1, 5)
    rig.ask("/midi/forget", "/mix")
    assert rig.move(0xB0, 1, 0).mix == 1.0


def test_without_a_device_it_says_so_and_rests(caplog: pytest.LogCaptureFixture) -> None:
    midi = Midi(Desk(), opened=list, sleep=lambda _s: None)
    with caplog.at_level("INFO"):
        assert not midi.step()
        assert not midi.step()
    assert [record.message for record in caplog.records] == [
        "no MIDI controller is connected; plug one in and start again to use it"
    ]


def test_who_asks_to_learn_without_a_device_is_told() -> None:
    desk = Desk()
    midi = Midi(desk, opened=list, sleep=lambda _s: None)
    midi.step()
    desk.receive([("/midi/learn", ("/mix",))], 0.0)
    desk.tick(0.0)
    assert [address for address, _ in desk.said] == ["/error"]
    assert "no MIDI controller" in desk.said[0][1][0]


def test_pygames_midi_is_asked_and_nothing_breaks_where_there_is_none() -> None:
    midi = Midi(Desk(), sleep=lambda _s: None)
    midi.step()
    midi.close()


# TouchDesigner --------------------------------------------------------------------------------------------------------


class FakeOp:
    """Takes any attribute and any child, as TouchDesigner's operators do, and remembers its custom parameters."""

    def __init__(self, kind: str = "") -> None:
        self.kind, self.children, self.pars = kind, {}, {}  # type: ignore[var-annotated]
        self.par = _FakePars()
        self.text = ""

    def create(self, kind: str, name: str) -> "FakeOp":
        self.children[name] = FakeOp(kind)
        return self.children[name]

    def store(self, name: str, value: Any) -> None:
        self.stored = {name: value}

    def appendCustomPage(self, _name: str) -> "_FakePage":
        return _FakePage(self.pars)


class _FakePar:
    pass


class _FakePars:
    def __getattr__(self, name: str) -> _FakePar:
        self.__dict__[name] = _FakePar()
        return self.__dict__[name]  # type: ignore[no-any-return]


class _FakePage:
    def __init__(self, pars: dict[str, Any]) -> None:
        self._pars = pars

    def _append(self, name: str, label: str) -> list[_FakePar]:
        assert name[0].isupper()
        assert name[1:].islower() or name[1:].isalnum()
        assert name not in self._pars
        assert label
        self._pars[name] = _FakePar()
        return [self._pars[name]]

    appendFloat = appendToggle = appendMenu = appendStr = appendPulse = appendInt = _append


def test_the_touchdesigner_script_builds_a_parameter_for_every_control() -> None:
    root = FakeOp()
    operators = {name: name for name in ("baseCOMP", "oscoutDAT", "oscinCHOP", "oscinDAT", "parameterexecuteDAT")}
    exec(parameter_script(), {"parent": lambda: root, **operators})
    component = root.children["understudy"]
    assert set(component.pars) == {row[0] for row in parameter_rows()} | {"Host", "Portin", "Portout"}
    assert {child.kind for child in component.children.values()} == set(operators) - {"baseCOMP"}
    assert {row[4] for row in parameter_rows()} >= {control.twin or control.address for control in TABLE}


def test_what_touchdesigner_turns_is_sent_to_the_address_in_its_table() -> None:
    root, sent = FakeOp(), []

    class Send:
        def sendOSC(self, address: str, arguments: list[Any]) -> None:
            sent.append((address, arguments))

    operators = {name: name for name in ("baseCOMP", "oscoutDAT", "oscinCHOP", "oscinDAT", "parameterexecuteDAT")}
    exec(parameter_script(), {"parent": lambda: root, **operators})
    component = root.children["understudy"]

    class Component:
        def fetch(self, name: str) -> Any:
            return component.stored[name]

    callbacks: dict[str, Any] = {"parent": Component, "op": lambda _name: Send()}
    exec(component.children["turned"].text, callbacks)
    desk = Desk()
    for row in parameter_rows():

        class Par:
            name = row[0]

            def eval(self, row: Any = row) -> Any:
                return float(row[5]) if row[3] == "slider" else row[8].split(" ")[0] or "1"

        if row[3] == "trigger":
            callbacks["onPulse"](Par())
        else:
            callbacks["onValueChange"](Par(), None)
    assert len(sent) == len(parameter_rows())
    assert desk.receive(sent, 0.0) == []


# Floods ---------------------------------------------------------------------------------------------------------------


def _random_packets(count: int, seed: int) -> Iterator[bytes]:
    """Bytes of every kind of wrongness: noise, cut, damaged, bundled into each other, huge and tiny."""
    chance = random.Random(seed)
    good = [
        message("/mix", 0.5),
        message("/look/hue", 1, "a", 2.0, True, None, b"blob"),
        message("/preset/store", "a"),
        message("/cue/add", "a", "a", 1.0),
        message("/look/hue/lfo", "sine", 1.0),
        message("/pose/in/nose", 0.1, 0.2, 0.3),
        message("/subscribe", 7401),
        message("/pan*", 0),
        message("/{mix,look/hue}", float("nan")),
        bundle(bundle(message("/mix", 0.1)), message("/t", [1, [2.0]])),
    ]
    for _ in range(count):
        kind = chance.randrange(6)
        packet = bytearray(chance.choice(good))
        if kind == 0:
            packet = bytearray(chance.randbytes(chance.randrange(1, 120)))
        elif kind == 1:
            del packet[chance.randrange(len(packet)) :]
        elif kind == 2:
            for _ in range(chance.randrange(1, 6)):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
        elif kind == 3:
            packet = bytearray(bundle(bytes(packet), chance.randbytes(chance.randrange(0, 16) * 4)))
        elif kind == 4:
            at = 16 if packet.startswith(b"#bundle") else 8
            packet[at : at + 4] = struct.pack(">i", chance.choice([-4, 0, 3, 2**31 - 1, -(2**31)]))
        yield bytes(packet)


def _fuzz(net: Net, count: int) -> None:
    for number, packet in enumerate(_random_packets(count, 12)):
        net.receiver.receive(packet, (HOST, 5000 + number % 50))
        if number % 64 == 0:
            net.time_s += 1 / 60
            controls = net.desk.tick(net.time_s)
    assert net.receiver.counts.datagrams == count
    assert net.receiver.counts.malformed > count // 10
    for control in TABLE:
        if control.kind == "slider":
            assert control.low <= getattr(controls, control.name) <= control.high
    net.receiver.receive(message("/panic", 0), (HOST, 1))
    net.receiver.receive(message("/mix", 0.125), (HOST, 1))
    net.receiver.receive(message("/mix/ramp", 0.125, 0.0), (HOST, 1))
    assert net.desk.tick(net.time_s + 100).mix == 0.125


def test_thousands_of_broken_packets_are_counted_and_the_next_good_one_acts(net: Net) -> None:
    _fuzz(net, 3000)


@pytest.mark.slow
def test_a_hundred_thousand_broken_packets_are_counted_and_the_next_good_one_acts(net: Net) -> None:
    _fuzz(net, 100_000)


# Independent senders --------------------------------------------------------------------------------------------------


def _until_moved(net: Net, timeout_s: float = 10.0) -> Controls:
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        net.receiver.step(0.2)
        if net.tick().mix != 1.0:
            return net.tick()
    raise AssertionError(f"nothing came: {net.receiver.counts}")


def test_liblo_turns_the_mix(net: Net) -> None:
    program = shutil.which("oscsend") or pytest.skip("no oscsend here: apt-get install liblo-tools")
    subprocess.run([program, HOST, str(net.receiver.port), "/mix", "f", "0.25"], check=True, timeout=10)
    assert _until_moved(net).mix == 0.25


PATCH = """#N canvas 0 0 450 300 12;
#X obj 10 10 loadbang;
#X msg 10 40 connect 127.0.0.1 {port};
#X obj 10 130 netsend -u -b;
#X obj 120 10 delay 300;
#X msg 120 40 0.375;
#X obj 120 70 oscformat /mix;
#X msg 120 100 send \\$1;
#X obj 120 125 list prepend send;
#X obj 120 150 list trim;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 0 0 3 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 7 0;
#X connect 7 0 8 0;
#X connect 8 0 2 0;
"""


def test_pure_data_turns_the_mix(net: Net, tmp_path: Path) -> None:
    program = (
        shutil.which("pd") or shutil.which("puredata") or pytest.skip("no Pure Data here: apt-get install puredata")
    )
    patch = tmp_path / "turn.pd"
    patch.write_text(PATCH.format(port=net.receiver.port))
    pd = subprocess.Popen(
        [program, "-nogui", "-noaudio", str(patch)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert _until_moved(net).mix == 0.375
    finally:
        pd.kill()
        pd.wait()


def test_the_heartbeat_is_floats_only() -> None:
    assert {signal.types for signal in HEARTBEAT} == {"f"}
    assert {"/state", "/fps/source", "/fps/engine", "/fps/display", "/latency/p99", "/dropped"} <= {
        signal.address for signal in HEARTBEAT
    }
