"""A camera turned gray and colored again, while a show runs: its color obeys the knobs, there and back."""

import socket
from pathlib import Path

import numpy as np

from engines.backends import open_engine
from engines.bundle import write_bundle
from engines.color import MIDDLE, chroma
from engines.images import Frame
from engines.performer import Performer
from live.control.encoding import message
from live.loop import play
from live.pipeline import StandIn, TimedEngine
from live.show import Show
from tests.fakes import FakeSink
from tests.fakes_engines import color_bundle
from tests.live.test_show import staged

ASKED = (("/knob/hue/value", 120.0), ("/knob/hue/value", 0.0), ("/knob/hue", 0.0), ("/knob/hue", 0.5))
"""In degrees, as the page has it, and as a share of its range: 0.5 is no turn, 0 is -180 degrees."""


def test_hue_turns_the_color_and_turns_it_back_while_a_show_runs(tmp_path: Path) -> None:
    colors, sink = color_bundle(), FakeSink()
    write_bundle(tmp_path / "colors", colors.manifest, {"generator.onnx": colors.files["generator.onnx"]})
    options = {"osc": True, "osc_in": 0, "page": False, "midi": False, "seconds": 20.0}
    seen: list[complex] = []

    def opened(_path: Path, _options: object) -> StandIn:
        engine = TimedEngine(open_engine(colors, "onnxruntime", "f32"))
        return StandIn(Performer(colors, engine), engine)

    with staged((tmp_path / "colors",), sink, options, stand_in=opened) as show:

        def turn(sink: FakeSink) -> bool:
            color = _color(sink.pictures[-1])
            if abs(color) < 3 or (seen and abs(color - seen[-1]) < abs(color)):
                return False  # nothing is colored yet, or not turned
            seen.append(color)
            if len(seen) <= len(ASKED):
                _send(show, *ASKED[len(seen) - 1])
            return len(seen) > len(ASKED)

        sink.until = turn
        play(show)
    turned = np.degrees(np.angle(np.array(seen[1:]) / seen[0]))
    assert np.allclose(np.abs(turned), [120, 0, 180, 0], atol=8)
    assert turned[0] > 0


def _color(picture: Frame) -> complex:
    a, b = chroma(np.ascontiguousarray(picture)).mean(axis=(0, 1)) - MIDDLE
    return complex(a, b)


def _send(show: Show, address: str, value: float) -> None:
    assert show.console.receiver
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(message(address, [value]), ("127.0.0.1", show.console.receiver.port))
