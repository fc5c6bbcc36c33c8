"""Light becomes a picture: exposure, colour of the light, noise and JPEG by their numbers."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim.capture import CAPTURES, Capture
from n3d_ros.sim.capture.develop import (
    LUMINANCE,
    compressed,
    light_gains,
    to_light,
    to_picture,
    with_noise,
)

GREYS = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)


def test_a_picture_comes_back_from_its_light_and_what_is_brighter_than_white_burns_out():
    assert np.array_equal(to_picture(to_light(GREYS)), GREYS)
    assert to_picture(np.array([[[-0.1, 0.5, 3.0]]], np.float32)).tolist() == [[[0, 186, 255]]]


def test_daylight_changes_no_colour_warm_light_is_red_and_cold_light_blue():
    assert light_gains(6500.0) == pytest.approx([1, 1, 1], abs=1e-6)
    warm, cold = light_gains(4500.0), light_gains(9000.0)
    assert warm[0] > 1.1 > warm[1] > warm[2] and warm[2] < 0.8
    assert cold[0] < 1 < cold[2] and cold[0] < cold[1] < cold[2]
    assert LUMINANCE @ warm == pytest.approx(1.0) == LUMINANCE @ cold


@pytest.mark.parametrize(("level", "expected"), [(0.0, 0.01), (0.5, 0.0332)])
def test_noise_has_a_part_that_is_always_there_and_one_that_grows_with_light(level, expected):
    """sqrt(0.002 * 0.5 + 0.01^2) = 0.0332."""
    light = np.full((200, 200, 3), level, np.float32)
    noisy = with_noise(light, 0.002, 0.01, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(expected, rel=0.03)
    assert noisy.mean() == pytest.approx(level, abs=5e-4)
    assert np.array_equal(noisy, with_noise(light, 0.002, 0.01, np.random.default_rng(0)))


def test_jpeg_keeps_channels_apart_and_loses_more_at_lower_quality():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    error = [np.abs(compressed(picture, quality).astype(int) - picture).mean() for quality in (95, 60, 20)]
    assert error[0] < error[1] < error[2]
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    assert compressed(red, 95)[8, 8] == pytest.approx([200, 0, 0], abs=6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"exposure_ev": (1.0, 0.0)}, "exposure_ev expected lowest <= highest, got 1.0 and 0.0"),
        ({"temperature_k": (10.0, 20.0)}, "temperature_k expected at least 1000, got 10.0"),
        ({"num_exposures": 0}, "num_exposures expected at least 1, got 0"),
        ({"jpeg_quality": 101}, "jpeg_quality expected within 1..100, got 101"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Capture(**wrong)


def test_there_are_clean_pictures_blurred_ones_dark_ones_and_compressed_ones():
    assert {"clean", "handheld", "evening", "webcam"} <= set(CAPTURES)
    assert CAPTURES["clean"] == Capture()
