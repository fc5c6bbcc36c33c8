"""Image messages become arrays whatever their stride, byte order and encoding, or a typed error."""

import io
import math
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from image_messages import compressed, header, image
from PIL import Image

from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions import (
    depth_array,
    fill_image,
    fill_jpeg,
    intrinsics_of,
    observation,
    raw_image,
    rgb_array,
    stamp_ns,
)

PICTURE = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)


def info(fx=400.0, fy=400.0, width=2, height=2):
    cx, cy = max((width - 1) / 2, 0.5), max((height - 1) / 2, 0.5)
    return SimpleNamespace(k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], width=width, height=height)


def refused(code, function, *arguments):
    with pytest.raises(N3DError) as caught:
        function(*arguments)
    assert caught.value.code == code
    return caught.value.message


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", PICTURE),
        ("bgr8", PICTURE[..., ::-1]),
        ("8UC3", PICTURE[..., ::-1]),
        ("rgba8", np.dstack([PICTURE, np.full((2, 2), 7, np.uint8)])),
        ("bgra8", np.dstack([PICTURE[..., ::-1], np.full((2, 2), 7, np.uint8)])),
    ],
)
def test_colour_encodings_give_the_same_rgb(encoding, pixels, padding):
    converted = rgb_array(image(pixels, encoding, padding))
    np.testing.assert_array_equal(converted, PICTURE)
    assert converted.flags["C_CONTIGUOUS"]


def test_grey_becomes_three_equal_channels():
    np.testing.assert_array_equal(
        rgb_array(image(PICTURE[..., 0], "mono8", 3)), np.dstack([PICTURE[..., 0]] * 3)
    )


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("yuv422", [[128, 50, 128, 200]]),
        ("uyvy", [[128, 50, 128, 200]]),
        ("yuv422_yuy2", [[50, 128, 200, 128]]),
        ("yuyv", [[50, 128, 200, 128]]),
    ],
)
def test_yuv422_with_neutral_colour_is_grey(encoding, pixels):
    converted = rgb_array(image(np.array(pixels, np.uint8).reshape(1, 2, 2), encoding))
    assert (np.ptp(converted, axis=2) <= 1).all()
    assert converted[0, 0, 0] < converted[0, 1, 0]


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 6])
def test_depth_of_either_byte_order_is_metres(big_endian, padding):
    millimetres = np.array([[0, 1], [1000, 65535]], np.uint16)
    depth = depth_array(image(millimetres, "16UC1", padding, big_endian))
    np.testing.assert_array_equal(depth, np.array([[np.nan, 0.001], [1.0, np.nan]], np.float32))
    metres = np.array([[np.nan, -1.0], [np.inf, 2.5]], np.float32)
    depth = depth_array(image(metres, "32FC1", padding, big_endian))
    np.testing.assert_array_equal(depth, np.array([[np.nan, np.nan], [np.nan, 2.5]], np.float32))


def test_depth_outside_the_limits_is_no_depth_and_the_scale_can_be_set():
    depth = depth_array(image(np.array([[1, 2, 3, 4]], np.uint16), "mono16"), 1.0, 2.0, 3.0)
    np.testing.assert_array_equal(depth, np.array([[np.nan, 2.0, 3.0, np.nan]], np.float32))


