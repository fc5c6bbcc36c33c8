"""The numbers of the evidence are rounded as numpy rounds them, to the bit."""

import math
import struct

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.protocol import evidence


def bits(value):
    return struct.pack("d", value)


def test_centres_are_rounded_as_numpy_does_and_zeros_keep_their_sign():
    rng = np.random.default_rng(5)
    halves = np.arange(-3000, 3000) / 1000 + 0.005
    values = np.concatenate(
        [halves, rng.uniform(-20, 20, 20000), rng.normal(0, 1e9, 2000), [0.0, -0.0, 2.675]]
    )
    for value, wanted in zip(values.tolist(), values.round(2).tolist(), strict=True):
        assert bits(evidence._round_numpy(value)) == bits(wanted), value


@pytest.mark.parametrize("value", [1e12, -1e15, 1.7e308, math.inf, -math.inf])
def test_numbers_too_large_for_pythons_way_are_rounded_too(value):
    with np.errstate(over="ignore"):
        assert bits(evidence._round_numpy(value)) == bits(float(np.float64(value).round(2)))
    assert math.isnan(evidence._round_numpy(math.nan))


def test_a_small_centre_to_the_right_is_minus_zero_in_the_checkpoint_frame():
    x, y, *rest = evidence.box_3d(Box3D("mug", (0.004, -0.004, 1.0), (0.1, 0.125, 0.135)))
    assert (bits(x), bits(y)) == (bits(-0.0), bits(0.0))
    assert rest == [1.0, 0.1, 0.12, 0.14]
