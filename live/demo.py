"""`make demo`: something moves within seconds, on any machine, and what cannot be is said in one sentence."""

from dataclasses import dataclass
from pathlib import Path

from engines.errors import Unavailable
from live.config import LiveOptions, live_options
from live.control.osc import OscReceiver
from live.sinks.window import display_available

LOOK_S = 18.0
UNSEEN_S = 20.0
UNSEEN_MOVIE = Path("demo.mp4")
UNSEEN_SHEET = Path("demo-sheet.png")


@dataclass(frozen=True)
class Demo:
    """What the demo will be, and the sentences to say before it."""

    options: LiveOptions
    notes: tuple[str, ...]


def perform_demo(headless: bool, seconds: float | None, record: Path | None, source: str | None) -> int:
    """Perform the built-in repertoire; without a display, into a movie and a contact sheet. Returns an exit code."""
    from live.staging import perform

    demo = planned(display_available(), _port_fault(), headless, seconds, record, source)
    for note in demo.notes:
        print(note)
    return perform(demo.options)


def planned(
    display: bool, port_fault: str, headless: bool, seconds: float | None, record: Path | None, source: str | None
) -> Demo:
    """The demo for this machine. A busy OSC port is no reason to go without the page; a missing display neither."""
    given: dict[str, object] = {"headless": headless or not display, "look_every_s": LOOK_S}
    given |= {name: value for name, value in (("seconds", seconds), ("record", record), ("source", source)) if value}
    notes = []
    if not display and not headless:
        given = {"seconds": UNSEEN_S, "record": UNSEEN_MOVIE, "sheet": UNSEEN_SHEET, **given}
        notes.append(
            f"There is no display here, so this performs unseen for {given['seconds']:.0f} s into {given['record']} "
            f"and {given['sheet']}."
        )
    if port_fault:
        notes.append(f"{port_fault} The demo goes on, and takes the port as soon as it is free; the page works.")
    return Demo(live_options(given=given), tuple(notes))


def show_result(bundle: Path, options: LiveOptions) -> int:
    """The stage for a performer that was just made; where there is no display, how to open it. Returns an exit code."""
    from live.staging import perform

    if not (options.headless or display_available()):
        print(f"There is no display here to open the stage on; where there is one: understudy live --bundle {bundle}")
        return 0
    return perform(options.model_copy(update={"bundles": (bundle,)}))


def _port_fault() -> str:
    """Why nothing can be received on the default port, or an empty string."""
    from live.control.desk import Desk

    options = LiveOptions()
    try:
        OscReceiver(Desk(options.initial_controls(False), ""), options.osc_host, options.osc_in, None).close()
    except Unavailable as fault:
        return f"{str(fault).rstrip('.')}."
    return ""
