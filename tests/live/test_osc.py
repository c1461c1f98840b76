"""An OSC input that no packet can hurt: the two known killers of python-osc, bombs, fuzz, and real senders."""

import json
import socket
import struct
import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message_builder import OscMessageBuilder

from engines.errors import Unavailable
from live.control.batches import Batches
from live.control.datagrams import DEPTH, Malformed, messages
from live.control.desk import Desk
from live.control.encoding import landmark_bundle
from live.control.osc import OscReceiver
from live.control.telling import OscSender
from tests.footage import footage


def message(address: str, *arguments: Any) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build().dgram


def bundle(*elements: bytes, tag: int = 1) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def nested(depth: int) -> bytes:
    packet = message("/mix", 0.5)
    for _ in range(depth):
        packet = bundle(packet)
    return packet


DAY_AHEAD = int(time.time() + 2208988800 + 86400) << 32

SIZE_MINUS_4 = b"#bundle\0" + struct.pack(">Qi", 1, 16) + message("/mix", 0.5) + struct.pack(">i", -4)

MALFORMED = {
    "empty": b"",
    "one byte": b"/",
    "element of size -4": SIZE_MINUS_4,
    "element of size 0": bundle(b""),
    "element beyond the end": b"#bundle\0" + struct.pack(">Qi", 1, 400) + message("/mix", 0.5),
    "element of odd size": b"#bundle\0" + struct.pack(">Qi", 1, 3) + b"/m\0",
    "bundle without time tag": b"#bundle\0\0\0",
    "nested too deep": nested(DEPTH + 1),
    "nested 5000 deep": nested(2500),
    "no slash": message("mix", 0.5),
    "no comma": b"/mix\0\0\0\0f\0\0\0\0\0\0\0",
    "unknown tag": b"/mix\0\0\0\0,Q\0\0\0\0\0\0",
    "truncated float": message("/mix", 0.5)[:-2],
    "missing argument": message("/mix", 0.5)[:-4],
    "negative blob": b"/mix\0\0\0\0,b\0\0" + struct.pack(">i", -8),
    "huge blob": b"/mix\0\0\0\0,b\0\0" + struct.pack(">i", 2**31 - 1),
    "address not UTF-8": b"/\xff\xfe\0,\0\0\0",
    "string not UTF-8": b"/mix\0\0\0\0,s\0\0\xff\xfe\xfd\0",
    "unclosed array": b"/mix\0\0\0\0,[i\0\0\0\0\1",
    "a good one and a bad one": bundle(message("/mix", 0.5), b"/mi\xff"),
}


