"""OSCQuery and the control page: what they tell, who comes in, and what a finger on a phone does to the show."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from engines.errors import Unavailable
from live.control.coercion import knob_control
from live.control.datagrams import messages
from live.control.desk import Desk
from live.control.echo import Echo
from live.control.encoding import message
from live.control.oscquery import OscQuery
from live.control.page import PAGE, Door, PageServer, Preview
from live.control.parameters import TABLE
from live.control.telling import OscSender
from live.pacing import Tick
from tests.fakes_browser import Browser, Tab

TOKEN = "a-token-of-the-house"


class Stage:
    """A desk that ticks, its echo and its page, as in a show but without a picture to make."""

    def __init__(self, door: Door | None = None) -> None:
        self.desk, self.preview = Desk(), Preview()
        self.out = OscSender("127.0.0.1", 9)
        self.query = OscQuery(self.desk, lambda: 7400, lambda: ["ember", "frost"])
        self.page = PageServer(self.desk, self.query, door or Door(port=0), self.preview)
        self.out.listeners.append(self.page.listen)
        self.port = self.page.port
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(part,)) for part in (self.page, Echo(self.desk, self.out))
        ]
        self._threads.append(threading.Thread(target=self._tick))
        for thread in self._threads:
            thread.start()

    def _run(self, part: PageServer | Echo) -> None:
        while not self._stop.is_set():
            part.step()

    def _tick(self) -> None:
        while not self._stop.is_set():
            self.desk.tick(time.perf_counter())
            time.sleep(1 / 60)

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.page.close()
        self.out.close()

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        asked = HTTPConnection("127.0.0.1", self.port, timeout=10)
        asked.request("GET", path, headers=headers or {})
        answer = asked.getresponse()
        body = answer.read()
        asked.close()
        return answer.status, body

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def listening(self, *paths: str) -> ClientConnection:
        socket = connect(f"ws://127.0.0.1:{self.port}/", max_queue=None)
        for path in paths:
            socket.send(json.dumps({"COMMAND": "LISTEN", "DATA": path}))
        return socket

    def until(self, done: Any, timeout_s: float = 10.0) -> None:
        end_s = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < end_s, "it did not happen"
            time.sleep(0.01)


@contextmanager
def staged(door: Door | None = None) -> Iterator[Stage]:
    stage = Stage(door)
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as found:
        yield found


def heard(socket: ClientConnection, address: str, timeout_s: float = 5.0) -> Sequence[Any]:
    """The next arguments told at an address."""
    while True:
        data = socket.recv(timeout=timeout_s)
        if isinstance(data, bytes):
            for known, arguments in messages(data):
                if known == address:
                    return arguments


def test_every_control_is_told_with_type_range_access_value_and_words(stage: Stage) -> None:
    for control in TABLE:
        node = stage.query.node(control.address)
        assert node is not None
        assert node["FULL_PATH"] == control.address
        assert node["DESCRIPTION"] == control.help
        assert node["ACCESS"] == (2 if control.kind == "trigger" else 3)
        assert ("VALUE" in node) == (control.kind != "trigger")
        if control.kind == "slider":
            assert (node["TYPE"], node["RANGE"]) == ("f", [{"MIN": 0, "MAX": 1}])
        if control.twin:
            twin = stage.query.node(control.twin)
            assert twin is not None
            assert twin["RANGE"] == [{"MIN": control.low, "MAX": control.high}]


def test_the_whole_tree_comes_over_http(stage: Stage) -> None:
    root = stage.json("/")
    assert root["FULL_PATH"] == "/"
    assert root["CONTENTS"]["mix"]["VALUE"] == [1.0]
    assert root["CONTENTS"]["look"]["CONTENTS"]["hue"]["CONTENTS"]["degrees"]["UNIT"] == ["degrees"]
    assert root["CONTENTS"]["bundle"]["RANGE"] == [{"VALS": ["ember", "frost"]}]
    assert root["CONTENTS"]["fps"]["CONTENTS"]["engine"]["ACCESS"] == 1


def test_host_info_says_where_osc_is(stage: Stage) -> None:
    info = stage.json("/?HOST_INFO")
    assert (info["OSC_PORT"], info["OSC_TRANSPORT"], info["WS_PORT"]) == (7400, "UDP", stage.port)
    assert info["EXTENSIONS"]["LISTEN"] is True


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/mix?VALUE", 200),
        ("/bundle/next?VALUE", 204),
        ("/nothing/here", 404),
        ("/mix?COLOR", 400),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/mix/../../etc/passwd", 404),
    ],
)
def test_what_is_asked_is_answered_with_the_status_of_the_proposal(stage: Stage, path: str, status: int) -> None:
    assert stage.get(path)[0] == status


def test_one_attribute_is_told_alone(stage: Stage) -> None:
    assert stage.json("/mix?VALUE") == {"VALUE": [1.0]}
    assert stage.json("/mix?RANGE") == {"RANGE": [{"MIN": 0, "MAX": 1}]}


def test_who_listens_hears_what_others_turn(stage: Stage) -> None:
    with stage.listening("/mix") as socket:
        time.sleep(0.2)
        stage.desk.receive([("/mix", [0.25]), ("/look/hue", [0.1])], time.perf_counter(), "elsewhere")
        assert heard(socket, "/mix") == [0.25]


def test_who_does_not_listen_any_more_hears_nothing(stage: Stage) -> None:
    with stage.listening("/mix", "/freeze") as socket:
        socket.send(json.dumps({"COMMAND": "IGNORE", "DATA": "/mix"}))
        time.sleep(0.2)
        stage.desk.receive([("/mix", [0.25])], time.perf_counter(), "elsewhere")
        stage.desk.receive([("/freeze", [1])], time.perf_counter(), "elsewhere")
        told = []
        while not any(address == "/freeze" for address, _ in told):
            told += messages(bytes(socket.recv(timeout=5)))  # type: ignore[arg-type]
        assert all(address != "/mix" for address, _ in told)


def test_osc_through_the_websocket_turns_controls(stage: Stage) -> None:
    with stage.listening() as socket:
        socket.send(message("/mix", [0.5]))
        stage.until(lambda: stage.desk.read().mix == 0.5)


def test_a_choice_is_told_by_its_name(stage: Stage) -> None:
    with stage.listening("/backdrop") as socket:
        time.sleep(0.2)
        stage.desk.receive([("/backdrop", [1])], time.perf_counter(), "elsewhere")
        assert heard(socket, "/backdrop") == ["camera"]


def test_who_moves_a_slider_hears_it_once_it_rests_and_others_at_once(stage: Stage) -> None:
    with stage.listening("/mix") as mover, stage.listening("/mix") as other:
        time.sleep(0.2)
        start_s = time.monotonic()
        for step in range(30):
            mover.send(message("/mix", [step / 30]))
            time.sleep(0.02)
        assert heard(other, "/mix")
        assert heard(mover, "/mix") == [pytest.approx(29 / 30)]
        assert time.monotonic() - start_s > 0.6


def test_nonsense_over_the_websocket_is_answered_and_the_next_word_counts(stage: Stage) -> None:
    with stage.listening() as socket:
        for nonsense in (b"", b"\xff" * 40, "not json", "{}", "[]", '{"COMMAND": 3, "DATA": []}', b"#bundle\0"):
            socket.send(nonsense)
        socket.send(message("/mix", [0.5]))
        stage.until(lambda: stage.desk.read().mix == 0.5)
        assert "page" in str(heard(socket, "/error")[0])


def test_a_huge_message_ends_that_client_and_no_other(stage: Stage) -> None:
    with stage.listening("/mix") as good:
        bad = connect(f"ws://127.0.0.1:{stage.port}/")
        bad.send(b"x" * 200_000)
        time.sleep(0.3)
        good.send(message("/mix", [0.5]))
        stage.until(lambda: stage.desk.read().mix == 0.5)


def test_other_knobs_are_announced(stage: Stage) -> None:
    with stage.listening() as socket:
        time.sleep(0.2)
        stage.desk.take_up("ember", lambda: [knob_control("glow", 0.0, 1.0, 0.5, "")])
        assert json.loads(socket.recv(timeout=5)) == {"COMMAND": "PATH_CHANGED", "DATA": "/knob"}
        assert stage.json("/knob/glow?TYPE") == {"TYPE": "f"}


def test_the_preview_is_the_picture_of_the_show(stage: Stage) -> None:
    assert stage.get("/preview.jpg")[0] == 204
    stage.preview.show(np.full((360, 640, 3), (200, 60, 20), np.uint8), Tick(0, 0.0, 0.0, 0))
    status, body = stage.get("/preview.jpg")
    seen = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert status == 200
    assert seen is not None
    assert seen.shape == (270, 480, 3)
    assert np.abs(seen[135, 240].astype(int) - (20, 60, 200)).max() < 8


def test_the_page_asks_nothing_of_the_internet() -> None:
    text = PAGE.read_text()
    assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("ws://${location.host}", "").replace(
        "// ", ""
    )


def test_a_browser_gets_the_page_and_a_program_the_tree(stage: Stage) -> None:
    assert stage.get("/", {"Accept": "text/html"})[1] == PAGE.read_bytes()
    assert stage.get("/", {"Accept": "*/*"})[1].startswith(b"{")


def test_a_foreign_page_may_not_turn_our_controls(stage: Stage) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{stage.port}/", additional_headers={"Origin": "http://evil.example"})


def test_a_foreign_name_that_leads_here_is_refused(stage: Stage) -> None:
    assert stage.get("/", {"Host": "evil.example:7480"})[0] == 403


def test_this_machine_needs_no_token() -> None:
    with staged(Door("0.0.0.0", 0, TOKEN)) as stage:
        assert stage.get("/mix")[0] == 200


@pytest.mark.parametrize(("asked", "is_in"), [("", False), ("?token=wrong", False), (f"?token={TOKEN}", True)])
def test_other_machines_need_the_token(asked: str, is_in: bool) -> None:
    page = PageServer(Desk(), OscQuery(Desk(), lambda: 0), Door(port=0, token=TOKEN))
    headers: Any = {"Host": "192.168.1.5:7480"}

    class Elsewhere:
        remote_address = ("192.168.1.77", 5)

    parsed = {"token": [asked.removeprefix("?token=")]} if asked else {}
    assert (page._refused(Elsewhere(), headers, parsed) == "") is is_in  # type: ignore[arg-type]
    page.close()


def test_a_page_port_that_is_taken_is_one_sentence_with_the_owner(stage: Stage) -> None:
    with pytest.raises(Unavailable, match=rf"port {stage.port} .* taken by .*process.*--page-port"):
        PageServer(Desk(), OscQuery(Desk(), lambda: 0), Door(port=stage.port))


# In a real browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = Browser()
    yield found
    found.close()


def _opened(browser: Browser, stage: Stage) -> Tab:
    tab = browser.tab(f"http://127.0.0.1:{stage.port}/")
    tab.until("document.querySelectorAll('.row').length > 20 && socket && socket.readyState === 1")
    return tab


SHOWN = "document.querySelector('[data-path=\"/mix\"] .track').ariaValueNow"


@pytest.mark.slow
def test_a_finger_on_a_slider_turns_the_show(browser: Browser, stage: Stage) -> None:
    tab = _opened(browser, stage)
    tab.drag('[data-path="/mix"] .track', -0.4)
    stage.until(lambda: abs(stage.desk.read().mix - 0.6) < 0.02)


@pytest.mark.slow
def test_two_phones_show_the_same(browser: Browser, stage: Stage) -> None:
    one, other = _opened(browser, stage), _opened(browser, stage)
    one.drag('[data-path="/mix"] .track', -0.3)
    other.until(f"Math.abs({SHOWN} - {stage.desk.read().mix}) < 0.01")
    other.drag('[data-path="/mix"] .track', -0.2)
    one.until(f"Math.abs({SHOWN} - 0.5) < 0.02")


@pytest.mark.slow
def test_a_page_comes_back_by_itself_after_the_show_was_restarted(browser: Browser) -> None:
    with staged() as first:
        port = first.port
        tab = _opened(browser, first)
    tab.until("!document.getElementById('lost').hidden")
    with staged(Door(port=port)) as second:
        tab.until("document.getElementById('lost').hidden && socket.readyState === 1")
        tab.drag('[data-path="/mix"] .track', -0.4)
        second.until(lambda: second.desk.read().mix < 0.7)


@pytest.mark.slow
def test_panic_on_the_page_and_back(browser: Browser, stage: Stage) -> None:
    tab = _opened(browser, stage)
    tab.tap("#panic")
    stage.until(lambda: stage.desk.read().panic)
    tab.until("document.getElementById('panic').textContent === 'GIVE BACK'")
    tab.tap("#panic")
    stage.until(lambda: not stage.desk.read().panic)


@pytest.mark.slow
def test_presets_and_cues_are_made_and_played_on_the_page(browser: Browser, stage: Stage) -> None:
    tab = _opened(browser, stage)
    tab.tap("[data-tab=cues]")
    tab.value("document.querySelector('#preset-form').name.value = 'warm <b>'")
    tab.tap("#preset-form button")
    tab.until("document.querySelector('#preset-list button')?.textContent === 'warm <b>'")
    stage.desk.receive([("/mix", [0.1])], time.perf_counter(), "elsewhere")
    stage.until(lambda: stage.desk.read().mix == 0.1)
    tab.tap("#preset-list button")
    stage.until(lambda: stage.desk.read().mix == 1.0)
    tab.tap("#cue-edit")
    tab.value("document.querySelector('#cue-form').name.value = 'opening'")
    tab.tap("#cue-form button")
    stage.until(lambda: stage.desk.cues.names == ["opening"])
    tab.tap("#go")
    stage.until(lambda: stage.desk.cues.number == 0)


@pytest.mark.slow
def test_everything_a_finger_needs_is_large_enough(browser: Browser, stage: Stage) -> None:
    tab = _opened(browser, stage)
    small = tab.value(
        "[...document.querySelectorAll('button, .track')].filter(e => e.offsetParent)"
        ".map(e => [e.textContent, e.getBoundingClientRect().height]).filter(([, height]) => height < 44)"
    )
    assert small == []
    assert tab.value("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_is_where_the_package_takes_it_from() -> None:
    assert Path("live/page/index.html") == PAGE.relative_to(Path(__file__).parents[2])
