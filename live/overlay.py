"""What the operator sees over the picture: figures on F1, keys on H, and what is broken, always. Text, no drawing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

HINT_S = 8.0
FIGURES_EVERY_S = 0.25
LONGEST = 60
"""Characters of one reason: a window has room for a line."""
_PASSED = "passed over: "
HINT = (
    "P panic   B blackout   M mirror   ← → camera / performer   N next performer   F full screen   F1 figures   "
    "H keys   Q quit"
)


@dataclass(frozen=True)
class Figures:
    """How the show does, lately. Rates a second, latency from capture to flip in milliseconds (NaN before any)."""

    source_hz: float = 0.0
    tracker_hz: float = 0.0
    engine_hz: float = 0.0
    display_hz: float = 0.0
    latency_p50_ms: float = float("nan")
    latency_p95_ms: float = float("nan")
    dropped: int = 0
    """Source frames that no picture was made of."""
    presence: float = 0.0
    source: str = ""
    performer: str = ""
    engine: str = ""
    recording: str = ""
    state: float = 1.0
    """As in `live.control.signals.STATES`."""
    latency_p99_ms: float = float("nan")


class Overlay:
    """The lines to draw now. Faults are shown whether figures are asked for or not: nothing falls back silently."""

    def __init__(self, start_s: float) -> None:
        self._hint_until_s = start_s + HINT_S
        self._shows_figures = False
        self._figure_lines: list[str] = []
        self._due_s = start_s

    def toggle_figures(self) -> None:
        self._shows_figures = not self._shows_figures

    def toggle_hint(self, now_s: float) -> None:
        self._hint_until_s = now_s if now_s < self._hint_until_s else float("inf")

    def lines(self, figures: Callable[[], Figures], faults: Mapping[str, str], now_s: float) -> tuple[str, ...]:
        shown = [HINT] if now_s < self._hint_until_s else []
        if self._shows_figures:
            if now_s >= self._due_s:  # figures that change at every flip cannot be read
                self._figure_lines, self._due_s = _figure_lines(figures()), now_s + FIGURES_EVERY_S
            shown += self._figure_lines
        return (*shown, *(f"! {part}: {sentence}" for part, sentence in faults.items()))


def _figure_lines(figures: Figures) -> list[str]:
    lines = [
        f"source {figures.source_hz:.0f}   pose {figures.tracker_hz:.0f}   performer {figures.engine_hz:.0f}   "
        f"display {figures.display_hz:.0f} a second",
        f"capture to flip {figures.latency_p50_ms:.0f} ms, p95 {figures.latency_p95_ms:.0f} ms   "
        f"dropped {figures.dropped}   " + ("somebody" if figures.presence > 0 else "nobody") + " in view",
    ]
    engine = engine_line(figures.engine)
    return lines + [line for line in (figures.source, figures.performer, engine, figures.recording) if line]


def engine_line(said: str) -> str:
    """What it runs on, and in a word what was passed over; `doctor` and `/engine` tell why."""
    runs_on, _, why = said.partition(": ")
    reasons = [reason for reason in why.split("; ") if reason]
    passed = [reason.removeprefix(_PASSED).split()[0].rstrip(":") for reason in reasons if reason.startswith(_PASSED)]
    kept = [_cut(reason) for reason in reasons if not reason.startswith(_PASSED)]
    return "; ".join([runs_on, *kept, *([f"not {', '.join(passed)}: see doctor"] if passed else [])])


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
