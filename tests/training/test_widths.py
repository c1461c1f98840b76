"""A generator is as wide as the machine performs in time."""

import pytest

from engines.errors import ConfigError
from tests.training.test_loop import _config
from training.bench_generators import contender
from training.config import GeneratorConfig
from training.widths import SPARE, WIDTHS, _p95_ms, fitting_width, measured_width


@pytest.mark.parametrize(("ms_each", "width"), [(0.1, 72), (0.5, 40), (1.2, 16), (99.0, 16)])
def test_the_widest_that_leaves_time_to_spare_is_taken(ms_each: float, width: int) -> None:
    found, took_ms = fitting_width(lambda channels: channels * ms_each, rate_hz=30)
    assert found == width
    assert took_ms == pytest.approx(width * ms_each)
    assert took_ms <= SPARE * 1000 / 30 or width == WIDTHS[-1]


def test_a_faster_show_gets_a_narrower_net() -> None:
    assert fitting_width(lambda channels: channels * 0.3, rate_hz=60)[0] < fitting_width(lambda c: c * 0.3, 30)[0]


def test_a_config_is_made_as_wide_as_asked() -> None:
    wider = _config().as_wide_as(24)
    assert wider.generator.width == 24
    assert wider.as_wide_as(8) == _config()


def test_auto_is_for_the_live_generators() -> None:
    with pytest.raises(ConfigError, match="unet"):
        measured_width(_config(generator={"kind": "unet"}))


def test_what_is_measured_is_a_picture_of_that_generator() -> None:
    assert 0 < _p95_ms(contender("light", 64, GeneratorConfig(width=8, blocks=1))) < 1000
