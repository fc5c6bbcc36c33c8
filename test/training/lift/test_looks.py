"""The same picture is known again; another one is not."""

import cv2
import numpy as np

from n3d_ros.training.lift.looks import look_of


def bits_apart(a, b):
    return bin(int(a, 16) ^ int(b, 16)).count("1")


def scene(seed):
    """A smooth picture: blurred noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)


def test_a_bit_is_one_where_the_right_neighbour_is_brighter():
    grey = np.zeros((8, 9, 3), np.uint8)
    grey[0] = np.arange(9)[:, None] * 10  # brighter to the right: eight ones
    grey[1, 1] = 200  # one step up
    assert look_of(grey) == "ff80" + "0" * 12


def test_scaling_and_compression_change_few_bits():
    rgb = scene(0)
    _, jpeg = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 60])
    stored_otherwise = cv2.resize(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), (333, 250))
    assert bits_apart(look_of(rgb), look_of(stored_otherwise)) <= 3


def test_other_pictures_differ_in_many_bits():
    looks = [look_of(scene(seed)) for seed in range(8)]
    assert min(bits_apart(a, b) for i, a in enumerate(looks) for b in looks[:i]) >= 12
