"""Color taken from a picture and joined again: what must not be lost is its light."""

import cv2
import numpy as np

from engines.color import chroma, codes, colored, enlarged, gray, luminance, recolored


def _light_longhand(frame: np.ndarray) -> np.ndarray:
    """sRGB to linear light and BT.709's weights, in float64."""
    v = frame.astype(np.float64) / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    return linear[..., 0] * 0.2126 + linear[..., 1] * 0.7152 + linear[..., 2] * 0.0722


def _code_longhand(light: np.ndarray) -> np.ndarray:
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_gray_is_the_light_of_the_scene() -> None:
    frame = _random(0, 40, 50, 3)
    np.testing.assert_allclose(luminance(frame), _light_longhand(frame), atol=1e-5)
    assert np.abs(gray(frame) - _code_longhand(_light_longhand(frame))).max() <= 0.6


def test_a_gray_picture_stays_as_it_is() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(gray(ramp)[0], np.arange(256))


def test_pure_red_and_blue_are_not_as_dark_as_their_codes_say() -> None:
    pure = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_array_equal(gray(pure)[0], [127, 76])  # 0.2126 and 0.0722 of white's light, not of its code


def test_any_color_whatever_keeps_the_luminance() -> None:
    frame = _random(1, 64, 64, 3)
    color = np.random.default_rng(2).uniform(0, 255, (64, 64, 2)).astype(np.float32)
    picture = colored(luminance(frame), color)
    off = _code_longhand(_light_longhand(picture)) - _code_longhand(_light_longhand(frame))
    assert np.abs(off).max() < 1.5


def test_its_own_color_gives_a_picture_back() -> None:
    frame = _random(3, 64, 64, 3)
    back = colored(luminance(frame), chroma(frame))
    assert np.quantile(np.abs(back.astype(int) - frame), 0.99) <= 2  # but for a few zeros, where codes are steep
    assert np.abs(back.astype(int) - frame).mean() < 1


def test_no_color_is_gray() -> None:
    frame = _random(4, 32, 32, 3)
    picture = colored(luminance(frame), np.full((32, 32, 2), 128, np.float32))
    assert np.ptp(picture.astype(int), axis=2).max() <= 1
    assert np.abs(picture[..., 0].astype(int) - gray(frame)).max() <= 1


def test_enlarged_color_ends_where_the_light_does() -> None:
    """A red square on blue: bilinear color bleeds over its edge, guided color hardly does."""
    truth = np.zeros((256, 256, 3), np.uint8)
    truth[:] = (60, 80, 200)
    truth[70:187, 70:187] = (220, 90, 60)
    color = chroma(truth)
    small = cv2.resize(color, (64, 64), interpolation=cv2.INTER_AREA)
    guide = gray(truth).astype(np.float32) / 255
    guided = enlarged(small, cv2.resize(guide, (64, 64), interpolation=cv2.INTER_AREA), guide)
    plain = cv2.resize(small, (256, 256), interpolation=cv2.INTER_LINEAR)
    assert np.abs(guided - color).mean() < 0.65 * np.abs(plain - color).mean()


def test_a_recolored_picture_is_as_sharp_as_it_was_at_any_size() -> None:
    frame = cv2.resize(_random(5, 90, 160, 3), (640, 360), interpolation=cv2.INTER_CUBIC)
    picture = recolored(_random(6, 16, 24, 2) // 4 + 96, frame)
    assert picture.shape == frame.shape
    off = _code_longhand(_light_longhand(picture)) - _code_longhand(_light_longhand(frame))
    assert np.abs(off).max() < 1.5


def test_light_beyond_white_is_white() -> None:
    np.testing.assert_array_equal(codes(np.array([-0.1, 0, 1, 7], np.float32)), [0, 0, 255, 255])