def test_uncompressed_data_is_not_copied():
    message = image(PICTURE, "rgb8")
    assert np.shares_memory(raw_image(message), np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(("suffix", "name"), [(".png", "rgb8; png compressed bgr8"), (".jpg", "jpeg")])
def test_compressed_colour(suffix, name):
    picture = np.full((8, 8, 3), (200, 30, 30), np.uint8)
    data = cv2.imencode(suffix, picture[..., ::-1])[1].tobytes()
    assert np.abs(rgb_array(compressed(data, name)).astype(int) - picture).max() <= 5


def test_an_exif_orientation_turns_no_compressed_picture_away_from_its_camera_info():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    Image.new("L", (24, 16), 80).save(data, "JPEG", exif=exif)
    assert rgb_array(compressed(data.getvalue(), "jpeg")).shape == (16, 24, 3)


def test_compressed_depth_in_millimetres_and_as_inverse_depth():
    raw = np.array([[0, 1000], [2000, 3000]], np.uint16)
    png = cv2.imencode(".png", raw)[1].tobytes()
    depth = depth_array(compressed(bytes(12) + png, "16UC1; compressedDepth png"))
    np.testing.assert_array_equal(depth, np.array([[np.nan, 1.0], [2.0, 3.0]], np.float32))
    quantised = depth_array(compressed(struct.pack("<iff", 0, 4000.0, 0.0) + png, "32FC1; compressedDepth"))
    np.testing.assert_allclose(quantised, [[np.nan, 4.0], [2.0, 4 / 3]], rtol=1e-6)


MILLIMETRES_PNG = cv2.imencode(".png", np.array([[0, 1000], [2000, 3000]], np.uint16))[1].tobytes()


NO_HEADER, NOTHING_QUANTISED, QUANTISED = b"", bytes(12), struct.pack("<iff", 0, 4000.0, 0.0)
# a and b as a release that did not set them sent them.
NEVER_SET = b"\x00\x00\x00\x00\x88\x9c\x5c\xaa\x00\x40\x4b\xb7"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (NOTHING_QUANTISED, "16UC1; compressedDepth"),
        (NOTHING_QUANTISED, "mono16; compressedDepth png"),
        (NEVER_SET, "16UC1; compressedDepth"),
        (NOTHING_QUANTISED, "compressedDepth"),
        (NOTHING_QUANTISED, "compressedDepth png"),
        (NO_HEADER, "16UC1; png compressed "),
        (NO_HEADER, "mono16; png compressed mono16"),
        (NO_HEADER, "png"),
    ],
)
def test_compressed_depth_whose_encoding_is_known_is_in_millimetres(head, name):
    depth = depth_array(compressed(head + MILLIMETRES_PNG, name))
    np.testing.assert_array_equal(depth, np.array([[np.nan, 1.0], [2.0, 3.0]], np.float32))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (QUANTISED, "compressedDepth"),
        (QUANTISED, "compressedDepth png"),
        (struct.pack("<iff", 0, 0.0, 1.0), "compressedDepth"),
        (NO_HEADER, "compressedDepth"),
        (QUANTISED, "64FC1; compressedDepth png"),
        (NOTHING_QUANTISED, "16SC1; compressedDepth png"),
        (QUANTISED, "32fc1; compressedDepth png"),
        (QUANTISED, "32SC1; compressedDepth rvl"),
        (NOTHING_QUANTISED, "; compressedDepth png"),
        (NOTHING_QUANTISED, "compressedDepth rvl"),
        (NO_HEADER, "32FC1; png compressed"),
        (NO_HEADER, "16SC1; png compressed"),
        (NO_HEADER, "; png compressed"),
        (NO_HEADER, ""),
    ],
)
def test_compressed_depth_of_another_encoding_is_refused_and_not_taken_for_millimetres(head, name):
    text = refused(ResultCode.BAD_INPUT, depth_array, compressed(head + MILLIMETRES_PNG, name))
    assert "expected a format that begins with 16UC1, mono16 or 32FC1" in text
    assert text.endswith(f"got '{name}'")


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (image(PICTURE, "nv42"), "nv42"),
        (image(np.zeros((2, 2), np.uint16), "16UC1"), "16UC1"),
        (compressed(b"garbage", "jpeg"), "7 bytes"),
        (compressed(b"", "jpeg"), "0 bytes"),
    ],
)
def test_unusable_colour_is_named(message, named):
    text = refused(ResultCode.BAD_INPUT, rgb_array, message)
    assert "expected" in text
    assert named in text


def test_odd_yuv_and_short_data_are_named():
    assert "even" in refused(ResultCode.BAD_INPUT, rgb_array, image(np.zeros((1, 3, 2), np.uint8), "uyvy"))
    short = image(PICTURE, "rgb8")
    short.data = short.data[:-1]
    assert "11 bytes" in refused(ResultCode.BAD_INPUT, rgb_array, short)
    narrow = image(PICTURE, "rgb8")
    narrow.step = 5
    assert "step 5" in refused(ResultCode.BAD_INPUT, rgb_array, narrow)
    empty = image(PICTURE, "rgb8")
    empty.width = 0
    assert "0x2" in refused(ResultCode.BAD_INPUT, rgb_array, empty)


@pytest.mark.parametrize(
    ("message", "code", "named"),
    [
        (image(np.zeros((2, 2), np.int16), "16SC1"), ResultCode.BAD_INPUT, "16SC1"),
        (image(PICTURE, "rgb8"), ResultCode.BAD_INPUT, "rgb8"),
        (image(np.zeros((2, 2), np.uint16), "16UC1"), ResultCode.NO_DEPTH, "none of 4"),
        (image(np.full((2, 2), 900.0, np.float32), "32FC1"), ResultCode.BAD_INPUT, "millimetres"),
        (compressed(b"x", "16UC1; compressedDepth jpeg"), ResultCode.BAD_INPUT, "JPEG destroys"),
        (compressed(b"x" * 40, "16UC1; compressedDepth rvl"), ResultCode.BAD_INPUT, "megapixels"),
        (compressed(b"x" * 15, "16UC1; compressedDepth rvl"), ResultCode.BAD_INPUT, "3 bytes"),
        (compressed(b"x" * 12, "16UC1; compressedDepth png"), ResultCode.BAD_INPUT, "got 12 in all"),
        (
            compressed(bytes(12) + struct.pack("<ii", 2, 2) + bytes(4), "16UC1; compressedDepth rvl"),
            ResultCode.BAD_INPUT,
            "expected 4 pixels",
        ),
        (compressed(b"x" * 40, "16UC1; compressedDepth png"), ResultCode.BAD_INPUT, "no picture"),
    ],
)
def test_unusable_depth_is_named(message, code, named):
    assert named in refused(code, depth_array, message)


