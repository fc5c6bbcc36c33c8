"""Every colour encoding of the table, at any step and byte order, against a picture made by hand."""

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from image_messages import compressed, encode_rvl, header, image

from n3d_ros.errors import BadInputError
from n3d_ros.node.conversions import depth_array, rgb_array
from n3d_ros.node.conversions.colour import ENCODINGS

RED = (200, 40, 90)


def plain(height=8, width=8):
    return np.full((height, width, 3), RED, np.uint8)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [("rgb16", [0, 1, 2]), ("bgr16", [2, 1, 0]), ("rgba16", [0, 1, 2, 0]), ("bgra16", [2, 1, 0, 0])],
)
def test_sixteen_bits_are_scaled_so_that_full_stays_full(encoding, order, padding, big_endian):
    values = np.array([[[0, 257, 65535], [128, 129, 300]]], np.uint16)
    seen = rgb_array(image(values[..., order], encoding, padding, big_endian))
    np.testing.assert_array_equal(seen, [[[0, 1, 255], [0, 1, 1]]])


def test_sixteen_bit_grey_is_colour_where_colour_is_wanted():
    seen = rgb_array(image(np.array([[0, 65535, 25700]], np.uint16), "mono16", big_endian=True))
    np.testing.assert_array_equal(seen, [[[0] * 3, [255] * 3, [100] * 3]])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_mosaic_of_one_colour_is_that_colour(pattern, bits):
    """The pattern names the first two pixels of the first two rows."""
    channels = ["rgb".index(letter) for letter in pattern]
    mosaic = np.tile(np.array(RED)[channels].reshape(2, 2), (4, 4)).astype(f"u{bits // 8}")
    seen = rgb_array(image(mosaic * (1 if bits == 8 else 257), f"bayer_{pattern}{bits}", padding=3))
    np.testing.assert_array_equal(seen, plain())


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize(("encoding", "first"), [("nv12", 1), ("nv21", 2)])
def test_two_planes_give_back_the_colour(encoding, first, padding):
    """OpenCV's own planes of brightness and colour, put in turn as the encoding wants them."""
    planes = cv2.cvtColor(plain(), cv2.COLOR_RGB2YUV_I420)
    blue, red = planes[8:10].reshape(4, 4), planes[10:12].reshape(4, 4)
    pairs = (blue, red) if first == 1 else (red, blue)
    rows = np.concatenate([planes[:8], np.stack(pairs, axis=-1).reshape(4, 8)])
    message = image(rows, "mono8", padding)
    message.encoding, message.height = encoding, 8
    assert np.abs(rgb_array(message).astype(int) - plain()).max() <= 2
    message.data = message.data[: -padding - 1]
    with pytest.raises(BadInputError, match=f"8x8 {encoding}"):
        rgb_array(message)


@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_two_planes_of_an_odd_size_are_named(encoding):
    odd = SimpleNamespace(encoding=encoding, height=3, width=4, step=4, is_bigendian=0, data=bytes(99))
    with pytest.raises(BadInputError, match=f"even numbers for {encoding}, got 4x3"):
        rgb_array(odd)


def test_a_mosaic_of_one_row_is_named():
    with pytest.raises(BadInputError, match="at least 2x2 pixels for bayer_rggb8, got 4x1"):
        rgb_array(image(np.zeros((1, 4), np.uint8), "bayer_rggb8"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_of_the_table_reads_beyond_its_data(encoding):
    short = SimpleNamespace(
        encoding=encoding, height=4, width=4, step=64, is_bigendian=0, data=bytes(64 * 3), header=header()
    )
    with pytest.raises(BadInputError, match="192 bytes"):
        rgb_array(short)


def rvl(pixels):
    height, width = pixels.shape
    return struct.pack("<ii", width, height) + encode_rvl(pixels.ravel().tolist())


def test_rvl_depth_in_millimetres_and_as_inverse_depth():
    raw = np.array([[0, 1000, 1001], [2000, 3000, 0]], np.uint16)
    depth = depth_array(compressed(bytes(12) + rvl(raw), "16UC1; compressedDepth rvl"))
    np.testing.assert_array_equal(depth, np.array([[np.nan, 1.0, 1.001], [2.0, 3.0, np.nan]], np.float32))
    head = struct.pack("<iff", 1, 4000.0, 1000.0)
    depth = depth_array(compressed(head + rvl(raw), "32FC1; compressedDepth rvl"))
    np.testing.assert_allclose(depth, [[np.nan, np.nan, np.nan], [4.0, 2.0, np.nan]], rtol=1e-6)
