"""How wide a generator may be so that this machine performs with it in time: measured here, not looked up."""

import time
from collections.abc import Callable

from engines.backends import open_engine
from engines.errors import ConfigError
from engines.measuring import percentiles
from training.bench_generators import Contender, contender
from training.config import TrainingConfig

LIVE = ("light", "refiner")  # all but a hundredth of a refiner is a light net of its width
WIDTHS = (72, 56, 40, 32, 24, 16)
RATE_HZ = 30.0
# The tracker has a core of its own, but display, recorder and the room's heat want some of the rest.
SPARE = 0.6
WARM, RUNS = 5, 30

Measure = Callable[[int], float]


def measured_width(config: TrainingConfig, size: int | None = None) -> int:
    """Channels of the widest live generator that performs at `size` (default: that of `config`), said aloud.

    Raises ConfigError where the generator is not the live one.
    """
    if config.generator.kind not in LIVE:
        raise ConfigError(f"--width auto is for the live generators, not for {config.generator.kind!r}; give a number")
    width, took_ms = fitting_width(lambda channels: _p95_ms(_contender(config, channels, size or config.size)))
    print(f"generator.width={width}: a picture takes {took_ms:.1f} ms of {1000 / RATE_HZ:.0f} here", flush=True)
    return width


def fitting_width(p95_ms: Measure, rate_hz: float = RATE_HZ) -> tuple[int, float]:
    """The widest of `WIDTHS` that leaves time to spare at `rate_hz`, and what it takes; else the narrowest."""
    took_ms = 0.0
    for width in WIDTHS:
        took_ms = p95_ms(width)
        if took_ms <= SPARE * 1000 / rate_hz:
            return width, took_ms
    return WIDTHS[-1], took_ms


def _contender(config: TrainingConfig, width: int, size: int) -> Contender:
    generator = config.generator.model_copy(update={"width": width, "kind": "light"})
    return contender("light", size, generator)


def _p95_ms(one: Contender) -> float:
    """Of one picture on the engine that a show would take."""
    engine = open_engine(one.bundle)
    taken = []
    try:
        for k in range(WARM + RUNS):
            began = time.perf_counter()
            engine({"conditioning": one.pictures[k % len(one.pictures)]})
            taken.append(1e3 * (time.perf_counter() - began))
    finally:
        engine.close()
    return percentiles(taken[WARM:])["p95"]
