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


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_mosaic_that_was_compressed_as_grey_is_in_colour(pattern, bits):
    channels = ["rgb".index(letter) for letter in pattern]
    mosaic = np.tile(np.array(RED)[channels].reshape(2, 2), (4, 4)).astype(f"u{bits // 8}")
    data = cv2.imencode(".png", mosaic * (1 if bits == 8 else 257))[1].tobytes()
    seen = rgb_array(compressed(data, f"bayer_{pattern}{bits}; png compressed "))
    np.testing.assert_array_equal(seen, plain())
    in_colour = cv2.imencode(".png", plain()[..., ::-1])[1].tobytes()
    converted = compressed(in_colour, f"bayer_{pattern}{bits}; png compressed bgr8")
    np.testing.assert_array_equal(rgb_array(converted), plain())


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


def nv24(y, colours, step):
    """V4L2's NV24: rows of brightness step bytes apart, rows of blue and red difference twice as far."""
    rows = [row.tobytes().ljust(step, b"\xee") for row in y]
    rows += [row.tobytes().ljust(2 * step, b"\xee") for row in colours]
    height, width = y.shape
    return SimpleNamespace(
        encoding="nv24", height=height, width=width, step=step, is_bigendian=0, data=b"".join(rows)
    )


@pytest.mark.parametrize("step", [3, 7])
def test_nv24_has_the_colours_of_each_pixel(step):
    """Against ITU-R BT.601 as OpenCV's nv12 has it: 1.164 (Y - 16), 1.596, 0.813, 0.391, 2.018."""
    random = np.random.default_rng(4)
    y, colours = random.integers(16, 236, (5, 3)), random.integers(90, 166, (5, 3, 2))
    u, v, light = colours[..., 0] - 128.0, colours[..., 1] - 128.0, 1.164 * (y - 16.0)
    wanted = np.stack([light + 1.596 * v, light - 0.391 * u - 0.813 * v, light + 2.018 * u], axis=-1)
    seen = rgb_array(nv24(y.astype(np.uint8), colours.astype(np.uint8), step))
    assert np.abs(seen - np.clip(wanted, 0, 255)).max() <= 1


def test_nv24_of_one_colour_in_two_by_two_pixels_is_nv12():
    y = np.arange(16, 80, dtype=np.uint8).reshape(8, 8)
    few = np.arange(100, 132, dtype=np.uint8).reshape(4, 4, 2)
    half = image(np.concatenate([y, few.reshape(4, 8)]), "mono8")
    half.encoding, half.height = "nv12", 8
    np.testing.assert_array_equal(rgb_array(nv24(y, few.repeat(2, 0).repeat(2, 1), 8)), rgb_array(half))


@pytest.mark.parametrize(("encoding", "bytes_each"), [("nv12", 1.5), ("nv21", 1.5), ("nv24", 3)])
def test_the_step_of_all_planes_is_the_step_of_one(encoding, bytes_each):
    """sensor_msgs/Image: data has step * rows bytes. V4L2: bytes of a row of the first plane."""
    data = np.random.default_rng(5).integers(0, 256, int(16 * bytes_each), np.uint8).tobytes()
    message = SimpleNamespace(encoding=encoding, height=4, width=4, step=4, is_bigendian=0, data=data)
    of_one = rgb_array(message)
    message.step = int(4 * bytes_each)
    np.testing.assert_array_equal(rgb_array(message), of_one)
    message.data = data[:-1]
    with pytest.raises(BadInputError, match=f"4x4 {encoding}"):
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
