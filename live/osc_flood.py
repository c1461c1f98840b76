"""The sender of `bench osc`, a process of its own: `python -m live.osc_flood OSC_PORT PAGE_PORT SECONDS RATE_HZ`."""

import argparse
import json
import random
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from websockets.sync.client import connect

from live.control.encoding import message

QUIET_S = 12.0
"""Before the flood, in the same run, the same sliders are turned at every picture, but by nobody on the network, while
the sender sends as much to a port that nobody reads: what the display loses then is not lost to OSC."""

REST_S = 1.0
PRESS_EVERY_S, MALFORMED_EVERY_S, PANIC_EVERY_S, SLIDE_EVERY_S = 0.2, 0.1, 5.0, 0.7
PANIC_FOR_S = 0.5
FLOODED = (
    "/look/brightness",
    "/look/contrast",
    "/look/saturation",
    "/look/hue",
    "/pose/smoothing",
    "/pose/retarget",
    "/bundle/fade",
    "/figures/spread",
    "/echo/spacing",
    "/shadow/length",
)
"""Sliders that cost nothing to turn. Effects that take time to draw would be blamed on the network."""


def flood(osc_port: int, page_port: int, seconds: float, rate_hz: int) -> dict[str, Any]:
    """Send sliders at `rate_hz`, and among them presses, broken packets, panics and a hand on the page."""
    chance = random.Random(0)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("127.0.0.1", osc_port))
    out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    told: dict[str, Any] = {"sent": 0, "malformed": 0, "presses": 0, "panics_s": [], "slid": [], "last": {}}
    dues = deque(_dues(seconds))
    with connect(f"ws://127.0.0.1:{page_port}/") as page:
        told["void_s"] = time.perf_counter()
        _send_into_the_void(QUIET_S, rate_hz)
        began_s = told["began_s"] = time.perf_counter()
        while (now_s := time.perf_counter()) - began_s < seconds:
            while dues and dues[0][0] <= now_s - began_s:
                _do(dues.popleft()[1], out, page, told, chance)
            due = int((now_s - began_s) * rate_hz) - told["sent"]
            for _ in range(max(0, min(due, 50))):
                address, share = chance.choice(FLOODED), chance.random()
                out.send(message(address, [share]))
                told["sent"] += 1
                told["last"][address] = struct.unpack(">f", struct.pack(">f", share))[0]
            time.sleep(0.0005)
        told["ended_s"] = time.perf_counter()
        out.send(message("/panic", [0.0]))
        told["sent"] += 1
        time.sleep(REST_S)
        # a panic makes controls neutral: what is on record is what was sent after the last one
        for address in FLOODED:
            share = chance.random()
            out.send(message(address, [share]))
            told["sent"] += 1
            told["last"][address] = struct.unpack(">f", struct.pack(">f", share))[0]
        time.sleep(REST_S)
    return told


def _send_into_the_void(seconds: float, rate_hz: int) -> None:
    """The sender's own cost, alone: all cores are the show's too."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as void,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        void.bind(("127.0.0.1", 0))
        out.connect(void.getsockname())
        began_s, sent, chance = time.perf_counter(), 0, random.Random(0)
        while (now_s := time.perf_counter()) - began_s < seconds:
            due = int((now_s - began_s) * rate_hz) - sent
            for _ in range(max(0, min(due, 50))):
                out.send(message(chance.choice(FLOODED), [chance.random()]))
                sent += 1
            time.sleep(0.0005)


def _dues(seconds: float) -> Iterator[tuple[float, str]]:
    """When what is to be done besides the flood, in order."""
    every = {"press": PRESS_EVERY_S, "malformed": MALFORMED_EVERY_S, "panic": PANIC_EVERY_S, "slide": SLIDE_EVERY_S}
    found = [(step * each, what) for what, each in every.items() for step in range(1, int(seconds / each) + 1)]
    # A panic forgets what came in before it, so a slide that meets one on its way would never be seen.
    found = [
        (at_s, what) for at_s, what in found if what != "slide" or 0.3 < at_s % PANIC_EVERY_S < PANIC_EVERY_S - 0.3
    ]
    found += [(at_s + PANIC_FOR_S, "calm") for at_s, what in found if what == "panic"]
    yield from sorted(found)


def _do(what: str, out: socket.socket, page: Any, told: dict[str, Any], chance: random.Random) -> None:
    now_s = time.perf_counter()
    if what == "press":
        out.send(message("/bundle/next", [1.0]))
        out.send(message("/bundle/next", [0.0]))
        told["presses"] += 1
        told["sent"] += 2
    elif what == "malformed":
        out.send(chance.randbytes(chance.randrange(1, 200)))
        told["malformed"] += 1
    elif what in ("panic", "calm"):
        out.send(message("/panic", [float(what == "panic")]))
        told["sent"] += 1
        if what == "panic":
            told["panics_s"].append(now_s)
    else:
        mix = struct.unpack(">f", struct.pack(">f", chance.random()))[0]
        page.send(message("/mix", [mix]))
        told["slid"].append((now_s, mix))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("osc_port", type=int)
    parser.add_argument("page_port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("rate_hz", type=int)
    given = parser.parse_args()
    print(json.dumps(flood(given.osc_port, given.page_port, given.seconds, given.rate_hz)))
