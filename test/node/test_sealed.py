"""Pictures stay serialised until they are used: what is read of them before is what the message says."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")

from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from n3d_ros.node.inputs.sealed import RawPicture, Sealed, opened

pytestmark = pytest.mark.ros
FIELDS = tuple(Image.get_fields_and_field_types())
FRAMES = ["", "a", "camera_color_optical_frame", "odd", "four", "Kämera"]


def picture(kind, frame, encoding="16UC1"):
    message = kind(data=bytes(range(12)))
    message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000, 999_999_999
    message.header.frame_id = frame
    if kind is Image:
        message.height, message.width, message.step, message.encoding = 2, 3, 6, encoding
    else:
        message.format = encoding
    return message


def fields(message):
    names = FIELDS if isinstance(message, RawPicture) else message.get_fields_and_field_types()
    found = {name: getattr(message, name) for name in names}
    return {**found, "data": bytes(found["data"])}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("encoding", ["", "rgb8", "16UC1; compressedDepth png"])
@pytest.mark.parametrize("kind", [Image, CompressedImage])
@pytest.mark.parametrize("held_as", [bytes, memoryview])
def test_header_and_encoding_are_the_messages(held_as, kind, frame, encoding):
    message = picture(kind, frame, encoding)
    sealed = Sealed(held_as(serialize_message(message)), kind)
    assert (sealed.header, sealed.encoding) == (message.header, encoding)
    assert opened(message) is message
    assert fields(opened(sealed)) == fields(message)


@pytest.mark.parametrize("kind", [Image, CompressedImage])
def test_text_that_is_no_utf8_is_read_as_rclpy_reads_it(kind):
    raw = serialize_message(picture(kind, "camera", "16UC1")).replace(b"camera", b"cam\xe9r\xff")
    message, sealed = deserialize_message(raw, kind), Sealed(raw, kind)
    assert sealed.header == message.header == Header(stamp=message.header.stamp, frame_id="cam\ufffdr\ufffd")


def test_big_endian_bytes_are_read_as_such():
    raw = (
        b"\0\0\0\0" + (7).to_bytes(4, "big") + (8).to_bytes(4, "big") + (2).to_bytes(4, "big") + b"a\0\0\0"
        b"\0\0\0\x02\0\0\0\x03" + (5).to_bytes(4, "big") + b"rgb8\0"
        b"\1\0\0" + (9).to_bytes(4, "big") + (5).to_bytes(4, "big") + b"pixel"
    )  # fmt: skip
    sealed = Sealed(raw, Image)
    opened_picture = sealed.open()
    assert (opened_picture.height, opened_picture.width, opened_picture.is_bigendian) == (2, 3, 1)
    assert (opened_picture.step, bytes(opened_picture.data)) == (9, b"pixel")
    stamp = sealed.header.stamp
    assert (stamp.sec, stamp.nanosec, sealed.header.frame_id, sealed.encoding) == (7, 8, "a", "rgb8")


def test_pixels_are_not_copied():
    raw = serialize_message(picture(Image, "camera"))
    data = np.frombuffer(Sealed(raw, Image).open().data, np.uint8)
    assert np.shares_memory(data, np.frombuffer(raw, np.uint8)) and data.tolist() == list(range(12))


def with_other_padding(message):
    """Its bytes, with another byte between the frame's name and what follows; "camera" leaves one there."""
    raw = bytearray(serialize_message(message))
    place = raw.index(b"camera\0") + len(b"camera\0")
    assert place % 4 == 3
    raw[place] ^= 0xFF
    return bytes(raw)


@pytest.mark.parametrize("kind", [Image, CompressedImage])
def test_what_stands_between_the_fields_makes_no_other_message(kind):
    message = picture(kind, "camera")
    sealed, same = Sealed(serialize_message(message), kind), Sealed(with_other_padding(message), kind)
    message.data = bytes(12)
    other = Sealed(with_other_padding(message), kind)
    assert sealed == same and sealed != other


def test_messages_without_pixels_are_the_same_by_their_bytes():
    whole = serialize_message(picture(Image, "camera"))
    end = whole.index(b"16UC1") + 8
    sealed, same, other = (Sealed(whole[:size], Image) for size in (end, end, end - 1))
    assert sealed == same and sealed != other


def test_what_ends_before_its_pixels_is_refused_once_it_is_used():
    whole = serialize_message(picture(Image, "camera", "rgb8"))
    sealed = Sealed(whole[: whole.index(b"rgb8") + 8], Image)
    with pytest.raises(ValueError, match="expected an Image"):
        sealed.open()


@pytest.mark.parametrize("size", [0, 1, 4, 11, 15, 20, 40])
def test_bytes_that_end_too_early_are_refused(size):
    whole = serialize_message(picture(Image, "camera"))
    with pytest.raises(ValueError, match=f"expected a Image, got {size} bytes"):
        Sealed(whole[:size], Image)