@pytest.mark.parametrize("datagram", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_datagram_is_refused_whole(datagram: bytes) -> None:
    with pytest.raises(Malformed):
        messages(datagram)


def test_a_time_tag_a_day_ahead_delays_nothing() -> None:
    assert messages(bundle(message("/mix", 0.25), tag=DAY_AHEAD)) == [("/mix", [0.25])]


@pytest.mark.parametrize("tag", [0, 1, 1 << 33, DAY_AHEAD, 2**64 - 1])
def test_past_future_and_immediate_behave_alike(tag: int) -> None:
    assert messages(bundle(message("/mix", 0.25), tag=tag)) == [("/mix", [0.25])]


def test_bundles_as_deep_as_allowed_are_understood() -> None:
    assert messages(nested(DEPTH)) == [("/mix", [0.5])]


def test_python_osc_would_have_slept_on_this_bundle() -> None:
    """The oracle for the time tag: the library reads the same bytes and puts the message a day away."""
    assert OscBundle(bundle(message("/mix", 0.25), tag=DAY_AHEAD)).timestamp > time.time() + 80000


@given(st.binary(max_size=200))
def test_random_bytes_are_understood_or_refused(datagram: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(messages(datagram), list)


@given(
    st.sampled_from([nested(3), bundle(message("/look/hue", 1, "a", 2.0), message("/mix")), message("/t", [1, [2.0]])]),
    st.lists(st.tuples(st.integers(0, 75), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 80),
)
def test_a_damaged_packet_is_understood_or_refused(good: bytes, damage: list[tuple[int, int]], length: int) -> None:
    bad = bytearray(good)
    for at, value in damage:
        bad[at % len(bad)] = value
    receiver_desk = Desk()
    try:
        receiver_desk.receive(messages(bytes(bad[:length])), 0.0)
    except Malformed:
        return


@pytest.mark.footage
@pytest.mark.parametrize("name", ["liblo_oscsend", "node_oscmin_nodeosc", "puredata_oscformat_netsend", "python_osc"])
def test_what_real_senders_put_on_the_wire_is_understood(name: str) -> None:
    captured = json.loads(footage(f"osc/{name}.json").read_text())
    understood = 0
    for packet in captured:
        datagram = bytes.fromhex(packet["hex"])
        if datagram.startswith((b"/", b"#bundle")):
            understood += len(messages(datagram))
        else:
            with pytest.raises(Malformed, match="start with /"):
                messages(datagram)
    assert understood >= len(captured) - 1


@pytest.mark.footage
def test_a_captured_slider_moves_the_mix() -> None:
    captured = json.loads(footage("osc/puredata_oscformat_netsend.json").read_text())
    desk = Desk()
    for packet in captured:
        desk.receive(messages(bytes.fromhex(packet["hex"])), 0.0)
    assert desk.tick(0.0).mix == 0.25


class Wire:
    """A receiver on a free port, and a socket that sends to it."""

    def __init__(self, out: OscSender | None = None) -> None:
        self.desk = Desk()
        self.receiver = OscReceiver(self.desk, "127.0.0.1", 0, out)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, ("127.0.0.1", self.receiver.port))
        self.receiver.step(2.0)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.receiver.close()
        self._socket.close()


def test_a_message_over_the_network_reaches_the_controls() -> None:
    with Wire() as wire:
        wire.send(message("/mix", 0.5))
        assert wire.desk.tick(0.0).mix == 0.5


def test_malformed_packets_are_counted_and_the_next_good_one_still_acts() -> None:
    with Wire() as wire:
        for datagram in MALFORMED.values():
            wire.send(datagram)
        wire.send(message("/blackout", 1))
        assert wire.desk.tick(0.0).blackout == 1
        assert wire.receiver.counts.malformed == len(MALFORMED)


def test_a_datagram_of_the_largest_size_is_taken_whole() -> None:
    with Wire() as wire:
        many = bundle(*[message("/mix", index / 4000) for index in range(2600)])
        assert len(many) > 50_000
        wire.send(many)
        assert wire.desk.tick(0.0).mix == pytest.approx(2599 / 4000)


def test_what_was_not_understood_is_answered_on_error() -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
    listener.settimeout(2)
    out = OscSender("127.0.0.1", listener.getsockname()[1])
    with Wire(out) as wire:
        wire.send(message("/no/such/thing", 1))
        address, arguments = messages(listener.recv(4096))[0]
    assert address == "/error"
    assert "/no/such/thing" in arguments[0]
    listener.close()
    out.close()


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with Wire() as wire, pytest.raises(Unavailable, match=rf"port {wire.receiver.port} .* taken.*--osc-in"):
        OscReceiver(Desk(), "127.0.0.1", wire.receiver.port)


def test_an_address_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(Unavailable, match=r"203\.0\.113\.7"):
        OscReceiver(Desk(), "203.0.113.7", 0)


def test_landmarks_leave_as_floats_with_one_address_each() -> None:
    landmarks = np.random.default_rng(0).random((33, 4), np.float32)
    sent = messages(landmark_bundle(landmarks))
    assert len(sent) == 33
    assert sent[0][0] == "/pose/nose"
    assert sent[15][0] == "/pose/left_wrist"
    assert np.allclose([arguments for _, arguments in sent], landmarks)


def test_nobody_listening_is_no_fault_of_the_show() -> None:
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    out = OscSender("127.0.0.1", port)
    for _ in range(5):
        out.send("/fps/display", 60.0)
    out.close()


@pytest.mark.parametrize("has_call", [True, False], ids=["at once", "one by one"])
def test_all_datagrams_that_wait_are_read_with_their_senders(has_call: bool) -> None:
    udp = socket.AF_INET, socket.SOCK_DGRAM
    with socket.socket(*udp) as ear, socket.socket(*udp) as one, socket.socket(*udp) as other:
        ear.bind(("127.0.0.1", 0))
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        batches = Batches(ear)
        if not has_call:
            batches._call = None
        sent = [(one, b""), (other, b"a"), (one, bytes(range(256)) * 250), *((other, b"%d" % n) for n in range(300))]
        for sender, datagram in sent:
            sender.sendto(datagram, ear.getsockname())
        found = batches.waiting(1.0)
        while more := batches.waiting(0.01):
            found += more
        assert found == [(datagram, ("127.0.0.1", sender.getsockname()[1])) for sender, datagram in sent]
