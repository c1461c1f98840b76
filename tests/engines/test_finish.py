"""How outputs become the picture, each against a longhand in float64."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.finish import composed, faded, joined, over, refined, soft_sided
from engines.scene import Drawn
from tests.fakes_engines import manifest


def _random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _over_longhand(figure: np.ndarray, background: np.ndarray, at: tuple[int, int]) -> np.ndarray:
    """Pixel by pixel."""
    out = background.astype(np.float64)
    for y in range(figure.shape[0]):
        for x in range(figure.shape[1]):
            if 0 <= y + at[0] < out.shape[0] and 0 <= x + at[1] < out.shape[1]:
                alpha = figure[y, x, 3] / 255
                out[y + at[0], x + at[1]] = alpha * figure[y, x, :3] + (1 - alpha) * background[y + at[0], x + at[1]]
    return out


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), y=st.integers(-12, 20), x=st.integers(-12, 20), sparse=st.booleans())
def test_a_figure_over_a_background_is_correctly_rounded_wherever_it_lies(
    seed: int, y: int, x: int, sparse: bool
) -> None:
    figure, background = _random(seed, 9, 7, 4), _random(seed + 1, 17, 15, 3)
    if sparse:
        figure[..., 3] *= _random(seed + 2, 9, 7) > 230
    before = background.copy()
    found = over(figure, background, (y, x))
    assert np.abs(found - _over_longhand(figure, background, (y, x))).max() <= 0.5 + 1e-9
    assert np.array_equal(background, before)


def test_every_alpha_with_every_color_is_correctly_rounded() -> None:
    color, alpha = np.meshgrid(np.arange(256), np.arange(256))
    figure = np.dstack([color, 255 - color, color, alpha]).astype(np.uint8)
    for under in (0, 1, 127, 128, 254, 255):
        background = np.full((256, 256, 3), under, np.uint8)
        exact = (figure[..., :3].astype(float) * alpha[..., None] + under * (255.0 - alpha[..., None])) / 255
        assert np.abs(over(figure, background) - exact).max() <= 0.5 + 1e-9


def test_a_figure_that_is_not_there_leaves_the_room_as_it_is() -> None:
    figure, room = _random(0, 16, 16, 4), _random(1, 16, 16, 3)
    figure[..., 3] = 0
    assert np.array_equal(over(figure, room), room)


def test_a_picture_can_be_laid_over_in_place_and_into_a_buffer() -> None:
    figure, room = _random(0, 16, 16, 4), _random(1, 24, 24, 3)
    expected = over(figure, room, (4, 4))
    buffer = np.empty_like(room)
    assert over(figure, room, (4, 4), out=buffer) is buffer
    assert np.array_equal(buffer, expected)
    assert over(figure, room, (4, 4), out=room) is room
    assert np.array_equal(room, expected)


@pytest.mark.parametrize("presence", [0.0, 0.25, 0.5, 1.0])
def test_presence_fades_the_alpha_and_leaves_the_color(presence: float) -> None:
    figure = _random(0, 16, 16, 4)
    before = figure.copy()
    found = faded(figure, presence)
    assert np.abs(found[..., 3] - figure[..., 3] * presence).max() <= 0.5
    assert np.array_equal(found[..., :3], figure[..., :3])
    assert np.array_equal(figure, before)
    assert not np.shares_memory(found, figure)


@pytest.mark.parametrize(("left", "right"), [(True, False), (False, True), (True, True), (False, False)])
def test_a_figure_runs_out_where_the_canvas_goes_on_beside_its_square(left: bool, right: bool) -> None:
    figure = np.full((48, 48, 4), 200, np.uint8)
    soft_sided(figure, left, right)
    alpha = figure[..., 3].astype(int)
    assert (figure[..., :3] == 200).all()
    assert (alpha[:, 2:-2] == 200).all()
    assert [(alpha[:, 0] == 0).all(), (alpha[:, -1] == 0).all()] == [left, right]
    assert [(alpha[:, 1] < 200).all(), (alpha[:, -2] < 200).all()] == [left, right]


def test_a_figure_can_stand_before_any_background_of_the_canvas() -> None:
    described = manifest(16, plate_at=(4, 2))
    figure, black = _random(0, 16, 16, 4), np.zeros((24, 20, 3), np.uint8)
    drawn = Drawn(_random(1, 24, 20, 3), figure, None, 0.0)
    assert np.array_equal(composed(drawn, described, black), over(figure, black, (4, 2)))
    assert composed(Drawn(drawn.image, None, None, 0.0), described, black) is drawn.image
    with pytest.raises(ValueError, match="expected the canvas"):
        composed(drawn, described, black[:-1])


# Refine --------------------------------------------------------------------------------------------------------------


def _ports(size: int, displacement: tuple[float, float], gate: int, seed: int = 3) -> dict[str, np.ndarray]:
    quarter = size // 4
    return {
        "displacement": np.broadcast_to(np.array(displacement, np.float32), (quarter, quarter, 2)),
        "gate": np.full((size, size, 1), gate, np.uint8),
        "paint": _random(seed, size, size, 3),
        "matte": _random(seed + 1, size, size, 1),
    }


def test_an_open_gate_without_displacement_keeps_the_posed_figure() -> None:
    posed = _random(0, 32, 32, 4)
    ports = _ports(32, (0, 0), gate=255)
    figure = refined(ports, posed)
    assert np.array_equal(figure[..., :3], posed[..., :3])
    assert np.array_equal(figure[..., 3:], ports["matte"])


def test_a_closed_gate_shows_the_paint() -> None:
    ports = _ports(32, (3, -2), gate=0)
    assert np.array_equal(refined(ports, _random(0, 32, 32, 4))[..., :3], ports["paint"])


def test_a_displacement_fetches_from_so_many_pixels_right_and_down() -> None:
    posed = _random(0, 32, 32, 4)
    figure = refined(_ports(32, (3, 5), gate=255), posed)
    assert np.array_equal(figure[:-5, :-3, :3], posed[5:, 3:, :3])
    assert not figure[-5:, :, :3].any()


def test_a_displacement_in_levels_is_the_same_as_in_pixels() -> None:
    posed = _random(0, 32, 32, 4)
    in_pixels = _ports(32, (2.5, -1.25), gate=200)
    in_levels = {**in_pixels, "displacement": np.zeros((8, 8, 2), np.uint8) + np.array([138, 123], np.uint8)}
    assert np.array_equal(refined(in_levels, posed, 0.25), refined(in_pixels, posed))


def test_a_smooth_displacement_is_what_bilinear_sampling_gives() -> None:
    size = 32
    yy, xx = np.mgrid[:size, :size].astype(np.float64)
    posed = np.dstack([4 * xx, 4 * yy, 2 * xx + 2 * yy, 0 * xx + 255]).astype(np.uint8)
    ports = _ports(size, (1.5, 2.25), gate=255)
    inside = refined(ports, posed)[4:-4, 4:-4].astype(float)
    expected = np.dstack([4 * (xx + 1.5), 4 * (yy + 2.25), 2 * (xx + 1.5) + 2 * (yy + 2.25)])[4:-4, 4:-4]
    assert np.abs(inside[..., :3] - expected).max() <= 1


# Chroma --------------------------------------------------------------------------------------------------------------


def test_joined_color_keeps_the_luminance_of_the_frame() -> None:
    frame = cv2.GaussianBlur(_random(0, 64, 64, 3), (0, 0), 2)
    chroma = np.full((16, 16, 2), 128, np.uint8) + _random(1, 16, 16, 2) // 16
    picture = joined(chroma, frame, (64, 64))
    assert np.abs(_light_codes(picture) - _light_codes(frame)).max() < 1.5


def test_neutral_chroma_is_gray_and_true_chroma_gives_the_frame_back() -> None:
    smooth = cv2.resize(_random(0, 6, 6, 3), (64, 64), interpolation=cv2.INTER_CUBIC)
    gray = joined(np.full((16, 16, 2), 128, np.uint8), smooth, (64, 64)).astype(int)
    assert np.ptp(gray, axis=2).max() <= 1
    true = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:] + 128
    assert np.abs(joined(true, smooth, (64, 64)).astype(int) - smooth).mean() < 1.5


def _light_codes(frame: np.ndarray) -> np.ndarray:
    """Luminance (IEC 61966-2-1, BT.709) as codes of 255, longhand."""
    v = frame.astype(np.float64) / 255
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))