def test_intrinsics_follow_the_pictures_size():
    own = intrinsics_of(info(width=640, height=480), 640, 480)
    assert (own.fx, own.width) == (400.0, 640)
    half = intrinsics_of(info(width=640, height=480), 320, 240)
    assert (half.fx, half.cx, half.width) == (200.0, 159.5, 320)  # (319.5 + 0.5) / 2 - 0.5
    without_sizes = SimpleNamespace(k=info(width=320, height=240).k, width=0, height=0)
    assert intrinsics_of(without_sizes, 320, 240).width == 320


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
def test_a_focal_length_that_is_none_is_named(focal):
    assert f"fx={focal:g}" in refused(ResultCode.BAD_INPUT, intrinsics_of, info(fx=focal), 2, 2)


def test_a_camera_info_of_another_shape_is_named():
    text = refused(ResultCode.BAD_INPUT, intrinsics_of, info(width=640, height=360), 640, 480)
    assert "640x480" in text
    assert "640x360" in text


def test_an_observation_takes_stamp_and_frame_from_the_colour_image():
    depth = image(np.full((2, 2), 1000, np.uint16), "16UC1")
    depth.header = header(sec=9)
    seen = observation(image(PICTURE, "rgb8"), depth, info())
    assert (seen.stamp_ns, seen.frame_id) == (3_000_000_005, "optical")
    assert stamp_ns(header().stamp) == 3_000_000_005


def test_a_rectified_picture_is_seen_through_p():
    depth = image(np.full((2, 2), 1000, np.uint16), "16UC1")
    rectified = info()
    rectified.p = [410.0, 0.0, 0.5, 0.0, 0.0, 410.0, 0.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert observation(image(PICTURE, "rgb8"), depth, rectified, kind="rectified").intrinsics.fx == 410.0
    assert observation(image(PICTURE, "rgb8"), depth, rectified, kind="raw").intrinsics.fx == 400.0
    with pytest.raises(BadInputError, match="set rgb.picture to raw"):
        observation(image(PICTURE, "rgb8"), depth, rectified)


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (PICTURE, "rgb8"),
        (np.array([[1, 500]], np.uint16), "16UC1"),
        (np.array([[1.5, np.nan]], np.float32), "32FC1"),
    ],
)
def test_what_is_written_reads_back(pixels, encoding):
    message = fill_image(SimpleNamespace(), pixels, encoding)
    assert isinstance(message.data, bytes)
    np.testing.assert_array_equal(raw_image(message), pixels)


def test_writing_the_wrong_shape_is_an_error():
    with pytest.raises(ValueError, match="rgb8"):
        fill_image(SimpleNamespace(), PICTURE.astype(np.uint16), "rgb8")


@pytest.mark.parametrize("size", [(65535, 65535), (40000, 40000), (12000, 12000)])
def test_a_compressed_picture_of_absurd_size_is_refused_by_its_header(size):
    width, height = size
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    png += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    for read, data, format in (
        (rgb_array, png, "rgb8; png compressed bgr8"),
        (depth_array, bytes(12) + png, "16UC1; compressedDepth png"),
        (depth_array, png, "png"),
    ):
        with pytest.raises(BadInputError, match=r"at most 64 megapixels|decompression bomb"):
            read(SimpleNamespace(format=format, data=data))


def test_a_jpeg_has_the_colours_of_the_picture():
    red = np.full((16, 16, 3), (255, 0, 0), np.uint8)
    made = fill_jpeg(SimpleNamespace(), red)
    assert (made.format, made.data[:3]) == ("rgb8; jpeg compressed bgr8", b"\xff\xd8\xff")
    assert np.abs(rgb_array(made).astype(int) - red).max() < 4


def test_what_jpeg_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="JPEG: expected sides up to 65500 pixels, got 65501x1"):
        fill_jpeg(SimpleNamespace(), np.zeros((1, 65501, 3), np.uint8))


def test_a_camera_that_is_known_goes_before_the_info():
    depth = image(np.ones((2, 2), np.float32), "32FC1")
    known = Intrinsics(3.0, 3.0, 0.5, 0.5, 2, 2)
    assert observation(image(PICTURE, "rgb8"), depth, known).intrinsics is known
