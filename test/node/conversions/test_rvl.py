"""RVL by the paper: known bytes, every picture back, damaged data refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_messages import encode_rvl

from n3d_ros.node.conversions.rvl import decode_rvl


def test_known_bytes():
    """Two zeros, three others: 5, 4, 12 differ by 5, -1, 8, zigzag 10, 1, 16, in nibbles 2 3 a1 1 82."""
    assert decode_rvl(struct.pack("<I", 0x23A11820) + struct.pack("<I", 0), 5).tolist() == [0, 0, 5, 4, 12]


@given(st.lists(st.integers(0, 65535) | st.sampled_from([0, 1, 1000, 1001]), min_size=1, max_size=60))
def test_every_picture_comes_back(pixels):
    assert decode_rvl(encode_rvl(pixels), len(pixels)).tolist() == pixels


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "got 0"),
        (encode_rvl([5, 6, 7])[:2], "got 0"),
        (encode_rvl([0] * 9), "ends at 9"),
        (bytes(8), "run of 0 zeros and 0 others"),
        (b"\xff" * 8 + bytes(4), "of 17 nibbles"),
    ],
)
def test_damaged_data_is_refused(data, named):
    with pytest.raises(ValueError, match=named):
        decode_rvl(data, 8)


@given(st.binary(max_size=40), st.integers(1, 50))
def test_any_bytes_give_a_picture_or_a_refusal(data, num_pixels):
    try:
        assert decode_rvl(data, num_pixels).shape == (num_pixels,)
    except ValueError as error:
        assert "RVL data: expected" in str(error)
